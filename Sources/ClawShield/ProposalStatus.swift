import Crypto
import Records

/// Where a proposal stands.
public enum ProposalStatus: String, Sendable, CaseIterable {
  /// Its decision is not written yet, or waits for people.
  case pending
  /// Approved, and no receipt yet.
  case approved
  case denied
  /// Taken back by its agent.
  case withdrawn
  /// Its receipt says that it succeeded.
  case completed
  /// Its receipt says that it failed, or that its executor refused it.
  case failed
  /// Its receipt says that a limit or a kill ended it, or its token was made void by an incident.
  case aborted
  /// No receipt came in time, or the receipt cannot say.
  case unknown
}

/// A proposal as the state remembers it.
public struct ProposalView: Sendable {
  /// Its leaf.
  public let index: LeafIndex
  public let leafHash: Digest
  public let proposal: Proposal
  public let status: ProposalStatus
  /// What people must do, and how many of them have; empty where nobody was asked.
  public let demands: [(demand: ApprovalDemand, approved: Int)]
  /// Until when people have; nil where nobody is asked.
  public let deadline: Timestamp?
  /// How many people's rejections deny, where people are asked.
  public let rejections: Int
  /// What the person who answers for the agent must confirm; nil where nobody must, or it is confirmed.
  public let challenge: String?
  /// That person.
  public let responsible: String
  /// The result of the preview, which ballots bind, and the proposal that is its dry run.
  public let previewHash: Digest?
  /// The rules behind the latest decision.
  public let rules: [FiredRule]
  public let rationale: String
  /// The latest decision that is written.
  public let decisionID: String?
  public let lastDecision: LeafIndex?
  /// The approving decision.
  public let approval: LeafIndex?
  public let tokenID: String?
  public let executor: Principal?
  public let receipt: LeafIndex?
  /// Where several executors run it: the approval and the receipt of each that has succeeded.
  public let runs: [(decision: LeafIndex, receipt: LeafIndex)]
  /// How many executors must agree.
  public let executors: Int
}

/// A restriction in force.
public struct InForce: Equatable, Sendable {
  public let incidentID: String
  public let target: IncidentTarget
  /// Log time at which it began.
  public let at: Timestamp
  /// Which kind of derived incident it is, where the log made it by itself; nil where an operator signed it.
  public let derived: DerivedIncident.Kind?
}

/// Where a token stands.
public enum TokenState: Equatable, Sendable {
  /// Issued, unexpired at log time, without receipt.
  case live
  /// Expired without receipt; its outcome may still come.
  case expired
  /// Void before it expired: by a new bundle or an incident.
  case void
  /// Its executor has reported.
  case reported(LeafIndex)
}
