import Canonical
import ClawShield
import Crypto
import Records
import Testing

struct ErasureTests {
  private func erase(
    _ world: inout Governed, _ target: IncidentTarget = .tenant("acme"), id: String = "e",
    by people: [String] = ["pat", "quin"]
  ) throws -> Applied {
    let (body, attachment) = world.incident(.erase, target, id: id, by: people)
    return try world.append(body, attachment)
  }

  @Test("an erasure takes two distinct people, names a tenant, and is one act")
  func admission() throws {
    var world = try Governed()
    for people in [["pat"], ["pat", "pat-again"]] {
      let (body, attachment) = world.incident(.erase, .tenant("acme"), id: "e", by: people)
      guard case .refuse(let refusal) = world.state.admits(body, attachment: attachment, at: world.now) else {
        Issue.record("\(people) erased a tenant")
        continue
      }
      #expect(refusal.code == .permissionDenied)
    }
    for target in [IncidentTarget.all, .principal(Governed.agent), .token("t")] {
      guard case .void = try erase(&world, target, id: "x") else {
        Issue.record("\(target.text) was erased")
        continue
      }
    }
    #expect(world.state.erasures.isEmpty)
    #expect(try erase(&world) == .effective)
    let leaf = world.last
    #expect(world.state.erasure(of: "acme") == leaf && world.state.erasure(of: "rival") == nil)
    guard case .void = try erase(&world) else {
      Issue.record("the same act counted twice")
      return
    }
    #expect(world.state.erasure(of: "acme") == leaf)
    #expect(try erase(&world, id: "e2") == .effective)
    #expect(world.state.erasure(of: "acme") == world.last)
  }

  @Test("older semantics know no erasure")
  func semantics() throws {
    var world = try Governed(semantics: 2)
    guard case .void(let reason) = try erase(&world) else {
      Issue.record("it counted")
      return
    }
    #expect(reason.contains("semantics 3"))
  }

  @Test("what the tenant waits for ends, what it may run is void, and another tenant's goes on")
  func ends() throws {
    var world = try Governed()
    let approval = try world.approved()
    let waiting = try world.propose(action: "publish")
    try world.settle()
    let other = try world.approved(by: Governed.foreignAgent)
    #expect(try erase(&world) == .effective)
    #expect(!world.state.isLiveApproval(at: approval, time: world.now))
    #expect(world.state.isLiveApproval(at: other, time: world.now))
    try world.settle()
    #expect(try world.view(waiting).status == .denied)
    // It restricts nobody: what comes later is judged as before.
    let later = try world.propose()
    #expect(try world.rules(later).isEmpty)
  }

  @Test(
    "the tenant's files are forgotten with what they count for, and may be put again; the state is its cells")
  func files() throws {
    var world = try Governed()
    let digest = SHA256.hash("a file")
    func put(_ world: inout Governed) throws -> Applied {
      let (body, attachment) = world.artifact("a file", of: Governed.agent)
      return try world.append(body, attachment)
    }
    #expect(try put(&world) == .effective)
    let (body, attachment) = world.artifact("another", of: Governed.foreignAgent, tenant: "rival")
    #expect(try world.append(body, attachment) == .effective)
    #expect(try erase(&world) == .effective)
    #expect(world.state.artifact(tenant: "acme", digest: digest) == nil)
    #expect(world.state.artifact(tenant: "rival", digest: SHA256.hash("another")) != nil)
    #expect(world.state.contents(after: nil, limit: 8).map(\.tenant) == ["rival"])
    var cells: [(name: String, bytes: [UInt8])] = []
    world.state.cells.forEach { name, cell in cells.append((name, cell.merkleBytes())) }
    let restored = try ShieldState(restoring: cells)
    #expect(restored.stateRoot == world.state.stateRoot)
    #expect(restored.erasures.map(\.tenant) == ["acme"] && restored.erasure(of: "acme") == world.last)
    // Another record: at its time the agent says it anew.
    world.now = world.now.advanced(by: .seconds(1))
    #expect(try put(&world) == .effective)
    #expect(world.state.artifact(tenant: "acme", digest: digest)?.leaf == world.last)
  }

  /// A run has read a file that is outside text; its tenant is erased, the run's executor puts the result and tells of it
  /// without a word of that. The labels of the file and of the receipt's result.
  private func lateResult(
    semantics: Int = Semantics.newest, afterwards: (inout Governed) throws -> Void = { _ in }
  ) throws -> (file: [String], receipt: [String]?) {
    var world = try Governed(semantics: semantics)
    try world.append(world.artifact("a file", of: Governed.agent, labels: ["untrusted"]).0)
    let approval = try world.approved(inputs: [SHA256.hash("a file")])
    let index = try #require(world.state.proposalView(decision: approval)).index
    #expect(try erase(&world) == .effective)
    try afterwards(&world)
    world.state = try world.restored()
    let (body, attachment) = world.result("a result", of: approval)
    #expect(try world.append(body, attachment) == .effective)
    let (receipt, evidence) = try world.receipt(for: approval) { $0.inputs = [SHA256.hash("a file")] }
    #expect(try world.append(receipt, evidence) == .effective)
    let file = try #require(world.state.artifact(tenant: "acme", digest: SHA256.hash("a result")))
    #expect(try world.restored().stateRoot == world.state.stateRoot)
    return (file.labels, world.state.resultLabels(of: index))
  }

  @Test("what comes of a run that read what was erased meanwhile has the labels of that")
  func lateResults() throws {
    let late = try lateResult()
    #expect(late.file.contains("untrusted") && late.receipt?.contains("untrusted") == true)
    // It is what the file was that counts, and not what is put again under its name, nor what a second erasure finds.
    let again = try lateResult { world in
      world.now = world.now.advanced(by: .seconds(1))
      try world.append(world.artifact("a file", of: Governed.agent).0)
      #expect(try erase(&world, id: "e2") == .effective)
    }
    #expect(again.file.contains("untrusted") && again.receipt?.contains("untrusted") == true)
    let older = try lateResult(semantics: Semantics.erasedInputs - 1)
    #expect(!older.file.contains("untrusted") && older.receipt?.contains("untrusted") == false)
  }
}
