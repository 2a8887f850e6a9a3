import Canonical
import ClawLedger
import ClawShield
import Crypto
import Raft
import Records
import Wire

/// Artifacts on their way into the ledger: their record is appended when a majority holds the content.
struct ArtifactTable: Sendable {
  struct Arriving: Sendable {
    let signed: Signed<ArtifactNote>
    let purpose: Purpose
    var holders: [NodeID]
    let since: Instant
    var isSubmitted = false
  }

  var arriving: [Arriving] = []
  /// Contents that were taken and had no record when it was last looked, oldest first. A tenant's share counts
  /// records alone: without a bound on these, whoever puts and hangs up would fill every disk.
  private(set) var unrecorded: [(tenant: String, digest: Digest, since: Instant)] = []
  /// Contents that are not durable here yet.
  var intake = ArtifactIntake()

  static var maximumArriving: Int { 64 }
  /// Contents of one tenant that may wait for a record.
  static var maximumUnrecorded: Int { 128 }
  /// How long a majority has to hold a content.
  static var patience: Nanoseconds { .seconds(30) }
  static var maximumBytes: Int { 3 << 20 }

  /// Whether one more may arrive. A peer takes no more bytes of this node's at once: what went beyond would
  /// wait in vain.
  func hasRoom(for bytes: Int) -> Bool {
    arriving.count < Self.maximumArriving
      && arriving.reduce(bytes) { $0 + $1.signed.content.size } <= ArtifactIntake.maximumBytesOfOne
  }

  /// Takes one up that may get a record; false where its tenant has too many of those.
  mutating func expect(_ tenant: String, _ digest: Digest, at now: Instant) -> Bool {
    guard !unrecorded.contains(where: { $0.tenant == tenant && $0.digest == digest }) else { return true }
    guard unrecorded.count(where: { $0.tenant == tenant }) < Self.maximumUnrecorded else { return false }
    unrecorded.append((tenant, digest, now))
    return true
  }

  /// Forgets those that have a record, and those that were taken away.
  mutating func settleUnrecorded(at now: Instant, isRecorded: (String, Digest) -> Bool) {
    let grace = Nanoseconds(rawValue: UInt64(ArtifactKeeper.grace.nanoseconds))
    unrecorded.removeAll { $0.since + grace <= now || isRecorded($0.tenant, $0.digest) }
  }

  /// The caller has gone.
  mutating func remove(_ key: CallKey) { arriving.removeAll { $0.purpose.key == key } }

  /// Whether the content is being put or pushed right now.
  func isComing(_ tenant: String, _ digest: Digest) -> Bool {
    intake.contains(tenant: tenant, digest: digest.hex)
      || arriving.contains { $0.signed.content.tenantID == tenant && $0.signed.content.digest == digest }
  }

  mutating func takeLate(at now: Instant) -> [Arriving] {
    let late = arriving.filter { $0.since + Self.patience <= now }
    if !late.isEmpty { arriving.removeAll { $0.since + Self.patience <= now } }
    return late
  }

  static func key(tenant: String, digest: String) -> [UInt8] { Array("\(tenant)/\(digest)".utf8) }

  static func stat(_ note: ArtifactNote, at index: LeafIndex) -> ArtifactStat {
    ArtifactStat(
      digest: note.digest.hex, size: UInt64(note.size), mediaType: note.mediaType, labels: note.labels,
      index: index.value, workspace: note.workspaceID, name: note.name, owner: note.owner.path)
  }
}

extension GovernanceNode {
  mutating func putArtifact(
    _ call: ClientCall, _ request: ArtifactPutRequest, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) throws {
    let signed = try artifactStatement(request.statement)
    let note = signed.content
    if case .agent(let own, _) = call.caller, own != note.tenantID {
      throw Refusal(.permissionDenied, "tenant_id: expected the agent's own tenant, \(own)")
    }
    guard note.owner == call.caller else {
      throw Refusal(.permissionDenied, "owner: expected the caller, \(call.caller.path)")
    }
    guard request.content.count <= ArtifactTable.maximumBytes else {
      refuse(
        call.key, .invalidArgument,
        "expected at most \(ArtifactTable.maximumBytes) bytes, found \(request.content.count)",
        into: &effects)
      return
    }
    guard artifacts.hasRoom(for: request.content.count) else {
      refuse(call.key, .resourceExhausted, "too many artifacts are arriving; try again", into: &effects)
      return
    }
    guard note.size == request.content.count, note.digest == SHA256.hash(request.content) else {
      throw RecordError.field("digest", expected: "the size and SHA-256 digest of the content")
    }
    switch overlay.head.admits(.artifact(signed), attachment: Attachment(), at: now.wall) {
    case .refuse(let refusal):
      refuse(call.key, refusal, into: &effects)
      return
    case .known: break
    case .accept:
      guard expectArtifact(note) else {
        refuse(
          call.key, .resourceExhausted,
          "\(ArtifactTable.maximumUnrecorded) files of tenant \(note.tenantID) wait for their record; try again "
            + "when they have it, or were given up", into: &effects)
        return
      }
    }
    guard
      store(request.content, tenant: note.tenantID, digest: note.digest.hex, using: &random, into: &effects)
    else {
      refuse(call.key, .resourceExhausted, "too many artifacts wait for the disk; try again", into: &effects)
      return
    }
    artifacts.arriving.append(
      ArtifactTable.Arriving(
        signed: signed, purpose: .artifact(call.key), holders: [], since: now.monotonic))
    let push = ArtifactPush(statement: request.statement, content: request.content)
    for peer in peers { effects.messages.append((peer, PeerMessage.artifactPush(push))) }
  }

