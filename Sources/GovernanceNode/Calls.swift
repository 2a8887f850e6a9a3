import Canonical
import ClawLedger
import ClawShield
import Crypto
import Merkle
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

extension GovernanceNode {
  /// Serves one call of a client: who it is, what it may, what it asks.
  mutating func onCall(
    _ call: ClientCall, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard let method = Method(path: call.method) else {
      refuse(call.key, .unimplemented, "there is no method \(call.method.prefix(128))", into: &effects)
      return
    }
    guard method.callers.contains(CallerKind(call.caller)) else {
      refuse(
        call.key, .permissionDenied,
        "\(method.rawValue) is for \(method.callers.map(\.rawValue).joined(separator: ", ")); "
          + "this certificate names \(call.caller.path)", into: &effects)
      return
    }
    if method.needsEnrolment, overlay.final.enrolment(of: call.caller, at: now.wall) == nil {
      refuse(
        call.key, .permissionDenied,
        "expected an enrolment in force; \(call.caller.path) is not enrolled, or its enrolment has ended",
        into: &effects)
      return
    }
    do {
      try serve(method, call, using: &random, into: &effects)
    } catch let error as ProtobufError {
      refuse(call.key, .invalidArgument, "\(error)", into: &effects)
    } catch let error as RecordError {
      refuse(call.key, .invalidArgument, error.description, into: &effects)
    } catch let refusal as Refusal {
      refuse(call.key, refusal, into: &effects)
    } catch {
      refuse(call.key, .internal, "\(error)", into: &effects)
    }
    takeUp(using: &random, into: &effects)
  }

  private mutating func serve(
    _ method: Method, _ call: ClientCall, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) throws {
    switch method {
    case .listActions: listActions(call, into: &effects)
    case .submit, .withdraw, .castBallot, .enrol, .policy, .version, .members, .lift, .erase, .report,
      .kill, .quarantine, .revoke:
      try onStatement(method, call, StatementRequest(decoding: call.payload), into: &effects)
    case .get: try get(call, ProposalRequest(decoding: call.payload), isStream: false, into: &effects)
    case .watch: try get(call, ProposalRequest(decoding: call.payload), isStream: true, into: &effects)
    case .listPending: try listPending(call, ListPendingRequest(decoding: call.payload), into: &effects)
    case .checkpoint:
      let request = try CheckpointRequest(decoding: call.payload)
      if request.fresh {
        onFreshCheckpoint(call, into: &effects)
      } else {
        checkpoint(call.key, held: request.held, into: &effects)
      }
    case .entry: try entry(call, EntryRequest(decoding: call.payload), into: &effects)
    case .inclusionProof:
      try inclusionProof(call, ProofRequest(decoding: call.payload), into: &effects)
    case .consistencyProof:
      try consistencyProof(call, ProofRequest(decoding: call.payload), into: &effects)
    case .trace: try trace(call, TraceRequest(decoding: call.payload), into: &effects)
    case .export: try beginExport(call, ExportRequest(decoding: call.payload), into: &effects)
    case .artifactPut:
      try putArtifact(call, ArtifactPutRequest(decoding: call.payload), using: &random, into: &effects)
    case .artifactGet: try getArtifact(call, ArtifactRequest(decoding: call.payload), into: &effects)
    case .artifactStat: try statArtifact(call, ArtifactRequest(decoding: call.payload), into: &effects)
    case .artifactList: try listArtifacts(call, ArtifactListRequest(decoding: call.payload), into: &effects)
    case .veto:
      try onVeto(call, StatementRequest(decoding: call.payload), using: &random, into: &effects)
    case .status: try status(call, StatusRequest(decoding: call.payload), into: &effects)
    case .enlist: try onEnlist(call, EnlistRequest(decoding: call.payload), into: &effects)
    case .jobs: try onJobs(call, JobsRequest(decoding: call.payload), into: &effects)
    case .transfer: try onTransfer(call, TransferRequest(decoding: call.payload), into: &effects)
    case .recover:
      try onRecover(call, StatementRequest(decoding: call.payload), using: &random, into: &effects)
    case .keys:
      if try KeysRequest(decoding: call.payload).repair {
        beginRecovery(call, using: &random, into: &effects)
      } else {
        answerKeys(call.key, into: &effects)
      }
    }
  }

  /// A signed statement: read, held against the caller, brought into the log.
  private mutating func onStatement(
    _ method: Method, _ call: ClientCall, _ request: StatementRequest, into effects: inout NodeEffects
  ) throws {
    let type: RecordType
    let purpose: Purpose
    switch method {
    case .submit: (type, purpose) = (.proposal, .outcome(call.key))
    case .withdraw: (type, purpose) = (.withdrawal, .outcome(call.key))
    case .castBallot: (type, purpose) = (.ballot, .outcome(call.key))
    case .report: (type, purpose) = (.receipt, .report(call.key))
    case .enrol: (type, purpose) = (.enrol, .act(call.key))
    case .policy: (type, purpose) = (.policy, .act(call.key))
    case .version: (type, purpose) = (.version, .act(call.key))
    case .members: (type, purpose) = (.members, .act(call.key))
    default: (type, purpose) = (.incident, .act(call.key))
    }
    let body = try Statements.body(type, request.statement)
    let attachment = try Attachment(parsing: request.attachment)
    try attachment.check(against: body)
    if let objection = mismatch(method, call.caller, body) {
      refuse(call.key, .permissionDenied, objection, into: &effects)
      return
    }
    if case .incident(let act) = body, act.content.kind.isRestriction {
      guard onRestrict(call, request, act, into: &effects) else { return }
      submit(Submission(body: body, attachment: attachment, purpose: nil), into: &effects)
      return
    }
    submit(Submission(body: body, attachment: attachment, purpose: purpose), into: &effects)
  }

