import Crypto
import Records

#if SIMULATION
import Mutants
#endif

extension ShieldState {
  // MARK: Admission

  /// A receipt: by the executor that the approval names, in its incarnation, about exactly that approval;
  /// the first counts (INV-015).
  func admit(_ signed: Signed<Receipt>, at time: Timestamp) throws(Refusal) -> Admittance {
    let receipt = signed.content
    if let known = try earlierRun(signed) { return .known(known) }
    guard let index = indexes.decisions[receipt.decision], let cell = proposal(index), let grant = cell.grant,
      cell.approval == receipt.decision
    else {
      throw Refusal(.notFound, "no approval is remembered at leaf \(receipt.decision.value)")
    }
    #if SIMULATION
    let isAnyones = Mutant.receiptOfAnyone.isActive
    #else
    let isAnyones = false
    #endif
    guard
      isAnyones
        || (receipt.executorID == grant.executorID
          && receipt.executorIncarnation == grant.executorIncarnation)
    else {
      throw Refusal(
        .permissionDenied,
        "the approval names \(grant.executorID.path), incarnation \(grant.executorIncarnation)")
    }
    guard signed.signatures.count == 1 else {
      throw Refusal(.permissionDenied, "expected the executor's one signature")
    }
    _ = try signer(of: signed, expected: receipt.executorID, at: time)
    if let first = cell.receipt {
      if first.contentHash == signed.contentHash { return .known(first.leaf) }
      throw Refusal(.alreadyExists, "the receipt at leaf \(first.leaf.value) counts")
    }
    if let field = mismatch(receipt, cell, grant) {
      throw Refusal(.invalidArgument, "\(field) is not the approval's")
    }
    if semantics >= Semantics.reach, receipt.status == .succeeded, receipt.evidence == nil {
      throw Refusal(.invalidArgument, "evidence: expected what ran and within what limits, of a success")
    }
    if semantics >= Semantics.reach, let field = contradiction(receipt, cell) {
      throw Refusal(.invalidArgument, "\(field) is not what was approved to run")
    }
    guard receipt.finishedAt >= receipt.executedAt else {
      throw Refusal(.invalidArgument, "finished_at is before executed_at")
    }
    try checkInputs(receipt, cell.content)
    if receipt.status == .succeeded {
      guard let isolation = receipt.isolationClass, isolation >= grant.isolationClass else {
        throw Refusal(
          .invalidArgument, "a success needs isolation \(grant.isolationClass.rawValue) or stronger")
      }
    }
    return .accept
  }

  /// What a run had before it is all that was approved, in that order, or nothing where it did not come to
  /// run; and the result that it names is an artifact, whose labels were checked when it came.
  private func checkInputs(_ receipt: Receipt, _ proposal: Proposal) throws(Refusal) {
    guard receipt.inputs == proposal.inputs || (receipt.inputs.isEmpty && receipt.status != .succeeded) else {
      throw Refusal(.invalidArgument, "inputs are not the approval's")
    }
    if let digest = receipt.resultArtifact,
      artifactCell(proposal.tenantID, proposal.workspaceID, digest) == nil,
      droppedCell(proposal.tenantID, proposal.workspaceID, digest) == nil
    {
      throw Refusal(.failedPrecondition, "result_artifact is no artifact of the workspace yet: put it first")
    }
  }

  /// The first field of a receipt that differs from what was approved.
  private func mismatch(_ receipt: Receipt, _ cell: ProposalCell, _ grant: ApprovalGrant) -> String? {
    let proposal = cell.content
    if receipt.tokenID != grant.tokenID { return "token_id" }
    if receipt.decisionID != decisionID(cell, cell.verdict) { return "decision_id" }
    if receipt.traceID != proposal.traceID { return "trace_id" }
    if receipt.requestID != proposal.requestID { return "request_id" }
    if receipt.tenantID != proposal.tenantID { return "tenant_id" }
    if receipt.workspaceID != proposal.workspaceID { return "workspace_id" }
    if receipt.action != proposal.action { return "action" }
    if receipt.actionVersion != cell.verdict.actionVersion { return "action_version" }
    if receipt.parametersHash != proposal.parametersHash { return "parameters_hash" }
    if receipt.policyBundleHash != cell.verdict.policyBundleHash { return "policy_bundle_hash" }
    if receipt.approvedAt != grant.issuedAt { return "approved_at" }
    if receipt.humanAttestors != grant.humanAttestors { return "human_attestors" }
    return nil
  }

  // MARK: Effect

  /// Settles the cost and ends the proposal. One that comes after its outcome was called unknown
  /// supersedes that; both records stay linked in the trace.
  mutating func take(_ signed: Signed<Receipt>, _ attachment: Attachment, at index: LeafIndex) {
    guard let proposalIndex = indexes.decisions[signed.content.decision], let old = proposal(proposalIndex)
    else { return }
    var cell = old
    cell.receipt = ProposalCell.Outcome(
      leaf: index, contentHash: signed.contentHash, status: signed.content.status)
    if semantics >= Semantics.people {
      cell.receipt?.resultHash = signed.content.resultHash
      if signed.content.status == .succeeded, let result = attachment["result"],
        compiled.bundle.actions.contains(where: { $0.preview == cell.content.action })
      {
        cell.receipt?.previewed = PreviewedResult(result)
      }
    }
    if semantics >= Semantics.people, signed.content.status == .succeeded {
      let own = [cell.content.tenantID, cell.content.requestedBy.path]
      cell.resultLabels = originLabels(cell).filter { !own.contains($0) }
    }
    cell.settledAt = logTime
    cell.relate(index)
    if signed.content.status == .succeeded, let verification = cell.verification {
      let run = Verification.Run(
        executor: signed.content.executorID, decision: signed.content.decision, receipt: index,
        contentHash: signed.contentHash)
      verify(&cell, verification, run, attachment["result"])
      if goesOn(&cell, old, cost: signed.content.cost, cause: index) { return change(old, to: cell) }
    }
    if let reservation = cell.reservation {
      // Nobody is charged more than was set aside, whatever an executor says.
      let cost =
        semantics >= Semantics.people
        ? min(signed.content.cost, min(reservation.amount, old.grant?.constraints.maximumCost ?? .maximum))
        : signed.content.cost
      settle(reservation, tenant: cell.content.tenantID, cost: cost)
      cell.reservation = nil
    }
    change(old, to: cell)
    if cell.status == .completed { comparePreview(cell, with: attachment["result"], cause: index) }
  }

  /// The derived record that says that no receipt came (`unknown_outcome`), while it is owed.
  func unknownOutcome(of cell: ProposalCell) -> DerivedIncident? {
    guard let unknown = cell.unknown, unknown.written == nil, let grant = cell.grant,
      let approval = cell.approval
    else { return nil }
    return DerivedIncident(
      incidentID: DerivedID.make(
        "unknown_outcome", cluster: cluster, cause: unknown.cause, about: approval),
      kind: .unknownOutcome, cause: unknown.cause, about: approval, tenantID: cell.content.tenantID,
      target: .token(grant.tokenID),
      message: "no receipt came until \(grant.expiresAt.advanced(by: ProposalCell.receiptSkew).text); "
        + "the cost is settled at its reservation")
  }
}
