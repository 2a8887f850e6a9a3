import ClawLedger
import ClawShield
import Crypto
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

/// Beside each content a small row: that it is here, since when, and after which erasure of its tenant it came. Looking for what is missing, and for
/// what nobody needs, reads these and no content.
enum ArtifactMark {
  /// No tenant's name begins with this byte, so the rows stand after all contents, and a scan of them reads
  /// none of those.
  private static let prefix: UInt8 = 0xFF

  static func key(tenant: String, digest: String) -> [UInt8] {
    [prefix] + ArtifactTable.key(tenant: tenant, digest: digest)
  }

  /// The first key of all.
  static var first: [UInt8] { [prefix] }

  static func value(_ time: Timestamp, generation: UInt64) -> [UInt8] {
    Array("\(time.text) \(generation)".utf8)
  }

  /// What a row is about and when it was written; nil for a row that is none.
  static func read(
    _ key: [UInt8], _ value: [UInt8]
  ) -> (tenant: String, digest: Digest, since: Timestamp, generation: UInt64)? {
    guard key.first == prefix else { return nil }
    let parts = String(decoding: key.dropFirst(), as: UTF8.self).parts(separatedBy: UInt8(ascii: "/"))
    guard parts.count == 2, let digest = Digest(hex: parts[1]), let (since, generation) = read(value) else {
      return nil
    }
    return (parts[0], digest, since, generation)
  }

  /// When a row was written and after which erasure; nil for what no row says.
  static func read(_ value: [UInt8]) -> (since: Timestamp, generation: UInt64)? {
    let values = String(decoding: value, as: UTF8.self).parts(separatedBy: UInt8(ascii: " "))
    guard values.count == 2, let since = Timestamp(text: values[0]), let generation = UInt64(values[1]) else {
      return nil
    }
    return (since, generation)
  }
}

/// Contents that this node should hold and does not, and contents that it holds for nothing.
///
/// Two slow rounds, a few rows every `pulse`: one over the artifacts of the final state, for what is
/// missing here; one over what is held, for what has no record. What is missing is asked of one peer after
/// the other, one content at a time.
struct ArtifactKeeper: Sendable {
  struct Missing: Sendable {
    let tenant: String
    let digest: Digest
    /// How often it was asked for.
    var attempts = 0
  }

  /// At most `maximumMissing`; the round stands still until there is room.
  var missing: [Missing] = []
  /// Until when the first of `missing` is waited for.
  var awaitedUntil: Instant?
  /// Where the round over the state goes on.
  var last: (tenant: String, digest: Digest)?
  /// Where the round over what is held goes on.
  var nextMark = ArtifactMark.first
  /// When it begins anew, once it has come to the end.
  var nextMarks = Instant(nanoseconds: 0)
  var nextRound = Instant(nanoseconds: 0)
  /// Contents given to peers since the last round.
  var given = 0

  static var maximumMissing: Int { 64 }
  /// Rows looked at in one round.
  static var rows: Int { 32 }
  static var pause: Nanoseconds { .milliseconds(200) }
  /// Between two rounds over what is held: far below `grace`.
  static var marksPause: Nanoseconds { .seconds(10) }
  /// How long a peer has for one content.
  static var patience: Nanoseconds { .seconds(5) }
  /// Most contents that peers are given in one round.
  static var maximumGiven: Int { 4 }
  /// How long a content may wait for its record: longer than a majority may take to hold it, by far.
  static var grace: Interval { .seconds(600) }

  mutating func want(_ tenant: String, _ digest: Digest) {
    guard !missing.contains(where: { $0.tenant == tenant && $0.digest == digest }) else { return }
    missing.append(Missing(tenant: tenant, digest: digest))
  }

  /// It is here, or not wanted any more.
  mutating func settle(_ tenant: String, _ digest: Digest) {
    guard let position = missing.firstIndex(where: { $0.tenant == tenant && $0.digest == digest }) else {
      return
    }
    missing.remove(at: position)
    if position == 0 { awaitedUntil = nil }
  }

  /// The first goes to the end of the line; the next try is another peer's.
  mutating func postpone() {
    guard !missing.isEmpty else { return }
    var first = missing.removeFirst()
    first.attempts += 1
    missing.append(first)
    awaitedUntil = nil
  }
}

extension GovernanceNode {
  /// A little of both rounds, and of what is missing.
  mutating func keepArtifacts(into effects: inout NodeEffects) {
    askForContent(into: &effects)
    guard keeper.nextRound <= now.monotonic else { return }
    keeper.nextRound = now.monotonic + ArtifactKeeper.pause
    keeper.given = 0
    settleUnrecorded()
    findMissing(into: &effects)
    removeUnrecorded(into: &effects)
  }

