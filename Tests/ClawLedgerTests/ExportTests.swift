import Canonical
import ClawLedger
import Crypto
import Merkle
import Records
import Testing

/// A small ledger under a key that is held in one piece: its signatures are those of a group key.
private struct Sample {
  let text: String
  let cluster: Digest

  init(
    leaves count: Int = 9, extra: RecordBody? = nil,
    extraAttachment: Records.Attachment = Records.Attachment()
  ) throws {
    var seed = [UInt8](repeating: 3, count: 32)
    guard let group = SigningKey(seed: &seed) else { throw SampleError.key }
    let bundle: JSON = ["registry.json": "{}"]
    let salt = [UInt8](repeating: 9, count: 16)
    let at = try #require(Timestamp(text: "2026-01-01T00:00:00Z"))
    let genesis = Genesis(
      clusterName: "sample",
      parties: [Party(id: 1, name: "one", key: group.publicKey, verifyingShare: "")], threshold: 1,
      transcriptHash: SHA256.hash("t"), groupKey: group.publicKey, constitutionVersion: "1",
      policyBundleHash: SHA256.hash("p"), bundleHash: bundle.saltedHash(salt), enrolments: [],
      createdAt: at)
    var attachment = Attachment("bundle", Attachment.Item(salt: salt, value: bundle))
    let first = Record(at: at, body: .genesis(genesis)).bytes
    cluster = TreeHash.leaf(first)
    let founder = group.sign(GenesisSignature.bytes(leafHash: cluster))
    attachment["signatures"] = Attachment.Item(
      salt: Attachment.noSalt, value: GenesisSignature.json([(1, founder)]))
    var frontier = Frontier()
    frontier.append(cluster)
    var lines = ExportFormat.leaf(first, attachment: attachment.bytes)
    var notes = ""
    for number in 1..<count {
      let body = number == 3 ? extra ?? .tick : .term(number: UInt64(number), leader: 1)
      let record = Record(at: at, body: body).bytes
      frontier.append(TreeHash.leaf(record))
      lines += ExportFormat.leaf(
        record, attachment: number == 3 && extra != nil ? extraAttachment.bytes : [])
      guard number % 4 == 0 || number == count - 1 else { continue }
      let note = CheckpointNote(
        cluster: cluster, size: frontier.size, root: frontier.root, stateRoot: SHA256.hash("s"), time: at)
      let verifier = CheckpointNote.verifier(cluster: cluster, groupKey: group.publicKey)
      let signed = SignedNote(
        text: note.text, verifier: verifier, signature: group.sign(Array(note.text.utf8)))
      notes += ExportFormat.note(signed)
    }
    text = ExportFormat.header(cluster: cluster, size: frontier.size) + lines + notes
  }

  func verify(_ text: String) throws -> VerifiedExport {
    var verifier = ExportVerifier()
    return try verifier.verify(Array(text.utf8), cluster: cluster)
  }
}

private enum SampleError: Error { case key }

struct ExportTests {
  @Test("an honest export verifies from the cluster's id alone")
  func honest() throws {
    let sample = try Sample()
    let verified = try sample.verify(sample.text)
    #expect(verified.records.count == 9)
    #expect(verified.notes.map(\.size) == [5, 9])
  }

