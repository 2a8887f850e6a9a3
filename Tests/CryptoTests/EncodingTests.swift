import Crypto
import Testing

@Suite("Encodings")
struct EncodingTests {
  /// RFC 4648 §10.
  @Test(
    "base64 vectors of RFC 4648",
    arguments: [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
      ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ])
  func base64(plain: String, encoded: String) {
    #expect(Base64.encode(Array(plain.utf8)) == encoded)
    #expect(Base64.decode(encoded) == Array(plain.utf8))
  }

  @Test(
    "base64 that is not the one encoding of its bytes is refused",
    arguments: [
      "Zg", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm8=Zm8=", "====", "=Zm9", "Zm 9v", "Zm9v\n",
      "Zm-_", "Z===", "Zm9vZg=", "Zm9\u{E9}", "=", "==", "Zm==Zm8=", "Zm9v====", "Z=8=", "Zg=g", "\0\0\0\0",
    ])
  func strictBase64(text: String) {
    #expect(Base64.decode(text) == nil)
  }

  @Test(
    "hexadecimal text in upper case, of odd length or with other characters is refused",
    arguments: ["0", "AB", "0g", "0x00", " 00", "00 ", "é0"])
  func strictHex(text: String) {
    #expect(Hex.decode(text) == nil)
    #expect(Digest(hex: text) == nil)
    let digest = SHA256.hash("x").hex
    #expect(Digest(hex: digest)?.hex == digest)
    #expect(Digest(hex: digest + "00") == nil && Digest(hex: String(digest.dropLast(2))) == nil)
  }

  @Test("every byte string survives both encodings")
  func roundTrips() {
    var random = SeededRandom(1)
    for length in 0..<200 {
      let bytes = random.bytes(length)
      #expect(Hex.decode(Hex.encode(bytes)) == bytes)
      #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    }
  }

  @Test(
    "a text's parts, empty ones too",
    arguments: [
      ("", [""]), (",", ["", ""]), ("a", ["a"]), ("a,b", ["a", "b"]), ("a,,é,", ["a", "", "é", ""]),
    ])
  func parts(text: String, parts: [String]) {
    #expect(text.parts(separatedBy: UInt8(ascii: ",")) == parts)
  }

  @Test("what follows a prefix")
  func rest() {
    #expect("state abc".rest(after: "state ") == "abc")
    #expect("state ".rest(after: "state ") == "")
    #expect("stat".rest(after: "state ") == nil)
    #expect("xtate abc".rest(after: "state ") == nil)
    // A combining mark is a byte sequence like any other here.
    #expect("state e\u{301}".rest(after: "state e") == "\u{301}")
  }

  @Test("thirty-two bytes are exactly that many, and ordered as byte strings")
  func bytes32() {
    var random = SeededRandom(2)
    #expect(Bytes32(random.bytes(31)) == nil)
    #expect(Bytes32(random.bytes(33)) == nil)
    for _ in 0..<200 {
      let left = random.bytes(32)
      var right = left
      right[Int.random(in: 0..<32, using: &random)] ^= UInt8.random(in: 0...1, using: &random)
      guard let a = Bytes32(left), let b = Bytes32(right) else {
        Issue.record("32 bytes refused")
        return
      }
      #expect((a < b) == left.lexicographicallyPrecedes(right))
      #expect((a == b) == (left == right))
      #expect(Bytes32.constantTimeEqual(a, b) == (left == right))
      #expect(constantTimeEqual(left, right) == (left == right))
    }
  }
}
