import Canonical
import ClawLedger
import ClawShield
import Crypto
import Raft
import Records
import Wire

/// The executors that are enlisted: whose challenges the next lease commits to, and who takes jobs here.
struct ExecutorTable: Sendable {
  /// What a node says that an executor asks.
  private struct Told: Sendable {
    let source: NodeID
    var challenge: Challenge
    var seenAt: Instant
    /// Whether a lease committed to the challenge.
    var isLeased: Bool
  }

  private struct Known: Sendable {
    let executor: Principal
    /// Ascending by source: of each node the newest. A node that invents challenges takes the place of none that
    /// another node was given.
    var told: [Told]
    var readiness: DeclaredReadiness
    /// Its own signed words; nil where it gave none.
    var declaration: PartySigned<HostDeclaration>?
    /// What its host offers now, which may be less than what it is enrolled for.
    var offered: Set<IsolationClass>
    /// Approvals that named it, for an even choice.
    var chosen: UInt64

    func isPresent(at now: Instant) -> Bool { told.contains { $0.seenAt + ExecutorTable.absence > now } }
  }

  /// A call that waits for the lease that commits to its challenge.
  struct Enlisting: Sendable {
    let key: CallKey
    let challenge: Challenge
    /// How many links of the chain of keys it has.
    let knownLinks: Int
    /// The bundle that the executor has.
    let since: Instant
  }

  /// A stream of jobs to an executor.
  struct Stream: Sendable {
    let key: CallKey
    let executor: Principal
  }

  /// Ascending by executor.
  private var known: [Known] = []
  private var lastLease: Instant?
  /// What executors ask this node in vain: what peers say that others ask may be made up.
  private struct Unserved: Sendable {
    let since: Instant
    var askedAt: Instant
    var challenge: Challenge
  }
  private var unserved: Unserved?
  var enlisting: [Enlisting] = []
  var streams: [Stream] = []

  static var maximumExecutors: Int { 1024 }
  /// An executor that has not enlisted again for so long is gone.
  static var absence: Nanoseconds { .seconds(15) }

  var isServing: Bool { !known.isEmpty }

  /// An executor asks each node in turn, and again.
  private static var round: Nanoseconds { .seconds(30) }

  /// An executor has asked here for a lease that commits to this challenge.
  mutating func asked(_ challenge: Challenge, at now: Instant) {
    if let unserved, unserved.askedAt + Self.round > now {
      self.unserved = Unserved(since: unserved.since, askedAt: now, challenge: challenge)
    } else {
      unserved = Unserved(since: now, askedAt: now, challenge: challenge)
    }
  }

  /// Since when executors have asked here in vain; nil where none has for a while, or the newest lease is for the last that did.
  func unservedSince(beyond leased: [Challenge], at now: Instant) -> Instant? {
    guard let unserved, unserved.askedAt + Self.round > now, !leased.contains(unserved.challenge) else {
      return nil
    }
    return unserved.since
  }

  /// Forgets executors of which nobody has said anything for a while.
  mutating func prune(at now: Instant, but kept: Principal? = nil) {
    for position in known.indices { known[position].told.removeAll { $0.seenAt + Self.absence <= now } }
    known.removeAll { $0.told.isEmpty && $0.executor != kept }
  }

  var challenges: [Challenge] { known.flatMap { $0.told.map(\.challenge) } }
  /// Those that are enlisted, ascending, with what each says of itself.
  var declared:
    [(executor: Principal, readiness: DeclaredReadiness, declaration: PartySigned<HostDeclaration>?)]
  {
    known.map { ($0.executor, $0.readiness, $0.declaration) }
  }

  /// Takes a challenge that `source` was given, or says that it was. `isFirstHand`: the executor itself said so here.
  mutating func challenge(
    _ challenge: Challenge, from source: NodeID, isFirstHand: Bool, readiness: DeclaredReadiness,
    offering: Set<IsolationClass>, declaration: PartySigned<HostDeclaration>?, at now: Instant
  ) {
    prune(at: now, but: challenge.executor)
    let told = Told(source: source, challenge: challenge, seenAt: now, isLeased: false)
    guard let position = known.firstIndex(where: { $0.executor == challenge.executor }) else {
      guard known.count < Self.maximumExecutors else { return }
      known.append(
        Known(
          executor: challenge.executor, told: [told], readiness: readiness, declaration: declaration,
          offered: offering, chosen: 0))
      known.sort { $0.executor < $1.executor }
      return
    }
    guard !known[position].told.contains(where: { $0.source == source && $0.challenge == challenge }) else {
      return
    }
    let isAbsent = known[position].told.isEmpty
    known[position].told.removeAll { $0.source == source }
    known[position].told.append(told)
    known[position].told.sort { $0.source < $1.source }
    // Its own word counts whatever time it gives; what a peer repeats has to be newer than what it said before.
    guard isFirstHand || isAbsent || Self.isNewer(declaration, than: known[position].declaration) else {
      return
    }
    known[position].readiness = readiness
    known[position].declaration = declaration
    known[position].offered = offering
  }

