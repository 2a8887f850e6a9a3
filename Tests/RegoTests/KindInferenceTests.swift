import Testing

@testable import Rego

/// Kinds follow variables, rules, functions and what collections have in them: what can have no value is refused where it stands, and
/// what may have one never is.
@Suite("Kinds of variables, rules and functions")
struct KindInferenceTests {
  private func fault(_ texts: [String]) -> RegoSyntaxError? {
    do throws(RegoSyntaxError) {
      var modules: [Module] = []
      for (number, text) in texts.enumerated() {
        modules.append(try Module.parse(text, file: "policy/\(number).rego"))
      }
      _ = try Policy(modules)
      return nil
    } catch {
      return error
    }
  }

  private static let upper = "upper: expected argument 1 to be string, found number"

  @Test(
    "what can have no value is refused with its place, what is expected and what was found",
    arguments: [
      ("package a\np if {\n\tx := 1\n\tupper(x) == \"A\"\n}", 4, 2, upper),
      ("package a\np := upper(x) if x := count(input.y)", 2, 6, upper),
      ("package a\np if {\n\tx := 1\n\ty := x\n\tupper(y)\n}", 5, 2, upper),
      ("package a\nn := 1\np := upper(n)", 3, 6, upper),
      // In any order of rules, and over several.
      ("package a\np := upper(m)\nm := n\nn := 1", 2, 6, upper),
      ("package a\np := upper(a)\na := b\nb := c\nc := d\nd := e\ne := 1", 2, 6, upper),
      ("package a\nn := 1 if input.x\nn := 2 if input.y\ndefault n := 3\np := upper(n)", 5, 6, upper),
      (
        "package a\nn := 1 if input.x\nelse := true if input.y\np := upper(n)", 4, 6,
        "upper: expected argument 1 to be string, found boolean or number"
      ),
      (
        "package a\np if upper(q)\nq if input.x", 2, 6,
        "upper: expected argument 1 to be string, found boolean"
      ),
      (
        "package a\np := upper(q)\nq contains input.x", 2, 6,
        "upper: expected argument 1 to be string, found set"
      ),
      (
        "package a\np := upper(q)\nq[x] := 1 if some x in input.y", 2, 6,
        "upper: expected argument 1 to be string, found object"
      ),
      ("package a\nf(x) := x + 1\np := upper(f(input.y))", 3, 6, upper),
      ("package a\nf(x) := 1 if x\nf(x) := 2 if not x\np := upper(f(input.y))", 4, 6, upper),
      ("package a\np := [y | y := upper(n)]\nn := 1", 2, 16, upper),
      ("package a\np if { every x in input.y { z := 1; upper(z) == x } }", 2, 37, upper),
      ("package a\np if { n := 1; not upper(n) == \"A\" }", 2, 20, upper),
      ("package a\np := x + 1 if x := \"s\"", 2, 6, "plus: expected argument 1 to be number, found string"),
      // By unification, in arrays, in objects, of elements.
      ("package a\np if { x = 1; upper(x) }", 2, 15, upper),
      ("package a\np if { x = input.y; x == 1; upper(x) }", 2, 29, upper),
      ("package a\np if { [x, y] := [1, \"a\"]; upper(x) != y }", 2, 28, upper),
      ("package a\np if { [x, _] = q; upper(x) }\nq := [1, input.y]", 2, 20, upper),
      ("package a\np if { some x in [1, 2]; upper(x) }", 2, 26, upper),
      ("package a\np if { every x in [1, 2] { upper(x) } }", 2, 28, upper),
      ("package a\np if { some i, x in input.y; i == 0; upper(i) == x }", 2, 38, upper),
      ("package a\np := upper(q.a)\nq := {\"a\": 1, \"b\": \"c\"}", 2, 6, upper),
      ("package a\np := upper(q[_])\nq := {\"a\": 1, \"b\": 2}", 2, 6, upper),
      ("package a\np := upper(q.a.b[1])\nq := {\"a\": {\"b\": [input.x, 2]}}", 2, 6, upper),
      ("package a\np := upper(f(1).n)\nf(x) := {\"n\": count(x)}", 2, 6, upper),
      // What is never equal.
      ("package a\np if 1 == \"a\"", 2, 6, "match error: number is never equal to string"),
      ("package a\np if { x := 1; x = \"a\" }", 2, 16, "match error: number is never equal to string"),
      ("package a\np if { not n == \"a\" }\nn := 1", 2, 8, "match error: number is never equal to string"),
      ("package a\np if { \"a\" == n }\nn := 1", 2, 8, "match error: string is never equal to number"),
      ("package a\np if { [1, x] = [\"a\", 2]; x }", 2, 8, "match error: number is never equal to string"),
      ("package a\np if count(input.x) == \"1\"", 2, 6, "match error: number is never equal to string"),
      (
        "package a\np if { q[_] == \"c\" }\nq := [1, true]", 2, 8,
        "match error: boolean or number is never equal to string"
      ),
      // What is never there.
      ("package a\np if q.b\nq := {\"a\": 1}", 2, 6, "undefined ref: expected one of \"a\", found \"b\""),
      ("package a\np if q.a.x\nq := {\"a\": 1}", 2, 6, "undefined ref: number has no members, found \"x\""),
      (
        "package a\np if { x := \"s\"; x[0] == \"s\" }", 2, 18,
        "undefined ref: string has no members, found 0"
      ),
    ])
  func refused(text: String, line: Int, column: Int, message: String) throws {
    let found = try #require(fault([text]), "it was accepted: \(text)")
    #expect(found.code == .type)
    #expect(found.message == message)
    #expect(found.location.line == line && found.location.column == column, "\(found)")
    #expect("\(found)".hasSuffix("^"), "with a caret: \(found)")
  }

