import Canonical
import Crypto
import Foundation
import Records
import Testing

/// Ballots that the real `ssh-keygen` signs, and ours as it verifies them.
@Suite("statements by OpenSSH keys")
struct SSHStatementTests {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("openexec-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    #expect(try keygen(["-q", "-t", "ed25519", "-N", "", "-C", "someone", "-f", path("key")]) == 0)
  }

  private func path(_ name: String) -> String { folder.appendingPathComponent(name).path }

  private func keygen(_ arguments: [String], input: String? = nil) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = ["ssh-keygen"] + arguments
    process.standardInput =
      try input.map { try FileHandle(forReadingFrom: URL(fileURLWithPath: path($0))) } ?? .nullDevice
    process.standardOutput = FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  private let ballot = Ballot(
    proposal: LeafIndex(4), proposalHash: Samples.digest, parametersHash: Samples.digest,
    policyBundleHash: Samples.digest, previewHash: Samples.digest, vote: .approve, role: "approver",
    reasonHash: Samples.item("because").hash, voter: .approver("ann"), signedAt: Samples.time,
    validUntil: Samples.later)

  private func signature(namespace: String = "openexec-ballot", hash: String = "sha512") throws
    -> SSHSignature
  {
    let bytes = Statement.bytes(.ballot, cluster: Samples.cluster, content: ballot.json)
    try Data(bytes).write(to: URL(fileURLWithPath: path("ballot")))
    try? FileManager.default.removeItem(atPath: path("ballot.sig"))
    #expect(
      try keygen([
        "-Y", "sign", "-f", path("key"), "-n", namespace, "-O", "hashalg=\(hash)", path("ballot"),
      ]) == 0)
    return try SSHSignature(armored: String(contentsOfFile: path("ballot.sig"), encoding: .utf8))
  }

  @Test(
    "what ssh-keygen signs is a ballot's signature, through the leaf's bytes and back",
    arguments: ["sha512", "sha256"])
  func signed(hash: String) throws {
    let line = try #require(
      StatementSignature(by: .approver("ann"), try signature(hash: hash), namespace: "openexec-ballot"))
    let signed = Signed(content: ballot, signatures: [line])
    let record = Record(at: Samples.time, body: .ballot(signed))
    guard case .ballot(let read) = try Record(parsing: record.bytes).body else { return }
    #expect(read == signed && read.signatures[0].algorithm.rawValue == "sshsig-ed25519-\(hash)")
    #expect(read.verifiedSignatures(cluster: Samples.cluster) == [line])
    #expect(read.verifiedSignatures(cluster: Samples.digest).isEmpty)
    // The same signature under another name is none.
    for algorithm in SignatureAlgorithm.allCases where algorithm != line.algorithm {
      let other = StatementSignature(
        by: line.by, key: line.key, signature: line.signature, algorithm: algorithm)
      #expect(
        Signed(content: ballot, signatures: [other]).verifiedSignatures(cluster: Samples.cluster).isEmpty)
    }
  }

  @Test(
    "what stands in the ledger is what ssh-keygen verifies, with nothing of ours but the statement's bytes")
  func verified() throws {
    let line = try #require(
      StatementSignature(by: .approver("ann"), try signature(), namespace: "openexec-ballot"))
    let armored = try #require(line.ssh(namespace: "openexec-ballot")).armored
    try armored.write(toFile: path("again.sig"), atomically: true, encoding: .utf8)
    let publicLine = try String(contentsOfFile: path("key.pub"), encoding: .utf8)
    try "ann \(publicLine)".write(toFile: path("signers"), atomically: true, encoding: .utf8)
    let verify = [
      "-Y", "verify", "-f", path("signers"), "-I", "ann", "-n", "openexec-ballot", "-s", path("again.sig"),
    ]
    #expect(try keygen(verify, input: "ballot") == 0)
    try "something else".write(toFile: path("other"), atomically: true, encoding: .utf8)
    #expect(try keygen(verify, input: "other") != 0)
  }

  @Test("a signature for another purpose is none, and no other statement may carry one")
  func elsewhere() throws {
    #expect(
      StatementSignature(by: .approver("ann"), try signature(namespace: "git"), namespace: "openexec-ballot")
        == nil)
    let line = Samples.signed(Samples.proposal, as: Samples.agent).signatures[0]
    let relabelled = StatementSignature(
      by: line.by, key: line.key, signature: line.signature, algorithm: .sshSHA512)
    let record = Record(
      at: Samples.time, body: .proposal(Signed(content: Samples.proposal, signatures: [relabelled])))
    #expect(throws: RecordError.self) { try Record(parsing: record.bytes) }
  }
}
