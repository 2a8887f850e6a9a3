import Canonical
import Crypto
import Merkle
import Records
public struct Cell: MerkleValue { public func merkleBytes() -> [UInt8] { [] } }
public enum ShieldError: Error { case bad }
public struct OwedDecision: Equatable, Sendable { }
public enum Owed: Equatable, Sendable { case decision(OwedDecision), incident(DerivedIncident) }
public enum Applied: Equatable, Sendable { case effective, void(reason: String), divergent(expected: String) }
public struct Refusal: Error, Equatable, Sendable { public enum Code: Sendable { case invalidArgument, permissionDenied, unauthenticated, alreadyExists, failedPrecondition, deadlineExceeded, resourceExhausted, notFound }; public let code: Code; public let message: String }
public enum Admittance: Sendable { case accept, known(LeafIndex), refuse(Refusal) }
public enum ProposalStatus: String, Sendable { case pending, approved, denied, withdrawn, completed, failed, aborted, unknown }
public struct ProposalView: Sendable { public var index: LeafIndex, leafHash: Digest, proposal: Proposal, status: ProposalStatus, demands: [(demand: ApprovalDemand, approved: Int)], deadline: Timestamp?, rules: [FiredRule], rationale: String, decisionID: String?, lastDecision: LeafIndex?, approval: LeafIndex?, tokenID: String?, executor: Principal?, receipt: LeafIndex? }
public enum GenesisSignature { public static func bytes(leafHash: Digest) -> [UInt8] { [] } }
public struct ShieldState: Sendable {
  public var cells = MerkleMap<Cell>()
  public var size: UInt64 = 0
  public var logTime: Timestamp = .epoch
  public var stateRoot: Digest { cells.rootHash }
  public static func initial(genesisLeaf: [UInt8], record: Record, attachment: Attachment) throws(ShieldError) -> ShieldState { throw .bad }
  public init(restoring cells: [(name: String, bytes: [UInt8])]) throws(ShieldError) { throw .bad }
  public mutating func apply(_ record: Record, leafHash: Digest, attachment: Attachment, at index: LeafIndex) -> Applied { .effective }
  public var owed: [Owed] { [] }
  public func decision(for owed: OwedDecision, executor: Principal?) -> Decision { fatalError() }
  public func eligibleExecutors(for owed: OwedDecision) -> [Enrolment] { [] }
  public func isLiveApproval(at index: LeafIndex, time: Timestamp) -> Bool { false }
  public func approvals(in range: ClosedRange<UInt64>) -> [LeafIndex] { [] }
  public var restrictions: RestrictionList { RestrictionList([]) }
  public var nextExpiry: Timestamp? { nil }
  public var bundle: PolicyBundle { fatalError() }
  public func isLifted(_ id: String) -> Bool { false }
  public func liveApprovals() -> [LeafIndex] { [] }
  public func outstandingApprovals(for executor: Principal) -> [LeafIndex] { [] }
  public func enrolment(of: Principal, at time: Timestamp) -> Enrolment? { nil }
  public func proposalView(agent: Principal, requestID: String) -> ProposalView? { nil }
  public func proposalView(at: LeafIndex) -> ProposalView? { nil }
  public func pending() -> [ProposalView] { [] }
  public func trace(_ id: String) -> [LeafIndex] { [] }
  public func artifact(tenant: String, digest: Digest) -> LeafIndex? { nil }
  public static func tenant(of body: RecordBody) -> String? { nil }
  public func admits(_ body: RecordBody, attachment: Attachment, at time: Timestamp) -> Admittance { .accept }
}
