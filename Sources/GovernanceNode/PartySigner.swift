import Crypto
import FROST
import Records
import Wire

#if SIMULATION
import Mutants
#endif

/// A party as FROST knows it: a nonzero scalar. Records have identifiers of another kind.
typealias PartyIdentifier = FROST.Identifier

/// A party's share of one key; a box, since shares are not copied.
public final class PartyShare<Suite: CipherSuite>: Sendable {
  let key: KeyPackage<Suite>

  /// Takes a share over.
  public init(_ key: consuming KeyPackage<Suite>) { self.key = key }
}

/// A share that waits for its lock to be durable.
struct HeldShare {
  let ticket: UInt64
  let coordinator: UInt64
  /// What it answers: a hash, since a call is as long as its sender likes.
  let question: Digest
  let answer: SignAnswer
  /// What the note consents to.
  let consent: ConsentLine?
  /// Whether the note lets anything run: by a lease, or by what it consents to.
  let permits: Bool
  /// How many restrictions had bound the party by then.
  let bound: Int
}

/// One party's half of the checkpoint protocol: its share of the key in force, its nonces and its lock. A party
/// without a share, as one that learns, gives none.
struct PartySigner<Suite: CipherSuite>: ~Copyable {
  let party: PartyIdentifier
  private(set) var share: PartyShare<Suite>?
  var pool: NoncePool<Suite>
  /// What was signed last, in memory; on disk once its ticket is locked.
  private(set) var lock: SigningLock
  private var nextTicket: UInt64 = 1
  private var held: [HeldShare] = []
  /// What the last shares that were given consent to, newest last; a share that was given may be used at any time.
  private var given: [ConsentLine] = []
  /// The last share that was given.
  private var last: HeldShare?
  /// Who was served with commitments last.
  private var served: (coordinator: UInt64, term: UInt64)?

  init(party: PartyIdentifier, share: PartyShare<Suite>?, boot: UInt64, lock: SigningLock) {
    pool = NoncePool(party: party, boot: boot, capacity: Self.spare)
    self.party = party
    self.share = share
    self.lock = lock
  }

  /// Takes the lock for `note` and computes the share; the share is released by `locked(ticket:bound:)`. So many
  /// restrictions have bound the party, and were looked at.
  ///
  /// - Returns: the lock to make durable, or the answer to give at once where the nonces are gone.
  mutating func sign(
    _ note: CheckpointNote, package: SigningPackage<Suite>, call: SignCall, coordinator: UInt64, bound: Int
  ) -> (lock: (ticket: UInt64, bytes: [UInt8])?, answer: SignAnswer?) {
    precondition(lock.objection(to: note) == nil, "the lock is asked before anything is signed")
    var answer = SignAnswer(term: call.term, round: call.round, session: call.session)
    guard let share else {
      answer.declined = "other"
      return (nil, answer)
    }
    do {
      let round = try share.key.prepare(package)
      switch try pool.sign(round, with: share.key) {
      case .share(let share): answer.share = share.encoding
      case .spent, .unknownNonces:
        answer.declined = "spent"
        return (nil, answer)
      }
    } catch {
      answer.declined = "other"
      return (nil, answer)
    }
    lock = SigningLock(size: note.size, root: note.root, stateRoot: note.stateRoot, time: note.time)
    let ticket = nextTicket
    nextTicket += 1
    held.append(
      HeldShare(
        ticket: ticket, coordinator: coordinator, question: Self.question(call), answer: answer,
        consent: note.consent,
        permits: note.lease != nil || note.consent != nil, bound: bound))
    return ((ticket, lock.bytes), nil)
  }

  /// The most commitments published at a time, and the most that are out unused. A coordinator has one round at a time, which takes
  /// one of each party, and each share brings new ones; what a former leader held is made for nothing.
  private static var batch: Int { 8 }
  private static var spare: Int { 16 }
  /// How many given shares are remembered.
  private static var remembered: Int { 64 }

