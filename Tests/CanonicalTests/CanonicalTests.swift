import Canonical
import Conformance
import Crypto
import Testing

struct CanonicalFormTests {
  @Test(
    "RFC 8785 vectors: input becomes output, byte for byte",
    .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func vectors() throws {
    let names = try Conformance.list("jcs/testdata/input")
    #expect(names.count >= 6)
    for name in names {
      let value = try JSON.parse(
        try Conformance.bytes("jcs/testdata/input/\(name)"), limits: .interchange)
      let expected = try Conformance.bytes("jcs/testdata/output/\(name)")
      #expect(value.canonicalBytes() == expected, "\(name)")
      let hex = String(
        decoding: try Conformance.bytes(
          "jcs/testdata/outhex/\(name.replacing(".json", with: ".txt"))"), as: UTF8.self)
      let bytes = hex.split(whereSeparator: \.isWhitespace).compactMap { UInt8($0, radix: 16) }
      #expect(value.canonicalBytes() == bytes, "\(name)")
    }
  }

  @Test(
    "numbers are written as ECMAScript writes them",
    arguments: [
      ("0", "0"), ("-0", "0"), ("1", "1"), ("-1", "-1"), ("1e21", "1e+21"),
      ("999999999999999900000", "999999999999999900000"), ("1e-7", "1e-7"),
      ("0.000001", "0.000001"), ("1.5e300", "1.5e+300"), ("4.5", "4.5"), ("0.002", "0.002"),
      ("5e-324", "5e-324"), ("1.7976931348623157e308", "1.7976931348623157e+308"),
      ("9007199254740992", "9007199254740992"), ("123e-20", "1.23e-18"), ("100", "100"),
      ("295147905179352830000", "295147905179352830000"),
    ])
  func numbers(literal: String, expected: String) throws {
    #expect(try JSON.parse(literal).canonical == expected)
  }

  @Test(
    "an exponent at the ends of what an integer holds is refused or read, and never traps",
    arguments: [
      "0.1e-9223372036854775808", "0.0e-9223372036854775808", "10e-9223372036854775808",
      "0.10e-9223372036854775807", "0e9223372036854775807", "0.0e9223372036854775807",
      "0e-99999999999999999999", "1e9223372036854775807",
    ])
  func exponents(literal: String) {
    let isZero = literal.prefix { $0 != "e" }.allSatisfy { $0 == "0" || $0 == "." }
    #expect(((try? JSON.parse(literal)) != nil) == isZero)
  }

  @Test("names are ordered by UTF-16 code units, not by code points")
  func utf16Order() throws {
    // U+1F600 is D83D DE00 in UTF-16 and so comes before U+FB33.
    let value = try JSON.parse(#"{"\ufb33":1,"\ud83d\ude00":2,"a":3}"#)
    #expect(value.canonical == "{\"a\":3,\"😀\":2,\"\u{FB33}\":1}")
  }

  /// RFC 8785 §3.2.2.2, one character after the other.
  private func escaped(_ text: String) -> String {
    let short: [UInt8: String] = [
      8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 0x22: "\\\"", 0x5C: "\\\\",
    ]
    var out: [UInt8] = [0x22]
    for byte in text.utf8 {
      if let known = short[byte] {
        out += known.utf8
      } else if byte < 0x20 {
        out += "\\u00\(Hex.encode([byte]))".utf8
      } else {
        out.append(byte)
      }
    }
    return String(decoding: out + [0x22], as: UTF8.self)
  }

  @Test("what is to be escaped is, wherever in a text of any length it stands, and nothing else")
  func escapes() {
    let others = ["\u{20}", "!", "#", "[", "]", "\u{7F}", "\u{80}", "é", "€", "😀"]
    let marks = (0..<0x20).map { String(Unicode.Scalar(UInt8($0))) } + ["\"", "\\"] + others
    for length in 0..<28 {
      for position in 0...length {
        let plain = String(repeating: "x", count: position)
        let rest = String(repeating: "é", count: length - position)
        for mark in marks {
          for text in [plain + mark + rest, plain + mark + rest + mark]
          where JSON.string(text).canonical != escaped(text) {
            Issue.record("\(text.utf8.map { $0 }): \(JSON.string(text).canonical)")
          }
        }
      }
    }
    // Longer than what is written to at first, and longer again for its escapes.
    let long = String(repeating: "a\u{1}\"", count: 3000) + String(repeating: "b", count: 5000)
    #expect(JSON.string(long).canonical == escaped(long))
    #expect(JSON.array([.string(long), .string("")]).canonical == "[\(escaped(long)),\"\"]")
  }

  @Test(
    "members stand in canonical order however many there are and however they came; of two of one name the last stays"
  )
  func memberOrder() {
    var random = SeededRandom(seed: 11)
    let plain = ["", "a", "\0", "same eight", "same eigh", "same eightfold", "_", "A"]
    for round in 0..<900 {
      let beginnings = round % 3 == 0 ? plain + ["é", "\u{FB33}", "😀"] : plain
      var members: [(String, JSON)] = []
      for _ in 0..<Int.random(in: 0..<64, using: &random) {
        let name = beginnings[Int.random(in: beginnings.indices, using: &random)]
        members.append(
          (name + String(Int.random(in: 0..<12, using: &random), radix: 2), .integer(members.count)))
      }
      var expected = JSONObject()
      for (name, value) in members { expected[name] = value }
      let object = JSONObject(members)
      #expect(object == expected)
      #expect(
        zip(object.members, object.members.dropFirst()).allSatisfy {
          canonicalOrder($0.name, $1.name) == .ascending
        })
    }
  }

  @Test("two spellings of one character are two names and two values")
  func noUnicodeEquivalence() throws {
    let value = try JSON.parse(#"{"\u00e9":1,"e\u0301":2}"#)
    #expect(value.object?.members.count == 2)
    #expect(JSON.string("\u{E9}") != JSON.string("e\u{301}"))
  }

  @Test("canonical text reads back as an equal value with equal bytes")
  func roundTrip() throws {
    var random = SeededRandom(seed: 7)
    for _ in 0..<500 {
      let value = arbitrary(depth: 4, using: &random)
      let bytes = value.canonicalBytes()
      let again = try JSON.parse(bytes)
      #expect(again == value)
      #expect(again.canonicalBytes() == bytes)
    }
  }

  @Test("salted hashes differ by salt and by content")
  func salted() throws {
    let value: JSON = ["a": 1]
    #expect(value.saltedHash([1]) != value.saltedHash([2]))
    #expect(value.saltedHash([]) == SHA256.hash("{\"a\":1}"))
  }
}

struct ParserTests {
  @Test(
    "the JSON test suite: y_ is accepted but for duplicate names, n_ is refused, i_ never traps",
    .enabled(if: Conformance.isPresent, "OPENEXEC_CONFORMANCE is not set"))
  func testSuite() throws {
    let names = try Conformance.list("json-testsuite/test_parsing")
    #expect(names.count == 318)
    for name in names {
      let text = try Conformance.bytes("json-testsuite/test_parsing/\(name)")
      let value = Result { try JSON.parse(text, limits: .interchange) }
      let accepted = (try? value.get()) != nil
      if name.hasPrefix("y_") {
        #expect(accepted != name.contains("duplicated_key"), "\(name)")
      } else if name.hasPrefix("n_") {
        #expect(!accepted, "\(name)")
      }
    }
  }

  @Test(
    "what enters a record is exact: a number that canonical form changes is refused",
    arguments: ["9007199254740993", "333333333.33333329", "0.1000000000000000055511151231257827"])
  func inexactNumbers(literal: String) throws {
    #expect(throws: JSONError.self) { try JSON.parse(literal) }
    _ = try JSON.parse(literal, limits: .interchange)
  }

  @Test(
    "numbers that are exact are admitted", arguments: ["0.1", "1e3", "1.50", "-7", "12345678901234567000"])
  func exactNumbers(literal: String) throws { _ = try JSON.parse(literal) }

  @Test(
    "each refusal names its reason and its place",
    arguments: [
      (#"{"a":1,"a":2}"#, JSONError.Reason.duplicateName("a"), 0),
      (#""\ud800""#, .loneSurrogate, 7), (#""\ud800\u0041""#, .loneSurrogate, 13),
      ("[1,]", .expected("a value"), 3), ("1 2", .trailingBytes, 2), ("\"\u{1}\"", .controlCharacter, 1),
      ("1e999", .numberOutOfRange, 0), ("tru", .expected("true"), 0),
    ])
  func reasons(text: String, reason: JSONError.Reason, offset: Int) {
    #expect(throws: JSONError(reason: reason, offset: offset)) {
      try JSON.parse(text, limits: .interchange)
    }
  }

  @Test("of a text of several lines the place is a line and a column, counted in bytes")
  func places() {
    func said(_ text: String) -> String {
      do throws(JSONError) {
        _ = try JSON.parse(text)
        return "no error"
      } catch {
        return error.description
      }
    }
    #expect(said("{\n  \"é\": tru\n}") == "JSON: expected true, at line 2, column 9")
    #expect(said("{\n\n") == "JSON: expected a name in quotes, at line 3, column 1")
    #expect(said("\n1 2") == "JSON: expected the end of the text, at line 2, column 3")
    #expect(said("[1,]") == "JSON: expected a value, at byte 3")
  }

  @Test(
    "invalid UTF-8 is refused",
    arguments: [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] as [[UInt8]])
  func invalidUTF8(bytes: [UInt8]) {
    #expect(throws: JSONError.self) { try JSON.parse([0x22] + bytes + [0x22]) }
  }

  @Test("depth and size are bounded")
  func limits() throws {
    let limits = JSONLimits(maximumBytes: 200, maximumDepth: 3, exactNumbers: true)
    _ = try JSON.parse("[[[1]]]", limits: limits)
    #expect(throws: JSONError(reason: .tooDeep(limit: 3), offset: 3)) {
      try JSON.parse("[[[[1]]]]", limits: limits)
    }
    #expect(throws: JSONError.self) {
      try JSON.parse([UInt8](repeating: 0x20, count: 201), limits: limits)
    }
    #expect(throws: JSONError.self) { try JSON.parse([UInt8](repeating: 0x5B, count: 100_000)) }
  }

  @Test("mutated texts never trap")
  func fuzz() throws {
    var random = SeededRandom(seed: 11)
    let seed = Array(#"{"a":[1,2.5e-3,"x\u00e9\ud83d\ude00"],"b":{"c":null,"d":true}}"#.utf8)
    for _ in 0..<5_000 {
      var text = seed
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        text[Int.random(in: 0..<text.count, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      if let value = try? JSON.parse(text) {
        #expect(try JSON.parse(value.canonicalBytes()) == value)
      }
    }
  }
}

/// SplitMix64: small, seeded, the same everywhere.
struct SeededRandom: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

private func arbitrary(depth: Int, using random: inout SeededRandom) -> JSON {
  let texts = ["", "a", "é", "e\u{301}", "\u{FB33}", "😀", "\"\\\n\u{7F}", "\u{0}"]
  switch Int.random(in: 0..<(depth == 0 ? 4 : 6), using: &random) {
  case 0: return .null
  case 1: return .bool(Bool.random(using: &random))
  case 2:
    let value = Double(bitPattern: random.next())
    return .number(value.isFinite ? value : 1)
  case 3: return .string(texts.randomElement(using: &random) ?? "")
  case 4:
    return .array(
      (0..<Int.random(in: 0...4, using: &random)).map { _ in arbitrary(depth: depth - 1, using: &random) })
  default:
    return .object(
      (0..<Int.random(in: 0...4, using: &random)).map { _ in
        (texts.randomElement(using: &random) ?? "", arbitrary(depth: depth - 1, using: &random))
      })
  }
}
