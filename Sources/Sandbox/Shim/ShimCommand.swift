import CSystem
import EventLoop
import Glibc

/// One call of a shim's program, `start` or `delete`: what it printed, within a deadline. Confined to its loop, and
/// kept alive by it until it has told its end, once.
final class ShimCommand {
  /// How a shim is called.
  struct Call {
    var program: String
    var namespace: String
    var id: String
    /// Its working folder.
    var bundle: String
    /// Where it tells events.
    var events: String
  }

  enum Action: String {
    case start
    case delete
  }

  private let loop: EventLoop
  private let told: (Result<[UInt8], ShimError>) -> Void
  private var output: [UInt8] = []
  private var complaint: [UInt8] = []
  private var descriptors: [Int32] = []
  private var watches: [EventLoop.WatchID?] = []
  private var timer: TimerID?
  private var child: ChildID?
  private var isLate = false
  private let what: String

  private init(_ loop: EventLoop, _ what: String, _ told: @escaping (Result<[UInt8], ShimError>) -> Void) {
    (self.loop, self.what, self.told) = (loop, what, told)
  }

  /// Runs it; `told` is called later, on the loop. `input` is what it reads on standard input.
  @discardableResult
  static func run(
    _ action: Action, _ call: Call, input: [UInt8] = [], seconds: Int64, on loop: EventLoop,
    told: @escaping (Result<[UInt8], ShimError>) -> Void
  ) -> ShimCommand {
    let command = ShimCommand(loop, "\(action.rawValue)", told)
    do {
      try command.begin(plan(action, call), input: input, seconds: seconds)
    } catch {
      command.letGo()
      loop.atEndOfTurn { told(.failure(.bootstrap("\(call.program) \(action.rawValue): \(error)"))) }
    }
    return command
  }

  /// Ends it; its end is told like any other.
  func stop() {
    if let child { loop.signal(child, SIGKILL) }
  }

  private static func plan(_ action: Action, _ call: Call) -> SpawnPlan {
    var arguments = [
      call.program, "-namespace", call.namespace, "-address", call.events, "-publish-binary", "/bin/true",
      "-id",
      call.id,
    ]
    if action == .delete { arguments += ["-bundle", call.bundle] }
    var plan = SpawnPlan(path: call.program, arguments: arguments + [action.rawValue])
    plan.environment = [
      RuntimeName.searchPath, "TTRPC_ADDRESS=\(call.events)", "NAMESPACE=\(call.namespace)",
      "MAX_SHIM_VERSION=3",
    ]
    plan.directory = call.bundle
    plan.newSession = true
    plan.deathSignal = SIGKILL
    return plan
  }

  private func begin(_ planned: SpawnPlan, input: [UInt8], seconds: Int64) throws {
    var plan = planned
    var given: Int32?
    defer { if let given { _ = csystem_close(given) } }
    if !input.isEmpty { given = try ShimCommand.memory(input) }
    var ends: [Int32] = []
    defer { for end in ends { _ = csystem_close(end) } }
    for _ in 0..<2 {
      var pair: [Int32] = [-1, -1]
      let made = csystem_pipe(&pair)
      guard made == 0 else { throw SystemError(code: -made, call: "pipe2") }
      descriptors.append(pair[0])
      ends.append(pair[1])
    }
    plan.descriptors = [given, ends[0], ends[1]]
    for position in 0..<2 {
      watches.append(try loop.watch(descriptors[position], for: .read) { [self] _ in _ = read(position) })
    }
    timer = try loop.schedule(after: .seconds(seconds)) { [self] in
      isLate = true
      if let child { loop.signal(child, SIGKILL) }
    }
    child = try loop.spawn(plan) { [self] outcome in ended(outcome, seconds: seconds) }
  }

  private static func memory(_ bytes: [UInt8]) throws -> Int32 {
    let file = csystem_memfd("options")
    guard file >= 0 else { throw SystemError(code: -file, call: "memfd_create") }
    guard csystem_write(file, bytes, bytes.count) == bytes.count, lseek(file, 0, SEEK_SET) == 0 else {
      _ = csystem_close(file)
      throw SystemError(code: EIO, call: "write")
    }
    return file
  }

  /// Takes what is there; false where there is nothing more for now.
  private func read(_ position: Int) -> Bool {
    var bytes = [UInt8](repeating: 0, count: 8 << 10)
    let count = csystem_read(descriptors[position], &bytes, bytes.count)
    if count == -Int(EAGAIN) { return false }
    guard count > 0 else {
      if let watch = watches[position] { loop.unwatch(watch) }
      watches[position] = nil
      return false
    }
    if position == 0 {
      // One byte more than may be, so that it is seen to be too much.
      output += bytes[..<count].prefix(ShimBootstrap.maximumCount + 1 - output.count)
    } else {
      complaint = Array((complaint + bytes[..<count]).suffix(1_024))
    }
    return true
  }

  private func ended(_ outcome: ExitOutcome, seconds: Int64) {
    // What it started may hold the pipes for long: what is there now is all that counts.
    for position in 0..<2 { while watches[position] != nil, read(position) {} }
    letGo()
    if isLate {
      told(.failure(.bootstrap("\(what) did not end within \(seconds) seconds")))
    } else if outcome.isSuccess {
      told(.success(output))
    } else {
      let said = String(decoding: complaint + output.prefix(512), as: UTF8.self)
        .split(whereSeparator: \.isNewline).suffix(3).joined(separator: "; ")
      told(.failure(.bootstrap("\(what) ended with \(outcome): \(said)")))
    }
  }

  private func letGo() {
    if let timer { loop.cancel(timer) }
    timer = nil
    for watch in watches { if let watch { loop.unwatch(watch) } }
    watches = watches.map { _ in nil }
    for descriptor in descriptors { _ = csystem_close(descriptor) }
    descriptors = []
  }
}
