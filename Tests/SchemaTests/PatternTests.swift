import Foundation
import Testing

@testable import Schema

struct PatternTests {
  @Test(
    "the subset means what ECMA-262 means by it",
    arguments: [
      ("abc", "xabcx", true), ("^abc$", "xabc", false), ("^a.c$", "a\u{1F600}c", true),
      ("^a.c$", "a\nc", false),
      ("^[a-c]+$", "abcab", true), ("^[a-c]+$", "abd", false), ("^[^a-c]$", "d", true),
      ("^[^a-c]$", "b", false),
      ("^(ab|cd)*$", "abcdab", true), ("^(ab|cd)*$", "abc", false), ("^(?:a|b){2}$", "ab", true),
      ("^a{2}$", "aaa", false), ("^a{2,}$", "aaaa", true), ("^a{1,2}$", "aaa", false), ("^a{0}$", "", true),
      ("^\\d{3}-\\w+\\s?$", "123-ab_9 ", true), ("^\\D\\W\\S$", "a-b", true), ("^\\.$", ".", true),
      ("^\\.$", "x", false), ("^[\\d.-]+$", "1.2-3", true), ("^[]-]$", "-", false), ("^a|b$", "ax", true),
      ("^a|b$", "xb", true), ("", "anything", true), ("^$", "", true), ("^$", "x", false), ("a?", "", true),
      ("^(a*)*$", "aaaa", true), ("^(|a)$", "", true), ("x$", "x\n", false),
    ])
  func examples(_ pattern: String, _ text: String, _ matches: Bool) throws {
    guard let compiled = try? Pattern(pattern) else {
      #expect(pattern == "^[]-]$")
      return
    }
    #expect(compiled.matches(text) == matches)
  }

  @Test(
    "what is outside the subset is refused",
    arguments: [
      "(", ")", "[", "[]", "[z-a]", "a**", "a+?", "*a", "{2}", "a{2", "a{3,2}", "a{257}", "(?=a)", "(?<n>a)",
      "\\1", "\\b", "\\p{L}", "\\u0041", "\\", "^*", "a}", "]", "[a[b]", "[\\d-z]",
      "((a{99}){99}){99}", String(repeating: "(", count: 40) + String(repeating: ")", count: 40),
      String(repeating: "a", count: 1025),
    ])
  func refusals(_ pattern: String) {
    #expect(throws: PatternError.self) { try Pattern(pattern) }
  }

  @Test("patterns that make backtracking explode take linear time", .timeLimit(.minutes(1)))
  func linear() throws {
    let text = String(repeating: "a", count: 20_000) + "!"
    for source in ["^(a+)+$", "^(a|a)*$", "^(a*)*b$", "(a?){64}a{64}$"] {
      #expect(!(try Pattern(source).matches(text)))
    }
    // Nothing, unfolded many times on many levels, must not take for ever to compile either.
    _ = try Pattern("((((((){256}){256}){256}){256}){256}){256}")
  }

  @Test("random patterns of the subset match as another engine does")
  func differential() throws {
    var random = SplitMix(state: 5)
    func atom(_ depth: Int) -> String {
      let simple = ["a", "b", "c", ".", "[ab]", "[^a]", "\\d", "\\."]
      if depth > 0, Int.random(in: 0..<4, using: &random) == 0 { return "(" + pattern(depth - 1) + ")" }
      return simple[Int.random(in: 0..<simple.count, using: &random)]
    }
    func pattern(_ depth: Int) -> String {
      var out = ""
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let suffixes = ["", "", "", "*", "+", "?", "{2}", "{1,3}"]
        out += atom(depth) + suffixes[Int.random(in: 0..<suffixes.count, using: &random)]
      }
      return Bool.random(using: &random) ? out : out + "|" + atom(depth)
    }
    for _ in 0..<400 {
      var source = pattern(2)
      if Bool.random(using: &random) { source = "^(?:" + source + ")$" }
      guard let ours = try? Pattern(source) else { continue }
      let theirs = try NSRegularExpression(pattern: source)
      for _ in 0..<10 {
        let letters = Array("abc.1")
        let text = String(
          (0..<Int.random(in: 0...6, using: &random)).map { _ in letters.randomElement(using: &random) ?? "a"
          })
        let range = NSRange(location: 0, length: text.utf16.count)
        #expect(
          ours.matches(text) == (theirs.firstMatch(in: text, range: range) != nil), "\(source) on \(text)")
      }
    }
  }
}

struct MultipleTests {
  @Test("multiples agree with integer arithmetic at every scale")
  func exact() throws {
    var random = SplitMix(state: 5)
    for _ in 0..<2000 {
      let divisor = Int.random(in: 1...999, using: &random)
      let value = Int.random(in: -99_999...99_999, using: &random)
      let scale = Int.random(in: 0...4, using: &random)
      func decimal(_ number: Int) -> String {
        var digits = String(number.magnitude)
        while digits.count <= scale { digits = "0" + digits }
        let point = digits.index(digits.endIndex, offsetBy: -scale)
        let text = scale == 0 ? digits : digits[..<point] + "." + digits[point...]
        return (number < 0 ? "-" : "") + text
      }
      let multiple = try #require(Multiple(of: decimal(divisor)))
      #expect(
        multiple.divides(decimal(value)) == (value % divisor == 0), "\(decimal(value)) / \(decimal(divisor))")
    }
  }
}

/// SplitMix64: the same sequence from the same seed on every machine.
private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
