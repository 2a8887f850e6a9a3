import Canonical
import Foundation
import Merkle
import Records
import Testing
import Wire

/// A live `openexec` that is offered spoiled approvals over TLS: it runs none of them, refuses each for its own
/// reason, and runs the good one beside them, once.
@Suite(.serialized, .enabled(if: Machines.obstacle == nil, "\(Machines.obstacle ?? "")"))
struct SpoiledApprovalTests {
  private let governance: ScriptedGovernance
  private let node: ScriptedGovernanceNode
  private let executor: LiveExecutor

  init() throws {
    let governance = try ScriptedGovernance()
    self.governance = governance
    let node = try ScriptedGovernanceNode(governance)
    self.node = node
    executor = try LiveExecutor(node)
    try executor.waitUntilReady()
  }

  private func wait(_ what: String, seconds: Int = 60, _ condition: () throws -> Bool) throws {
    try Patience.wait(for: what, seconds: seconds, condition)
  }

  /// Offers the good one, and waits until it has run.
  private func control(_ name: String = "good") throws {
    governance.offer([try governance.approval(name)])
    try wait("the good one has run", seconds: 120) { governance.receipt(name) != nil }
    #expect(governance.receipt(name)?.status == .succeeded, "\(executor.events("job_ended"))")
  }

  /// Every way in which one scalar of a value can be another.
  private func changes(of value: JSON) -> [(path: String, value: JSON)] {
    switch value {
    case .null: [("", .bool(true))]
    case .bool(let flag): [("", .bool(!flag))]
    case .number: [("", .integer(7_777))]
    case .string(let text): [("", .string(text + "0"))]
    case .array(let items):
      items.isEmpty
        ? [("", .array(["x"]))]
        : items.indices.flatMap { position in
          changes(of: items[position]).map { path, new in
            var changed = items
            changed[position] = new
            return ("[\(position)]\(path)", .array(changed))
          }
        }
    case .object(let object):
      object.members.flatMap { member in
        changes(of: member.value).map { path, new in
          var changed = object
          changed[member.name] = new
          return (".\(member.name)\(path)", .object(changed))
        }
      }
    }
  }

  @Test("a token with any one claim changed is no token: each is refused and none runs")
  func everyClaim() throws {
    let good = try governance.approval("good")
    let proof = try LedgerProof(parsing: good.token)
    let spoiled = changes(of: try JSON.parse(proof.leaf))
    let paths = spoiled.map(\.path)
    for claim in ["token_id", "nonce", "expires_at", "executor_id", "policy_bundle_hash", "tenant_id"] {
      #expect(paths.contains { $0.hasSuffix(".\(claim)") }, "\(claim) of \(paths)")
    }
    let offers = spoiled.map { _, leaf in
      var offer = good
      offer.token =
        LedgerProof(leaf: leaf.canonicalBytes(), index: proof.index, path: proof.path, note: proof.note)
        .encoded
      return offer
    }
    governance.offer(offers)
    try wait("all are refused") { executor.events("offer_refused").count >= offers.count }
    #expect(executor.events("offer_refused").count == offers.count)
    #expect(executor.started.isEmpty && governance.state.withLock(\.receipts).isEmpty)
    // The token that they were made of is not used up.
    governance.offer([good])
    try wait("the good one has run", seconds: 120) { governance.receipt("good") != nil }
    #expect(governance.receipt("good")?.status == .succeeded, "\(executor.events("job_ended"))")
    #expect(executor.started == ["token-good"])
    // Replayed.
    let before = executor.events("offer_refused").count
    governance.offer([good, good])
    try wait("the replays are refused") { executor.events("offer_refused").count == before + 2 }
    #expect(executor.reasons("offer_refused").suffix(2).allSatisfy { $0.contains("nonce was used before") })
    #expect(executor.started == ["token-good"])
  }

