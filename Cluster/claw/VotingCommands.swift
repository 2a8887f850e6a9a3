import Canonical
import Crypto
import Host
import Records
import Wire

/// Approve, reject, confirm; by the identity's own keys, by OpenSSH keys, or where a key is that is never here.
enum VotingCommands {
  private static let options =
    [
      CommandOption("--reason", "TEXT", "why; kept beside the ballot"),
      CommandOption(
        "--expect", "HASH", "refuse where the parameters' hash is another than this, which was reviewed"),
    ] + BallotSigning.options + [Statements.validityOption] + Command.session
  private static let role = CommandOption("--role", "ROLE", "in which role; default the one that is asked")

  static let all: [Command] = [
    Command(
      "approve", "vote for a pending proposal", operands: ["LEAF"], options: [role] + options,
      details: voting, run: { try vote(.approve, $0) }),
    Command(
      "reject", "vote against a pending proposal; one rejection denies it, unless its rules say more",
      operands: ["LEAF"], options: [role] + options, details: voting, run: { try vote(.reject, $0) }),
    Command(
      "confirm", "say with a second key that the request of one's agent is meant (require_mfa)",
      operands: ["LEAF"], options: options,
      details: """
        For the person who answers for the agent. The statement answers a challenge that was made with the
        decision. It is no approval: whoever else is asked is asked all the same.
        """, run: { try vote(.confirm, $0) }),
    Command(
      "cast", "hand in a ballot that was signed elsewhere", operands: ["FILE"],
      options: [
        CommandOption(
          "--signature", "FILE", "what ssh-keygen made of FILE; default FILE.sig", isRepeated: true)
      ] + Command.session,
      details: "FILE is what --to-sign wrote; FILE.ballot lies beside it.", run: cast),
  ]

  private static let voting = """
    LEAF is the proposal's, as claw pending shows it. The ballot binds the proposal, its parameters, its
    preview and the policy. Exit code 0: the vote is final, and with it the outcome that it asks for; 4: it
    is final, and more people must vote.
    """

  private static func vote(_ vote: Vote, _ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let leaf = try Operand.leaf(call.parsed.operand(0) ?? "", "LEAF")
    let key = try session.cluster()
    let item = try PendingProposal.one(session, leaf: leaf, role: "", key)
    if let expected = call.parsed.value("--expect"), expected != item.proposal.parametersHash.hex {
      throw Failure(
        .other, "the parameters' hash is \(item.proposal.parametersHash.hex), not the expected one")
    }
    if item.preview != nil, item.preview?.result == nil {
      throw Failure(.other, "leaf \(leaf): the node does not show the preview")
    }
    let reason = Statements.salted(.string(call.parsed.value("--reason") ?? ""))
    let content = try ballot(vote, item, session.identity.principal, reason.hash, call.parsed)
    let attachment = Attachment("reason", reason)
    if let path = call.parsed.value("--to-sign") {
      return try BallotSigning.write(content, attachment, key, to: path, call)
    }
    let signed = try BallotSigning.sign(content, session.identity, key, call.parsed)
    return try hand(signed, attachment, session, key, call)
  }

  private static func ballot(
    _ vote: Vote, _ item: PendingProposal, _ voter: Principal, _ reason: Digest, _ parsed: ParsedCommand
  ) throws -> Ballot {
    guard let bundle = Digest(hex: item.wire.policyBundleHash) else {
      throw Failure(.other, "the node does not say under which policy it is asked")
    }
    let challenge = vote == .confirm ? item.decision?.challenge : nil
    guard vote != .confirm || challenge != nil else {
      throw Failure(.other, "proposal \(item.wire.proposal) asks for no confirmation")
    }
    let role =
      vote == .confirm ? Ballot.confirmingRole : parsed.value("--role") ?? item.wire.demands.first?.role
    guard let role else { throw Failure(.other, "the node does not say which role is asked") }
    return Ballot(
      proposal: LeafIndex(item.wire.proposal), proposalHash: item.leafHash,
      parametersHash: item.proposal.parametersHash, policyBundleHash: bundle, previewHash: item.preview?.hash,
      vote: vote, role: role, reasonHash: reason, voter: voter, signedAt: Environment.now,
      validUntil: try Statements.validity(parsed), challenge: challenge)
  }

  private static func cast(_ call: Invocation) throws -> ExitCode {
    let path = call.parsed.operand(0) ?? ""
    let session = try Session(call.parsed)
    let key = try session.cluster()
    let (content, attachment) = try BallotSigning.read(path, key)
    let files = call.parsed.all("--signature")
    let lines = try (files.isEmpty ? [path + ".sig"] : files).map {
      try BallotSigning.line(
        try Files.readText($0, limit: SSHSignature.maximumLength), content, key, from: $0)
    }
    return try hand(Signed(content: content, signatures: lines), attachment, session, key, call)
  }

  /// Hands a ballot in, and waits for the decision where it was the last that was asked for.
  private static func hand(
    _ signed: Signed<Ballot>, _ attachment: Attachment, _ session: Session, _ key: ClusterKey,
    _ call: Invocation
  ) throws -> ExitCode {
    let leaf = signed.content.proposal.value
    let vote = signed.content.vote
    let outcome = try session.call(
      "Approval/CastBallot", Statements.request(.ballot(signed), attachment), of: Outcome.self)
    var checked = try CheckedOutcome(outcome, keys: session, proposal: nil)
    if checked.isMet {
      // This vote was the last that was asked for: the decision that it calls for is on its way.
      checked = try ProposalCommands.follow(
        session, ProposalRequest(proposal: leaf), nil, from: checked, isEnough: { !$0.isMet }
      ) { _ in }
    }
    let what = vote == .confirm ? "your confirmation is final" : "your vote (\(vote.rawValue)) is final"
    call.say(checked.report("proposal \(leaf), \(what)"))
    return vote == .reject && checked.outcome.status == "denied" ? .ok : checked.exitCode
  }
}
