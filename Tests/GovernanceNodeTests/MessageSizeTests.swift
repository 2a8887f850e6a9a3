import ClawShield
import Crypto
import Records
import Testing
import Wire

@testable import GovernanceNode

/// No message that a node builds is larger than a frame holds, and one that were is counted.
struct MessageSizeTests {
  @Test("a call for a share that lists and proves as much as there can be fits")
  func largestSignCall() throws {
    let name = String(repeating: "x", count: Identifier.maximumBytes)
    let agent = Principal.agent(tenant: name, name: name)
    let before = try #require(Timestamp(nanoseconds: 9_000_000_000_000_000_000))
    let entries = (0..<RestrictionList.maximumEntries / 2 + 1 + BoundRestrictions.maximumBound).map {
      number in
      let digits = String(number)
      return RestrictionList.Entry(
        incidentID: String(repeating: "i", count: Identifier.maximumBytes - digits.count) + digits,
        target: .certificates(of: agent, before: before))
    }
    let list = RestrictionList(entries).json.canonicalBytes()
    #expect(list.count <= entries.count * 512, "\(list.count / entries.count) bytes an entry")
    // As many proofs as one message has, each as small as none is, so that their frames count most.
    let proof = StatementRequest(
      statement: [UInt8](repeating: 7, count: 256), attachment: [UInt8](repeating: 7, count: 64))
    let proofs = [StatementRequest](repeating: proof, count: (1 << 20) / 320)
    let digest = SHA256.hash("x")
    let note = CheckpointNote(
      cluster: digest, size: .max, root: digest, stateRoot: digest, time: before,
      consent: ConsentLine(
        first: LeafIndex(0), last: LeafIndex(.max),
        exceptions: (0..<UInt64(ConsentLine.maximumExceptions)).map { LeafIndex(.max - 100 + $0) }),
      lease: LeaseLine(
        policyBundleHash: digest, mode: .halted, seconds: 10, challengeRoot: digest, restrictionsHash: digest)
    )
    let call = SignCall(
      term: .max, round: .max, session: .max, text: Array(note.text.utf8),
      commitments: [[UInt8]](repeating: [UInt8](repeating: 7, count: 128), count: 255), restrictions: list,
      proofs: proofs)
    let count = PeerMessage.signCall(call).encode().count
    #expect(count <= PeerMessage.maximumCount, "\(count) of \(PeerMessage.maximumCount)")
    #expect(count > 3 << 20, "or it is no largest one: \(count)")
  }

  @Test("what could not be sent is counted by kind and peer, in a bounded table, and told")
  func counted() {
    var lost = OversizedMessages()
    var report = HostReport()
    #expect(report.json["oversized"] == nil)
    let kind = PeerMessage.signCall(SignCall()).kind
    #expect(kind == "signCall" && PeerMessage.unknown.kind == "unknown")
    lost.note(kind, to: "node-2", bytes: 5_000_000)
    lost.note(kind, to: "node-2", bytes: 6_000_000)
    lost.note(kind, to: "node-3", bytes: 7)
    report.oversized = lost
    #expect(
      report.json["oversized"] == [
        ["kind": "signCall", "peer": "node-2", "count": "2", "bytes": "6000000"],
        ["kind": "signCall", "peer": "node-3", "count": "1", "bytes": "7"],
      ])
    for number in 0..<1000 { lost.note(kind, to: "peer-\(number)", bytes: 1) }
    #expect(lost.rows.count == OversizedMessages.capacity)
    #expect(lost.rows.reduce(0) { $0 + $1.count } == 1003, "none is forgotten")
  }
}
