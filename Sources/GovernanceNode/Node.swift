import ClawLedger
import ClawShield
import Crypto
import FROST
import Merkle
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

/// One governance node, as a value: Raft, the ledger, the governance state, threshold signing, leases,
/// restrictions and the calls of clients. No I/O, clock, randomness or thread of its own.
///
/// The owner feeds events to `step`, and carries out `NodeEffects` in their order. It steps with `tick`
/// at `nextDeadline` at the latest.
public struct GovernanceNode<Suite: CipherSuite>: ~Copyable {
  let identity: NodeIdentity
  /// The genesis leaf's record.
  public let genesis: Genesis
  /// Hash of the genesis leaf.
  public let cluster: Digest
  /// The key in force, as the final state says.
  var epoch: KeyEpoch<Suite>
  var links: KeyLinks
  var vault: ShareVault<Suite>
  /// As leader: the attempt to have a key made.
  var keyRound: KeyRound?
  /// As a new party: its part in it.
  var keyChange: KeyChange<Suite>?
  /// As a party that lost its share: how it gets it back.
  var recovery: ShareRecovery<Suite>?
  /// As a helper: whose shares it helps to restore.
  var helps: [ShareHelp<Suite>] = []
  /// Parties that a shown act names and the log here does not.
  var shownSeats: [PartySeat] = []
  /// Whether this node signs with the share of the ceremony that founded the cluster. Where not, and there is
  /// one, it is to be destroyed.
  public internal(set) var usesFoundingShare: Bool
  /// A share of a key that operators may yet take the ledger to.
  let continuingShare: PartyShare<Suite>?
  var raft: RaftInstance<Ledger>
  var overlay: Overlay
  var signer: PartySigner<Suite>
  var acks: DurableAcks
  /// A coordinator's call that waits until this party's log is durable and acknowledged.
  var waitingCall: WaitingCall?
  var book: CommitmentBook<Suite>
  var round: CheckpointRound<Suite>?
  var nextRound: UInt64 = 1
  var nonceRequests = NonceRequests()
  var roundPause = RoundPause()
  var finality: Finality
  var restrictions: BoundRestrictions
  var connectedPeers = ConnectedPeers()
  var vetoes: Vetoes
  var executors = ExecutorTable()
  var clients = ClientTable()
  var artifacts = ArtifactTable()
  var keeper = ArtifactKeeper()
  var snapshots = SnapshotTransfers()
  var handovers = Handovers()
  var history = HistoryKeeper()
  var freshReads = FreshReads()
  var repairs = Repairs()
  var earlier = EarlierKeeper()
  /// Erasures that are final here, and wait until that is durable.
  var erasing: [Erasing] = []
  /// Why this party has halted; nil where it has not.
  public internal(set) var conflict: Conflict?
  var rulings: Rulings
  /// What the shell says of the host.
  public var host = HostReport()
  /// The newest semantics that this program applies.
  let newestSemantics: Int
  #if SIMULATION
  /// How this node lies as a coordinator; nil where it does not.
  public var falseNote: FalseNote?
  #endif
  /// What peers have said of the newest that theirs apply.
  var adverts: [(peer: NodeID, semantics: Int)] = []
  /// When this node last told all peers of its own.
  var lastAdvertised: Instant?
  /// Whether the store says that entries were lost.
  var remembersLoss: Bool
  /// When its process began.
  let beganAt: Instant
  /// When this node learned who leads.
  var leaderSince = Instant(nanoseconds: 0)
  /// Whom it followed last, and in which term.
  var lastLed: (term: Term, leader: NodeID)?
  /// Until when a process that is asked to end waits for another to lead; nil where it need not.
  var partsUntil: Instant?
  /// When it last looked at what its leader owes.
  var lastLook = Instant(nanoseconds: 0)
  /// When it last stood against a leader that keeps something out of the log.
  var lastChallenge = Instant(nanoseconds: 0)
  /// Raft's buffer, reused.
  var raftEffects = Effects()
  /// When this node last told its peers how far its log is durable.
  var lastAckSent = Instant(nanoseconds: 0)
  var now: Moment

