import Canonical
import ClawLedger
import Crypto
import Host
import Merkle
import Records
import Wire

/// What auditors and verifiers read.
enum LedgerCommands {
  static let all: [Command] = [
    Command(
      "ledger checkpoint", "the newest signed note, verified",
      options: Command.session, run: { try checkpoint(try Session($0.parsed), $0) }),
    Command(
      "ledger entry", "one record, proven", operands: ["LEAF"], options: Command.session, run: entry),
    Command(
      "ledger proof", "one record's proof (C2SP tlog-proof), verified", operands: ["LEAF"],
      options: [CommandOption("--out", "FILE", "keep it")] + Command.session, run: proof),
    Command(
      "ledger trace", "every record of one piece of work", operands: ["TRACE-ID"], options: Command.session,
      run: trace),
    Command(
      "ledger decisions", "every decision about what a tenant's agents asked for", operands: ["TENANT"],
      options: Command.session,
      details: "What nodes remember, as with trace; older ones stand in an export.", run: decisions),
    Command(
      "ledger export", "the whole ledger into a file", operands: ["FILE"], options: Command.session,
      details: "Docs/Protocol/verify.py audits the file with none of this project's code.", run: export),
    Command(
      "ledger verify", "verify an export, without a connection", operands: ["FILE"],
      options: [
        CommandOption("--cluster", "ID", "the cluster that it must be of; default the file's own word")
      ], details: "Names the first record that is wrong.", run: verify),
    Command(
      "ledger table", "decisions and receipts of an export", operands: ["FILE"],
      options: [CommandOption("--cluster", "ID", "the cluster that it must be of")],
      details: "The export is verified first.", run: LedgerTable.run),
  ]

  // MARK: Reading

  static func checkpoint(_ session: Session, _ call: Invocation) throws -> ExitCode {
    let key = try session.cluster()
    let answer = try session.call("Ledger/Checkpoint", CheckpointRequest(), of: CheckpointResponse.self)
    guard answer.cluster == key.cluster.hex, answer.groupKey == key.groupKey.hex else {
      throw Failure(.other, "\(session.answering) speaks for another cluster, \(answer.cluster)")
    }
    guard !answer.note.isEmpty else { throw Failure(.pending, "no checkpoint is signed yet") }
    let note = try SignedNote(parsing: Array(answer.note.utf8))
    let (checkpoint, signer) = try session.proven { key in
      let checkpoint = try key.chain.verified(note)
      return (checkpoint, key.chain.key(signing: checkpoint.size))
    }
    let age = Environment.now.since(checkpoint.time).nanoseconds / 1_000_000
    let kind = answer.crashOnly ? "crash-only: one lying party could fork it" : "signed by the parties"
    call.say(
      Report(
        """
        cluster   \(key.cluster.hex)
        ledger    \(checkpoint.size) records final, \(kind)
        root      \(checkpoint.root.hex)
        note      of \(checkpoint.time.text), \(age) ms old, verified under \(signer.hex)
        answered  by \(session.answering)
        """,
        [
          ("cluster", .string(key.cluster.hex)), ("group_key", .string(signer.hex)),
          ("size", .string(String(checkpoint.size))), ("root", .string(checkpoint.root.hex)),
          ("state_root", .string(checkpoint.stateRoot.hex)), ("time", .string(checkpoint.time.text)),
          ("crash_only", .bool(answer.crashOnly)), ("note", .string(answer.note)), ("verified", true),
          ("answered_by", .string(session.answering)),
        ]))
    return .ok
  }

  private typealias Fetched = (
    proof: LedgerProof, record: Record, checkpoint: CheckpointNote, attachment: Attachment, erasedBy: UInt64?
  )

  private static func fetch(_ call: Invocation) throws -> Fetched {
    let session = try Session(call.parsed)
    let index = try Operand.leaf(call.parsed.operand(0) ?? "", "LEAF")
    try session.keepUp()
    return try fetch(session, index)
  }

  /// One leaf of a trace, proven.
  static func row(_ session: Session, _ index: UInt64) throws -> TraceCommands.Row {
    let (proof, record, _, attachment, erasedBy) = try fetch(session, index)
    return TraceCommands.Row(
      leaf: index, bytes: proof.leaf, record: record, attachment: attachment, proof: proof.encoded,
      erasedBy: erasedBy)
  }

  private static func fetch(_ session: Session, _ index: UInt64) throws -> Fetched {
    let answer = try session.call("Ledger/Entry", EntryRequest(index: index), of: EntryResponse.self)
    guard !answer.proof.isEmpty else { throw Failure(.pending, "no checkpoint is signed yet") }
    let proof = try LedgerProof(parsing: answer.proof)
    guard proof.index.value == index, proof.leaf == answer.leaf else {
      throw Failure(.other, "\(session.answering) proved another leaf than the one asked for")
    }
    let (record, checkpoint) = try provenRecord(proof, session)
    let attachment = try Attachment(parsing: answer.attachment)
    if !answer.attachment.isEmpty { try attachment.check(against: record.body) }
    return (proof, record, checkpoint, attachment, answer.erasedBy == 0 ? nil : answer.erasedBy)
  }

