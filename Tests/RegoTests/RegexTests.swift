import Testing

@testable import Rego

/// Regular expressions as RE2 has them: the leftmost match, the first alternative, linear time, nothing that looks back.
struct RegexTests {
  private func evaluate(_ term: String, steps: Int = 1_000_000) throws -> Value? {
    let policy = try Policy([try Module.parse("package a\np := \(term)", file: "a")])
    let evaluation = Evaluation(
      policy, input: nil, meter: Meter(steps: steps, bytes: 1 << 24), isStrict: true)
    return try evaluation.value(of: ["a", "p"])
  }

  @Test(
    "what is found is what RE2 finds",
    arguments: [
      ("a|ab", "abc", "[\"a\"]"), ("(?:a|ab)(?:c|bcd)", "abcd", "[\"abcd\"]"),
      ("a*?", "aa", "[\"\",\"\",\"\"]"),
      ("a+?b", "aab", "[\"aab\"]"), ("a{2,3}", "aaaaa", "[\"aaa\",\"aa\"]"), ("^a", "aa", "[\"a\"]"),
      ("(?m)^a$", "a\\na", "[\"a\",\"a\"]"), ("a$", "a\\n", "[]"), ("(?s).", "\\n", "[\"\\n\"]"),
      (".", "\\n", "[]"),
      ("(?i)ABC", "xabCx", "[\"abC\"]"), ("\\\\bfoo\\\\b", "a foo b", "[\"foo\"]"),
      ("\\\\Boo", "foo", "[\"oo\"]"),
      ("[^a-c]+", "abcxyz", "[\"xyz\"]"), ("[[:alpha:]]+", "12ab3", "[\"ab\"]"),
      ("\\\\d+", "a12b3", "[\"12\",\"3\"]"),
      ("\\\\pL+", "añb1", "[\"añb\"]"), ("é", "café", "[\"é\"]"), ("\\\\x{e9}", "é", "[\"é\"]"),
      ("\\\\Qa.b\\\\E", "a.b", "[\"a.b\"]"),
      ("(?:)", "ab", "[\"\",\"\",\"\"]"), ("x*", "axb", "[\"\",\"x\",\"\"]"), ("(a)(b)?", "a", "[\"a\"]"),
      ("\\\\z", "a", "[\"\"]"),
    ])
  func found(pattern: String, text: String, matches: String) throws {
    let value = try evaluate("regex.find_n(\"\(pattern)\", \"\(text)\", -1)")
    #expect(value == Value.parse(json: matches), "\(pattern) in \(text): \(value?.jsonText ?? "undefined")")
  }

  @Test(
    "what RE2 does not have is no pattern",
    arguments: [
      "(?=a)", "(?!a)", "(?<=a)", "(a)\\\\1", "a**", "(", ")", "[", "[b-a]", "a{1001}", "\\\\8",
      "(?P<n>a)(?P<n>b)", "*", "\\\\pX",
      "(?<n", "a{2}{3}{1000}",
    ])
  func refused(pattern: String) throws {
    #expect(try evaluate("regex.is_valid(\"\(pattern)\")") == .bool(false), "\(pattern)")
    #expect(throws: EvaluationError.self, "\(pattern)") { try evaluate("regex.match(\"\(pattern)\", \"a\")") }
  }

  @Test(
    "patterns over which others take exponential time take steps as the text is long",
    arguments: ["(a*)*b", "(a+a+)+b", "(a|a)*b", "(a|aa)+$b", "(.*)(.*)(.*)(.*)b", "a?a?a?a?a?a?aaaaaab"])
  func linear(pattern: String) throws {
    func spent(_ length: Int) throws -> Int {
      let text = String(repeating: "a", count: length)
      let policy = try Policy([
        try Module.parse("package a\np := regex.match(\"\(pattern)\", input)", file: "a")
      ])
      let evaluation = Evaluation(policy, input: .string(text), meter: Meter(steps: 1 << 40, bytes: 1 << 24))
      #expect(try evaluation.value(of: ["a", "p"]) == .bool(false))
      return (1 << 40) - evaluation.meter.steps
    }
    let (some, ten) = (try spent(1_000), try spent(10_000))
    #expect(some > 1_000)
    #expect(ten < 11 * some, "\(some) steps for 1000 characters, \(ten) for 10000")
    #expect(ten < 1_000_000)
  }

  @Test("a search within a search is bounded by its steps")
  func budget() throws {
    let text = String(repeating: "a", count: 10_000)
    #expect(throws: EvaluationError.budget("more steps than the budget has")) {
      try evaluate("regex.match(\"(a*)*b\", \"\(text)\")", steps: 10_000)
    }
    #expect(throws: EvaluationError.self) {
      try evaluate("regex.match(\"((((a{100}){100}){100}){100})\", \"a\")")
    }
  }
}
