import Crypto

#if SIMULATION
import Mutants
#endif

/// A nonce pair that has left the pool and can be used for one share: using it consumes it.
public struct SigningNonces<Suite: CipherSuite>: ~Copyable, Sendable {
  /// The public half.
  public let commitment: NonceCommitment<Suite>
  /// Hiding, binding.
  let secrets: SecretScalars<Suite>

  /// Draws a pair.
  public init(
    _ nonce: NonceID, for key: borrowing KeyPackage<Suite>,
    using random: inout some RandomNumberGenerator
  ) {
    self.init(NoncePair(nonce, for: key, using: &random))
    wipeStack()
  }

  init(_ pair: NoncePair<Suite>) {
    commitment = pair.commitment
    secrets = SecretScalars(pair.hiding, pair.binding)
  }
}

/// A pair on its way between memory that is guarded and a computation: it lives on the stack, and who
/// handled one calls `wipeStack`.
struct NoncePair<Suite: CipherSuite> {
  let commitment: NonceCommitment<Suite>
  let hiding: Suite.Scalar
  let binding: Suite.Scalar

  /// Draws a pair (RFC 9591 §5.1, `commit`; §4.1, `nonce_generate`): each nonce hashes 32 fresh random
  /// bytes together with the share, so a weak generator alone gives nothing away.
  init(
    _ nonce: NonceID, for key: borrowing KeyPackage<Suite>,
    using random: inout some RandomNumberGenerator
  ) {
    while true {
      var hiding = random.bytes(32)
      var binding = random.bytes(32)
      if let pair = NoncePair(
        nonce, for: key, hidingRandomness: &hiding, bindingRandomness: &binding)
      {
        self = pair
        return
      }
    }
  }

  /// The pair that follows from the given randomness, which is wiped. Nil where a nonce is zero, which
  /// randomness does not bring about.
  init?(
    _ nonce: NonceID, for key: borrowing KeyPackage<Suite>, hidingRandomness: inout [UInt8],
    bindingRandomness: inout [UInt8]
  ) {
    hiding = NoncePair.derive(&hidingRandomness, key)
    binding = NoncePair.derive(&bindingRandomness, key)
    guard
      let commitment = NonceCommitment<Suite>(
        nonce: nonce, hiding: .generatorMultiple(hiding), binding: .generatorMultiple(binding))
    else { return nil }
    self.commitment = commitment
  }

  init(commitment: NonceCommitment<Suite>, hiding: Suite.Scalar, binding: Suite.Scalar) {
    self.commitment = commitment
    self.hiding = hiding
    self.binding = binding
  }

  private static func derive(
    _ randomness: inout [UInt8], _ key: borrowing KeyPackage<Suite>
  ) -> Suite.Scalar {
    var encoding = key.secret[0].encoding
    var input = randomness + encoding
    let nonce = Suite.h3(input)
    wipe(&input)
    wipe(&encoding)
    wipe(&randomness)
    return nonce
  }
}

/// What a pool answers to the request for a nonce pair.
public enum NonceDraw<Suite: CipherSuite>: ~Copyable, Sendable {
  /// Here it is; it is no longer in the pool.
  case fresh(SigningNonces<Suite>)
  /// It was there once. An answer, not a fault: a request can come twice.
  case spent
  /// This pool never published it: another boot's, or a counter not reached.
  case unknown
}

/// One party's preprocessed nonces, each good for a single share.
///
/// Commitments are published ahead in batches so that a signature takes one round. The secrets exist
/// in this memory only: there is no way to serialise them, and they die with the process. Not
/// copyable, so there is one answer to whether a pair is spent.
public struct NoncePool<Suite: CipherSuite>: ~Copyable, Sendable {
  /// Whose pool.
  public let party: Identifier
  /// This life of the process, or of the pool: nonces of another are unknown to it.
  public private(set) var boot: UInt64
  /// The most pairs held at a time.
  public let capacity: Int
  private var secrets: SecretScalars<Suite>
  /// By slot; nil is free.
  private var slots: [NonceCommitment<Suite>?]
  /// The counter of what is in each slot; looked through where a commitment is looked for.
  private var counters: [UInt64?]
  /// Free slots, the next one last.
  private var free: [Int]
  private var nextCounter: UInt64 = 0

