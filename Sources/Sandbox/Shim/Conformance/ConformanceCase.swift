import OpenExec
import Records

/// What came of one case.
public struct ConformanceResult: Equatable, Sendable {
  public enum Verdict: Equatable, Sendable {
    case passed
    case failed(String)
    case skipped(String)
  }

  public let name: String
  /// What it asserts, in one sentence.
  public let claim: String
  public let verdict: Verdict

  /// The word of a verdict.
  public var word: String {
    switch verdict {
    case .passed: "pass"
    case .failed: "FAIL"
    case .skipped: "skip"
    }
  }

  /// Why it did not pass; empty where it did.
  public var reason: String {
    switch verdict {
    case .passed: ""
    case .failed(let why), .skipped(let why): why
    }
  }
}

/// One case: a run, what is done to it while it runs, and what its outcome must be.
struct ConformanceCase {
  enum Interference {
    case none
    case kill
    /// The shim's process is killed.
    case killShim
    /// Whatever runs in the task's control groups is killed: its first process, or its hypervisor.
    case killTask
  }

  var name: String
  var claim: String
  var arguments: [String]
  var limits = ConformanceCase.limits
  var input: [UInt8]?
  var interference = Interference.none
  /// Why the outcome is not what it must be; nil where it is.
  var judge: (RunOutcome) -> String?

  static let limits = ActionLimits(
    wallSeconds: 60, memoryMiB: 64, processes: 16, outputBytes: 16 << 10, diskMiB: 8)

  init(
    _ name: String, _ claim: String, script: String, limits: ActionLimits = ConformanceCase.limits,
    input: [UInt8]? = nil, interference: Interference = .none, judge: @escaping (RunOutcome) -> String?
  ) {
    self.init(
      name, claim, ["/bin/busybox", "sh", "-c", "B=/bin/busybox\n" + script], limits: limits, input: input,
      interference: interference, judge: judge)
  }

  init(
    _ name: String, _ claim: String, _ arguments: [String], limits: ActionLimits = ConformanceCase.limits,
    input: [UInt8]? = nil, interference: Interference = .none, judge: @escaping (RunOutcome) -> String?
  ) {
    self.name = name
    self.claim = claim
    self.arguments = arguments
    self.limits = limits
    self.input = input
    self.interference = interference
    self.judge = judge
  }

  /// It must end by itself with status 0 and say exactly this.
  static func says(_ expected: String) -> (RunOutcome) -> String? {
    { outcome in
      guard outcome.ending == .completed(exitStatus: 0) else { return "ended: \(outcome.ending)" }
      let said = String(decoding: outcome.output, as: UTF8.self)
      return said == expected
        ? nil : "expected \(expected.debugDescription), found \(said.prefix(400).debugDescription)"
    }
  }

  static func ends(_ expected: RunEnding) -> (RunOutcome) -> String? {
    { $0.ending == expected ? nil : "expected \(expected), found \($0.ending)" }
  }

  /// It must be told as a failure of the sandbox: never as a status, and never as success.
  static func fails(_ outcome: RunOutcome) -> String? {
    if case .sandboxFailed = outcome.ending { return nil }
    return "expected a failure of the sandbox, found \(outcome.ending)"
  }
}
