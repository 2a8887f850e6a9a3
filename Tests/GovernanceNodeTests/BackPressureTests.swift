import Crypto
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// What a leader has taken and cannot commit is bounded, and whoever asks for more is told so at once.
struct BackPressureTests {
  @Test("a leader without a majority takes so many bytes, tells callers so, and then it takes more")
  func callersAreTold() throws {
    let world = try World(seed: 21, nodes: 5, threshold: 3, faults: .none)
    for host in world.hosts {
      host.maxUncommittedBytes = 16_384
      host.crash()
      world.oracles.forget(host.id)
      world.restart(host.id)
    }
    for client in world.clients { (client as? SimulatedAgent)?.isActive = false }
    world.run(until: 4_000_000_000)
    let leader = try #require(world.hosts.first { $0.view?.role == .leader })
    world.sideOne = [leader.id]
    let before = leader.view?.logSize ?? 0
    var refused = 0
    var others = 0
    world.overhears = { answer in
      guard case .respond(let key, let status, _) = answer, key.connection == 99 else { return }
      if status.code == .resourceExhausted { refused += 1 } else { others += 1 }
    }
    func ask(_ number: Int) {
      var random = SeededRandom(seed: UInt64(number) + 500)
      let person = Enrolment(
        principal: .agent(tenant: "acme", name: "more\(number)"),
        key: SigningKey.generate(using: &random).publicKey, tenantID: "acme", owner: "owner\(number)",
        expiresAt: .distantFuture)
      let act = EnrolmentAct(
        actID: "more-\(number)", enrol: person,
        validUntil: leader.moment(world.time).wall.advanced(by: .seconds(600)))
      let statement = Statements.bytes(.enrol(world.operators.signed(act)))
      world.step(
        leader.id,
        .call(
          ClientCall(
            key: CallKey(connection: 99, call: UInt64(number)), caller: world.operators.principal,
            method: Method.enrol.path,
            payload: StatementRequest(statement: statement, attachment: Attachment().bytes).encode())))
    }
    for number in 1...60 { ask(number) }
    world.run(until: world.time + 200_000_000)
    #expect(others == 0, "nobody else is answered yet")
    let grown = Int((leader.view?.logSize ?? 0) - before)
    #expect(refused > 20 && grown > 0 && grown + refused == 60, "\(grown) taken, \(refused) refused")
    let bytes = (before..<(before + UInt64(grown))).reduce(0) {
      $0 + (leader.node?.raft.log.payload(at: LeafIndex($1))?.count ?? 0)
    }
    #expect(bytes <= 16_384 + 2_048)
    world.sideOne = []
    world.reconnect()
    world.run(until: world.time + 4_000_000_000)
    let next = try #require(world.hosts.first { $0.view?.role == .leader })
    #expect((next.view?.finalSize ?? 0) > before, "and it goes on")
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }
}
