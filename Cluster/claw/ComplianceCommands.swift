import Canonical
import Crypto
import GovernanceNode
import Host
import Records
import Wire

/// Whether the cluster may call itself compliant, and what is off (HF-9).
enum ComplianceCommands {
  static let all: [Command] = [
    Command(
      "compliance", "whether this cluster enforces what it must: COMPLIANT or NON-COMPLIANT, and why",
      options: Command.session,
      details: """
        Asks every node. Each line names the requirements that it stands for, as Docs/Conformance.md has them. What
        executors say of themselves is their own word, signed: it is held against the keys that as many nodes as sign
        say they are enrolled with, and may not be older than a minute. Exit code 7 where anything is off.
        """, run: compliance)
  ]

  private static func compliance(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    switch session.identity.principal {
    case .operator, .auditor: break
    case .agent, .approver, .executor, .node:
      throw Failure(.denied, "for operators and auditors; this is \(session.identity.principal.path)")
    }
    let (nodes, findings) = try AlertCommands.hear(session)
    var reader = ComplianceReader()
    reader.read(
      nodes, findings: findings, actions: try Registry.actions(session),
      declarations: DeclarationCheck(
        cluster: try session.cluster().cluster,
        enrolled: try enrolled(session, DeclarationCheck.executors(nodes)),
        now: Environment.now))
    var table = TextTable(["requirements", "what", "state"])
    for item in reader.items { table.add([item.rows, item.what, item.isMet ? "met" : "OFF"]) }
    let off = reader.items.filter { !$0.isMet }
    var text = table.text
    for item in off { text += item.reasons.map { "off: \(item.rows): \($0)\n" }.joined() }
    text += reader.isCompliant ? "COMPLIANT" : "NON-COMPLIANT: \(off.count) of \(reader.items.count) are off"
    call.say(
      Report(
        text,
        [
          ("declaration", .string(reader.isCompliant ? "COMPLIANT" : "NON-COMPLIANT")),
          ("compliant", .bool(reader.isCompliant)), ("items", .array(reader.items.map(\.json))),
        ]))
    return reader.isCompliant ? .ok : .failed
  }

  /// How executors are enrolled, where as many nodes say the same as sign, of which at least one is honest. A node that
  /// does not answer, or does not know one, says nothing of it.
  private static func enrolled(
    _ session: Session, _ executors: [String]
  ) throws -> [String: DeclarationCheck.Enrolled] {
    var said: [String: [DeclarationCheck.Enrolled]] = [:]
    for node in session.members {
      for executor in executors {
        guard
          let answer = try? session.ask(
            node, "Admin/Status", StatusRequest(principal: executor), of: StatusResponse.self),
          let enrolment = try? JSON.parse(answer.json)["enrolment"],
          let key = enrolment["key"]?.string.flatMap(PublicKey.init(hex:)),
          let incarnation = enrolment["incarnation"]?.integer
        else { continue }
        said[executor, default: []].append(DeclarationCheck.Enrolled(key: key, incarnation: incarnation))
      }
    }
    return said.compactMapValues { answers in
      answers.first { answer in answers.count { $0 == answer } >= session.threshold }
    }
  }
}
