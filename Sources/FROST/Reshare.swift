import Crypto

/// Who reshares which key to whom: public, and the same at every party.
public struct ResharePlan<Suite: CipherSuite>: Equatable, Sendable {
  /// The key as it is; it stays the key.
  public let old: PublicKeyPackage<Suite>
  /// The old parties that take part, at least the old threshold; ascending.
  public let dealers: [Identifier]
  /// The parties that will hold the key; ascending.
  public let parties: [Identifier]
  /// Signers that will be needed.
  public let threshold: Int
  /// What names this resharing and no other.
  public let context: [UInt8]

  /// Checks the lists. A smaller threshold, like every change of it, is for the caller's governance to
  /// allow; a refresh never lowers it.
  public init(
    old: PublicKeyPackage<Suite>, dealers: [Identifier], parties: [Identifier], threshold: Int,
    context: [UInt8]
  ) throws(FROSTError) {
    try validate(parties: parties, threshold: threshold)
    guard dealers.isStrictlyAscending, dealers.count >= old.threshold else {
      throw .unorderedOrShort(required: old.threshold, found: dealers.count)
    }
    for dealer in dealers where old.verifyingShare(of: dealer) == nil {
      throw .unknownParty(dealer)
    }
    self.old = old
    self.dealers = dealers
    self.parties = parties
    self.threshold = threshold
    self.context = context
  }

  /// What a dealer's commitment must begin with: its part of the key, λY.
  func expectedConstant(of dealer: Identifier) throws(FROSTError) -> Suite.Element {
    guard let share = old.verifyingShare(of: dealer) else { throw .unknownParty(dealer) }
    return share.multiplied(
      by: try Lagrange.coefficient(of: dealer, among: dealers, in: Suite.self))
  }
}

/// An old party's side of a resharing: it shares its part of the key among the new parties.
public struct ReshareDealer<Suite: CipherSuite>: ~Copyable, Sendable {
  /// What this dealer broadcasts to all new parties.
  public let commitment: PolynomialCommitment<Suite>
  private let parties: [Identifier]
  private let polynomial: SecretPolynomial<Suite>

  /// Deals the share `key` under `plan`.
  public init(
    _ key: borrowing KeyPackage<Suite>, plan: ResharePlan<Suite>,
    using random: inout some RandomNumberGenerator
  ) throws(FROSTError) {
    guard key.groupKey == plan.old.groupKey else { throw .foreignKey }
    guard plan.old.verifyingShare(of: key.identifier) == key.verifyingShare else {
      throw .shareMismatch
    }
    let lambda = try Lagrange.coefficient(
      of: key.identifier, among: plan.dealers, in: Suite.self)
    polynomial = SecretPolynomial(
      constant: lambda * key.secret[0], count: plan.threshold, using: &random)
    commitment = polynomial.commitment()
    parties = plan.parties
    wipeStack()
  }

  /// One share for each new party, this party's own among them where it stays.
  public func secretShares() -> [SecretShare<Suite>] { polynomial.shares(for: parties) }
}

/// A new party's side of a resharing.
///
/// Every party takes every dealer's commitment and share, its own as dealer included. All new parties
/// sign `transcript()`, and old shares are wiped only when each has given `KeyPackage.proveShare`.
public struct ReshareReceiver<Suite: CipherSuite>: ~Copyable, Sendable {
  /// This party.
  public let identifier: Identifier
  private let plan: ResharePlan<Suite>
  private var dealings: Dealings<Suite>

  /// Begins to collect.
  public init(_ identifier: Identifier, plan: ResharePlan<Suite>) throws(FROSTError) {
    guard plan.parties.contains(identifier) else { throw .unknownParty(identifier) }
    self.identifier = identifier
    self.plan = plan
    dealings = Dealings(receiver: identifier, dealers: plan.dealers, length: plan.threshold)
  }

  /// The dealers whose commitment has not come; ascending.
  public var awaitingCommitments: [Identifier] { dealings.awaitingCommitments }

  /// The dealers whose share has not come; ascending.
  public var awaitingShares: [Identifier] { dealings.awaitingShares }

  /// Takes a dealer's broadcast; the same one again changes nothing. Throws a culprit for another
  /// length than the threshold, an identity, a constant that is not the dealer's part of the key, and
  /// a second, different commitment.
  public mutating func receive(
    _ commitment: PolynomialCommitment<Suite>, from dealer: Identifier
  ) throws(FROSTError) {
    if try dealings.holds(commitment, of: dealer) { return }
    try dealings.checkLength(commitment, of: dealer)
    guard commitment.elements.allSatisfy({ !$0.isIdentity }) else {
      throw .culprit(dealer, .identityElement)
    }
    guard commitment.elements[0] == (try plan.expectedConstant(of: dealer)) else {
      throw .culprit(dealer, .commitmentMismatch)
    }
    try dealings.enter(commitment, of: dealer)
  }

  /// Takes a dealer's share for this party; checked by `finish()`.
  public mutating func receive(
    _ share: SecretShare<Suite>, from dealer: Identifier
  ) throws(FROSTError) {
    guard share.recipient == identifier else { throw .culprit(dealer, .invalidShare) }
    try dealings.enter(share.value, of: dealer)
  }

  /// The new share of the unchanged key; names all dealers whose share fails.
  public func finish() throws(FROSTError) -> KeyPackage<Suite> {
    let aggregate = try aggregate()
    return try KeyPackage(
      identifier: identifier, secret: try dealings.sum(),
      verifyingShare: aggregate.evaluate(at: identifier), groupKey: aggregate.elements[0],
      threshold: plan.threshold)
  }

  /// What everyone will know.
  public func publicKeys() throws(FROSTError) -> PublicKeyPackage<Suite> {
    let aggregate = try aggregate()
    return try PublicKeyPackage(
      groupKey: aggregate.elements[0], threshold: plan.threshold,
      verifyingShares: aggregate.verifyingShares(of: plan.parties))
  }

  /// The hash of the plan and of everything that was broadcast.
  public func transcript() throws(FROSTError) -> Digest {
    var transcript = Transcript(
      "reshare", context: plan.context + plan.old.encoding, in: Suite.self)
    transcript.add(plan.parties)
    transcript.add(plan.threshold)
    for (dealer, commitment) in zip(plan.dealers, try dealings.complete()) {
      transcript.add(dealer, commitment.encoding)
    }
    return transcript.finish()
  }

  private func aggregate() throws(FROSTError) -> PolynomialCommitment<Suite> {
    let aggregate = try dealings.aggregate()
    guard aggregate.elements[0] == plan.old.groupKey else { throw .foreignKey }
    return aggregate
  }
}
