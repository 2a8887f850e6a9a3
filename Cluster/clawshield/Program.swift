import EventLoop
import Glibc
import Host
import Records
import Synchronization

/// The governance node.
@main
struct Program {
  static let version = "0.1.0"
  static let usage = """
    clawshield: one party's governance node

    usage: clawshield run --config FILE   runs the node until SIGTERM
           clawshield approve --config FILE --share FILE KEY
                                          takes a share that was made for another cluster over, for a ledger
                                          that goes on under its key (claw recover key writes KEY), and prints
                                          this party's approval
           clawshield --version
           clawshield --help

    The node generates its share of the cluster's key with its peers before anything else, where its
    store is empty. Logs go to standard error, a line of JSON an event.
    exit codes: 0 stopped as asked, 1 a fault (see the line "fatal"), 2 usage or configuration
    """

  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    if arguments.first == "help" || arguments.contains(where: ["--help", "-h"].contains) {
      print(usage)
      return
    }
    switch arguments.first {
    case "--version": print("clawshield \(version)")
    case "run":
      guard arguments.count == 3, arguments[1] == "--config" else {
        fail("expected: clawshield run --config FILE", code: 2)
      }
      run(configuration: arguments[2])
    case "approve":
      guard arguments.count == 6, arguments[1] == "--config", arguments[3] == "--share" else {
        fail("expected: clawshield approve --config FILE --share FILE KEY", code: 2)
      }
      do {
        print(
          try ContinuationApproval.make(
            configuration: arguments[2], share: arguments[4], key: arguments[5]))
      } catch {
        fail("\(error)", code: 1)
      }
    case .none:
      print(usage)
      exit(2)
    case .some(let word): fail("there is no command \(word); see clawshield --help", code: 2)
    }
  }

  private static func run(configuration path: String) {
    let configuration: NodeConfiguration
    do {
      configuration = try NodeConfiguration(file: path)
    } catch {
      fail("\(error)", code: 2)
    }
    do {
      try SignalSet.termination.block()
      let hasFailed = Mutex(false)
      let thread = try LoopThread(name: "clawshield") { loop in
        let station = try Station(configuration: configuration, loop: loop)
        station.onFailure = { hasFailed.withLock { $0 = true } }
        try loop.onSignals(.termination) { _ in station.stop() }
        try station.start()
      }
      try thread.join()
      // The log has said why.
      if hasFailed.withLock({ $0 }) { exit(1) }
    } catch {
      fail("\(error)", code: 1)
    }
  }

  private static func fail(_ message: String, code: Int32) -> Never {
    var line = Array("clawshield: \(message)\n".utf8)
    line.withUnsafeMutableBytes { _ = write(2, $0.baseAddress, $0.count) }
    exit(code)
  }
}
