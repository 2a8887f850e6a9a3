import Canonical
import Host
import Records
import Wire

/// The powers for a bad day: what forbids needs one operator, what allows again two.
enum IncidentCommands {
  static let restriction = [
    CommandOption("--reason", "TEXT", "why; kept beside the record"),
    CommandOption("--severity", "1-3", "default 1, the gravest"),
    CommandOption("--id", "ID", "the incident's name; default a fresh one"),
    Statements.validityOption,
  ]

  static let all: [Command] = [
    Command(
      "kill", "halt what a target runs, and refuse everything of it", operands: ["TARGET"],
      options: restriction + Command.session, details: targets, run: { try restrict(.kill, $0) }),
    Command(
      "quarantine", "freeze a target: nothing new, logs kept", operands: ["TARGET"],
      options: restriction + Command.session, details: targets, run: { try restrict(.quarantine, $0) }),
    Command(
      "revoke-token", "make a token void", operands: ["TOKEN-ID"], options: restriction + Command.session,
      details: binding, run: { try restrict(.revoke, $0) }),
    Command(
      "lift", "take restrictions back; at least two operators",
      operands: ["INCIDENT-ID", "[INCIDENT-ID...]"],
      options: [
        CommandOption("--reason", "TEXT", "why"), CommandOption("--severity", "1-3", "default 1"),
        CommandOption(
          flag: "--unseen", "also ids that no node knows, as of a statement that was never handed in"),
      ] + Acts.options + Command.session, details: lifting, run: lift),
    Command(
      "release", "lift every restriction that is in force on a target; at least two operators",
      operands: ["TARGET"],
      options: [
        CommandOption("--reason", "TEXT", "why"), CommandOption("--severity", "1-3", "default 1"),
      ] + Acts.options + Command.session,
      details: "TARGET as claw quarantine has it, or token/<id>. Says which incidents it lifts.", run: release
    ),
    Command(
      "erase", "destroy what a tenant has in parameters, results, reasons and files; at least two operators",
      operands: ["TENANT"],
      options: [
        CommandOption("--reason", "TEXT", "why; kept, since it is not the tenant's"),
        CommandOption("--severity", "1-3", "default 3: nothing is wrong"),
      ] + Acts.options + Command.session, details: erasing, run: erase),
    Acts.cosign,
  ]

  private static let lifting = """
    What is lifted binds nobody from then on, and its id never does again. An id that as many nodes as sign do not know is
    refused (exit code 5), since it is most likely not the one that is meant. With --unseen it is banned beforehand: for a
    restriction that was signed, may be in others' hands and is to bind nobody when they show it.
    """

  private static let erasing = """
    Every node destroys its keys of what the tenant had before this act, when the act is final: nothing brings it back.
    The records stay, and the ledger still verifies. What the tenant asked for and did not get yet is denied; what
    comes later is kept as before: quarantine the tenant first where nothing is to come. Copies outside of the nodes
    are not reached: run claw backup again into each folder, and remove exports and traces that were kept. A node that
    is down keeps its keys until it is back: claw erasures says which have destroyed theirs.
    """

  static let binding = """
    It goes to every node at the same time, and binds every party the moment that it holds it. Success is reported when as
    many parties as sign have acknowledged it and one lease lifetime has passed: nothing that it forbids runs any more.
    Which nodes say so, and which do not and why, stands below: what a node says of the others is its own word, until as
    many nodes as sign say the same, or one proves that it is final. Until then the exit code is 8. A node that is dead, cut
    off or lying neither hides it nor holds it up.
    """
  private static let targets =
    """
    TARGET is all, tenant/<t>, tenant/<t>/agent/<a>, executor/<e> or approver/<a>. Operators, auditors and nodes are not
    restricted by one person: claw revoke ends an enrolment, claw revoke-certificates keeps them out at once, and claw
    members remove takes a party out.

    """ + binding

  static func target(_ text: String) throws -> IncidentTarget {
    if text == "all" { return .all }
    if let principal = Principal(path: text) {
      guard principal.isRestrictable else {
        throw UsageError(
          "TARGET: a restriction of \(text) would stop nothing: claw revoke ends an enrolment, claw revoke-certificates "
            + "keeps someone out at once, and claw members remove takes a party out; two operators sign each")
      }
      return .principal(principal)
    }
    if text.hasPrefix("tenant/") {
      let name = String(text.dropFirst(7))
      if Identifier.isValid(name) { return .tenant(name) }
    }
    throw UsageError(
      "TARGET: expected all, tenant/<t>, tenant/<t>/agent/<a>, executor/<e> or approver/<a>, found \"\(text)\""
    )
  }

