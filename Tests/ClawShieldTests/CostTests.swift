import Canonical
import ClawShield
import Crypto
import Merkle
import Records
import Testing

/// What applying costs, in signature checks on the same machine at the same time. Printed always, held
/// to its bound in optimised builds only.
struct CostTests {
  @Test("an ordinary proposal with its decision costs a few signature checks, also among many others")
  func proposal() throws {
    var world = try Governed(
      registry: Registry(dayLimit: "100000000", perMinute: 10_000_000, repeats: 10_000_000))
    let clock = ContinuousClock()
    var rounds: [(proposal: Duration, decision: Duration, root: Duration)] = []
    for _ in 0..<5 {
      var cost = (proposal: Duration.zero, decision: Duration.zero, root: Duration.zero)
      for _ in 0..<200 {
        let (body, attachment) = world.proposal()
        let record = Record(at: world.now, body: body)
        let hash = TreeHash.leaf(record.bytes)
        cost.proposal += clock.measure {
          _ = world.state.apply(
            record, leafHash: hash, attachment: attachment, at: LeafIndex(world.state.size))
        }
        guard case .decision(let owed)? = world.state.owed.first else { throw TestFailure("owed") }
        let decision = world.state.decision(for: owed, executor: Governed.executor)
        let written = Record(at: world.now, body: .decision(decision))
        let leaf = TreeHash.leaf(written.bytes)
        cost.decision += clock.measure {
          _ = world.state.apply(
            written, leafHash: leaf, attachment: Attachment(), at: LeafIndex(world.state.size))
        }
      }
      cost.root = clock.measure { _ = world.state.stateRoot }
      rounds.append((cost.proposal / 200, cost.decision / 200, cost.root / 200))
    }
    let key = Governed.key("cost")
    let message = [UInt8](repeating: 1, count: 800)
    let signature = key.sign(message)
    let check =
      (0..<5).map { _ in
        clock.measure { for _ in 0..<200 { _ = key.publicKey.verifies(signature, over: message) } } / 200
      }.min() ?? .zero
    for round in rounds {
      print(
        "proposal \(round.proposal), decision \(round.decision), root \(round.root), signature check \(check)"
      )
    }
    #if !DEBUG
    let least = rounds.map { $0.proposal }.min() ?? .zero
    #expect(least < check * 4, "a proposal took \(least), a signature check \(check)")
    #endif
  }
}
