import Crypto
import Foundation
import Testing

@testable import FROST

/// A group's signature is an ordinary Ed25519 signature: programs that know nothing of thresholds say so.
@Suite("Verifiers outside")
struct OutsideVerifierTests {
  private static let keyPrefix = Hex.decode("302a300506032b6570032100") ?? []

  private func run(_ program: String, _ arguments: [String]) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [program] + arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  /// Writes key, message and signature to a folder, and the folder's files are gone afterwards.
  private func withFiles(
    _ body: (_ key: String, _ message: String, _ changed: String, _ signature: String) throws -> Void
  ) throws {
    let (parties, publicKeys) = try generateKey(
      5, threshold: 4, seed: 77, suite: Ed25519SHA512.self)
    var random = SeededRandom(77)
    let message = Array("openexec/test\n7\n".utf8)
    let signature = try sign(
      message, by: Array(parties.suffix(4)), publicKeys, using: &random)
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("openexec-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let files = [
      ("key.der", Self.keyPrefix + publicKeys.groupKey.serialised), ("message", message),
      ("changed", message + [10]), ("signature", signature.encoding),
    ]
    for (name, bytes) in files {
      try Data(bytes).write(to: folder.appendingPathComponent(name))
    }
    let paths = files.map { folder.appendingPathComponent($0.0).path }
    try body(paths[0], paths[1], paths[2], paths[3])
  }

  @Test("OpenSSL accepts the group's signature, and not over another message")
  func openssl() throws {
    try withFiles { key, message, changed, signature in
      for (file, accepted) in [(message, true), (changed, false)] {
        let status = try run(
          "openssl",
          [
            "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", key, "-rawin", "-in",
            file, "-sigfile", signature,
          ])
        #expect((status == 0) == accepted)
      }
    }
  }

  @Test("Python's cryptography accepts the group's signature, and not over another message")
  func python() throws {
    let script = """
      import sys
      from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
      from cryptography.exceptions import InvalidSignature
      key, message, signature = (open(path, 'rb').read() for path in sys.argv[1:])
      try:
          Ed25519PublicKey.from_public_bytes(key[-32:]).verify(signature, message)
      except InvalidSignature:
          sys.exit(3)
      """
    try withFiles { key, message, changed, signature in
      for (file, expected) in [(message, 0), (changed, 3)] as [(String, Int32)] {
        let status = try run("python3", ["-c", script, key, file, signature])
        #expect(status == expected)
      }
    }
  }
}