  private static func restrict(_ kind: IncidentKind, _ call: Invocation) throws -> ExitCode {
    let operand = call.parsed.operand(0) ?? ""
    return try restrict(
      kind, kind == .revoke ? .token(try Operand.identifier(operand, "TOKEN-ID")) : try target(operand), call)
  }

  /// Restricts a target, and says when the parties are bound by it.
  static func restrict(_ kind: IncidentKind, _ target: IncidentTarget, _ call: Invocation) throws -> ExitCode
  {
    let session = try Session(call.parsed)
    guard case .operator = session.identity.principal else {
      throw Failure(
        .denied, "\(kind.rawValue) is for operators; this identity is \(session.identity.principal.path)")
    }
    // Its id is all that is signed: nobody is asked before the restriction is on its way.
    let key = try session.cluster(isFollowed: false)
    let id = try Operand.identifier(call.parsed.value("--id") ?? "incident-\(Environment.freshID())", "--id")
    let severity = try call.parsed.integer("--severity", in: 1...3, default: 1)
    let draft = try draft(kind, target, id: id, severity: severity, session, key, call)
    guard call.parsed.value("--draft") == nil else {
      return try Acts.conclude(draft, session, key, call, what: "\(kind.rawValue) \(target.text)")
    }
    let binding = try bind(draft, id: id, session, call)
    call.say(
      Report(
        "incident \(id): \(kind.rawValue) \(target.text): \(binding.text)",
        [
          ("incident_id", .string(id)), ("kind", .string(kind.rawValue)), ("target", .string(target.text)),
        ] + binding.members))
    return binding.exitCode
  }

  /// Has the parties bound by a restriction, and waits until they are.
  static func bind(
    _ kind: IncidentKind, _ target: IncidentTarget, id: String, severity: Int, _ session: Session,
    _ key: ClusterKey, _ call: Invocation
  ) throws -> Binding {
    try bind(
      try draft(kind, target, id: id, severity: severity, session, key, call), id: id, session, call)
  }

  private static func bind(_ draft: Acts.Draft, id: String, _ session: Session, _ call: Invocation) throws
    -> Binding
  {
    // Named first: whoever must wait for the parties can already lift it, or ask after it.
    if case .incident(let signed) = draft.body {
      call.remark(
        "incident \(id): \(signed.content.kind.rawValue) \(signed.content.target.text), asked of all nodes")
    }
    return try session.bind(draft)
  }

  /// A restriction, signed by the caller and by whom `--sign-with` names.
  private static func draft(
    _ kind: IncidentKind, _ target: IncidentTarget, id: String, severity: Int, _ session: Session,
    _ key: ClusterKey, _ call: Invocation
  ) throws -> Acts.Draft {
    let reason = Statements.salted(.string(call.parsed.value("--reason") ?? ""))
    let act = IncidentAct(
      incidentID: id, kind: kind, target: target, severity: severity, reasonHash: reason.hash,
      signedAt: Environment.now, validUntil: try Statements.validity(call.parsed))
    let signed = try Acts.sign(act, session, key, call.parsed)
    let method =
      switch kind {
      case .kill: "Admin/Kill"
      case .quarantine: "Admin/Quarantine"
      case .revoke: "Admin/Revoke"
      case .lift: "Admin/Lift"
      case .erase: "Admin/Erase"
      }
    return Acts.Draft(method: method, body: .incident(signed), attachment: Attachment("reason", reason))
  }

  private static func lift(_ call: Invocation) throws -> ExitCode {
    let ids = try call.parsed.operands.map { try Operand.identifier($0, "INCIDENT-ID") }
    let session = try Session(call.parsed)
    if !call.parsed.has("--unseen") {
      // Whose word it is, and of how many, is the newest key's to say, where anybody shows it.
      _ = try? session.cluster(fromAll: true)
      try KnownIncidents(session, ids).require()
    }
    return try lift(ids, session, call)
  }

  private static func release(_ call: Invocation) throws -> ExitCode {
    let text = call.parsed.operand(0) ?? ""
    guard let target = IncidentTarget(text: text) else {
      throw UsageError("TARGET: expected all, tenant/<t>, token/<id> or a principal, found \"\(text)\"")
    }
    let session = try Session(call.parsed)
    let ids = try inForce(on: target, session)
    call.remark("\(target.text): lifts \(ids.joined(separator: ", "))")
    return try lift(ids, session, call)
  }

