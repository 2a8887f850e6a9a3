import Records

/// Which kind of identity may call a method. Docs/Permissions.md is this table in words.
public enum CallerKind: String, Sendable, CaseIterable {
  case node, executor, agent, approver, `operator`, auditor

  /// The kind of a principal.
  public init(_ principal: Principal) {
    switch principal {
    case .node: self = .node
    case .executor: self = .executor
    case .agent: self = .agent
    case .approver: self = .approver
    case .operator: self = .operator
    case .auditor: self = .auditor
    }
  }
}

/// A method of the client-facing services.
public enum Method: String, Sendable, CaseIterable {
  case listActions = "Governance/ListActions"
  case submit = "Governance/Submit"
  case get = "Governance/Get"
  case watch = "Governance/Watch"
  case withdraw = "Governance/Withdraw"
  case listPending = "Approval/ListPending"
  case castBallot = "Approval/CastBallot"
  case checkpoint = "Ledger/Checkpoint"
  case entry = "Ledger/Entry"
  case inclusionProof = "Ledger/InclusionProof"
  case consistencyProof = "Ledger/ConsistencyProof"
  case trace = "Ledger/Trace"
  case export = "Ledger/Export"
  case artifactPut = "Artifact/Put"
  case artifactGet = "Artifact/Get"
  case artifactStat = "Artifact/Stat"
  case artifactList = "Artifact/List"
  case status = "Admin/Status"
  case enrol = "Admin/Enrol"
  case policy = "Admin/Policy"
  case version = "Admin/Version"
  case veto = "Admin/Veto"
  case kill = "Admin/Kill"
  case quarantine = "Admin/Quarantine"
  case revoke = "Admin/Revoke"
  case lift = "Admin/Lift"
  case erase = "Admin/Erase"
  case members = "Admin/Members"
  case transfer = "Admin/Transfer"
  case keys = "Admin/Keys"
  case recover = "Admin/Recover"
  case enlist = "Executor/Enlist"
  case jobs = "Executor/Jobs"
  case report = "Executor/Report"

  /// The path that a request names.
  public var path: String { "/openexec.v1.\(rawValue)" }

  /// The method of a path; nil for one that does not exist.
  public init?(path: String) {
    guard path.hasPrefix("/openexec.v1.") else { return nil }
    self.init(rawValue: String(path.dropFirst(13)))
  }

  /// Who may call it. What is read is limited further: see `GovernanceNode.mayRead(_:tenant:)`; an executor
  /// gets the inputs of an approval that names it, while that is live, and no other artifact.
  public var callers: [CallerKind] {
    switch self {
    case .listActions: [.agent, .approver, .operator, .auditor, .executor]
    case .submit, .withdraw: [.agent]
    case .get, .watch: [.agent, .approver, .operator, .auditor]
    case .listPending, .castBallot: [.approver]
    case .veto: [.approver, .operator]
    case .checkpoint, .consistencyProof: [.agent, .approver, .operator, .auditor, .executor]
    case .entry, .inclusionProof, .trace: [.agent, .approver, .operator, .auditor]
    case .export: [.auditor]
    case .artifactPut: [.agent, .executor]
    case .artifactGet: [.agent, .executor, .auditor]
    case .artifactStat, .artifactList: [.agent, .auditor]
    case .status: [.operator, .auditor]
    case .enrol, .policy, .version, .kill, .quarantine, .revoke, .lift, .erase, .members, .transfer, .keys,
      .recover:
      [.operator]
    case .enlist, .jobs, .report: [.executor]
    }
  }

  /// Whether the principal must be enrolled; where not, the certificate's name alone is enough.
  public var needsEnrolment: Bool {
    switch self {
    case .checkpoint, .consistencyProof: false
    default: true
    }
  }
}
