import Conformance
import Foundation
import Testing

@testable import Rego

/// The layout of modules: what is read from the text before and after is the same, comments are all there, and a second time
/// changes nothing.
struct FormatterTests {
  /// A module's rules and imports as text, without their places.
  private func tree(_ text: String) throws -> String {
    let module = try Module.parse(text, file: "a")
    let place = /Location\(file: "[^"]*", line: \d+, column: \d+\)/
    return "\(module.package) \(module.imports) \(module.rules)".replacing(place, with: "@")
  }

  private func comments(_ text: String) throws -> [String] {
    let bytes = Array(text.utf8)
    var lexer = Lexer(bytes, file: "a")
    _ = try lexer.tokens()
    return lexer.comments.map {
      String(decoding: bytes[$0], as: UTF8.self).trimmingCharacters(in: .whitespaces)
    }
  }

  private func expectSame(_ text: String) throws {
    let once = try Formatter.format(text, file: "a")
    #expect(try tree(once) == tree(text), "\(text)")
    #expect(try comments(once) == comments(text), "\(text)")
    #expect(try Formatter.format(once, file: "a") == once, "\(text)")
  }

  @Test(
    "every module of the published cases stays what it is, and is laid out once and for all",
    .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func conformance() throws {
    var count = 0
    for name in ["1-core", "2-pure", "3-refuse", "4-out"] {
      for each in try ConformanceCase.all(class: name) {
        for module in each.modules where (try? Module.parse(module, file: "a")) != nil {
          try expectSame(module)
          count += 1
        }
      }
    }
    #expect(count > 1500)
  }

  @Test("texts whose every space is in doubt stay what they are")
  func hostile() throws {
    for line in [
      "p:=1-1", "p := 1 -1", "p := [-1, - 1]", "p := {-1,2}", "p if x:=-1", "p := .5", "p:=.5+ .5",
      "p := [.5,-.5, - .5]", "p if x==.5", "p := input . x",
      "p := a[\"b\"] [0]",
      "p if not f(x) # why", "p := $\"a {1+ 1} b\"", "p := {1|true}", "p := {x |x:=1 }",
      "p := {\"a\" :1 , \"b\":2}",
      "f( x ,y ) := x", "p if{ true }", "p if {\n# only\ntrue # here\n\n\n\ntrue\n}", "p := `a\n  b` # raw",
      "p if true\nelse := 2   if   false", "p if input.x with input.x as\n1", "p contains[1,2] if 1 in[1]",
      "default p:=  1", "p if { a:= (1+2)*3 ; a ==9 }", "import_x if contains(\"a\", \"b\")",
      "p if every x in[1]{x==1}",
      "p if 1\n-1 == 0", "p := [ # first\n1, # one\n# two\n2\n]",
    ] { try? expectSameIfRead(line) }
  }

  private func expectSameIfRead(_ line: String) throws {
    let text = "package a\n" + line
    guard (try? Module.parse(text, file: "a")) != nil else { return }
    try expectSame(text)
  }

  @Test("a number without a digit before its point stands apart from an operator, and by its sign")
  func points() throws {
    let text = try Formatter.format("package a\np:=.5\nq:=[.5,-.5,1-.5]\nr if x==.5\n", file: "a")
    #expect(text == "package a\np := .5\nq := [.5, -.5, 1 - .5]\nr if x == .5\n")
  }

  @Test("indentation follows what is open, one space stands where one belongs, and no two lines are empty")
  func layout() throws {
    let text = """
      # of the package
      package   openexec


      import data.a   as b


      decision:={"type":"approve"}if{
            some x in input.list   # each
        x>1-b ; x<= 3
      foo({
      "a":[1,
      2],
      })
      count(input.list) >
      2
      }   else :=    2
      """
    #expect(
      try Formatter.format(text, file: "a") == """
        # of the package
        package openexec

        import data.a as b

        decision := {"type": "approve"} if {
        \tsome x in input.list # each
        \tx > 1 - b; x <= 3
        \tfoo({
        \t\t"a": [1,
        \t\t\t2],
        \t})
        \tcount(input.list) >
        \t\t2
        } else := 2

        """)
  }

  @Test("what is no module is not laid out, and the fault is told")
  func refused() {
    #expect(throws: RegoSyntaxError.self) { try Formatter.format("package a\np := (", file: "a") }
  }
}
