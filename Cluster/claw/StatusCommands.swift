import Canonical
import Host
import Records
import Wire

/// The active registry.
enum Registry {
  static func actions(_ session: Session) throws -> [ActionDefinition] {
    try definitions(session).actions.map { try ActionDefinition(parsing: $0) }
  }

  static func definitions(_ session: Session) throws -> ListActionsResponse {
    try session.call("Governance/ListActions", ListActionsRequest(), of: ListActionsResponse.self)
  }
}

/// What there is: the cluster, and the actions it knows.
enum StatusCommands {
  static let all: [Command] = [
    Command(
      "status", "how the cluster stands",
      options: [
        CommandOption(flag: "--check", "ask every node, say what is wrong, and end with 7 where anything is")
      ] + Command.session, run: status),
    Command("actions", "what may be asked for", options: Command.session, run: actions),
    Command(
      "transfer", "hand leadership to a party's node, as before maintenance of the one that leads",
      operands: ["PARTY-NUMBER"], options: Command.session,
      details: "Operators only. Proposals wait for a moment; nothing is lost if the node does not take over.",
      run: transfer),
  ]

  private static func status(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    switch session.identity.principal {
    case .operator, .auditor:
      return call.parsed.has("--check") ? try check(session, call) : try full(session, call)
    case .agent, .approver, .executor, .node:
      guard !call.parsed.has("--check") else {
        throw Failure(
          .denied, "--check is for operators and auditors; this is \(session.identity.principal.path)")
      }
      return try brief(session, call)
    }
  }

  private static func check(_ session: Session, _ call: Invocation) throws -> ExitCode {
    let findings = try AlertCommands.look(session)
    let text = findings.map { "SEV-\($0.severity)  \($0.kind): \($0.message)" }.joined(separator: "\n")
    call.say(
      Report(
        findings.isEmpty ? "nothing is wrong at \(session.members.count) nodes" : text,
        [("findings", .array(findings.map(\.json))), ("healthy", .bool(findings.isEmpty))]))
    return findings.isEmpty ? .ok : .failed
  }

  private static func full(_ session: Session, _ call: Invocation) throws -> ExitCode {
    // Whoever has looked at a cluster once knows its id on a day when too few nodes are there to say it.
    if session.pinned == nil { _ = try? session.cluster() }
    let answer = try session.call("Admin/Status", StatusRequest(), of: StatusResponse.self)
    let value = try JSON.parse(answer.json)
    func text(_ name: String) -> String {
      switch value[name] {
      case .some(.string(let text)): text
      case .some(let other): other.canonical
      case .none: "?"
      }
    }
    let crashOnly = value["crash_only"]?.bool == true
    let faults =
      crashOnly
      ? "crash-only: one lying party could fork the ledger" : "tolerates \(text("faults_tolerated")) lying"
    let leader = value["leader"] == .null ? "no leader known" : "leader \(text("leader"))"
    // Before the first note its age is -1.
    let note = text("note_age_ms") == "-1" ? "no note yet" : "note \(text("note_age_ms")) ms old"
    let restrictions = value["restrictions"]?.array ?? []
    let executors = (value["executors"]?.array ?? []).compactMap(\.string)
    var lines = [
      "cluster   \(text("cluster_name")), id \(text("cluster"))",
      "parties   \(text("threshold")) of \(text("parties")) sign; \(faults)",
      "members   \(MembersCommands.summary(value["members"]))",
      "answered  by \(session.answering): \(text("role")), term \(text("term")), \(leader)",
      "ledger    \(text("final_size")) final of \(text("log_size")), \(note)",
      "rules     \(VersionCommands.line(value["semantics"]))",
      "policy    \(text("policy_bundle_hash"))",
      "executors \(executors.isEmpty ? "none enlisted" : executors.joined(separator: ", "))",
      "state     \(state(value))",
    ]
    for entry in value["readiness"]?.array ?? [] {
      let name = entry["executor"]?.string ?? "?"
      let off = (entry["shortcomings"]?.array ?? []).compactMap(\.string)
      let isCompliant = entry["compliant"]?.bool == true && off.isEmpty
      lines.append("readiness \(name) says of itself: \(isCompliant ? "COMPLIANT" : "NON-COMPLIANT")")
      lines += off.map { "          off: \($0)" }
    }
    for id in (value["unreadable_restrictions"]?.array ?? []).compactMap(\.string) {
      lines.append(
        "SEV-1     gives no share: it cannot read the restriction \(id), which it may have acknowledged")
    }
    let listed = restrictions.compactMap { $0["incident_id"]?.string }
    let older = (value["in_force"]?.array ?? []).filter { !listed.contains($0["incident_id"]?.string ?? "") }
    for entry in restrictions + older {
      lines.append(
        "forbidden \(entry["target"]?.string ?? "") by incident \(entry["incident_id"]?.string ?? "")")
    }
    var members = value.object?.members.map { ($0.name, $0.value) } ?? []
    members.append(("answered_by", .string(session.answering)))
    call.say(Report(lines.joined(separator: "\n"), members))
    return .ok
  }

  private static func transfer(_ call: Invocation) throws -> ExitCode {
    let text = call.parsed.operand(0) ?? ""
    guard let node = UInt32(text), node > 0 else {
      throw UsageError("PARTY-NUMBER: expected a number from 1 on, found \"\(text)\"")
    }
    let session = try Session(call.parsed)
    let answer = try session.call(
      "Admin/Transfer", TransferRequest(node: node), of: TransferResponse.self)
    call.say(
      Report(
        "party \(answer.leader) leads in term \(answer.term)",
        [("leader", .integer(Int(answer.leader))), ("term", .string(String(answer.term)))]))
    return .ok
  }

  /// What everyone may know: the newest note, verified.
  private static func brief(_ session: Session, _ call: Invocation) throws -> ExitCode {
    try LedgerCommands.checkpoint(session, call)
  }

  private static func state(_ status: JSON) -> String {
    if let conflict = status["conflict"]?.string {
      return "SEV-1, this party has halted: \(VisibleText.line(conflict))"
    }
    return status["halted"]?.bool == true ? "HALTED" : "running"
  }

  private static func actions(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let answer = try Registry.definitions(session)
    let actions = try answer.actions.map { try ActionDefinition(parsing: $0) }
    var table = TextTable(["action", "version", "impact", "data", "most it costs", "isolation", "what"])
    for action in actions {
      table.add([
        action.name, action.version, action.risk.impactLevel.rawValue,
        action.risk.dataClassification.rawValue, "\(action.maximumCost.text) USD",
        action.isolationClass.rawValue, action.description,
      ])
    }
    call.say(
      Report(
        "policy \(answer.policyBundleHash), constitution \(answer.constitutionVersion)\n" + table.text,
        [
          ("policy_bundle_hash", .string(answer.policyBundleHash)),
          ("constitution_version", .string(answer.constitutionVersion)),
          ("actions", .array(actions.map(\.json))),
        ]))
    return .ok
  }
}
