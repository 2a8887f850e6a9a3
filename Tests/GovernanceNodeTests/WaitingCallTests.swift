import Crypto
import FROST
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// Calls that wait: for a majority, for a lease, for parties. None waits for ever, and none stays behind
/// when its caller has gone.
struct WaitingCallTests {
  private let world: World
  private let leader: NodeHost
  private let peers: [NodeID]
  private let agent = Principal.agent(tenant: "acme", name: "agent1")

  init() throws {
    let world = try World(Schedule(Conditions(seed: 3)))
    world.run(until: 2_000_000_000)
    self.world = world
    let leader = try #require(world.hosts.first { $0.view?.role == .leader })
    self.leader = leader
    peers = world.hosts.map(\.id).filter { $0 != leader.id }
  }

  @discardableResult
  private func step(_ event: NodeEvent, after seconds: UInt64 = 0) -> NodeEffects {
    var effects = NodeEffects()
    leader.step(event, at: world.time + seconds * 1_000_000_000, into: &effects)
    return effects
  }

  private func call(
    _ number: UInt64, by caller: Principal, _ method: Method, _ payload: [UInt8]
  )
    -> NodeEffects
  {
    step(
      .call(
        ClientCall(
          key: CallKey(connection: 99, call: number), caller: caller, method: method.path, payload: payload)))
  }

  /// An agent's content, with its word on it.
  private func artifactPush(_ content: [UInt8]) -> ArtifactPush? {
    guard
      let own = world.clients.compactMap({ $0 as? SimulatedAgent }).first(where: {
        $0.credentials.principal == agent
      })?.credentials, let wall = leader.node?.now.wall
    else { return nil }
    let note = ArtifactNote(
      digest: SHA256.hash(content), tenantID: "acme", workspaceID: "main", size: content.count,
      mediaType: "", owner: agent, labels: [], validUntil: wall.advanced(by: .seconds(300)))
    let signed = Signed.sign(note, cluster: own.cluster, as: agent, with: own.key)
    return ArtifactPush(statement: Statements.bytes(.artifact(signed)), content: content)
  }

  private func put(_ content: [UInt8], call number: UInt64) -> NodeEffects {
    guard let push = artifactPush(content) else { preconditionFailure("the cast has this agent") }
    let request = ArtifactPutRequest(statement: push.statement, content: push.content)
    return call(number, by: agent, .artifactPut, request.encode())
  }

  private func refusal(_ effects: NodeEffects, of number: UInt64) -> CallStatus? {
    for case .respond(let key, let status, _) in effects.answers
    where key == CallKey(connection: 99, call: number) { return status }
    return nil
  }

  /// Whether the head of the leader's log has a record of this content.
  private func isRecorded(_ content: [UInt8]) -> Bool {
    leader.node?.overlay.head.artifact(tenant: "acme", digest: SHA256.hash(content)) != nil
  }

  private func held(_ content: [UInt8], by peer: NodeID) {
    let message = ArtifactHeld(tenant: "acme", digest: SHA256.hash(content).hex)
    step(.peer(from: peer, PeerMessage.artifactHeld(message)))
  }

  @Test("an artifact's record is appended when three of five hold the content on disk, and not before")
  func majority() {
    let content: [UInt8] = [1, 2, 3]
    let effects = put(content, call: 1)
    #expect(effects.messages.count { $0.message.artifactPush != nil } == 4)
    #expect(!isRecorded(content))
    // Its own disk first: until it says so this node holds nothing.
    held(content, by: peers[0])
    held(content, by: peers[0])
    #expect(!isRecorded(content))
    step(.written(.artifact(tenant: "acme", digest: SHA256.hash(content).hex)))
    #expect(!isRecorded(content))
    held([9], by: peers[1])
    #expect(!isRecorded(content))
    held(content, by: peers[1])
    #expect(isRecorded(content))
  }

  @Test("what no majority holds within thirty seconds is refused and forgotten; there is room again")
  func patience() {
    let room = UInt64(ArtifactTable.maximumArriving)
    for number in 1...room {
      let effects = put([UInt8(number)], call: number)
      #expect(refusal(effects, of: number) == nil)
    }
    let full = put([200], call: 500)
    #expect(
      refusal(full, of: 500) == CallStatus(.resourceExhausted, "too many artifacts are arriving; try again"))
    let early = step(.tick, after: 29)
    #expect(refusal(early, of: 1) == nil)
    let late = step(.tick, after: 31)
    #expect(
      refusal(late, of: 1)
        == CallStatus(
          .unavailable,
          "expected a majority of 5 nodes to hold the content, 0 did; it is not recorded, try again"))
    #expect(leader.node?.artifacts.arriving.isEmpty == true)
    // One that arrives after all finds nobody: there is no record without a caller.
    for peer in peers { held([1], by: peer) }
    #expect(!isRecorded([1]))
  }

  @Test("who puts and hangs up fills no disk: what may wait for a record is bounded, and there is room again")
  func hangingUp() throws {
    let limit = UInt64(ArtifactTable.maximumUnrecorded)
    var stored = 0
    for number in 0..<limit + 50 {
      let effects = put([UInt8(number % 256), UInt8(number / 256)], call: number)
      stored += effects.writes.count
      step(.cancelled(CallKey(connection: 99, call: number)))
    }
    #expect(stored == Int(limit))
    #expect(refusal(put([7, 7, 7], call: 900), of: 900)?.code == .resourceExhausted)
    // The same again takes no more room; and what is given up is gone from disk by then.
    #expect(refusal(put([0, 0], call: 901), of: 901) == nil)
    let grace = UInt64(ArtifactKeeper.grace.nanoseconds / 1_000_000_000)
    step(.tick, after: grace + 1)
    #expect(refusal(put([7, 7, 7], call: 902), of: 902) == nil)
  }

  @Test("a peer that pushes for an agent that hangs up is held to the same bound")
  func pushed() throws {
    var stored = 0
    for number in 0..<UInt64(ArtifactTable.maximumUnrecorded) + 50 {
      let content = [UInt8(number % 256), UInt8(number / 256), 1]
      let push = try #require(artifactPush(content))
      let effects = step(.peer(from: peers[0], PeerMessage.artifactPush(push)))
      stored += effects.writes.count
      step(.written(.artifact(tenant: "acme", digest: SHA256.hash(content).hex)))
    }
    #expect(stored == ArtifactTable.maximumUnrecorded)
  }

  @Test("a caller that has gone leaves nothing behind")
  func cancelled() {
    let executor = Principal.executor("executor1")
    _ = call(1, by: executor, .jobs, JobsRequest(incarnation: 1).encode())
    _ = call(
      2, by: executor, .enlist,
      EnlistRequest(incarnation: 1, challenge: [UInt8](repeating: 3, count: 32)).encode())
    _ = put([1], call: 3)
    #expect(leader.node?.executors.streams.contains { $0.key.connection == 99 } == true)
    #expect(leader.node?.executors.enlisting.contains { $0.key.connection == 99 } == true)
    #expect(leader.node?.artifacts.arriving.count == 1)
    for number in 1...3 as ClosedRange<UInt64> {
      step(.cancelled(CallKey(connection: 99, call: number)))
    }
    #expect(leader.node?.executors.streams.contains { $0.key.connection == 99 } == false)
    #expect(leader.node?.executors.enlisting.contains { $0.key.connection == 99 } == false)
    #expect(leader.node?.artifacts.arriving.isEmpty == true)
  }
}
