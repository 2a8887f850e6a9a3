import Testing

@testable import Rego

/// Kinds follow variables, rules and functions: what can have no value is refused where it stands, and what may have one
/// never is.
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
      // Unified, matched, iterated: they may be anything.
      "x = 1; upper(x)", "[x, y] := [1, \"a\"]; upper(y)", "some x in [1, \"a\"]; upper(x)",
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
      "x := {y | y := number}; count(x) > 0", "number == \"a\"", "x := number; x != null",
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
      names contains "a"
      """
    #expect(fault([rules]) == nil)
  }

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
  }
}
