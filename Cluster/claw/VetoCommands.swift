import Canonical
import Crypto
import Host
import Merkle
import Records
import Wire

/// What a party's people tell their own node.
enum VetoCommands {
  static let all: [Command] = [
    Command(
      "veto", "have this host's party give no share to what is decided about a proposal", operands: ["LEAF"],
      options: [
        CommandOption("--party", "DIR", "the party's folder, whose party.key signs the order"),
        CommandOption(
          "--reason", "TEXT",
          "why, at most \(Decline.maximumReason) bytes; stands in the ledger if enough parties decline"),
        CommandOption(
          "--hash", "HASH", "the proposal's leaf hash, where this identity may not read the proposal"),
        Statements.validityOption,
      ] + Command.session,
      details: """
        LEAF is the proposal's, as claw pending shows it. It binds this party alone, from when its node says so: the
        others go on if enough of them remain. It stands until the proposal is over. What is consented to already cannot
        be vetoed. As many parties as sign are a record that says why, and end the proposal.
        """, run: veto)
  ]

  private static func veto(_ call: Invocation) throws -> ExitCode {
    let parsed = call.parsed
    let folder = try PartyFolder(path: try parsed.required("--party"))
    let leaf = try Operand.leaf(parsed.operand(0) ?? "", "LEAF")
    let reason = try parsed.required("--reason")
    guard reason.utf8.count <= Decline.maximumReason else {
      throw UsageError(
        "--reason: expected at most \(Decline.maximumReason) bytes, found \(reason.utf8.count)")
    }
    let key = try Session(parsed).cluster()
    // No other party's node can do it.
    let session = try Session(parsed, only: folder.invitation.name)
    let order = VetoOrder(
      party: folder.invitation.id, proposal: LeafIndex(leaf),
      proposalHash: try hash(of: leaf, session, parsed),
      reason: reason, signedAt: Environment.now, validUntil: try Statements.validity(parsed))
    let signed = PartySigned(
      order, cluster: key.cluster, with: try KeyFile.readSigningKey("\(folder.path)/party.key"))
    let answer = try session.call(
      "Admin/Veto", StatementRequest(statement: signed.bytes), of: ActResponse.self)
    call.say(
      Report(
        "veto of leaf \(leaf): \(answer.message)",
        [
          ("proposal", .string(String(leaf))), ("party", .integer(folder.invitation.id)),
          ("message", .string(answer.message)),
        ]))
    return .ok
  }

  private static func hash(
    of leaf: UInt64, _ session: Session, _ parsed: ParsedCommand
  ) throws -> Digest {
    if let text = parsed.value("--hash") {
      guard let hash = Digest(hex: text) else {
        throw UsageError("--hash: expected 64 hexadecimal characters, found \"\(text.prefix(80))\"")
      }
      return hash
    }
    if case .operator = session.identity.principal {
      throw UsageError("expected --hash: operators read no proposals; claw pending shows it to an approver")
    }
    let row = try LedgerCommands.row(session, leaf)
    guard case .proposal = row.record.body else {
      throw Failure(.other, "leaf \(leaf) is no proposal but a \(row.record.body.type.rawValue)")
    }
    return TreeHash.leaf(row.bytes)
  }
}
