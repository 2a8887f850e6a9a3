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
  /// By position in `parties`; this party's own is there from the start.
  private var packages: [RoundOnePackage<Suite>?]
  private var shares: SecretScalars<Suite>
  private var hasShare: [Bool]

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
    self.identifier = identifier
    self.parties = parties
    self.threshold = polynomial.count
    self.context = context
    self.package = package
    packages = Array(repeating: nil, count: parties.count)
    packages[position] = package
    hasShare = Array(repeating: false, count: parties.count)
    hasShare[position] = true
    shares = SecretScalars(count: parties.count)
    shares[position] = polynomial.evaluate(at: identifier)
    self.polynomial = polynomial
  }

  /// The parties whose package has not come; ascending.
  public var awaitingPackages: [Identifier] {
    zip(parties, packages).filter { $0.1 == nil }.map(\.0)
  }

  /// The parties whose share has not come; ascending.
  public var awaitingShares: [Identifier] { zip(parties, hasShare).filter { !$0.1 }.map(\.0) }

  /// Takes another party's broadcast; the same one again changes nothing.
  ///
  /// Throws a culprit for a commitment of another length than the threshold (a longer one would raise
  /// the threshold unseen), for an identity element, for a proof that is not this sender's, and for a
  /// second, different package.
  public mutating func receive(
    _ package: RoundOnePackage<Suite>, from sender: Identifier
  ) throws(FROSTError) {
    let position = try position(of: sender)
    if let earlier = packages[position] {
      guard earlier == package else { throw .culprit(sender, .equivocation) }
      return
    }
    let elements = package.commitment.elements
    guard elements.count == threshold else {
      throw .culprit(sender, .commitmentLength(expected: threshold, found: elements.count))
    }
    guard elements.allSatisfy({ !$0.isIdentity }) else {
      throw .culprit(sender, .commitmentMismatch)
    }
    guard ProofOfPossession.verify(package.proof, by: sender, commitment: elements[0]) else {
      throw .culprit(sender, .invalidProof)
    }
    packages[position] = package
  }

  /// This party's shares for the others, ascending by recipient. Throws `incomplete` while a package
  /// is missing: a share is released only against every commitment.
  public func secretShares() throws(FROSTError) -> [SecretShare<Suite>] {
    guard awaitingPackages.isEmpty else { throw .incomplete(missing: awaitingPackages) }
    let out = parties.filter { $0 != identifier }.map {
      SecretShare<Suite>(recipient: $0, value: polynomial.evaluate(at: $0))
    }
    wipeStack()
    return out
  }

  /// Takes another party's share for this one; the same one again changes nothing. It is checked by
  /// `finish()`, when every commitment is there.
  public mutating func receive(
    _ share: SecretShare<Suite>, from sender: Identifier
  ) throws(FROSTError) {
    let position = try position(of: sender)
    guard share.recipient == identifier else { throw .culprit(sender, .invalidShare) }
    if hasShare[position] {
      guard shares[position] == share.value else { throw .culprit(sender, .equivocation) }
      return
    }
    shares[position] = share.value
    hasShare[position] = true
  }

  /// This party's share of the new key. Checks every received share against its sender's commitment
  /// and names all senders whose share fails. The machine is of no use afterwards: let it end.
  public func finish() throws(FROSTError) -> KeyPackage<Suite> {
    let aggregate = try aggregateCommitment()
    guard awaitingShares.isEmpty else { throw .incomplete(missing: awaitingShares) }
    let secret = SecretScalars<Suite>(try sumOfCheckedShares())
    wipeStack()
    return try KeyPackage(
      identifier: identifier, secret: secret,
      verifyingShare: aggregate.evaluate(at: identifier), groupKey: aggregate.elements[0],
      threshold: threshold)
  }

  /// What everyone will know of the new key.
  public func publicKeys() throws(FROSTError) -> PublicKeyPackage<Suite> {
    let aggregate = try aggregateCommitment()
    return try PublicKeyPackage(
      groupKey: aggregate.elements[0], threshold: threshold,
      verifyingShares: parties.map {
        VerifyingShare(party: $0, element: aggregate.evaluate(at: $0))
      })
  }

  /// The hash of everything that was broadcast: suite, context, threshold, participants, commitments
  /// and proofs. Equal at all parties, or somebody lied to some of them.
  public func transcript() throws(FROSTError) -> Digest {
    guard awaitingPackages.isEmpty else { throw .incomplete(missing: awaitingPackages) }
    var bytes = Array("openexec/frost/key-generation/v1\n".utf8)
    bytes.appendHeader(Suite.self)
    bytes.append(uint32: context.count)
    bytes.append(contentsOf: context)
    bytes.append(uint16: threshold)
    bytes.append(uint16: parties.count)
    for (party, package) in zip(parties, packages) {
      bytes.append(party)
      if let package { bytes.append(contentsOf: package.encoding) }
    }
    return SHA256.hash(bytes)
  }

  private func position(of sender: Identifier) throws(FROSTError) -> Int {
    guard sender != identifier else { throw .ownMessage }
    guard let position = parties.firstIndex(of: sender) else { throw .unknownParty(sender) }
    return position
  }

  private func sumOfCheckedShares() throws(FROSTError) -> Suite.Scalar {
    var sum = Suite.Scalar.zero
    var culprits: [Culprit] = []
    for (position, party) in parties.enumerated() {
      guard let package = packages[position] else { throw .incomplete(missing: [party]) }
      let share = shares[position]
      if party != identifier, !package.commitment.admits(share, at: identifier) {
        culprits.append(Culprit(party, .invalidShare))
      }
      sum = sum + share
    }
    guard culprits.isEmpty else { throw .culprits(culprits) }
    return sum
  }

  private func aggregateCommitment() throws(FROSTError) -> PolynomialCommitment<Suite> {
    let known = packages.compactMap { $0?.commitment }
    guard known.count == parties.count else { throw .incomplete(missing: awaitingPackages) }
    var sum = known[0]
    for commitment in known.dropFirst() { sum = sum + commitment }
    guard !sum.elements[0].isIdentity else { throw .identityElement }
    return sum
  }
}
