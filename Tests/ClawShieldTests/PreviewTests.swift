import Canonical
import ClawShield
import Crypto
import Records
import Testing

/// INV-018: people decide on what the dry run said.
struct PreviewTests {
  private func world() throws -> Governed { try Governed(registry: Registry(withPreview: true)) }

  /// A dry run with its receipt: its proposal's leaf, and the hash of its result.
  private func dryRun(
    _ world: inout Governed, _ parameters: JSON = ["text": "hello"], status: RunStatus = .succeeded,
    result: JSON = ["text": "hello"]
  )
    throws -> (LeafIndex, Digest)
  {
    let index = try world.propose(action: "plan", parameters: parameters)
    try world.settle()
    let approval = try #require(world.state.proposalView(at: index)?.approval)
    let (body, attachment) = try world.receipt(for: approval, status: status, result: result)
    #expect(try world.append(body, attachment) == .effective)
    guard case .receipt(let signed) = body else { throw TestFailure("a receipt") }
    return (index, signed.content.resultHash)
  }

  @Test("the decision and the ballots bind the hash of the preview's result")
  func bound() throws {
    var world = try world()
    let (dry, hash) = try dryRun(&world)
    let index = try world.propose(action: "publish", preview: dry)
    try world.settle()
    guard case .decision(let decision) = world.log[Int(world.last.value)].record.body else {
      throw TestFailure("a decision")
    }
    #expect(decision.decisionType == .requireMultiSig && decision.previewHash == hash)
    #expect(try world.view(index).previewHash == hash)
    for wrong in [nil, SHA256.hash("another")] {
      #expect(
        try world.refusal(world.ballot(.approver("ann"), on: index) { $0.previewHash = wrong })
          == .invalidArgument)
    }
    try world.vote("ann", on: index)
    try world.vote("bob", on: index)
    try world.settle()
    #expect(try world.view(index).status == .approved)
    #expect(try world.restored().stateRoot == world.state.stateRoot)
  }

  @Test("without a preview, or with one that is another's, failed, old or of other parameters, it is denied")
  func denied() throws {
    var world = try world()
    let (dry, _) = try dryRun(&world)
    let (other, _) = try dryRun(&world, ["text": "other"])
    let (failed, _) = try dryRun(&world, status: .failed)
    let echo = try world.approved()
    let running = try world.propose(action: "plan")
    try world.settle()
    for wrong in [nil, other, failed, echo, running, LeafIndex(0)] {
      let index = try world.propose(action: "publish", preview: wrong)
      #expect(try world.rules(index) == ["floor.preview"], "\(String(describing: wrong))")
    }
    let others = try world.propose(by: Governed.otherAgent, action: "publish", preview: dry)
    #expect(try world.rules(others) == ["floor.preview"])
    let without = try world.propose(action: "echo", preview: dry)
    #expect(try world.rules(without) == ["floor.preview"])
    world.now = world.now.advanced(by: .seconds(3599))
    let fresh = try world.propose(action: "publish", preview: dry)
    #expect(try world.rules(fresh) == [])
    world.now = world.now.advanced(by: .seconds(1))
    let old = try world.propose(action: "publish", preview: dry)
    #expect(try world.rules(old) == ["floor.preview"])
  }

  /// The approval of what a dry run has planned.
  private func approved(_ world: inout Governed, after plan: LeafIndex) throws -> LeafIndex {
    let index = try world.propose(action: "publish", preview: plan)
    try world.settle()
    try world.vote("ann", on: index)
    try world.vote("bob", on: index)
    try world.settle()
    return try #require(try world.view(index).approval)
  }

  /// The flags after the action has run with this result, where its dry run had another.
  private func flags(
    _ dry: JSON, _ real: JSON, status: RunStatus = .succeeded, mayDiffer: [String] = []
  ) throws -> [DerivedIncident] {
    var world = try Governed(registry: Registry(withPreview: true, mayDiffer: mayDiffer))
    let (plan, _) = try dryRun(&world, result: dry)
    let approval = try approved(&world, after: plan)
    let (body, attachment) = try world.receipt(for: approval, status: status, result: real)
    #expect(try world.append(body, attachment) == .effective)
    let flags = world.state.flags(limit: 8)
    #expect(world.state.owed.count == flags.count)
    try world.settle()
    #expect(try world.restored().stateRoot == world.state.stateRoot)
    #expect(try world.restored().flags(limit: 8) == flags)
    // Nobody is restricted by it.
    #expect(world.state.inForce(limit: 8).entries.isEmpty)
    return flags
  }

  @Test("a result that differs from its preview beyond what the action declares is an incident (INV-018)")
  func differs() throws {
    let plan: JSON = ["objects": 3, "cost": "1.5", "changes": ["a", "b"]]
    #expect(try flags(plan, plan).isEmpty)
    let other = try flags(plan, ["objects": 4, "cost": "1.5", "changes": ["a", "b"]])
    #expect(other.count == 1 && other.first?.kind == .previewDiffers)
    #expect(other.first?.message.hasSuffix("differs from its preview: objects") == true)
    let less = try flags(plan, ["objects": 3, "changes": ["b", "a"]])
    #expect(less.first?.message.hasSuffix("changes, cost") == true)
    let more = try flags(plan, ["objects": 3, "cost": "1.5", "changes": ["a", "b"], "more": true])
    #expect(more.first?.message.hasSuffix("more") == true)
    #expect(try flags(plan, "done").first?.message.hasSuffix("all of it") == true)
    // What failed has done what it says of itself, not what was planned.
    #expect(try flags(plan, [:], status: .failed).isEmpty)
  }

  @Test("what the action declares may differ, and nothing else")
  func declared() throws {
    let plan: JSON = ["objects": 3, "took": 1]
    #expect(try flags(plan, ["objects": 3, "took": 9], mayDiffer: ["took"]).isEmpty)
    #expect(try flags(plan, ["objects": 3, "id": "x"], mayDiffer: ["took", "id"]).isEmpty)
    #expect(
      try flags(plan, ["objects": 2, "took": 9], mayDiffer: ["took"]).first?.message.hasSuffix("objects")
        == true)
    var registry = Registry(withPreview: true)
    registry.override = registry.text.replacing(#""preview":"plan","#, with: #""may_differ":["a"],"#)
    #expect(throws: RecordError.self) { try Governed(registry: registry) }
  }

  @Test("what may differ is what the action declared when it was decided, not what a later bundle says")
  func declaredWhenDecided() throws {
    for (before, after, expected) in [(["took"], ["other"], 0), (["other"], ["took"], 1)] {
      var world = try Governed(registry: Registry(withPreview: true, mayDiffer: before))
      let (plan, _) = try dryRun(&world, result: ["objects": 3, "took": 1])
      let approval = try approved(&world, after: plan)
      try world.activate(Registry(version: "2", withPreview: true, mayDiffer: after))
      world.state = try world.restored()
      let (body, attachment) = try world.receipt(for: approval, result: ["objects": 3, "took": 9])
      #expect(try world.append(body, attachment) == .effective)
      #expect(world.state.flags(limit: 8).count == expected)
    }
  }

  @Test("a flag is remembered for a week, and its record for ever")
  func forgotten() throws {
    var world = try Governed(registry: Registry(withPreview: true))
    let (plan, _) = try dryRun(&world, result: ["objects": 3])
    let approval = try approved(&world, after: plan)
    let (body, attachment) = try world.receipt(for: approval, result: ["objects": 4])
    #expect(try world.append(body, attachment) == .effective)
    let began = world.now
    let id = try #require(world.state.flags(limit: 1).first?.incidentID)
    // Not while its record is owed.
    world.now = began.advanced(by: .seconds(8 * 86_400))
    try world.append(.tick)
    #expect(world.state.isRestricted(by: id))
    try world.settle()
    try world.append(.tick)
    #expect(!world.state.isRestricted(by: id) && !world.state.isLifted(id))
    #expect(try world.restored().stateRoot == world.state.stateRoot)
    // A restriction is never forgotten.
    try world.use(.quarantine, .principal(Governed.agent), id: "q")
    try world.pass(seconds: 90 * 86_400)
    #expect(world.state.isRestricted(by: "q"))
  }

  @Test("a bundle that is asked beside the one in force takes its dry runs, and finds the same money spent")
  func shadowed() throws {
    var world = try Governed(registry: Registry(dayLimit: "2", withPreview: true))
    let shadow = try Registry(version: "2", dayLimit: "2", withPreview: true).bundle
    let (act, attached) = world.policy(shadow, id: "shadow", mode: .shadow)
    #expect(try world.append(act, attached) == .effective)
    let (plan, _) = try dryRun(&world)
    let index = try world.propose(action: "publish", preview: plan)
    #expect(try world.rules(index) == [])
    #expect(world.state.shadowView?.decided == 2 && world.state.shadowView?.differing == 0)
    // Each of these costs a dollar, of two that the tenant has.
    for _ in 0..<2 { _ = try world.approved() }
    #expect(world.state.shadowView?.decided == 4 && world.state.shadowView?.differing == 0)
  }

  @Test("a new bundle makes the preview void with the ballots: what waits is denied and asked for anew")
  func newBundle() throws {
    var world = try world()
    let (dry, _) = try dryRun(&world)
    let index = try world.propose(action: "publish", preview: dry)
    try world.settle()
    try world.activate(Registry(version: "2", withPreview: true))
    #expect(try world.rules(index) == ["floor.preview"])
  }

  @Test("a bundle whose dry run is not registered, has one itself or takes other parameters is refused")
  func bundles() throws {
    let text = Registry(withPreview: true).text
    let wrong = [
      text.replacing(#""preview":"plan""#, with: #""preview":"plans""#),
      text.replacing(#""preview":"plan""#, with: #""preview":"publish""#),
      text.replacing(#""preview":"plan""#, with: #""preview":"echo""#),
    ]
    for text in wrong {
      var registry = Registry()
      registry.override = text
      #expect(throws: ShieldError.self) { try Governed(registry: registry) }
    }
    #expect(throws: ShieldError.self) { try Governed(registry: Registry(withPreview: true), semantics: 2) }
  }
}