  @Test("what a quorum signed and this executor may not run is refused with a receipt, or not its to answer")
  func signedAndWrong() throws {
    let at = SampleLedger.at
    typealias Spoil = (inout Proposal, inout Decision) -> Void
    let refused: [(name: String, code: String, spoil: Spoil)] = [
      (
        "expired", "TOKEN_EXPIRED",
        {
          $1.grant?.issuedAt = at.advanced(by: .seconds(-300))
          $1.grant?.expiresAt = at
        }
      ),
      ("long", "TOKEN_LIFETIME", { $1.grant?.expiresAt = at.advanced(by: .seconds(901)) }),
      ("bundle", "BUNDLE_MISMATCH", { $1.policyBundleHash = $1.proposalHash }),
      ("scope", "SCOPE_MISSING", { $1.grant?.allowedScopes = [] }),
      ("other-scope", "SCOPE_MISMATCH", { $1.grant?.approvalScope = "echo" }),
      ("version", "ACTION_VERSION", { $1.actionVersion = "2" }),
      ("people", "ATTESTORS_MISSING", { $1.grant?.multiSigThreshold = 1 }),
      ("class", "SANDBOX_INACTIVE", { $1.grant?.isolationClass = .kata }),
    ]
    let ignored: [(name: String, reason: String, spoil: Spoil)] = [
      ("other", "the token is for executor/e2", { $1.grant?.executorID = .executor("e2") }),
      ("life", "expected incarnation 1, the token is for 2", { $1.grant?.executorIncarnation = 2 }),
      (
        "denied", "expected an approving decision",
        {
          $1.decisionType = .deny; $1.grant = nil
        }
      ),
      ("swapped", "the proposal is not the decided one", { $1.proposalHash = $1.policyBundleHash }),
      ("parameters", "the parameters are not the approved ones", { $1.parametersHash = $1.proposalHash }),
    ]
    let offers =
      try refused.map { try governance.approval($0.name, spoil: $0.spoil) }
      + ignored.map { try governance.approval($0.name, spoil: $0.spoil) }
    governance.offer(offers)
    try wait("each is refused") {
      refused.allSatisfy { governance.receipt($0.name) != nil }
        && executor.events("offer_refused").count >= ignored.count
    }
    for (name, code, _) in refused {
      let receipt = governance.receipt(name)
      #expect(
        receipt?.status == .refused && receipt?.errorCode == code, "\(name): \(receipt?.errorCode ?? "")")
      #expect(receipt?.isolationClass == nil && receipt?.guest == nil)
    }
    let reasons = executor.reasons("offer_refused")
    for (name, reason, _) in ignored {
      #expect(reasons.contains { $0.contains(reason) }, "\(name): \(reasons)")
      #expect(governance.receipt(name) == nil)
    }
    #expect(executor.started.isEmpty)
    try control()
    #expect(executor.started == ["token-good"])
  }

  @Test("what is off is declared in the log, to the nodes, and by the preflight, in the same words (HF-9)")
  func readiness() throws {
    let logged = try #require(executor.events("readiness").last)
    #expect(logged["declaration"]?.string == "NON-COMPLIANT")
    let shortcomings = (logged["shortcomings"]?.array ?? []).compactMap(\.string)
    #expect(shortcomings.contains { $0.hasPrefix("credential_vault: ") })
    #expect(!shortcomings.contains { $0.hasPrefix("isolation") || $0.hasPrefix("images") })
    try wait("the nodes are told") {
      governance.state.withLock {
        $0.enlisted?.shortcomings == shortcomings && $0.enlisted?.compliant == false
      }
    }
    let file = node.configuration
    let table = try Programs.run("openexec", ["preflight", "--config", file])
    #expect(table.output.contains("NON-COMPLIANT\n") && table.output.contains("credential_vault  OFF"))
    let found = try JSON.parse(
      try Programs.run("openexec", ["preflight", "--config", file, "--json"]).output)
    #expect(found["declaration"]?.string == "NON-COMPLIANT")
    let off = (found["readiness"]?.array ?? []).filter { $0["on"]?.bool == false }
    #expect(off.compactMap { $0["item"]?.string } == shortcomings.map { String($0.prefix { $0 != ":" }) })
  }

  @Test("once its lease has lapsed nothing runs; what expires meanwhile never does")
  func lapsed() throws {
    try control()
    governance.state.withLock {
      $0.isLeasing = false
      $0.asked = 0
    }
    // It asks each second where none is live, and every few seconds before.
    let seconds = LeaseLine.standardSeconds
    try wait("the lease has lapsed") { governance.state.withLock(\.asked) > seconds + 2 }
    governance.offer([try governance.approval("late")])
    let asked = governance.state.withLock(\.asked)
    try wait("it has had time to begin") { governance.state.withLock(\.asked) > asked + 3 }
    #expect(executor.started == ["token-good"] && governance.receipt("late") == nil)
    // It was waiting: the next lease decides, and by its time the token has ended.
    governance.state.withLock {
      $0.time = SampleLedger.at.advanced(by: .seconds(400))
      $0.isLeasing = true
    }
    try wait("it is refused") { governance.receipt("late") != nil }
    #expect(governance.receipt("late")?.status == .refused)
    #expect(governance.receipt("late")?.errorCode == "TOKEN_EXPIRED")
    #expect(executor.started == ["token-good"])
  }
}
