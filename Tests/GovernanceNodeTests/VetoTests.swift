import ClawShield
import Crypto
import Merkle
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// A party's veto: whose order counts, what it does to that party's share, and that it outlives the process.
struct VetoTests {
  /// A node with a proposal that waits for people.
  private func waiting() throws -> (rig: Rig, leaf: LeafIndex) {
    let rig = try Rig()
    let leaf = try rig.propose("deploy")
    return (rig, leaf)
  }

  private func order(
    _ rig: Rig, _ leaf: LeafIndex, party: Int = 1, hash: Digest? = nil, key: borrowing SigningKey,
    seconds: Int64 = 60
  ) throws -> [UInt8] {
    let known = try #require(rig.node.overlay.final.proposalView(at: leaf)?.leafHash)
    let now = rig.node.now.wall
    return PartySigned(
      VetoOrder(
        party: party, proposal: leaf, proposalHash: hash ?? known, reason: "no", signedAt: now,
        validUntil: now.advanced(by: .seconds(seconds))), cluster: rig.node.cluster, with: key
    ).bytes
  }

  private func call(_ rig: Rig, _ order: [UInt8], number: UInt64 = 1) -> StatusCode? {
    rig.answers = []
    rig.step(
      .call(
        ClientCall(
          key: CallKey(connection: 9, call: number), caller: .operator("pat"), method: Method.veto.path,
          payload: StatementRequest(statement: order).encode())))
    guard case .respond(_, let status, _)? = rig.answers.first else { return nil }
    return status.code
  }

  @Test("only an order of this party, by its key, in time and about that proposal is taken")
  func orders() throws {
    let (rig, leaf) = try waiting()
    let own = rig.partyKey()
    let other = SigningKey.generate(using: &rig.random)
    #expect(call(rig, try order(rig, leaf, key: other)) == .permissionDenied)
    #expect(call(rig, try order(rig, leaf, party: 2, key: own)) == .permissionDenied)
    #expect(call(rig, try order(rig, leaf, key: own, seconds: -1)) == .permissionDenied)
    #expect(call(rig, try order(rig, leaf, hash: SHA256.hash("x"), key: own)) == .failedPrecondition)
    #expect(call(rig, Array("{}".utf8)) == .invalidArgument)
    #expect(call(rig, try order(rig, leaf, key: own)) == .ok)
    // Again is no other.
    #expect(call(rig, try order(rig, leaf, key: own)) == .ok)
    #expect(rig.node.vetoes.standing.count == 1)
  }

  @Test(
    "a party that vetoed a proposal declines consent to its approval and nothing else, also after a restart")
  func declines() throws {
    let (rig, leaf) = try waiting()
    #expect(call(rig, try order(rig, leaf, key: rig.partyKey())) == .ok)
    try rig.restart()
    for _ in 0..<60 { rig.step(.tick) }
    #expect(rig.node.vetoes.stands(on: leaf))
    try rig.approve(leaf)
    let approved = rig.node.approval(of: leaf)
    let approval = try #require(approved)
    for _ in 0..<40 { rig.step(.tick) }
    // The only party has declined: the approval is final, consented to by nobody, and withheld.
    #expect(rig.node.view.finalSize > approval.value + 1)
    let view = rig.node.overlay.final.proposalView(at: leaf)
    #expect(view?.status == .aborted)
    let proof = rig.node.proof(of: approval, consenting: true)
    #expect(proof == nil)
    // What is over needs no veto.
    #expect(rig.node.vetoes.standing.isEmpty)
  }

  @Test("what is consented to already cannot be vetoed")
  func late() throws {
    let (rig, leaf) = try waiting()
    try rig.approve(leaf)
    for _ in 0..<10 { rig.step(.tick) }
    #expect(call(rig, try order(rig, leaf, key: rig.partyKey())) == .failedPrecondition)
  }

  @Test("a party's own bundle is asked before its share, and its reason is what is declined for")
  func bundle() throws {
    let rig = try Rig(
      localPolicy: LocalPolicy(files: [
        ("local.rego", "package openexec\n\nwithhold contains \"no deploys\" if input.action == \"deploy\"\n")
      ]))
    let echo = try rig.propose("echo")
    let deploy = try rig.propose("deploy")
    try rig.approve(deploy)
    for _ in 0..<40 { rig.step(.tick) }
    let one = rig.node.overlay.final.proposalView(at: echo)
    let other = rig.node.overlay.final.proposalView(at: deploy)
    #expect(one?.status == .approved)
    #expect(other?.status == .aborted && other?.rationale.contains("no deploys") == true)
    let approval = try #require(one?.approval)
    let proof = rig.node.proof(of: approval, consenting: true)
    #expect(proof != nil)
  }

