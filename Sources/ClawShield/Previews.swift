import Crypto
import Records

/// Previews (INV-018): an action may name another as its dry run. The agent has that run first, and names it; people
/// decide on what it said, and their ballots bind the hash of it.
enum Previews {
  /// How old a dry run may be when the action itself is asked for.
  static let maximumAge = Interval.seconds(3600)
}

extension PolicyBundle {
  /// Why a dry run that an action names could not be one; nil where all can.
  var previewObjection: String? {
    for action in actions {
      guard let name = action.preview else { continue }
      guard let dry = self.action(name) else {
        return "action \(action.name): expected a registered action as preview, found \"\(name)\""
      }
      guard dry.preview == nil, dry.egress.isEmpty else {
        return "action \(name): expected no preview and no egress of what is a dry run itself"
      }
      guard dry.parametersSchema.contentHash == action.parametersSchema.contentHash,
        dry.inputs == action.inputs
      else {
        return "action \(name): expected the parameters and inputs of \(action.name), whose dry run it is"
      }
    }
    return nil
  }
}

extension ShieldState {
  /// The result of the dry run that a proposal names; nil where it names none that counts.
  func previewResult(_ proposal: Proposal) -> Digest? {
    guard let index = proposal.preview, compiled.action(proposal.action)?.definition.preview != nil else {
      return nil
    }
    return self.proposal(index)?.receipt?.resultHash
  }

  /// What the result of a proposal's action will be compared with; nil where it names no dry run that counts.
  func previewedResult(_ proposal: Proposal) -> PreviewedResult? {
    previewResult(proposal) == nil ? nil : proposal.preview.flatMap { self.proposal($0)?.receipt?.previewed }
  }

  /// Members of a proposal's result that may differ from it, as its action says now.
  func mayDiffer(_ proposal: Proposal) -> [String] {
    compiled.action(proposal.action)?.definition.mayDiffer ?? []
  }

  /// An action that ran: where its result is another than people were shown, beyond what the action declares,
  /// an incident says so. Nobody is restricted by it: what differs may be the world's doing.
  mutating func comparePreview(_ cell: ProposalCell, with result: Attachment.Item?, cause: LeafIndex) {
    guard semantics >= Semantics.people, let previewed = cell.previewed,
      let difference = previewed.difference(
        from: result?.value ?? .null, allowed: cell.mayDiffer),
      hasRoomForFlags
    else { return }
    let id = DerivedID.make("preview_differs", cluster: cluster, cause: cause, about: cell.index)
    let incident = DerivedIncident(
      incidentID: id, kind: .previewDiffers, cause: cause, about: cell.index, tenantID: cell.content.tenantID,
      target: .principal(cell.content.requestedBy),
      message: plain(
        "the result of \(cell.content.action) differs from its preview: \(difference)",
        limit: FiredRules.maximumMessage))
    setIncident(
      IncidentCell(
        incidentID: id, origin: .breaker(incident, written: nil), target: nil, leaf: cause, at: logTime))
  }

  /// That a proposal names the dry run that its action has: by the same agent, with the same parameters and
  /// inputs, under this bundle, done, and fresh when the proposal comes.
  func checkPreview(
    _ subject: Subject, action: ActionDefinition?, at time: Timestamp, _ rules: inout FiredRules
  ) {
    guard semantics >= Semantics.people, let action else { return }
    guard let name = action.preview else {
      if subject.proposal.preview != nil {
        rules.fire("floor.preview", .deny, "\(action.name) has no preview, and one is named")
      }
      return
    }
    guard let index = subject.proposal.preview else {
      rules.fire(
        "floor.preview", .deny, "\(action.name) has a preview: propose \(name) first, and name it as preview")
      return
    }
    if let objection = objection(toPreview: index, name, of: subject, at: time) {
      rules.fire("floor.preview", .deny, "the preview at leaf \(index.value) \(objection)")
    }
  }

  private func objection(toPreview index: LeafIndex, _ name: String, of subject: Subject, at time: Timestamp)
    -> String?
  {
    guard let cell = proposal(index) else { return "is not remembered" }
    let asked = subject.proposal
    guard cell.content.action == name, cell.content.requestedBy == asked.requestedBy,
      cell.content.tenantID == asked.tenantID, cell.content.workspaceID == asked.workspaceID
    else { return "is no \(name) by the same agent in the same workspace" }
    guard let receipt = cell.receipt, cell.status == .completed, receipt.resultHash != nil else {
      return "has not succeeded"
    }
    guard cell.verdict.policyBundleHash == bundleOfPreviews else {
      return "ran under another policy bundle"
    }
    guard subject.isNew, case .given(let parameters) = subject.parameters else { return nil }
    var dry = asked
    dry.action = name
    let key = Breakers.repeatKey(dry, canonicalParameters: parameters.canonicalBytes())
    guard cell.repeatKey == key else { return "had other parameters or inputs" }
    guard let end = cell.settledAt, time < end.advanced(by: Previews.maximumAge) else {
      return "is more than \(Previews.maximumAge.nanoseconds / 1_000_000_000) seconds old"
    }
    return nil
  }
}