  @Test("a rule of another package and another file")
  func files() throws {
    let found = try #require(fault(["package a\nimport data.b\np := upper(b.n)", "package b\nn := 1"]))
    #expect(found.message == Self.upper && found.location.file == "policy/0.rego" && found.location.line == 3)
  }

  @Test(
    "what may have a value is accepted",
    arguments: [
      "x := 1; y := input.z; upper(y)", "x := input.x; upper(x)", "x := input.a[0]; upper(x)",
      // Matched, iterated, of several kinds: they may be anything.
      "[x, y] := [1, \"a\"]; upper(y)", "some x in [1, \"a\"]; upper(x)", "[1, x] = input.x; upper(x)",
      "{\"a\": x} = {\"a\": \"b\"}; upper(x)", "x = y; y = input.z; upper(x)",
      // What is said later, or only within a negation, does not count before and outside.
      "x := input.x; not upper(x) == \"A\"; x == 1", "x := input.x; not x == 1; upper(x)",
      "x := input.x; y := [1 | x == 1]; upper(x); y", "x := input.x; every y in [1] { x != y }; upper(x)",
      // Parts that may be there, or may be anything.
      "upper(shape.a)", "upper(shape.b.c)", "upper(shape.d[0])", "upper(shape.d[7])", "shape[input.x]",
      "some k, v in shape; upper(k); v",
      "upper(shape[input.x])", "upper(varied.b)", "varied[_] == 1", "{\"k\"}[x]; upper(x)",
      "x := {\"a\", 1}; some y in x; upper(y)",
      "object.get(shape, \"z\", \"y\") == 1", "walk(shape, [_, \"b\"])",
      "x := array.concat([1], [\"a\"])[1]; upper(x)",
      "shape.nothing with shape as {\"nothing\": 1}", "upper(shape.n) with shape.n as \"a\"",
      "x := [1, input.y]; x == [1, 2]", "x := {1, \"a\"}; \"a\" in x", "input.x == 1; input.y == \"a\"",
      "names == {\"a\"}",
      "number != \"a\"", "x := number == 1; x == true", "y := (1 == \"a\"); y == false",
      "member == {\"a\": \"b\"}",
      "some [k, v] in [[\"a\", 1], [2, \"b\"]]; upper(v); k", "x := []; x[0]",
      "x := [y | y := 1][0]; upper(x)",
      "some i, x in input.a; upper(x); i > 0", "every x in input.a { upper(x) == x }",
      "x := {\"a\": \"b\"}; upper(x.a)", "x := [\"a\"]; upper(x[0])",
      "x := json.unmarshal(\"\\\"a\\\"\"); upper(x)",
      "x := 1; y := [upper(x) | x := \"a\"]; y", "x := either; upper(x)", "upper(either)", "upper(member.a)",
      "upper(given(input.x))", "upper(given(1))", "upper(maybe(input.x))", "upper(table.a)",
      "upper(data.documents.a)",
      "upper(data.other.n)", "x := number with number as \"a\"; upper(x)",
      "upper(number) with number as \"a\"",
      "x := numbered(1) with numbered as given; upper(x)", "upper(numbered(1)) with numbered as given",
      "x := count([]) with count as given; upper(x)", "x := number - 1; x > 0",
      "x := names - {1}; count(x) > 0",
      "x := data.other; count(x) > 0", "concat(\",\", names)", "x := `a`; upper(x)",
      "x := $\"{number}\"; upper(x)",
      "x := {y | y := number}; count(x) > 0", "x := number; x != null",
    ])
  func accepted(body: String) {
    let rules = """
      package a
      p if { \(body) }
      either := 1 if input.x
      either := "a" if input.y
      default member := {"a": "b"}
      member := {"a": input.b} if input.b
      given(x) := x
      maybe(x) := 1 if x == 1
      maybe(x) := "a" if x == 2
      table[x] := "a" if some x in input.z
      number := 1
      numbered(x) := 1 if x
      shape := {"a": "b", "b": {"c": input.c}, "d": ["e", 1], "n": 1}
      varied := {"a": 1} if input.x
      varied := {"b": "c"} if input.y
      names contains "a"
      """
    #expect(fault([rules]) == nil)
  }

