import Canonical
import Crypto
import Foundation
import Testing

@testable import Images

/// The list of signers in an executor's file. Failure cases: none, too many, a key that is too short or too long, no hexadecimal, a
/// file that is missing or holds something else, a key twice.
struct NamedSignersTests {
  private static func key(_ number: UInt8) throws -> PublicKey {
    var seed = [UInt8](repeating: number, count: 32)
    guard let key = SigningKey(seed: &seed) else { throw NoKey() }
    return key.publicKey
  }

  private struct NoKey: Error {}

  private func read(_ names: [String], _ files: [String: String] = [:]) throws(SignerListFault) -> [PublicKey]
  {
    try DemandedSigners(named: names) { files[$0] }.keys
  }

  @Test("keys are named in hexadecimal or by files, in the order of the list")
  func good() throws {
    let keys = try (1...16 as ClosedRange<UInt8>).map(Self.key)
    #expect(try read([keys[0].hex]) == [keys[0]])
    #expect(try read(keys.map(\.hex)) == keys)
    let blob = [0, 0, 0, 11] + Array("ssh-ed25519".utf8) + [0, 0, 0, 32] + keys[1].bytes
    let files = [
      "a.pub": keys[2].hex + "\n", "b.pub": "ssh-ed25519 \(Base64.encode(blob)) builder@example\n",
    ]
    #expect(try read(["b.pub", keys[0].hex, "a.pub"], files) == [keys[1], keys[0], keys[2]])
  }

  @Test("what is no list of keys says what was expected and what was found")
  func bad() throws {
    let hex = try Self.key(1).hex
    let many = try (1...17 as ClosedRange<UInt8>).map { try Self.key($0).hex }
    let cases: [(names: [String], found: String)] = [
      ([], "found 0"), (many, "found 17"), ([String(hex.dropLast())], "found \(hex.dropLast())"),
      ([hex + "0"], "found \(hex)0"), ([String(repeating: "g", count: 64)], "found gggg"),
      ([hex, "missing.pub"], "found missing.pub"), (["pem.pub"], "found pem.pub"),
      ([hex, hex], "the key \(hex), twice"), ([hex, "same.pub"], "found same.pub, the key \(hex), twice"),
      ([hex.uppercased()], "found \(hex.uppercased())"),
      (["", hex], "found "),
    ]
    let files = ["pem.pub": "-----BEGIN PUBLIC KEY-----\n", "same.pub": hex]
    for (names, found) in cases {
      do {
        let keys = try read(names, files)
        Issue.record("\(names): read as \(keys.map(\.hex))")
      } catch {
        #expect(error.description.hasPrefix("expected a list of 1 to 16 different Ed25519 keys"), "\(error)")
        #expect(error.description.contains(found), "\(error)")
      }
    }
  }

  @Test("what Docs/Operations.md says of signing with openssl makes a statement and a key that fit")
  func recipe() throws {
    let folder = FileManager.default.temporaryDirectory.path + "/signers-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let guide = try String(
      contentsOf: repository.appendingPathComponent("Docs/Operations.md"), encoding: .utf8)
    let block = try #require(
      guide.components(separatedBy: "\n```\n").first { $0.hasPrefix("openssl genpkey") }, "the recipe")
    let digest = String(repeating: "ab", count: 32)
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-euc", "digest=\(digest)\n\(block)"]
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    let name = try String(contentsOfFile: "\(folder)/builder.pub", encoding: .utf8)
    let signers = try DemandedSigners(named: ["builder.pub"]) { _ in name }
    let statement = try JSON.parse(
      try String(contentsOfFile: "\(folder)/actions.statement.json", encoding: .utf8))
    try signers.check(statement, about: "sha256:\(digest)")
    #expect(throws: ImageError.self) {
      try DemandedSigners([Self.key(1)]).check(statement, about: "sha256:\(digest)")
    }
  }
}
