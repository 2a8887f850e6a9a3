import Canonical
import ClawShield
import Crypto
import Merkle
import Records
import Testing

struct GenesisTests {
  @Test("the state begins with the genesis: its hash is the cluster, its enrolments and bundle hold")
  func begins() throws {
    let world = try Governed()
    #expect(world.state.size == 1)
    #expect(world.state.cluster == world.log[0].hash)
    #expect(world.state.bundleHash == (try Registry().bundle.hash))
    #expect(world.state.parties.map(\.name) == ["p1", "p2", "p3"])
    #expect(world.state.enrolment(of: Governed.agent, at: world.now)?.owner == "olga")
    #expect(world.state.owed.isEmpty)
    #expect(world.state.nextExpiry == nil)
  }

  private func initial(_ pair: (Record, Attachment)) throws -> ShieldState {
    try ShieldState.initial(genesisLeaf: pair.0.bytes, record: pair.0, attachment: pair.1)
  }

  @Test("a genesis that lacks a party's signature, or has a stranger's, is refused")
  func signatures() throws {
    for signers in [["p1", "p2"], ["p1", "p2", "mallory"], ["p2", "p1", "p3"], ["p1", "p2", "p3", "p4"]] {
      let pair = try Governed.genesis(registry: Registry(), signers: signers)
      #expect(throws: ShieldError.self) { try initial(pair) }
    }
  }

  @Test("a genesis whose leaf, bundle or enforcement is not what it says is refused")
  func contents() throws {
    let (record, attachment) = try Governed.genesis(registry: Registry())
    #expect(throws: ShieldError.genesis("the canonical bytes of a genesis record")) {
      try ShieldState.initial(
        genesisLeaf: record.bytes + [0x20], record: record, attachment: attachment)
    }
    var other = attachment
    other["bundle"] = Attachment.Item(
      salt: [UInt8](repeating: 7, count: 16), value: try Registry(version: "2").bundle.json)
    #expect(throws: ShieldError.self) { try initial((record, other)) }
    let shell = try Governed.genesis(registry: Registry(echoArguments: #"["/bin/sh","-c","x"]"#))
    #expect(throws: ShieldError.self) { try initial(shell) }
    let schema = try Governed.genesis(registry: Registry(echoSchema: #"{"unevaluatedItems":false}"#))
    #expect(throws: ShieldError.self) { try initial(schema) }
  }

  @Test("what no node would begin with is refused before anybody has signed it, and what one would is not")
  func beforehand() throws {
    func refusal(
      _ registry: Registry, semantics: Int = Semantics.newest, change: (inout Genesis) -> Void = { _ in }
    ) throws -> ShieldError? {
      let (record, _) = try Governed.genesis(registry: registry, semantics: semantics)
      guard case .genesis(var genesis) = record.body else { throw TestFailure("no genesis") }
      change(&genesis)
      let bundle = try registry.bundle
      do throws(ShieldError) {
        try ShieldState.requireBeginning(genesis, with: bundle)
        return nil
      } catch {
        return error
      }
    }
    #expect(try refusal(Registry()) == nil)
    #expect(try refusal(Registry(echoArguments: #"["/bin/sh","-c","x"]"#)) != nil)
    #expect(try refusal(Registry(echoSchema: #"{"unevaluatedItems":false}"#)) != nil)
    #expect(try refusal(Registry(withoutEcho: true)) == nil)
    #expect(try refusal(Registry(withPreview: true), semantics: Semantics.rego - 1) != nil)
    let wide = String(repeating: "#", count: 1 << 20)
    #expect(try refusal(Registry(files: [("README.md", wide)])) != nil)
    #expect(
      try refusal(Registry()) { $0.enrolments[0].secondKey = $0.enrolments[1].key } != nil)
    #expect(try refusal(Registry()) { $0.enrolments[0].expiresAt = Governed.start } != nil)
    let scopes = (0..<64).map { "scope-\($0)-" + String(repeating: "x", count: 100) }
    #expect(
      try refusal(Registry()) { genesis in
        for position in genesis.enrolments.indices { genesis.enrolments[position].scopes = scopes }
      } == .record(.tooLong(limit: Record.maximumBytes)))
  }

  @Test("only leaf 0 is a genesis, and a leaf must be the next one")
  func once() throws {
    let world = try Governed()
    let leaf = world.log[0]
    var state = world.state
    #expect(
      state.apply(leaf.record, leafHash: leaf.hash, attachment: leaf.attachment, at: LeafIndex(7))
        == .void(reason: "expected leaf 1, found leaf 7"))
    #expect(state.stateRoot == world.state.stateRoot)
    guard
      case .divergent = state.apply(
        leaf.record, leafHash: leaf.hash, attachment: leaf.attachment, at: LeafIndex(1))
    else { throw TestFailure("a second genesis must be evidence") }
  }

  @Test("log time never goes back: a leaf stamped earlier is evidence against its leader")
  func time() throws {
    var world = try Governed()
    try world.pass(seconds: 10)
    world.now = Governed.start
    guard case .divergent = try world.append(.tick) else { throw TestFailure("expected evidence") }
    #expect(world.state.logTime == Governed.start.advanced(by: .seconds(10)))
  }
}
