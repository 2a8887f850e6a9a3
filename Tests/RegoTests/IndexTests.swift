import Testing

@testable import Rego

/// Rules that are found by a member of the input: the same as if each were looked at, and far fewer steps.
struct IndexTests {
  private func evaluate(
    _ text: String, input: String, data: String = "{}", hasPlaces: Bool
  ) throws -> (value: Value?, steps: Int) {
    let policy = try Policy([try Module.parse("package a\n\(text)", file: "a")], hasPlaces: hasPlaces)
    let evaluation = Evaluation(
      policy, data: try #require(Value.parse(json: data)), input: Value.parse(json: input),
      meter: Meter(steps: 1 << 20, bytes: 1 << 20))
    return (try evaluation.value(of: ["a"]), (1 << 20) - evaluation.meter.steps)
  }

  private func expectSame(_ text: String, data: String = "{}", inputs: [String]) throws {
    for input in inputs {
      let indexed = try evaluate(text, input: input, data: data, hasPlaces: false).value
      let each = try evaluate(text, input: input, data: data, hasPlaces: true).value
      #expect(indexed == each, "\(text) with \(input)")
    }
  }

  private static let inputs = [
    #"{"x": "a"}"#, #"{"x": "b", "y": 1}"#, #"{"x": "c", "y": 2}"#, #"{"x": null}"#, #"{"x": ["a"]}"#, "{}",
    "1", "null",
    #"{"x": 1.0, "y": 1}"#, #"{"x": {"z": "a"}, "y": "a"}"#,
  ]

  @Test(
    "an indexed group gives what its rules give",
    arguments: [
      "p := 1 if input.x == \"a\"\np := 2 if input.x == \"b\"\np := 3 if \"c\" == input.x\ndefault p := 0",
      "p contains 1 if input.x == \"a\"\np contains 2 if input.x = \"a\"\np contains 3 if input.y == 1\np contains 4",
      "p.a := 1 if input.x == \"a\"\np.b := 2 if input.x == \"b\"\np.c := 3 if input.y == 2",
      "p := 1 if input.x == \"a\"\nelse := 2 if input.x == \"b\"\np := 2 if input.x == \"b\"\np := 9 if input.x == 1",
      "p := 1 if input.x == \"a\"\nelse := 2\np := 2 if input.x == \"b\"",
      "q if input.x == \"a\"\nr if input.x == \"b\"\np if q\np if r\np if { q; r }\ndefault p := false",
      "q := false if input.x == \"a\"\nr if input.x == \"b\"\np if q\np if r\np if not q",
      "default q := true\nq := false if input.x == \"a\"\np contains 1 if q\np contains 2 if input.x == \"a\"",
      "q if { input.x == \"a\"; input.y == 1 }\nq if { input.x == \"b\"; input.y == 1 }\np contains 1 if q\np contains 2 if input.y == 2",
      "f(v) := 1 if input.x == \"a\"\nf(v) := 2 if input.x == \"b\"\np := f(1)\nq := v if v := f(2) with input.x as \"b\"",
      "q if input.x == \"a\"\nq if input.x == \"b\"\np contains 1 if q with input as {\"x\": \"a\"}\np contains 2 if input.x == \"c\"",
      "p contains [k, v] if { some k, v in {\"a\": 1, \"b\": 2}; k == input.x }\nq := [v | some k, v in [5, 6]; k == input.y]",
      "p := {k | some k, v in {\"a\", 1}; k == input.x}\nq := {[k, v] | some k, v in input; k == \"x\"}",
      "p := [v | v := {\"a\": 1}[k]; k == input.x]\nq := [k | some k, v in [3, 4]; k == v - 3]",
      "p := [1 | some k, v in input.x; k == \"z\"; v == input.y]",
    ])
  func same(text: String) throws {
    try expectSame(text, inputs: Self.inputs)
  }

  @Test("documents at the place of rules count as they do without an index")
  func stored() throws {
    let rules = "q if input.x == \"a\"\nr if input.x == \"b\"\np contains 1 if q\np contains 2 if r"
    try expectSame(rules, data: #"{"a": {"q": true}}"#, inputs: Self.inputs)
    try expectSame(rules, data: #"{"a": {"other": true}}"#, inputs: Self.inputs)
    try expectSame(
      "\(rules)\ns := v if v := p with data.a.q as true\nt := v if v := data.a.p with data.a as {\"p\": 3}",
      inputs: Self.inputs)
  }

  @Test("of many rules those that can hold are looked at, through the rules that they begin with")
  func steps() throws {
    func rules(_ count: Int) -> String {
      (0..<count).map { "d\($0) if input.x == \"x\($0)\"\nallow if d\($0)" }.joined(separator: "\n")
    }
    func steps(_ count: Int, hasPlaces: Bool) throws -> Int {
      let policy = try Policy(
        [try Module.parse("package a\n\(rules(count))", file: "a")], hasPlaces: hasPlaces)
      let evaluation = Evaluation(
        policy, input: Value.parse(json: #"{"x": "x7"}"#), meter: Meter(steps: 1 << 20, bytes: 1 << 20))
      #expect(try evaluation.value(of: ["a", "allow"]) == .bool(true))
      return (1 << 20) - evaluation.meter.steps
    }
    #expect(try steps(10, hasPlaces: false) == steps(1000, hasPlaces: false))
    #expect(try steps(1000, hasPlaces: false) < 20)
    #expect(try steps(1000, hasPlaces: true) > 2000)
  }

  @Test("a key that is known is looked up, not searched for")
  func lookup() throws {
    let rows = (0..<1000).map { "\"k\($0)\": \($0)" }.joined(separator: ",")
    let text = "p := v if { some k, v in data.rows; k == input.x }"
    let found = try evaluate(text, input: #"{"x": "k500"}"#, data: "{\"rows\": {\(rows)}}", hasPlaces: false)
    #expect(found.value == Value.parse(json: #"{"p": 500}"#))
    #expect(found.steps < 20)
  }
}
