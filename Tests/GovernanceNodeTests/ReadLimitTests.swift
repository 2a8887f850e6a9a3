import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// What callers read: every number that a call names is answered, and of another tenant's records nobody is told.
struct ReadLimitTests {
  private func call(_ rig: Rig, _ method: Method, by caller: Principal, _ payload: [UInt8]) -> CallStatus? {
    let key = CallKey(connection: 77, call: rig.random.next())
    rig.step(
      .call(ClientCall(key: key, caller: caller, method: method.path, payload: payload)))
    for case .respond(key, let status, _) in rig.answers { return status }
    return nil
  }

  @Test(
    "a call that names the largest number there is is answered as any other",
    arguments: [UInt64.max, UInt64.max - 1])
  func largest(number: UInt64) throws {
    let rig = try Rig()
    let approver = Principal.approver("rig1")
    var list = ArtifactListRequest()
    (list.tenant, list.workspace, list.after) = ("acme", "main", number)
    var trace = TraceRequest()
    (trace.tenant, trace.after) = ("acme", number)
    var pending = ListPendingRequest()
    (pending.after, pending.proposal) = (number, number)
    var file = ArtifactRequest()
    (file.tenant, file.digest, file.decision) = ("acme", String(repeating: "0", count: 64), number)
    var proposal = ProposalRequest()
    proposal.proposal = number
    var proof = ProofRequest()
    (proof.index, proof.size) = (number, number)
    let calls: [(Method, Principal, [UInt8])] = [
      (.artifactList, Rig.agent, list.encode()), (.trace, Rig.agent, trace.encode()),
      (.listPending, approver, pending.encode()), (.artifactGet, Rig.agent, file.encode()),
      (.artifactGet, .executor("executor1"), file.encode()), (.get, Rig.agent, proposal.encode()),
      (.watch, Rig.agent, proposal.encode()), (.entry, approver, EntryRequest(index: number).encode()),
      (.inclusionProof, approver, proof.encode()), (.consistencyProof, approver, proof.encode()),
    ]
    for (method, caller, payload) in calls {
      let status = call(rig, method, by: caller, payload)
      #expect(status != nil && status?.code != .internal, "\(method.rawValue): \(String(describing: status))")
    }
  }

  @Test(
    "a ballot, and what its voter wrote beside it, is told to nobody who approves for another tenant alone")
  func ballots() throws {
    let rig = try Rig()
    let proposal = try rig.propose("deploy")
    try rig.approve(proposal)
    let ballot = try #require(
      (proposal.value..<rig.node.finality.size).first { index in
        if case .ballot = rig.node.raft.log.record(at: LeafIndex(index))?.body { true } else { false }
      })
    let request = EntryRequest(index: ballot).encode()
    for (caller, isTold) in [
      (Principal.approver("rig1"), true), (.approver("rig2"), true), (Rig.stranger, false),
      (.operator("pat"), false), (Rig.agent, false),
    ] {
      let code = try #require(call(rig, .entry, by: caller, request)).code
      #expect(code == (isTold ? .ok : .notFound), "\(caller.path): \(code)")
    }
    let isAuditors = rig.node.raft.log.record(at: LeafIndex(ballot)).map {
      rig.node.mayRead(.auditor("a"), $0.body)
    }
    #expect(isAuditors == true)
  }
}
