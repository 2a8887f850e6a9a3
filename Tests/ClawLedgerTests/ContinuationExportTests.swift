import Canonical
import ClawLedger
import Crypto
import Foundation
import Merkle
import Records
import Testing

/// A ledger that went on under another key, and what a verifier demands of the step.
struct ContinuationExportTests {
  /// What of the step is not as it should be.
  private enum Flaw: String, CaseIterable {
    case tooFew, stranger, onePersonTwice, otherRoot, otherState, unapproved, oldKeySignsOn
    case tooMany, unverifiedBeside, otherTime, over, enrolledAgain, enrolledAgainLater
  }

  private let people: [(name: String, owner: String, seed: UInt8)] = [
    ("operator1", "ann", 11), ("operator2", "ben", 12), ("operator3", "cid", 13), ("operator4", "cid", 14),
  ]

  private func key(_ seed: UInt8) throws -> SigningKey {
    var bytes = [UInt8](repeating: seed, count: 32)
    guard let key = SigningKey(seed: &bytes) else { throw RecordError.field("seed", expected: "a key") }
    return key
  }

  /// The text of an export: a genesis of four parties, three of which sign, a few leaves under the first key, the
  /// operators' record, a few under the second.
  private func export(_ flaw: Flaw? = nil) throws -> (text: String, cluster: Digest) {
    let at = try #require(Timestamp(text: "2026-01-01T00:00:00Z"))
    let old = try key(3)
    let new = try key(4)
    let salt = [UInt8](repeating: 9, count: 16)
    let bundle: JSON = ["registry.json": "{}"]
    let parties = try (1...4).map { id in
      Party(id: id, name: "p\(id)", key: try key(UInt8(20 + id)).publicKey, verifyingShare: "aa")
    }
    let genesis = Genesis(
      clusterName: "sample", parties: parties, threshold: 3, transcriptHash: SHA256.hash("t"),
      groupKey: old.publicKey, constitutionVersion: "1", policyBundleHash: SHA256.hash("p"),
      bundleHash: bundle.saltedHash(salt),
      enrolments: try people.map { person in
        Enrolment(
          principal: .operator(person.name), key: try key(person.seed).publicKey, owner: person.owner,
          expiresAt: .distantFuture)
      }, createdAt: at)
    let first = Record(at: at, body: .genesis(genesis)).bytes
    let cluster = TreeHash.leaf(first)
    var attachment = Attachment("bundle", Attachment.Item(salt: salt, value: bundle))
    let message = GenesisSignature.bytes(leafHash: cluster)
    let signatures = try parties.map { ($0.id, try key(UInt8(20 + $0.id)).sign(message)) }
    attachment["signatures"] = Attachment.Item(
      salt: Attachment.noSalt, value: GenesisSignature.json(signatures.map { (party: $0.0, signature: $0.1) })
    )
    var frontier = Frontier()
    var lines = ""
    var notes = ""
    func append(_ record: [UInt8], _ attached: [UInt8] = []) {
      frontier.append(TreeHash.leaf(record))
      lines += ExportFormat.leaf(record, attachment: attached)
    }
    func note(_ group: borrowing SigningKey) {
      let note = CheckpointNote(
        cluster: cluster, size: frontier.size, root: frontier.root, stateRoot: SHA256.hash("s"), time: at)
      notes += ExportFormat.note(
        SignedNote(
          text: note.text, verifier: CheckpointNote.verifier(cluster: cluster, groupKey: group.publicKey),
          signature: group.sign(Array(note.text.utf8))))
    }
    append(first, attachment.bytes)
    for number in 1...3 as ClosedRange<UInt64> {
      append(Record(at: at, body: .term(number: number, leader: 1)).bytes)
    }
    var time = at
    if flaw == .enrolledAgain || flaw == .enrolledAgainLater {
      let comes = try enrolment("comes", .operator("operator5"), cluster, at)
      append(Record(at: at, body: .enrol(comes)).bytes)
      append(Record(at: at, body: .enrol(try enrolment("goes", nil, cluster, at))).bytes)
      // The same act once more, which the parties count for nothing: within its validity, and after it.
      if flaw == .enrolledAgainLater { time = at.advanced(by: .seconds(3600)) }
      append(Record(at: time, body: .enrol(comes)).bytes)
    }
    note(old)
    let body = RecordBody.recovery(try recovery(flaw, cluster, frontier, new.publicKey, time))
    append(Record(at: flaw == .otherTime ? time.advanced(by: .seconds(1)) : time, body: body).bytes)
    append(Record(at: time.advanced(by: .seconds(1)), body: .term(number: 4, leader: 5)).bytes)
    if flaw == .oldKeySignsOn { note(old) } else { note(new) }
    return (ExportFormat.header(cluster: cluster, size: frontier.size) + lines + notes, cluster)
  }