  /// An empty pool.
  ///
  /// - Parameters:
  ///   - boot: drawn at random when the process starts; two lives of a party must not share it.
  ///   - capacity: 1…`FROSTLimits.nonces`, clamped.
  public init(party: Identifier, boot: UInt64, capacity: Int = 64) {
    self.party = party
    self.boot = boot
    self.capacity = min(max(capacity, 1), FROSTLimits.nonces)
    secrets = SecretScalars(count: 2 * self.capacity)
    slots = Array(repeating: nil, count: self.capacity)
    counters = Array(repeating: nil, count: self.capacity)
    free = (0..<self.capacity).reversed()
  }

  /// Pairs that are published and not spent.
  public var available: Int { capacity - free.count }

  /// Draws up to `count` new pairs, as many as have room, and returns their commitments for
  /// publication, ascending by counter. None where `key` is another party's.
  public mutating func publish(
    _ count: Int, for key: borrowing KeyPackage<Suite>,
    using random: inout some RandomNumberGenerator
  ) -> [NonceCommitment<Suite>] {
    guard key.identifier == party else { return [] }
    var published: [NonceCommitment<Suite>] = []
    while published.count < count, let slot = free.last {
      var hiding = random.bytes(32)
      var binding = random.bytes(32)
      guard let commitment = fill(slot, for: key, &hiding, &binding) else { continue }
      free.removeLast()
      published.append(commitment)
    }
    wipeStack()
    return published
  }

  /// Puts the pair that follows from the randomness, which is wiped, into a free slot.
  @specialized(where Suite == Ed25519SHA512)
  @specialized(where Suite == TinySuite)
  private mutating func fill(
    _ slot: Int, for key: borrowing KeyPackage<Suite>, _ hidingRandomness: inout [UInt8],
    _ bindingRandomness: inout [UInt8]
  ) -> NonceCommitment<Suite>? {
    let nonce = NonceID(party: party, boot: boot, counter: nextCounter)
    nextCounter += 1
    guard
      let pair = NoncePair(
        nonce, for: key, hidingRandomness: &hidingRandomness,
        bindingRandomness: &bindingRandomness)
    else { return nil }
    secrets[2 * slot] = pair.hiding
    secrets[2 * slot + 1] = pair.binding
    slots[slot] = pair.commitment
    counters[slot] = nonce.counter
    return pair.commitment
  }

  /// The commitments that are published and not spent, ascending by counter: for a coordinator that
  /// has lost or never had them.
  public var commitments: [NonceCommitment<Suite>] {
    slots.compactMap { $0 }.sorted { $0.nonce < $1.nonce }
  }

  /// Takes the pair out for one use. Whatever happens next, it is spent.
  public mutating func consume(_ nonce: NonceID) -> NonceDraw<Suite> {
    guard wasPublished(nonce) else { return .unknown }
    guard let pair = take(nonce) else { return .spent }
    defer { wipeStack() }
    return .fresh(SigningNonces(pair))
  }

  /// Whether this pool ever published `nonce`.
  func wasPublished(_ nonce: NonceID) -> Bool {
    nonce.party == party && nonce.boot == boot && nonce.counter < nextCounter
  }

  /// Empties the slot of `nonce` and returns what was in it; nil where it is spent.
  mutating func take(_ nonce: NonceID) -> NoncePair<Suite>? {
    guard let slot = slot(of: nonce), let commitment = slots[slot] else { return nil }
    let pair = NoncePair(
      commitment: commitment, hiding: secrets[2 * slot], binding: secrets[2 * slot + 1])
    #if SIMULATION
    if Mutant.nonceUsedTwice.isActive { return pair }
    #endif
    empty(slot)
    return pair
  }

  private mutating func empty(_ slot: Int) {
    slots[slot] = nil
    counters[slot] = nil
    free.append(slot)
    secrets[2 * slot] = .zero
    secrets[2 * slot + 1] = .zero
  }

  /// The commitment published for `nonce` and not yet spent.
  func commitment(of nonce: NonceID) -> NonceCommitment<Suite>? {
    slot(of: nonce).flatMap { slots[$0] }
  }

  private func slot(of nonce: NonceID) -> Int? {
    guard wasPublished(nonce) else { return nil }
    return counters.firstIndex(of: nonce.counter)
  }

  /// Spends every pair unused.
  public mutating func discardAll() {
    for slot in slots.indices where counters[slot] != nil { empty(slot) }
  }

  /// Spends every pair unused and begins another life, as when a new coordinator asks for fresh commitments: in the same
  /// memory, since guarded memory costs several system calls. No two lives of a party share `boot`.
  public mutating func begin(boot: UInt64) {
    discardAll()
    self.boot = boot
    nextCounter = 0
    free = (0..<capacity).reversed()
  }
}
