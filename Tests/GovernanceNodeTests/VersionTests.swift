import ClawLedger
import ClawShield
import Crypto
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

extension NodeHost {
  fileprivate var semantics: Int? { node?.finalState.semantics }
}

/// Rolling upgrades on whole nodes, under load: the world's oracles compare every state meanwhile.
struct VersionTests {
  /// A cluster that begins with semantics 1, every node's program with it.
  private func world(_ seed: UInt64, semantics: Int = 1) throws -> World {
    var conditions = Conditions(seed: seed)
    conditions.semantics = semantics
    let items = (0..<200).flatMap { number in
      (1...2 as ClosedRange<UInt64>).map { agent in
        Schedule.Item(
          at: 600_000_000 + UInt64(number) * 300_000_000,
          .agent(agent, .propose("echo", request: UInt64(number) + 1), at: 1 + UInt64(number) % 5))
      }
    }
    return try World(Schedule(conditions, items))
  }

  /// The semantics in force at each node that is up.
  private func semantics(_ world: World) -> [Int] { world.hosts.compactMap(\.semantics) }

  /// That since a time, when so many had run, at least a third as many ran in a second as before it.
  private func expectLoad(
    _ world: World, ran: Int, since: UInt64, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let more = world.oracles.executions - ran
    let before = Double(ran) / Double(since)
    let after = Double(more) / Double(world.time - since)
    #expect(ran > 0 && 3 * after >= before, "\(more) after \(ran)", sourceLocation: sourceLocation)
  }

  private func pass(_ world: World, _ milliseconds: UInt64) {
    world.run(until: world.time + milliseconds * 1_000_000)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  private func leader(_ world: World) throws -> NodeHost {
    try #require(world.hosts.first { $0.view?.role == .leader })
  }

  private func upgrade(_ world: World, _ node: UInt64, to semantics: UInt64 = 2) {
    world.replaceProgram(of: node, by: semantics)
    pass(world, 900)
  }

  @Test("N to N + 1 under load: refused while one node lacks the program, then at one leaf on all nodes")
  func rolling() throws {
    let world = try world(1)
    pass(world, 2000)
    for node in 1...4 as ClosedRange<UInt64> { upgrade(world, node) }
    world.activate(2)
    pass(world, 3000)
    #expect(semantics(world) == [1, 1, 1, 1, 1])
    let waits = world.operators.waitingFor
    #expect(waits.contains("up to 1"))
    let ran = world.oracles.executions
    let since = world.time
    upgrade(world, 5)
    pass(world, 4000)
    #expect(world.operators.isSettled, "\(world.operators.waitingFor)")
    #expect(semantics(world) == [2, 2, 2, 2, 2])
    expectLoad(world, ran: ran, since: since)
  }

  @Test("before the act every node goes back to its old program and is as good as before")
  func rollback() throws {
    let world = try world(2)
    pass(world, 1500)
    for node in 1...5 as ClosedRange<UInt64> { upgrade(world, node) }
    for node in 1...5 as ClosedRange<UInt64> { upgrade(world, node, to: 1) }
    let ran = world.oracles.executions
    let since = world.time
    // The last restart may have been the leader's: there is another one before the load is carried again.
    pass(world, 5000)
    #expect(semantics(world) == [1, 1, 1, 1, 1])
    expectLoad(world, ran: ran, since: since)
  }

  @Test("after the act an old program does not start, and the newer one goes on where it stopped")
  func oldVoterRefused() throws {
    let world = try world(3)
    pass(world, 1500)
    for node in 1...5 as ClosedRange<UInt64> { upgrade(world, node) }
    world.activate(2)
    pass(world, 3000)
    upgrade(world, 2, to: 1)
    let old = try #require(world.host(UInt64(2)))
    #expect(!old.isUp)
    #expect(throws: NodeFault.state(outgrown(by: 2, newest: 1, "this store's ledger has"))) {
      try old.start(at: world.time)
    }
    upgrade(world, 2)
    pass(world, 2000)
    #expect(old.isUp)
    #expect(old.semantics == 2)
  }

  /// A node with an old program, the `version` record that two operators signed, and a leader that sends it all the
  /// same.
  @Test("a follower whose program cannot apply the act appends nothing, stops, and says what it needs")
  func overtaken() throws {
    let world = try world(4)
    pass(world, 1500)
    for node in 1...5 as ClosedRange<UInt64> { upgrade(world, node) }
    pass(world, 1000)
    // One that does not lead goes back: the leader, whoever it is, can apply the act.
    let leading = try leader(world).id
    let old = try #require(world.hosts.first { $0.id != leading })
    // Every node is told that it has the new program, which it has not.
    world.tamper = { sender, _, message in
      guard sender == old.id, case .advert(var advert) = message else { return }
      advert.semantics = 2
      message = .advert(advert)
    }
    upgrade(world, old.id.rawValue, to: 1)
    world.activate(2)
    pass(world, 4000)
    #expect(!old.isUp)
    let reason = old.fatal ?? ""
    #expect(reason.contains("applies them up to 1: start a newer one"))
    // What it holds is from before the act: the old program starts, and stops again at the same record.
    try old.start(at: world.time)
    #expect(old.semantics == 1)
    old.crash()
    world.oracles.forget(old.id)
    world.tamper = nil
    upgrade(world, old.id.rawValue)
    pass(world, 3000)
    #expect(old.semantics == 2)
    #expect(semantics(world) == [2, 2, 2, 2, 2])
  }

  @Test("a leader counts only what members have said themselves, each the last time")
  func adverts() throws {
    let world = try world(5, semantics: 2)
    pass(world, 1500)
    let leader = try leader(world)
    let other = try #require(world.hosts.first { $0.id != leader.id }).id
    #expect(leader.node?.semanticsStatus["members"]?.array?.count == 5)
    world.step(leader.id, .peer(from: other, PeerMessage.advert(ProgramAdvert(semantics: 7))))
    world.step(leader.id, .peer(from: other, PeerMessage.advert(ProgramAdvert(semantics: 1))))
    // One that is no member says nothing that counts.
    world.step(
      leader.id,
      .peer(from: try #require(NodeID(rawValue: 77)), PeerMessage.advert(ProgramAdvert(semantics: 9))))
    let said = leader.node?.semanticsStatus["members"]?.array?.map { $0["newest"]?.integer }
    #expect(said?.sorted { ($0 ?? 0) < ($1 ?? 0) } == [1, 2, 2, 2, 2])
  }
}
