import Testing

@testable import Rego

/// What is refused before anything is evaluated: with its file, line and column, and what was expected there.
struct SyntaxErrorTests {
  /// The error of one module, or of planning it.
  private func fault(_ text: String) -> RegoSyntaxError? {
    do throws(RegoSyntaxError) {
      _ = try Policy([try Module.parse(text, file: "policy/main.rego")])
      return nil
    } catch {
      return error
    }
  }

  @Test("a fault is shown with its file, line and column, what was expected, the line and a caret")
  func caret() {
    #expect(
      fault("package a\n\nallow if {\n\tinput.x ==\n}\n")?.description == """
        policy/main.rego:5:1: rego_parse_error: expected a term, found '}'
            }
            ^
        """)
    #expect(
      fault("package a\n\nallow if\tα.β[1\n")?.description.contains("policy/main.rego:3:10: rego_parse_error")
        == true)
    #expect(
      fault("package a\n\np := \"é\" + )\n")?.description == """
        policy/main.rego:3:12: rego_parse_error: expected a term, found ')'
            p := "é" + )
                       ^
        """)
  }

  @Test(
    "what does not read says what was expected, and where",
    arguments: [
      ("", 1, 1, "expected 'package', found the end of the text"),
      ("package 1", 1, 9, "expected a package's name, found '1'"),
      ("package a b", 1, 11, "expected a new line before the next rule, found 'b'"),
      ("package a\nimport foo.bar", 2, 1, "expected data, input, rego or future, found 'import'"),
      (
        "package a\np", 2, 2,
        "expected ':=', 'contains' or 'if' after a rule's name, found the end of the text"
      ),
      ("package a\np { true }", 2, 3, "expected 'if' before a rule's body, found '{'"),
      ("package a\np := [1, 2", 2, 11, "expected ']' after an element, found the end of the text"),
      ("package a\np := {\"a\" 1}", 2, 11, "expected '}' after an element, found '1'"),
      ("package a\np := f(1", 2, 9, "expected ')' after an argument, found the end of the text"),
      (
        "package a\np if { x := 1 y := 2 }", 2, 15,
        "expected a new line or ';' between expressions, found 'y'"
      ),
      ("package a\np if {}\n", 2, 7, "expected an expression in a rule's body, found '}'"),
      ("package a\np := 01", 2, 6, "expected a number without leading zeros"),
      ("package a\np := 1e", 2, 8, "expected digits in an exponent"),
      ("package a\np := \"a\nb\"", 2, 6, "expected a closing quote on this line"),
      ("package a\np := `a\nb", 2, 6, "expected a closing backquote"),
      ("package a\np := \"\\x\"", 2, 7, "expected one of \\\" \\\\ \\/ \\b \\f \\n \\r \\t \\u"),
      ("package a\np := 'a'", 2, 6, "expected a token of Rego, found '''"),
      ("package a\np if not some x in [1]", 2, 10, "expected an expression after 'not', found 'some'"),
      ("package a\np if some 1\n", 2, 6, "expected names after 'some', or 'in' after them, found 'some'"),
      ("package a\np if every 1 in [1] { true }", 2, 6, "expected names after 'every', found 'every'"),
      ("package a\np if input.x with input.y\n", 3, 1, "expected 'as' after what 'with' replaces"),
      ("package a\np contains 1 if true else := 2", 2, 1, "expected no 'else' with 'contains', found 'p'"),
      ("package a\ndefault p", 2, 10, "expected ':=' after a default rule's name, found the end of the text"),
      ("package a\np := $\"{1", 2, 10, "expected '}' after a template's expression"),
      ("package a\nif := 1", 2, 1, "expected a rule's name, found 'if'"),
      ("package a\nevery contains 1 if true", 2, 1, "expected a rule's name, found 'every'"),
      ("package a\np := in", 2, 6, "expected a term, found 'in'"),
      ("package a\np := . 5", 2, 6, "expected a term, found '.'"),
      ("package a\np := .5.5", 2, 8, "expected a new line before the next rule, found '.'"),
      ("package a\np := - x", 2, 8, "expected a number after '-', found 'x'"),
      ("package a\np := 1e999999999", 2, 6, "expected a number between 2^-100000 and 2^100000"),
    ])
  func parse(text: String, line: Int, column: Int, message: String) {
    let error = fault(text)
    #expect(error?.code == .parse, "\(text)")
    #expect(error?.message.hasPrefix(message) == true, "\(text): \(error?.description ?? "no error")")
    #expect(
      error?.location == Location(file: "policy/main.rego", line: line, column: column),
      "\(text): \(error?.description ?? "no error")")
  }

  @Test(
    "what reads and has no meaning says why, and where",
    arguments: [
      ("package a\np if x > 1", RegoSyntaxError.Code.unsafe, 2, 6, "var x is unsafe"),
      ("package a\np := x if true", .unsafe, 2, 1, "var x is unsafe"),
      ("package a\np if not x", .unsafe, 2, 6, "var x is unsafe"),
      ("package a\np if {\n\ty := x + 1\n\tx = y - 1\n}", .unsafe, 3, 2, "var y is unsafe"),
      ("package a\np contains x if not data.q[x]", .unsafe, 2, 17, "var x is unsafe"),
      ("package a\nf(x) := y if x", .unsafe, 2, 1, "var y is unsafe"),
      ("package a\np if q\n\nq if p", .recursion, 2, 1, "rule data.a.p is recursive"),
      ("package a\nf(x) := f(x)", .recursion, 2, 1, "rule data.a.f is recursive"),
      ("package a\np if data.a[x]", .recursion, 2, 1, "rule data.a.p is recursive"),
      (
        "package a\np if { q with input as 1 }\nq if { not p }", .recursion, 2, 1,
        "rule data.a.p is recursive"
      ),
      ("package a\np := count(1, 2, 3)", .type, 2, 6, "count takes 1 arguments, found 3"),
      ("package a\nf(x) := x\np := f(1, 2, 3)", .type, 3, 6, "f takes 1 arguments, found 3"),
      ("package a\np := count([1], 1)", .type, 2, 6, "count takes 1 arguments, found 2"),
      ("package a\nf(x) := x\np := f(1, 2) + 1", .type, 3, 6, "f takes 1 arguments, found 2"),
      (
        "package a\np if count([1]) with count as startswith", .type, 2, 17,
        "expected a function of 1 arguments after 'as', found startswith of 2"
      ),
      (
        "package a\nf(x) := x\np if f(1) with f as count\ng(x, y) := 1\nq if f(1) with f as g", .type, 5, 11,
        "expected a function of 1 arguments after 'as', found data.a.g of 2"
      ),
      (
        "package a\np if 1 < 2 with lt as gt", .type, 2, 12,
        "expected input, data or a function after 'with', found lt"
      ),
      ("package a\np := nothing(1)", .type, 2, 6, "undefined function nothing"),
      ("package a\np := data.b.f(1)", .type, 2, 6, "undefined function data.b.f"),
      ("package a\ndefault p := 1\ndefault p := 2", .type, 3, 1, "multiple default rules data.a.p found"),
      ("package a\np := 1\np contains 2", .type, 3, 1, "conflicting rules data.a.p found"),
      ("package a\nf(x) := 1\nf(x, y) := 2", .type, 3, 1, "conflicting rules data.a.f found"),
      ("package a\nf(x) := 1\nf := 2", .type, 3, 1, "conflicting rules data.a.f found"),
      (
        "package a\np if true with foo as 1", .type, 2, 11,
        "expected input, data or a function after 'with', found foo"
      ),
    ])
  func compile(text: String, code: RegoSyntaxError.Code, line: Int, column: Int, message: String) {
    let error = fault(text)
    #expect(error?.code == code, "\(text): \(error?.description ?? "no error")")
    #expect(error?.message == message, "\(text)")
    #expect(error?.location == Location(file: "policy/main.rego", line: line, column: column), "\(text)")
  }

  @Test(
    "a name is declared once, hides neither input nor data, and an argument is of a kind that its builtin takes",
    arguments: [
      (
        "package a\np if {\n\tx := 1\n\tx := 2\n}", RegoSyntaxError.Code.compile, 4, 2, "var x assigned above"
      ),
      ("package a\np if {\n\tsome x\n\tsome x\n\tx = 1\n}", .compile, 4, 2, "var x declared above"),
      ("package a\np if {\n\tsome x in [1]\n\tx := 2\n}", .compile, 4, 2, "var x declared above"),
      ("package a\np if {\n\tx := 1\n\tsome x in [1]\n}", .compile, 4, 7, "var x assigned above"),
      ("package a\np if {\n\tx = 1\n\tx := 2\n}", .compile, 4, 2, "var x referenced above"),
      ("package a\nf(x) := 1 if x := 2", .compile, 2, 14, "arg x redeclared"),
      (
        "package a\np if input := 1", .compile, 2, 6,
        "variables must not shadow input (use a different variable name)"
      ),
      (
        "package a\np if some data in [1]", .compile, 2, 11,
        "variables must not shadow data (use a different variable name)"
      ),
      (
        "package a\nf(input) := 1", .compile, 2, 3,
        "args must not shadow input (use a different variable name)"
      ),
      (
        "package a\np if true\ninput := 1", .compile, 3, 1,
        "rules must not shadow input (use a different rule name)"
      ),
      (
        "package a\nimport data.b as input\np := input", .compile, 2, 1,
        "imports must not shadow input (use 'as' with another name)"
      ),
      (
        "package a\nimport data.b.x\nimport data.c.x\np := x", .compile, 3, 1,
        "import must not shadow import data.b.x"
      ),
      ("package a\ncount := 1\np := count([1])", .type, 3, 6, "undefined function data.a.count"),
      (
        "package a\np := count(1)", .type, 2, 6,
        "count: expected argument 1 to be string or array or object or set, found number"
      ),
      (
        "package a\np if startswith(input.x, 1)", .type, 2, 6,
        "startswith: expected argument 2 to be string, found number"
      ),
      (
        "package a\np := upper(count(input.x))", .type, 2, 6,
        "upper: expected argument 1 to be string, found number"
      ),
      ("package a\np := 1 + \"a\"", .type, 2, 6, "plus: expected argument 2 to be number, found string"),
      (
        "package a\np := sum({\"a\": x | some x in [1]})", .type, 2, 6,
        "sum: expected argument 1 to be array or set, found object"
      ),
    ])
  func names(text: String, code: RegoSyntaxError.Code, line: Int, column: Int, message: String) {
    compile(text: text, code: code, line: line, column: column, message: message)
  }

  @Test("a fault of meaning is shown with its line and a caret too")
  func meaning() {
    #expect(
      fault("package a\n\np if {\n\tx := 1\n\tx := 2\n}\n")?.description == """
        policy/main.rego:5:2: rego_compile_error: var x assigned above
                x := 2
                ^
        """)
  }

  @Test("what is allowed and hardly meant is a warning")
  func warnings() throws {
    let module = try Module.parse(
      """
      package a
      import data.b.used
      import data.c as unused
      import input.d as also
      count(x) := 1 if x == used
      p if { y := 1; some z in input.z; _ := also }
      q if { some k, v in input.z; k == v }
      """, file: "a.rego")
    #expect(
      module.warnings.map(\.description) == [
        "a.rego:3:1: import data.c is not used", "a.rego:5:1: rule count hides the builtin of that name",
        "a.rego:6:8: variable y is not used", "a.rego:6:21: variable z is not used",
      ])
    _ = try Policy([module])
  }

  @Test("of one rule the first fault by file is told, in whatever order the modules come")
  func order() throws {
    let a = try Module.parse("package a\np if x", file: "a.rego")
    let b = try Module.parse("package a\np if y", file: "b.rego")
    for modules in [[a, b], [b, a]] {
      do throws(RegoSyntaxError) {
        _ = try Policy(modules)
        Issue.record("it was accepted")
      } catch {
        #expect(error.location.file == "a.rego")
      }
    }
  }
}
