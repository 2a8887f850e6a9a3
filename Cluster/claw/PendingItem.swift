import Canonical
import Crypto
import Host
import Merkle
import Records
import Wire

/// A proposal that waits, checked: a node cannot show one thing and have another signed.
struct PendingProposal {
  let wire: PendingItem
  let proposal: Proposal
  /// Nil where the list leaves them out for their length.
  let parameters: JSON?
  let leafHash: Digest
  /// The decision that waits; nil where the node does not show it.
  let decision: Decision?
  /// The result of the action's dry run, which a ballot binds by its hash.
  let preview: (hash: Digest, result: JSON?)?

  init(_ wire: PendingItem, _ key: ClusterKey) throws {
    self.wire = wire
    leafHash = TreeHash.leaf(wire.leaf)
    let record = try Record(parsing: wire.leaf)
    guard leafHash.hex == wire.proposalHash, case .proposal(let signed) = record.body else {
      throw Failure(.other, "leaf \(wire.proposal): the node shows another proposal than it names")
    }
    guard
      signed.verifiedSignatures(cluster: key.cluster).contains(where: {
        $0.by == signed.content.requestedBy
      })
    else { throw Failure(.other, "leaf \(wire.proposal): not signed by its agent") }
    proposal = signed.content
    decision = try Self.decision(wire, leafHash)
    preview = try Self.preview(wire, decision)
    guard wire.attachmentLeftOut == 0 else {
      parameters = nil
      return
    }
    let attachment = try Attachment(parsing: wire.attachment)
    try attachment.check(against: record.body)
    guard let parameters = attachment["parameters"]?.value else {
      throw Failure(.other, "leaf \(wire.proposal): the node does not show the parameters")
    }
    self.parameters = parameters
  }

  private static func decision(_ wire: PendingItem, _ leafHash: Digest) throws -> Decision? {
    guard !wire.decision.isEmpty else { return nil }
    guard case .decision(let decision) = try Record(parsing: wire.decision).body,
      decision.proposal.value == wire.proposal, decision.proposalHash == leafHash
    else { throw Failure(.other, "leaf \(wire.proposal): the decision that the node shows is another's") }
    return decision
  }

  private static func preview(_ wire: PendingItem, _ decision: Decision?) throws -> (
    hash: Digest, result: JSON?
  )? {
    guard let hash = decision?.previewHash else { return nil }
    guard !wire.previewResult.isEmpty else { return (hash, nil) }
    let attachment = try Attachment(parsing: wire.previewResult)
    // What is covered is not what the hash is of.
    if let covered = attachment["redacted"] { return (hash, covered.value) }
    guard let item = attachment["result"], item.hash == hash else {
      throw Failure(
        .other, "leaf \(wire.proposal): the preview that the node shows is not the one that is asked about")
    }
    return (hash, item.value)
  }

  /// What makes two of them the same thing asked twice, for whoever decides on them.
  var likeness: String {
    guard let parameters else { return "leaf \(wire.proposal)" }
    let value = JSON.object([
      ("agent", .string(proposal.requestedBy.path)), ("action", .string(proposal.action)),
      ("workspace", .string(proposal.workspaceID)), ("inputs", .array(proposal.inputs.map(JSON.digest))),
      ("scopes", .array(proposal.scopes.map(JSON.string))), ("parameters", parameters),
      ("preview", preview?.result ?? .null),
    ])
    return value.canonical
  }

  // MARK: Asking a node

  /// Every page of what waits.
  static func all(_ session: Session, role: String, _ key: ClusterKey) throws -> [PendingProposal] {
    var items: [PendingItem] = []
    var request = ListPendingRequest(role: role)
    while true {
      let page = try session.call("Approval/ListPending", request, of: ListPendingResponse.self)
      items += page.items
      guard page.more, let last = page.items.last?.proposal, last > request.after else { break }
      request.after = last
    }
    return try items.map { try PendingProposal($0, key) }
  }

  /// One proposal that waits, with all its parameters.
  static func one(_ session: Session, leaf: UInt64, role: String, _ key: ClusterKey) throws -> PendingProposal
  {
    let request = ListPendingRequest(role: role, proposal: leaf)
    let found = try session.call("Approval/ListPending", request, of: ListPendingResponse.self).items
    guard let found = found.first(where: { $0.proposal == leaf }) else {
      throw Failure(.notFound, "proposal \(leaf) does not wait for you")
    }
    let item = try PendingProposal(found, key)
    guard item.parameters != nil else {
      throw Failure(.other, "leaf \(leaf): the node does not show the parameters")
    }
    return item
  }
}
