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
    _ world: inout Governed, _ parameters: JSON = ["text": "hello"], status: RunStatus = .succeeded
  )
    throws -> (LeafIndex, Digest)
  {
    let index = try world.propose(action: "plan", parameters: parameters)
    try world.settle()
    let approval = try #require(world.state.proposalView(at: index)?.approval)
    let (body, attachment) = try world.receipt(for: approval, status: status)
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
