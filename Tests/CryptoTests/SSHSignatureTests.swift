import Crypto
import Foundation
import Testing

@Suite("OpenSSH signatures")
struct SSHSignatureTests {
  private struct Signed {
    let armored: String
    let key: PublicKey
  }

  private let message = Array("approve proposal 7\n".utf8)

  /// A signature made by the real `ssh-keygen`.
  private func signed(
    _ message: [UInt8], namespace: String, type: String = "ed25519", hash: String? = nil
  ) throws -> (armored: String, publicLine: String) {
    let folder = try TemporaryFolder()
    #expect(
      try run(
        "ssh-keygen", ["-q", "-t", type, "-N", "", "-C", "someone", "-f", folder.path("key")]) == 0)
    try folder.write(message, to: "message")
    var arguments = ["-Y", "sign", "-f", folder.path("key"), "-n", namespace]
    if let hash { arguments += ["-O", "hashalg=\(hash)"] }
    #expect(try run("ssh-keygen", arguments + [folder.path("message")]) == 0)
    return (
      String(decoding: try folder.read("message.sig"), as: UTF8.self),
      String(decoding: try folder.read("key.pub"), as: UTF8.self)
    )
  }

  @Test("what ssh-keygen signs verifies, with either hash", arguments: [nil, "sha256", "sha512"])
  func verifies(hash: String?) throws {
    let (armored, line) = try signed(message, namespace: "openexec-ballot", hash: hash)
    let key = try PublicKey(openSSH: line)
    let signature = try SSHSignature(armored: armored)
    #expect(signature.publicKey == key)
    #expect(signature.namespace == "openexec-ballot")
    #expect(signature.hashAlgorithm.rawValue == hash ?? "sha512")
    try signature.verify(message, namespace: "openexec-ballot", key: key)
    #expect(throws: SSHSignatureError.invalid) {
      try signature.verify(message + [10], namespace: "openexec-ballot", key: key)
    }
    #expect(
      throws: SSHSignatureError.wrongNamespace(expected: "git", found: "openexec-ballot")
    ) { try signature.verify(message, namespace: "git", key: key) }
    var random = SeededRandom(1)
    let other = SigningKey.generate(using: &random).publicKey
    #expect(throws: SSHSignatureError.wrongKey) {
      try signature.verify(message, namespace: "openexec-ballot", key: other)
    }
  }

  @Test("the binary form is the armoured one; no changed byte of it verifies")
  func changedBytes() throws {
    let (armored, line) = try signed(message, namespace: "n")
    let key = try PublicKey(openSSH: line)
    let body = armored.split(separator: "\n").dropFirst().dropLast().joined()
    guard let blob = Base64.decode(body) else { throw TestFailure.unexpected("no base64") }
    #expect(try SSHSignature(blob: blob) == SSHSignature(armored: armored))
    for position in blob.indices {
      var changed = blob
      changed[position] ^= 1
      #expect(throws: SSHSignatureError.self, "byte \(position)") {
        try SSHSignature(blob: changed).verify(message, namespace: "n", key: key)
      }
      #expect(throws: SSHSignatureError.self) {
        try SSHSignature(blob: Array(blob.prefix(position)))
      }
    }
    #expect(throws: SSHSignatureError.malformed) { try SSHSignature(blob: blob + [0]) }
  }

  @Test("armour may have CRLF line ends, and nothing else around it")
  func armour() throws {
    let (armored, _) = try signed(message, namespace: "n")
    let crlf = armored.split(separator: "\n").joined(separator: "\r\n")
    #expect(try SSHSignature(armored: crlf) == SSHSignature(armored: armored))
    for wrong in ["", "x\n" + armored, armored + "x", String(armored.dropFirst())] {
      #expect(throws: SSHSignatureError.notAnSSHSignature) { try SSHSignature(armored: wrong) }
    }
    let long = String(repeating: "A", count: SSHSignature.maximumLength + 1)
    #expect(throws: SSHSignatureError.tooLong(long.utf8.count)) {
      try SSHSignature(armored: long)
    }
  }

  @Test("keys of another type are refused by name")
  func otherKeyType() throws {
    let (armored, line) = try signed(message, namespace: "n", type: "ecdsa")
    #expect(throws: SSHSignatureError.unsupportedKeyType("ecdsa-sha2-nistp256")) {
      try PublicKey(openSSH: line)
    }
    #expect(throws: SSHSignatureError.unsupportedKeyType("ecdsa-sha2-nistp256")) {
      try SSHSignature(armored: armored)
    }
  }
}
