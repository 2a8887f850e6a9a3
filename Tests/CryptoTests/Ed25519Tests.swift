import Crypto
import Foundation
import Testing

@Suite("Ed25519 signatures")
struct Ed25519Tests {
  @Test(
    "every published RFC 8032 line signs and verifies, and no line verifies when changed",
    .enabled(if: conformance != nil, "OPENEXEC_CONFORMANCE is not set"))
  func published() throws {
    guard let conformance else { return }
    let text = try String(
      contentsOfFile: "\(conformance)/rfc8032/sign.input", encoding: .utf8)
    let lines = text.split(separator: "\n")
    #expect(lines.count == 128)
    for line in lines {
      let fields = line.split(separator: ":", omittingEmptySubsequences: false)
      guard fields.count >= 4, var seed = Hex.decode(String(fields[0].prefix(64))),
        let key = PublicKey(hex: String(fields[1])), let message = Hex.decode(String(fields[2])),
        let bytes = Hex.decode(String(fields[3].prefix(128))), let signature = Signature(bytes),
        let signer = SigningKey(seed: &seed)
      else { throw TestFailure.unexpected(String(line.prefix(80))) }
      #expect(seed.isEmpty)
      #expect(signer.publicKey == key)
      #expect(signer.sign(message) == signature)
      #expect(key.verifies(signature, over: message))
      #expect(!key.verifies(signature, over: message + [0]))
      for position in [0, 31, 32, 63] {
        var changed = bytes
        changed[position] ^= 0x10
        guard let changed = Signature(changed) else { throw TestFailure.unexpected("length") }
        #expect(!key.verifies(changed, over: message))
      }
    }
  }

  @Test("a key survives its seed and its clone, and refuses other lengths")
  func seeds() {
    var random = SeededRandom(1)
    let key = SigningKey.generate(using: &random)
    var seed = key.seed()
    if let again = SigningKey(seed: &seed) {
      let publicKey = again.publicKey
      #expect(publicKey == key.publicKey)
    } else {
      Issue.record("a key's own seed is refused")
    }
    let clone = key.clone()
    #expect(clone.sign([1]) == key.sign([1]))
    for length in [0, 31, 33, 64] {
      var wrong = [UInt8](repeating: 1, count: length)
      let refused = SigningKey(seed: &wrong) == nil
      #expect(refused)
    }
    #expect(Signature([UInt8](repeating: 0, count: 63)) == nil)
    #expect(Signature(base64: key.sign([2]).base64) == key.sign([2]))
  }
}
