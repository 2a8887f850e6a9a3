import FROST
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// A leader that does not hear what it does not like.
struct CensorshipTests {
  private let world: World
  private let leader: NodeID
  private let follower: NodeHost
  private let agent: SimulatedAgent

  init() throws {
    world = try World(Schedule(Conditions(seed: 5)))
    agent = try #require(world.agents.first)
    world.run(until: 2_000_000_000)
    leader = try #require(world.hosts.first { $0.view?.role == .leader }?.id)
    follower = try #require(world.hosts.first { $0.view?.role == .follower })
  }

  private func submit(_ requestID: String = "censored", call number: UInt64 = 1) {
    let item = Attachment.Item(salt: [UInt8](repeating: 3, count: 16), value: ["text": "hear me"])
    let own = agent.credentials
    let wall = follower.node?.now.wall ?? .epoch
    let proposal = Proposal(
      traceID: "t", requestID: requestID, tenantID: "acme", workspaceID: "w", requestedBy: own.principal,
      action: "unheard-of", parametersHash: item.hash, scopes: [],
      risk: RiskContext(estimatedCost: .zero, dataClassification: .public, impactLevel: .low),
      validUntil: wall.advanced(by: .seconds(600)))
    let signed = Signed.sign(proposal, cluster: own.cluster, as: own.principal, with: own.key)
    let request = StatementRequest(
      statement: Statements.bytes(.proposal(signed)), attachment: Attachment("parameters", item).bytes)
    let call = ClientCall(
      key: CallKey(connection: 99, call: number), caller: own.principal, method: Method.submit.path,
      payload: request.encode())
    world.step(follower.id, .call(call))
  }

  private var isRecorded: Bool {
    world.hosts.allSatisfy {
      $0.node?.overlay.final.proposalView(agent: agent.principal, requestID: "censored") != nil
    }
  }

  /// Nothing else went wrong.
  private var isSound: Bool { world.oracles.violation == nil }

  private func leads(_ id: NodeID) -> Bool {
    world.hosts.contains { $0.id == id && $0.view?.role == .leader }
  }

  @Test("a record that one leader never takes is in the ledger within fifteen seconds, under another")
  func votedOut() {
    world.isIgnored = { [leader] receiver, message in
      receiver == leader && (message.forwardCall != nil || message.witnessCall != nil)
    }
    submit()
    world.run(until: world.time + 4_000_000_000)
    #expect(leads(leader) && !isRecorded, "it is given five seconds")
    world.run(until: world.time + 11_000_000_000)
    #expect(!leads(leader) && isRecorded && isSound)
  }

  @Test("a leader that says where a record will be, and never puts it there, is voted out as well")
  func emptyPromise() {
    world.isIgnored = { [leader] receiver, message in
      receiver == leader && (message.forwardCall != nil || message.witnessCall != nil)
    }
    submit()
    let promise = ForwardAnswer(id: 1, index: 4_000)
    world.step(follower.id, .peer(from: leader, PeerMessage.forwardAnswer(promise)))
    world.run(until: world.time + 15_000_000_000)
    #expect(!leads(leader) && isRecorded && isSound)
  }

  @Test("a leader that did not hear of a record for a while hears of it from the others, and stays")
  func detour() {
    // The first that comes is the follower's own; the others' follow when they have been shown the record.
    let shownAt = world.time + 2_400_000_000
    world.isIgnored = { [leader, world] receiver, message in
      receiver == leader && message.forwardCall != nil && world.time < shownAt
    }
    submit()
    world.run(until: world.time + 15_000_000_000)
    #expect(leads(leader) && isRecorded && isSound)
  }

  @Test("a leader that takes records and makes nothing final is voted out, and the next one finishes them")
  func fruitless() {
    // It hears no shares, so that its rounds lead nowhere.
    world.isIgnored = { [leader] receiver, message in receiver == leader && message.signAnswer != nil }
    submit()
    world.run(until: world.time + 9_000_000_000)
    #expect(leads(leader) && !isRecorded, "it is given ten seconds")
    world.run(until: world.time + 9_000_000_000)
    #expect(!leads(leader) && isRecorded && isSound)
  }

  @Test("who lost sight of its leader for a moment does not begin to count anew what comes of it")
  func sameLeader() {
    world.isIgnored = { [leader] receiver, message in receiver == leader && message.signAnswer != nil }
    submit()
    world.run(until: world.time + 1_000_000_000)
    let since = follower.node?.leaderSince
    let fruitless = follower.node?.finality.fruitlessLeaders
    #expect(since != nil && fruitless != nil)
    // It stands, in vain, and comes back to the leader that it had.
    world.isIgnored = { [leader, follower] receiver, message in
      receiver == leader && message.signAnswer != nil || receiver == follower.id && message.appendCall != nil
    }
    for _ in 0..<500 where follower.view?.role == .follower { world.run(until: world.time + 10_000_000) }
    #expect(follower.view?.role == .preCandidate)
    world.isIgnored = { [leader] receiver, message in receiver == leader && message.signAnswer != nil }
    world.run(until: world.time + 500_000_000)
    #expect(follower.view?.role == .follower && leads(leader))
    let isSame =
      follower.node?.leaderSince == since && follower.node?.finality.fruitlessLeaders == fruitless
    #expect(isSame)
  }

  @Test("however much a leader owes, a node looks at a bounded part of it, twice a second")
  func bounded() throws {
    world.isIgnored = { [leader] receiver, message in
      receiver == leader && (message.forwardCall != nil || message.witnessCall != nil)
    }
    for number in 0..<200 { submit("censored-\(number)", call: UInt64(number + 1)) }
    world.run(until: world.time + 2_400_000_000)
    var shown = 0
    for _ in 0..<20 {
      var effects = NodeEffects()
      follower.step(.tick, at: world.time + 300_000_000, into: &effects)
      shown += effects.messages.count { $0.message.witnessCall != nil }
    }
    let most = GovernanceNode<Ed25519SHA512>.examined
    #expect(shown > 0 && shown <= most * 3, "\(shown) shown to three peers")
  }

  @Test("a node that cries wolf, alone, ends no leadership")
  func alone() {
    // Its witnesses do not listen, and the leader does not hear it.
    world.isIgnored = { [leader] receiver, message in
      message.witnessCall != nil || (receiver == leader && message.forwardCall != nil)
    }
    submit()
    world.run(until: world.time + 20_000_000_000)
    #expect(leads(leader) && isSound)
  }
}