  /// Starts a node from what its storage holds. `recovered` holds at least the genesis. `foundingShare` is
  /// the one of the ceremony, where the party took part in it; later ones lie in the store. `continuingShare`
  /// is one of a key to which operators take the ledger, or have taken it. `localPolicy` is the party's own
  /// bundle.
  public init(
    identity: consuming NodeIdentity, memory: consuming NodeMemory,
    recovered: consuming RecoveredLedger, foundingShare: PartyShare<Suite>?,
    continuingShare: PartyShare<Suite>? = nil, localPolicy: LocalPolicy? = nil, settings: Settings,
    newestSemantics: Int = Semantics.newest,
    at now: Moment,
    using random: inout some RandomNumberGenerator
  ) throws(NodeFault) {
    let start = try Beginning(recovered, identity, newestSemantics: newestSemantics)
    guard let party = PartyIdentifier(UInt16(truncatingIfNeeded: identity.id.rawValue)) else {
      throw .identity("expected a party's number from 1 to 65535")
    }
    let epoch: KeyEpoch<Suite>
    do {
      epoch = try KeyEpoch(start.state.membership, cluster: start.cluster)
    } catch {
      throw .state("the key in force: \(error)")
    }
    let restrictions = try BoundRestrictions(ledger: recovered.ledger, cluster: start.cluster)
    let vetoes = try Vetoes(ledger: recovered.ledger, policy: localPolicy)
    let rulings = try Rulings(ledger: recovered.ledger)
    let conflict = try Conflict.stored(in: recovered.ledger)
    self.newestSemantics = newestSemantics
    recovered.ledger.begin(configuration: start.state.configurationPoint)
    // A crash may have come between an erasure that was durable and the end of its keys.
    for (tenant, leaf) in start.state.erasures {
      recovered.ledger.erase(tenant, before: leaf.value) { start.state.tenant(ofProposal: $0) }
    }
    cluster = start.cluster
    genesis = start.genesis
    overlay = Overlay(final: start.state)
    self.epoch = epoch
    links = KeyLinks(ledger: recovered.ledger, epochs: start.state.membership.epochs)
    vault = ShareVault(ledger: recovered.ledger, storageKey: identity.storageKey)
    var share = vault.share(of: epoch.publicKeys, party: party)
    usesFoundingShare = share == nil && foundingShare?.belongs(to: epoch.publicKeys, party: party) == true
    if usesFoundingShare { share = foundingShare }
    if share == nil, continuingShare?.belongs(to: epoch.publicKeys, party: party) == true {
      share = continuingShare
    }
    self.continuingShare = continuingShare
    acks = DurableAcks(parties: recovered.ledger.members)
    book = CommitmentBook(parties: epoch.publicKeys.parties)
    finality = Finality(size: recovered.finalSize, note: recovered.lastNote)
    remembersLoss = recovered.lost != nil
    self.restrictions = restrictions
    self.vetoes = vetoes
    self.rulings = rulings
    self.conflict = conflict
    raft = RaftInstance(
      id: identity.id, configuration: start.state.configurationPoint.configuration,
      hardState: recovered.hardState, log: recovered.ledger,
      commitIndex: LogIndex(rawValue: max(1, recovered.finalSize)), lost: recovered.lost, settings: settings,
      at: now.monotonic, using: &random)
    signer = PartySigner(party: party, share: share, boot: memory.boot, lock: memory.lock)
    self.identity = identity
    self.now = now
    beganAt = now.monotonic
    raft.log.clock = now.wall
    raft.log.assume(logTime: overlay.final.logTime)
    _ = overlay.follow(raft.log)
    // What was signed with a share of a key that operators have put aside binds nobody any more.
    if let began = continuedAt, memory.lock.time < began { signer.release() }
    if signer.lock.size > 0, memory.lock.size > finality.size,
      raft.log.rootHash(ofSize: memory.lock.size) == memory.lock.root
    {
      raft.setLocked(LogIndex(rawValue: memory.lock.size))
    }
    finality.resume(raft.log, overlay.final)
  }

  /// When the owner must step with `tick` at the latest.
  public var nextDeadline: Instant {
    guard conflict == nil else { return now.monotonic + Self.pulse }
    var deadline = min(raft.nextDeadline, now.monotonic + Self.pulse)
    if clients.isStreaming { deadline = min(deadline, now.monotonic + .milliseconds(1)) }
    return deadline
  }

  /// How often time-driven work is looked at.
  static var pulse: Nanoseconds { .milliseconds(50) }

  /// Takes one event in.
  public mutating func step(
    _ event: NodeEvent, at now: Moment, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    self.now = now
    raft.log.clock = now.wall
    if conflict == nil {
      take(event, using: &random, into: &effects)
    } else {
      stepHalted(event, using: &random, into: &effects)
    }
    effects.keys += raft.log.takeKeyChanges()
  }

