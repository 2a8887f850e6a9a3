import Testing

@testable import Rego

/// What an evaluation may use is counted: it ends by its budget, wherever it is, and never by a trap or a hang.
struct BudgetTests {
  private func evaluate(
    _ body: String, steps: Int = 100_000, bytes: Int = 1 << 20, depth: Int = 4096
  ) throws -> Value? {
    let policy = try Policy([try Module.parse("package a\n\(body)", file: "a")])
    let evaluation = Evaluation(
      policy, input: nil, meter: Meter(steps: steps, bytes: bytes, depth: depth), isStrict: true)
    return try evaluation.value(of: ["a", "p"])
  }

  /// Whether it ends with the budget.
  private func exhausts(_ body: String, steps: Int = 100_000, bytes: Int = 1 << 20) throws -> Bool {
    do {
      _ = try evaluate(body, steps: steps, bytes: bytes)
      return false
    } catch EvaluationError.budget {
      return true
    }
  }

  @Test(
    "work without end is ended",
    arguments: [
      "p := numbers.range(1, 1000000000)",
      "p := numbers.range_step(1, 1000000000, 1)",
      "p := net.cidr_expand(\"10.0.0.0/8\")",
      "p := count([1 | some x in numbers.range(1, 1000); some y in numbers.range(1, 1000)])",
      "p := {x * y | some x in numbers.range(1, 1000); some y in numbers.range(1, 1000)}",
      "p := {sprintf(\"%d\", [x * y]): y | some x in numbers.range(1, 1000); some y in numbers.range(1, 1000)}",
      "p := sprintf(\"%1000000d\", [1])",
      "p := sprintf(\"%.1000000f\", [0.5])",
      "p := [x | some y in numbers.range(1, 1000); x := sprintf(\"%*d\", [1000000, y])]",
      "p := concat(\",\", [format_int(x, 10) | some x in numbers.range(1, 30000)])",
      "p if every x in numbers.range(1, 50000) { every y in numbers.range(1, 50000) { x != y + 100000 } }",
      "p := bits.lsh(1, 1000000000)",
      "f0(x) := x + x\n"
        + (1..<40).map { "f\($0)(x) := f\($0 - 1)(x) + f\($0 - 1)(x)" }.joined(separator: "\n")
        + "\np := f39(1)",
      "p := count([1 | walk(numbers.range(1, 9000), [_, _]); walk(numbers.range(1, 9000), [_, _])])",
      "p := strings.replace_n({\"a\": \"aaaaaaaaaa\"}, sprintf(\"%s%s\", [s, s])) if s := concat(\"\", [\"a\" | some _ in numbers.range(1, 60000)])",
      "f0(x) := x * x\n"
        + (1..<24).map { "f\($0)(x) := f\($0 - 1)(x) * f\($0 - 1)(x)" }.joined(separator: "\n")
        + "\np := f23(12345678901234567890)",
      "p := units.parse(concat(\"\", [\"9\" | some _ in numbers.range(1, 60000)])) * 2",
    ])
  func exhausted(body: String) throws {
    #expect(try exhausts(body), "\(body)")
  }

  @Test("steps, bytes and depth are each a budget of their own, and their errors say which")
  func kinds() throws {
    let body = "p := [x | some x in numbers.range(1, 100)]"
    #expect(try evaluate(body) != nil)
    #expect(throws: EvaluationError.budget("more steps than the budget has")) {
      try evaluate(body, steps: 50)
    }
    #expect(throws: EvaluationError.budget("more bytes than the budget has")) {
      try evaluate(body, bytes: 100)
    }
    let loop = "p := [x + y | some x in [1, 2, 3, 4, 5, 6]; some y in [1, 2, 3, 4, 5, 6]]"
    #expect(try evaluate(loop, steps: 200) != nil)
    #expect(throws: EvaluationError.budget("more steps than the budget has")) {
      try evaluate(loop, steps: 30)
    }
    let chain = (0..<300).map { "r\($0) if r\($0 + 1)" }.joined(separator: "\n")
    #expect(try evaluate("p if r0\n\(chain)\nr300 := true") == .bool(true))
    #expect(throws: EvaluationError.budget("rules deeper in each other than 200")) {
      try evaluate("p if r0\n\(chain)\nr300 := true", depth: 200)
    }
  }

  @Test("what is spent does not depend on the run")
  func spent() throws {
    let policy = try Policy([
      try Module.parse("package a\np := {x: y | some x in numbers.range(1, 50); y := x * x}", file: "a")
    ])
    func left() throws -> [Int] {
      let evaluation = Evaluation(policy, input: nil, meter: Meter(steps: 1 << 20, bytes: 1 << 20))
      _ = try evaluation.value(of: ["a"])
      return [evaluation.meter.steps, evaluation.meter.bytes]
    }
    #expect(try left() == left())
    #expect(try left()[0] < 1 << 20)
  }

  @Test("a budget that is used up is an error in what is negated, too: nothing is allowed by exhaustion")
  func negation() throws {
    #expect(try exhausts("p if not q\nq if count(numbers.range(1, 1000000000)) == 1"))
    #expect(try exhausts("default p := true\np := false if count(numbers.range(1, 1000000000)) == 1"))
  }
}
