#if SIMULATION
import Mutants
#endif

extension PublicKeyPackage {
  /// Works a signing package out for this key; throws where it has too few signers or a stranger.
  @specialized(where Suite == Ed25519SHA512)
  @specialized(where Suite == TinySuite)
  public func prepare(_ package: SigningPackage<Suite>) throws(FROSTError) -> SigningRound<Suite> {
    for signer in package.signers where verifyingShare(of: signer) == nil {
      throw .unknownParty(signer)
    }
    return try SigningRound(package, groupKey: groupKey, threshold: threshold)
  }

  /// Whether `share` is what its party owes to `round` (RFC 9591 §5.4, `verify_signature_share`):
  /// zB = D + ρE + (cλ)Y. False for a party that is no signer, and for another key's round.
  @specialized(where Suite == Ed25519SHA512)
  @specialized(where Suite == TinySuite)
  public func verifies(_ share: SignatureShare<Suite>, in round: SigningRound<Suite>) -> Bool {
    guard round.groupKey == groupKey, let position = round.position(of: share.party),
      let key = verifyingShare(of: share.party),
      let lambda = try? Lagrange.coefficient(
        of: share.party, among: round.package.signers, in: Suite.self)
    else { return false }
    return Suite.Element.generatorMultiple(share.response)
      == round.commitmentShares[position] + key.multiplied(by: round.challenge * lambda)
  }

  /// The signature (RFC 9591 §5.3, `aggregate`): the sum is verified first, and only when it fails are
  /// the shares, one by one, to name every culprit.
  ///
  /// `shares` are those of exactly the round's signers, in any order.
  @specialized(where Suite == Ed25519SHA512)
  @specialized(where Suite == TinySuite)
  public func aggregate(
    _ shares: [SignatureShare<Suite>], in round: SigningRound<Suite>
  ) throws(FROSTError) -> SchnorrSignature<Suite> {
    guard round.groupKey == groupKey else { throw .foreignKey }
    let signers = round.package.signers
    let given = shares.map { $0.party }.sorted()
    if let stranger = given.first(where: { !signers.contains($0) }) { throw .unknownParty(stranger) }
    guard given.isStrictlyAscending else {
      throw .unorderedOrShort(required: signers.count, found: given.count)
    }
    let missing = signers.filter { !given.contains($0) }
    guard missing.isEmpty else { throw .incomplete(missing: missing) }
    var sum = Suite.Scalar.zero
    for share in shares { sum = sum + share.response }
    if let signature = SchnorrSignature<Suite>(commitment: round.groupCommitment, response: sum),
      Suite.verifies(signature, over: round.package.message, by: groupKey)
    {
      return signature
    }
    #if SIMULATION
    let namesAll = Mutant.sharesUnchecked.isActive
    #else
    let namesAll = false
    #endif
    let culprits = shares.sorted { $0.party < $1.party }.filter { namesAll || !verifies($0, in: round) }
      .map { Culprit($0.party, .invalidSignatureShare) }
    guard !culprits.isEmpty else { throw .shareMismatch }
    throw .culprits(culprits)
  }

  /// Whether `signature` is one over `message` by the group.
  public func verifies(_ signature: SchnorrSignature<Suite>, over message: [UInt8]) -> Bool {
    Suite.verifies(signature, over: message, by: groupKey)
  }
}
