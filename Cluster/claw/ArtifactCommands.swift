import Canonical
import Crypto
import Host
import Records
import Wire

/// Files of a tenant, by their content.
enum ArtifactCommands {
  private static let tenant = CommandOption("--tenant", "ID", "whose; default an agent's own")

  static let all: [Command] = [
    Command(
      "artifact put", "keep a file; prints its digest", operands: ["FILE"],
      options: [
        tenant, CommandOption("--type", "MEDIA-TYPE", "default application/octet-stream"),
        CommandOption("--label", "LABEL", "where it comes from, such as untrusted", isRepeated: true),
      ] + Command.session, details: "At most 3 MiB. Answers when a majority of nodes holds it.", run: put),
    Command(
      "artifact get", "fetch a file by its digest", operands: ["DIGEST"],
      options: [tenant, CommandOption("--out", "FILE", "where it goes")] + Command.session,
      details: "The content is held against its digest.", run: get),
    Command(
      "artifact stat", "what is known of a file", operands: ["DIGEST"], options: [tenant] + Command.session,
      run: stat),
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
      "\(stat.digest)\n  \(stat.size) bytes, \(stat.mediaType), leaf \(stat.index)\n"
        + "  labels \(stat.labels.joined(separator: ", "))",
      [
        ("digest", .string(stat.digest)), ("size", .integer(Int(clamping: min(stat.size, 1 << 53)))),
        ("media_type", .string(stat.mediaType)), ("leaf", .string(String(stat.index))),
        ("labels", .array(stat.labels.map(JSON.string))),
      ])
  }

  private static func put(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let content = try Operand.bytes(of: call.parsed.operand(0) ?? "")
    let note = ArtifactNote(
      digest: SHA256.hash(content), tenantID: try tenant(call, session), size: content.count,
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
    let request = ArtifactRequest(tenant: try tenant(call, session), digest: digest.hex)
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
    let request = ArtifactRequest(tenant: try tenant(call, session), digest: try digest(call).hex)
    call.say(report(try session.call("Artifact/Stat", request, of: ArtifactStat.self)))
    return .ok
  }
}
