import Raft
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// Acknowledgements of restrictions: only a key that is known says whether one was signed.
struct RestrictionBoundTests {
  @Test("an acknowledgement that is not signed is evidence; one by a party without a known key is nothing")
  func unsigned() throws {
    let world = try World(seed: 5, nodes: 4, threshold: 3, faults: .none)
    world.run(until: 1_000_000_000)
    let host = world.hosts[0]
    let bound = RestrictionBound(incidentID: "none", signature: [UInt8](repeating: 1, count: 64))
    let (party, stranger) = try (#require(NodeID(rawValue: 2)), #require(NodeID(rawValue: 9)))
    var effects = NodeEffects()
    host.node?.onRestrictionBound(bound, from: stranger, into: &effects)
    #expect(effects.notices.isEmpty)
    host.node?.onRestrictionBound(bound, from: party, into: &effects)
    #expect(effects.notices.count == 1)
  }
}
