import Crypto
import FROST
import Records
import Wire

/// A party as FROST knows it: a nonzero scalar. Records have identifiers of another kind.
typealias PartyIdentifier = FROST.Identifier

/// One party's half of the checkpoint protocol: its share of the key, its nonces and its lock.
struct PartySigner<Suite: CipherSuite>: ~Copyable {
  /// A share that waits for its lock to be durable.
  struct HeldShare {
    let ticket: UInt64
    let coordinator: UInt64
    let answer: SignAnswer
  }

  let key: KeyPackage<Suite>
  var pool: NoncePool<Suite>
  /// What was signed last, in memory; on disk once its ticket is locked.
  private(set) var lock: SigningLock
  private var nextTicket: UInt64 = 1
  private var held: [HeldShare] = []

  init(key: consuming KeyPackage<Suite>, boot: UInt64, lock: SigningLock) {
    pool = NoncePool(party: key.identifier, boot: boot, capacity: 128)
    self.key = key
    self.lock = lock
  }

  /// Takes the lock for `note` and computes the share; the share is released by `locked(ticket:)`.
  ///
  /// - Returns: the lock to make durable, or the answer to give at once where the nonces are gone.
  mutating func sign(
    _ note: CheckpointNote, package: SigningPackage<Suite>, call: SignCall, coordinator: UInt64
  ) -> (lock: (ticket: UInt64, bytes: [UInt8])?, answer: SignAnswer?) {
    precondition(lock.objection(to: note) == nil, "the lock is asked before anything is signed")
    var answer = SignAnswer(term: call.term, round: call.round, session: call.session)
    do {
      let round = try key.prepare(package)
      switch try pool.sign(round, with: key) {
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
    held.append(HeldShare(ticket: ticket, coordinator: coordinator, answer: answer))
    return ((ticket, lock.bytes), nil)
  }

  /// Drops every unused nonce: a new coordinator is served with fresh ones only.
  mutating func renewPool(using random: inout some RandomNumberGenerator) {
    pool = NoncePool(party: key.identifier, boot: random.next(), capacity: pool.capacity)
  }

  /// The locks through `ticket` are durable: the shares that waited for them.
  mutating func locked(ticket: UInt64) -> [HeldShare] {
    let count = held.prefix { $0.ticket <= ticket }.count
    let released = Array(held.prefix(count))
    held.removeFirst(count)
    return released
  }
}