  private mutating func take(
    _ event: NodeEvent, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    switch event {
    case .tick:
      stepRaft(.tick, using: &random, into: &effects)
      onPulse(using: &random, into: &effects)
    case .peer(let sender, let message):
      onPeer(message, from: sender, using: &random, into: &effects)
    case .restored(let shown): onRestored(shown, using: &random, into: &effects)
    case .restoredContent(let tenant, let content):
      onRestoredContent(tenant: tenant, content, using: &random, into: &effects)
    case .connected(let peer):
      // What was on its way on an earlier connection is lost with it.
      endTransfer(to: peer, succeeded: false, using: &random, into: &effects)
      loseEarlier(peer)
      connectedPeers.connected(peer)
      onConnected(peer, into: &effects)
    case .unreachable(let peer):
      endTransfer(to: peer, succeeded: false, using: &random, into: &effects)
      loseEarlier(peer)
      connectedPeers.lost(peer)
      stepRaft(.unreachable(peer: peer), using: &random, into: &effects)
    case .call(let call): onCall(call, using: &random, into: &effects)
    case .cancelled(let key):
      clients.remove(key)
      executors.remove(key)
      artifacts.remove(key)
      handovers.remove(key)
      freshReads.remove(key)
      if recovery?.caller == key { recovery = nil }
      restrictions.vigils.removeAll { $0.key == key }
      vetoes.remove(key)
    case .full(let key): hold(key, true)
    case .writable(let key): hold(key, false)
    case .written(let name): onWritten(name, using: &random, into: &effects)
    case .locked(let ticket): release(through: ticket, using: &random, into: &effects)
    case .parting: onParting(using: &random, into: &effects)
    }
    if let failure = raft.log.failure { effects.fatal = failure.description }
  }

  // MARK: Consensus

  /// Steps consensus and takes up what it wants done.
  mutating func stepRaft(
    _ event: Event, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    raft.step(event, at: now.monotonic, using: &random, into: &raftEffects)
    takeUp(using: &random, into: &effects)
  }

  /// Carries consensus' effects over, in the order of their contract.
  mutating func takeUp(using random: inout some RandomNumberGenerator, into effects: inout NodeEffects) {
    while true {
      var raised = Effects()
      swap(&raised, &raftEffects)
      for request in raised.persist {
        let head = overlay.head
        let batch = raft.log.batch(for: request) { head.tenant(ofProposal: $0) }
        effects.writes.append((.log(ticket: request.ticket), batch))
      }
      for envelope in raised.messages {
        effects.messages.append((envelope.to, RaftCodec.encode(envelope.message)))
      }
      for evidence in raised.evidence { effects.notices.append(.evidence("\(evidence)")) }
      for evidence in overlay.follow(raft.log) { effects.notices.append(.evidence(evidence)) }
      adoptContinuation(using: &random, into: &effects)
      if raised.configuration != nil {
        acks.follow(raft.configuration.members)
        effects.membersChanged = true
      }
      for peer in raised.needsSnapshot where !sendSnapshot(to: peer, into: &effects) {
        raft.step(
          .snapshotReport(peer: peer, succeeded: false), at: now.monotonic, using: &random,
          into: &raftEffects)
      }
      var opened = false
      for change in raised.roleChanges {
        onRoleChange(change, using: &random, into: &effects)
        goOnParting(change, into: &effects)
        if case .becameLeader = change { opened = openTerm(into: &effects) || opened }
      }
      for outcome in raised.reads { onReadOutcome(outcome, into: &effects) }
      if let durable = raised.durable { onDurable(durable, into: &effects) }
      if !opened && raftEffects.persist.isEmpty && raftEffects.messages.isEmpty
        && raftEffects.roleChanges.isEmpty && raftEffects.reads.isEmpty
      {
        break
      }
    }
    retryWaitingCall(using: &random, into: &effects)
    retryPendingNote(using: &random, into: &effects)
    advanceCheckpoint(using: &random, into: &effects)
    settleFreshReads(into: &effects)
  }

  private mutating func onRoleChange(
    _ change: RoleChange, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    switch change {
    case .becameLeader(let term):
      effects.notices.append(.role("leader of \(term)"))
    case .follower(let term, let leader):
      effects.notices.append(.role("follower in \(term) of \(leader.map { "\($0)" } ?? "nobody yet")"))
      round = nil
      #if SIMULATION
      let isUnasked = !Mutant.commitmentsOnRequest.isActive
      #else
      let isUnasked = true
      #endif
      if isUnasked, let leader, !signer.isServing(leader.rawValue, term: term.rawValue) {
        serveNonces(to: leader, using: &random, into: &effects)
      }
      // Who stood in vain and comes back to the leader that it had has no new one.
      if let leader, lastLed.map({ $0 != (term, leader) }) ?? true {
        lastLed = (term, leader)
        leaderSince = now.monotonic
        if raft.log.size > finality.size || isLeaseOverdue { finality.fruitlessLeaders += 1 }
      }
    case .steppedDown(let term, let reason):
      effects.notices.append(.role("stepped down in \(term): \(reason)"))
      round = nil
    case .transferAborted(let target):
      effects.notices.append(.role("the handover to \(target) came to nothing"))
    case .preCandidate, .candidate: round = nil
    }
  }

