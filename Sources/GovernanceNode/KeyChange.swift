import Crypto
import FROST
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

/// Randomness that follows from a secret of the party and the session's id: a party that crashed deals the same
/// shares again, so that no crash looks like a lie. HMAC-SHA-256 in counter mode.
final class SessionRandom: RandomNumberGenerator {
  private let key: SymmetricKey
  private var counter: UInt64 = 0
  private var words: [UInt64] = []

  init(storageKey: borrowing SymmetricKey, session: Digest) {
    key = storageKey.derived(for: Array("openexec/v1/key-session/".utf8) + session.bytes)
  }

  func next() -> UInt64 {
    if words.isEmpty {
      counter += 1
      let block = key.derived(for: withUnsafeBytes(of: counter.bigEndian) { Array($0) })
      words = block.withUnsafeBytes { bytes in
        (0..<4).map { bytes.loadUnaligned(fromByteOffset: 8 * $0, as: UInt64.self) }
      }
    }
    return words.removeLast()
  }
}

/// What the new parties of a change make a key of: the same at each of them.
struct KeyPlan<Suite: CipherSuite>: Sendable {
  let session: Digest
  /// The leaf of the act.
  let cause: LeafIndex
  let origin: KeyOrigin
  /// Ascending by id.
  let seats: [PartySeat]
  let threshold: Int
  /// The key as it is.
  let old: PublicKeyPackage<Suite>

  var parties: [PartyIdentifier] {
    seats.compactMap { PartyIdentifier(UInt16(truncatingIfNeeded: $0.id)) }
  }

  /// What a key that was made says, with every party's public share.
  func content(_ keys: PublicKeyPackage<Suite>, transcript: Digest) -> KeyContent? {
    guard keys.parties == parties, keys.threshold == threshold,
      let groupKey = PublicKey(keys.groupKey.serialised)
    else { return nil }
    let parties = zip(seats, keys.verifyingShares).map { seat, share in
      Party(
        id: seat.id, name: seat.name, key: seat.key,
        verifyingShare: Hex.encode(share.element.serialised))
    }
    return KeyContent(
      cause: cause, origin: origin, groupKey: groupKey, parties: parties, threshold: threshold,
      transcriptHash: transcript)
  }
}

/// A machine that holds secrets and is not copied, where one is optional.
private final class Machine<Value: ~Copyable> {
  var machine: Value
  init(_ machine: consuming Value) { self.machine = machine }
}

/// One new party's part in making the key of a change: key generation, or resharing by the old parties. Everything
/// is sent again until the key record is there, so that messages may be lost.
struct KeyChange<Suite: CipherSuite> {
  let plan: KeyPlan<Suite>
  let party: PartyIdentifier
  private var generation: Machine<KeyGeneration<Suite>>?
  private var dealer: Machine<ReshareDealer<Suite>>?
  private var receiver: Machine<ReshareReceiver<Suite>>?
  /// Set once this party's share is made.
  private(set) var content: KeyContent?
  private(set) var share: PartyShare<Suite>?
  var isSealed = false
  var lastSent: Instant?
  /// The approval, once the share is sealed.
  var approval: KeyApproved?

  /// Begins this party's part. `share` is the one it holds of the old key, where it has one.
  init(
    _ plan: KeyPlan<Suite>, party: PartyIdentifier, share: PartyShare<Suite>?, random: SessionRandom
  ) throws(FROSTError) {
    self.plan = plan
    self.party = party
    var random = random
    switch plan.origin {
    case .generation:
      generation = Machine(
        try KeyGeneration(
          identifier: party, parties: plan.parties, threshold: plan.threshold,
          context: plan.session.bytes, using: &random))
    case .reshare:
      #if SIMULATION
      // Who leaves deals nothing.
      let dealers =
        Mutant.oldShareAccepted.isActive
        ? plan.old.parties.filter(plan.parties.contains) : plan.old.parties
      #else
      let dealers = plan.old.parties
      #endif
      let reshare = try ResharePlan(
        old: plan.old, dealers: dealers, parties: plan.parties, threshold: plan.threshold,
        context: plan.session.bytes)
      var receiver = try ReshareReceiver<Suite>(party, plan: reshare)
      if plan.old.parties.contains(party) {
        guard let share else { throw .unknownParty(party) }
        let dealer = try ReshareDealer(share.key, plan: reshare, using: &random)
        try receiver.receive(dealer.commitment, from: party)
        for dealt in dealer.secretShares() where dealt.recipient == party {
          try receiver.receive(dealt, from: party)
        }
        self.dealer = Machine(dealer)
      }
      self.receiver = Machine(receiver)
    }
  }