  /// Two operators enrol a fifth, or revoke the fifth.
  private func enrolment(
    _ id: String, _ principal: Principal?, _ cluster: Digest, _ at: Timestamp
  ) throws -> Signed<EnrolmentAct> {
    let until = at.advanced(by: .seconds(60))
    let act =
      if let principal {
        EnrolmentAct(
          actID: id,
          enrol: Enrolment(
            principal: principal, key: try key(15).publicKey, owner: "eve", expiresAt: .distantFuture),
          validUntil: until)
      } else { EnrolmentAct(actID: id, revoke: .operator("operator5"), validUntil: until) }
    return Signed.sign(act, cluster: cluster, as: .operator("operator1"), with: try key(11))
      .cosigned(cluster: cluster, as: .operator("operator2"), with: try key(12))
  }

  private func recovery(
    _ flaw: Flaw?, _ cluster: Digest, _ frontier: Frontier, _ groupKey: PublicKey, _ at: Timestamp
  ) throws -> RecoveryRecord {
    let parties = try (5...7).map { id in
      Party(id: id, name: "p\(id)", key: try key(UInt8(20 + id)).publicKey, verifyingShare: "aa")
    }
    let content = KeyContent(
      cause: LeafIndex(frontier.size), origin: .generation, groupKey: groupKey, parties: parties,
      threshold: 2,
      transcriptHash: SHA256.hash("u"))
    let bytes = content.signedBytes(cluster: cluster)
    let approvals = try parties.map { party in
      let seed = flaw == .unapproved && party.id == 6 ? 99 : UInt8(20 + party.id)
      return KeyApproval(party: party.id, signature: try key(seed).sign(bytes), shareProof: "00")
    }
    let act = RecoveryAct(
      actID: "r", size: frontier.size, root: flaw == .otherRoot ? SHA256.hash("x") : frontier.root,
      stateRoot: SHA256.hash(flaw == .otherState ? "x" : "s"), key: content, continuedAt: at,
      approvals: approvals,
      validUntil: flaw == .over ? at : at.advanced(by: .seconds(60)))
    var signers = people.prefix(3).map { ($0.name, $0.seed) }
    if flaw == .tooFew { signers.removeLast() }
    if flaw == .stranger { signers[2] = ("operator3", 99) }
    if flaw == .onePersonTwice { signers[0] = ("operator4", 14) }
    if flaw == .enrolledAgain || flaw == .enrolledAgainLater { signers[2] = ("operator5", 15) }
    if flaw == .tooMany { signers.append(("operator4", 14)) }
    if flaw == .unverifiedBeside { signers.append(("operator9", 99)) }
    var signed = Signed.sign(
      act, cluster: cluster, as: .operator(signers[0].0), with: try key(signers[0].1))
    for (name, seed) in signers.dropFirst() {
      signed = signed.cosigned(cluster: cluster, as: .operator(name), with: try key(seed))
    }
    return RecoveryRecord(act: signed, approvals: approvals)
  }

  @Test("a ledger that operators took to another key verifies, and it is said where, and who they were")
  func honest() throws {
    let (text, cluster) = try export()
    var verifier = ExportVerifier()
    let verified = try verifier.verify(Array(text.utf8), cluster: cluster)
    #expect(verified.continuations.map(\.leaf) == [LeafIndex(4)])
    #expect(verified.continuations.first?.operators == ["ann", "ben", "cid"])
    #expect(verified.keys.epochs.map(\.firstSize) == [0, 5])
    let plan = RestorePlan(verified)
    let runs = [plan.run(after: 1), plan.run(after: 4), plan.run(after: 5)]
    #expect(runs.map { $0?.payloads.count } == [3, 1, 1], "the operators' leaf comes alone")
  }

  @Test(
    "without enough operators, the parties' approval, or what the old key signed, the new key signs nothing")
  func flawed() throws {
    for flaw in Flaw.allCases {
      let (text, cluster) = try export(flaw)
      var verifier = ExportVerifier()
      #expect(throws: ExportFault.self, "\(flaw.rawValue)") {
        try verifier.verify(Array(text.utf8), cluster: cluster)
      }
    }
  }

  @Test("the auditor's program says the same of each of them")
  func audited() throws {
    let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let path = FileManager.default.temporaryDirectory.path + "/continuation-\(UUID().uuidString).export"
    defer { try? FileManager.default.removeItem(atPath: path) }
    for flaw in [nil] + Flaw.allCases.map({ Optional($0) }) {
      try export(flaw).text.write(toFile: path, atomically: true, encoding: .utf8)
      let process = Process()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
      process.arguments = [repository.appendingPathComponent("Docs/Protocol/verify.py").path, path]
      let said = Pipe()
      process.standardOutput = said
      process.standardError = said
      try process.run()
      let output = String(decoding: try said.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
      process.waitUntilExit()
      let isFound = process.terminationStatus != 0 && !output.contains("Traceback")
      #expect(isFound == (flaw != nil), "\(flaw?.rawValue ?? "none"): \(output)")
    }
  }
}
