import Crypto
import Foundation
import Testing

@Suite("Secrets")
struct SecretTests {
  /// How many of the `count` bytes at `address` are still `pattern`, read through the kernel so that
  /// memory that was let go may be looked at. Memory that is gone holds none.
  private func residue(_ address: UInt, _ count: Int, of pattern: UInt8) -> Int {
    let file = open("/proc/self/mem", O_RDONLY)
    guard file >= 0 else { return 0 }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: count)
    let got = pread(file, &bytes, count, off_t(address))
    return bytes.prefix(max(got, 0)).count { $0 == pattern }
  }

  @Test("secrets leave nothing behind: arrays taken over or wiped, and memory that ended")
  func nothingIsLeft() {
    let count = 50_000
    var address: UInt = 0
    func secretBytes() -> [UInt8] {
      let bytes = [UInt8](repeating: 0xA5, count: count)
      bytes.withUnsafeBytes { address = UInt(bitPattern: $0.baseAddress) }
      return bytes
    }
    var wiped = secretBytes()
    #expect(residue(address, count, of: 0xA5) == count)
    wipe(&wiped)
    #expect(residue(address, count, of: 0xA5) < 500)
    for guarded in [true, false] {
      var taken = secretBytes()
      if guarded {
        let memory = SecretMemory(consuming: &taken)
        #expect(residue(address, count, of: 0xA5) < 500)
        memory.withUnsafeBytes { address = UInt(bitPattern: $0.baseAddress) }
        #expect(residue(address, count, of: 0xA5) == count)
      } else {
        var memory = SecretMemory(zeroes: count, guarded: false)
        memory.withUnsafeMutableBytes {
          $0.copyBytes(from: taken)
          address = UInt(bitPattern: $0.baseAddress)
        }
        #expect(residue(address, count, of: 0xA5) == count)
      }
      #expect(residue(address, count, of: 0xA5) < 500)
    }
  }

  @Test("taking secret bytes over empties the array they came in")
  func consumingWipes() {
    var bytes: [UInt8] = [1, 2, 3, 4]
    let secret = SecretMemory(consuming: &bytes)
    #expect(bytes.isEmpty)
    #expect(secret.withUnsafeBytes { Array($0) } == [1, 2, 3, 4])
  }

  @Test("wiping empties an array")
  func wiping() {
    var bytes = [UInt8](repeating: 7, count: 100)
    wipe(&bytes)
    #expect(bytes.isEmpty)
    var empty: [UInt8] = []
    wipe(&empty)
    #expect(empty.isEmpty)
  }

  @Test("secret memory starts as zeroes, and a clone is memory of its own, guarded or not")
  func clones() {
    var seen: [UInt8] = []
    for guarded in [true, false] {
      var memory = SecretMemory(zeroes: 40, guarded: guarded)
      #expect(memory.withUnsafeBytes { $0.allSatisfy { $0 == 0 } })
      memory.withUnsafeMutableBytes { $0.copyBytes(from: [9, 8, 7]) }
      let clone = memory.clone()
      memory.withUnsafeMutableBytes { $0[0] = 1 }
      #expect(clone.withUnsafeBytes { Array($0.prefix(3)) } == [9, 8, 7])
      seen += memory.withUnsafeBytes { Array($0.prefix(3)) }
    }
    #expect(seen == [1, 8, 7, 1, 8, 7])
  }

  @Test("guarded memory is unmapped when its owner ends: reading it afterwards kills the process")
  func guardedMemoryIsGone() async {
    await #expect(processExitsWith: .failure) {
      var address: UInt = 0
      do {
        var secret: [UInt8] = [42]
        let memory = SecretMemory(consuming: &secret)
        memory.withUnsafeBytes { address = UInt(bitPattern: $0.baseAddress) }
        _ = consume memory
      }
      if let pointer = UnsafePointer<UInt8>(bitPattern: address), pointer.pointee == 42 {
        print("the secret outlived its owner")
      }
    }
  }

  @Test("writing past the end of guarded memory kills the process")
  func guardPage() async {
    await #expect(processExitsWith: .failure) {
      var memory = SecretMemory(zeroes: 32)
      memory.withUnsafeMutableBytes { bytes in
        if let base = bytes.baseAddress { base.storeBytes(of: 1, toByteOffset: 32, as: UInt8.self) }
      }
    }
  }

  @Test("a sealed secret opens with its key and purpose only, and not with any byte changed")
  func sealing() throws {
    var random = SeededRandom(1)
    let key = SymmetricKey(using: &random)
    let other = SymmetricKey(using: &random)
    var bytes: [UInt8] = [1, 2, 3]
    let secret = SecretMemory(consuming: &bytes)
    let sealed = SealedSecret.seal(secret, for: [1], key: key, using: &random)
    #expect(sealed.count == 3 + SealedSecret.overhead)
    #expect(sealed != SealedSecret.seal(secret, for: [1], key: key, using: &random))
    let opened = try SealedSecret.open(sealed, for: [1], key: key)
    #expect(opened.withUnsafeBytes { Array($0) } == [1, 2, 3])
    #expect(throws: SealedSecretError.notSealedWithThisKey) {
      _ = try SealedSecret.open(sealed, for: [2], key: key)
    }
    #expect(throws: SealedSecretError.notSealedWithThisKey) {
      _ = try SealedSecret.open(sealed, for: [1], key: other)
    }
    #expect(throws: SealedSecretError.length(SealedSecret.overhead)) {
      _ = try SealedSecret.open(Array(sealed.prefix(SealedSecret.overhead)), for: [1], key: key)
    }
    for position in sealed.indices {
      var changed = sealed
      changed[position] ^= 1
      #expect(throws: SealedSecretError.self) {
        _ = try SealedSecret.open(changed, for: [1], key: key)
      }
    }
  }

  /// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
  @Test("XChaCha20-Poly1305 known answer")
  func knownAnswer() throws {
    let text =
      "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
      + "sunscreen would be it."
    var bytes = Array(UInt8(0x80)...0x9F)
    guard let key = SymmetricKey(consuming: &bytes),
      let nonce = AEAD.Nonce(Array(UInt8(0x40)...0x57)),
      let data = Hex.decode("50515253c0c1c2c3c4c5c6c7")
    else { throw TestFailure.unexpected("a length") }
    let box = AEAD.seal(Array(text.utf8), key: key, nonce: nonce, additionalData: data)
    #expect(
      Hex.encode(box)
        == "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb"
        + "731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452"
        + "2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
        + "21f9664c97637da9768812f615c68b13b52e"
        + "c0875924c1c7987947deafd8780acf49")
    #expect(AEAD.open(box, key: key, nonce: nonce, additionalData: data) == Array(text.utf8))
    #expect(AEAD.open(box, key: key, nonce: nonce, additionalData: []) == nil)
    #expect(AEAD.open(Array(box.prefix(15)), key: key, nonce: nonce, additionalData: data) == nil)
    for position in box.indices {
      var changed = box
      changed[position] ^= 0x80
      #expect(AEAD.open(changed, key: key, nonce: nonce, additionalData: data) == nil)
    }
    #expect(AEAD.Nonce([UInt8](repeating: 0, count: 12)) == nil)
  }

  @Test("derived keys differ by purpose and are the same each time")
  func derivedKeys() {
    var random = SeededRandom(2)
    let key = SymmetricKey(using: &random)
    func bytes(_ key: borrowing SymmetricKey) -> [UInt8] { key.withUnsafeBytes { Array($0) } }
    #expect(bytes(key.derived(for: [1])) == bytes(key.derived(for: [1])))
    #expect(bytes(key.derived(for: [1])) != bytes(key.derived(for: [2])))
    var short: [UInt8] = [1]
    let refused = SymmetricKey(consuming: &short) == nil
    #expect(refused)
  }
}
