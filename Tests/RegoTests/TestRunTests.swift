import Testing

@testable import Rego

/// `test_` rules and the lines that they reach.
struct TestRunTests {
  private func run(_ texts: [(String, String)], steps: Int = 10_000) throws -> TestRun {
    try TestRun(
      try texts.map { try Module.parse($0.1, file: $0.0) }, data: .object(ObjectValue()),
      meter: Meter(steps: steps, bytes: 1 << 20))
  }

  private static let policy = """
    package a

    allow if {
    \tinput.x > 1
    \tinput.y
    }

    deny if input.z

    level := 1 if input.x == 1
    else := 2
    """

  @Test("a test passes where it is true; false, undefined and errors do not; what is to be done is left out")
  func outcomes() throws {
    let run = try run([
      ("a.rego", Self.policy),
      (
        "a_test.rego",
        """
        package a_test
        import data.a
        test_allow if a.allow with input as {"x": 2, "y": true}
        test_undefined if a.allow with input as {"x": 1, "y": true}
        test_false := false
        test_number := 1
        test_error if count([1 | some x in numbers.range(1, 10000); x > 0]) > 0
        test_conflict := 1
        test_conflict := 2
        todo_test_later if false
        nothing if false
        testing if false
        """
      ),
    ])
    #expect(
      run.tests.map { "\($0.name) \($0.outcome)" } == [
        "data.a_test.test_allow passed",
        "data.a_test.test_conflict error(eval_conflict_error: complete rules must not produce multiple outputs)",
        "data.a_test.test_error error(eval_cancel_error: more steps than the budget has)",
        "data.a_test.test_false failed", "data.a_test.test_number failed",
        "data.a_test.test_undefined failed", "data.a_test.todo_test_later skipped",
      ])
    #expect(run.tests.allSatisfy { ($0.outcome == .skipped) == ($0.steps == 0) })
    #expect(run.tests[0].location == Location(file: "a_test.rego", line: 3, column: 1))
  }

  @Test("coverage is by line: reached is a line all of which was reached by some test")
  func coverage() throws {
    func coverage(_ tests: String) throws -> FileCoverage? {
      try run([("a.rego", Self.policy), ("t_test.rego", "package t\n\(tests)")]).coverage.first
    }
    #expect(
      try coverage("test_a := true") == FileCoverage(file: "a.rego", missed: [3, 4, 5, 8, 10, 11], lines: 6))
    #expect(
      try coverage("test_a if not data.a.allow with input.x as 2")
        == FileCoverage(file: "a.rego", missed: [3, 8, 10, 11], lines: 6))
    #expect(
      try coverage(
        "test_a if data.a.allow with input as {\"x\": 2, \"y\": 1}\ntest_b if data.a.level == 1 with input.x as 1"
      )
        == FileCoverage(file: "a.rego", missed: [8, 11], lines: 6))
    #expect(try coverage("test_a := true")?.permille == 0)
  }
}
