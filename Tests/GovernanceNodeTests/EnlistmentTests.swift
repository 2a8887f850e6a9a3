import Canonical
import Crypto
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// Executors that ask for leases, and what nodes say of each other's executors.
struct EnlistmentTests {
  private let world: World
  private let leader: NodeHost
  private let liar: NodeID
  private let executor = Principal.executor("executor1")
  private let own = [UInt8](repeating: 3, count: 32)
  private let key = CallKey(connection: 99, call: 1)

  init() throws {
    let world = try World(Schedule(Conditions(seed: 3)))
    world.run(until: 2_000_000_000)
    self.world = world
    leader = try #require(world.hosts.first { $0.view?.role == .leader })
    let id = leader.id
    liar = try #require(world.hosts.first { $0.id != id }?.id)
  }

  private func step(_ event: NodeEvent) -> NodeEffects {
    var effects = NodeEffects()
    leader.step(event, at: world.time, into: &effects)
    return effects
  }

  private func enlist(_ request: EnlistRequest, call number: UInt64 = 1) -> CallStatus? {
    let key = CallKey(connection: 99, call: number)
    let effects = step(
      .call(ClientCall(key: key, caller: executor, method: Method.enlist.path, payload: request.encode())))
    return status(effects, of: key)
  }

  private func cluster() throws -> Digest {
    let cluster = leader.node?.cluster
    return try #require(cluster)
  }

  /// Signed by the executor, or by another, so many seconds from now.
  private func signed(
    _ request: EnlistRequest, by signer: Int = 0, after seconds: Int64 = 1
  ) throws -> EnlistRequest {
    var request = request
    let time = world.wall().advanced(by: .seconds(seconds))
    request.declaredAt = time.text
    let declaration = HostDeclaration(
      executor: executor, incarnation: Int(request.incarnation), challenge: request.challenge,
      isolationClasses: request.isolationClasses, isCompliant: request.compliant,
      shortcomings: request.shortcomings, declaredAt: time)
    let host = world.executors[signer]
    request.signature =
      PartySigned(declaration, cluster: try cluster(), with: host.credentials.key).signature.bytes
    return request
  }

  private func note(_ request: EnlistRequest) -> ChallengeNote {
    ChallengeNote(
      executor: executor.path, incarnation: request.incarnation, challenge: request.challenge,
      compliant: request.compliant, shortcomings: request.shortcomings,
      isolationClasses: request.isolationClasses, signature: request.signature,
      declaredAt: request.declaredAt)
  }

  private func status(_ effects: NodeEffects, of key: CallKey) -> CallStatus? {
    for case .respond(let answered, let status, _) in effects.answers where answered == key { return status }
    return nil
  }

  private func invented(_ number: UInt8) -> PeerMessage {
    PeerMessage.challenge(
      ChallengeNote(
        executor: executor.path, incarnation: 1, challenge: [UInt8](repeating: number, count: 32)))
  }

  @Test("a node that invents challenges keeps no executor from its lease, and fills no memory")
  func inventedChallenges() throws {
    #expect(enlist(EnlistRequest(incarnation: 1, challenge: own)) == nil)
    let challenge = Challenge(executor: executor, incarnation: 1, bytes: own)
    for number in 10..<200 as Range<UInt8> {
      let effects = step(.peer(from: liar, invented(number)))
      #expect(status(effects, of: key) == nil, "whoever waits is not sent away")
    }
    guard let table = leader.node?.executors else {
      Issue.record("the leader is down")
      return
    }
    #expect(table.challenges.contains(challenge), "the next lease commits to it")
    #expect(table.enlisting.contains { $0.key == key })
    #expect(table.challenges.count { $0.executor == executor } <= 5)
    // A lease beside an offer answers what was asked here, while that is new, and then the newest.
    func beside(_ passed: Nanoseconds) -> Challenge? {
      table.challenge(
        of: executor, at: leader.id, among: table.challenges, within: .seconds(3),
        at: Instant(nanoseconds: world.time) + passed)
    }
    #expect(beside(.seconds(2)) == challenge)
    #expect(beside(.seconds(4)) != challenge && beside(.seconds(4))?.executor == executor)
  }

  @Test("a newer challenge by the same way takes the older one's place, and who waits is told")
  func newer() throws {
    #expect(enlist(EnlistRequest(incarnation: 1, challenge: own)) == nil)
    let second = CallKey(connection: 99, call: 2)
    let request = EnlistRequest(incarnation: 1, challenge: [UInt8](repeating: 4, count: 32))
    let effects = step(
      .call(ClientCall(key: second, caller: executor, method: Method.enlist.path, payload: request.encode())))
    #expect(status(effects, of: key)?.code == .aborted)
    #expect(leader.node?.executors.challenges.contains { $0.bytes == own } == false)
  }

