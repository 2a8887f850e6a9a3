import Crypto
import Testing

@testable import OpenExec

/// INV-009: no secret of a run leaves it in any of its usual clothes.
@Suite("Redaction")
struct RedactorTests {
  static let value = Array("s3cr3t/+?=ü-Token~1".utf8)
  let mark = String(decoding: Redactor.mark, as: UTF8.self)

  func redact(_ text: [UInt8], _ secrets: [RunSecret], pieces: Int) -> (String, Int) {
    var redactor = Redactor(secrets)
    var out: [UInt8] = []
    for start in stride(from: 0, to: text.count, by: pieces) {
      out += redactor.pass(Array(text[start..<min(text.count, start + pieces)]))
    }
    out += redactor.finish()
    return (String(decoding: out, as: UTF8.self), redactor.count)
  }

  /// The value as ordinary programs would show it.
  static func clothes() -> [[UInt8]] {
    func percent(_ all: Bool, _ lower: Bool) -> [UInt8] {
      value.flatMap { byte -> [UInt8] in
        let isPlain =
          (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || [0x2D, 0x2E, 0x5F, 0x7E].contains(byte)
        if isPlain, !all { return [byte] }
        let hex = "0123456789" + (lower ? "abcdef" : "ABCDEF")
        let digits = Array(hex.utf8)
        return [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    var clothes = [value, Array(Hex.encode(value).utf8), Array(Hex.encode(value).uppercased().utf8)]
    clothes += [percent(false, false), percent(true, false), percent(false, true), percent(true, true)]
    for before in ["", "a", "ab", "abc", "user:"] {
      for after in ["", "x", "xy", "\n"] {
        let text = Base64.encode(Array(before.utf8) + value + Array(after.utf8))
        clothes.append(Array(text.utf8))
        clothes.append(
          Array(text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "").utf8))
      }
    }
    return clothes
  }

  @Test("in every form and alignment, over every border of pieces", arguments: [1, 2, 3, 7, 64, 4_096])
  func forms(pieces: Int) {
    let secret = RunSecret(name: "token", value: Self.value)
    for (position, form) in Self.clothes().enumerated() {
      let (text, count) = redact(
        Array("before ".utf8) + form + Array(" after".utf8), [secret], pieces: pieces)
      #expect(count == 1, "form \(position): \(text)")
      #expect(text.hasPrefix("before ") && text.hasSuffix(" after") && text.contains(mark))
      // Of base64, at most the characters at the ends that other bytes share in.
      #expect(text.utf8.count <= mark.utf8.count + 13 + 14, "form \(position): \(text)")
    }
  }

  @Test("what overlaps goes together; what only begins like a secret stays")
  func overlaps() {
    let secrets = [
      RunSecret(name: "a", value: Array("abcdefgh".utf8)),
      RunSecret(name: "b", value: Array("xxabcdefghyy".utf8)),
    ]
    for pieces in [1, 5, 100] {
      #expect(redact(Array("..xxabcdefghyy..".utf8), secrets, pieces: pieces) == ("..\(mark)..", 1))
      #expect(redact(Array("xxabcdefghy".utf8), secrets, pieces: pieces) == ("xx\(mark)y", 1))
      #expect(redact(Array("abcdefgabcdefgh".utf8), secrets, pieces: pieces) == ("abcdefg\(mark)", 1))
      #expect(redact(Array("abcdefghabcdefgh".utf8), secrets, pieces: pieces) == (mark, 1))
      #expect(redact(Array("abcdefg xxabcdefg".utf8), secrets, pieces: pieces) == ("abcdefg xxabcdefg", 0))
    }
    let plain = (0..<5_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    var none = Redactor([])
    #expect(none.pass(plain) + none.finish() == plain)
    var some = Redactor(secrets)
    #expect(some.pass(plain) + some.finish() == plain)
  }

  @Test("the same as looking for every form at every place, for texts made of pieces of secrets")
  func reference() {
    var random = SplitMix(state: 11)
    let secrets = [
      RunSecret(name: "a", value: Array("aabaabaab".utf8)),
      RunSecret(name: "b", value: Array("abaababb".utf8)),
    ]
    let forms = secrets.flatMap(\.forms).filter { $0.count >= RunSecret.minimumBytes }
    for _ in 0..<300 {
      let text = (0..<(random.next() % 60)).map { _ in
        random.next() % 2 == 0 ? UInt8(ascii: "a") : UInt8(ascii: "b")
      }
      var isSecret = [Bool](repeating: false, count: text.count)
      for form in forms where form.count <= text.count {
        for start in 0...(text.count - form.count)
        where text[start..<(start + form.count)].elementsEqual(form) {
          for index in start..<(start + form.count) { isSecret[index] = true }
        }
      }
      var expected = ""
      for index in text.indices {
        if !isSecret[index] {
          expected.unicodeScalars.append(Unicode.Scalar(text[index]))
        } else if index == 0 || !isSecret[index - 1] {
          expected += mark
        }
      }
      let found = redact(text, secrets, pieces: Int(1 + random.next() % 9)).0
      #expect(found == expected)
    }
  }

  private struct SplitMix: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var word = state
      word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
      word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
      return word ^ (word >> 31)
    }
  }
}
