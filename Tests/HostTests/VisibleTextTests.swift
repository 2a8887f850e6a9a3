import Host
import Testing

/// What others wrote is shown so that all of it is seen.
struct VisibleTextTests {
  @Test(
    "what a terminal obeys, what reorders and what shows nothing is escaped",
    arguments: [
      ("\u{1B}[2J", "\\u{1B}[2J"), ("a\rb", "a\\u{D}b"), ("\u{9B}31m", "\\u{9B}31m"), ("\u{7F}", "\\u{7F}"),
      ("pay \u{202E}001\u{202C}", "pay \\u{202E}001\\u{202C}"), ("\u{2067}x\u{2069}", "\\u{2067}x\\u{2069}"),
      ("ad\u{200B}min", "ad\\u{200B}min"), ("\u{FEFF}x", "\\u{FEFF}x"), ("a\u{2028}b", "a\\u{2028}b"),
      ("\u{E0041}", "\\u{E0041}"), ("\u{3164}", "\\u{3164}"), ("a\u{0}b", "a\\u{0}b"), ("a\tb", "a\\u{9}b"),
    ] as [(String, String)])
  func hidden(_ text: String, _ shown: String) {
    #expect(VisibleText.lines(text) == shown)
    #expect(VisibleText.line(text) == shown)
  }

  @Test(
    "what people write is left as it is",
    arguments: ["{\"text\":\"Grüße, 你好, שלום, e\u{301}\"}", "", "a b", "→ 5 €"])
  func plain(_ text: String) {
    #expect(VisibleText.line(text) == text)
  }

  @Test("line breaks stay in a text of several lines, and are escaped within a line and in a cell")
  func lines() {
    #expect(VisibleText.lines("a\nb\r\n") == "a\nb\\u{D}\n")
    #expect(VisibleText.line("a\nb") == "a\\u{A}b")
    var table = TextTable(["name", "bytes"])
    table.add(["x\n1  approved", "5"])
    #expect(table.text.split(separator: "\n").count == 2)
  }
}