  @Test("whoever offers what is needed is named first, in turn; where nobody does, who is there may again")
  func offered() throws {
    let start = Instant(nanoseconds: 1_000_000_000)
    let names = (1...3).map { Principal.executor("executor\($0)") }
    var table = ExecutorTable()
    func enlist(_ number: Int, _ classes: Set<IsolationClass>, from source: NodeID? = nil, byte: UInt8 = 1) {
      table.challenge(
        Challenge(executor: names[number], incarnation: 1, bytes: [UInt8](repeating: byte, count: 32)),
        from: source ?? leader.id, isFirstHand: false, readiness: .silent, offering: classes,
        declaration: nil, at: start)
    }
    enlist(0, [])
    enlist(1, [.container, .microvmTCG])
    enlist(2, [.microvmKVM])
    func chosen(_ needed: IsolationClass?, _ times: Int) -> [Principal?] {
      (0..<times).map { _ in table.choose(among: names, needing: needed, at: start) }
    }
    #expect(Set(chosen(.microvmTCG, 4)) == [names[1], names[2]])
    #expect(chosen(.microvmKVM, 2) == [names[2], names[2]])
    // The first was passed over until now: where nobody can, or nothing is known of the action, it is its turn.
    #expect(chosen(.kata, 1) == [names[0]])
    #expect(chosen(nil, 1) == [names[0]])
    // What its host finds later counts from its next challenge on, whichever node hears of it.
    enlist(0, [.kata], from: liar, byte: 2)
    #expect(chosen(.kata, 2) == [names[0], names[0]])
  }

  @Test("what an executor offers reaches the leader by the node that it asks")
  func offeredElsewhere() throws {
    let heard = try signed(
      EnlistRequest(
        incarnation: 1, challenge: own, isolationClasses: ["microvm-tcg", "a class of tomorrow"]))
    _ = step(.peer(from: liar, PeerMessage.challenge(note(heard))))
    #expect(leader.node?.executors.offered(by: executor) == [.microvmTCG])
    let request = try signed(
      EnlistRequest(
        incarnation: 1, challenge: [UInt8](repeating: 9, count: 32), isolationClasses: ["container"]))
    #expect(enlist(request) == nil)
    #expect(leader.node?.executors.offered(by: executor) == [.container])
  }

  @Test("what an executor declares is signed by it: no node says it in its name, and nobody for another")
  func declarations() throws {
    func request(_ number: UInt8) throws -> EnlistRequest {
      try signed(
        EnlistRequest(
          incarnation: 1, challenge: [UInt8](repeating: number, count: 32), isolationClasses: ["microvm-tcg"],
          compliant: true), after: Int64(number))
    }
    var number: UInt8 = 10
    let classes: Set<IsolationClass> = [.microvmTCG]
    // A node that says something else of it is not heard.
    for change: (inout ChallengeNote) -> Void in [
      { $0.signature = [] }, { $0.compliant = false }, { $0.isolationClasses = ["kata"] },
      { $0.challenge[0] ^= 1 }, { $0.shortcomings = ["journal: it is in memory"] },
      { $0.signature[40] ^= 1 }, { $0.declaredAt = "" }, { $0.declaredAt = "tomorrow" },
    ] {
      #expect(enlist(try request(number), call: UInt64(number)) == nil)
      #expect(try told() == (true, []))
      var note = note(try request(number + 1))
      change(&note)
      number += 2
      _ = step(.peer(from: liar, PeerMessage.challenge(note)))
      #expect(try told() == (true, []))
      #expect(leader.node?.executors.offered(by: executor) == classes)
    }
    // By its own call, a signature that is none is an error that it hears of.
    var other = try signed(EnlistRequest(incarnation: 1, challenge: own, compliant: true), by: 1)
    #expect(enlist(other, call: 6)?.code == .permissionDenied)
    other.signature = [1, 2, 3]
    #expect(enlist(other, call: 7)?.code == .permissionDenied)
  }

