import Canonical
import Crypto

/// How an approver votes.
public enum Vote: String, Sendable, CaseIterable { case approve, reject }

/// One person's vote on one proposal. It binds what was shown: proposal, parameters, bundle, preview.
public struct Ballot: StatementContent {
  public static let type = RecordType.ballot

  /// The proposal's leaf.
  public var proposal: LeafIndex
  /// The hash of that leaf.
  public var proposalHash: Digest
  /// The parameters that the approver saw.
  public var parametersHash: Digest
  /// The bundle under which the ballot was opened.
  public var policyBundleHash: Digest
  /// The preview that the approver saw, where the action has one.
  public var previewHash: Digest?
  /// The vote.
  public var vote: Vote
  /// The role in which the approver votes.
  public var role: String
  /// Salted hash of the reason; the reason travels as the attachment.
  public var reasonHash: Digest
  /// Who votes.
  public var voter: Principal
  /// When the approver signed.
  public var signedAt: Timestamp
  /// No effect at or after this.
  public var validUntil: Timestamp

  /// A ballot.
  public init(
    proposal: LeafIndex, proposalHash: Digest, parametersHash: Digest, policyBundleHash: Digest,
    previewHash: Digest?, vote: Vote, role: String, reasonHash: Digest, voter: Principal,
    signedAt: Timestamp, validUntil: Timestamp
  ) {
    self.proposal = proposal
    self.proposalHash = proposalHash
    self.parametersHash = parametersHash
    self.policyBundleHash = policyBundleHash
    self.previewHash = previewHash
    self.vote = vote
    self.role = role
    self.reasonHash = reasonHash
    self.voter = voter
    self.signedAt = signedAt
    self.validUntil = validUntil
  }

  public init(from fields: inout Fields) throws(RecordError) {
    proposal = try fields.leafIndex("proposal")
    proposalHash = try fields.digest("proposal_hash")
    parametersHash = try fields.digest("parameters_hash")
    policyBundleHash = try fields.digest("policy_bundle_hash")
    previewHash = try fields.optionalDigest("preview_hash")
    vote = try fields.choice("vote")
    role = try fields.identifier("role")
    reasonHash = try fields.digest("reason_hash")
    voter = try fields.principal("voter")
    signedAt = try fields.time("signed_at")
    validUntil = try fields.time("valid_until")
  }

  public var members: [(String, JSON)] {
    present([
      ("proposal", .index(proposal)), ("proposal_hash", .digest(proposalHash)),
      ("parameters_hash", .digest(parametersHash)),
      ("policy_bundle_hash", .digest(policyBundleHash)),
      ("preview_hash", previewHash.map(JSON.digest)), ("vote", .string(vote.rawValue)),
      ("role", .string(role)), ("reason_hash", .digest(reasonHash)), ("voter", .string(voter.path)),
      ("signed_at", .time(signedAt)), ("valid_until", .time(validUntil)),
    ])
  }
}
