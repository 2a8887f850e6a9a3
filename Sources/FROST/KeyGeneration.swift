import Crypto

/// The broadcast of key generation's first round.
public struct RoundOnePackage<Suite: CipherSuite>: Equatable, Sendable {
  /// The commitment to the sender's polynomial.
  public let commitment: PolynomialCommitment<Suite>
  /// Its proof of possession.
  public let proof: SchnorrSignature<Suite>

  /// Pairs the two.
  public init(commitment: PolynomialCommitment<Suite>, proof: SchnorrSignature<Suite>) {
    self.commitment = commitment
    self.proof = proof
  }

  /// The package as bytes.
  public var encoding: [UInt8] {
    commitment.encoding + proof.encoding
  }

  /// Reads what `encoding` wrote. At most `FROSTLimits.parties` coefficients.
  public init(encoding: [UInt8]) throws(FROSTError) {
    var reader = ByteReader(encoding, expecting: "a round-one package of \(Suite.name)")
    commitment = try PolynomialCommitment(from: &reader)
    let proof = try reader.take(Suite.elementLength + Suite.scalarLength)
    try reader.end()
    guard let proof = SchnorrSignature<Suite>(encoding: proof) else { throw reader.failure }
    self.proof = proof
  }
}

/// A secret share in flight, for the eyes of `recipient` alone: it travels on an authenticated,
/// encrypted channel.
public struct SecretShare<Suite: CipherSuite>: Equatable, Sendable {
  /// Whom it is for.
  public let recipient: Identifier
  /// The sender's polynomial at the recipient.
  public let value: Suite.Scalar

  /// Pairs the two.
  public init(recipient: Identifier, value: Suite.Scalar) {
    self.recipient = recipient
    self.value = value
  }

  /// Recipient (two bytes, big-endian) and scalar.
  public var encoding: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(recipient)
    return bytes + value.encoding
  }

  /// Reads what `encoding` wrote.
  public init(encoding: [UInt8]) throws(FROSTError) {
    var reader = ByteReader(encoding, expecting: "a secret share of \(Suite.name)")
    recipient = try reader.identifier()
    value = try reader.scalar(Suite.self)
    try reader.end()
  }
}

/// Key generation without a dealer: Pedersen's, with proofs of possession (the FROST paper's KeyGen),
/// seen by one party.
///
/// The order of a ceremony:
/// 1. `init`; broadcast `package`.
/// 2. `receive(_:from:)` each other party's package, over a channel that authenticates the sender.
/// 3. When none is `awaitingPackages`: send each of `secretShares()` to its recipient.
/// 4. `receive(_:from:)` each other party's share; a share may come before all packages have.
/// 5. `finish()` and `publicKeys()`; every party signs `transcript()` with its own key, and the
///    group key is used only when every party's signature over the same transcript is there.
///
/// Step 5's agreement is not optional: a party that sends different packages to different parties is
/// caught by nothing else.
public struct KeyGeneration<Suite: CipherSuite>: ~Copyable, Sendable {
  /// This party.
  public let identifier: Identifier
  /// All parties, this one included; ascending.
  public let parties: [Identifier]
  /// Signers that the key will need.
  public let threshold: Int
  /// What this party broadcasts.
  public let package: RoundOnePackage<Suite>
  private let context: [UInt8]
  private let polynomial: SecretPolynomial<Suite>
  private var dealings: Dealings<Suite>
  /// By position in `parties`; nil where the package has not come.
  private var proofs: [SchnorrSignature<Suite>?]

  /// Begins a ceremony.
  ///
  /// - Parameters:
  ///   - context: what names this ceremony and no other; part of the transcript.
  public init(
    identifier: Identifier, parties: [Identifier], threshold: Int, context: [UInt8],
    using random: inout some RandomNumberGenerator
  ) throws(FROSTError) {
    try validate(parties: parties, threshold: threshold)
    let polynomial = SecretPolynomial<Suite>(
      constant: .random(using: &random), count: threshold, using: &random)
    let commitment = polynomial.commitment()
    let proof = ProofOfPossession.make(
      for: identifier, constant: polynomial.constant, commitment: commitment.elements[0],
      using: &random, in: Suite.self)
    try self.init(
      identifier: identifier, parties: parties, context: context, polynomial: polynomial,
      package: RoundOnePackage(commitment: commitment, proof: proof))
    wipeStack()
  }