  /// The parties that something is still awaited of; ascending.
  var awaited: [PartyIdentifier] {
    let commitments = generation?.machine.awaitingPackages ?? receiver?.machine.awaitingCommitments ?? []
    let shares = generation?.machine.awaitingShares ?? receiver?.machine.awaitingShares ?? []
    return commitments + shares.filter { !commitments.contains($0) }
  }

  private var hasEveryCommitment: Bool {
    (generation?.machine.awaitingPackages ?? receiver?.machine.awaitingCommitments ?? []).isEmpty
  }

  /// The broadcast of this party; nil where it deals nothing.
  private var broadcast: [UInt8]? {
    generation?.machine.package.encoding ?? dealer?.machine.commitment.encoding
  }

  /// The hash of all that was broadcast; nil while something is missing.
  private var transcript: Digest? {
    guard hasEveryCommitment else { return nil }
    if generation != nil { return try? generation?.machine.transcript() }
    return try? receiver?.machine.transcript()
  }

  /// What this party has to say to another new one now.
  func messages(to peer: PartyIdentifier) -> [PeerMessage] {
    var out: [PeerMessage] = []
    if let broadcast {
      out.append(
        PeerMessage.keyRoundOne(
          KeyRoundOne(configuration: plan.session.bytes, package: broadcast, isAnswer: true)))
    }
    // A share is released only against every commitment.
    if let transcript, let dealt = dealt(to: peer) {
      out.append(
        PeerMessage.keyRoundTwo(
          KeyRoundTwo(
            share: dealt.encoding, transcript: transcript.bytes, session: plan.session.bytes)))
    }
    return out
  }

  private func dealt(to peer: PartyIdentifier) -> SecretShare<Suite>? {
    let shares = (try? generation?.machine.secretShares()) ?? dealer?.machine.secretShares()
    return shares?.first { $0.recipient == peer }
  }

  /// A dealer's broadcast.
  mutating func receive(_ round: KeyRoundOne, from sender: PartyIdentifier) throws(FROSTError) {
    guard sender != party else { return }
    if generation != nil {
      try generation?.machine.receive(RoundOnePackage(encoding: round.package), from: sender)
    } else {
      try receiver?.machine.receive(PolynomialCommitment(encoding: round.package), from: sender)
    }
  }

  /// A dealer's share for this party. Throws `.malformed` where the sender saw another transcript: somebody showed
  /// different commitments to different parties.
  mutating func receive(_ round: KeyRoundTwo, from sender: PartyIdentifier) throws(FROSTError) {
    guard sender != party else { return }
    if let transcript, transcript.bytes != round.transcript {
      throw .malformed(expected: "the transcript that this party saw")
    }
    let share = try SecretShare<Suite>(encoding: round.share)
    if generation != nil {
      try generation?.machine.receive(share, from: sender)
    } else {
      try receiver?.machine.receive(share, from: sender)
    }
  }

  /// Makes this party's share when everything is there; true where it has just been made. Checks every share
  /// against its dealer's commitment, and names all whose share fails.
  mutating func finish() throws(FROSTError) -> Bool {
    guard content == nil, awaited.isEmpty, let transcript else { return false }
    let keys: PublicKeyPackage<Suite>
    if generation != nil {
      guard let package = try generation?.machine.finish(), let made = try generation?.machine.publicKeys()
      else { return false }
      share = PartyShare(package)
      keys = made
    } else {
      guard let package = try receiver?.machine.finish(), let made = try receiver?.machine.publicKeys() else {
        return false
      }
      share = PartyShare(package)
      keys = made
    }
    guard let content = plan.content(keys, transcript: transcript) else {
      throw .malformed(expected: "a key of the parties of the plan")
    }
    self.content = content
    return true
  }
}

extension KeyChange {
  /// What everyone will know of the key.
  func publicKeys() throws(FROSTError) -> PublicKeyPackage<Suite>? {
    generation != nil ? try generation?.machine.publicKeys() : try receiver?.machine.publicKeys()
  }
}