  /// A new leader opens its term with a `term` record, and writes down what its predecessors owed.
  private mutating func openTerm(into effects: inout NodeEffects) -> Bool {
    round = nil
    roundPause.end()
    // Who follows brings fresh commitments: those that an earlier leader has are of no use to this one.
    book = CommitmentBook(parties: epoch.publicKeys.parties)
    nonceRequests = NonceRequests()
    let body = RecordBody.term(number: raft.currentTerm.rawValue, leader: Int(raft.id.rawValue))
    let record = Record(at: max(now.wall, raft.log.logTime), body: body)
    let payload = EntryPayload(record: record.bytes, attachment: [])
    guard (try? raft.proposeTermRecord(payload.bytes, at: now.monotonic, into: &raftEffects)) != nil else {
      return false
    }
    for evidence in overlay.follow(raft.log) { effects.notices.append(.evidence(evidence)) }
    writeOwed(into: &effects)
    return true
  }

  /// The other members; for a node that is none yet, those that it was told of as well.
  var peers: [NodeID] {
    let members = raft.configuration.members.filter { $0 != raft.id }
    guard !raft.configuration.members.contains(raft.id) else { return members }
    return members + identity.contacts.filter { !members.contains($0) && $0 != raft.id }
  }

  private mutating func onDurable(_ point: DurablePoint, into effects: inout NodeEffects) {
    acknowledge(term: point.term, size: point.index.rawValue, into: &effects)
  }

  /// Tells every peer how far this log is durable, with its root.
  mutating func acknowledge(term: Term, size: UInt64, into effects: inout NodeEffects) {
    guard let root = raft.log.rootHash(ofSize: size) else { return }
    acks.record(raft.id, term: term, size: size, root: root, current: raft.currentTerm)
    lastAckSent = now.monotonic
    let message = PeerMessage.durable(DurableLog(term: term.rawValue, size: size, root: root.bytes))
    for peer in peers { effects.messages.append((peer, message)) }
  }

  mutating func onWritten(
    _ name: WriteName, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    carryOutErasures(after: name, into: &effects)
    switch name {
    case .log(let ticket):
      raft.log.persisted(ticket: ticket)
      stepRaft(.persisted(ticket: ticket), using: &random, into: &effects)
    case .note, .artifactsRemoved: break
    case .restriction(let id, let hash):
      onRestrictionDurable(id, hash, using: &random, into: &effects)
    case .veto(let proposal): onVetoDurable(proposal, into: &effects)
    case .share(let session):
      onShareDurable(session, using: &random, into: &effects)
      onRecovered(session, using: &random, into: &effects)
    case .artifact(let tenant, let digest):
      onArtifactDurable(tenant: tenant, digest: digest, using: &random, into: &effects)
    case .repair(let leaf): onMended(leaf, into: &effects)
    case .recovery: break
    case .earlier(let size): onEarlierDurable(size, into: &effects)
    case .conflict: break
    }
  }

  // MARK: Time

  /// What time brings about by itself.
  private mutating func onPulse(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    if raft.durableIndex.rawValue > finality.size, lastAckSent + .milliseconds(250) <= now.monotonic,
      let own = acks.own(raft.id)
    {
      acknowledge(term: own.term, size: own.size, into: &effects)
    }
    writeTick(into: &effects)
    advertiseAgain(into: &effects)
    wantNotes(into: &effects)
    pursueHistory(into: &effects)
    pursueEarlier(into: &effects)
    pursueRepairs(into: &effects)
    noteRecovery(into: &effects)
    pursueRound(using: &random, into: &effects)
    pursueForwards(using: &random, into: &effects)
    if raft.mayPropose { writeOwed(into: &effects) }
    settleHandovers(into: &effects)
    pursueStreams(into: &effects)
    pursueArtifacts(into: &effects)
    keepArtifacts(into: &effects)
    pursueSnapshots(using: &random, into: &effects)
    pursueRestrictions(into: &effects)
    bringRestrictions(into: &effects)
    showDeclines(into: &effects)
    pursueMembers(using: &random, into: &effects)
    pursueKeyChange(using: &random, into: &effects)
    pursueRecovery(into: &effects)
    takeUp(using: &random, into: &effects)
  }

  /// Where something pending expires, an idle cluster's log time must move on.
  private mutating func writeTick(into effects: inout NodeEffects) {
    guard raft.mayPropose, let expiry = overlay.head.nextExpiry, expiry <= now.wall,
      overlay.head.logTime < expiry
    else { return }
    _ = append(.tick, Attachment(), into: &effects)
  }
}
