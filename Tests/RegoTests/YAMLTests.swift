import Testing

@testable import Rego

/// YAML as far as it says what JSON says.
struct YAMLTests {
  @Test(
    "what is read",
    arguments: [
      ("", "null"), ("# nothing\n", "null"), ("---\na\n...\n", #""a""#), ("1", "1"), ("-1.50", "-1.5"),
      ("0x1F", "31"),
      ("0o17", "15"), ("+7", "7"), (".5", "0.5"), ("1e3", "1000"), ("007", "7"),
      ("12345678901234567890123", "12345678901234567890123"),
      ("~", "null"), ("True", "true"), ("yes", #""yes""#), ("1.2.3", #""1.2.3""#),
      ("2020-01-01", #""2020-01-01""#), ("-", "[null]"),
      (
        "a: 1\nb:\n  - 2\n  - c: 3\n    d: 4\ne:\n- 5\nf:\n",
        #"{"a":1,"b":[2,{"c":3,"d":4}],"e":[5],"f":null}"#
      ),
      ("- - 1\n  - 2\n-\n  a: b\n", #"[[1,2],{"a":"b"}]"#),
      ("{a: [1, 'x, y', \"z\"], b: {c: }, d}", #"{"a":[1,"x, y","z"],"b":{"c":null},"d":null}"#),
      ("[a, b: 1,\n # c\n]", #"["a",{"b":1}]"#), ("a: b c\n  d\n\n  e\nf: g", #"{"a":"b c d\ne","f":"g"}"#),
      ("'it''s'", #""it's""#), (#""a\tb\u00e9\x41\ud83d\ude00\/""#, #""a\tbéA😀/""#),
      ("\"a\n  b\n\n  c\"", #""a b\nc""#),
      ("a: |\n  x\n   y\n\n  z\n\nb: 1", #"{"a":"x\n y\n\nz\n","b":1}"#), ("a: |-\n  x\n", #"{"a":"x"}"#),
      ("a: |+\n  x\n\n", #"{"a":"x\n\n"}"#),
      (
        "a: >\n  x\n  y\n\n  z\n   w\n  v\n",
        #"{"a":"x y\n\nz\n w\nv\n"}"#.replacing(#"y\n\nz"#, with: #"y\nz"#)
      ), ("a: |2\n    x\n", #"{"a":"  x\n"}"#),
      ("http://x:80/#a", #""http://x:80/#a""#), ("a: b # c", #"{"a":"b"}"#),
      ("1: a\ntrue: b", #"{"1":"a","true":"b"}"#),
      ("\"a: b\": c", #"{"a: b":"c"}"#), ("a:\r\n  b\r\n", #"{"a":"b"}"#), ("[]", "[]"), ("{}", "{}"),
      ("- [1]\n- {a: 1}", #"[[1],{"a":1}]"#),
    ])
  func read(text: String, json: String) throws {
    #expect(try YAMLReader.value(of: text).jsonText == json, "\(text)")
  }

  @Test(
    "what is refused says the line",
    arguments: [
      ("[1,2,3", 1, "did not find expected ',' or ']'"), ("{a: 1", 1, "did not find expected ',' or '}'"),
      ("a: &x 1", 1, "anchors are refused"),
      ("a: *x", 1, "aliases are refused"), ("a: !!str 1", 1, "tags are refused"),
      ("a: 1\na: 2", 2, "a key stands twice in one mapping"),
      ("a: b: c", 1, "mapping values are not allowed in this context"),
      ("a: - b", 1, "block sequence entries are not allowed in this context"),
      ("a:\n\t- b", 2, "found a tab where indentation is expected"),
      ("? a\n: b", 1, "keys that are no scalars are refused"),
      ("'a", 1, "found unexpected end of a quoted scalar"),
      ("a: 1\n b: 2", 2, "mapping values are not allowed in this context"),
      ("a\n---\nb", 2, "did not find expected end of the one document"),
      ("<<: {a: 1}", 1, "merge keys are refused"),
      (".inf", 1, "a number that JSON does not have"),
      ("@a", 1, "found character that cannot start any token"),
      ("a:\n  b: 1\n c: 2", 3, "did not find expected key"), ("\"\\q\"", 1, "found unknown escape character"),
    ])
  func refused(text: String, line: Int, what: String) {
    #expect(throws: YAMLError(line: line, what: what), "\(text)") { try YAMLReader.value(of: text) }
  }

  @Test("depth is bounded, in flow and in blocks")
  func depth() {
    for text in [
      String(repeating: "[", count: 100_000), String(repeating: "- ", count: 100_000),
      String(repeating: "{a: ", count: 50_000),
      (0..<200).map { String(repeating: " ", count: $0) + "a:" }.joined(separator: "\n"),
    ] {
      #expect(throws: YAMLError.self) { try YAMLReader.value(of: text) }
    }
  }

  @Test("what is written reads back as what it was")
  func roundTrip() throws {
    let texts = [
      "", "a", "a: b", "- a", "#", "a #b", "yes", "null", "1", "1e3", "0x1f", " a", "a ", "a\nb", "a\nb\n",
      "a\n\n", "\n", "\n a", "  a\n b", "'", "\"",
      "\t", "é", "\u{7f}", "\u{2028}", "{}", "[]", "[a", "?", "-", "- ", "*a", "&a", "!a", "%a", "@a", "`a`",
      "<<", "=", "~", "2020-01-01", "12:30", ":", "a:",
      "---", "...", "--- a", "a\n---\nb", ",", "|", ">", "a\r\nb",
    ]
    var values = texts.map(Value.string)
    values += [
      .null, .bool(true), .int(-5), .number(Number(0.25) ?? .small(0)), .array([]), .object(ObjectValue()),
      .set(SetValue()),
    ]
    values.append(.array(values))
    values.append(.object(ObjectValue(texts.enumerated().map { (.string($0.element), values[$0.offset]) })))
    values.append(
      .array([
        .array([
          .array([.int(1)]), .object(ObjectValue([(.string("a"), .array([.int(1), .array([.int(2)])]))])),
        ])
      ]))
    for value in values {
      let text = YAMLWriter.text(of: value)
      let read = try? YAMLReader.value(of: text)
      #expect(read?.jsonText == value.jsonText, "\(value.jsonText) was written as\n\(text)")
    }
  }
}
