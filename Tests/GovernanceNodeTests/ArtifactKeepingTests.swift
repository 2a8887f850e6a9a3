import ClawLedger
import Crypto
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// Every node comes to hold every content that has a record, and lets go of what has none; and who is told
/// what of them. Whole nodes on the simulated network.
struct ArtifactKeepingTests {
  private static let second: UInt64 = 1_000_000_000
  /// What may sleep has a bundle that keeps files for a day.
  private static let never = Schedule.Item(at: 1 << 62, .sleep(hours: 1))
  private let world: World
  private let leader: NodeHost
  private let agent = Principal.agent(tenant: "acme", name: "agent1")

  init() throws {
    let world = try World(seed: 5, nodes: 5, threshold: 4, faults: Faults(items: [Self.never]))
    for client in world.clients { (client as? SimulatedAgent)?.isActive = false }
    world.run(until: 2 * Self.second)
    self.world = world
    leader = try #require(world.hosts.first { $0.view?.role == .leader })
  }

  private func request(
    _ content: [UInt8], workspace: String = "main", name: String = ""
  ) throws -> ArtifactPutRequest {
    let own = try #require(
      world.clients.compactMap { ($0 as? SimulatedAgent)?.credentials }.first { $0.principal == agent })
    let wall = try #require(leader.node?.now.wall)
    let note = ArtifactNote(
      digest: SHA256.hash(content), tenantID: "acme", workspaceID: workspace, name: name,
      size: content.count, mediaType: "text/plain", owner: agent, labels: [],
      validUntil: wall.advanced(by: .seconds(300)))
    let signed = Signed.sign(note, cluster: own.cluster, as: agent, with: own.key)
    return ArtifactPutRequest(statement: Statements.bytes(.artifact(signed)), content: content)
  }

  /// Puts a file at the leader and lets the cluster take it in.
  private func put(_ content: [UInt8], workspace: String = "main", name: String = "") throws {
    let request = try request(content, workspace: workspace, name: name)
    world.step(
      leader.id,
      .call(
        ClientCall(
          key: CallKey(connection: 900_000, call: 1), caller: agent, method: Method.artifactPut.path,
          payload: request.encode())))
    pass(2)
  }

  private func pass(_ seconds: UInt64) {
    world.run(until: world.time + seconds * Self.second)
    #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
  }

  private func holds(_ host: NodeHost, _ content: [UInt8]) -> Bool {
    host.node?.content(tenant: "acme", digest: SHA256.hash(content)) == content
  }

  private func answer<Message: WireMessage>(
    _ method: Method, _ payload: [UInt8], by caller: Principal, as _: Message.Type
  ) throws -> (status: CallStatus, message: Message?) {
    var effects = NodeEffects()
    let key = CallKey(connection: 900_000, call: 7)
    leader.step(
      .call(ClientCall(key: key, caller: caller, method: method.path, payload: payload)), at: world.time,
      into: &effects)
    for case .respond(key, let status, let payload) in effects.answers {
      return (status, status.code == .ok ? try Message(decoding: payload) : nil)
    }
    throw SimulationError.setup("no answer")
  }

  @Test("a node that was away fetches what was put meanwhile, from whoever has it")
  func away() throws {
    let away = try #require(world.hosts.first { $0.id != leader.id })
    world.sideOne = [away.id]
    let contents = (0..<5).map { [UInt8](repeating: UInt8($0), count: 1_000) }
    for content in contents { try put(content) }
    #expect(contents.allSatisfy { !holds(away, $0) && holds(leader, $0) })
    world.sideOne = []
    world.reconnect()
    pass(10)
    #expect(contents.allSatisfy { holds(away, $0) })
    #expect(away.node?.keeper.missing.isEmpty == true)
  }

  private func letDaysPass() { world.sleep(90_100 * Self.second) }

  @Test(
    "a file that the bundle keeps no longer leaves every disk; who asks is told when, and by which record")
  func retention() throws {
    let content = Array("aging".utf8)
    try put(content)
    #expect(world.hosts.allSatisfy { holds($0, content) })
    letDaysPass()
    pass(25)
    #expect(world.hosts.allSatisfy { !holds($0, content) })
    let request = ArtifactRequest(tenant: "acme", digest: SHA256.hash(content).hex)
    let known = try answer(.artifactStat, request.encode(), by: agent, as: ArtifactStat.self)
    let stat = try #require(known.message)
    #expect(stat.digest == request.digest && stat.size == 5 && !stat.droppedAt.isEmpty)
    let record = leader.node?.raft.log.record(at: LeafIndex(stat.droppedIndex))
    guard case .derivedIncident(let incident)? = record?.body else {
      Issue.record("\(stat.droppedIndex)")
      return
    }
    #expect(incident.kind == .retentionEnded && incident.about.value == stat.index)
    let got = try answer(.artifactGet, request.encode(), by: agent, as: ArtifactContent.self)
    #expect(got.status.code == .notFound && got.status.message.contains("leaf \(stat.droppedIndex)"))
    let rival = try answer(
      .artifactStat, request.encode(), by: .agent(tenant: "rival", name: "r"), as: ArtifactStat.self)
    #expect(rival.status.code != .ok)
  }

  @Test("what a leaf lets go of that is not final stays on the disk")
  func unfinal() throws {
    let content = Array("aging".utf8)
    try put(content)
    world.sideOne = [leader.id]
    // Its clock alone is a day ahead: the others have let go of nothing.
    leader.clock.offset = 90_100 * Int64(Self.second)
    pass(25)
    let digest = SHA256.hash(content)
    let head = leader.node?.overlay.head.artifact(tenant: "acme", digest: digest)
    let final = leader.node?.overlay.final.artifact(tenant: "acme", digest: digest)
    let isHeld = holds(leader, content)
    #expect(head == nil && final != nil, "the leader alone has let go of it")
    #expect(isHeld)
    leader.clock.offset = 0
    world.sideOne = []
    world.reconnect()
    letDaysPass()
    pass(25)
    #expect(world.hosts.allSatisfy { !holds($0, content) })
  }

  @Test("what was not asked for, or is something else, is not kept")
  func unasked() throws {
    let away = try #require(world.hosts.first { $0.id != leader.id })
    let content = Array("wanted".utf8)
    let digest = SHA256.hash(content)
    var effects = NodeEffects()
    func find(_ found: ArtifactFound) -> Bool {
      effects.clear()
      away.step(.peer(from: leader.id, PeerMessage.artifactFound(found)), at: world.time, into: &effects)
      return effects.writes.contains { $0.name == .artifact(tenant: "acme", digest: found.digest) }
    }
    let good = ArtifactFound(tenant: "acme", digest: digest.hex, content: content)
    #expect(!find(good))
    away.node?.keeper.want("acme", digest)
    #expect(!find(ArtifactFound(tenant: "acme", digest: digest.hex, content: Array("other".utf8))))
    #expect(!find(ArtifactFound(tenant: "rival", digest: digest.hex, content: content)))
    #expect(find(good))
    #expect(!find(good))
  }

  @Test("peers give a bounded number in a round, and only what has a record")
  func giving() throws {
    let content = Array("given".utf8)
    try put(content)
    let peer = try #require(world.hosts.first { $0.id != leader.id })
    func given(_ content: [UInt8]) -> Int {
      var effects = NodeEffects()
      let wanted = ArtifactWanted(tenant: "acme", digest: SHA256.hash(content).hex)
      leader.step(
        .peer(from: peer.id, PeerMessage.artifactWanted(wanted)), at: world.time, into: &effects)
      return effects.messages.count { $0.message.artifactFound?.content == content }
    }
    leader.node?.keeper.given = 0
    #expect(given(Array("unknown".utf8)) == 0)
    #expect((0..<20).reduce(0) { sum, _ in sum + given(content) } == ArtifactKeeper.maximumGiven)
  }

  @Test("a content whose record never came is removed after ten minutes; one with a record stays")
  func unrecorded() throws {
    let (kept, stray) = (Array("kept".utf8), Array("stray".utf8))
    try put(kept)
    let host = try #require(world.hosts.first { $0.id != leader.id })
    let push = try request(stray)
    world.step(
      host.id,
      .peer(
        from: leader.id,
        PeerMessage.artifactPush(ArtifactPush(statement: push.statement, content: push.content))))
    pass(1)
    #expect(holds(host, stray) && holds(host, kept))
    func removals(after seconds: UInt64) -> [WriteBatch] {
      var effects = NodeEffects()
      host.step(.tick, at: world.time + seconds * Self.second, into: &effects)
      return effects.writes.filter { $0.name == .artifactsRemoved }.map(\.batch)
    }
    #expect(removals(after: 590).isEmpty)
    let batches = removals(after: 602)
    try #require(batches.count == 1)
    for batch in batches { host.disk.sync(batch) }
    #expect(!holds(host, stray) && holds(host, kept))
    #expect(removals(after: 603).isEmpty)
  }

  @Test(
    "a content whose record is not final stays, however long that takes: it is promised, if it comes to be")
  func waiting() throws {
    // Three of five take it into their logs, and one too few is there to sign.
    world.sideOne = world.hosts.filter { $0.id != leader.id }.prefix(2).map(\.id)
    let content = Array("waiting".utf8)
    try put(content)
    let digest = SHA256.hash(content)
    let head = leader.node?.overlay.head.artifact(tenant: "acme", digest: digest)
    let final = leader.node?.overlay.final.artifact(tenant: "acme", digest: digest)
    let isHeld = holds(leader, content)
    #expect(head != nil && final == nil && isHeld)
    var effects = NodeEffects()
    leader.step(.tick, at: world.time + 700 * Self.second, into: &effects)
    #expect(effects.writes.allSatisfy { $0.name != .artifactsRemoved })
  }

  @Test("what a lying peer pushes is bounded in bytes, and others have room; what is durable makes more")
  func pushedBytes() throws {
    let host = try #require(world.hosts.first { $0.id != leader.id })
    let honest = try #require(world.hosts.first { $0.id != leader.id && $0.id != host.id })
    var effects = NodeEffects()
    func push(_ number: UInt8, from peer: NodeID) throws -> [Digest] {
      let request = try request([number] + [UInt8](repeating: 0, count: ArtifactTable.maximumBytes - 1))
      let push = ArtifactPush(statement: request.statement, content: request.content)
      effects.clear()
      host.step(.peer(from: peer, PeerMessage.artifactPush(push)), at: world.time, into: &effects)
      return effects.writes.isEmpty ? [] : [SHA256.hash(request.content)]
    }
    // The same content pushed again is not held again.
    let written = try (0..<20).flatMap { try push($0, from: leader.id) + push($0, from: leader.id) }
    #expect(written.count == ArtifactIntake.maximumBytesOfOne / ArtifactTable.maximumBytes)
    #expect(host.node?.artifacts.intake.bytes ?? 0 <= ArtifactIntake.maximumBytesOfOne)
    #expect(try push(30, from: honest.id).count == 1)
    let durable = try #require(written.first)
    #expect(try push(31, from: leader.id).isEmpty)
    effects.clear()
    host.step(.written(.artifact(tenant: "acme", digest: durable.hex)), at: world.time, into: &effects)
    #expect(effects.messages.count { $0.message.artifactHeld?.digest == durable.hex } == 1)
    #expect(try push(31, from: leader.id).count == 1)
  }

  @Test("a content that is here for good is not written again, however often a peer pushes it")
  func pushedAgain() throws {
    let content = Array("kept".utf8)
    try put(content)
    let host = try #require(world.hosts.first { $0.id != leader.id })
    let push = try request(content)
    var effects = NodeEffects()
    host.step(
      .peer(
        from: leader.id,
        PeerMessage.artifactPush(ArtifactPush(statement: push.statement, content: push.content))),
      at: world.time, into: &effects)
    #expect(effects.writes.isEmpty)
    #expect(effects.messages.count { $0.message.artifactHeld != nil } == 1)
  }

  @Test("the same content in another workspace, where another leader put it, is not the file that was put")
  func otherWorkspace() throws {
    func note(_ workspace: String) throws -> RecordBody {
      try Statements.body(.artifact, try request(Array("same".utf8), workspace: workspace).statement)
    }
    #expect(leader.node?.isSame(try note("main"), try note("main")) == true)
    #expect(leader.node?.isSame(try note("side"), try note("main")) == false)
  }

  @Test("an agent lists a workspace of its tenant in pages; nobody gets another tenant's")
  func listing() throws {
    for number in 0..<3 { try put(Array("file \(number)".utf8), name: "f/\(number).txt") }
    try put(Array("side".utf8), workspace: "side")
    func list(_ caller: Principal, _ request: ArtifactListRequest) throws -> ArtifactListResponse {
      let (status, message) = try answer(
        .artifactList, request.encode(), by: caller, as: ArtifactListResponse.self)
      return try #require(message, "\(status)")
    }
    let main = ArtifactListRequest(tenant: "acme", workspace: "main")
    let page = try list(agent, main)
    #expect(page.items.map(\.name) == ["f/0.txt", "f/1.txt", "f/2.txt"] && !page.more)
    #expect(page.items.allSatisfy { $0.workspace == "main" && $0.owner == agent.path && $0.size == 6 })
    let rest = try list(
      agent, ArtifactListRequest(tenant: "acme", workspace: "main", after: page.items[1].index))
    #expect(rest.items == [page.items[2]])
    #expect(try list(agent, ArtifactListRequest(tenant: "rival", workspace: "main")).items.isEmpty)
    let bad = try answer(
      .artifactList, ArtifactListRequest(tenant: "acme", workspace: "a/b").encode(), by: agent,
      as: ArtifactListResponse.self)
    #expect(bad.status.code == .invalidArgument)
  }

  @Test("an executor gets no artifact without a live approval that names it and reads it")
  func executors() throws {
    let content = Array("secret".utf8)
    try put(content)
    let request = ArtifactRequest(tenant: "acme", digest: SHA256.hash(content).hex)
    let executor = Principal.executor("executor1")
    let got = try answer(.artifactGet, request.encode(), by: executor, as: ArtifactContent.self)
    #expect(got.status.code == .notFound && got.status.message.contains("live approval"), "\(got.status)")
    let stat = try answer(.artifactStat, request.encode(), by: executor, as: ArtifactStat.self)
    #expect(stat.status.code == .permissionDenied)
    let own = try answer(.artifactGet, request.encode(), by: agent, as: ArtifactContent.self)
    #expect(own.message?.content == content && own.message?.proof == "")
  }
}