  /// Looks whether the next contents of the final state are here.
  private mutating func findMissing(into effects: inout NodeEffects) {
    guard keeper.missing.count + ArtifactKeeper.rows <= ArtifactKeeper.maximumMissing else { return }
    let contents = overlay.final.contents(after: keeper.last, limit: ArtifactKeeper.rows)
    for content in contents where !isHeld(content.tenant, content.digest) {
      keeper.want(content.tenant, content.digest)
    }
    keeper.last = contents.count == ArtifactKeeper.rows ? contents.last : nil
  }

  /// Whether a content is here and can be read: not one from before its tenant was erased.
  func isHeld(_ tenant: String, _ digest: Digest) -> Bool {
    let key = ArtifactMark.key(tenant: tenant, digest: digest.hex)
    guard let value = try? raft.log.store.get(.artifacts, key), let mark = ArtifactMark.read(value) else {
      return false
    }
    return !raft.log.isErased(tenant, at: mark.generation)
  }

  /// Takes away what has waited for its record too long, and what nobody can read since its tenant was erased. Whoever
  /// puts it again finds no trace of it.
  private mutating func removeUnrecorded(into effects: inout NodeEffects) {
    guard keeper.nextMarks <= now.monotonic else { return }
    let rows =
      (try? raft.log.store.scan(.artifacts, from: keeper.nextMark, limit: ArtifactKeeper.rows)) ?? []
    var batch = WriteBatch()
    for (key, value) in rows {
      guard let mark = ArtifactMark.read(key, value),
        raft.log.isErased(mark.tenant, at: mark.generation)
          || isUnrecorded(mark.tenant, mark.digest, since: mark.since),
        !artifacts.isComing(mark.tenant, mark.digest)
      else { continue }
      batch.delete(.artifacts, key)
      batch.delete(.artifacts, ArtifactTable.key(tenant: mark.tenant, digest: mark.digest.hex))
    }
    let isFull = rows.count == ArtifactKeeper.rows
    keeper.nextMark = isFull ? rows.last.map { $0.key + [0] } ?? ArtifactMark.first : ArtifactMark.first
    if !isFull { keeper.nextMarks = now.monotonic + ArtifactKeeper.marksPause }
    if !batch.isEmpty { effects.writes.append((.artifactsRemoved, batch)) }
  }

  private func isUnrecorded(_ tenant: String, _ digest: Digest, since: Timestamp) -> Bool {
    #if SIMULATION
    if Mutant.droppedContentKept.isActive,
      overlay.final.droppedArtifact(tenant: tenant, digest: digest) != nil
    {
      return false
    }
    #endif
    return now.wall >= since.advanced(by: ArtifactKeeper.grace)
      && overlay.head.artifact(tenant: tenant, digest: digest) == nil
      // What a leaf lets go of that is not final may be another's yet.
      && overlay.final.artifact(tenant: tenant, digest: digest) == nil
  }

  private mutating func askForContent(into effects: inout NodeEffects) {
    if let until = keeper.awaitedUntil {
      guard until <= now.monotonic else { return }
      keeper.postpone()
    }
    guard let first = keeper.missing.first, !peers.isEmpty else { return }
    let peer = peers[(first.attempts + Int(raft.id.rawValue)) % peers.count]
    let wanted = ArtifactWanted(tenant: first.tenant, digest: first.digest.hex)
    effects.messages.append((peer, PeerMessage.artifactWanted(wanted)))
    keeper.awaitedUntil = now.monotonic + ArtifactKeeper.patience
  }

  /// A peer lacks a content that has a record: it is a party, and every party keeps every content. An empty
  /// answer would say nothing that silence does not.
  mutating func onArtifactWanted(
    _ wanted: ArtifactWanted, from sender: NodeID, into effects: inout NodeEffects
  ) {
    guard keeper.given < ArtifactKeeper.maximumGiven, let digest = Digest(hex: wanted.digest),
      overlay.final.artifact(tenant: wanted.tenant, digest: digest) != nil,
      let content = content(tenant: wanted.tenant, digest: digest)
    else { return }
    keeper.given += 1
    let found = ArtifactFound(tenant: wanted.tenant, digest: wanted.digest, content: content)
    effects.messages.append((sender, PeerMessage.artifactFound(found)))
  }

  /// Taken only where it was asked for and is what its record says.
  mutating func onArtifactFound(
    _ found: ArtifactFound, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard let digest = Digest(hex: found.digest),
      keeper.missing.contains(where: { $0.tenant == found.tenant && $0.digest == digest }),
      found.content.count <= ArtifactTable.maximumBytes, SHA256.hash(found.content) == digest,
      store(
        found.content, tenant: found.tenant, digest: digest.hex, from: sender, using: &random, into: &effects)
    else { return }
    keeper.settle(found.tenant, digest)
  }
}
