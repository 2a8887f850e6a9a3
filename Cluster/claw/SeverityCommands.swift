import Canonical
import Crypto
import Host
import Records
import Wire

/// SEV-1 as one command: IR-8's order, each step said as it is done.
enum SeverityCommands {
  static let all: [Command] = [
    Command(
      "sev1", "the gravest case in one go: detect, kill, quarantine, rotate, export, review",
      operands: ["TARGET"],
      options: [
        CommandOption("--reason", "TEXT", "why; kept beside the records"),
        CommandOption("--auditor", "DIR", "an auditor's identity folder, for the export"),
        CommandOption("--out", "FILE", "with --auditor: where the ledger goes; default sev1-<id>.export"),
        CommandOption(flag: "--keep-key", "do not make another key of the cluster"),
      ] + [Acts.cosigners, Statements.validityOption] + Command.session,
      details: """
        TARGET is all, tenant/<t>, or a principal. What kills and quarantines needs one operator; another key
        two (--sign-with DIR): without the second that step is left to do, and the command says so. A step that
        fails does not keep the next from being taken. Nothing is lifted: people review, and two lift.
        Exit code 0: all of it is done; 7: something is left to do.
        """, run: run)
  ]

  /// What was done and what is left, in order.
  private struct Log {
    private(set) var lines: [String] = []
    private(set) var steps: [JSON] = []
    private(set) var isWhole = true

    mutating func note(_ step: String, _ isDone: Bool, _ message: String, _ call: Invocation) {
      let number = lines.count + 1
      let line = "\(number) \(step): \(isDone ? "" : "NOT DONE, ")\(message)"
      lines.append(line)
      call.remark(line)
      if !isDone { isWhole = false }
      steps.append(
        .object([("step", .string(step)), ("done", .bool(isDone)), ("message", .string(message))]))
    }

    mutating func take(_ step: String, _ call: Invocation, _ body: () throws -> String) {
      do {
        note(step, true, try body(), call)
      } catch {
        note(step, false, "\(error)", call)
      }
    }
  }

  /// Each kind once, in the order in which they come, with how often it comes.
  private static func counted(_ kinds: [String]) -> String {
    var counts: [(kind: String, count: Int)] = []
    for kind in kinds {
      if let position = counts.firstIndex(where: { $0.kind == kind }) {
        counts[position].count += 1
      } else {
        counts.append((kind, 1))
      }
    }
    return counts.map { $0.count == 1 ? $0.kind : "\($0.count) \($0.kind)" }.joined(separator: ", ")
  }

  private static func run(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let target = try IncidentCommands.target(call.parsed.operand(0) ?? "")
    // Its id is all that is signed: nobody need be asked for more before the kill is on its way.
    let key = try session.cluster(isFollowed: false)
    let id = "sev1-\(Environment.freshID().prefix(12))"
    var log = Log()
    log.take("detect", call) {
      let findings = try AlertCommands.look(session)
      return "\(id) is about \(target.text); \(findings.count) findings before: "
        + (findings.isEmpty ? "none" : counted(findings.map(\.kind)))
    }
    var lifts: [String] = []
    log.take("kill", call) {
      lifts.append("\(id)-kill")
      return try confirmed(
        IncidentCommands.bind(.kill, target, id: "\(id)-kill", severity: 1, session, key, call))
    }
    let home = tenant(of: target)
    log.take("quarantine", call) {
      lifts.append("\(id)-quarantine")
      return "\(home.text): "
        + (try confirmed(
          IncidentCommands.bind(
            .quarantine, home, id: "\(id)-quarantine", severity: 1, session, key, call)))
    }
    if call.parsed.has("--keep-key") {
      log.note("rotate", true, "left out, as --keep-key says", call)
    } else {
      log.take("rotate", call) { try rotate(session, key, call) }
    }
    log.take("export", call) { try export(id, call) }
    log.note(
      "review", true,
      "people look at it; then two operators: claw lift \(lifts.joined(separator: " ")) --sign-with DIR", call
    )
    call.say(
      Report(
        log.lines.joined(separator: "\n"),
        [
          ("incident_id", .string(id)), ("target", .string(target.text)), ("steps", .array(log.steps)),
          ("restrictions", .array(lifts.map(JSON.string))), ("complete", .bool(log.isWhole)),
        ]))
    return log.isWhole ? .ok : .failed
  }

  /// What a restriction has come to, where it is known that it binds.
  private static func confirmed(_ binding: Binding) throws -> String {
    guard binding.isBinding else { throw Failure(binding.exitCode, binding.text) }
    return binding.message
  }

  /// What is frozen with a target: an agent's tenant, or the target itself.
  private static func tenant(of target: IncidentTarget) -> IncidentTarget {
    if case .principal(.agent(let tenant, _)) = target { return .tenant(tenant) }
    return target
  }

  private static func rotate(_ session: Session, _ key: ClusterKey, _ call: Invocation) throws -> String {
    guard !call.parsed.all("--sign-with").isEmpty else {
      throw Failure(.other, "it takes a second operator: claw members rotate --sign-with DIR")
    }
    let standing = try MembersCommands.Standing(session)
    let act = MembersAct(
      actID: "members-\(Environment.freshID())", parties: standing.seats.sorted { $0.id < $1.id },
      threshold: standing.threshold, rotate: true, validUntil: try Statements.validity(call.parsed))
    let signed = try Acts.sign(act, session, key, call.parsed)
    let body = RecordBody.members(signed, MemberList(voters: act.parties.map(\.id)))
    let answer = try session.handIn(Acts.Draft(method: "Admin/Members", body: body), what: act.actID)
    return "the parties make another key: \(answer.message); claw members list says when it is there"
  }

  private static func export(_ id: String, _ call: Invocation) throws -> String {
    guard let folder = call.parsed.value("--auditor") else {
      throw Failure(.other, "auditors export: claw ledger export FILE --as AUDITOR")
    }
    let path = call.parsed.value("--out") ?? "\(id).export"
    let auditor = try Session(call.parsed, identity: try ClientIdentity(folder: folder))
    return "\(path): \(try LedgerCommands.export(auditor, to: path).said)"
  }
}
