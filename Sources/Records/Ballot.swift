import Canonical
import Crypto

/// What a person says of a proposal.
public enum Vote: String, Sendable, CaseIterable {
  case approve, reject
  /// No vote: the person who answers for the agent confirms, with a second key, that the request is theirs
  /// (`require_mfa`). It never counts as an approval.
  case confirm
}

/// One person's vote on one proposal. It binds what was shown: proposal, parameters, bundle, preview.
public struct Ballot: StatementContent {
  public static let type = RecordType.ballot
  /// What an approver gives to `ssh-keygen -Y sign -n`.
  public static let sshNamespace: String? = "openexec-ballot"

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
  /// What a confirmation answers, made when the decision was; nil in a vote.
  public var challenge: String?
  /// The role in which the approver votes; `confirmingRole` in a confirmation.
  public var role: String
  /// Salted hash of the reason; the reason travels as the attachment.
  public var reasonHash: Digest
  /// Who votes.
  public var voter: Principal
  /// When the approver signed.
  public var signedAt: Timestamp
  /// No effect at or after this.
  public var validUntil: Timestamp

  /// The role that stands in a confirmation.
  public static let confirmingRole = "responsible"

  /// A ballot.
  public init(
    proposal: LeafIndex, proposalHash: Digest, parametersHash: Digest, policyBundleHash: Digest,
    previewHash: Digest?, vote: Vote, role: String, reasonHash: Digest, voter: Principal,
    signedAt: Timestamp, validUntil: Timestamp, challenge: String? = nil
  ) {
    self.challenge = challenge
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
    challenge = try fields.optionalValue("challenge", "an identifier") { json in
      json.string.flatMap { Identifier.isValid($0) ? $0 : nil }
    }
    role = try fields.identifier("role")
    reasonHash = try fields.digest("reason_hash")
    voter = try fields.principal("voter")
    signedAt = try fields.time("signed_at")
    validUntil = try fields.time("valid_until")
    guard (challenge != nil) == (vote == .confirm) else {
      throw .field(fields.name("challenge"), expected: "a challenge in a confirmation, and only there")
    }
  }

  public var members: [(String, JSON)] {
    present([
      ("proposal", .index(proposal)), ("proposal_hash", .digest(proposalHash)),
      ("parameters_hash", .digest(parametersHash)),
      ("policy_bundle_hash", .digest(policyBundleHash)),
      ("preview_hash", previewHash.map(JSON.digest)), ("vote", .string(vote.rawValue)),
      ("challenge", challenge.map(JSON.string)), ("role", .string(role)),
      ("reason_hash", .digest(reasonHash)), ("voter", .string(voter.path)),
      ("signed_at", .time(signedAt)), ("valid_until", .time(validUntil)),
    ])
  }
}
