/// What a party did that no honest party does.
public enum Misbehaviour: Error, Equatable, Sendable {
  /// Its commitment has another number of coefficients than the threshold asks for.
  case commitmentLength(expected: Int, found: Int)
  /// Its commitment is to something other than it must be (its old share, in resharing and repair).
  case commitmentMismatch
  /// Its commitment holds the identity.
  case identityElement
  /// Its proof of possession does not verify for its identifier.
  case invalidProof
  /// The share it sent does not lie on the polynomial it committed to.
  case invalidShare
  /// It sent two different messages where one is owed.
  case equivocation
  /// Its signature share does not verify.
  case invalidSignatureShare
  /// It offered nonce commitments that it had offered before.
  case repeatedCommitment
}

/// A party together with what it did.
public struct Culprit: Error, Equatable, Sendable {
  /// Who.
  public let party: Identifier
  /// What.
  public let misbehaviour: Misbehaviour

  /// Names a party.
  public init(_ party: Identifier, _ misbehaviour: Misbehaviour) {
    self.party = party
    self.misbehaviour = misbehaviour
  }
}

/// Why this module refused. Nothing that comes from outside traps.
public enum FROSTError: Error, Equatable, Sendable {
  /// The named parties broke the protocol; never empty, ascending.
  case culprits([Culprit])
  /// The threshold must be at least 1 and at most the number of parties.
  case invalidThreshold(Int, parties: Int)
  /// A refresh would have lowered the threshold.
  case loweredThreshold(from: Int, to: Int)
  /// The list must ascend without repetition and have at least the stated number of entries.
  case unorderedOrShort(required: Int, found: Int)
  /// More parties than the module handles.
  case tooManyParties(limit: Int, found: Int)
  /// The party is not among those of this ceremony or key.
  case unknownParty(Identifier)
  /// A message came back to the party that sent it.
  case ownMessage
  /// The messages of these parties have not come yet; ascending.
  case incomplete(missing: [Identifier])
  /// The list holds another commitment for this party than the one whose nonces it is to use.
  case ownCommitmentMissing
  /// The signing package was prepared for another key.
  case foreignKey
  /// The result is the identity: the contributions cancel out.
  case identityElement
  /// Bytes that are not what `expected` names.
  case malformed(expected: String)
  /// A secret does not belong to the public data beside it; or, when every share verifies and the
  /// aggregate does not, the public key package contradicts itself (`isConsistent`).
  case shareMismatch
}

extension FROSTError {
  static func culprit(_ party: Identifier, _ misbehaviour: Misbehaviour) -> FROSTError {
    .culprits([Culprit(party, misbehaviour)])
  }
}
