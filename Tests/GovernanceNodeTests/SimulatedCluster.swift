import FROST
import Records

@testable import Simulator

/// Worlds with the real suite, as the tests of nodes need them.
typealias World = Simulator.World<Ed25519SHA512>
typealias NodeHost = Simulator.NodeHost<Ed25519SHA512>

/// What goes wrong in such a world.
struct Faults {
  /// How each lying party lies; party 1 first.
  var lies: [[Lie]] = []
  /// What else happens.
  var items: [Schedule.Item] = []
  /// What the ledger begins with.
  var semantics = Semantics.newest
  static let none = Faults()
}

extension Simulator.World where Suite == Ed25519SHA512 {
  /// A cluster with two agents that propose three times a second, for as long as a test may last.
  convenience init(seed: UInt64, nodes: Int, threshold: Int, faults: Faults) throws {
    var conditions = Conditions(seed: seed)
    (conditions.nodes, conditions.threshold) = (nodes, threshold)
    conditions.semantics = faults.semantics
    var items = (0..<700).flatMap { number in
      (1...2 as ClosedRange<UInt64>).map { agent in
        Schedule.Item(
          at: 600_000_000 + UInt64(number) * 300_000_000,
          .agent(agent, .propose("echo", request: UInt64(number) + 1), at: 1 + UInt64(number) % UInt64(nodes))
        )
      }
    }
    for (position, lies) in faults.lies.enumerated() {
      for lie in lies {
        items.append(
          Schedule.Item(at: 0, .lie(UInt64(position) + 1, lie, length: 86_400_000_000_000)))
      }
    }
    try self.init(Schedule(conditions, items + faults.items))
  }
}

// The operands of a failed `#expect` are looked into, down to nodes, which cannot be copied.
extension Simulator.World: CustomReflectable {
  public var customMirror: Mirror { Mirror(self, children: []) }
}
extension Simulator.NodeHost: CustomReflectable {
  public var customMirror: Mirror { Mirror(self, children: []) }
}
