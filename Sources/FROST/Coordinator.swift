/// Robust coordination of one signature (ROAST, Ruffing et al. 2022), as a pure state machine.
///
/// The coordinator runs signing sessions with sets of *threshold* parties. Whoever answers becomes
/// free for another session, whoever sends garbage is named and never asked again, whoever is silent
/// stays pending in one session and keeps only that one from ending. So it ends as soon as any
/// *threshold* parties are honest and answer, whatever the others do.
///
/// Where ROAST opens another session as soon as enough parties are free, this one waits while the
/// newest session can still succeed: the caller's timer says who is late (`passOver`). In the good
/// case that is one session and one commitment a party.
///
/// Invariants: a party is pending in at most one session; at most n − t + 1 sessions are open; a
/// session has exactly t signers; a commitment is used in one session. The machine ends: every session
/// that closes without a signature costs a party its good standing.
///
/// Order of effects: culprits, then requests, then `needCommitments`, then `stuck` or `signed`.
public struct Coordinator<Suite: CipherSuite>: Sendable {
  /// Numbers the sessions of one coordinator, from 0.
  public typealias SessionNumber = Int

  /// What the caller tells the machine.
  public enum Event: Equatable, Sendable {
    /// Begin, or look again, as when commitments have come: what is missing is said once more.
    case commitmentsAvailable
    /// A share came from the party that this channel authenticates.
    case share(SignatureShare<Suite>, session: SessionNumber, from: Identifier)
    /// The party will not sign this message. No fault; it is not asked again until `willing`.
    case declined(Identifier)
    /// The nonces of the session are spent or unknown at the party (it restarted, or the answer was
    /// lost). No fault; it is asked with others.
    case nonceSpent(Identifier, session: SessionNumber)
    /// The party is late by the caller's clock. It stays pending, others are tried, and its answer is
    /// still welcome.
    case passOver(Identifier)
    /// A party that declined would sign after all.
    case willing(Identifier)
  }

  /// What the machine asks of the caller.
  public enum Effect: Equatable, Sendable {
    /// Ask the party for its share of this package.
    case request(party: Identifier, session: SessionNumber, package: SigningPackage<Suite>)
    /// The party could sign and has no commitment in the book.
    case needCommitments(party: Identifier)
    /// The party broke the protocol; it takes no further part.
    case culprit(Culprit)
    /// Nothing more can be begun until this many more parties answer, become willing or have
    /// commitments. Repeated only when the number changes.
    case stuck(missing: Int)
    /// Done. The machine takes no further events.
    case signed(SchnorrSignature<Suite>)
  }

  private enum Standing: Equatable, Sendable {
    case free
    case pending(SessionNumber)
    case declined
    case excluded
  }

  private struct Party: Equatable, Sendable {
    let identifier: Identifier
    var standing: Standing = .free
    /// Times it was late or had no nonces; who has fewest is asked first.
    var demerits = 0
    /// When it became free: among equals the longest free is asked first.
    var freeSince = 0
    var isLate = false
  }

  private struct Session: Sendable {
    let number: SessionNumber
    let round: SigningRound<Suite>
    var shares: [SignatureShare<Suite>] = []
  }

  /// The key that signs.
  public let publicKeys: PublicKeyPackage<Suite>
  /// What is signed.
  public let message: [UInt8]
  /// The signature, once there is one.
  public private(set) var signature: SchnorrSignature<Suite>?
  /// Who broke the protocol so far.
  public private(set) var culprits: [Culprit] = []
  private var parties: [Party]
  private var sessions: [Session] = []
  private var nextSession: SessionNumber = 0
  private var clock = 0
  private var lastStuck: Int?

  /// A machine that has not begun: send `commitmentsAvailable`.
  ///
  /// - Parameters:
  ///   - publicKeys: found `isConsistent` once, when they were loaded; a package that contradicts
  ///     itself makes every session fail with nobody to name.
  ///   - preferred: asked first, in this order, such as the coordinator's own party.
  public init(
    publicKeys: PublicKeyPackage<Suite>, message: [UInt8], preferred: [Identifier] = []
  ) throws(FROSTError) {
    guard message.count <= FROSTLimits.messageBytes else {
      throw .malformed(expected: "a message of at most \(FROSTLimits.messageBytes) bytes")
    }
    self.publicKeys = publicKeys
    self.message = message
    parties = publicKeys.parties.map { Party(identifier: $0) }
    for index in parties.indices {
      let rank = preferred.firstIndex(of: parties[index].identifier) ?? preferred.count
      parties[index].freeSince = rank * parties.count + index
    }
    clock = (preferred.count + 1) * parties.count
  }

  /// The sessions that wait for someone.
  public var openSessions: Int { sessions.count }

  /// Whether nothing more can be begun for now, as `stuck` has said.
  public var isStuck: Bool { lastStuck != nil }

  /// Whether it is stuck, and some party will not sign this message: another message may be signed sooner.
  public var isStuckByUnwilling: Bool { isStuck && parties.contains { $0.standing == .declined } }

  /// The parties whose share is awaited, ascending: whom the caller's timer is for.
  public var pending: [Identifier] {
    parties.filter { if case .pending = $0.standing { true } else { false } }.map { $0.identifier }
  }

  /// Whether one party's share for this session is awaited.
  public func awaits(_ identifier: Identifier, session number: SessionNumber) -> Bool {
    index(of: identifier).map { parties[$0].standing == .pending(number) } ?? false
  }

  /// Whether any party's share but this one's is awaited that is not late.
  public func awaitsOthers(than identifier: Identifier) -> Bool {
    parties.contains { party in
      guard case .pending = party.standing else { return false }
      return party.identifier != identifier && !party.isLate
    }
  }

