import Canonical
import Crypto
import Merkle
import Records

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

/// A lease as it came from a node; nothing of it is checked yet.
public struct LeaseOffer: Equatable, Sendable {
  /// The signed note, as text.
  public let note: String
  /// The audit path of this executor's challenge, and its place among the challenges.
  public let challengePath: [Digest]
  public let challengeIndex: UInt64
  public let challengeCount: UInt64
  /// Canonical JSON of the restriction list.
  public let restrictions: [UInt8]
  /// Canonical JSON of the active bundle's files; empty where the executor's is active.
  public let bundle: [UInt8]

  /// A lease.
  public init(
    note: String, challengePath: [Digest], challengeIndex: UInt64, challengeCount: UInt64,
    restrictions: [UInt8], bundle: [UInt8] = []
  ) {
    self.note = note
    self.challengePath = challengePath
    self.challengeIndex = challengeIndex
    self.challengeCount = challengeCount
    self.restrictions = restrictions
    self.bundle = bundle
  }
}

/// Why a lease is not accepted. The one in force stays.
public enum LeaseRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  case note(NoteError)
  /// Signed by no group key that is in force for it.
  case unknownKey
  /// The note has no lease line.
  case noLeaseLine
  /// The lease does not commit to a challenge of this executor that is still open.
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
    case .challengeMissing: "lease: does not commit to an open challenge of this executor"
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

  /// The end of its life.
  public var end: Uptime { began.advanced(by: .seconds(Int64(line.seconds))) }

  /// Whether it may be acted on.
  public func isLive(at now: Uptime) -> Bool { now >= began && now < end }

  /// The cluster's time, never behind it: the lease's time plus what has passed since the challenge was
  /// sent, which was before the note was made.
  public func time(at now: Uptime) -> Timestamp { mark.time.advanced(by: now.since(began)) }
}

/// Holds the newest lease, and the challenges that the next may answer.
public struct LeaseKeeper: Sendable {
  /// Open challenges that are kept; the oldest gives way.
  public static let maximumChallenges = 8

  private struct Open {
    var challenge: Challenge
    var sentAt: Uptime
  }

  public let identity: ExecutorIdentity
  /// The newest mark that was ever accepted, across restarts.
  public private(set) var highest: LeaseMark?
  /// The newest lease of this run of the program; it may have lapsed.
  public private(set) var current: Lease?
  private var open: [Open] = []

  /// A keeper that refuses what is not newer than `highest`, which was kept durably.
  public init(identity: ExecutorIdentity, highest: LeaseMark?) {
    self.identity = identity
    self.highest = highest
  }

  /// Opens a challenge. It must be sent now: a lease that answers it lives from this moment.
  public mutating func challenge(_ bytes: [UInt8], at now: Uptime) -> Challenge {
    let challenge = Challenge(
      executor: identity.executor, incarnation: identity.incarnation, bytes: bytes)
    if open.count == LeaseKeeper.maximumChallenges { open.removeFirst() }
    open.append(Open(challenge: challenge, sentAt: now))
    return challenge
  }

  /// Takes a lease, if it is one. The caller makes `highest` durable before it acts on it.
  public mutating func accept(_ offer: LeaseOffer, at now: Uptime) throws(LeaseRefusal) -> Lease {
    let checkpoint = try verified(offer.note)
    guard let line = checkpoint.lease else { throw .noLeaseLine }
    guard let sentAt = answered(offer, root: line.challengeRoot) else { throw .challengeMissing }
    let restrictions: RestrictionList
    do {
      restrictions = try RestrictionList(parsing: offer.restrictions)
    } catch {
      throw .restrictions(error)
    }
    guard restrictions.hash == line.restrictionsHash else { throw .restrictionsMismatch }
    let mark = LeaseMark(size: checkpoint.size, time: checkpoint.time)
    if let highest, mark <= highest { throw .notNewer(than: highest) }
    let lease = Lease(mark: mark, line: line, restrictions: restrictions, began: sentAt)
    guard lease.isLive(at: now) else { throw .lapsed }
    highest = mark
    current = lease
    // What was sent before the answered challenge would only make for a shorter life.
    open.removeAll { $0.sentAt <= sentAt }
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

  /// When the challenge that the lease commits to was sent; the newest, where it commits to several.
  private func answered(_ offer: LeaseOffer, root: Digest) -> Uptime? {
    open.last { candidate in
      let reached = try? Proof.root(
        leaf: candidate.challenge.leaf, index: offer.challengeIndex, size: offer.challengeCount,
        path: offer.challengePath)
      return reached == root
    }?.sentAt
  }
}
