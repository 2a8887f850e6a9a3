import Canonical
import Crypto
import Records
import Testing

@testable import ClawShield

struct CapacityTests {
  @Test("what is over is forgotten, oldest first, once its request id is free and there are too many")
  func forgets() throws {
    var world = try Governed()
    world.state.capacity.settled = 3
    var indices: [LeafIndex] = []
    for number in 0..<6 {
      indices.append(
        try world.propose(action: "nothing", traceID: "t\(number)", validFor: Int64(100 + number)))
      try world.settle()
    }
    // Their request ids are taken, so they stay.
    #expect(indices.allSatisfy { world.state.proposalView(at: $0) != nil })
    try world.pass(seconds: 102)
    #expect(
      indices.map { world.state.proposalView(at: $0) != nil } == [false, false, false, true, true, true])
    #expect(world.state.trace("t0").isEmpty && world.state.trace("t3").count == 2)
    #expect(world.state.proposalView(decision: LeafIndex(indices[0].value + 1)) == nil)
    var twin = try world.restored()
    twin.capacity = world.state.capacity
    #expect(twin.stateRoot == world.state.stateRoot)
    try world.pass(seconds: 1000)
    let leaf = try #require(world.log.last)
    _ = twin.apply(leaf.record, leafHash: leaf.hash, attachment: leaf.attachment, at: world.last)
    #expect(twin.stateRoot == world.state.stateRoot)
  }

  @Test("what is not over is never forgotten: pending, outstanding, unwritten, or too young to be counted")
  func keeps() throws {
    var world = try Governed(registry: Registry(tokenSeconds: 900))
    world.state.capacity.settled = 0
    let pending = try world.propose(action: "publish", validFor: 7200)
    let outstanding = try world.propose(validFor: 1)
    try world.settle()
    let unwritten = try world.propose(action: "nothing", validFor: 1)
    try world.pass(seconds: 70)
    #expect([pending, outstanding, unwritten].allSatisfy { world.state.proposalView(at: $0) != nil })
    try world.settle()
    try world.pass(seconds: 1)
    #expect(world.state.proposalView(at: unwritten) == nil)
    let young = try world.propose(action: "nothing", validFor: 1)
    try world.settle()
    try world.pass(seconds: 59)
    #expect(world.state.proposalView(at: young) != nil)
    try world.pass(seconds: 1)
    #expect(world.state.proposalView(at: young) == nil)
    // An unknown outcome waits thirty days for its receipt.
    try world.pass(seconds: 900)
    try world.settle()
    try world.pass(seconds: 29 * 86_400)
    #expect(try world.view(outstanding).status == .unknown)
    try world.pass(seconds: 2 * 86_400)
    #expect(world.state.proposalView(at: outstanding) == nil)
  }

  @Test("a tenant's artifacts are bounded in number and in bytes, and another tenant does not notice")
  func artifacts() throws {
    var world = try Governed()
    world.state.capacity.artifactsPerTenant = 2
    #expect(try world.append(world.artifact("aaa", of: Governed.agent).0) == .effective)
    // The same again is the same, not one more.
    _ = try world.append(world.artifact("aaa", of: Governed.agent).0)
    #expect(try world.append(world.artifact("bbb", of: Governed.agent).0) == .effective)
    #expect(try world.refusal(world.artifact("ccc", of: Governed.agent)) == .resourceExhausted)
    guard case .known = world.admits(world.artifact("bbb", of: Governed.agent)) else {
      throw TestFailure("what is there already needs no room")
    }
    #expect(world.admits(world.artifact("ccc", of: Governed.foreignAgent, tenant: "rival")) == .accept)
    world.state.capacity.artifactsPerTenant = 100
    let used = world.state.artifactUse(of: "acme").bytes
    #expect(used == 2 * 3)
    world.state.capacity.artifactBytesPerTenant = used + 3
    #expect(world.admits(world.artifact("ccc", of: Governed.agent)) == .accept)
    world.state.capacity.artifactBytesPerTenant = used + 2
    #expect(try world.refusal(world.artifact("ccc", of: Governed.agent)) == .resourceExhausted)
    // Whoever starts from the cells counts the same.
    var twin = try world.restored()
    twin.capacity = world.state.capacity
    #expect(twin.artifactUse(of: "acme").bytes == used && twin.artifactUse(of: "acme").count == 2)
    #expect(twin.stateRoot == world.state.stateRoot)
  }

  @Test("full tables refuse with resourceExhausted, and what was taken stays")
  func full() throws {
    var world = try Governed()
    world.state.capacity.proposalsPerAgent = 2
    _ = try world.propose()
    let second = try world.propose()
    #expect(try world.refusal(world.proposal()) == .resourceExhausted)
    #expect(world.admits(world.proposal(by: Governed.otherAgent)) == .accept)
    world.state.capacity.proposals = 2
    #expect(try world.refusal(world.proposal(by: Governed.otherAgent)) == .resourceExhausted)
    #expect(world.state.proposalView(at: second) != nil)
    world.state.capacity.artifacts = 0
    #expect(try world.refusal(world.artifact("f", of: Governed.agent)) == .resourceExhausted)
    world.state.capacity.enrolments = 0
    guard case .void = try world.enrol(Governed.enrolment(.approver("new"))) else {
      throw TestFailure("expected void")
    }
    world.state.capacity.incidents = 0
    #expect(try world.refusal(world.incident(.kill, .tenant("acme"), id: "k")) == .resourceExhausted)
    #expect(world.admits(world.incident(.kill, .all, id: "k")) == .accept)
  }
}
