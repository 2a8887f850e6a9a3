import Crypto

/// The broadcast of a refresh: a commitment to a polynomial whose constant is zero.
public struct RefreshPackage<Suite: CipherSuite>: Equatable, Sendable {
  /// The coefficients from the linear one on; the constant's commitment is the identity and is not
  /// sent.
  public let higherCoefficients: PolynomialCommitment<Suite>

  /// Wraps the commitment.
  public init(higherCoefficients: PolynomialCommitment<Suite>) {
    self.higherCoefficients = higherCoefficients
  }

  /// The package as bytes.
  public var encoding: [UInt8] { higherCoefficients.encoding }

  /// Reads what `encoding` wrote.
  public init(encoding: [UInt8]) throws(FROSTError) {
    var reader = ByteReader(encoding, expecting: "a refresh package of \(Suite.name)")
    higherCoefficients = try PolynomialCommitment(from: &reader)
    try reader.end()
  }
}

/// New shares of an unchanged key for unchanged parties, seen by one party: everyone adds a sharing of
/// zero, and shares stolen before and after do not go together.
///
/// Order of calls, channels and the signed transcript are those of `KeyGeneration`. The old share stays
/// in use until every party has given `KeyPackage.proveShare` for the new one, and is wiped then.
public struct Refresh<Suite: CipherSuite>: ~Copyable, Sendable {
  /// This party.
  public let identifier: Identifier
  /// What this party broadcasts.
  public let package: RefreshPackage<Suite>
  private let old: PublicKeyPackage<Suite>
  private let context: [UInt8]
  private let polynomial: SecretPolynomial<Suite>
  private var dealings: Dealings<Suite>

  /// Begins a refresh of the key that `publicKeys` describes.
  ///
  /// `threshold` must be the key's: a smaller one would leave shares that fewer parties can combine, a
  /// larger one is a resharing.
  public init(
    _ identifier: Identifier, of publicKeys: PublicKeyPackage<Suite>, threshold: Int,
    context: [UInt8], using random: inout some RandomNumberGenerator
  ) throws(FROSTError) {
    guard threshold >= publicKeys.threshold else {
      throw .loweredThreshold(from: publicKeys.threshold, to: threshold)
    }
    guard threshold == publicKeys.threshold else {
      throw .invalidThreshold(threshold, parties: publicKeys.parties.count)
    }
    guard publicKeys.verifyingShare(of: identifier) != nil else { throw .unknownParty(identifier) }
    let polynomial = SecretPolynomial<Suite>(constant: .zero, count: threshold, using: &random)
    let commitment = polynomial.commitment()
    var dealings = Dealings<Suite>(
      receiver: identifier, dealers: publicKeys.parties, length: threshold)
    try dealings.enter(commitment, of: identifier)
    try dealings.enter(polynomial.evaluate(at: identifier), of: identifier)
    self.identifier = identifier
    self.context = context
    old = publicKeys
    package = RefreshPackage(
      higherCoefficients: PolynomialCommitment(Array(commitment.elements.dropFirst())))
    self.dealings = dealings
    self.polynomial = polynomial
    wipeStack()
  }

  /// The parties whose package has not come; ascending.
  public var awaitingPackages: [Identifier] { dealings.awaitingCommitments }

  /// The parties whose share has not come; ascending.
  public var awaitingShares: [Identifier] { dealings.awaitingShares }

  /// Takes another party's broadcast; the same one again changes nothing. Throws a culprit for another
  /// length than threshold − 1, an identity, and a second, different package.
  public mutating func receive(
    _ package: RefreshPackage<Suite>, from sender: Identifier
  ) throws(FROSTError) {
    guard sender != identifier else { throw .ownMessage }
    let higher = package.higherCoefficients.elements
    let commitment = PolynomialCommitment<Suite>([.identity] + higher)
    if try dealings.holds(commitment, of: sender) { return }
    guard higher.count == dealings.length - 1 else {
      throw .culprit(
        sender, .commitmentLength(expected: dealings.length - 1, found: higher.count))
    }
    guard higher.allSatisfy({ !$0.isIdentity }) else {
      throw .culprit(sender, .identityElement)
    }
    try dealings.enter(commitment, of: sender)
  }

  /// This party's shares for the others; throws `incomplete` while a package is missing.
  public func secretShares() throws(FROSTError) -> [SecretShare<Suite>] {
    _ = try dealings.complete()
    return polynomial.shares(for: old.parties.filter { $0 != identifier })
  }

  /// Takes another party's share for this one; checked by `finish(_:)`.
  public mutating func receive(
    _ share: SecretShare<Suite>, from sender: Identifier
  ) throws(FROSTError) {
    try dealings.enter(share, from: sender)
  }

  /// The refreshed share; names all senders whose share fails.
  public func finish(_ key: borrowing KeyPackage<Suite>) throws(FROSTError) -> KeyPackage<Suite> {
    guard key.identifier == identifier, key.groupKey == old.groupKey else { throw .foreignKey }
    let sum = try dealings.sum()
    let secret = SecretScalars<Suite>(key.secret[0] + sum[0])
    wipeStack()
    return try KeyPackage(
      identifier: identifier, secret: secret,
      verifyingShare: key.verifyingShare + (try dealings.aggregate()).evaluate(at: identifier),
      groupKey: old.groupKey, threshold: old.threshold)
  }

  /// What everyone will know: the old key with new public shares.
  public func publicKeys() throws(FROSTError) -> PublicKeyPackage<Suite> {
    let aggregate = try dealings.aggregate()
    return try PublicKeyPackage(
      groupKey: old.groupKey, threshold: old.threshold,
      verifyingShares: old.verifyingShares.map {
        VerifyingShare(party: $0.party, element: $0.element + aggregate.evaluate(at: $0.party))
      })
  }

  /// The hash of everything that was broadcast and of the key that is refreshed.
  public func transcript() throws(FROSTError) -> Digest {
    var transcript = Transcript("refresh", context: context + old.encoding, in: Suite.self)
    for (party, commitment) in zip(old.parties, try dealings.complete()) {
      transcript.add(
        party, PolynomialCommitment<Suite>(Array(commitment.elements.dropFirst())).encoding)
    }
    return transcript.finish()
  }
}
