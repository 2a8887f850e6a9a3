import Canonical
import Crypto
import Records

/// A job as it came from governance; nothing of it is checked yet.
public struct OfferedJob: Equatable, Sendable {
  /// The token: a tlog-proof of the decision. Empty where none came.
  public let token: String
  /// The proposal's leaf.
  public let proposal: [UInt8]
  /// The proposal's attachment, which holds the parameters.
  public let attachment: [UInt8]
  /// The lease that came with it, where one did: the approval is not run under an older one.
  public let lease: LeaseOffer?

  /// A job.
  public init(token: String, proposal: [UInt8], attachment: [UInt8], lease: LeaseOffer? = nil) {
    self.token = token
    self.proposal = proposal
    self.attachment = attachment
    self.lease = lease
  }
}

/// A token whose signature, place in the ledger and consent verified, and which names this executor in
/// this life of it.
public struct ProvenToken: Equatable, Sendable {
  public let proof: LedgerProof
  public let decision: Decision
  public let grant: ApprovalGrant
  public let checkpoint: CheckpointNote

  /// Names the token.
  public var id: String { grant.tokenID }
}

/// A job that passed every check of the gate at one moment.
public struct AdmittedJob: Equatable, Sendable {
  public let token: ProvenToken
  public let action: ActionDefinition
  /// Canonical JSON: the bytes that were hashed, that policy and approvers saw, and that the guest gets.
  public let parameters: [UInt8]
  /// The class to run in: the strongest that is active.
  public let isolationClass: IsolationClass
}
