import Canonical
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
        executors say of themselves is their own word. Exit code 7 where anything is off.
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
    reader.read(nodes, findings: findings, actions: try Registry.actions(session))
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
}