  /// Forgets what waits for a record no longer.
  mutating func settleUnrecorded() {
    let head = overlay.head
    artifacts.settleUnrecorded(at: now.monotonic) { head.artifact(tenant: $0, digest: $1) != nil }
  }

  private mutating func expectArtifact(_ note: ArtifactNote) -> Bool {
    settleUnrecorded()
    return artifacts.expect(note.tenantID, note.digest, at: now.monotonic)
  }

  private func artifactStatement(_ bytes: [UInt8]) throws(RecordError) -> Signed<ArtifactNote> {
    guard case .artifact(let signed) = try Statements.body(.artifact, bytes) else {
      throw .field("statement", expected: "a signed artifact statement")
    }
    return signed
  }

  /// Writes a content that `source` brought, this node's own clients where it is nil; once where several
  /// bring it at the same time. False where there is no room for it.
  mutating func store(
    _ content: [UInt8], tenant: String, digest: String, from source: NodeID? = nil, listens: Bool = false,
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) -> Bool {
    switch artifacts.intake.take(
      tenant: tenant, digest: digest, bytes: content.count, from: source ?? raft.id, listens: listens)
    {
    case .full: return false
    case .underWay: return true
    case .write: break
    }
    write(content, tenant: tenant, digest: digest, using: &random, into: &effects)
    return true
  }

  /// Writes a content, however much waits for the disk: what comes from this host's own files paces itself.
  mutating func write(
    _ content: [UInt8], tenant: String, digest: String, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    let key = ArtifactTable.key(tenant: tenant, digest: digest)
    var batch = WriteBatch()
    let sealed = raft.log.seal(content, tenant: tenant, name: key, nonce: AEAD.Nonce(using: &random))
    batch.put(.artifacts, key, sealed)
    batch.put(
      .artifacts, ArtifactMark.key(tenant: tenant, digest: digest),
      ArtifactMark.value(now.wall, generation: raft.log.generation(of: tenant)))
    effects.writes.append((.artifact(tenant: tenant, digest: digest), batch))
  }

  mutating func onArtifactPush(
    _ push: ArtifactPush, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    // A peer stores nothing for anybody who could not put it there: disks are not for lying nodes to fill.
    guard let signed = try? artifactStatement(push.statement),
      push.content.count <= ArtifactTable.maximumBytes, push.content.count == signed.content.size,
      SHA256.hash(push.content) == signed.content.digest
    else { return }
    let note = signed.content
    if overlay.final.artifact(tenant: note.tenantID, digest: note.digest) != nil,
      isHeld(note.tenantID, note.digest)
    {
      // It is here for good: pushed again and again, it would only wear out the disk.
      let held = ArtifactHeld(tenant: note.tenantID, digest: note.digest.hex)
      effects.messages.append((sender, PeerMessage.artifactHeld(held)))
      return
    }
    switch overlay.head.admits(.artifact(signed), attachment: Attachment(), at: now.wall) {
    case .refuse: return
    case .known: break
    case .accept: guard expectArtifact(note) else { return }
    }
    _ = store(
      push.content, tenant: note.tenantID, digest: note.digest.hex, from: sender, listens: true,
      using: &random, into: &effects)
  }

  mutating func onArtifactDurable(
    tenant: String, digest: String, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    for waiting in artifacts.intake.settle(tenant: tenant, digest: digest) {
      let held = ArtifactHeld(tenant: tenant, digest: digest)
      effects.messages.append((waiting, PeerMessage.artifactHeld(held)))
    }
    onArtifactHeld(
      ArtifactHeld(tenant: tenant, digest: digest), from: raft.id, using: &random, into: &effects)
  }

  mutating func onArtifactHeld(
    _ held: ArtifactHeld, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    let majority = overlay.final.parties.count / 2 + 1
    var ready: [ArtifactTable.Arriving] = []
    for position in artifacts.arriving.indices
    where artifacts.arriving[position].signed.content.tenantID == held.tenant
      && artifacts.arriving[position].signed.content.digest.hex == held.digest
    {
      if !artifacts.arriving[position].holders.contains(sender) {
        artifacts.arriving[position].holders.append(sender)
      }
      if artifacts.arriving[position].holders.count >= majority, !artifacts.arriving[position].isSubmitted {
        artifacts.arriving[position].isSubmitted = true
        ready.append(artifacts.arriving[position])
      }
    }
    artifacts.arriving.removeAll(where: \.isSubmitted)
    for arrived in ready {
      submit(
        Submission(body: .artifact(arrived.signed), attachment: Attachment(), purpose: arrived.purpose),
        into: &effects)
    }
    takeUp(using: &random, into: &effects)
  }

  /// Gives up on contents that no majority came to hold in time: they get no record.
  mutating func pursueArtifacts(into effects: inout NodeEffects) {
    for late in artifacts.takeLate(at: now.monotonic) {
      refuse(
        late.purpose.key, .unavailable,
        "expected a majority of \(overlay.final.parties.count) nodes to hold the content, \(late.holders.count) did; "
          + "it is not recorded, try again", into: &effects)
    }
  }
}
