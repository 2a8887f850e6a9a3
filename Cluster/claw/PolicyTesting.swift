import Canonical
import ClawShield
import Host
import Records
import Rego

/// `claw policy test`.
enum PolicyTesting {
  static func run(_ call: Invocation) throws -> ExitCode {
    let folder = call.parsed.operand(0) ?? ""
    let minimum = try call.parsed.integer("--minimum", in: 0...100, default: 0)
    let bundle = try PolicyCommands.read(folder)
    let budget = try PolicyCommands.budget(folder)
    let run: TestRun
    do {
      run = try TestRun(
        bundle.modules, data: bundle.data,
        meter: Meter(steps: budget.steps, bytes: budget.bytes, depth: budget.depth))
    } catch {
      throw Failure(.other, error.description)
    }
    guard !run.tests.isEmpty else { throw Failure(.other, "\(folder): expected tests, found none") }
    let policy = run.coverage.filter { !$0.file.hasSuffix("_test.rego") }
    let lines = policy.reduce(0) { $0 + $1.lines }
    let reached = lines - policy.reduce(0) { $0 + $1.missed.count }
    let percent = lines == 0 ? 100 : reached * 100 / lines
    let failed = run.tests.filter { $0.outcome != .passed && $0.outcome != .skipped }
    call.say(report(run, policy, percent, showsCoverage: call.parsed.has("--coverage")))
    guard percent >= minimum else {
      throw Failure(.failed, "the tests reach \(percent) % of the lines, and \(minimum) are wanted")
    }
    return failed.isEmpty ? .ok : .failed
  }

  private static func report(
    _ run: TestRun, _ policy: [FileCoverage], _ percent: Int, showsCoverage: Bool
  ) -> Report {
    var lines = run.tests.map { test in
      let place = "\(test.location.file):\(test.location.line)"
      return "\(word(test.outcome))  \(test.name)  \(place)  \(test.steps) steps"
        + (reason(test.outcome).map { "\n      \($0)" } ?? "")
    }
    if showsCoverage {
      for file in policy {
        let missed = file.missed.isEmpty ? "" : "  not reached: \(ranges(file.missed))"
        lines.append("\(file.file)  \(file.lines - file.missed.count) of \(file.lines) lines\(missed)")
      }
    }
    let passed = run.tests.count { $0.outcome == .passed }
    lines.append("\(passed) of \(run.tests.count) passed; \(percent) % of the policy's lines reached")
    return Report(
      lines.joined(separator: "\n"),
      [
        ("passed", .integer(passed)), ("coverage_percent", .integer(percent)),
        (
          "tests",
          .array(
            run.tests.map { test in
              .object([
                ("name", .string(test.name)), ("outcome", .string(word(test.outcome))),
                ("reason", reason(test.outcome).map(JSON.string) ?? .null), ("steps", .integer(test.steps)),
              ])
            })
        ),
        (
          "files",
          .array(
            policy.map { file in
              .object([
                ("file", .string(file.file)), ("lines", .integer(file.lines)),
                ("not_reached", .array(file.missed.map(JSON.integer))),
              ])
            })
        ),
      ])
  }

  private static func word(_ outcome: TestRun.Outcome) -> String {
    switch outcome {
    case .passed: "PASS"
    case .failed: "FAIL"
    case .error: "ERROR"
    case .skipped: "SKIP"
    }
  }

  private static func reason(_ outcome: TestRun.Outcome) -> String? {
    if case .error(let error) = outcome { error.description } else { nil }
  }

  /// `3-5, 9`.
  private static func ranges(_ lines: [Int]) -> String {
    var runs: [ClosedRange<Int>] = []
    for line in lines {
      if let last = runs.last, last.upperBound + 1 == line {
        runs[runs.count - 1] = last.lowerBound...line
      } else {
        runs.append(line...line)
      }
    }
    return runs.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(
      separator: ", ")
  }
}
