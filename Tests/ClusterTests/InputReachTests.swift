import Crypto
import Foundation
import Merkle
import Network
import Records
import Testing
import Wire

/// What an enrolled executor gets of a live cluster's files: the inputs of a live approval that names it, and
/// nothing else, whatever it asks. No program runs here as an executor: the test holds its certificate.
@Suite(.serialized)
struct InputReachTests {
  private static let rivalKey: UInt8 = 77

  /// Enlists as the program does, and offers the weakest class that the actions take.
  private func enlist(_ executor: BlockingClient) -> CallStatus {
    executor.status(
      "Executor/Enlist",
      EnlistRequest(
        incarnation: 1, challenge: [UInt8](repeating: 7, count: 16), isolationClasses: ["microvm-tcg"]))
  }

  @Test("an executor fetches what its own live approval names, and no other file of any tenant")
  func reach() throws {
    let rival = Enrolment(
      principal: .agent(tenant: "rival", name: "r"), key: try SampleLedger.key(Self.rivalKey).publicKey,
      tenantID: "rival", owner: "rita", expiresAt: .now.advanced(by: .seconds(3600)))
    let cluster = try LoopbackCluster(
      nodes: 3, threshold: 2, executors: 2, port: 26_400, people: [rival])
    let agent = try Caller(founded: "agents/agent-1", of: cluster)
    let client = try agent.connect(to: cluster.clients(1))
    let proposals = try Proposals(agent, client)
    func put(_ text: String) throws -> String {
      try client.call("Artifact/Put", proposals.artifact(Array(text.utf8)), of: ArtifactStat.self).digest
    }
    let (named, other) = (try put("named"), try put("not named"))
    let stranger = try Caller("tenant/rival/agent/r", of: cluster, keyNumber: Self.rivalKey)
    let theirs = try stranger.connect(to: cluster.clients(1)).call(
      "Artifact/Put",
      Proposals(stranger, stranger.connect(to: cluster.clients(1))).artifact(
        Array("theirs".utf8), tenant: "rival"),
      of: ArtifactStat.self
    ).digest

    // One executor of the two offers a class, so it is the one that is named.
    let first = try Caller(founded: "executors/executor-1", of: cluster).connect(to: cluster.clients(1))
    let second = try Caller(founded: "executors/executor-2", of: cluster).connect(to: cluster.clients(1))
    let digest = try #require(Digest(hex: named))
    var outcome = Wire.Outcome()
    var tries = 0
    try cluster.waitUntil("an approval names the executor", seconds: 40) {
      let lease = enlist(first)
      try #require([.ok, .unavailable].contains(lease.code), "\(lease)")
      tries += 1
      let request = try proposals.request("transform", ["operation": "uppercase"], id: "reads-\(tries)") {
        $0.inputs = [digest]
      }
      outcome = try client.call("Governance/Submit", request, of: Wire.Outcome.self)
      return outcome.status == "approved"
    }
    let decision = try LedgerProof(parsing: outcome.decisionProof).index.value

    func ask(_ executor: BlockingClient, _ digest: String, tenant: String = "acme", decision: UInt64)
      -> CallStatus
    {
      executor.status("Artifact/Get", ArtifactRequest(tenant: tenant, digest: digest, decision: decision))
    }
    let got = try first.call(
      "Artifact/Get", ArtifactRequest(tenant: "acme", digest: named, decision: decision),
      of: ArtifactContent.self)
    #expect(got.content == Array("named".utf8) && !got.proof.isEmpty)
    func expectNone(_ status: CallStatus, by name: String, at leaf: UInt64) {
      #expect(
        status
          == CallStatus(
            .notFound, "no input of a live approval at leaf \(leaf) that names executor/\(name)"))
    }
    // Of the same tenant, and of another's under either name.
    expectNone(ask(first, other, decision: decision), by: "executor-1", at: decision)
    expectNone(ask(first, theirs, decision: decision), by: "executor-1", at: decision)
    expectNone(ask(first, theirs, tenant: "rival", decision: decision), by: "executor-1", at: decision)
    expectNone(ask(first, named, tenant: "rival", decision: decision), by: "executor-1", at: decision)
    // Under no approval, under what is none, and by an executor that it does not name.
    for leaf in [0, decision - 1, decision + 1, 1 << 40] {
      expectNone(ask(first, named, decision: leaf), by: "executor-1", at: leaf)
    }
    expectNone(ask(second, named, decision: decision), by: "executor-2", at: decision)
    // An agent of another tenant learns nothing with it either.
    let agents = ArtifactRequest(tenant: "acme", digest: named, decision: decision)
    #expect(
      try stranger.connect(to: cluster.clients(1)).status("Artifact/Get", agents).code == .notFound)
    // What is no digest is said to be none.
    #expect(ask(first, "x", decision: decision).code == .invalidArgument)
  }
}