  @Test("a changed record is named by its leaf, whether its listed hash was changed with it or not")
  func changedRecord() throws {
    let sample = try Sample()
    var lines = sample.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let other = Record(at: .epoch, body: .term(number: 99, leader: 1)).bytes
    let parts = lines[3 + 6].split(separator: " ")
    lines[3 + 6] = "leaf \(parts[1]) \(Base64.encode(other)) -"
    #expect(throws: ExportFault.leaf(6, "the record is not the one whose hash the signed tree holds")) {
      try sample.verify(lines.joined(separator: "\n"))
    }
    lines[3 + 6] = "leaf \(TreeHash.leaf(other).hex) \(Base64.encode(other)) -"
    #expect(throws: ExportFault.tree(size: 9)) { try sample.verify(lines.joined(separator: "\n")) }
  }

  @Test("no flipped bit of an export goes unseen")
  func everyBit() throws {
    let sample = try Sample(leaves: 3)
    let honest = Array(sample.text.utf8)
    for position in honest.indices {
      var changed = honest
      changed[position] ^= 1
      var verifier = ExportVerifier()
      #expect(throws: ExportFault.self, "byte \(position)") {
        try verifier.verify(changed, cluster: sample.cluster)
      }
    }
  }

  @Test("a note that is not the parties' is named by its line")
  func spoiledNote() throws {
    let sample = try Sample()
    var lines = sample.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let place = try #require(lines.lastIndex { $0.hasPrefix("note ") })
    let note = try #require(Base64.decode(String(lines[place].dropFirst(5))))
    let size = Array("\n9\n".utf8)
    let position = try #require(note.indices.first { note[$0...].starts(with: size) })
    var changed = note
    changed[position + 1] = UInt8(ascii: "8")
    lines[place] = "note " + Base64.encode(changed)
    do {
      _ = try sample.verify(lines.joined(separator: "\n"))
      Issue.record("it verifies")
    } catch {
      #expect("\(error)".hasPrefix("note on line \(place + 1): "), "\(error)")
    }
  }

  @Test("leaves that no note covers, a missing leaf and a dropped note are refused")
  func incomplete() throws {
    let sample = try Sample()
    let lines = sample.text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let withoutLastNote = Array(lines.dropLast(2)) + [""]
    #expect(throws: ExportFault.unproven(first: 5)) {
      try sample.verify(withoutLastNote.joined(separator: "\n"))
    }
    var missing = lines
    missing.remove(at: 5)
    #expect(throws: ExportFault.self) { try sample.verify(missing.joined(separator: "\n")) }
    #expect(throws: ExportFault.self) {
      var verifier = ExportVerifier()
      _ = try verifier.verify(Array(sample.text.utf8), cluster: SHA256.hash("another"))
    }
  }

  @Test("a void leaf that a lying leader had appended spoils no audit: it says nothing")
  func voidReceipt() throws {
    let agent = Principal.agent(tenant: "acme", name: "bot")
    let executor = Principal.executor("e1")
    let at = try #require(Timestamp(text: "2026-01-01T00:00:00Z"))
    let risk = RiskContext(estimatedCost: .zero, dataClassification: .public, impactLevel: .low)
    let item = Records.Attachment.Item(salt: [UInt8](repeating: 1, count: 16), value: [:])
    let proposal = Proposal(
      traceID: "t", requestID: "r", tenantID: "acme", workspaceID: "w", requestedBy: agent, action: "a",
      parametersHash: item.hash, scopes: [], risk: risk, inputs: [], validUntil: at)
    let grant = ApprovalGrant(
      tokenID: "t", approvalScope: "a", allowedScopes: [], issuedAt: at, expiresAt: at, nonce: "n",
      constraints: Constraints(maximumCost: .zero, maximumRetries: 0, rateLimitPerMinute: 1),
      executorID: executor, executorIncarnation: 1, isolationClass: .microvmTCG, humanAttestors: [],
      multiSigThreshold: 0)
    let decision = Decision(
      decisionID: "d", decisionType: .approve, proposal: LeafIndex(1), proposalHash: item.hash,
      cause: LeafIndex(1), request: proposal, actionVersion: "1", constitutionVersion: "1",
      policyBundleHash: item.hash, rulesFired: [], rationale: "", decidedAt: at, effectiveRisk: risk,
      grant: grant)
    let receipt = Receipt(
      receiptID: "x", decision: decision, decisionIndex: LeafIndex(2), grant: grant, executedAt: at,
      finishedAt: at, status: .refused, errorCode: "X", resultHash: item.hash, truncated: false,
      isolationClass: nil, guest: nil, imageDigest: "", cost: .zero, exfiltrationRisk: false,
      piiDetected: false, loopGuardTriggered: false, approvalNote: "")
    var seed = [UInt8](repeating: 5, count: 32)
    guard let liar = SigningKey(seed: &seed) else { throw SampleError.key }
    let body = RecordBody.receipt(
      Signed.sign(receipt, cluster: SHA256.hash("any"), as: executor, with: liar))
    let sample = try Sample(extra: body, extraAttachment: Records.Attachment("result", item))
    let verified = try sample.verify(sample.text)
    #expect(verified.records.count == 9 && verified.receipts.isEmpty)
  }
}
