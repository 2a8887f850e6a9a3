import Canonical
import Crypto
import Records
import Testing

@testable import ClawShield

/// When files are let go of, and what keeps them (Docs/Decisions/027-retention.md).
struct RetentionTests {
  private static let day: Int64 = 86_400
  private static let digest = SHA256.hash("file")

  private func registry(_ rules: String, version: String = "1") -> Registry {
    var registry = Registry(version: version)
    registry.override = registry.text.replacing(
      #""breakers":"#, with: #""retention":[\#(rules)],"breakers":"#)
    return registry
  }

  /// A world that keeps files for two days, with one file in it.
  private func world(
    _ rules: String = #"{"days":2}"#, labels: [String] = []
  ) throws -> Governed {
    var world = try Governed(registry: registry(rules))
    try world.append(world.artifact("file", of: Governed.agent, labels: labels).0)
    return world
  }

  private func isKept(_ world: Governed) -> Bool {
    world.state.artifact(tenant: "acme", digest: Self.digest) != nil
  }

  private func expectRestored(_ world: Governed) throws {
    let restored = try world.restored()
    #expect(restored.stateRoot == world.state.stateRoot)
    #expect(restored.nextExpiry == world.state.nextExpiry)
    #expect(restored.owed == world.state.owed)
  }

  @Test("a file is let go of when its days are over, not before; its record stays, and one more says so")
  func ends() throws {
    var world = try world()
    let leaf = world.last
    let end = Governed.start.advanced(by: .seconds(2 * Self.day + 3600))
    #expect(world.state.nextExpiry == end)
    try expectRestored(world)
    try world.pass(seconds: 2 * Self.day + 3599)
    #expect(isKept(world) && world.state.owed.isEmpty)
    try world.pass(seconds: 1)
    let cause = world.last
    #expect(!isKept(world))
    #expect(world.state.contents(after: nil, limit: 9).isEmpty)
    #expect(world.state.artifacts(tenant: "acme", workspace: "main", after: nil, limit: 9).isEmpty)
    #expect(world.state.artifactUse(of: "acme") == (0, 0))
    let owed = try #require(world.state.owed.first)
    guard case .incident(let incident) = owed else { throw TestFailure("no incident is owed") }
    #expect(incident.kind == .retentionEnded && incident.cause == cause && incident.about == leaf)
    #expect(incident.message.contains(Self.digest.hex) && incident.message.contains("2 days"))
    #expect(incident.tenantID == "acme")
    try expectRestored(world)
    for change: (inout DerivedIncident) -> Void in [
      { $0.about = LeafIndex(0) }, { $0.cause = leaf }, { $0.message = "other" }, { $0.tenantID = "rival" },
    ] {
      var forged = incident
      change(&forged)
      var copy = world
      guard case .divergent = try copy.append(.derivedIncident(forged)) else {
        Issue.record("a forged record counted: \(forged)")
        continue
      }
    }
    try world.settle()
    let dropped = try #require(world.state.droppedArtifact(tenant: "acme", digest: Self.digest))
    #expect(dropped.record == world.last && dropped.artifact.leaf == leaf)
    #expect(dropped.at == world.now && dropped.artifact.size == 4)
    #expect(world.state.droppedArtifact(tenant: "acme", workspace: "side", digest: Self.digest) == nil)
    #expect(world.state.droppedArtifact(tenant: "rival", digest: Self.digest) == nil)
    #expect(world.state.nextExpiry == nil)
    // Once is enough.
    guard case .divergent = try world.append(.derivedIncident(incident)) else {
      Issue.record("the same record counted twice")
      return
    }
    try expectRestored(world)
    // It restricts nobody, and no proposal may name it.
    let without = try world.propose()
    #expect(try world.rules(without).isEmpty)
    let naming = try world.propose(inputs: [Self.digest])
    #expect(try world.rules(naming) == ["floor.cross_tenant"])
  }

  @Test("the first rule that names a tenant counts; whom none names keeps everything")
  func rules() throws {
    let rules = #"{"days":1,"tenants":["rival"]},{"days":5,"tenants":["acme","rival"]}"#
    var world = try world(rules)
    try world.append(world.artifact("theirs", of: Governed.foreignAgent, tenant: "rival").0)
    let theirs = SHA256.hash("theirs")
    try world.pass(seconds: Self.day + 3600)
    #expect(world.state.artifact(tenant: "rival", digest: theirs) == nil && isKept(world))
    try world.pass(seconds: 4 * Self.day)
    #expect(!isKept(world))
    var other = try self.world(#"{"days":1,"tenants":["rival"]}"#)
    #expect(other.state.nextExpiry == nil)
    try other.pass(seconds: 400 * Self.day)
    #expect(isKept(other))
    for bad in [#"{"days":0}"#, #"{"days":36501}"#, #"{"days":1,"tenants":["a b"]}"#, #"{"tenants":["a"]}"#] {
      #expect(throws: RecordError.self) { try registry(bad).bundle }
    }
    #expect(try registry(rules).bundle.leastSemantics == 3)
  }

  @Test("a proposal that is not denied begins a file's time anew; one that is denied does not")
  func spoken() throws {
    var world = try world()
    try world.pass(seconds: Self.day)
    let approval = try world.approved(inputs: [Self.digest])
    let (receipt, attachment) = try world.receipt(for: approval) { $0.inputs = [Self.digest] }
    #expect(try world.append(receipt, attachment) == .effective)
    try world.pass(seconds: Self.day + 3600)
    #expect(isKept(world))
    // Denied: `publish` takes no inputs.
    let denied = try world.propose(action: "publish", inputs: [Self.digest])
    #expect(try world.rules(denied) == ["floor.inputs_taken"])
    try world.settle()
    try world.pass(seconds: Self.day)
    #expect(!isKept(world))
    try expectRestored(world)
  }

  @Test("what a run reads whose outcome is unknown stays as long as a late result may come of it")
  func unknown() throws {
    var world = try world()
    _ = try world.approved(inputs: [Self.digest])
    for _ in 0..<30 {
      try world.pass(seconds: Self.day)
      try world.settle()
      #expect(isKept(world))
    }
    try expectRestored(world)
    try world.pass(seconds: 2 * Self.day)
    #expect(!isKept(world))
  }

  @Test("what people are still asked about stays, however long they have")
  func open() throws {
    var world = try world(#"{"days":1}"#, labels: ["untrusted"])
    let risk = RiskContext(estimatedCost: .zero, dataClassification: .public, impactLevel: .high)
    let index = try world.propose(risk: risk, inputs: [Self.digest])
    try world.settle()
    #expect(try world.view(index).status == .pending)
    #expect(world.state.indexes.isRead(place, at: .distantFuture) == false)
    #expect(world.state.indexes.isRead(place, at: world.now.advanced(by: .seconds(1000 * Self.day))))
    try world.vote("ann", on: index, vote: .reject)
    try world.settle()
    #expect(!world.state.indexes.isRead(place, at: world.now))
  }

  private var place: ContentPlace { ContentPlace(tenant: "acme", digest: Self.digest, workspace: "main") }

  @Test("a file that was let go of keeps its labels: in what comes of it late, and when it is put again")
  func labels() throws {
    var world = try world(labels: ["untrusted"])
    let approval = try world.approved(inputs: [Self.digest])
    let (receipt, attachment) = try world.receipt(for: approval) { $0.inputs = [Self.digest] }
    #expect(try world.append(receipt, attachment) == .effective)
    world.now = world.now.advanced(by: .seconds(2 * Self.day + 3600))
    try world.append(.tick)
    #expect(!isKept(world))
    // Not while its record is owed.
    #expect(try world.refusal(world.artifact("file", of: Governed.agent)) == .failedPrecondition)
    try world.settle()
    try world.append(world.result("late", of: approval).0)
    let late = try #require(world.state.artifact(tenant: "acme", digest: SHA256.hash("late")))
    #expect(late.labels.contains("untrusted"))
    try world.append(world.artifact("file", of: Governed.agent).0)
    let again = try #require(world.state.artifact(tenant: "acme", digest: Self.digest))
    #expect(again.leaf == world.last && again.labels.contains("untrusted"))
    #expect(world.state.droppedArtifact(tenant: "acme", digest: Self.digest) == nil)
    try expectRestored(world)
  }

  @Test("a receipt may name a result that was let go of meanwhile")
  func lateReceipt() throws {
    var world = try world()
    let approval = try world.approved()
    try world.append(world.result("result", of: approval).0)
    try world.pass(seconds: 3 * Self.day)
    try world.settle()
    #expect(world.state.artifact(tenant: "acme", digest: SHA256.hash("result")) == nil)
    let (receipt, attachment) = try world.receipt(for: approval) {
      $0.resultArtifact = SHA256.hash("result")
    }
    #expect(try world.append(receipt, attachment) == .effective)
  }

  @Test("another bundle's rules count from its activation on, for the files that are there too")
  func activation() throws {
    var world = try world("")
    #expect(world.state.nextExpiry == nil)
    try world.pass(seconds: 10 * Self.day)
    try world.activate(registry(#"{"days":30}"#, version: "2"))
    #expect(world.state.nextExpiry == Governed.start.advanced(by: .seconds(30 * Self.day + 3600)))
    try expectRestored(world)
    try world.activate(registry(#"{"days":3}"#, version: "3"))
    #expect(isKept(world))
    try world.append(.tick)
    #expect(!isKept(world))
    try expectRestored(world)
  }

  @Test("one leaf lets go of a bounded number, and the next expiry is never past; so is what is remembered")
  func bounds() throws {
    var world = try world()
    for number in 0..<39 { try world.append(world.artifact("file \(number)", of: Governed.agent).0) }
    world.state.capacity.dropped = 10
    world.now = world.now.advanced(by: .seconds(3 * Self.day))
    var left = [24, 8, 0]
    while !left.isEmpty {
      try world.append(.tick)
      #expect(world.state.artifactUse(of: "acme").count == left.removeFirst())
      if let next = world.state.nextExpiry { #expect(next > world.state.logTime) }
    }
    // What is owed is not forgotten.
    #expect(world.state.indexes.dropped.count == 40)
    try world.settle()
    try world.append(world.artifact("last", of: Governed.agent).0)
    try world.pass(seconds: 3 * Self.day)
    #expect(world.state.indexes.dropped.count == 10)
    #expect(world.state.droppedArtifact(tenant: "acme", digest: SHA256.hash("last")) != nil)
    try expectRestored(world)
    // An input that nothing is known of any more is taken for outside text.
    let naming = try world.propose(inputs: [Self.digest])
    let cell = try #require(world.state.proposal(naming))
    #expect(world.state.lostLabels(cell.content) == ["untrusted"])
  }
}
