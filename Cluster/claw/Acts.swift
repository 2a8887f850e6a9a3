import Canonical
import Crypto
import Host
import Records
import Wire

/// Acts of operators, and how the signatures under them are gathered: on one host by naming several
/// identities, or from host to host in a file.
enum Acts {
  static let cosigners = CommandOption(
    "--sign-with", "DIR", "another operator's identity folder that signs as well", isRepeated: true)
  static let signing = [
    cosigners,
    CommandOption(
      "--draft", "FILE", "write what is signed so far, for claw cosign, instead of submitting it"),
  ]
  static let options = signing + [Statements.validityOption]

  /// A body with its signatures and attachment, and the method that takes it.
  struct Draft {
    let method: String
    let body: RecordBody
    let attachment: Attachment

    init(method: String, body: RecordBody, attachment: Attachment = Attachment()) {
      self.method = method
      self.body = body
      self.attachment = attachment
    }

    /// What travels from operator to operator.
    func json(cluster: Digest) throws -> JSON {
      .object([
        ("method", .string(method)), ("type", .string(body.type.rawValue)), ("cluster", .string(cluster.hex)),
        ("statement", try JSON.parse(Statements.bytes(body))),
        ("attachment", .string(Base64.encode(attachment.bytes))),
      ])
    }

    /// `cluster`: the one that it must be for, where the caller knows.
    init(file path: String, cluster: Digest? = nil) throws {
      var file = try ConfigurationSection(file: path)
      let named = try file.text("cluster")
      if let cluster, named != cluster.hex {
        throw Failure(.other, "\(path) is for cluster \(named); this identity's is \(cluster.hex)")
      }
      method = try file.text("method")
      let type = try file.value("type", "a kind of record") { json in
        json.string.flatMap(RecordType.init(rawValue:))
      }
      let statement = try file.value("statement", "a signed statement") { $0 }
      let attached = try file.value("attachment", "base64") { $0.string.flatMap(Base64.decode) }
      try file.finish()
      guard Acts.methods(type).contains(method) else {
        throw Failure(.other, "\(path): \(method) takes no \(type.rawValue)")
      }
      body = try Statements.body(type, statement.canonicalBytes())
      attachment = try Attachment(parsing: attached)
      try attachment.check(against: body)
    }
  }

  static func methods(_ type: RecordType) -> [String] {
    switch type {
    case .enrol: ["Admin/Enrol"]
    case .policy: ["Admin/Policy"]
    case .version: ["Admin/Version"]
    case .members: ["Admin/Members"]
    case .recovery: ["Admin/Recover"]
    case .incident: ["Admin/Lift", "Admin/Erase", "Admin/Kill", "Admin/Quarantine", "Admin/Revoke"]
    default: []
    }
  }

  /// Signs as the caller and as everyone whom `--sign-with` names.
  static func sign<Content: StatementContent>(
    _ content: Content, _ session: Session, _ key: ClusterKey, _ parsed: ParsedCommand
  ) throws -> Signed<Content> {
    var signed = try session.identity.sign(content, cluster: key.cluster)
    for folder in parsed.all("--sign-with") {
      let other = try ClientIdentity(folder: folder)
      guard other.principal != session.identity.principal else {
        throw UsageError("--sign-with: \(other.principal.path) signs already")
      }
      signed = signed.cosigned(cluster: key.cluster, as: other.principal, with: try other.signingKey())
    }
    return signed
  }

  /// Submits an act, or writes its draft, and says which.
  static func conclude(
    _ draft: Draft, _ session: Session, _ key: ClusterKey, _ call: Invocation, what: String
  )
    throws -> ExitCode
  {
    if let path = call.parsed.value("--draft") {
      try Files.write(try draft.json(cluster: key.cluster).indented, to: path)
      call.say(
        Report(
          "\(what): not submitted. Another operator goes on with: claw cosign \(path) --submit",
          [("draft", .string(path)), ("submitted", false)]))
      return .ok
    }
    if case .incident(let act) = draft.body, act.content.kind.isRestriction {
      let binding = try session.bind(draft)
      call.say(Report("\(what): \(binding.text)", [("submitted", true)] + binding.members))
      return binding.exitCode
    }
    let answer = try session.handIn(draft, what: what)
    let acknowledged = answer.acknowledged > 0 ? ", acknowledged by \(answer.acknowledged) parties" : ""
    call.say(
      Report(
        "\(what): \(answer.message)\(acknowledged)",
        [
          ("submitted", true), ("message", .string(answer.message)),
          ("leaf", .string(String(answer.index))), ("final_size", .string(String(answer.finalSize))),
          ("acknowledged", .integer(Int(answer.acknowledged))),
        ]))
    return .ok
  }

  // MARK: Cosigning

  static let cosign = Command(
    "cosign", "sign what another operator has begun", operands: ["FILE"],
    options: [CommandOption(flag: "--submit", "hand it in after signing, instead of writing it back")]
      + Command.session,
    details: "Shows the statement in full before it is signed.", run: cosign)

  private static func cosign(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let key = try session.cluster()
    let path = call.parsed.operand(0) ?? ""
    let draft = try Draft(file: path, cluster: key.cluster)
    call.remark(String(decoding: Statements.bytes(draft.body), as: UTF8.self))
    let identity = session.identity
    let signingKey = try identity.signingKey()
    func add<Content: StatementContent>(_ signed: Signed<Content>) throws -> Signed<Content> {
      guard !signed.signatures.contains(where: { $0.by == identity.principal }) else {
        throw Failure(.other, "\(identity.principal.path) has signed already")
      }
      return signed.cosigned(cluster: key.cluster, as: identity.principal, with: signingKey)
    }
    let body: RecordBody =
      switch draft.body {
      case .enrol(let act): .enrol(try add(act))
      case .policy(let act): .policy(try add(act))
      case .version(let act): .version(try add(act))
      case .members(let act, let list): .members(try add(act), list)
      case .incident(let act): .incident(try add(act))
      case .recovery(let record):
        .recovery(RecoveryRecord(act: try add(record.act), approvals: record.approvals))
      default: throw Failure(.other, "\(path): a \(draft.body.type.rawValue) is not cosigned")
      }
    let signed = Draft(method: draft.method, body: body, attachment: draft.attachment)
    guard call.parsed.has("--submit") else {
      try Files.write(try signed.json(cluster: key.cluster).indented, to: path)
      call.say(Report("\(path): signed", [("draft", .string(path)), ("submitted", false)]))
      return .ok
    }
    return try conclude(signed, session, key, call, what: path)
  }
}
