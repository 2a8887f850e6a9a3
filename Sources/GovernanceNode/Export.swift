import ClawLedger
import Crypto
import Merkle
import Records
import Wire

#if SIMULATION
import Mutants
#endif

extension ClientTable {
  /// An export under way. First the leaves leave, then the notes, each in pieces of `pieceBytes` and a
  /// little more.
  struct Export: Sendable {
    let key: CallKey
    /// The next leaf.
    var next: UInt64
    /// Leaves in it; what becomes final later is not.
    let size: UInt64
    var hasHeader = false
    /// The last note that was looked at.
    var lastSeen: CheckpointNote?
    /// The last note that was said.
    var lastSaid: CheckpointNote?
    /// The caller's connection takes no more for now.
    var isHeld = false

    static var pieceBytes: Int { 1 << 20 }
    /// Leaves or notes that are read at a time, so that other calls get their turn.
    static var pieceLines: Int { 512 }
  }
}

extension GovernanceNode {
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

  /// Sends the next piece of every export whose caller takes more.
  mutating func pursueStreams(into effects: inout NodeEffects) {
    guard clients.isStreaming else { return }
    clients.exports = clients.exports.compactMap { export in
      export.isHeld ? export : pursue(export, into: &effects)
    }
  }

  /// The caller's connection is full, or takes more again.
  mutating func hold(_ key: CallKey, _ isHeld: Bool) {
    for position in clients.exports.indices where clients.exports[position].key == key {
      clients.exports[position].isHeld = isHeld
    }
  }

  /// Sends one piece; nil where the export has ended, one way or the other.
  private func pursue(_ begun: ClientTable.Export, into effects: inout NodeEffects) -> ClientTable.Export? {
    var export = begun
    var text = export.hasHeader ? "" : ExportFormat.header(cluster: cluster, size: export.size)
    let end = min(export.size, export.next + UInt64(ClientTable.Export.pieceLines))
    while export.next < end, text.utf8.count < ClientTable.Export.pieceBytes {
      let index = LeafIndex(export.next)
      guard let leaf = raft.log.leaf(at: index) else {
        refuse(
          export.key, .unavailable,
          "this node began with a snapshot and still fetches leaf \(export.next): ask another node",
          into: &effects)
        return nil
      }
      text += ExportFormat.leaf(leaf, attachment: raft.log.attachment(at: index)?.bytes ?? [])
      export.next += 1
    }
    var isDone = false
    if export.next >= export.size {
      do throws(StoreFailure) {
        isDone = try addNotes(to: &text, of: &export)
      } catch {
        refuse(export.key, .dataLoss, "this node cannot read its notes; ask another node", into: &effects)
        return nil
      }
    }
    export.hasHeader = true
    effects.answers.append(.item(export.key, payload: ExportChunk(text: Array(text.utf8)).encode()))
    guard isDone else { return export }
    effects.answers.append(.respond(export.key, .ok, payload: []))
    return nil
  }

  /// Adds the next notes of an export, ascending by size and time: one a size, and every one that
  /// consents. True where none is left.
  private func addNotes(
    to text: inout String, of export: inout ClientTable.Export
  ) throws(StoreFailure) -> Bool {
    let last = export.lastSeen
    let page = try raft.log.notes(after: last, limit: ClientTable.Export.pieceLines)
    let isLastPage = page.count < ClientTable.Export.pieceLines
    // What was taken in a moment ago may not be in the store yet.
    let fresh = finality.recent.filter { recent in
      (last.map { $0.precedes(recent.checkpoint) } ?? true)
        && (isLastPage || page.last.map { recent.checkpoint.precedes($0.checkpoint) } ?? true)
    }
    #if SIMULATION
    let newest = Mutant.freshNotesLeftOut.isActive ? [] : fresh
    #else
    let newest = fresh
    #endif
    let notes = (page + newest).sorted { $0.checkpoint.precedes($1.checkpoint) }
    for (checkpoint, note) in notes where checkpoint != export.lastSeen {
      guard checkpoint.size <= export.size else { return true }
      guard text.utf8.count < ClientTable.Export.pieceBytes else { return false }
      export.lastSeen = checkpoint
      // A note that only renews a lease proves nothing that the one before it does not.
      if checkpoint.size > export.lastSaid?.size ?? 0 || checkpoint.consent != nil {
        text += ExportFormat.note(note)
        export.lastSaid = checkpoint
      }
    }
    return isLastPage
  }
}

extension CheckpointNote {
  /// The order in which notes are kept and exported.
  fileprivate func precedes(_ other: CheckpointNote) -> Bool { (size, time) < (other.size, other.time) }
}
