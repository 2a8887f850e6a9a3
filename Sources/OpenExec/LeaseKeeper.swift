import Canonical
import Crypto
import Merkle
import Records

#if SIMULATION
import Mutants
#endif

/// What orders leases: the note's size, then its time. Ties are refused.
public struct LeaseMark: Hashable, Comparable, Sendable {
  public let size: UInt64
  public let time: Timestamp

  /// A mark.
  public init(size: UInt64, time: Timestamp) {
    self.size = size
    self.time = time
  }

  public static func < (left: LeaseMark, right: LeaseMark) -> Bool {
    (left.size, left.time) < (right.size, right.time)
  }
}

/// Why a lease is not accepted. The one in force stays.
public enum LeaseRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  case note(NoteError)
  /// Signed by no group key that is in force for it.
  case unknownKey
  /// The note has no lease line.
  case noLeaseLine
  /// The lease commits neither to an open challenge of this executor nor to the one answered last.
  case challengeMissing
  case restrictions(RecordError)
  /// The list is not the one that the lease commits to.
  case restrictionsMismatch
  /// Not newer than the newest that was accepted.
  case notNewer(than: LeaseMark)
  /// Its life was over before it came.
  case lapsed

  public var description: String {
    switch self {
    case .note(let error): error.description
    case .unknownKey: "lease: signed by no group key that is in force for it"
    case .noLeaseLine: "lease: the note has no lease line"
    case .challengeMissing:
      "lease: commits neither to an open challenge of this executor nor to the one answered last"
    case .restrictions(let error): "lease: \(error)"
    case .restrictionsMismatch: "lease: another restriction list than the one it commits to"
    case .notNewer(let mark):
      "lease: expected one newer than size \(mark.size), time \(mark.time.text)"
    case .lapsed: "lease: over before it came"
    }
  }
}

/// What lets an executor act, and for how long.
public struct Lease: Equatable, Sendable {
  public let mark: LeaseMark
  public let line: LeaseLine
  public let restrictions: RestrictionList
  /// When this executor sent the challenge: its life counts from here.
  public let began: Uptime
  /// The time of the first note that answered the challenge.
  let answered: Timestamp

  /// The end of its life.
  public var end: Uptime { began.advanced(by: .seconds(Int64(line.seconds))) }

  /// Whether it may be acted on.
  public func isLive(at now: Uptime) -> Bool { now >= began && now < end }

  /// The cluster's time, never behind it: the time of the first note that answered the challenge, plus what
  /// has passed since the challenge was sent, which was before that note was made.
  public func time(at now: Uptime) -> Timestamp {
    max(mark.time, answered.advanced(by: now.since(began)))
  }
}

/// Holds the newest lease, and the challenges that the next may answer.
///
/// The challenge that was answered last may be answered again, by a newer note: that brings the lease up to
/// what the note covers, and never makes it live longer, since its life counts from the challenge.
public struct LeaseKeeper: Sendable {
  /// Open challenges that are kept; the oldest gives way.
  public static let maximumChallenges = 8

  private struct Sent {
    var challenge: Challenge
    var at: Uptime
    /// The time of the first note that answered it; nil while it is open.
    var answered: Timestamp?
  }

  public internal(set) var identity: ExecutorIdentity
  /// The newest mark that was ever accepted, across restarts.
  public private(set) var highest: LeaseMark?
  /// The newest lease of this run of the program; it may have lapsed.
  public private(set) var current: Lease?
  /// In the order of sending. Only the first can have been answered.
  private var sent: [Sent] = []

  /// A keeper that refuses what is not newer than `highest`, which was kept durably.
  public init(identity: ExecutorIdentity, highest: LeaseMark?) {
    self.identity = identity
    self.highest = highest
  }

  /// Opens a challenge. It must be sent now: a lease that answers it lives from this moment.
  public mutating func challenge(_ bytes: [UInt8], at now: Uptime) -> Challenge {
    let challenge = Challenge(
      executor: identity.executor, incarnation: identity.incarnation, bytes: bytes)
    sent.append(Sent(challenge: challenge, at: now))
    let open = sent.count { $0.answered == nil }
    if open > LeaseKeeper.maximumChallenges, let oldest = sent.firstIndex(where: { $0.answered == nil }) {
      sent.remove(at: oldest)
    }
    return challenge
  }

  /// Takes a lease, if it is one. The caller makes `highest` durable before it acts on it.
  public mutating func accept(_ offer: LeaseOffer, at now: Uptime) throws(LeaseRefusal) -> Lease {
    let checkpoint = try verified(offer.note)
    guard let line = checkpoint.lease else { throw .noLeaseLine }
    guard let position = answered(offer, root: line.challengeRoot) else { throw .challengeMissing }
    let restrictions: RestrictionList
    do {
      restrictions = try RestrictionList(parsing: offer.restrictions)
    } catch {
      throw .restrictions(error)
    }
    guard restrictions.hash == line.restrictionsHash else { throw .restrictionsMismatch }
    let mark = LeaseMark(size: checkpoint.size, time: checkpoint.time)
    if let highest, mark <= highest { throw .notNewer(than: highest) }
    let challenge = sent[position]
    #if SIMULATION
    let began = Mutant.leaseAcceptedLate.isActive ? now : challenge.at
    #else
    let began = challenge.at
    #endif
    let lease = Lease(
      mark: mark, line: line, restrictions: restrictions, began: began,
      answered: challenge.answered ?? mark.time)
    guard lease.isLive(at: now) else { throw .lapsed }
    highest = mark
    current = lease
    sent[position].answered = lease.answered
    // What was sent before the answered challenge would only make for a shorter life.
    sent.removeFirst(position)
    return lease
  }

  /// The lease that may be acted on now.
  public func live(at now: Uptime) -> Lease? {
    current.flatMap { $0.isLive(at: now) ? $0 : nil }
  }

  private func verified(_ text: String) throws(LeaseRefusal) -> CheckpointNote {
    do {
      let note = try SignedNote(parsing: Array(text.utf8))
      guard let known = identity.keys.signer(of: note) else { throw LeaseRefusal.unknownKey }
      let checkpoint = try CheckpointNote.verified(
        note, cluster: identity.keys.cluster, groupKey: known.key)
      guard known.signs(size: checkpoint.size) else { throw LeaseRefusal.unknownKey }
      return checkpoint
    } catch let error as NoteError {
      throw .note(error)
    } catch {
      throw .unknownKey
    }
  }

  /// The place of the challenge that the lease commits to; the newest, where it commits to several.
  private func answered(_ offer: LeaseOffer, root: Digest) -> Int? {
    sent.lastIndex { candidate in
      let reached = try? Proof.root(
        leaf: candidate.challenge.leaf, index: offer.challengeIndex, size: offer.challengeCount,
        path: offer.challengePath)
      return reached == root
    }
  }
}
