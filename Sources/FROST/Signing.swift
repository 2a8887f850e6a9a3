import Crypto

/// One signer's contribution to a signature (RFC 9591 §5.2).
public struct SignatureShare<Suite: CipherSuite>: Equatable, Sendable {
  /// Whose.
  public let party: Identifier
  /// zᵢ.
  public let response: Suite.Scalar

  /// Pairs the two.
  public init(party: Identifier, response: Suite.Scalar) {
    self.party = party
    self.response = response
  }

  /// Party (two bytes, big-endian) and scalar.
  public var encoding: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(party)
    return bytes + response.encoding
  }

  /// Reads what `encoding` wrote.
  public init(encoding: [UInt8]) throws(FROSTError) {
    var reader = ByteReader(encoding, expecting: "a signature share of \(Suite.name)")
    party = try reader.identifier()
    response = try reader.scalar(Suite.self)
    try reader.end()
  }
}

extension KeyPackage {
  /// Works a signing package out for this key; throws where it has fewer signers than the threshold.
  public borrowing func prepare(
    _ package: SigningPackage<Suite>
  ) throws(FROSTError) -> SigningRound<Suite> {
    try SigningRound(package, groupKey: groupKey, threshold: threshold)
  }

  /// This party's share (RFC 9591 §5.2, `sign`). The nonces are gone afterwards, also when it throws.
  ///
  /// Throws unless the round was prepared for this key and its list holds exactly the commitment of
  /// `nonces` for this party: a coordinator that shows other lists to other signers, or substitutes a
  /// commitment, gets nothing.
  @specialized(where Suite == Ed25519SHA512)
  @specialized(where Suite == TinySuite)
  public borrowing func sign(
    _ round: SigningRound<Suite>, with nonces: consuming SigningNonces<Suite>
  ) throws(FROSTError) -> SignatureShare<Suite> {
    let position = try check(round, lists: nonces.commitment)
    return try share(
      of: round, at: position, hiding: nonces.secrets[0], binding: nonces.secrets[1])
  }

  /// The position of this party in the round's list, where it must stand with `commitment`.
  borrowing func check(
    _ round: SigningRound<Suite>, lists commitment: NonceCommitment<Suite>
  ) throws(FROSTError) -> Int {
    guard round.groupKey == groupKey else { throw .foreignKey }
    guard round.package.commitments.count >= threshold else {
      throw .unorderedOrShort(required: threshold, found: round.package.commitments.count)
    }
    guard commitment.party == identifier, let position = round.position(of: identifier),
      round.package.commitments[position] == commitment
    else { throw .ownCommitmentMissing }
    return position
  }

  /// z = d + eρ + λsc. Everything but the public λ, ρ and c is handled in constant time.
  borrowing func share(
    of round: SigningRound<Suite>, at position: Int, hiding: Suite.Scalar, binding: Suite.Scalar
  ) throws(FROSTError) -> SignatureShare<Suite> {
    let lambda = try Lagrange.coefficient(
      of: identifier, among: round.package.signers, in: Suite.self)
    let response =
      hiding + binding * round.bindingFactors[position] + lambda * secret[0] * round.challenge
    wipeStack()
    return SignatureShare(party: identifier, response: response)
  }
}

/// What a party answers to a signing package.
public enum SigningAnswer<Suite: CipherSuite>: Equatable, Sendable {
  /// Its share.
  case share(SignatureShare<Suite>)
  /// The nonces were used before: no fault, ask with others.
  case spent
  /// The nonces are not this pool's, such as those of an earlier boot: ask with others.
  case unknownNonces
}

extension NoncePool {
  /// Signs with the pool's own nonces: they are taken out before the share is computed, so that no
  /// outcome leaves them usable.
  ///
  /// Throws `ownCommitmentMissing` where the list lacks this party or has, under the same counter,
  /// elements that this pool did not publish; nothing is consumed then, since nothing was computed.
  @specialized(where Suite == Ed25519SHA512)
  @specialized(where Suite == TinySuite)
  public mutating func sign(
    _ round: SigningRound<Suite>, with key: borrowing KeyPackage<Suite>
  ) throws(FROSTError) -> SigningAnswer<Suite> {
    guard key.identifier == party, let listed = round.package.commitment(of: party) else {
      throw .ownCommitmentMissing
    }
    let position = try key.check(round, lists: listed)
    guard wasPublished(listed.nonce) else { return .unknownNonces }
    guard let own = commitment(of: listed.nonce) else { return .spent }
    guard own == listed else { throw .ownCommitmentMissing }
    guard let pair = take(listed.nonce) else { return .spent }
    return .share(
      try key.share(of: round, at: position, hiding: pair.hiding, binding: pair.binding))
  }
}