  /// Why this caller may not bring this statement; nil where it may. Whether the statement is good is
  /// the state's to say.
  private func mismatch(_ method: Method, _ caller: Principal, _ body: RecordBody) -> String? {
    switch body {
    case .proposal(let proposal):
      guard proposal.content.requestedBy == caller else {
        return "the proposal is \(proposal.content.requestedBy.path)'s, the certificate \(caller.path)'s"
      }
    case .withdrawal(let withdrawal):
      guard withdrawal.content.requestedBy == caller else {
        return "the withdrawal is \(withdrawal.content.requestedBy.path)'s, the certificate \(caller.path)'s"
      }
    case .ballot(let ballot):
      guard ballot.content.voter == caller else {
        return "the ballot is \(ballot.content.voter.path)'s, the certificate \(caller.path)'s"
      }
    case .receipt(let receipt):
      guard receipt.content.executorID == caller else {
        return "the receipt is \(receipt.content.executorID.path)'s, the certificate \(caller.path)'s"
      }
    case .incident(let act):
      let expected: IncidentKind? =
        switch method {
        case .kill: .kill
        case .quarantine: .quarantine
        case .revoke: .revoke
        case .lift: .lift
        case .erase: .erase
        default: nil
        }
      guard act.content.kind == expected else {
        return
          "expected a statement of kind \(expected?.rawValue ?? "none"), found \(act.content.kind.rawValue)"
      }
    default: break
    }
    return nil
  }

  // MARK: Governance

  private func listActions(_ call: ClientCall, into effects: inout NodeEffects) {
    let bundle = overlay.final.bundle
    let response = ListActionsResponse(
      policyBundleHash: bundle.hash.hex, constitutionVersion: bundle.constitutionVersion,
      actions: bundle.actions.map { $0.json.canonicalBytes() })
    effects.answers.append(.respond(call.key, .ok, payload: response.encode()))
  }

  private mutating func get(
    _ call: ClientCall, _ request: ProposalRequest, isStream: Bool, into effects: inout NodeEffects
  ) throws {
    guard let view = try view(call, request) else {
      refuse(call.key, .notFound, "no such proposal is final here", into: &effects)
      return
    }
    guard isStream else {
      let outcome = outcome(of: view.index) ?? Outcome(status: Self.undecided)
      // What has a receipt was consented to, and the note that says so is elsewhere: who was told by another node how it
      // ended is not told here that it is open.
      // The same of a decision whose leaf is elsewhere.
      let isUnproven = view.approval == nil && view.lastDecision != nil
      if outcome.status == Self.undecided, view.receipt != nil || isUnproven {
        refuse(
          call.key, .unavailable,
          "this is decided, and what proves it is not here yet: try again, or ask another node",
          into: &effects)
        return
      }
      effects.answers.append(.respond(call.key, .ok, payload: outcome.encode()))
      return
    }
    watch(
      ClientTable.Watcher(key: call.key, proposal: view.index, isStream: true, told: ""), into: &effects)
  }

  /// The proposal that a request names, if the caller may see it.
  private func view(_ call: ClientCall, _ request: ProposalRequest) throws -> ProposalView? {
    let view: ProposalView?
    #if SIMULATION
    let state = Mutant.effectBeforeFinality.isActive ? overlay.head : overlay.final
    #else
    let state = overlay.final
    #endif
    if request.requestID.isEmpty {
      view = state.proposalView(at: LeafIndex(request.proposal))
    } else {
      let agent = request.agent.isEmpty ? call.caller : Principal(path: request.agent)
      guard let agent else {
        throw RecordError.field("agent", expected: "a principal such as tenant/<t>/agent/<a>")
      }
      view = state.proposalView(agent: agent, requestID: request.requestID)
    }
    guard let view else { return nil }
    if mayRead(call.caller, tenant: view.proposal.tenantID) { return view }
    // Who decides on what is to be read of their tenant follows it; nobody else of that tenant does.
    guard case .approver = call.caller, let crossing = view.proposal.crossing,
      mayRead(call.caller, tenant: crossing.tenantID)
    else { return nil }
    return view
  }

  /// Whether the caller may read a record and what was written beside it. A ballot is of the tenant whose proposal it is
  /// about: its voter reads it, and who approves for that tenant. Agents are told how many have voted, not who and why.
  func mayRead(_ caller: Principal, _ body: RecordBody) -> Bool {
    guard case .ballot(let signed) = body else {
      return mayRead(caller, tenant: ShieldState.tenant(of: body) ?? "")
    }
    switch caller {
    case .auditor: return true
    case .agent, .executor, .node: return false
    case .approver, .operator: break
    }
    if signed.content.voter == caller { return true }
    guard let about = raft.log.record(at: signed.content.proposal), case .proposal = about.body else {
      return false
    }
    return mayRead(caller, about.body)
  }

  /// Whether the caller may read what belongs to a tenant; an empty tenant is the cluster's own: its acts,
  /// incidents and terms. Auditors read everything; everyone else what is their tenant's. Approvers and executors
  /// who are enrolled for no tenant serve all; operators are no tenant's.
  func mayRead(_ caller: Principal, tenant: String) -> Bool {
    switch caller {
    case .auditor: true
    case .agent(let own, _): tenant == own
    case .operator: tenant.isEmpty
    case .approver, .executor:
      overlay.final.enrolment(of: caller, at: now.wall).map { known in
        tenant.isEmpty || known.tenantID.isEmpty || known.tenantID == tenant
      } ?? false
    case .node: false
    }
  }
}
