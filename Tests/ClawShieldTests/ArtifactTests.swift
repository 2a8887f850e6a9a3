import ClawShield
import Crypto
import Records
import Testing

/// Files of a tenant: who puts them, which proposals may name them, who may fetch them.
struct ArtifactTests {
  @Test("an artifact is its tenant's: of an enrolled agent, known the second time")
  func owners() throws {
    var world = try Governed()
    #expect(try world.refusal(world.artifact("file", of: .approver("ann"))) == .permissionDenied)
    #expect(try world.refusal(world.artifact("file", of: Governed.foreignAgent)) == .permissionDenied)
    let nobody = Principal.agent(tenant: "acme", name: "nobody")
    #expect(try world.refusal(world.artifact("file", of: nobody)) == .permissionDenied)
    let forged = world.artifact("file", of: Governed.agent, keyName: Governed.otherAgent.path)
    #expect(try world.refusal(forged) == .permissionDenied)
    #expect(try world.append(world.artifact("file", of: Governed.agent).0) == .effective)
    let leaf = world.last
    #expect(world.admits(world.artifact("file", of: Governed.agent)) == .known(leaf))
    #expect(world.state.artifact(tenant: "acme", digest: SHA256.hash("file"))?.leaf == leaf)
    #expect(world.state.artifact(tenant: "rival", digest: SHA256.hash("file")) == nil)
    let result = world.artifact("file", of: Governed.agent, resultOf: leaf)
    #expect(try world.refusal(result) == .permissionDenied)
  }

  @Test("what is put again by another way has the labels of both; nothing takes one away")
  func joinedLabels() throws {
    var world = try Governed()
    #expect(try world.append(world.artifact("a", of: Governed.agent, labels: ["untrusted"]).0) == .effective)
    let first = world.last
    #expect(try world.append(world.artifact("a", of: Governed.otherAgent).0) == .effective)
    let view = try #require(world.state.artifact(tenant: "acme", digest: SHA256.hash("a")))
    #expect(view.labels == ["acme", Governed.otherAgent.path, Governed.agent.path, "untrusted"])
    #expect(view.leaf == first)
    #expect(world.admits(world.artifact("a", of: Governed.otherAgent)) == .known(first))
    #expect(world.state.artifacts(tenant: "acme", workspace: "main", after: nil, limit: 9).count == 1)
    #expect(try world.restored().stateRoot == world.state.stateRoot)
  }

