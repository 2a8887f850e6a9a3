import Canonical
import Foundation
import Testing

/// `openexec vault` as an operator uses it.
struct VaultCommandTests {
  private let folder = FileManager.default.temporaryDirectory.path + "/vault-\(UUID().uuidString)"

  private func remove() { try? FileManager.default.removeItem(atPath: folder) }

  /// An executor's configuration with a vault.
  private func configuration() throws -> String {
    let founded = try Programs.run(
      "claw",
      ["init", "--nodes", "3", "--threshold", "2", "--crash-only", "--executors", "1", "--dir", folder])
    try #require(founded.code == 0, "\(founded.output)")
    let path = "\(folder)/executors/executor-1/executor.json"
    var members = try JSON.parse(String(contentsOfFile: path, encoding: .utf8)).object?.members ?? []
    members.removeAll { $0.name == "vault" }
    let value = JSON.object(
      members.map { ($0.name, $0.value) } + [("vault", ["folder": "vault", "key": "vault.key"])])
    try value.canonical.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }

  private func vault(_ arguments: [String], input: String = "") throws -> Outcome {
    let process = Programs.process("openexec", ["vault"] + arguments)
    let (stdin, stdout) = (Pipe(), Pipe())
    process.standardInput = stdin
    process.standardOutput = stdout
    process.standardError = stdout
    try process.run()
    try stdin.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try stdin.fileHandleForWriting.close()
    let output = try stdout.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Outcome(code: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
  }

  @Test("made once, filled from standard input, listed by name, and never shown")
  func life() throws {
    defer { remove() }
    let file = try configuration()
    let early = try vault(["list", "--config", file])
    #expect(early.code == 1)
    let made = try vault(["init", "--config", file])
    #expect(made.code == 0, "\(made.output)")
    let key = try FileManager.default.attributesOfItem(atPath: "\(folder)/executors/executor-1/vault.key")
    #expect(key[.posixPermissions] as? Int == 0o600)
    let again = try vault(["init", "--config", file])
    #expect(again.code == 1 && again.output.contains("empty folder"), "\(again.output)")
    let added = try vault(["add", "--config", file, "acme", "db-password"], input: "correct horse\n")
    #expect(added.code == 0 && added.output.isEmpty, "\(added.output)")
    let twice = try vault(["add", "--config", file, "acme", "db-password"], input: "other value\n")
    #expect(twice.code == 1 && twice.output.contains("--replace"), "\(twice.output)")
    let replaced = try vault(
      ["add", "--config", file, "acme", "db-password", "--replace"], input: "other value\n")
    #expect(replaced.code == 0, "\(replaced.output)")
    let short = try vault(["add", "--config", file, "acme", "pin"], input: "1234\n")
    #expect(short.code == 1 && short.output.contains("8 to 16384 bytes, found 4"), "\(short.output)")
    let listed = try vault(["list", "--config", file])
    #expect(listed.output == "acme db-password\n", "\(listed.output)")
    let removed = try vault(["remove", "--config", file, "acme", "db-password"])
    let empty = try vault(["list", "--config", file])
    #expect(removed.code == 0 && empty.output.isEmpty)
  }

  @Test("what a command expects is said, and another key opens nothing")
  func refusals() throws {
    defer { remove() }
    let file = try configuration()
    for arguments in [
      [], ["add"], ["add", "--config", file], ["add", "--config", file, "acme"], ["show", "--config", file],
    ] {
      let refused = try vault(arguments)
      #expect(refused.code == 2 && refused.output.contains("usage"), "\(arguments): \(refused.output)")
    }
    _ = try vault(["init", "--config", file])
    let key = "\(folder)/executors/executor-1/vault.key"
    try FileManager.default.removeItem(atPath: key)
    try (String(repeating: "0", count: 64) + "\n").write(toFile: key, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: key)
    let closed = try vault(["list", "--config", file])
    #expect(closed.code == 1 && closed.output.contains("the key is another"), "\(closed.output)")
  }
}
