import Canonical
import ClawLedger
import Crypto
import Host
import Records
import Wire

/// Copies of all that is final, and the way back: to a party that never was one.
enum BackupCommands {
  static let all: [Command] = [
    Command(
      "backup", "all that is final, with the files, into a folder; verified", operands: ["DIR"],
      options: Command.session,
      details: """
        As an auditor. Into a folder of an earlier backup only new files are fetched. It holds parameters, results and files
        in plain, and no key, share, vote or nonce. What was erased since the earlier backup is taken out of it.
        """, run: backup),
    Command(
      "restore", "give a new party's node the ledger of a backup before it starts", operands: ["DIR"],
      options: [CommandOption("--party", "DIR", "the party's folder, after claw party join --cluster")],
      details: """
        A node whose store is lost does not come back as itself: what it voted and signed is lost with it. A new
        party takes its place: claw party create, invite, join --cluster; claw restore; clawshield run; and
        claw members replace, after which it catches up as a learner, and gets a share when it has.
        """, run: restore),
  ]

  // MARK: Backup

  private static func backup(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let key = try session.cluster()
    let folder = call.parsed.operand(0) ?? ""
    if !Files.exists(folder) { try Files.createFolder(folder, mode: 0o700) }
    let path = "\(folder)/\(BackupLayout.ledger)"
    // What an earlier backup has stays until what takes its place is verified, and is no less.
    let text = try ledger(session)
    let export = try verified(text, said: session.answering, cluster: key.cluster)
    let plan = RestorePlan(export)
    let size = UInt64(export.records.count)
    if Files.exists(path) {
      let earlier: UInt64
      do {
        earlier = UInt64(try verified(file: path, cluster: key.cluster).records.count)
      } catch {
        throw Failure(
          .failed,
          "\(path) is not replaced: it is there, and no backup of this cluster that verifies (\(error)); take another "
            + "folder, or move it away")
      }
      if let objection = BackupLayout.objection(replacing: earlier, by: size) {
        throw Failure(
          .failed, "\(path): \(objection), as \(session.answering) has it; ask another with --node")
      }
    }
    try Files.write(text, to: path, mode: 0o600)
    let removed = try removeErased(plan, from: folder)
    var missing: [String] = []
    var fetched = 0
    for content in plan.contents {
      guard try !isThere(folder, content) else { continue }
      guard let bytes = try fetch(content, session) else {
        missing.append("\(content.tenant)/\(content.digest.hex)")
        continue
      }
      let tenant = "\(folder)/\(BackupLayout.artifacts)/\(content.tenant)"
      if !Files.exists(tenant) { try Files.createFolder(tenant, mode: 0o700) }
      try Files.write(
        bytes, to: "\(folder)/\(BackupLayout.content(content.tenant, content.digest))", mode: 0o600)
      fetched += 1
    }
    let summary = JSON.object([
      ("cluster", .string(key.cluster.hex)), ("cluster_name", .string(export.genesis.clusterName)),
      ("size", .string(String(size))), ("root_time", .string(export.notes.last?.time.text ?? "")),
      ("taken_at", .string(Environment.now.text)), ("artifacts", .integer(plan.contents.count)),
      ("missing", .array(missing.map(JSON.string))),
    ])
    try Files.write(summary.indented, to: "\(folder)/\(BackupLayout.summary)", mode: 0o600)
    var words =
      "\(folder): \(size) records, verified; \(plan.contents.count) files, \(fetched) of them new"
    if removed > 0 { words += "\n\(removed) files of erased tenants were removed from it" }
    if !missing.isEmpty {
      words +=
        "\n\(missing.count) of them were not given: see \(BackupLayout.summary), and ask another with --node"
    }
    call.say(
      Report(
        words,
        [
          ("dir", .string(folder)), ("cluster", .string(key.cluster.hex)),
          ("size", .string(String(size))), ("removed", .integer(removed)),
          ("artifacts", .integer(plan.contents.count)), ("fetched", .integer(fetched)),
          ("missing", .array(missing.map(JSON.string))), ("verified", true),
        ]))
    return missing.isEmpty ? .ok : .failed
  }

  /// Takes what was erased since out of an earlier backup. Its ledger has just been replaced.
  private static func removeErased(_ plan: RestorePlan, from folder: String) throws -> Int {
    var removed = 0
    for content in plan.erasedContents {
      let path = "\(folder)/\(BackupLayout.content(content.tenant, content.digest))"
      guard Files.exists(path) else { continue }
      try Files.remove(path)
      removed += 1
    }
    return removed
  }

  private static func isThere(_ folder: String, _ content: (tenant: String, digest: Digest)) throws -> Bool {
    let path = "\(folder)/\(BackupLayout.content(content.tenant, content.digest))"
    guard Files.exists(path) else { return false }
    return SHA256.hash(try Files.read(path, limit: BackupLayout.maximumContentBytes)) == content.digest
  }