  /// Fresh commitments, as many as there is room for in one message; none without a share.
  mutating func publish(using random: inout some RandomNumberGenerator) -> [NonceCommitment<Suite>] {
    guard let share else { return [] }
    return pool.publish(min(Self.batch, pool.capacity - pool.available), for: share.key, using: &random)
  }

  /// Makes ready to publish to a coordinator. One of another term gets nothing that an earlier one may hold. One that asks
  /// again keeps what is on its way to it, until as much is out as may be: then that is lost.
  mutating func serve(_ coordinator: UInt64, term: UInt64, using random: inout some RandomNumberGenerator) {
    #if SIMULATION
    let isVoid = Mutant.commitmentsOnRequest.isActive
    #else
    let isVoid = false
    #endif
    if isVoid || !isServing(coordinator, term: term) || pool.available == pool.capacity {
      renewPool(using: &random)
    }
    served = (coordinator, term)
  }

  /// Whether this coordinator was served in this term.
  func isServing(_ coordinator: UInt64, term: UInt64) -> Bool {
    served.map { $0 == (coordinator, term) } ?? false
  }

  /// Drops every unused nonce: what was published of it is worth nothing.
  mutating func renewPool(using random: inout some RandomNumberGenerator) {
    pool.begin(boot: random.next())
  }

  /// Signs with another share from here on, or with none. Nonces are of one share; answers of the old one that
  /// wait for their lock go with it.
  mutating func exchange(_ share: PartyShare<Suite>?, using random: inout some RandomNumberGenerator) {
    self.share = share
    held.removeAll()
    last = nil
    renewPool(using: &random)
  }

  /// What becomes of the very question that was answered last, or is about to be, when it comes once more: nil for any other.
  /// It is one message and one share, however often that is given.
  func answered(_ call: SignCall, from coordinator: UInt64) -> Repetition? {
    let question = Self.question(call)
    func isSame(_ share: HeldShare) -> Bool {
      share.coordinator == coordinator && share.question == question
    }
    if held.contains(where: isSame) { return .held }
    return last.flatMap { isSame($0) ? .given($0.answer) : nil }
  }

  /// What of a call makes it this question: its numbers, the text and the commitments, and not what comes along to show.
  private static func question(_ call: SignCall) -> Digest {
    var bare = call
    bare.restrictions = []
    bare.proofs = []
    return SHA256.hash(bare.encode())
  }

  enum Repetition {
    /// The share waits for its lock and comes then.
    case held
    /// The answer to it was given, and may have been lost.
    case given(SignAnswer)
  }

  /// Forgets what was signed: the key that it was signed with is put aside.
  mutating func release() { lock = .none }

  /// The locks through `ticket` are durable: the shares that waited for them. Those that let anything run and were made
  /// before the last of `bound` restrictions came are stale, and not to be given.
  mutating func locked(ticket: UInt64, bound: Int) -> (released: [HeldShare], stale: [HeldShare]) {
    let count = held.prefix { $0.ticket <= ticket }.count
    let released = held.prefix(count).filter { !$0.permits || $0.bound == bound }
    let stale = held.prefix(count).filter { $0.permits && $0.bound != bound }
    held.removeFirst(count)
    last = released.last ?? last
    given += released.compactMap(\.consent)
    if given.count > Self.remembered { given.removeFirst(given.count - Self.remembered) }
    return (released, stale)
  }

  /// Takes back the shares that would consent to an approval and wait for their locks; the locks stay.
  mutating func takeBack(consentTo leaf: LeafIndex) -> [HeldShare] {
    let taken = held.filter { $0.consent?.covers(leaf) == true }
    held.removeAll { $0.consent?.covers(leaf) == true }
    return taken
  }

  /// Whether a share that waits for its lock consents to an approval.
  func holds(consentTo leaf: LeafIndex) -> Bool { held.contains { $0.consent?.covers(leaf) == true } }

  /// Whether one of the last shares that were given consents to an approval.
  func hasGiven(consentTo leaf: LeafIndex) -> Bool { given.contains { $0.covers(leaf) } }
}
