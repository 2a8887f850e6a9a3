import Canonical
import Host
import Records

/// What happened, a row a decision or receipt, read from a verified export.
enum LedgerTable {
  static func run(_ call: Invocation) throws -> ExitCode {
    let export = try LedgerCommands.verified(call)
    var table = TextTable([
      "leaf", "record", "request", "agent", "action", "status", "isolation", "guest kernel",
    ])
    var rows: [JSON] = []
    let withheld = Set(export.approvals.filter { !$0.isConsented }.map(\.leaf))
    for (index, record) in export.records.enumerated() {
      guard let row = row(index, record.body, isWithheld: withheld.contains(LeafIndex(UInt64(index)))) else {
        continue
      }
      table.add(row.map(\.1))
      rows.append(.object(row.map { ($0.0, .string($0.1)) }))
    }
    call.say(
      Report(
        "cluster \(export.cluster.hex), \(export.records.count) records, verified\n" + table.text,
        [
          ("cluster", .string(export.cluster.hex)), ("records", .integer(export.records.count)),
          ("verified", true), ("rows", .array(rows)),
        ]))
    return .ok
  }

  private static func row(_ index: Int, _ body: RecordBody, isWithheld: Bool) -> [(String, String)]? {
    switch body {
    case .decision(let decision):
      return [
        ("leaf", String(index)), ("record", "decision"), ("request", decision.requestID),
        ("agent", decision.requestedBy.path), ("action", decision.action),
        ("status", decision.decisionType.rawValue + (isWithheld ? ", no consent" : "")),
        ("isolation_class", decision.grant.map { "at least \($0.isolationClass.rawValue)" } ?? ""),
        ("guest_kernel", ""),
      ]
    case .receipt(let signed):
      let receipt = signed.content
      return [
        ("leaf", String(index)), ("record", "receipt"), ("request", receipt.requestID),
        ("agent", ""), ("action", receipt.action),
        (
          "status",
          receipt.status.rawValue + (receipt.errorCode.isEmpty ? "" : " \(receipt.errorCode)")
        ),
        ("isolation_class", receipt.isolationClass?.rawValue ?? "nothing ran"),
        ("guest_kernel", receipt.guest?.kernel ?? ""),
      ]
    case .genesis, .term, .tick, .members, .derivedMembers, .key, .version, .policy, .enrol, .artifact,
      .proposal,
      .ballot,
      .withdrawal, .incident, .derivedIncident, .recovery:
      return nil
    }
  }

  /// What a record says, in a few words.
  static func sentence(_ body: RecordBody) -> String {
    switch body {
    case .genesis(let genesis): "\(genesis.clusterName), \(genesis.threshold) of \(genesis.parties.count)"
    case .term(let number, let leader): "term \(number), led by party \(leader)"
    case .tick: "time passes"
    case .members(let act, _):
      "\(act.content.threshold) of \(act.content.parties.map(\.name).joined(separator: ", ")) are to sign"
        + (act.content.rotate ? ", with another key" : "")
        + (act.content.takesBack.map { ": takes back \($0)" } ?? "")
    case .derivedMembers(let step):
      "\(step.step.rawValue): voters \(step.configuration.voters.map(String.init).joined(separator: ", "))"
    case .key(let key):
      "key \(key.content.groupKey.hex) of \(key.content.parties.map(\.name).joined(separator: ", "))"
    case .version(let act): "semantics \(act.content.semantics)"
    case .policy(let act): "bundle \(act.content.bundleVersion)"
    case .enrol(let act):
      act.content.enrol.map { "enrols \($0.principal.path)" }
        ?? "ends the enrolment of \(act.content.revoke?.path ?? "")"
    case .artifact(let note): "\(note.content.digest.hex), \(note.content.size) bytes"
    case .proposal(let signed): "\(signed.content.requestedBy.path) asks for \(signed.content.action)"
    case .ballot(let signed):
      "\(signed.content.voter.path) votes \(signed.content.vote.rawValue) on \(signed.content.proposal.value)"
    case .withdrawal(let signed): "\(signed.content.requestedBy.path) takes it back"
    case .decision(let decision): "\(decision.decisionType.rawValue): \(decision.rationale)"
    case .receipt(let signed): "\(signed.content.status.rawValue) on \(signed.content.executorID.path)"
    case .incident(let act): "\(act.content.kind.rawValue) \(act.content.target.text)"
    case .derivedIncident(let incident): "\(incident.kind.rawValue): \(incident.message)"
    case .recovery(let record):
      "size \(record.act.content.size) stands"
        + (record.key.map { ", and goes on under key \($0.content.groupKey.hex)" } ?? "")
    }
  }
}
