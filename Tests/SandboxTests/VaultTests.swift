import Crypto
import Foundation
import Glibc
import OpenExec
import Testing

@testable import Sandbox

/// T3.3: secrets at rest, and whose they are.
@Suite("Vault")
struct VaultTests {
  let folder = NSTemporaryDirectory() + "openexec-vault-\(UUID())"

  func key(_ fill: UInt8) throws -> SymmetricKey {
    var bytes = [UInt8](repeating: fill, count: 32)
    guard let key = SymmetricKey(consuming: &bytes) else { throw SandboxError.secret("no key") }
    return key
  }

  func vault() throws -> Vault {
    var random = SystemRandom()
    return try Vault.create(folder, key: try key(7), using: &random)
  }

  func add(_ vault: Vault, _ tenant: String, _ name: String, _ text: String, replacing: Bool = false) throws {
    var value = Array(text.utf8)
    var random = SystemRandom()
    try vault.add(Vault.Entry(tenant: tenant, name: name), &value, replacing: replacing, using: &random)
    #expect(value.isEmpty)
  }

  func remove() { try? FileManager.default.removeItem(atPath: folder) }

  @Test("a value comes out as it went in, for its tenant alone; nothing of it is on disk in the clear")
  func roundTrip() throws {
    defer { remove() }
    let first = try vault()
    try add(first, "acme", "db-password", "correct horse battery")
    try add(first, "globex", "db-password", "another value")
    let vault = try Vault.open(folder, key: try key(7))
    #expect(
      vault.entries == [
        .init(tenant: "acme", name: "db-password"), .init(tenant: "globex", name: "db-password"),
      ])
    #expect(try vault.secret("db-password", of: "acme") == Array("correct horse battery".utf8))
    #expect(try vault.secret("db-password", of: "globex") == Array("another value".utf8))
    for (tenant, name) in [
      ("acme", "other"), ("initech", "db-password"), ("..", "x"), ("acme", "../globex+db-password"),
    ] {
      #expect(throws: SandboxError.self) { try vault.secret(name, of: tenant) }
    }
    for name in try FileManager.default.contentsOfDirectory(atPath: folder) {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(name)"))
      #expect(bytes.range(of: Data("horse".utf8)) == nil)
      var status = stat()
      #expect(lstat("\(folder)/\(name)", &status) == 0 && status.st_mode & 0o777 == 0o600, "\(name)")
    }
  }

  @Test("another key opens nothing; a file in another's place, or with a changed byte, is none")
  func tampering() throws {
    defer { remove() }
    let vault = try vault()
    try add(vault, "acme", "one", "the first value")
    try add(vault, "acme", "two", "the second value")
    #expect(throws: SandboxError.self) { try Vault.open(folder, key: try key(8)) }
    let manager = FileManager.default
    try manager.removeItem(atPath: "\(folder)/acme+two")
    try manager.copyItem(atPath: "\(folder)/acme+one", toPath: "\(folder)/acme+two")
    #expect(throws: SandboxError.self) { try vault.secret("two", of: "acme") }
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/acme+one")))
    bytes[bytes.count - 1] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: "\(folder)/acme+one"))
    #expect(throws: SandboxError.self) { try vault.secret("one", of: "acme") }
    try manager.removeItem(atPath: "\(folder)/acme+one")
    try manager.createSymbolicLink(atPath: "\(folder)/acme+one", withDestinationPath: "/etc/hostname")
    #expect(throws: SandboxError.self) { try vault.secret("one", of: "acme") }
    #expect(chmod(folder, 0o755) == 0)
    #expect(throws: SandboxError.self) { try Vault.open(folder, key: try key(7)) }
  }

  @Test("what cannot be told from other text, or is another's name, does not go in")
  func refusals() throws {
    defer { remove() }
    let vault = try vault()
    try add(vault, "acme", "one", "the first value")
    #expect(throws: SandboxError.self) { try add(vault, "acme", "one", "the second value") }
    try add(vault, "acme", "one", "the third value", replacing: true)
    #expect(try vault.secret("one", of: "acme") == Array("the third value".utf8))
    for (tenant, name, text) in [
      ("acme", "short", "1234567"),
      ("acme", "long", String(repeating: "x", count: RunSecret.maximumBytes + 1)),
      ("acme", "a/b", "12345678"), ("a/b", "name", "12345678"), ("acme", "", "12345678"),
      ("a+b", "name", "12345678"),
      ("acme", ".hidden", "12345678"), ("acme", "Upper", "12345678"), ("", "name", "12345678"),
    ] {
      var value = Array(text.utf8)
      var random = SystemRandom()
      #expect(throws: SandboxError.self, "\(tenant) \(name)") {
        try vault.add(Vault.Entry(tenant: tenant, name: name), &value, using: &random)
      }
    }
    try vault.remove(.init(tenant: "acme", name: "one"))
    #expect(throws: SandboxError.self) { try vault.remove(.init(tenant: "acme", name: "one")) }
    #expect(vault.entries == [])
    #expect(throws: SandboxError.self) { _ = try self.vault() }
  }

  @Test("what the service manager hands over is a source beside the vault")
  func credentials() throws {
    defer { remove() }
    let vault = try vault()
    try add(vault, "acme", "one", "of the vault")
    let other = folder + "-credentials"
    defer { try? FileManager.default.removeItem(atPath: other) }
    try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: true)
    for (name, text) in [
      ("acme+one", "of the manager"), ("acme+two", "of the manager"), ("acme+three", "short"),
    ] {
      try text.write(toFile: "\(other)/\(name)", atomically: true, encoding: .utf8)
    }
    let sources = SecretSources([vault, ServiceCredentials(folder: other)])
    #expect(try sources.secret("one", of: "acme") == Array("of the vault".utf8))
    #expect(try sources.secret("two", of: "acme") == Array("of the manager".utf8))
    for name in ["three", "four", "../x"] {
      #expect(throws: SandboxError.self) { try sources.secret(name, of: "acme") }
    }
  }
}