  /// A ceremony whose polynomial is given: for published vectors.
  init(
    identifier: Identifier, parties: [Identifier], context: [UInt8],
    polynomial: consuming SecretPolynomial<Suite>, package: RoundOnePackage<Suite>
  ) throws(FROSTError) {
    try validate(parties: parties, threshold: polynomial.count)
    guard let position = parties.firstIndex(of: identifier) else { throw .unknownParty(identifier) }
    var dealings = Dealings<Suite>(
      receiver: identifier, dealers: parties, length: polynomial.count)
    try dealings.enter(package.commitment, of: identifier)
    try dealings.enter(polynomial.evaluate(at: identifier), of: identifier)
    self.identifier = identifier
    self.parties = parties
    self.threshold = polynomial.count
    self.context = context
    self.package = package
    proofs = Array(repeating: nil, count: parties.count)
    proofs[position] = package.proof
    self.dealings = dealings
    self.polynomial = polynomial
  }

  /// The parties whose package has not come; ascending.
  public var awaitingPackages: [Identifier] { dealings.awaitingCommitments }

  /// The parties whose share has not come; ascending.
  public var awaitingShares: [Identifier] { dealings.awaitingShares }

  /// Takes another party's broadcast; the same one again changes nothing.
  ///
  /// Throws a culprit for a commitment of another length than the threshold, for an identity element,
  /// for a proof that is not this sender's, and for a second, different package.
  public mutating func receive(
    _ package: RoundOnePackage<Suite>, from sender: Identifier
  ) throws(FROSTError) {
    guard sender != identifier else { throw .ownMessage }
    guard let position = parties.firstIndex(of: sender) else { throw .unknownParty(sender) }
    if try dealings.holds(package.commitment, of: sender) {
      guard proofs[position] == package.proof else { throw .culprit(sender, .equivocation) }
      return
    }
    try dealings.checkLength(package.commitment, of: sender)
    guard package.commitment.elements.allSatisfy({ !$0.isIdentity }) else {
      throw .culprit(sender, .identityElement)
    }
    guard
      ProofOfPossession.verify(
        package.proof, by: sender, commitment: package.commitment.elements[0])
    else { throw .culprit(sender, .invalidProof) }
    try dealings.enter(package.commitment, of: sender)
    proofs[position] = package.proof
  }

  /// This party's shares for the others, ascending by recipient. Throws `incomplete` while a package
  /// is missing: a share is released only against every commitment.
  public func secretShares() throws(FROSTError) -> [SecretShare<Suite>] {
    _ = try dealings.complete()
    return polynomial.shares(for: parties.filter { $0 != identifier })
  }

  /// Takes another party's share for this one; the same one again changes nothing. It is checked by
  /// `finish()`, when every commitment is there.
  public mutating func receive(
    _ share: SecretShare<Suite>, from sender: Identifier
  ) throws(FROSTError) {
    try dealings.enter(share, from: sender)
  }

  /// This party's share of the new key. Checks every received share against its sender's commitment
  /// and names all senders whose share fails. The machine is of no use afterwards: let it end.
  public func finish() throws(FROSTError) -> KeyPackage<Suite> {
    let aggregate = try dealings.aggregate()
    return try KeyPackage(
      identifier: identifier, secret: try dealings.sum(),
      verifyingShare: aggregate.evaluate(at: identifier), groupKey: aggregate.elements[0],
      threshold: threshold)
  }

  /// What everyone will know of the new key.
  public func publicKeys() throws(FROSTError) -> PublicKeyPackage<Suite> {
    let aggregate = try dealings.aggregate()
    return try PublicKeyPackage(
      groupKey: aggregate.elements[0], threshold: threshold,
      verifyingShares: aggregate.verifyingShares(of: parties))
  }

  /// The hash of everything that was broadcast: suite, context, threshold, participants, commitments
  /// and proofs. Equal at all parties, or somebody lied to some of them.
  public func transcript() throws(FROSTError) -> Digest {
    var transcript = Transcript("key-generation", context: context, in: Suite.self)
    transcript.add(threshold)
    for ((party, commitment), proof) in zip(zip(parties, try dealings.complete()), proofs) {
      transcript.add(party, commitment.encoding + (proof?.encoding ?? []))
    }
    return transcript.finish()
  }
}
