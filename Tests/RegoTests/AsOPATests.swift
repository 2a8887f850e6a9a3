import Testing

@testable import Rego

/// What builtins and rules answer at the edges of what they are given, as OPA's do.
struct AsOPATests {
  @Test(
    "builtins answer as OPA's",
    arguments: [
      // Times: an hour of one digit, and zones by the look of their names, which move nothing.
      (#"time.parse_rfc3339_ns("2020-01-01T1:00:00Z")"#, "1577840400000000000"),
      (#"time.parse_ns("2006-01-02 15:04", "2020-05-06 7:08")"#, "1588748880000000000"),
      (#"time.parse_ns("2006-01-02 03:04PM", "2020-05-06 7:08PM")"#, "undefined"),
      (#"time.parse_ns("2006-01-02 3:04PM", "2020-05-06 7:08PM")"#, "1588792080000000000"),
      (#"time.parse_ns("2006-01-02 MST", "2020-05-06 GMT+3")"#, "1588723200000000000"),
      (#"time.parse_ns("2006-01-02 MST", "2020-05-06 GMT-24")"#, "undefined"),
      (#"time.parse_ns("2006-01-02 MST", "2020-05-06 CEST")"#, "1588723200000000000"),
      (#"time.parse_ns("2006-01-02 MST", "2020-05-06 WITA")"#, "1588723200000000000"),
      (#"time.parse_ns("2006-01-02 MST", "2020-05-06 ChST")"#, "1588723200000000000"),
      (#"time.parse_ns("2006-01-02 MST", "2020-05-06 +03")"#, "1588723200000000000"),
      (#"time.parse_ns("2006-01-02 MST", "2020-05-06 ABCD")"#, "undefined"),
      (#"time.parse_ns("2006-01-02 MST", "2020-05-06 ABCDE")"#, "undefined"),
      (#"time.parse_ns("2006-01-02 MST", "2020-05-06 ABCDET")"#, "undefined"),
      (#"time.parse_ns("2006-01-02 MST", "2020-05-06 AB")"#, "undefined"),
      // Numbers.
      ("numbers.range_step(0, 18446744073709551616, 18446744073709551616)", "[0, 18446744073709551616]"),
      ("numbers.range_step(0, 1, -18446744073709551616)", "undefined"),
      ("bits.lsh(0, 1000000000000)", "0"), ("bits.lsh(1, 100000)", "undefined"),
      // JSON: half of a pair of surrogates, and names that are no strings.
      (#"json.unmarshal(`"\ud800"`)"#, "\"\u{FFFD}\""), (#"json.unmarshal(`"\udc00x"`)"#, "\"\u{FFFD}x\""),
      (#"json.unmarshal(`"\ud83d\ude00\ud83d\u0041"`)"#, "\"\u{1F600}\u{FFFD}A\""),
      (#"json.unmarshal(`{"\u0061\/\b": "\\\""}`)"#, #"{"a/\b": "\\\""}"#),
      (#"json.unmarshal(`"\u+041"`)"#, "undefined"), (#"json.unmarshal(`"\x41"`)"#, "undefined"),
      (#"json.unmarshal(`"\u004"`)"#, "undefined"), (#"json.is_valid(`"\ud800"`)"#, "true"),
      ("json.marshal({9: 1, 10: 2})", #""{\"10\":2,\"9\":1}""#),
      (#"json.marshal({true: 1, 1.5: 2, "z": 3, "a": 4})"#, #""{\"1.5\":2,\"a\":4,\"true\":1,\"z\":3}""#),
      (#"json.marshal({1: "a", "1": "b"})"#, #""{\"1\":\"b\"}""#),
      (#"json.marshal_with_options({9: 1, 10: 2}, {"indent": " "})"#, #""{\n \"10\": 2,\n \"9\": 1\n}""#),
      // Versions.
      (#"semver.is_valid("v1.0.0")"#, "true"), (#"semver.is_valid("vv1.0.0")"#, "false"),
      (#"semver.is_valid("1.2.3-")"#, "true"), (#"semver.is_valid("1.2.3-a..b")"#, "false"),
      (#"semver.is_valid("9223372036854775808.0.0")"#, "false"),
      (#"semver.compare("v1.2.3", "1.2.3-")"#, "0"),
      // Networks.
      (#"net.cidr_contains("10.0.0.0/08", "10.0.0.1")"#, "true"),
      (#"net.cidr_contains("10.0.0.0/+8", "10.0.0.1")"#, "undefined"),
      // Of what is equal the first stays as it is written.
      (#"{1: "a", 1.0: "b"}"#, #"{1: "b"}"#), ("{1.0, 1}", "{1.0}"),
    ])
  func builtins(term: String, text: String) throws { #expect(try TermRun.text(of: term) == text, "\(term)") }

  @Test("the value of a complete rule is written as its first rule writes it")
  func firstRule() throws {
    #expect(try TermRun.text(module: "package a\np := 1\np := 1.0\np := 1") == "1")
    #expect(try TermRun.text(module: "package a\np := f(2)\nf(x) := 1.50\nf(x) := 1.5 if x > 1") == "1.50")
  }

  @Test("an escape has four hexadecimal digits and no sign")
  func escape() { #expect(throws: RegoSyntaxError.self) { try TermRun.value(of: #""\u+041""#) } }
}
