import Canonical
import ClawShield
import Crypto
import OpenExec
import Records

// Contamination: what is one agent's is looked for in everything that others get. Within a tenant agents may read each
// other's files and outcomes (Docs/Permissions.md), so between them it is machines and labels that keep things apart.
extension Oracles {
  private static var contamination: String { "contamination canaries" }

  /// Somebody outside is told something.
  mutating func gets(_ payload: [UInt8], _ reader: Principal, at time: UInt64) {
    holdsNoSecret(payload, "what \(reader.path) is told", at: time)
    switch reader {
    case .agent, .approver, .operator: holdsNothingCovered(payload, "what \(reader.path) is told", at: time)
    case .auditor, .executor, .node: break
    }
    // Approvers, auditors and executors of these worlds serve every tenant.
    let tenant: String
    switch reader {
    case .agent(let own, _): tenant = own
    case .operator: tenant = ""
    case .approver, .auditor, .executor, .node: return
    }
    evaluated(Self.contamination)
    let found = canaries.found(in: payload).first { canary in
      guard case .agent(let other, _) = canary.agent, other != tenant else { return false }
      return !hasCrossed(from: other, to: tenant)
    }
    if let found {
      fail(
        Self.contamination,
        "\(reader.path) is told what is in the \(found.place.rawValue) of \(found.agent.path)",
        at: time)
    }
  }

  /// What of a run's belongs to nobody but its agent, and to those whom its inputs' labels name.
  mutating func reads(_ order: RunOrder, _ decision: Decision, at time: UInt64) {
    evaluated(Self.contamination)
    let agent = decision.requestedBy
    // An executor knows a file by its first record, and who wrote that may have lied.
    let labels = order.inputs.flatMap(\.labels) + self.labels.readings(of: decision.proposal)
    for bytes in [order.parameters] + order.inputs.map(\.content) {
      for canary in canaries.found(in: bytes)
      where canary.agent != agent
        && !(labels.contains(canary.agent.path)
          && (Self.isSameTenant(canary.agent, agent) || Self.isOf(decision.crossing?.tenantID, canary.agent)))
      {
        fail(
          Self.contamination,
          "a run of \(agent.path) reads what is in the \(canary.place.rawValue) of \(canary.agent.path)",
          at: time)
      }
    }
  }

  /// What an honest sandbox gives back comes from what it was given: its parameters and inputs.
  mutating func gives(_ output: [UInt8], _ order: RunOrder, for agent: Principal, at time: UInt64) {
    evaluated(Self.contamination)
    if SimulatedRevelation.found(in: output) != nil { reach.isRevealed = true }
    let given = ([order.parameters] + order.inputs.map(\.content)).flatMap(canaries.found(in:)).map(\.agent)
    for canary in canaries.found(in: output) where canary.agent != agent && !given.contains(canary.agent) {
      fail(
        Self.contamination,
        "a run of \(agent.path) gives what is in the \(canary.place.rawValue) of \(canary.agent.path)",
        at: time)
    }
  }

  /// What can be erased stands in attachments and artifacts, and never in a leaf or in a log.
  mutating func publishes(_ bytes: [UInt8], _ what: @autoclosure () -> String, at time: UInt64) {
    evaluated(Self.contamination)
    holdsNoSecret(bytes, what(), at: time)
    holdsNothingCovered(bytes, what(), at: time)
    if let found = canaries.found(in: bytes).first {
      fail(
        Self.contamination, "\(what()) has what is in the \(found.place.rawValue) of \(found.agent.path)",
        at: time)
    }
  }

  /// A program says something in its log: the very line that it writes.
  mutating func logs(_ line: LogLine, _ who: @autoclosure () -> String, at time: UInt64) {
    publishes(JSON.object(line.fields).canonicalBytes(), "a log line of \(who())", at: time)
  }

  /// Somebody puts a file: what it holds is known from now on by its digest.
  mutating func puts(_ content: [UInt8]) {
    let agents = canaries.found(in: content).map(\.agent)
    if !agents.isEmpty { labels.holds(SHA256.hash(content), agents.map(\.path)) }
  }

  /// Holds the labels of the final state against those that follow from the leaves before it.
  mutating func holdLabels(_ state: ShieldState, at time: UInt64) {
    guard labels.isChanged else { return }
    evaluated("labels follow inputs")
    if let objection = labels.objection(to: state, isExact: liars.isEmpty) {
      fail("labels follow inputs", objection, at: time)
    }
  }

  /// Whether an approval lets a tenant read of another. That both have agreed to it is the ledger's audit's to say.
  private func hasCrossed(from other: String, to tenant: String) -> Bool {
    audit?.approvals.contains { _, decision in
      decision.tenantID == tenant && decision.crossing?.tenantID == other
    } ?? false
  }

  private static func isOf(_ tenant: String?, _ agent: Principal) -> Bool {
    if case .agent(let own, _) = agent { own == tenant } else { false }
  }

  private static func isSameTenant(_ a: Principal, _ b: Principal) -> Bool {
    guard case .agent(let first, _) = a, case .agent(let second, _) = b else { return false }
    return first == second
  }
}
