import ClawShield
import Records
import Wire

/// What approvers are shown: what waits for them, with all that a ballot binds.
extension GovernanceNode {
  func listPending(
    _ call: ClientCall, _ request: ListPendingRequest, into effects: inout NodeEffects
  ) throws {
    guard let approver = overlay.final.enrolment(of: call.caller, at: now.wall) else {
      refuse(call.key, .permissionDenied, "expected an enrolled approver", into: &effects)
      return
    }
    var response = ListPendingResponse()
    var bytes = 0
    for view in overlay.final.pending() where view.index.value > request.after {
      guard request.proposal == 0 || request.proposal == view.index.value else { continue }
      guard isAsked(approver, about: view, role: request.role),
        let item = pendingItem(view, inFull: request.proposal != 0)
      else { continue }
      guard bytes < Self.pageBytes else {
        response.more = true
        break
      }
      bytes += item.encode().count
      response.items.append(item)
    }
    effects.answers.append(.respond(call.key, .ok, payload: response.encode()))
  }

  /// Whether a person may vote on a proposal in `role`, or in any where that is empty; or is to confirm it.
  private func isAsked(_ person: Enrolment, about view: ProposalView, role: String) -> Bool {
    if view.challenge != nil, person.owner == view.responsible,
      person.tenantID.isEmpty || person.tenantID == view.proposal.tenantID
    {
      return role.isEmpty || role == Ballot.confirmingRole
    }
    return view.demands.contains {
      person.roles.contains($0.demand.role) && $0.demand.isOpen(to: person.tenantID, of: view.proposal)
        && (role.isEmpty || role == $0.demand.role)
    }
  }

  /// How many bytes a page of a list has, and one item more: an entry has at most a mebibyte, so a page
  /// always fits into a message.
  static var pageBytes: Int { 256 << 10 }
  /// A larger attachment is left out of a list, so that nobody's proposal crowds out the others.
  static var listedAttachmentBytes: Int { 16 << 10 }

  private func pendingItem(_ view: ProposalView, inFull: Bool) -> PendingItem? {
    guard let leaf = raft.log.leaf(at: view.index) else { return nil }
    let dryRun =
      view.previewHash == nil ? nil : view.proposal.preview.flatMap(overlay.final.proposalView(at:))
    let attachment = raft.log.attachment(at: view.index)?.bytes ?? []
    let isListed = inFull || attachment.count <= Self.listedAttachmentBytes
    var item = PendingItem(
      proposal: view.index.value, proposalHash: view.leafHash.hex, leaf: leaf,
      attachment: isListed ? attachment : [],
      demands: view.demands.map {
        Demand(
          role: $0.demand.role, count: UInt32($0.demand.count), approved: UInt32($0.approved),
          tenant: $0.demand.tenant ?? "")
      }, deadline: view.deadline?.text ?? "", policyBundleHash: overlay.final.bundle.hash.hex,
      rules: view.rules.map {
        Rule(rule: $0.rule, effect: $0.effect.rawValue, message: $0.message)
      }, attachmentLeftOut: isListed ? 0 : UInt64(attachment.count),
      decision: view.lastDecision.flatMap(raft.log.leaf(at:)) ?? [], responsible: view.responsible,
      unconfirmed: view.challenge != nil)
    if let receipt = dryRun?.receipt, let leaf = raft.log.leaf(at: receipt) {
      let result = shown(raft.log.attachment(at: receipt))
      item.preview = leaf
      if inFull || result.count <= Self.listedAttachmentBytes { item.previewResult = result }
    }
    return item
  }
}
