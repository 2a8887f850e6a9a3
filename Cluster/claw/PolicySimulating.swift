import Canonical
import ClawShield
import Host
import Records

/// `claw policy simulate`: history under another bundle.
enum PolicySimulating {
  static func run(_ call: Invocation) throws -> ExitCode {
    let folder = call.parsed.operand(0) ?? ""
    let bundle = try PolicyFolder.read(folder, images: call.parsed.value("--images"))
    let path = try call.parsed.required("--from")
    let export = try LedgerCommands.verified(path, cluster: try LedgerCommands.trusted(call))
    guard let genesis = export.records.first, let attachment = export.attachments.first else {
      throw Failure(.failed, "\(path): expected a genesis")
    }
    var simulation: PolicySimulation
    do {
      simulation = try PolicySimulation(genesis: genesis, attachment: attachment, candidate: bundle)
    } catch {
      throw Failure(.failed, "\(path): \(error)")
    }
    if let first = (export.erased.map(\.leaf) + export.leftOut).min() {
      call.remark(
        "what stood beside some records from leaf \(first.value) on is not in \(path), most likely erased: what was asked there "
          + "cannot be decided again, and what rests on it may differ")
    }
    for (record, attachment) in zip(export.records, export.attachments).dropFirst() {
      if case .divergent(let expected) = simulation.apply(record, attachment: attachment) {
        call.remark("a record is not what the ledger implies: expected \(expected)")
      }
    }
    call.say(report(simulation, bundle, export.records.count))
    return .ok
  }

  private static func report(_ simulation: PolicySimulation, _ bundle: PolicyBundle, _ records: Int) -> Report
  {
    var lines = simulation.changes.map { change in
      let proposal = change.proposal
      return """
        leaf \(change.leaf.value)  \(proposal.requestID)  \(proposal.requestedBy.path)  \(proposal.action)
          was    \(words(change.before))
          would  \(words(change.after))
        """
    }
    lines.append(
      "\(simulation.changes.count) of \(simulation.decided) decisions would change, in \(records) records; bundle \(bundle.hash.hex)"
    )
    return Report(
      lines.joined(separator: "\n"),
      [
        ("policy_bundle_hash", .string(bundle.hash.hex)), ("decided", .integer(simulation.decided)),
        (
          "changes",
          .array(
            simulation.changes.map { change in
              .object([
                ("leaf", .string(String(change.leaf.value))),
                ("request_id", .string(change.proposal.requestID)),
                ("agent", .string(change.proposal.requestedBy.path)),
                ("action", .string(change.proposal.action)), ("was", json(change.before)),
                ("would_be", json(change.after)),
              ])
            })
        ),
      ])
  }

  /// The type, who is asked, and the rules that said so.
  private static func words(_ outcome: PolicySimulation.Outcome) -> String {
    let people = outcome.demands.map { "\($0.count) × \($0.role)" }.joined(separator: ", ")
    let rules = outcome.rules.filter { $0.effect == outcome.type }.map(\.rule).joined(separator: ", ")
    return [outcome.type.rawValue, people, rules.isEmpty ? "" : "by \(rules)"].filter { !$0.isEmpty }
      .joined(separator: "; ")
  }

  private static func json(_ outcome: PolicySimulation.Outcome) -> JSON {
    .object([
      ("decision_type", .string(outcome.type.rawValue)), ("demands", .array(outcome.demands.map(\.json))),
      ("rules", .array(outcome.rules.map(\.json))),
    ])
  }
}