  /// A proof of the leaf's place, whether or not the note consents to what it says.
  private static func provenRecord(_ proof: LedgerProof, _ session: Session) throws -> (
    Record, CheckpointNote
  ) {
    let checkpoint = try session.proven { try $0.chain.verified(proof.note) }
    try Proof.verifyInclusion(
      leaf: TreeHash.leaf(proof.leaf), index: proof.index.value, size: checkpoint.size, path: proof.path,
      root: checkpoint.root)
    return (try Record(parsing: proof.leaf), checkpoint)
  }

  private static func entry(_ call: Invocation) throws -> ExitCode {
    let (proof, record, checkpoint, attachment, erasedBy) = try fetch(call)
    var text =
      "leaf \(proof.index.value): \(record.body.type.rawValue), \(record.at.text)\n"
      + "\(String(decoding: proof.leaf, as: UTF8.self))\n"
    for (name, item) in attachment.items { text += "\(name): \(item.value.canonical)\n" }
    if let erasedBy { text += "what was kept beside it is erased, by leaf \(erasedBy)\n" }
    text += "proven by the note of size \(checkpoint.size)\n"
    call.say(
      Report(
        text,
        [
          ("leaf", .string(String(proof.index.value))), ("record", record.json),
          ("attachment", .object(attachment.items.map { ($0.name, $0.item.value) })),
          ("size", .string(String(checkpoint.size))), ("proof", .string(proof.encoded)),
          ("erased_by", erasedBy.map { .string(String($0)) } ?? .null),
        ]))
    return .ok
  }

  private static func proof(_ call: Invocation) throws -> ExitCode {
    let (proof, record, checkpoint, _, _) = try fetch(call)
    if let path = call.parsed.value("--out") { try Files.write(proof.encoded, to: path) }
    call.say(
      Report(
        proof.encoded,
        [
          ("leaf", .string(String(proof.index.value))), ("type", .string(record.body.type.rawValue)),
          ("size", .string(String(checkpoint.size))), ("verified", true), ("proof", .string(proof.encoded)),
        ]))
    return .ok
  }

  private static func trace(_ call: Invocation) throws -> ExitCode {
    let id = try Operand.identifier(call.parsed.operand(0) ?? "", "TRACE-ID")
    return try list(TraceRequest(traceID: id), ("trace_id", id), "no record of trace \(id)", call)
  }

  private static func decisions(_ call: Invocation) throws -> ExitCode {
    let tenant = try Operand.identifier(call.parsed.operand(0) ?? "", "TENANT")
    return try list(
      TraceRequest(tenant: tenant), ("tenant_id", tenant), "no decision of tenant \(tenant)", call)
  }

  /// All pages of what a request asks for.
  private static func list(
    _ request: TraceRequest, _ about: (name: String, id: String), _ nothing: String, _ call: Invocation
  ) throws -> ExitCode {
    let session = try Session(call.parsed)
    var request = request
    var text = ""
    var rows: [JSON] = []
    while true {
      let page = try session.call("Ledger/Trace", request, of: TraceResponse.self)
      for (index, leaf) in zip(page.indices, page.leaves) {
        let record = try Record(parsing: leaf)
        text +=
          "\(index)  \(record.at.text)  \(record.body.type.rawValue): \(LedgerTable.sentence(record.body))\n"
        rows.append(.object([("leaf", .string(String(index))), ("record", record.json)]))
      }
      guard page.more, let last = page.indices.last, last > request.after else { break }
      request.after = last
    }
    guard !rows.isEmpty else { throw Failure(.notFound, "\(nothing) may be read here") }
    call.say(Report(text, [(about.name, .string(about.id)), ("records", .array(rows))]))
    return .ok
  }

  // MARK: Exports

  private static func export(_ call: Invocation) throws -> ExitCode {
    let path = call.parsed.operand(0) ?? ""
    let (count, completeness, said) = try export(try Session(call.parsed), to: path)
    call.say(
      Report(
        "\(path): \(said)\nverify it with: claw ledger verify \(path)",
        [
          ("file", .string(path)), ("bytes", .integer(count)),
          ("records", .string(String(completeness.leaves))),
          ("notes", .string(String(completeness.notes))),
        ]))
    return .ok
  }

