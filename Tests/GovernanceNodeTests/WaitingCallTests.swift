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

  private func put(_ content: [UInt8], call number: UInt64) -> NodeEffects {
    guard
      let own = world.clients.compactMap({ $0 as? SimulatedAgent }).first(where: {
        $0.credentials.principal == agent
      })?.credentials, let wall = leader.node?.now.wall
    else { preconditionFailure("the cast has this agent") }
    let note = ArtifactNote(
      digest: SHA256.hash(content), tenantID: "acme", workspaceID: "main", size: content.count,
      mediaType: "", owner: agent, labels: [], validUntil: wall.advanced(by: .seconds(300)))
    let signed = Signed.sign(note, cluster: own.cluster, as: agent, with: own.key)
    let request = ArtifactPutRequest(statement: Statements.bytes(.artifact(signed)), content: content)
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
    step(.peer(from: peer, PeerMessage(artifactHeld: message)))
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
