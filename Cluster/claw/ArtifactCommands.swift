import Canonical
import Crypto
import Host
import Records
import Wire

/// Files of a tenant, by their content.
enum ArtifactCommands {
  private static let tenant = CommandOption("--tenant", "ID", "whose; default an agent's own")

  private static let workspace = CommandOption("--workspace", "ID", "default main")
  private static let anyWorkspace = CommandOption("--workspace", "ID", "default the first that has it")

  static let all: [Command] = [
    Command(
      "artifact put", "keep a file; prints its digest", operands: ["FILE"],
      options: [
        tenant, workspace, CommandOption("--type", "MEDIA-TYPE", "default application/octet-stream"),
        CommandOption("--name", "NAME", "what it is called; default the file's name. It stays in the ledger"),
        CommandOption("--label", "LABEL", "where it comes from, such as untrusted", isRepeated: true),
      ] + Command.session, details: "At most 3 MiB. Answers when a majority of nodes holds it.", run: put),
    Command(
      "artifact get", "fetch a file by its digest", operands: ["DIGEST"],
      options: [tenant, anyWorkspace, CommandOption("--out", "FILE", "where it goes")] + Command.session,
      details: "The content is held against its digest.", run: get),
    Command(
      "artifact stat", "what is known of a file", operands: ["DIGEST"],
      options: [tenant, anyWorkspace] + Command.session, run: stat),
    Command(
      "artifact list", "the files of a workspace", options: [tenant, workspace] + Command.session,
      details: "The oldest first.", run: list),
  ]

  private static func tenant(_ call: Invocation, _ session: Session) throws -> String {
    if let named = call.parsed.value("--tenant") { return try Operand.identifier(named, "--tenant") }
    guard case .agent(let own, _) = session.identity.principal else {
      throw UsageError("expected --tenant, which only an agent has of its own")
    }
    return own
  }

  private static func digest(_ call: Invocation) throws -> Digest {
    let text = call.parsed.operand(0) ?? ""
    guard let digest = Digest(hex: text) else {
      throw UsageError("DIGEST: expected 64 hexadecimal characters, found \"\(text)\"")
    }
    return digest
  }

  private static func report(_ stat: ArtifactStat) -> Report {
    Report(
      "\(stat.digest)\n  \(stat.name.isEmpty ? "without a name" : stat.name) in workspace \(stat.workspace)\n"
        + "  \(stat.size) bytes, \(VisibleText.line(stat.mediaType)), leaf \(stat.index), by \(stat.owner)\n"
        + "  labels \(VisibleText.line(stat.labels.joined(separator: ", ")))" + dropping(stat),
      members(of: stat))
  }

  private static func dropping(_ stat: ArtifactStat) -> String {
    guard !stat.droppedAt.isEmpty else { return "" }
    let record = stat.droppedIndex == 0 ? "not written down yet" : "leaf \(stat.droppedIndex) says so"
    return
      "\n  let go of at \(VisibleText.line(stat.droppedAt)) by the rules of retention (\(record)): nobody has "
      + "its content"
  }

  private static func members(of stat: ArtifactStat) -> [(String, JSON)] {
    var members: [(String, JSON)] = [
      ("digest", .string(stat.digest)), ("size", .integer(Int(clamping: min(stat.size, 1 << 53)))),
      ("media_type", .string(stat.mediaType)), ("leaf", .string(String(stat.index))),
      ("labels", .array(stat.labels.map(JSON.string))), ("workspace", .string(stat.workspace)),
      ("name", .string(stat.name)), ("owner", .string(stat.owner)),
    ]
    if !stat.droppedAt.isEmpty {
      members.append(("dropped_at", .string(stat.droppedAt)))
      members.append(("dropped_leaf", .string(String(stat.droppedIndex))))
    }
    return members
  }

  private static func put(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let path = call.parsed.operand(0) ?? ""
    let content = try Operand.bytes(of: path)
    let name = call.parsed.value("--name") ?? path.split(separator: "/").last.map(String.init) ?? ""
    guard ArtifactNote.isName(name) else {
      throw UsageError("--name: expected \(ArtifactNote.nameForm), found \"\(name)\"")
    }
    let note = ArtifactNote(
      digest: SHA256.hash(content), tenantID: try tenant(call, session),
      workspaceID: try Operand.identifier(call.parsed.value("--workspace") ?? "main", "--workspace"),
      name: name, size: content.count,
      mediaType: call.parsed.value("--type") ?? "application/octet-stream",
      owner: session.identity.principal, labels: call.parsed.all("--label"),
      validUntil: Environment.now.advanced(by: .seconds(300)))
    let signed = try session.identity.sign(note, cluster: try session.cluster().cluster)
    let request = ArtifactPutRequest(
      statement: Statements.request(.artifact(signed), Attachment()).statement, content: content)
    let stat = try session.call("Artifact/Put", request, of: ArtifactStat.self)
    guard stat.digest == SHA256.hash(content).hex else {
      throw Failure(.other, "\(session.answering) kept something else: \(stat.digest)")
    }
    call.say(report(stat))
    return .ok
  }

  private static func get(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let digest = try digest(call)
    let request = ArtifactRequest(
      tenant: try tenant(call, session), digest: digest.hex,
      workspace: call.parsed.value("--workspace") ?? "")
    let answer = try session.call("Artifact/Get", request, of: ArtifactContent.self)
    guard SHA256.hash(answer.content) == digest else {
      throw Failure(.other, "\(session.answering) gave another content than the one asked for")
    }
    let path = try call.parsed.required("--out")
    try Files.write(answer.content, to: path)
    var report = report(answer.stat ?? ArtifactStat(digest: digest.hex, size: UInt64(answer.content.count)))
    report.text += "\n  in \(path)"
    call.say(report)
    return .ok
  }

  private static func stat(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let request = ArtifactRequest(
      tenant: try tenant(call, session), digest: try digest(call).hex,
      workspace: call.parsed.value("--workspace") ?? "")
    call.say(report(try session.call("Artifact/Stat", request, of: ArtifactStat.self)))
    return .ok
  }

  private static func list(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let workspace = try Operand.identifier(call.parsed.value("--workspace") ?? "main", "--workspace")
    let stats = try artifacts(session, tenant: try tenant(call, session), workspace: workspace)
    var table = TextTable(["digest", "bytes", "type", "leaf", "name"])
    for stat in stats {
      table.add([stat.digest, String(stat.size), stat.mediaType, String(stat.index), stat.name])
    }
    call.say(
      Report(
        stats.isEmpty ? "workspace \(workspace) has no files" : table.text,
        [
          ("workspace", .string(workspace)), ("count", .integer(stats.count)),
          ("artifacts", .array(stats.map { .object(members(of: $0)) })),
        ]))
    return .ok
  }

  /// Every artifact of a workspace, page by page.
  static func artifacts(_ session: Session, tenant: String, workspace: String) throws -> [ArtifactStat] {
    var stats: [ArtifactStat] = []
    while true {
      let request = ArtifactListRequest(
        tenant: tenant, workspace: workspace, after: stats.last?.index ?? 0)
      let page = try session.call("Artifact/List", request, of: ArtifactListResponse.self)
      stats += page.items
      // A node that shows the same again and again is not listened to for ever.
      guard page.more, let last = page.items.last?.index, last > request.after else { return stats }
    }
  }
}