  @Test(
    "what a party's own bundle was not asked about, as where the proposal is not here, it has not let pass")
  func unasked() throws {
    let rig = try Rig()
    let leaf = try rig.propose("echo")
    for _ in 0..<40 { rig.step(.tick) }
    let approval = try #require(rig.node.overlay.final.proposalView(at: leaf)?.approval)
    guard case .decision(let decision)? = rig.node.raft.log.record(at: approval)?.body else {
      Issue.record("no decision")
      return
    }
    let policy = try LocalPolicy(files: [
      ("local.rego", "package openexec\n\nwithhold contains \"x\" if false\n")
    ]
    )
    var vetoes = try Vetoes(ledger: rig.node.raft.log, policy: policy)
    #expect(vetoes.objection(to: decision) == "the local policy could not be asked")
    vetoes.note(nil, of: decision)
    #expect(vetoes.objection(to: decision) == nil)
    #expect(try Vetoes(ledger: rig.node.raft.log, policy: nil).objection(to: decision) == nil)
  }

  @Test("a share that waits for its lock when a veto comes is not given")
  func heldShare() throws {
    let (rig, leaf) = try waiting()
    rig.holdsLocks = true
    try rig.approve(leaf)
    let approval = try #require(rig.node.overlay.head.proposalView(at: leaf)?.approval)
    // What is signed first may not reach to the approval: only the share that does is made to wait.
    for _ in 0..<60 where !rig.node.signer.holds(consentTo: approval) {
      rig.passHeldLocks()
      rig.step(.tick)
    }
    let isHeld = rig.node.signer.holds(consentTo: approval)
    try #require(isHeld)
    #expect(call(rig, try order(rig, leaf, key: rig.partyKey())) == .ok)
    #expect(try message(rig).hasPrefix("party 1 gives no share;"))
    let isStillHeld = rig.node.signer.holds(consentTo: approval)
    #expect(!isStillHeld)
    rig.releaseLocks()
    for _ in 0..<60 { rig.step(.tick) }
    let proof = rig.node.proof(of: approval, consenting: true)
    #expect(proof == nil)
    #expect(rig.node.overlay.final.proposalView(at: leaf)?.status == .aborted)
  }

  @Test("a veto that comes after the share says that it may still be used")
  func givenShare() throws {
    let (rig, leaf) = try waiting()
    rig.holdsLocks = true
    try rig.approve(leaf)
    let decided = try #require(rig.node.overlay.head.proposalView(at: leaf)?.approval)
    // The lock is durable and the share given, and it is lost on its way. What is signed first may not reach to there.
    var isGiven = false
    for _ in 0..<60 where !isGiven {
      rig.step(.tick)
      for lock in rig.heldLocks { _ = rig.node.signer.locked(ticket: lock, bound: 0) }
      isGiven = rig.node.signer.hasGiven(consentTo: decided)
    }
    let wasGiven = isGiven
    #expect(wasGiven)
    #expect(call(rig, try order(rig, leaf, key: rig.partyKey())) == .ok)
    #expect(try message(rig).contains("may still be used"))
  }

  private func message(_ rig: Rig) throws -> String {
    guard case .respond(_, _, let payload)? = rig.answers.first else {
      throw SimulationError.setup("an answer")
    }
    return try ActResponse(decoding: payload).message
  }

  @Test("what was consented to is proven however many notes have come since, also after a restart")
  func consentedLongAgo() throws {
    let rig = try Rig()
    let leaf = try rig.propose("echo")
    let found = rig.node.overlay.final.proposalView(at: leaf)?.approval
    let approval = try #require(found)
    for _ in 0..<300 {
      rig.perform { node, _, effects in
        _ = node.append(.tick, Records.Attachment(), into: &effects)
      }
      rig.step(.tick)
    }
    try #require(rig.node.finality.recent.allSatisfy { $0.checkpoint.consent?.covers(approval) != true })
    for _ in 0..<2 {
      let proof = rig.node.proof(of: approval, consenting: true)
      #expect(proof != nil)
      #expect(!rig.node.finality.unproven.contains(approval))
      try rig.restart()
      for _ in 0..<60 { rig.step(.tick) }
    }
  }

  @Test("a decision is hopeless once more parties have declined it than can be spared; nobody else counts")
  func hopeless() throws {
    let rig = try Rig()
    let key = rig.partyKey()
    let parties = (1...4).compactMap { NodeID(rawValue: $0) }
    func decline(_ party: Int, _ leaf: UInt64) -> PartySigned<Decline> {
      PartySigned(
        Decline(
          party: party, decision: LeafIndex(leaf), decisionID: "d\(leaf)", reason: "no",
          declinedAt: rig.node.now.wall), cluster: rig.node.cluster, with: key)
    }
    var vetoes = rig.node.vetoes
    // Of 3 of 4 parties one can be spared. Its word counts once, and who is no party has none.
    for party in [2, 2, 9, 7] { _ = vetoes.gather(decline(party, 5)) }
    #expect(vetoes.hopeless(beyond: 1, of: parties) == [])
    #expect(vetoes.hopeless(beyond: 0, of: parties) == [LeafIndex(5)])
    _ = vetoes.gather(decline(3, 6))
    #expect(vetoes.hopeless(beyond: 1, of: parties) == [], "two decisions, one decline each")
    _ = vetoes.gather(decline(4, 5))
    #expect(vetoes.hopeless(beyond: 1, of: parties) == [LeafIndex(5)])
    // One that has left the parties takes its word along.
    #expect(vetoes.hopeless(beyond: 1, of: Array(parties.dropLast())) == [])
  }
}