  @Test(
    "what an executor said before, a node cannot repeat as what it says now; its own call counts in any case")
  func repeated() throws {
    func declared(_ number: UInt8, _ shortcomings: [String], after seconds: Int64) throws -> EnlistRequest {
      try signed(
        EnlistRequest(
          incarnation: 1, challenge: [UInt8](repeating: number, count: 32), compliant: shortcomings.isEmpty,
          shortcomings: shortcomings), after: seconds)
    }
    let before = try declared(20, [], after: 100)
    #expect(enlist(before, call: 20) == nil)
    #expect(enlist(try declared(21, ["journal: memory"], after: 200), call: 21) == nil)
    // The same again, and an older one of which this node had not heard.
    for old in [before, try declared(22, [], after: 199)] {
      _ = step(.peer(from: liar, PeerMessage.challenge(note(old))))
      #expect(try told() == (false, ["journal: memory"]))
    }
    _ = step(.peer(from: liar, PeerMessage.challenge(note(try declared(23, ["images: none"], after: 201)))))
    #expect(try told() == (false, ["images: none"]))
    // Its clock was set back.
    #expect(enlist(try declared(24, [], after: 3), call: 24) == nil)
    #expect(try told() == (true, []))
  }

  @Test("an operator gets the executor's signed words, and can check them by its key")
  func shown() throws {
    let request = try signed(
      EnlistRequest(
        incarnation: 1, challenge: own, isolationClasses: ["container"], shortcomings: ["journal: memory"]))
    #expect(enlist(request) == nil)
    let entry = try #require(try entry())
    let bytes = try #require(entry["declaration"]).canonicalBytes()
    let declaration = try PartySigned<HostDeclaration>(parsing: bytes)
    #expect(
      declaration.isSigned(by: world.executors[0].credentials.key.publicKey, cluster: try cluster()))
    #expect(declaration.content.shortcomings == ["journal: memory"])
    #expect(declaration.content.isolationClasses == ["container"] && !declaration.content.isCompliant)
  }

  // MARK: Readiness (HF-9)

  /// What an operator is told of the executor.
  private func told() throws -> (compliant: Bool?, shortcomings: [String]) {
    let entry = try entry()
    return (entry?["compliant"]?.bool, (entry?["shortcomings"]?.array ?? []).compactMap(\.string))
  }

  private func entry() throws -> JSON? {
    let key = CallKey(connection: 98, call: 1)
    let effects = step(
      .call(ClientCall(key: key, caller: .operator("operator1"), method: Method.status.path, payload: [])))
    for case .respond(key, _, let payload) in effects.answers {
      let value = try JSON.parse(try StatusResponse(decoding: payload).json)
      return value["readiness"]?.array?.first { $0["executor"]?.string == executor.path }
    }
    return nil
  }

  @Test("each executor stands with what it says of itself; one that says nothing is not compliant")
  func readiness() throws {
    #expect(enlist(EnlistRequest(incarnation: 1, challenge: own)) == nil)
    #expect(try told() == (false, ["readiness: not declared"]))
    var request = EnlistRequest(incarnation: 1, challenge: [UInt8](repeating: 5, count: 32), compliant: true)
    #expect(enlist(request, call: 2) == nil)
    #expect(try told() == (false, ["readiness: not declared"]), "what is not signed is not said")
    request.challenge[0] = 7
    #expect(enlist(try signed(request), call: 4) == nil)
    #expect(try told() == (true, []))
    request.challenge[0] = 6
    request.shortcomings = ["journal: it is in memory"]
    #expect(enlist(try signed(request), call: 3) == nil)
    #expect(try told() == (false, request.shortcomings), "who names what is off is not compliant")
  }

  @Test("what is too long or no text for people is refused, and from a peer not believed")
  func bounds() throws {
    func refusal(_ shortcomings: [String]) -> StatusCode? {
      enlist(EnlistRequest(incarnation: 1, challenge: own, shortcomings: shortcomings))?.code
    }
    #expect(refusal([String](repeating: "x", count: 33)) == .invalidArgument)
    #expect(refusal([String](repeating: "x", count: 1) + [""]) == .invalidArgument)
    #expect(refusal([String(repeating: "x", count: 257)]) == .invalidArgument)
    #expect(refusal(["\u{1B}[2J"]) == .invalidArgument)
    #expect(refusal([String](repeating: String(repeating: "x", count: 256), count: 32)) == nil)
    let shown = EnlistRequest(
      incarnation: 1, challenge: own, compliant: true, shortcomings: ["\u{1B}[2J"])
    _ = step(.peer(from: liar, PeerMessage.challenge(note(try signed(shown)))))
    #expect(try told() == (false, ["readiness: not declared"]))
  }
}
