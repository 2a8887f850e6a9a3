import Canonical
import EventLoop
import Glibc
import Host
import OpenExec
import Sandbox

/// The executor.
@main
struct Program {
  static let version = "0.1.0"
  static let usage = """
    openexec: runs exactly what was approved, once, in a fresh microVM

    usage: openexec run --config FILE             runs until SIGTERM
           openexec begin --config FILE           lets the next start begin a new nonce registry: once,
                                                  for an incarnation that was just enrolled
           openexec preflight --config FILE [--json] which isolation classes this host offers, and why not;
                                                  whether the executor is COMPLIANT, and what is off
           openexec conformance --runtime NAME --images DIR [--json]
                                                  proves a containerd runtime on this host, case by case
           openexec vault init|add|list|remove --config FILE …  the secrets that runs get
           openexec --version | --help

    Logs go to standard error, a line of JSON an event.
    exit codes: 0 stopped as asked, 1 a fault (see the last line), 2 usage or configuration
    """

  static func main() {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let asksForHelp = arguments.contains { $0 == "--help" || $0 == "-h" }
    switch arguments.first {
    case "help", "--help", "-h": print(usage)
    case "vault" where asksForHelp: print(VaultCommands.usage)
    case "run" where asksForHelp, "begin" where asksForHelp, "preflight" where asksForHelp: print(usage)
    case "--version": print("openexec \(version)")
    case "run" where arguments.count == 3 && arguments[1] == "--config": run(arguments[2])
    case "begin" where arguments.count == 3 && arguments[1] == "--config": begin(arguments[2])
    case "preflight"
    where arguments.count >= 3 && arguments[1] == "--config"
      && (arguments.count == 3 || Array(arguments[3...]) == ["--json"]):
      preflight(arguments[2], json: arguments.count > 3)
    case "conformance": conformance(Array(arguments.dropFirst()))
    case "vault": VaultCommands.run(Array(arguments.dropFirst()))
    case "run", "begin", "preflight":
      fail("expected: openexec \(arguments[0]) --config FILE; see openexec --help", code: 2)
    case .none:
      print(usage)
      exit(2)
    case .some(let word): fail("there is no command \(word); see openexec --help", code: 2)
    }
  }

  private static func configuration(_ path: String) -> ExecutorConfiguration {
    do {
      return try ExecutorConfiguration(file: path)
    } catch {
      fail("\(error)", code: 2)
    }
  }

  private static func run(_ path: String) {
    let configuration = configuration(path)
    do {
      try SignalSet.termination.block()
      let thread = try LoopThread(name: "openexec") { loop in
        let station = try ExecutorStation(configuration: configuration, loop: loop)
        try loop.onSignals(.termination) { _ in station.stop() }
        try station.start()
      }
      try thread.join()
    } catch {
      fail("\(error)", code: 1)
    }
  }

  private static func begin(_ path: String) {
    let configuration = configuration(path)
    do {
      try BeginMark.write(configuration)
      print(
        "\(configuration.executor.path) begins incarnation \(configuration.incarnation) at its next start")
    } catch {
      fail("\(error)", code: 1)
    }
  }

  private static func preflight(_ path: String, json: Bool) {
    let configuration = configuration(path)
    do {
      let thread = try LoopThread(name: "preflight") { loop in
        let hosts = try configuration.hosts(
          on: loop, folder: configuration.data + "/preflight", tasks: configuration.tasks + "-preflight")
        hosts.preflight { report in
          // Whether it can be had now is not tried: an executor that runs has it.
          let findings = HostProbe.findings(
            report, configuration, healthFault: configuration.health == nil ? HealthPort.unconfigured : nil)
          let readiness = Readiness(findings)
          print(
            json
              ? PreflightJSON.text(report, hosts.images, readiness)
              : [report.table, report.table(of: hosts.images), readiness.table]
                .filter { !$0.isEmpty }.joined(separator: "\n\n"))
          withExtendedLifetime(hosts) {}
          loop.stop()
        }
      }
      try thread.join()
    } catch {
      fail("\(error)", code: 1)
    }
  }

  private static func conformance(_ arguments: [String]) {
    if arguments.contains(where: { $0 == "--help" || $0 == "-h" }) {
      print(ConformanceReport.syntax.help(program: "openexec"))
      return
    }
    do {
      exit(try ConformanceReport.run(arguments))
    } catch let error as UsageError {
      fail("\(error)", code: 2)
    } catch {
      fail("\(error)", code: 1)
    }
  }

  static func fail(_ message: String, code: Int32) -> Never {
    var line = Array("openexec: \(message)\n".utf8)
    line.withUnsafeMutableBytes { _ = write(2, $0.baseAddress, $0.count) }
    exit(code)
  }
}