  /// Writes the whole ledger into a file, and says how much that is.
  static func export(_ session: Session, to path: String) throws -> (
    bytes: Int, completeness: ExportCompleteness, said: String
  ) {
    let sink = try FileSink(path: path)
    var count = 0
    var completeness = ExportCompleteness()
    try session.stream(
      "Ledger/Export", ExportRequest(first: 0), of: ExportChunk.self, until: session.streamEnd
    ) { chunk in
      try sink.write(chunk.text)
      completeness.take(chunk.text)
      count += chunk.text.count
      return true
    }
    do {
      try completeness.finish()
    } catch {
      throw Failure(.failed, "\(path): not written, what \(session.answering) sent is not whole: \(error)")
    }
    try sink.finish()
    return (
      count, completeness, "\(count) bytes, \(completeness.leaves) records, \(completeness.notes) notes"
    )
  }

  /// Reads and verifies the export that a command names.
  static func verified(_ call: Invocation) throws -> VerifiedExport {
    try verified(call, path: call.parsed.operand(0) ?? "")
  }

  /// Reads and verifies an export, of the cluster that `--cluster` names, if it does.
  static func verified(_ call: Invocation, path: String) throws -> VerifiedExport {
    try verified(path, cluster: try trusted(call))
  }

  /// The cluster that an export must be of; nil for its own word.
  static func trusted(_ call: Invocation) throws -> Digest? {
    guard let text = call.parsed.value("--cluster") else { return nil }
    guard let id = Digest(hex: text) else {
      throw UsageError("--cluster: expected 64 hexadecimal characters, found \"\(text)\"")
    }
    return id
  }

  static func verified(_ path: String, cluster trusted: Digest?) throws -> VerifiedExport {
    let text = try Files.read(path, limit: 1 << 32)
    var verifier = ExportVerifier()
    do {
      return try verifier.verify(text, cluster: trusted)
    } catch {
      throw Failure(.failed, "\(path): \(error)")
    }
  }

  /// What certifies the keys of an export, in words.
  private static func keys(_ export: VerifiedExport) -> String {
    export.continuations.isEmpty
      ? ", each certified by the one before it"
      : ", each certified by the one before it but \(export.continuations.count)"
  }

  /// What is not there of what travels beside records.
  private static func absent(_ export: VerifiedExport) -> String {
    var text = ""
    for (tenant, leaf) in export.erasures {
      let count = export.erased.count { $0.by == leaf }
      text += "erased    tenant \(tenant), by leaf \(leaf.value): what stood beside \(count) records\n"
    }
    if !export.leftOut.isEmpty {
      text +=
        "left out  what stood beside \(export.leftOut.map { String($0.value) }.joined(separator: ", ")): nobody had it "
        + "erased, and whoever made this file did not give it\n"
    }
    return text
  }

  private static func verify(_ call: Invocation) throws -> ExitCode {
    let export = try verified(call)
    let unconsented = export.approvals.filter { !$0.isConsented }.map(\.leaf.value)
    var text = """
      verified: every record, note, signature and attachment agrees
      cluster   \(export.cluster.hex)\(call.parsed.has("--cluster") ? "" : " (by the file's own word; give --cluster)")
      parties   \(export.genesis.threshold) of \(export.genesis.parties.count)\(export.genesis.isCrashOnly ? ", crash-only" : "")
      keys      \(export.keys.epochs.count)\(keys(export))
      records   \(export.records.count), under \(export.notes.count) notes
      approvals \(export.approvals.count), of which the parties consented to \(export.approvals.count - unconsented.count)
      receipts  \(export.receipts.count), each by its executor and with the consent it ran on

      """
    for (leaf, operators) in export.continuations {
      text +=
        "continued leaf \(leaf.value): under another key, by the word of \(operators.joined(separator: ", ")) alone\n"
    }
    if !unconsented.isEmpty {
      text += "withheld  \(unconsented.map(String.init).joined(separator: ", "))\n"
    }
    text += absent(export)
    for (leaf, reason) in export.void { text += "void      leaf \(leaf.value): \(reason)\n" }
    call.say(
      Report(
        text,
        [
          ("verified", true), ("cluster", .string(export.cluster.hex)),
          ("parties", .integer(export.genesis.parties.count)),
          ("threshold", .integer(export.genesis.threshold)),
          ("keys", .integer(export.keys.epochs.count)),
          (
            "continuations",
            .array(
              export.continuations.map { leaf, operators in
                .object([
                  ("leaf", .string(String(leaf.value))), ("operators", .array(operators.map(JSON.string))),
                ])
              })
          ), ("records", .integer(export.records.count)),
          ("notes", .integer(export.notes.count)),
          ("approvals", .integer(export.approvals.count)), ("receipts", .integer(export.receipts.count)),
          ("erased", .array(export.erased.map { .string(String($0.leaf.value)) })),
          ("left_out", .array(export.leftOut.map { .string(String($0.value)) })),
          ("approvals_without_consent", .array(unconsented.map { .string(String($0)) })),
          (
            "void",
            .array(
              export.void.map {
                .object([("leaf", .string(String($0.leaf.value))), ("reason", .string($0.reason))])
              })
          ),
        ]))
    return .ok
  }
}