  /// The requests whose answer is awaited, by session: to be sent again where messages get lost. A
  /// party whose answer was the thing lost gives it again, or says `nonceSpent`.
  public var pendingRequests: [Effect] {
    sessions.flatMap { session in
      parties.filter { $0.standing == .pending(session.number) }.map {
        .request(
          party: $0.identifier, session: session.number, package: session.round.package)
      }
    }
  }

  /// Takes one event. Events about unknown parties, closed sessions or after the end change nothing.
  @specialized(where Suite == Ed25519SHA512)
  @specialized(where Suite == TinySuite)
  public mutating func step(
    _ event: Event, book: inout CommitmentBook<Suite>, into effects: inout [Effect]
  ) {
    guard signature == nil else { return }
    switch event {
    case .commitmentsAvailable: lastStuck = nil
    case .share(let share, let session, let sender):
      onShare(share, session: session, from: sender, into: &effects)
    case .declined(let party): onDeclined(party)
    case .nonceSpent(let party, let session): onNonceSpent(party, session: session)
    case .passOver(let party): onPassOver(party)
    case .willing(let party): onWilling(party)
    }
    if signature == nil { begin(book: &book, into: &effects) }
  }

  private mutating func onShare(
    _ share: SignatureShare<Suite>, session number: SessionNumber, from sender: Identifier,
    into effects: inout [Effect]
  ) {
    guard let party = index(of: sender), parties[party].standing == .pending(number),
      let session = sessions.firstIndex(where: { $0.number == number })
    else { return }
    guard share.party == sender else {
      exclude(Culprit(sender, .invalidSignatureShare), into: &effects)
      return
    }
    sessions[session].shares.append(share)
    parties[party].isLate = false
    release(party)
    guard sessions[session].shares.count == publicKeys.threshold else { return }
    let complete = sessions.remove(at: session)
    do {
      let signature = try publicKeys.aggregate(complete.shares, in: complete.round)
      self.signature = signature
      sessions.removeAll()
      effects.append(.signed(signature))
    } catch {
      guard case .culprits(let named) = error else { return }
      for culprit in named { exclude(culprit, into: &effects) }
    }
  }

  private mutating func onDeclined(_ identifier: Identifier) {
    guard let party = index(of: identifier), parties[party].standing != .excluded else { return }
    if case .pending(let number) = parties[party].standing { close(number) }
    parties[party].standing = .declined
  }

  private mutating func onNonceSpent(_ identifier: Identifier, session number: SessionNumber) {
    guard let party = index(of: identifier), parties[party].standing == .pending(number) else {
      return
    }
    close(number)
    parties[party].demerits += 1
  }

  private mutating func onPassOver(_ identifier: Identifier) {
    guard let party = index(of: identifier), !parties[party].isLate else { return }
    switch parties[party].standing {
    case .free, .pending:
      parties[party].isLate = true
      parties[party].demerits += 1
    case .declined, .excluded: break
    }
  }

  private mutating func onWilling(_ identifier: Identifier) {
    guard let party = index(of: identifier), parties[party].standing == .declined else { return }
    release(party)
  }

  /// Begins a session if no open one can still succeed by itself and enough parties are free.
  private mutating func begin(
    book: inout CommitmentBook<Suite>, into effects: inout [Effect]
  ) {
    if sessions.contains(where: { isHopeful($0.number) }) { return }
    let free = parties.indices.filter { parties[$0].standing == .free }
    let ready = free.filter { book.available(of: parties[$0].identifier) > 0 }
      .sorted { rank($0) < rank($1) }
    let threshold = publicKeys.threshold
    guard ready.count >= threshold else {
      let missing = threshold - ready.count
      guard lastStuck != missing else { return }
      lastStuck = missing
      for party in free where !ready.contains(party) {
        effects.append(.needCommitments(party: parties[party].identifier))
      }
      effects.append(.stuck(missing: missing))
      return
    }
    lastStuck = nil
    let chosen = ready.prefix(threshold).sorted()
    let commitments = chosen.compactMap { book.take(from: parties[$0].identifier) }
    guard let package = try? SigningPackage(commitments: commitments, message: message),
      let round = try? publicKeys.prepare(package)
    else { return }
    let number = nextSession
    nextSession += 1
    sessions.append(Session(number: number, round: round))
    precondition(sessions.count <= parties.count - threshold + 1, "each open session holds a party")
    for party in chosen {
      parties[party].standing = .pending(number)
      parties[party].isLate = false
      effects.append(
        .request(party: parties[party].identifier, session: number, package: package))
    }
  }

  /// Whether a session waits only for parties that are not late.
  private func isHopeful(_ number: SessionNumber) -> Bool {
    !parties.contains { $0.standing == .pending(number) && $0.isLate }
  }

  private func rank(_ party: Int) -> (Int, Int) {
    (parties[party].demerits, parties[party].freeSince)
  }

  private func index(of identifier: Identifier) -> Int? {
    parties.firstIndex { $0.identifier == identifier }
  }

  private mutating func release(_ party: Int) {
    clock += 1
    parties[party].standing = .free
    parties[party].freeSince = clock
  }

  /// A session that cannot end any more lets its parties go.
  private mutating func close(_ number: SessionNumber) {
    sessions.removeAll { $0.number == number }
    for party in parties.indices where parties[party].standing == .pending(number) {
      release(party)
    }
  }

  private mutating func exclude(_ culprit: Culprit, into effects: inout [Effect]) {
    guard let party = index(of: culprit.party), parties[party].standing != .excluded else { return }
    if case .pending(let number) = parties[party].standing { close(number) }
    parties[party].standing = .excluded
    culprits.append(culprit)
    effects.append(.culprit(culprit))
  }
}
