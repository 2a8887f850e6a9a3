import Canonical
import Crypto
import OpenExec
import Records

// What runs that reach out may do, held against `SimulatedReach` and the vault, apart from what decides it: no secret is
// anywhere outside of its run, no byte goes where nothing was granted, no token is wider than its grant, no image is
// another, and what was tried stands in the receipt.
extension Oracles {
  /// A run of an action that reaches out has ended, or was not started.
  mutating func ran(_ order: RunOrder, _ trace: RunTrace, at time: UInt64) {
    for what in trace.tries { count(fault: what) }
    reach.isUsed = true
    let token = order.id.token
    if let image = trace.image {
      evaluated("images are the approved ones")
      if image != SimulatedReach.imageDigest {
        fail("images are the approved ones", "\(token) runs \(image)", at: time)
      }
    }
    evaluated("egress stays within its grant")
    for sent in trace.sent
    where (sent.host, sent.port, sent.address)
      != (SimulatedReach.host, SimulatedReach.port, SimulatedReach.address)
    {
      fail(
        "egress stays within its grant",
        "\(token) has sent \(sent.count) bytes to \(sent.host):\(sent.port) at \(sent.address)", at: time)
    }
    if trace.sent.reduce(0, { $0 + $1.count }) > SimulatedReach.sentBytes {
      fail("egress stays within its grant", "\(token) has sent more than its grant", at: time)
    }
    for held in trace.tokens {
      evaluated("access tokens stay within their grant")
      let isWithin =
        held.scopes.allSatisfy(SimulatedReach.account.scopes.contains)
        && held.audiences == [SimulatedReach.account.audience]
      if !isWithin {
        fail(
          "access tokens stay within their grant",
          "\(token) holds an access token for \(held.scopes) at \(held.audiences)", at: time)
      }
    }
    if let tenant = trace.secretsOf, tenant != execution.decisions[token]?.tenantID {
      fail("secrets stay in their runs", "\(token) holds secrets of \(tenant)", at: time)
    }
  }

  /// What came of a run has reached its executor.
  mutating func leaves(_ run: RunID, _ outcome: RunOutcome, _ risk: String?, at time: UInt64) {
    holdsNoSecret(outcome.output, "the output of \(run.token)", at: time)
    holdsNoSecret(outcome.errorOutput, "the error output of \(run.token)", at: time)
    if let risk { reach.risks[run.token] = risk }
  }

  /// Anything that leaves an executor or a node.
  mutating func holdsNoSecret(
    _ bytes: @autoclosure () -> [UInt8], _ what: @autoclosure () -> String, at time: UInt64
  ) {
    guard reach.isUsed else { return }
    evaluated("secrets stay in their runs")
    if SimulatedSecret.stands(in: bytes()) {
      fail("secrets stay in their runs", "\(what()) has a secret of the vault in it", at: time)
    }
  }

  /// What is told to agents and people, or stands in a leaf or a log, has nothing in it that is to be covered (INV-010).
  mutating func holdsNothingCovered(
    _ bytes: @autoclosure () -> [UInt8], _ what: @autoclosure () -> String, at time: UInt64
  ) {
    guard reach.isRevealed else { return }
    evaluated("results are redacted")
    if let found = SimulatedRevelation.found(in: bytes()) {
      fail("results are redacted", "\(what()) has \(found) in it", at: time)
    }
  }

  /// A receipt of an honest executor is final.
  mutating func flags(_ receipt: Receipt, at time: UInt64) {
    guard receipt.evidence != nil, receipt.action == SimulatedReach.action else { return }
    evaluated("risky runs are flagged")
    if let risk = reach.risks[receipt.tokenID], !receipt.exfiltrationRisk {
      fail(
        "risky runs are flagged", "the receipt of \(receipt.tokenID) says nothing of it: \(risk)", at: time)
    }
  }
}

/// What the oracles know of runs that reach out.
struct ReachKnowledge: Sendable {
  /// Whether any has run: before, there is nothing to look for.
  var isUsed = false
  /// Whether an action has written down what is to be covered.
  var isRevealed = false
  /// By token, why its receipt has to say so.
  var risks: [String: String] = [:]
}
