import ClawLedger
import ClawShield
import Crypto
import Merkle
import Records
import Wire

extension GovernanceNode {
  func checkpoint(_ call: ClientCall, into effects: inout NodeEffects) {
    let response = CheckpointResponse(
      note: finality.note?.encoded ?? "", cluster: cluster.hex, groupKey: genesis.groupKey.hex,
      crashOnly: genesis.isCrashOnly)
    effects.answers.append(.respond(call.key, .ok, payload: response.encode()))
  }

  func entry(_ call: ClientCall, _ request: EntryRequest, into effects: inout NodeEffects) {
    let index = LeafIndex(request.index)
    guard index.value < finality.size, let record = raft.log.record(at: index),
      mayRead(call.caller, tenant: ShieldState.tenant(of: record.body) ?? "")
    else {
      refuse(call.key, .notFound, "no such leaf is final here, or it is another tenant's", into: &effects)
      return
    }
    let response = EntryResponse(
      leaf: raft.log.leaf(at: index) ?? [], attachment: raft.log.attachment(at: index)?.bytes ?? [],
      proof: proof(of: index)?.encoded ?? "")
    effects.answers.append(.respond(call.key, .ok, payload: response.encode()))
  }

  func inclusionProof(_ call: ClientCall, _ request: ProofRequest, into effects: inout NodeEffects) {
    guard request.size <= finality.size, request.index < request.size,
      let path = raft.log.inclusionProof(of: LeafIndex(request.index), size: request.size)
    else {
      refuse(
        call.key, .outOfRange, "expected index < size ≤ \(finality.size), the final size", into: &effects)
      return
    }
    effects.answers.append(
      .respond(call.key, .ok, payload: ProofResponse(hashes: path.map(\.bytes)).encode()))
  }

  func consistencyProof(_ call: ClientCall, _ request: ProofRequest, into effects: inout NodeEffects) {
    guard request.size <= finality.size, request.index > 0, request.index <= request.size,
      let path = raft.log.consistencyProof(old: request.index, size: request.size)
    else {
      refuse(
        call.key, .outOfRange, "expected 0 < old size ≤ size ≤ \(finality.size), the final size",
        into: &effects)
      return
    }
    effects.answers.append(
      .respond(call.key, .ok, payload: ProofResponse(hashes: path.map(\.bytes)).encode()))
  }

  /// Every final record of a trace that the caller may read, at most 1,024.
  func trace(_ call: ClientCall, _ request: TraceRequest, into effects: inout NodeEffects) {
    var response = TraceResponse()
    for index in overlay.final.trace(request.traceID).prefix(1024) {
      guard let record = raft.log.record(at: index), let leaf = raft.log.leaf(at: index),
        mayRead(call.caller, tenant: ShieldState.tenant(of: record.body) ?? "")
      else { continue }
      response.indices.append(index.value)
      response.leaves.append(leaf)
    }
    effects.answers.append(.respond(call.key, .ok, payload: response.encode()))
  }

  // MARK: Export

  mutating func beginExport(
    _ call: ClientCall, _ request: ExportRequest, into effects: inout NodeEffects
  ) {
    guard request.first <= finality.size else {
      refuse(call.key, .outOfRange, "expected at most \(finality.size), the final size", into: &effects)
      return
    }
    guard clients.exports.count < 8 else {
      refuse(call.key, .resourceExhausted, "eight exports run already; try again", into: &effects)
      return
    }
    clients.exports.append(
      ClientTable.Export(key: call.key, next: request.first, size: finality.size))
    pursueStreams(into: &effects)
  }

  /// Sends the next piece of every export.
  mutating func pursueStreams(into effects: inout NodeEffects) {
    guard clients.isStreaming else { return }
    var open: [ClientTable.Export] = []
    for var export in clients.exports {
      var text = export.hasHeader ? "" : ExportFormat.header(cluster: cluster, size: export.size)
      export.hasHeader = true
      let end = min(export.size, export.next + 128)
      while export.next < end, text.utf8.count < 1 << 20 {
        let index = LeafIndex(export.next)
        guard let leaf = raft.log.leaf(at: index) else { break }
        text += ExportFormat.leaf(leaf, attachment: raft.log.attachment(at: index)?.bytes ?? [])
        export.next += 1
      }
      let isDone = export.next >= export.size
      if isDone { text += notesText(through: export.size) }
      effects.answers.append(.item(export.key, payload: ExportChunk(text: Array(text.utf8)).encode()))
      if isDone {
        effects.answers.append(.respond(export.key, .ok, payload: []))
      } else {
        open.append(export)
      }
    }
    clients.exports = open
  }

  /// The notes of an export, ascending: one a size, and every one that consents.
  private func notesText(through size: UInt64) -> String {
    var notes: [(checkpoint: CheckpointNote, note: SignedNote)] = []
    for note in raft.log.notes(covering: LeafIndex(0), limit: 1 << 20) {
      if let checkpoint = try? CheckpointNote(parsing: note.text) { notes.append((checkpoint, note)) }
    }
    notes += finality.recent
    notes = notes.filter { $0.checkpoint.size <= size }
    notes.sort { ($0.checkpoint.size, $0.checkpoint.time) < ($1.checkpoint.size, $1.checkpoint.time) }
    var text = ""
    var last: CheckpointNote?
    for (checkpoint, note) in notes where checkpoint != last {
      // A note that only renews a lease proves nothing that the one before it does not.
      if checkpoint.size > last?.size ?? 0 || checkpoint.consent != nil {
        text += ExportFormat.note(note)
        last = checkpoint
      }
    }
    return text
  }
}
