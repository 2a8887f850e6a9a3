import Canonical
import Crypto
import Foundation
import Merkle
import Records
import Testing
import Wire

/// A live `openexec` that holds a good approval which reads a file, and a node that does not give it the file:
/// nothing runs and no token is used up until the right bytes come, and each lie is in its log.
@Suite(.serialized, .enabled(if: Machines.obstacle == nil, "\(Machines.obstacle ?? "")"))
struct SpoiledInputTests {
  private let governance: ScriptedGovernance
  private let node: ScriptedGovernanceNode
  private let executor: LiveExecutor
  private static let text = "the approved text"
  private let digest = SHA256.hash(Self.text)
  private let right: ArtifactContent

  init() throws {
    governance = try ScriptedGovernance()
    right = try governance.put(Self.text)
    node = try ScriptedGovernanceNode(governance)
    executor = try LiveExecutor(node)
    try executor.waitUntilReady()
  }

  private typealias Lie = (answer: ScriptedGovernance.ContentAnswer, reason: String)

  private func content(_ bytes: [UInt8], proof: String? = nil) -> ScriptedGovernance.ContentAnswer {
    .content(ArtifactContent(content: bytes, proof: proof ?? right.proof))
  }

  /// Other bytes than the approved ones, and what is no answer.
  private func otherBytes() -> [Lie] {
    let bytes = right.content
    var flipped = bytes
    flipped[0] ^= 1
    func came(_ count: Int) -> String { "expected the content of the digest, came another of \(count) bytes" }
    return [
      (content(flipped), came(bytes.count)), (content(bytes.dropLast()), came(bytes.count - 1)),
      (content(bytes + [0]), came(bytes.count + 1)), (content([]), came(0)),
      (
        .failure(CallStatus(.unavailable, "this node does not hold the content")), "does not hold the content"
      ),
      (.noise, "expected an artifact, came what is none"),
    ]
  }

  /// The approved bytes, and a wrong word of the ledger for what they are.
  private func otherRecords() throws -> [Lie] {
    let another = "the proof is of another record than the artifact's"
    let stranger = try SampleLedger.key(77)
    let proof = try LedgerProof(parsing: right.proof)
    let forged = SignedNote(
      text: proof.note.text,
      verifier: governance.state.withLock {
        CheckpointNote.verifier(cluster: $0.ledger.cluster, groupKey: $0.ledger.groupKey)
      },
      signature: stranger.sign(Array(proof.note.text.utf8)))
    return try [
      (content(right.content, proof: governance.put("another text").proof), another),
      (content(right.content, proof: governance.put(Self.text, tenant: "rival").proof), another),
      (content(right.content, proof: governance.put(Self.text, workspace: "side").proof), another),
      (content(right.content, proof: governance.approval("other").token), another),
      (
        content(
          right.content,
          proof: LedgerProof(leaf: proof.leaf, index: proof.index, path: proof.path, note: forged).encoded),
        "does not verify"
      ),
      (content(right.content, proof: ""), "proof"),
    ]
  }

  /// Offers one approval, has it lied to, and has it told the truth.
  private func expectOneRun(after lies: [Lie]) throws {
    let job = try governance.approval("reads", reading: [digest])
    governance.state.withLock { $0.contents = lies.map(\.answer) + [.content(right)] }
    governance.offer([job])
    try Patience.wait(for: "it has run", seconds: 120) { governance.receipt("reads") != nil }
    let receipt = try #require(governance.receipt("reads"))
    #expect(receipt.status == .succeeded && receipt.inputs == [digest], "\(receipt.errorCode)")
    // Each lie was asked for once, under the approval, and is in the log with the node's name.
    let fetched = governance.state.withLock(\.fetched)
    #expect(fetched.count == lies.count + 1)
    let index = try LedgerProof(parsing: job.token).index.value
    #expect(
      fetched.allSatisfy { $0.decision == index && $0.digest == digest.hex && $0.tenant == "acme" })
    let missed = executor.events("input_missed")
    #expect(missed.count == lies.count)
    for (said, lie) in zip(missed, lies) {
      #expect(said["reason"]?.string?.contains(lie.reason) == true, "\(lie.reason): \(said.canonical)")
      #expect(said["node"]?.string == "node-1" && said["token_id"]?.string == "token-reads")
    }
    // Nothing had begun before the truth came, and it runs once.
    let order = executor.order(of: ["input_missed", "job_started"])
    #expect(order == [String](repeating: "input_missed", count: lies.count) + ["job_started"])
    let refused = executor.events("offer_refused").count
    governance.offer([job])
    try Patience.wait(for: "the replay is refused", seconds: 60) {
      executor.events("offer_refused").count == refused + 1
    }
    #expect(executor.reasons("offer_refused").last?.contains("nonce was used before") == true)
    #expect(executor.started == ["token-reads"])
    #expect(governance.state.withLock(\.receipts).count == 1)
  }

  @Test("other bytes, fewer, more, none, an error, noise: none of them runs; the right ones do, once")
  func bytes() throws { try expectOneRun(after: otherBytes()) }

  @Test("the right bytes with the proof of another record are not an input")
  func records() throws { try expectOneRun(after: try otherRecords()) }

  @Test("a node that does not answer is given up, and asked again")
  func silence() throws { try expectOneRun(after: [(.silence, "DEADLINE_EXCEEDED")]) }

  @Test("nobody has it: refused with a receipt that says what came, and the next approval runs")
  func nobody() throws {
    governance.state.withLock { $0.contents = [otherBytes()[0].answer] }
    governance.offer([try governance.approval("never", reading: [digest])])
    try Patience.wait(for: "it is refused", seconds: 120) { governance.receipt("never") != nil }
    let receipt = try #require(governance.receipt("never"))
    #expect(receipt.status == .refused && receipt.errorCode == "INPUT_MISSING")
    #expect(receipt.isolationClass == nil && receipt.guest == nil && receipt.inputs.isEmpty)
    let refusal = try #require(executor.reasons("job_refused").last)
    #expect(
      refusal.contains(digest.hex) && refusal.contains("node-1: expected the content of the digest"),
      "\(refusal)")
    #expect(executor.started.isEmpty)
    governance.state.withLock { $0.contents = [.content(right)] }
    governance.offer([try governance.approval("reads", reading: [digest])])
    try Patience.wait(for: "it has run", seconds: 120) { governance.receipt("reads") != nil }
    #expect(governance.receipt("reads")?.status == .succeeded)
    #expect(executor.started == ["token-reads"])
  }
}
