import Testing

@testable import Rego

/// Texts that are made to take long or to run out of stack: each is read or refused, and its work is as its length.
struct HostileTextTests {
  private static func filled(_ piece: String, _ count: Int) -> String {
    String(repeating: piece, count: count / piece.utf8.count)
  }

  @Test("a mebibyte of parentheses is refused at the depth that is too much")
  func mebibyte() {
    let error = #expect(throws: RegoSyntaxError.self) {
      try Module.parse("package a\np := \(Self.filled("(", 1 << 20))", file: "a")
    }
    #expect(error?.message == "expected terms no deeper than 96, found '('")
  }

  @Test(
    "much of what opens and never closes is refused",
    arguments: [
      "(", "[", "{", "[[{", "{\"a\":", "f(", "x[", "not ", "not {", "every x in [", "[x|", "{x|", "{x: [x | ",
      "1+", "1==",
      "1 in ", "a.", "some x;", "input.a with input.b as ", "`", "\"", "#", "$\"{", "$`{", "{{", "x if {",
      "-",
    ])
  func opening(piece: String) {
    for prefix in ["p := ", "p if ", "p if { "] {
      #expect(throws: RegoSyntaxError.self, "\(prefix)\(piece)") {
        _ = try Policy([try Module.parse("package a\n\(prefix)\(Self.filled(piece, 1 << 15))", file: "a")])
      }
    }
  }

  @Test("depth is bounded, and what is within it is read")
  func depth() throws {
    for (open, close, levels) in [("[", "]", 40), ("(", ")", 40), ("{", "}", 40), ("{\"a\":", "}", 40)] {
      func module(_ count: Int) -> String {
        "package a\np := \(String(repeating: open, count: count))1\(String(repeating: close, count: count))"
      }
      _ = try Policy([try Module.parse(module(levels), file: "a")])
      #expect(throws: RegoSyntaxError.self) { try Module.parse(module(200), file: "a") }
    }
  }

  @Test(
    "braces that may be a body or a set are tried once each, however deep they stand",
    arguments: [
      ("not {[x | ", " ]} == y"), ("not {{x | ", " }} == y"), ("not {[x | ", " ]"),
      ("not {$\"{", "}\"} == y"),
    ])
  func backtracking(open: String, close: String) {
    // Each level that was read twice would double the time: of forty levels nobody would see the end.
    for levels in 1...40 {
      let text =
        "package a\np if \(String(repeating: open, count: levels))input\(String(repeating: close, count: levels))"
      _ = try? Module.parse(text, file: "a")
    }
  }

  @Test("many lines, and one long line, are read in time that is as their length")
  func long() throws {
    let sets = String(repeating: "p if not {1, 2} == {3}\n", count: 5_000)
    #expect(try Module.parse("package a\n" + sets, file: "a").rules.count == 5_000)
    let line = "p := [" + String(repeating: "1, ", count: 50_000) + "1]"
    _ = try Policy([try Module.parse("package a\n" + line, file: "a")])
  }

  @Test("values that rules put into each other are bounded in depth")
  func deepValues() throws {
    let rules = (1..<3000).map { "r\(10000 + $0) := [r\(10000 + $0 - 1)]" }.joined(separator: "\n")
    let policy = try Policy([try Module.parse("package a\nr10000 := []\n\(rules)", file: "a")])
    let evaluation = Evaluation(policy, input: nil, meter: Meter(steps: 1 << 30, bytes: 1 << 30))
    #expect(throws: EvaluationError.budget("values deeper than 1024")) { try evaluation.value(of: ["a"]) }
  }

  @Test("choices that stand in each other are bounded")
  func deepChoices() throws {
    let body = (0..<500).map { "some x\($0) in [1]" }.joined(separator: "\n")
    let rules = (0..<100).map { "r\($0) if {\n\(body)\nr\($0 + 1)\n}" }.joined(separator: "\n")
    let policy = try Policy([try Module.parse("package a\n\(rules)\nr100 := true", file: "a")])
    let evaluation = Evaluation(policy, input: nil, meter: Meter(steps: 1 << 30, bytes: 1 << 30))
    #expect(throws: EvaluationError.budget("more than 384 choices open in each other")) {
      try evaluation.value(of: ["a", "r0"])
    }
  }

  @Test("rules that stand on each other are bounded by the budget alone, and functions by the stack")
  func deepRules() throws {
    func value(_ text: String) throws -> Value? {
      let policy = try Policy([try Module.parse("package a\n\(text)", file: "a")])
      let evaluation = Evaluation(policy, input: nil, meter: Meter(steps: 1 << 30, bytes: 1 << 30))
      return try evaluation.value(of: ["a", "r0"])
    }
    func chain(_ length: Int, _ rule: (Int) -> String) -> String {
      (0..<length).map(rule).joined(separator: "\n")
    }
    let rules = chain(2000) { "r\($0) := x + 1 if x := r\($0 + 1)" }
    #expect(try value("\(rules)\nr2000 := 1") == .int(2001))
    let sets = chain(2000) { "r\($0) contains x + 1 if some x in r\($0 + 1)" }
    #expect(try value("\(sets)\nr2000 contains 1") == .set(SetValue([.int(2001)])))
    #expect(throws: EvaluationError.budget("rules deeper in each other than 4096")) {
      try value("\(chain(5000) { "r\($0) if r\($0 + 1)" })\nr5000 := true")
    }
    let functions = chain(200) { "f\($0)(x) := f\($0 + 1)(x)" }
    let tooDeep = EvaluationError.budget(
      "rules deeper in each other than 128, through functions or with replacements")
    #expect(throws: tooDeep) { try value("r0 := f0(1)\n\(functions)\nf200(x) := x") }
    let replaced = chain(200) { "q\($0) if q\($0 + 1)" }
    #expect(throws: tooDeep) { try value("r0 if q0 with input as 1\n\(replaced)\nq200 := true") }
  }

  @Test("operators side by side are bounded, as deep as their terms may be")
  func operators() throws {
    let chain = "(" + String(repeating: "1+", count: 120) + "1)"
    var term = "1"
    for _ in 0..<40 { term = String(repeating: "1+", count: 120) + "(\(term))" }
    _ = try Policy([try Module.parse("package a\np := \(chain)\nq := \(term)", file: "a")])
    #expect(throws: RegoSyntaxError.self) {
      try Module.parse("package a\np := " + String(repeating: "1+", count: 1000) + "1", file: "a")
    }
  }
}