  @Test("a default is a constant", arguments: ["input.x", "[1, n]", "count([1])", "{\"a\": n}", "$\"a\""])
  func defaults(value: String) throws {
    let found = try #require(
      fault(["package a\nn := 1\n\ndefault p := \(value)"]), "it was accepted: \(value)")
    #expect(found.message == "expected a constant as the default of a rule" && found.location.line == 4)
  }

  @Test(
    "a default of constants, or of what comprehensions give, is one",
    arguments: ["[1, {\"a\": {2}}]", "[x | x := 1]", "{}"])
  func constantDefaults(value: String) { #expect(fault(["package a\n\ndefault p := \(value)"]) == nil) }

  @Test("chains of rules and of variables, however long, are looked at in bounded time and space")
  func long() throws {
    var rules = "package a\np := upper(r0)\n"
    for number in 0..<3_000 { rules += "r\(number) := r\(number + 1)\n" }
    rules += "r3000 := 1\n"
    // Backwards it takes more rounds than there are, and nothing is known.
    #expect(fault([rules]) == nil)
    var body = "package a\np if {\n\tx0 := 1\n"
    for number in 1...3_000 { body += "\tx\(number) := x\(number - 1)\n" }
    #expect(fault([body + "\tupper(x3000)\n}"])?.location.line == 3_005)
    // Each holds sixty of the one before: told apart they would be sixty to the power of twelve.
    var towers = "package a\nt0 := 1\n"
    for number in 1...12 {
      let parts = [String](repeating: "t\(number - 1)", count: 60).joined(separator: ", ")
      towers += "t\(number) := [\(parts)]\n"
    }
    #expect(fault([towers + "p := upper(t12)"])?.location.line == 15)
    #expect(fault([towers + "p := upper(t12[0][0])"]) == nil)
  }
}
