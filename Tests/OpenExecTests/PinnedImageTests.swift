import Crypto
import Testing

@testable import OpenExec

/// T5.3: bytes are the image that was approved, or they are not run.
struct PinnedImageTests {
  @Test("one bit is another image")
  func bits() throws {
    var bytes = Array("an image".utf8)
    let digest = "sha256:" + SHA256.hash(bytes).hex
    try PinnedImage.check(bytes, against: digest)
    bytes[3] ^= 1
    let other = "sha256:" + SHA256.hash(bytes).hex
    #expect(throws: PinnedImage.Mismatch(expected: digest, found: other)) {
      try PinnedImage.check(bytes, against: digest)
    }
    #expect(throws: PinnedImage.Mismatch.self) {
      try PinnedImage.check(bytes, against: SHA256.hash(bytes).hex)
    }
  }
}
