import Canonical
import Host
import Records
import Wire

extension CheckedOutcome {
  /// The outcome for people and programs. `name` is what the asker calls the proposal.
  func report(_ name: String) -> Report {
    Report(text(name), json)
  }

  private func text(_ name: String) -> String {
    var lines = ["\(name): \(headline)"]
    if let decision, !decision.rationale.isEmpty, outcome.status != "withdrawn" {
      lines.append("  why       \(VisibleText.line(decision.rationale))")
    }
    for rule in decision?.rulesFired ?? [] where rule.effect != .approve {
      lines.append("  rule      \(rule.rule) (\(rule.effect.rawValue)): \(rule.message)")
    }
    if outcome.status == "pending" {
      for demand in outcome.demands {
        let whose = demand.tenant.isEmpty ? "" : " of tenant \(demand.tenant)"
        lines.append("  needs     \(demand.count) of role \(demand.role)\(whose), has \(demand.approved)")
      }
      if outcome.unconfirmed {
        lines.append(
          "  needs     a confirmation by whoever answers for the agent: claw confirm \(outcome.proposal)")
      }
      if !outcome.deadline.isEmpty { lines.append("  until     \(outcome.deadline)") }
    }
    if let grant = decision?.grant {
      lines.append(
        "  token     \(grant.tokenID) for \(grant.executorID.path), expires \(grant.expiresAt.text)")
    }
    if let receipt { lines += Self.lines(of: receipt) }
    if let result { lines.append("  result    \(result.canonical)") }
    if let redacted {
      lines.append("  redacted  \(redacted.canonical)")
      lines.append(
        "            covered by the policy, so that the receipt's hash is not of this: the node's word")
    }
    if let checkpoint {
      lines.append("  proven    by the note of size \(checkpoint.size), \(checkpoint.time.text)")
    }
    lines.append("  proposal  leaf \(outcome.proposal), trace \(outcome.traceID)")
    return lines.joined(separator: "\n")
  }

  private static func lines(of receipt: Receipt) -> [String] {
    var lines = ["  ran       on \(receipt.executorID.path), \(receipt.finishedAt.text)"]
    if let isolation = receipt.isolationClass {
      let kernel = receipt.guest.map { ", guest kernel \($0.kernel)" } ?? ""
      lines.append("  isolation \(isolation.rawValue)\(kernel)")
    }
    if !receipt.errorCode.isEmpty { lines.append("  error     \(receipt.errorCode)") }
    if receipt.truncated { lines.append("  note      the output was cut at its limit") }
    return lines
  }

  private var headline: String {
    switch outcome.status {
    case "approved": "approved by the parties; its executor runs it"
    case "completed": "completed"
    case "denied": "denied"
    case "pending": "pending: people must decide"
    case "undecided": "not decided yet"
    case "withdrawn": "withdrawn by its agent"
    case "failed": "it ran and failed"
    case "aborted": "aborted"
    case "unknown": "nobody can say how it ended; it is not run again"
    default: outcome.status
    }
  }

  private var json: [(String, JSON)] {
    var members: [(String, JSON)] = [
      ("status", .string(outcome.status)), ("proposal", .string(String(outcome.proposal))),
      ("message", .string(outcome.message)), ("trace_id", .string(outcome.traceID)),
      ("decision_id", .string(outcome.decisionID)), ("token_id", .string(outcome.tokenID)),
      ("deadline", .string(outcome.deadline)), ("unconfirmed", .bool(outcome.unconfirmed)),
      (
        "demands",
        .array(
          outcome.demands.map {
            .object([
              ("role", .string($0.role)), ("count", .integer(Int($0.count))),
              ("approved", .integer(Int($0.approved))), ("tenant", .string($0.tenant)),
            ])
          })
      ),
      ("final_size", .string(String(outcome.finalSize))), ("final_time", .string(outcome.finalTime)),
      ("exit_code", .integer(Int(exitCode.rawValue))),
    ]
    if let decision { members.append(("decision", decision.json)) }
    if let receipt { members.append(("receipt", receipt.json)) }
    if let result { members.append(("result", result)) }
    if let redacted { members.append(("redacted", redacted)) }
    if !outcome.decisionProof.isEmpty { members.append(("decision_proof", .string(outcome.decisionProof))) }
    if !outcome.receiptProof.isEmpty { members.append(("receipt_proof", .string(outcome.receiptProof))) }
    return members
  }
}