  private static func isNewer(
    _ declaration: PartySigned<HostDeclaration>?, than known: PartySigned<HostDeclaration>?
  ) -> Bool {
    guard let known = known?.content else { return true }
    guard let declared = declaration?.content else { return false }
    return declared.incarnation != known.incarnation || declared.isNewer(than: known)
  }

  /// Whether a challenge waits for a lease, and the last lease is old enough to be renewed; an executor
  /// that has none yet does not wait.
  func isLeaseDue(at now: Instant, interval: Nanoseconds) -> Bool {
    let isWaiting = known.contains { executor in
      executor.told.contains { !$0.isLeased && $0.seenAt + Self.absence > now }
    }
    guard isWaiting, let lastLease else { return isWaiting }
    return lastLease + interval <= now
  }

  mutating func leased(_ challenges: [Challenge], at now: Instant) {
    lastLease = now
    if let unserved, challenges.contains(unserved.challenge) { self.unserved = nil }
    for position in known.indices {
      for place in known[position].told.indices
      where challenges.contains(known[position].told[place].challenge) {
        known[position].told[place].isLeased = true
      }
    }
  }

  /// The challenge of `executor` that a lease beside an offer should answer, of those that `leased` has: the newest,
  /// since an executor takes none that is older than the one answered last. But one that this node itself was given
  /// within `interval` goes first, for nobody made it up, and the executor asks one node in each interval.
  func challenge(
    of executor: Principal, at own: NodeID, among leased: [Challenge], within interval: Nanoseconds,
    at now: Instant
  ) -> Challenge? {
    let told = known.first { $0.executor == executor }?.told.filter { leased.contains($0.challenge) } ?? []
    if let fresh = told.first(where: { $0.source == own && $0.seenAt + interval > now }) {
      return fresh.challenge
    }
    return told.max { $0.seenAt < $1.seenAt }?.challenge ?? leased.first { $0.executor == executor }
  }

  /// One of `eligible` that is here, the one that was chosen least. Those whose hosts offer `needed` now, or a stronger
  /// class, go first: another would refuse the job. Where none does, one that may offer it again is better than none.
  mutating func choose(
    among eligible: [Principal], needing needed: IsolationClass?, at now: Instant
  ) -> Principal? {
    let present = known.indices.filter {
      eligible.contains(known[$0].executor) && known[$0].isPresent(at: now)
    }
    let able = present.filter { place in
      needed.map { needed in known[place].offered.contains { $0 >= needed } } ?? true
    }
    let candidates = able.isEmpty ? present : able
    guard let position = candidates.min(by: { known[$0].chosen < known[$1].chosen }) else { return nil }
    known[position].chosen += 1
    return known[position].executor
  }

  /// What an executor's host offers now, as far as was heard.
  func offered(by executor: Principal) -> Set<IsolationClass> {
    known.first { $0.executor == executor }?.offered ?? []
  }

  /// New links of the chain of keys, for everyone who listens for jobs.
  func tell(links: [String]) -> [Answer] {
    links.isEmpty ? [] : streams.map { .item($0.key, payload: JobOffer(links: links).encode()) }
  }

  mutating func remove(_ key: CallKey) {
    enlisting.removeAll { $0.key == key }
    streams.removeAll { $0.key == key }
  }
}