  /// A content, from the node that answers; nil where that has not got it, or gives something else.
  private static func fetch(_ content: (tenant: String, digest: Digest), _ session: Session) throws
    -> [UInt8]?
  {
    let request = ArtifactRequest(tenant: content.tenant, digest: content.digest.hex)
    do {
      let answer = try session.call("Artifact/Get", request, of: ArtifactContent.self)
      return SHA256.hash(answer.content) == content.digest ? answer.content : nil
    } catch let failure as Failure where failure.code == .notFound {
      return nil
    }
  }

  /// The whole ledger, as a node sends it.
  private static func ledger(_ session: Session) throws -> [UInt8] {
    var text: [UInt8] = []
    try session.stream(
      "Ledger/Export", ExportRequest(first: 0), of: ExportChunk.self, until: session.streamEnd
    ) { chunk in
      guard text.count + chunk.text.count <= BackupLayout.maximumLedgerBytes else {
        throw Failure(
          .failed,
          "expected a ledger of at most \(BackupLayout.maximumLedgerBytes) bytes, which is what is read back")
      }
      text += chunk.text
      return true
    }
    return text
  }

  private static func verified(file path: String, cluster: Digest) throws -> VerifiedExport {
    try verified(
      try Files.read(path, limit: BackupLayout.maximumLedgerBytes), said: path, cluster: cluster)
  }

  private static func verified(_ text: [UInt8], said: String, cluster: Digest) throws -> VerifiedExport {
    var verifier = ExportVerifier()
    do {
      return try verifier.verify(text, cluster: cluster)
    } catch {
      throw Failure(.failed, "\(said): \(error)")
    }
  }

  // MARK: Restore

  private static func restore(_ call: Invocation) throws -> ExitCode {
    let folder = call.parsed.operand(0) ?? ""
    let party = try PartyFolder(path: try call.parsed.required("--party"))
    let data = "\(party.path)/data"
    guard !Files.exists(data) else {
      throw Failure(.other, "\(data) is there: this party's node has run already, or is being restored")
    }
    let cluster = try joined(party)
    let plan = RestorePlan(try verified(file: "\(folder)/\(BackupLayout.ledger)", cluster: cluster))
    let own = party.invitation
    guard !plan.hasSeen(id: own.id, name: own.name, key: own.key) else {
      throw Failure(
        .failed,
        "\(own.name), number \(own.id), has been a party of this cluster: what it voted and signed is lost with its "
          + "store. Restore to a new party, under another number, name and key, and let it replace this one")
    }
    // Made whole beside its place: a node that starts finds all of it, or nothing.
    let temporary = "\(data).new"
    if Files.exists(temporary) { try Files.removeFolder(temporary) }
    try Files.createFolder(temporary, mode: 0o700)
    let copy = "\(temporary)/restore"
    try Files.createFolder(copy, mode: 0o700)
    func copyFile(_ name: String, limit: Int) throws {
      try Files.write(try Files.read("\(folder)/\(name)", limit: limit), to: "\(copy)/\(name)", mode: 0o600)
    }
    try copyFile(BackupLayout.ledger, limit: BackupLayout.maximumLedgerBytes)
    var copied = 0
    for content in plan.contents where try isThere(folder, content) {
      let tenant = "\(copy)/\(BackupLayout.artifacts)/\(content.tenant)"
      if !Files.exists(tenant) { try Files.createFolder(tenant, mode: 0o700) }
      try copyFile(
        BackupLayout.content(content.tenant, content.digest), limit: BackupLayout.maximumContentBytes)
      copied += 1
    }
    try Files.moveFolder(temporary, to: data)
    call.say(
      Report(
        """
        \(data): \(plan.size) records and \(copied) of \(plan.contents.count) files, taken in when the node starts
        start it   clawshield run --config \(party.path)/node.json
        then       claw members replace OLD-PARTY --invitation \(own.name).invitation.json
        """,
        [
          ("data", .string(data)), ("cluster", .string(cluster.hex)), ("size", .string(String(plan.size))),
          ("artifacts", .integer(copied)),
        ]))
    return .ok
  }

  /// The cluster that the party's node is to join.
  private static func joined(_ party: PartyFolder) throws -> Digest {
    let path = "\(party.path)/node.json"
    guard Files.exists(path) else {
      throw Failure(.other, "\(path) is missing: run claw party join --cluster ID first")
    }
    let value = try JSON.parse(try Files.read(path))
    guard let text = value["joins"]?.string, let cluster = Digest(hex: text) else {
      throw Failure(
        .other,
        "\(path) is of a party that the cluster was founded with; a backup goes to a new one: claw party join --cluster"
      )
    }
    return cluster
  }
}
