import Canonical
import Crypto
import Host
import Merkle
import Records
import Wire

/// What approvers do: see what waits for them, and vote.
enum ApprovalCommands {
  private static let ballot = [
    CommandOption("--reason", "TEXT", "why; kept beside the ballot"),
    CommandOption("--role", "ROLE", "in which role; default the one that is asked"),
    CommandOption(
      "--expect", "HASH", "refuse where the parameters' hash is another than this, which was reviewed"),
    Statements.validityOption,
  ]

  static let all: [Command] = [
    Command(
      "pending", "what waits for people",
      options: [
        CommandOption("--role", "ROLE", "only what this role may decide"),
        CommandOption("--leaf", "LEAF", "only this proposal, with its parameters however long they are"),
      ] + Command.session,
      details: """
        Shows exactly what is asked for: the parameters are held against the hash in the ledger. Parameters of
        more than 16 KiB are left out of the list and marked so; --leaf shows them.
        """,
      run: pending),
    Command(
      "approve", "vote for a pending proposal", operands: ["LEAF"], options: ballot + Command.session,
      details: voting, run: { try vote(.approve, $0) }),
    Command(
      "reject", "vote against a pending proposal; one rejection denies it", operands: ["LEAF"],
      options: ballot + Command.session, details: voting, run: { try vote(.reject, $0) }),
  ]

  private static let voting = """
    LEAF is the proposal's, as claw pending shows it. The ballot binds the proposal, its parameters and the
    policy. Exit code 0: the vote is final, and with it the outcome that it asks for; 4: it is final,
    and more people must vote.
    """

  /// A pending proposal, checked: the node cannot show one thing and have another signed.
  private struct Item {
    let wire: PendingItem
    let proposal: Proposal
    /// Nil where the list leaves them out for their length.
    let parameters: JSON?
    let leafHash: Digest

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
  }

  /// Every page of what waits.
  private static func items(_ session: Session, role: String) throws -> [PendingItem] {
    var items: [PendingItem] = []
    var request = ListPendingRequest(role: role)
    while true {
      let page = try session.call("Approval/ListPending", request, of: ListPendingResponse.self)
      items += page.items
      guard page.more, let last = page.items.last?.proposal, last > request.after else { return items }
      request.after = last
    }
  }

  /// One proposal that waits, with all its parameters.
  private static func item(_ session: Session, leaf: UInt64, role: String, _ key: ClusterKey) throws -> Item {
    let request = ListPendingRequest(role: role, proposal: leaf)
    let found = try session.call("Approval/ListPending", request, of: ListPendingResponse.self).items
    guard let found = found.first(where: { $0.proposal == leaf }) else {
      throw Failure(.notFound, "proposal \(leaf) does not wait for you")
    }
    let item = try Item(found, key)
    guard item.parameters != nil else {
      throw Failure(.other, "leaf \(leaf): the node does not show the parameters")
    }
    return item
  }

  private static func pending(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let key = try session.cluster()
    let role = call.parsed.value("--role") ?? ""
    let items =
      if let leaf = call.parsed.value("--leaf") {
        [try item(session, leaf: try Operand.leaf(leaf, "--leaf"), role: role, key)]
      } else {
        try items(session, role: role).map { try Item($0, key) }
      }
    let text = items.map(text).joined(separator: "\n")
    call.say(
      Report(
        items.isEmpty ? "nothing waits for you" : text,
        [("pending", .array(items.map(json)))]))
    return .ok
  }

  private static func text(_ item: Item) -> String {
    let proposal = item.proposal
    let risk = proposal.risk
    let demands = item.wire.demands.map { "\($0.count) of role \($0.role), has \($0.approved)" }
    let parameters =
      item.parameters?.canonical
      ?? "\(item.wire.attachmentLeftOut) bytes, too long for a list; see them: "
      + "claw pending --leaf \(item.wire.proposal)"
    var text = """
      leaf \(item.wire.proposal): \(proposal.requestedBy.path) asks for \(proposal.action)
        params    \(parameters)
        hash      \(proposal.parametersHash.hex)
        inputs    \(proposal.inputs.isEmpty ? "none" : proposal.inputs.map(\.hex).joined(separator: "\n            "))
        scopes    \(proposal.scopes.joined(separator: ", ")) in workspace \(proposal.workspaceID)
        risk      declared: \(risk.impactLevel.rawValue) impact, \(risk.dataClassification.rawValue) data, \(risk.estimatedCost.text) USD
        needs     \(demands.joined(separator: "; "))
        until     \(item.wire.deadline)

      """
    for rule in item.wire.rules { text += "  rule      \(rule.rule): \(rule.message)\n" }
    return text
  }

  private static func json(_ item: Item) -> JSON {
    .object([
      ("leaf", .string(String(item.wire.proposal))), ("proposal_hash", .string(item.leafHash.hex)),
      ("proposal", item.proposal.json), ("parameters", item.parameters ?? .null),
      ("parameters_left_out", .string(String(item.wire.attachmentLeftOut))),
      (
        "demands",
        .array(
          item.wire.demands.map {
            .object([
              ("role", .string($0.role)), ("count", .integer(Int($0.count))),
              ("approved", .integer(Int($0.approved))),
            ])
          })
      ), ("deadline", .string(item.wire.deadline)),
      ("policy_bundle_hash", .string(item.wire.policyBundleHash)),
      (
        "rules",
        .array(
          item.wire.rules.map {
            .object([
              ("rule", .string($0.rule)), ("effect", .string($0.effect)), ("message", .string($0.message)),
            ])
          })
      ),
    ])
  }

  private static func vote(_ vote: Vote, _ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let leaf = try Operand.leaf(call.parsed.operand(0) ?? "", "LEAF")
    let key = try session.cluster()
    let item = try item(session, leaf: leaf, role: "", key)
    if let expected = call.parsed.value("--expect"), expected != item.proposal.parametersHash.hex {
      throw Failure(
        .other, "the parameters' hash is \(item.proposal.parametersHash.hex), not the expected one")
    }
    guard let role = call.parsed.value("--role") ?? item.wire.demands.first?.role,
      let bundle = Digest(hex: item.wire.policyBundleHash)
    else { throw Failure(.other, "the node does not say which role is asked, under which policy") }
    let reason = Statements.salted(.string(call.parsed.value("--reason") ?? ""))
    let content = Ballot(
      proposal: LeafIndex(leaf), proposalHash: item.leafHash,
      parametersHash: item.proposal.parametersHash, policyBundleHash: bundle, previewHash: nil, vote: vote,
      role: role, reasonHash: reason.hash, voter: session.identity.principal, signedAt: Environment.now,
      validUntil: try Statements.validity(call.parsed))
    let signed = try session.identity.sign(content, cluster: key.cluster, withSecondKey: true)
    let outcome = try session.call(
      "Approval/CastBallot", Statements.request(.ballot(signed), Attachment("reason", reason)),
      of: Outcome.self)
    var checked = try CheckedOutcome(outcome, key: key, proposal: nil)
    if checked.isMet {
      // This vote was the last that was asked for: the decision that it calls for is on its way.
      checked = try ProposalCommands.follow(
        session, ProposalRequest(proposal: leaf), key, nil, isEnough: { !$0.isMet }
      ) { _ in }
    }
    call.say(checked.report("proposal \(leaf), your vote (\(vote.rawValue)) is final"))
    return vote == .reject && checked.outcome.status == "denied" ? .ok : checked.exitCode
  }
}