extension GovernanceNode {
  /// An executor's fresh challenge: goes to the leader, and waits for the lease that commits to it.
  mutating func onEnlist(_ call: ClientCall, _ request: EnlistRequest, into effects: inout NodeEffects) {
    guard let known = overlay.final.enrolment(of: call.caller, at: now.wall) else {
      refuse(call.key, .permissionDenied, "expected an enrolled executor", into: &effects)
      return
    }
    guard known.incarnation == Int(request.incarnation) else {
      refuse(
        call.key, .failedPrecondition,
        "expected incarnation \(known.incarnation); another needs a new enrolment", into: &effects)
      return
    }
    guard (16...32).contains(request.challenge.count) else {
      refuse(call.key, .invalidArgument, "expected a challenge of 16 to 32 bytes", into: &effects)
      return
    }
    guard
      let readiness = DeclaredReadiness(compliant: request.compliant, shortcomings: request.shortcomings)
    else {
      refuse(
        call.key, .invalidArgument,
        "shortcomings: expected at most \(DeclaredReadiness.maximumShortcomings), each of 1 to "
          + "\(DeclaredReadiness.maximumBytes) bytes without control characters", into: &effects)
      return
    }
    let challenge = Challenge(
      executor: call.caller, incarnation: known.incarnation, bytes: request.challenge)
    let declaration = declaration(
      of: challenge, compliant: request.compliant, shortcomings: request.shortcomings,
      classes: request.isolationClasses, at: request.declaredAt, signature: request.signature, by: known)
    guard declaration != nil || request.signature.isEmpty else {
      refuse(
        call.key, .permissionDenied,
        "signature: expected the executor's over what it declares with this challenge", into: &effects)
      return
    }
    supersede(call.caller, into: &effects)
    executors.enlisting.append(
      ExecutorTable.Enlisting(
        key: call.key, challenge: challenge, knownLinks: Int(request.knownLinks), since: now.monotonic))
    executors.challenge(
      challenge, from: raft.id, isFirstHand: true, readiness: declaration == nil ? .silent : readiness,
      offering: Self.classes(declaration), declaration: declaration, at: now.monotonic)
    executors.asked(challenge, at: now.monotonic)
    for peer in peers {
      let note = ChallengeNote(
        executor: call.caller.path, incarnation: request.incarnation, challenge: request.challenge,
        compliant: request.compliant, shortcomings: request.shortcomings,
        isolationClasses: request.isolationClasses, signature: request.signature,
        declaredAt: request.declaredAt)
      effects.messages.append((peer, PeerMessage.challenge(note)))
    }
  }

  /// A newer challenge takes an older one's place: whoever waits with the older one is told.
  private mutating func supersede(_ executor: Principal, into effects: inout NodeEffects) {
    for waiting in executors.enlisting where waiting.challenge.executor == executor {
      refuse(waiting.key, .aborted, "a newer challenge took this one's place", into: &effects)
    }
    executors.enlisting.removeAll { $0.challenge.executor == executor }
  }

  /// Every node hears of every challenge, so that a new leader can lease at once. Whoever waits here for a lease
  /// goes on waiting: the peer may have made it up.
  mutating func onChallenge(_ note: ChallengeNote, from sender: NodeID) {
    guard let principal = Principal(path: note.executor), case .executor = principal,
      let known = overlay.final.enrolment(of: principal, at: now.wall),
      known.incarnation == Int(note.incarnation), (16...32).contains(note.challenge.count)
    else { return }
    let challenge = Challenge(executor: principal, incarnation: known.incarnation, bytes: note.challenge)
    // What the peer says that the executor says is believed where that has signed it.
    let declaration = declaration(
      of: challenge, compliant: note.compliant, shortcomings: note.shortcomings,
      classes: note.isolationClasses, at: note.declaredAt, signature: note.signature, by: known)
    let readiness = declaration.flatMap {
      DeclaredReadiness(compliant: $0.content.isCompliant, shortcomings: $0.content.shortcomings)
    }
    executors.challenge(
      challenge, from: sender, isFirstHand: false, readiness: readiness ?? .silent,
      offering: Self.classes(declaration), declaration: readiness == nil ? nil : declaration,
      at: now.monotonic)
  }

  /// The executor's own words about its host; nil where it has not signed them.
  private func declaration(
    of challenge: Challenge, compliant: Bool, shortcomings: [String], classes: [String], at time: String,
    signature: [UInt8], by known: Enrolment
  ) -> PartySigned<HostDeclaration>? {
    guard let signature = Signature(signature), shortcomings.count <= DeclaredReadiness.maximumShortcomings,
      classes.count <= IsolationClass.allCases.count
    else { return nil }
    let declaration = PartySigned(
      HostDeclaration(
        executor: challenge.executor, incarnation: challenge.incarnation, challenge: challenge.bytes,
        isolationClasses: classes, isCompliant: compliant, shortcomings: shortcomings,
        declaredAt: Timestamp(text: time)),
      signature: signature)
    return declaration.isSigned(by: known.key, cluster: cluster) ? declaration : nil
  }

