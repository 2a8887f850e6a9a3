import Canonical
import ClawLedger
import ClawShield
import Crypto
import Merkle
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode

/// What a node says when its whole ledger is asked for: pieces that fit into messages, nothing left out.
struct ExportTests {
  private let key = CallKey(connection: 0, call: 1)

  /// Keeps `count` more notes that consent, of sizes that are final already.
  private func keepNotes(_ count: Int, in rig: Rig) throws {
    var note = try rig.note()
    note.size = rig.node.finality.size
    note.consent = ConsentLine(first: LeafIndex(1), last: LeafIndex(1), exceptions: [LeafIndex(1)])
    rig.perform { node, _, effects in
      var batch = WriteBatch()
      for number in 0..<count {
        note.time = Rig.moment(UInt64(1_000_000_000_000 + number)).wall
        let signed = SignedNote(
          text: note.text, name: CheckpointNote.origin(cluster: note.cluster), keyID: [1, 2, 3, 4],
          signature: [UInt8](repeating: 5, count: 64))
        node.raft.log.keep(signed, note, consentingTo: [], in: &batch)
      }
      effects.writes.append((.note(size: note.size), batch))
    }
  }

  private func begin(_ rig: Rig) {
    rig.answers = []
    rig.perform { node, _, effects in
      let call = ClientCall(key: key, caller: .auditor("a"), method: Method.export.path, payload: [])
      node.beginExport(call, ExportRequest(first: 0), into: &effects)
    }
  }

  /// The text of every item so far, and the status that the export ended with.
  private func said(_ rig: Rig) -> (items: [String], end: CallStatus?) {
    var items: [String] = []
    for answer in rig.answers {
      switch answer {
      case .item(_, let payload):
        items.append(
          (try? ExportChunk(decoding: payload)).map { String(decoding: $0.text, as: UTF8.self) } ?? "")
      case .respond(_, let status, _): return (items, status)
      }
    }
    return (items, nil)
  }

  @Test("ten thousand notes leave in pieces that fit, each once and ascending, and the export ends OK")
  func manyNotes() throws {
    let rig = try Rig()
    try keepNotes(10_000, in: rig)
    begin(rig)
    for _ in 0..<40 { rig.step(.tick) }
    let (items, end) = said(rig)
    #expect(end == .ok)
    let largest = items.map(\.utf8.count).max() ?? 0
    #expect(largest <= 2 << 20, "an item of \(largest) bytes")
    let text = items.joined()
    var check = ExportCompleteness()
    check.take(Array(text.utf8))
    #expect(throws: Never.self) { try check.finish() }
    let notes = text.split(separator: "\n").filter { $0.hasPrefix("note ") }.compactMap { line in
      Base64.decode(String(line.dropFirst(5))).flatMap { try? SignedNote(parsing: $0) }
        .flatMap { try? CheckpointNote(parsing: $0.text) }
    }
    #expect(notes.count { $0.consent?.exceptions == [LeafIndex(1)] } == 10_000)
    #expect(Set(notes).count == notes.count)
    #expect(zip(notes, notes.dropFirst()).allSatisfy { ($0.size, $0.time) < ($1.size, $1.time) })
  }

  @Test("nothing is said while the caller's connection is full, and it goes on where it stopped")
  func heldBack() throws {
    let rig = try Rig()
    try keepNotes(3000, in: rig)
    begin(rig)
    rig.step(.full(key))
    let before = rig.answers.count
    #expect(!rig.node.clients.isStreaming, "it would come back every millisecond for nothing")
    for _ in 0..<10 { rig.step(.tick) }
    #expect(rig.answers.count == before && said(rig).end == nil)
    rig.step(.writable(key))
    for _ in 0..<20 { rig.step(.tick) }
    let (items, end) = said(rig)
    #expect(end == .ok)
    var check = ExportCompleteness()
    check.take(Array(items.joined().utf8))
    #expect(throws: Never.self) { try check.finish() }
    #expect(check.notes >= 3000)
  }
}
