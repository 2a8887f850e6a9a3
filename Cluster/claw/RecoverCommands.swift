import Canonical
import ClawLedger
import Crypto
import Host
import Merkle
import Records
import Wire

/// What operators state where the parties' signatures do not decide: as many distinct people as the threshold names
/// parties.
enum RecoverCommands {
  private static let node = CommandOption("--at", "NODE", "the node that it is handed to; no other is asked")

  static let all: [Command] = [
    Command(
      "recover stand", "say which of two notes stands, to a party that halted on both", operands: ["NOTE"],
      options: [node] + Acts.options + Command.session,
      details: """
        NOTE is a file with the note that stands: SEV-1 in the party's log has both. It binds the party at once, and is
        logged after. Hand it to every party that has halted; one that holds the other history is to be replaced.
        """, run: stand),
    Command(
      "recover key", "what the new parties approve: the key under which a ledger is to go on",
      options: [
        CommandOption("--ledger", "FILE", "the export of what is left, up to its last note"),
        CommandOption("--founded", "FILE", "the export of the cluster that the new parties founded"),
        CommandOption("--out", "FILE", "where to write it"),
      ] + Command.session, run: key),
    Command(
      "recover continue",
      "take the ledger to the key of new parties, where too few shares of its own are left",
      options: [
        CommandOption("--ledger", "FILE", "the export of what is left"),
        CommandOption("--key", "FILE", "what claw recover key wrote"),
        CommandOption(
          "--approval", "FILE", "what clawshield approve printed at a new party", isRepeated: true),
        node,
      ] + Acts.options + Command.session,
      details: """
        What is not final in the export is nobody's any more. Hand the same statement to the node of each new party, with
        claw recover hand, once it holds the ledger (claw restore).
        """, run: continueLedger),
    Command(
      "recover hand", "hand a statement that enough operators have signed to a node", operands: ["FILE"],
      options: [node] + Command.session, run: hand),
  ]

  private static func session(_ call: Invocation) throws -> Session {
    try Session(call.parsed, only: call.parsed.value("--at"))
  }

  private static func stand(_ call: Invocation) throws -> ExitCode {
    // Which cluster it is, several nodes say.
    let key = try Session(call.parsed).cluster()
    let session = try session(call)
    let path = call.parsed.operand(0) ?? ""
    let note: CheckpointNote
    do {
      note = try CheckpointNote(parsing: try SignedNote(parsing: try Operand.bytes(of: path)).text)
    } catch {
      throw Failure(.other, "\(path): expected a signed note: \(error)")
    }
    guard note.cluster == key.cluster else {
      throw Failure(
        .other, "\(path) is of cluster \(note.cluster.hex); this identity's is \(key.cluster.hex)")
    }
    let act = RecoveryAct(
      actID: "recovery-\(Environment.freshID())", size: note.size, root: note.root, stateRoot: note.stateRoot,
      validUntil: try Statements.validity(call.parsed))
    let draft = Acts.Draft(
      method: "Admin/Recover",
      body: .recovery(RecoveryRecord(act: try Acts.sign(act, session, key, call.parsed))))
    return try Acts.conclude(draft, session, key, call, what: "size \(note.size) stands")
  }

  // MARK: Under another key

  private static func export(_ call: Invocation, _ option: String) throws -> VerifiedExport {
    guard let path = call.parsed.value(option) else { throw UsageError("expected \(option)") }
    var verifier = ExportVerifier()
    do {
      return try verifier.verify(try Files.read(path, limit: 1 << 32), cluster: nil)
    } catch let fault as ExportFault {
      throw Failure(.failed, "\(path): \(fault)")
    }
  }

  /// The note up to which a ledger stands: the last, which covers all of the export.
  private static func end(_ export: VerifiedExport) throws -> CheckpointNote {
    guard let last = export.notes.last, last.size == UInt64(export.records.count) else {
      throw Failure(.failed, "expected an export up to its last note")
    }
    return last
  }

  private static func key(_ call: Invocation) throws -> ExitCode {
    let ledger = try export(call, "--ledger")
    let founded = try export(call, "--founded").genesis
    guard let path = call.parsed.value("--out") else { throw UsageError("expected --out") }
    let content = KeyContent(
      cause: LeafIndex(try end(ledger).size), origin: .generation, groupKey: founded.groupKey,
      parties: founded.parties, threshold: founded.threshold, transcriptHash: founded.transcriptHash)
    try Files.write(
      JSON.object([("cluster", .string(ledger.cluster.hex)), ("key", content.json)]).indented, to: path)
    call.say(
      Report(
        "\(path): key \(founded.groupKey.hex) of \(founded.parties.map(\.name).joined(separator: ", ")), "
          + "\(founded.threshold) of them sign, from leaf \(content.cause.value) on\n"
          + "at each of them: clawshield approve --config FILE --share FILE \(path)",
        [("file", .string(path)), ("group_key", .string(founded.groupKey.hex))]))
    return .ok
  }

  private static func continueLedger(_ call: Invocation) throws -> ExitCode {
    let session = try session(call)
    let ledger = try export(call, "--ledger")
    let key = ClusterKey(cluster: ledger.cluster, groupKey: ledger.genesis.groupKey)
    guard let path = call.parsed.value("--key") else { throw UsageError("expected --key") }
    var file = try ConfigurationSection(file: path)
    let named = try file.text("cluster")
    let content = try KeyContent(try file.value("key", "a key's content") { $0 })
    try file.finish()
    let last = try end(ledger)
    guard named == ledger.cluster.hex, content.cause.value == last.size else {
      throw Failure(.other, "\(path) is not of the ledger that --ledger names, up to its last note")
    }
    let approvals = try call.parsed.all("--approval").map { path in
      try KeyApproval(try JSON.parse(try Operand.bytes(of: path)))
    }
    guard approvals.map(\.party).sorted() == content.parties.map(\.id) else {
      throw UsageError(
        "--approval: expected one of each of \(content.parties.map(\.name).joined(separator: ", "))")
    }
    let act = RecoveryAct(
      actID: "recovery-\(Environment.freshID())", size: last.size, root: last.root, stateRoot: last.stateRoot,
      key: content, continuedAt: Environment.now, approvals: approvals,
      validUntil: try Statements.validity(call.parsed))
    let draft = Acts.Draft(
      method: "Admin/Recover",
      body: .recovery(
        RecoveryRecord(act: try Acts.sign(act, session, key, call.parsed), approvals: approvals)))
    return try Acts.conclude(
      draft, session, key, call, what: "the ledger goes on from size \(last.size) under another key")
  }

  private static func hand(_ call: Invocation) throws -> ExitCode {
    let session = try session(call)
    let path = call.parsed.operand(0) ?? ""
    let draft = try Acts.Draft(file: path)
    guard draft.method == "Admin/Recover" else {
      throw Failure(.other, "\(path): expected what claw recover stand or continue has begun")
    }
    let answer = try session.call(
      draft.method, Statements.request(draft.body, draft.attachment), of: ActResponse.self)
    call.say(
      Report(
        "\(session.answering) has taken it", [("leaf", .string(String(answer.index)))]))
    return .ok
  }
}