  /// Those of the names that are classes.
  private static func classes(_ declaration: PartySigned<HostDeclaration>?) -> Set<IsolationClass> {
    Set((declaration?.content.isolationClasses ?? []).compactMap(IsolationClass.init(rawValue:)))
  }

  /// Gives the newest lease to those whose challenge it commits to.
  mutating func answerEnlisted(into effects: inout NodeEffects) {
    guard let shown = finality.lease, !executors.enlisting.isEmpty else { return }
    executors.leased(shown.leasedChallenges, at: now.monotonic)
    let bundle = overlay.final.bundle.json.canonicalBytes()
    let links = anchoredLinks(after: 0)
    executors.enlisting.removeAll { call in
      guard var lease = shown.lease(where: { $0 == call.challenge }) else { return false }
      lease.bundle = bundle
      lease.links = Array(links.dropFirst(max(0, call.knownLinks)))
      effects.answers.append(.respond(call.key, .ok, payload: lease.encode()))
      return true
    }
  }

  /// Opens a stream of jobs; what is outstanding comes first.
  mutating func onJobs(_ call: ClientCall, _ request: JobsRequest, into effects: inout NodeEffects) {
    guard let known = overlay.final.enrolment(of: call.caller, at: now.wall),
      known.incarnation == Int(request.incarnation)
    else {
      refuse(call.key, .permissionDenied, "expected an enrolled executor, its incarnation", into: &effects)
      return
    }
    executors.streams.append(ExecutorTable.Stream(key: call.key, executor: call.caller))
    // First the keys, then what they sign.
    let missing = anchoredLinks(after: Int(request.knownLinks))
    if !missing.isEmpty {
      effects.answers.append(.item(call.key, payload: JobOffer(links: missing).encode()))
    }
    for leaf in overlay.final.outstandingApprovals(for: call.caller) { offer(leaf, into: &effects) }
  }

  /// Offers an approval to the executor that it names, where that one listens here.
  mutating func offer(_ leaf: LeafIndex, into effects: inout NodeEffects) {
    guard let record = raft.log.record(at: leaf), case .decision(let decision) = record.body,
      let grant = decision.grant,
      executors.streams.contains(where: { $0.executor == grant.executorID }),
      let token = proof(of: leaf, consenting: true),
      let proposal = raft.log.leaf(at: decision.proposal),
      let attachment = raft.log.attachment(at: decision.proposal)
    else { return }
    // The lease of the same note, mostly: without it the approval would wait for the next one.
    let asked = finality.lease.flatMap {
      executors.challenge(
        of: grant.executorID, at: raft.id, among: $0.leasedChallenges, within: Self.leaseInterval,
        at: now.monotonic)
    }
    let lease = finality.lease?.lease { $0 == asked }
    let offer = JobOffer(
      token: token.encoded, proposal: proposal, attachment: attachment.bytes, lease: lease)
    for stream in executors.streams where stream.executor == grant.executorID {
      effects.answers.append(.item(stream.key, payload: offer.encode()))
    }
  }
}

extension NoteShown {
  /// The challenges that its lease line commits to, in their order.
  var leasedChallenges: [Challenge] {
    challenges.compactMap { note in
      Principal(path: note.executor).map {
        Challenge(executor: $0, incarnation: Int(note.incarnation), bytes: note.challenge)
      }
    }
  }

  /// Whether both show what one root is over: byte by byte, as that is, where strings also equal others that Unicode holds to
  /// be the same.
  func showsSameChallenges(as other: NoteShown) -> Bool {
    challenges.count == other.challenges.count
      && zip(challenges, other.challenges).allSatisfy { one, another in
        one.incarnation == another.incarnation && one.challenge == another.challenge
          && one.executor.utf8.elementsEqual(another.executor.utf8)
      }
  }

  /// Its lease as the executor whose challenge is wanted can check it, without the bundle.
  func lease(where isWanted: (Challenge) -> Bool) -> LeaseResponse? {
    let leased = leasedChallenges
    guard let position = leased.firstIndex(where: isWanted) else { return nil }
    let tree = Challenge.tree(leased)
    return LeaseResponse(
      note: note, challengePath: tree.paths[position].map(\.bytes), challengeIndex: UInt64(position),
      challengeCount: UInt64(leased.count), restrictions: restrictions)
  }
}
