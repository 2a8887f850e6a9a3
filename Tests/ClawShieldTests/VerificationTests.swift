import Canonical
import Crypto
import Records
import Testing

@testable import ClawShield

/// An action that several executors run, each under a token of its own (DESIGN, "verification mode").
struct VerificationTests {
  private static let second = Principal.executor("x2")

  private func world(needed: Int = 2) throws -> Governed {
    var registry = Registry()
    registry.echoInputs = "\"verification\":\(needed),"
    return try Governed(registry: registry)
  }

  /// The approval that is owed, written for `executor`, and its leaf.
  private func approve(_ world: inout Governed, _ index: LeafIndex, on executor: Principal) throws
    -> LeafIndex
  {
    try world.settle(executor: executor)
    return try #require(try world.view(index).approval)
  }

  private func run(
    _ world: inout Governed, _ approval: LeafIndex, _ result: JSON = ["text": "hello"],
    status: RunStatus = .succeeded, cost: String = "0.25"
  ) throws -> RecordBody {
    let amount = try #require(MicroUSD(text: cost))
    let (body, attachment) = try world.receipt(for: approval, status: status, cost: amount, result: result)
    #expect(try world.append(body, attachment) == .effective)
    #expect(try world.restored().stateRoot == world.state.stateRoot)
    return body
  }

  @Test("it is completed once all executors have, each under its own token, and costs what each of them says")
  func agreed() throws {
    var world = try world()
    let index = try world.propose()
    let first = try approve(&world, index, on: Governed.executor)
    #expect(world.state.spentToday(by: "acme").text == "2")
    guard case .decision(let one) = world.log[Int(first.value)].record.body else { throw TestFailure("one") }
    _ = try run(&world, first)
    #expect(try world.view(index).status == .approved && world.state.spentToday(by: "acme").text == "1.25")
    let owed = world.state.owed
    guard case .decision(let next)? = owed.first, owed.count == 1 else {
      throw TestFailure("no decision is owed")
    }
    #expect(world.state.eligibleExecutors(for: next).map(\.principal) == [Self.second])
    let again = try approve(&world, index, on: Self.second)
    guard case .decision(let two) = world.log[Int(again.value)].record.body else { throw TestFailure("two") }
    #expect(
      again != first && one.grant?.tokenID != two.grant?.tokenID && one.grant?.nonce != two.grant?.nonce)
    #expect(two.grant?.executorID == Self.second && two.proposalHash == one.proposalHash)
    _ = try run(&world, again)
    #expect(try world.view(index).status == .completed)
    #expect(world.state.owed.isEmpty && world.state.spentToday(by: "acme").text == "0.5")
    #expect(world.state.flags(limit: 8).isEmpty)
  }

  @Test("another result is an incident, and the request has failed")
  func differs() throws {
    var world = try world()
    let index = try world.propose()
    let first = try approve(&world, index, on: Governed.executor)
    _ = try run(&world, first)
    let second = try approve(&world, index, on: Self.second)
    _ = try run(&world, second, ["text": "other"])
    #expect(try world.view(index).status == .failed)
    let flags = world.state.flags(limit: 8)
    #expect(flags.map(\.kind) == [.verificationDiffers])
    #expect(flags.first?.message.hasSuffix("executor/x1, executor/x2 differ: text") == true)
    try world.settle()
    #expect(world.state.owed.isEmpty && world.state.spentToday(by: "acme").text == "0.5")
    #expect(try world.restored().stateRoot == world.state.stateRoot)
  }

  @Test("the same executor is not eligible again, and with fewer than must agree nothing is approved")
  func distinct() throws {
    var world = try world()
    let index = try world.propose()
    let first = try approve(&world, index, on: Governed.executor)
    _ = try run(&world, first)
    try world.settle(executor: Governed.executor)
    #expect(try world.view(index).status == .failed)
    #expect(try world.rules(index) == ["execution.no_executor"])
    #expect(world.state.spentToday(by: "acme").text == "0.25")
    var other = try self.world(needed: 5)
    let denied = try other.propose()
    try other.settle()
    #expect(try other.view(denied).status == .denied && other.rules(denied) == ["execution.no_executor"])
  }

  @Test("a run that fails ends it, and gives back what the others would have cost")
  func failed() throws {
    var world = try world()
    let index = try world.propose()
    let first = try approve(&world, index, on: Governed.executor)
    _ = try run(&world, first, status: .failed)
    #expect(try world.view(index).status == .failed)
    #expect(world.state.owed.isEmpty && world.state.spentToday(by: "acme").text == "0.25")
  }

  @Test("one whose first run nobody hears of is unknown, and costs the most of that run alone")
  func unknown() throws {
    var world = try world()
    let index = try world.propose()
    let first = try approve(&world, index, on: Governed.executor)
    #expect(world.state.spentToday(by: "acme").text == "2")
    try world.pass(seconds: 400)
    #expect(try world.view(index).status == .unknown && world.state.spentToday(by: "acme").text == "1")
    // It comes late, and nothing is asked for any more.
    _ = try run(&world, first)
    #expect(try world.view(index).status == .failed && world.state.spentToday(by: "acme").text == "0.25")
    #expect(!world.state.owed.contains { if case .decision = $0 { true } else { false } })
  }

  @Test("the receipt of a run that others have followed is known again, and another is not")
  func knownAgain() throws {
    var world = try world()
    let index = try world.propose()
    let first = try approve(&world, index, on: Governed.executor)
    let body = try run(&world, first)
    let leaf = world.last
    #expect(world.admits((body, Attachment())) == .known(leaf))
    #expect(try world.refusal(world.receipt(for: first, status: .failed)) == .alreadyExists)
    _ = try approve(&world, index, on: Self.second)
    #expect(world.admits((body, Attachment())) == .known(leaf))
  }

  @Test("another bundle between two runs ends it")
  func newBundle() throws {
    var world = try world()
    let index = try world.propose()
    let first = try approve(&world, index, on: Governed.executor)
    _ = try run(&world, first)
    var registry = Registry()
    registry.version = "2"
    try world.activate(registry)
    try world.settle(executor: Self.second)
    #expect(try world.view(index).status == .failed)
    #expect(try world.rules(index).contains("execution.verification"))
    #expect(world.state.spentToday(by: "acme").text == "0.25")
  }

  @Test("an action that reaches out cannot be run by several")
  func registry() throws {
    #expect(throws: RecordError.self) { try world(needed: 1) }
    #expect(throws: RecordError.self) { try world(needed: 6) }
    var registry = Registry()
    for more in [#""secrets":["token"],"#, registry.echoInputs] {
      registry.echoInputs = #""verification":2,"# + more
      #expect(throws: RecordError.self) { try Governed(registry: registry) }
    }
    // Older rules know nothing of it.
    registry.echoInputs = #""verification":2,"#
    #expect(throws: (any Error).self) { try Governed(registry: registry, semantics: Semantics.reach - 1) }
  }

  @Test("a success without evidence is refused")
  func withoutEvidence() throws {
    var world = try Governed()
    let approval = try world.approved()
    #expect(try world.refusal(world.receipt(for: approval) { $0.evidence = nil }) == .invalidArgument)
  }
}