  /// The restrictions of which as many nodes as sign say that they are in force on a target: one alone might name another's, and
  /// two people would lift that.
  private static func inForce(on target: IncidentTarget, _ session: Session) throws -> [String] {
    // Who the members are, and how many sign, is the newest key's to say; as many as signed with an older one may be former
    // members and liars by now.
    _ = try session.cluster(fromAll: true)
    let threshold = session.threshold
    let answers = try session.everyNode(
      "Admin/Status", StatusRequest(), of: StatusResponse.self, timeout: .seconds(5)
    ) { answers in answers.count { $0.message != nil } >= threshold ? .seconds(1) : nil }
    func inForce(_ status: StatusResponse) -> [JSON]? { (try? JSON.parse(status.json))?["in_force"]?.array }
    let said = answers.compactMap { answer in
      answer.message.flatMap(inForce).map { entries in
        entries.filter { $0["target"]?.string == target.text }.compactMap { $0["incident_id"]?.string }
      }
    }
    guard said.count >= threshold else {
      let others = answers.compactMap { answer in
        switch answer.result {
        case .failure(let status): "\(answer.node.name): \(status)"
        case .success(let status) where inForce(status) == nil: "\(answer.node.name): says nothing of it"
        case .success: nil
        }
      }
      throw Failure(
        .unreachable,
        "what is in force on \(target.text): it takes \(threshold) nodes that say the same, and \(said.count) answer. "
          + (others + session.strangers.map { "\($0): \(session.strangeness)" }).joined(separator: "; "))
    }
    var ids: [String] = []
    for id in said.joined() where !ids.contains(id) && said.count(where: { $0.contains(id) }) >= threshold {
      ids.append(id)
    }
    guard ids.isEmpty else { return ids }
    for id in said.joined() {
      let count = said.count { $0.contains(id) }
      // Neither that it is nor that it is not.
      guard said.count - count >= threshold else {
        throw Failure(
          .unreachable,
          "\(target.text): \(count) of \(said.count) nodes say that \(id) is in force on it, and it takes \(threshold) that "
            + "say the same. claw status --node NAME says what each holds")
      }
    }
    throw Failure(
      .notFound, "no restriction is in force on \(target.text), as far as \(threshold) nodes say the same")
  }

  private static func lift(_ ids: [String], _ session: Session, _ call: Invocation) throws -> ExitCode {
    let key = try session.cluster()
    let reason = Statements.salted(.string(call.parsed.value("--reason") ?? ""))
    let act = IncidentAct(
      incidentID: "lift-\(Environment.freshID())", kind: .lift, target: .all,
      severity: try call.parsed.integer("--severity", in: 1...3, default: 1), reasonHash: reason.hash,
      lifts: ids, signedAt: Environment.now, validUntil: try Statements.validity(call.parsed))
    let signed = try Acts.sign(act, session, key, call.parsed)
    let draft = Acts.Draft(
      method: "Admin/Lift", body: .incident(signed), attachment: Attachment("reason", reason))
    return try Acts.conclude(draft, session, key, call, what: "lift \(ids.joined(separator: ", "))")
  }

  private static func erase(_ call: Invocation) throws -> ExitCode {
    let text = call.parsed.operand(0) ?? ""
    guard text != "all" else {
      throw UsageError("TENANT: one at a time; where a tenant's name is all, say tenant/all")
    }
    let tenant = try Operand.identifier(text.rest(after: "tenant/") ?? text, "TENANT")
    let session = try Session(call.parsed)
    let key = try session.cluster()
    let reason = Statements.salted(.string(call.parsed.value("--reason") ?? ""))
    let act = IncidentAct(
      incidentID: "erase-\(Environment.freshID())", kind: .erase, target: .tenant(tenant),
      severity: try call.parsed.integer("--severity", in: 1...3, default: 3), reasonHash: reason.hash,
      signedAt: Environment.now, validUntil: try Statements.validity(call.parsed))
    let signed = try Acts.sign(act, session, key, call.parsed)
    let draft = Acts.Draft(
      method: "Admin/Erase", body: .incident(signed), attachment: Attachment("reason", reason))
    return try Acts.conclude(draft, session, key, call, what: "erase tenant/\(tenant)")
  }
}