  @Test("a workspace has its own files, listed by leaf in pages; the same content may be in several")
  func workspaces() throws {
    var world = try Governed()
    for content in ["a", "b", "c"] { try world.append(world.artifact(content, of: Governed.agent).0) }
    try world.append(world.artifact("b", of: Governed.agent, workspace: "side").0)
    try world.append(world.artifact("b", of: Governed.foreignAgent, tenant: "rival").0)
    for state in [world.state, try world.restored()] {
      let first = state.artifacts(tenant: "acme", workspace: "main", after: nil, limit: 2)
      #expect(first.map(\.digest) == [SHA256.hash("a"), SHA256.hash("b")])
      let rest = state.artifacts(tenant: "acme", workspace: "main", after: first.last?.leaf, limit: 2)
      #expect(rest.map(\.digest) == [SHA256.hash("c")])
      let side = state.artifacts(tenant: "acme", workspace: "side", after: nil, limit: 9)
      #expect(side.map(\.digest) == [SHA256.hash("b")])
      #expect(state.artifacts(tenant: "acme", workspace: "none", after: nil, limit: 9).isEmpty)
      // The leaf is the caller's word: any number may stand there.
      #expect(
        state.artifacts(tenant: "acme", workspace: "main", after: LeafIndex(.max), limit: 9).isEmpty)
      // What nodes must hold: each content of a tenant once, in pages too.
      var held: [String] = []
      var page = state.contents(after: nil, limit: 2)
      while !page.isEmpty {
        held += page.map { "\($0.tenant) \($0.digest.hex)" }
        page = state.contents(after: page.last, limit: 2)
      }
      let ours = ["a", "b", "c"].map { SHA256.hash($0).hex }.sorted().map { "acme \($0)" }
      #expect(held == ours + ["rival \(SHA256.hash("b").hex)"])
    }
  }

  /// The rules that deny a proposal with these inputs.
  private func denials(
    _ world: inout Governed, _ inputs: [Digest], action: String = "echo"
  ) throws -> [String] {
    let index = try world.propose(
      action: action, parameters: action == "echo" ? ["text": "hello"] : [:], inputs: inputs)
    return try world.rules(index)
  }

  @Test("an input of another workspace is denied, though it is the tenant's (RT-3)")
  func crossWorkspaceInput() throws {
    var world = try Governed()
    try world.append(world.artifact("side", of: Governed.agent, workspace: "side").0)
    #expect(try denials(&world, [SHA256.hash("side")]) == ["floor.cross_workspace"])
    try world.append(world.artifact("side", of: Governed.agent).0)
    #expect(try denials(&world, [SHA256.hash("side")]).isEmpty)
  }

  @Test("no more inputs than the action takes, in number and bytes, none twice, and none too few")
  func limits() throws {
    let bounded = #""inputs":{"minimum_count":1,"maximum_count":2,"maximum_bytes":5},"#
    var world = try Governed(registry: Registry(echoInputs: bounded))
    for content in ["aa", "bbb", "cccc"] { try world.append(world.artifact(content, of: Governed.agent).0) }
    let (two, three, four) = (SHA256.hash("aa"), SHA256.hash("bbb"), SHA256.hash("cccc"))
    #expect(try denials(&world, [two, three]).isEmpty)
    #expect(try denials(&world, []) == ["floor.inputs_needed"])
    #expect(try denials(&world, [two, four]) == ["floor.inputs_bytes"])
    #expect(try denials(&world, [two, three, four]) == ["floor.inputs_count", "floor.inputs_bytes"])
    #expect(try denials(&world, [two, two]) == ["floor.inputs_distinct"])
    #expect(try denials(&world, [two], action: "publish") == ["floor.inputs_taken"])
  }

  // MARK: Executors

  @Test("an executor fetches an input of its own live approval, and nothing else")
  func fetching() throws {
    var world = try Governed()
    for content in ["in", "out"] { try world.append(world.artifact(content, of: Governed.agent).0) }
    let input = SHA256.hash("in")
    let approval = try world.approved(inputs: [input])
    func mayFetch(_ digest: Digest, _ decision: LeafIndex, _ executor: Principal, _ state: ShieldState)
      -> Bool
    { state.input(digest, of: decision, for: executor, at: world.now) != nil }
    #expect(mayFetch(input, approval, Governed.executor, world.state))
    #expect(!mayFetch(SHA256.hash("out"), approval, Governed.executor, world.state))
    #expect(!mayFetch(input, approval, .executor("x2"), world.state))
    #expect(!mayFetch(input, LeafIndex(0), Governed.executor, world.state))
    let end = world.now.advanced(by: .seconds(300))
    #expect(world.state.input(input, of: approval, for: Governed.executor, at: end) == nil)
    var halted = world
    try halted.use(.quarantine, .principal(Governed.agent), id: "q")
    #expect(!mayFetch(input, approval, Governed.executor, halted.state))
    let (receipt, attachment) = try world.receipt(for: approval) { $0.inputs = [input] }
    #expect(try world.append(receipt, attachment) == .effective)
    #expect(!mayFetch(input, approval, Governed.executor, world.state))
  }

  @Test("an executor's file is the result of its approval, and names the agent")
  func results() throws {
    var world = try Governed()
    let input = SHA256.hash("in")
    try world.append(world.artifact("in", of: Governed.otherAgent, labels: ["untrusted"]).0)
    let approval = try world.approved(inputs: [input])
    let labels = [Governed.agent.path, Governed.otherAgent.path, "untrusted"]
    func refusal(
      by executor: Principal = Governed.executor, _ labels: [String], _ decision: LeafIndex?,
      tenant: String = "acme", workspace: String = "main"
    ) throws -> Refusal.Code? {
      try world.refusal(
        world.artifact(
          "out", of: executor, tenant: tenant, workspace: workspace, labels: labels, resultOf: decision))
    }
    #expect(try refusal(labels, nil) == .permissionDenied)
    #expect(try refusal(labels, LeafIndex(0)) == .permissionDenied)
    #expect(try refusal(by: .executor("x2"), labels, approval) == .permissionDenied)
    #expect(try refusal(labels, approval, tenant: "rival") == .permissionDenied)
    #expect(try refusal(labels, approval, workspace: "side") == .permissionDenied)
    #expect(try refusal(labels.filter { $0 != Governed.agent.path }, approval) == .permissionDenied)
    #expect(try refusal(labels, approval) == nil)

    // The receipt waits for it.
    func receipt() throws -> (RecordBody, Attachment) {
      try world.receipt(for: approval) {
        $0.inputs = [input]
        $0.resultArtifact = SHA256.hash("out")
      }
    }
    #expect(try world.refusal(receipt()) == .failedPrecondition)
    let file = world.artifact("out", of: Governed.executor, labels: labels, resultOf: approval)
    #expect(try world.append(file.0) == .effective)
    let (body, attachment) = try receipt()
    #expect(try world.append(body, attachment) == .effective)
    // Outside text stays outside text, whatever was made of it.
    let risk = RiskContext(estimatedCost: .zero, dataClassification: .public, impactLevel: .high)
    let next = try world.propose(risk: risk, inputs: [SHA256.hash("out")])
    #expect(try world.rules(next, .escalate) == ["floor.untrusted_input"])
  }

  /// A file in the workspace's memory.
  private func memory(_ world: Governed, of owner: Principal, resultOf decision: LeafIndex? = nil)
    -> (RecordBody, Attachment)
  {
    let note = ArtifactNote(
      digest: SHA256.hash("what to remember"), tenantID: "acme", workspaceID: "main", name: "memory/a.txt",
      size: 16, mediaType: "text/plain", owner: owner, labels: [Governed.agent.path], decision: decision,
      validUntil: world.now.advanced(by: .seconds(60)))
    return (
      .artifact(Signed.sign(note, cluster: world.cluster, as: owner, with: Governed.key(owner.path))),
      Attachment()
    )
  }

  @Test("memory is written by an approved action with its scope: by no agent, and by no other action (T1.2)")
  func memoryWrites() throws {
    var world = try Governed()
    #expect(try world.refusal(memory(world, of: Governed.agent)) == .permissionDenied)
    let plain = try world.approved()
    #expect(
      try world.refusal(memory(world, of: Governed.executor, resultOf: plain)) == .permissionDenied)

    var registry = Registry()
    registry.override = Registry().text.replacing(#""scopes":["text"]"#, with: #""scopes":["memory.write"]"#)
    var writing = try Governed(registry: registry)
    let grown = Governed.enrolment(Governed.agent, owner: "olga", scopes: ["memory.write"])
    #expect(try writing.enrol(grown) == .effective)
    let index = try writing.propose(scopes: ["memory.write"])
    try writing.settle()
    let approval = try #require(try writing.view(index).approval)
    let (body, attachment) = memory(writing, of: Governed.executor, resultOf: approval)
    #expect(try writing.append(body, attachment) == .effective)

    let old = try Governed(semantics: 2)
    #expect(try old.refusal(memory(old, of: Governed.agent)) == nil)
  }

  @Test(
    "an executor that leaves out an input's label washes nothing off, and one that cannot know it is not refused"
  )
  func addedLabels() throws {
    var world = try Governed()
    let input = SHA256.hash("in")
    try world.append(world.artifact("in", of: Governed.agent).0)
    let approval = try world.approved(inputs: [input])
    // Said after the first record, which is the one that executors are shown.
    try world.append(world.artifact("in", of: Governed.otherAgent, labels: ["untrusted"]).0)
    func put() throws -> LeafIndex {
      let file = world.artifact(
        "out", of: Governed.executor, labels: [Governed.agent.path], resultOf: approval)
      #expect(try world.append(file.0) == .effective)
      return world.last
    }
    let first = try put()
    func labels() -> [String]? { world.state.artifact(tenant: "acme", digest: SHA256.hash("out"))?.labels }
    let all = ["acme", Governed.executor.path, Governed.otherAgent.path, Governed.agent.path, "untrusted"]
    #expect(labels() == all.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    #expect(
      world.admits(
        world.artifact("out", of: Governed.executor, labels: [Governed.agent.path], resultOf: approval))
        == .known(first))
    // What is said of the input later shows in the result when it is put again.
    try world.append(world.artifact("in", of: Governed.agent, labels: ["secret"]).0)
    _ = try put()
    #expect(labels()?.contains("secret") == true)
    #expect(try world.restored().stateRoot == world.state.stateRoot)
  }

  @Test("a receipt names the inputs that were approved, or none where it did not come to that")
  func receipts() throws {
    var world = try Governed()
    try world.append(world.artifact("in", of: Governed.agent).0)
    let input = SHA256.hash("in")
    let approval = try world.approved(inputs: [input])
    func refusal(_ status: RunStatus, _ inputs: [Digest]) throws -> Refusal.Code? {
      try world.refusal(world.receipt(for: approval, status: status) { $0.inputs = inputs })
    }
    #expect(try refusal(.succeeded, []) == .invalidArgument)
    #expect(try refusal(.succeeded, [SHA256.hash("other")]) == .invalidArgument)
    #expect(try refusal(.failed, [input, input]) == .invalidArgument)
    #expect(try refusal(.refused, []) == nil)
    #expect(try refusal(.failed, [input]) == nil)
    #expect(try refusal(.succeeded, [input]) == nil)
  }
}
