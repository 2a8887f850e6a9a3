import Crypto
import Testing

@Suite("Hashes")
struct HashTests {
  /// FIPS 180-4 examples, and the empty input.
  @Test(
    "SHA-256 known answers",
    arguments: [
      ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
      ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
      (
        "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
      ),
    ])
  func sha256(text: String, expected: String) {
    #expect(SHA256.hash(text).hex == expected)
    var pieces = SHA256()
    for byte in text.utf8 { pieces.update([byte]) }
    #expect(pieces.finalize().hex == expected)
  }

  @Test(
    "SHA-512 known answers",
    arguments: [
      (
        "",
        "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
          + "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
      ),
      (
        "abc",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
          + "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
      ),
    ])
  func sha512(text: String, expected: String) {
    #expect(Hex.encode(SHA512.hash(Array(text.utf8))) == expected)
    var pieces = SHA512()
    for byte in text.utf8 { pieces.update([byte]) }
    #expect(Hex.encode(pieces.finalize()) == expected)
  }

  /// RFC 4231 §4.2, §4.3 and §4.7 (a key longer than a block).
  @Test(
    "HMAC-SHA-256 known answers",
    arguments: [
      (
        [UInt8](repeating: 0x0B, count: 20), "Hi There",
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
      ),
      (
        Array("Jefe".utf8), "what do ya want for nothing?",
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
      ),
      (
        [UInt8](repeating: 0xAA, count: 131),
        "Test Using Larger Than Block-Size Key - Hash Key First",
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
      ),
    ])
  func hmac(key: [UInt8], text: String, expected: String) {
    #expect(HMACSHA256.authenticate(Array(text.utf8), key: key).hex == expected)
  }

  @Test("digests are ordered as byte strings and read back from hexadecimal text")
  func digests() {
    let digests = (0..<50).map { SHA256.hash([UInt8($0)]) }
    for (left, right) in zip(digests, digests.dropFirst()) {
      #expect((left < right) == left.bytes.lexicographicallyPrecedes(right.bytes))
    }
    #expect(Digest(hex: digests[0].hex) == digests[0])
    #expect(Digest(hex: digests[0].hex.uppercased()) == nil)
    #expect(Digest(digests[0].bytes + [0]) == nil)
  }
}
