import ClawShield
import Crypto
import Records
import Testing

/// Semantics change by an act, at one leaf; each leaf is judged by those before it.
struct VersionActTests {
  private func act(
    _ world: Governed, _ semantics: Int, id: String = "v", by operators: [String] = ["pat", "quin"]
  )
    -> (RecordBody, Attachment)
  {
    let act = VersionAct(
      actID: id, semantics: semantics, validUntil: world.now.advanced(by: .seconds(600)))
    return (.version(world.cosigned(act, by: operators)), Attachment())
  }

  @Test("two operators, only upwards, known the second time, and part of the state")
  func admission() throws {
    var world = try Governed(semantics: 1)
    #expect(world.state.semantics == 1)
    #expect(try world.refusal(act(world, 2, by: ["pat"])) == .permissionDenied)
    #expect(try world.refusal(act(world, 1)) == .failedPrecondition)
    let before = world.state.stateRoot
    let (body, _) = act(world, 2)
    #expect(try world.append(body) == .effective)
    let leaf = world.last
    #expect(world.state.semantics == 2)
    #expect(world.state.stateRoot != before)
    #expect(world.admits((body, Attachment())) == .known(leaf))
    #expect(try world.refusal(act(world, 2, id: "w")) == .failedPrecondition)
    #expect(try world.refusal(act(world, 3)) == .alreadyExists)
    let restored = try world.restored()
    #expect(restored.semantics == 2)
    #expect(restored.stateRoot == world.state.stateRoot)
  }

  @Test("a ledger begins with the semantics of its genesis")
  func genesis() throws {
    #expect(try Governed().state.semantics == Semantics.newest)
    #expect(try Governed(semantics: 1).restored().semantics == 1)
  }

  @Test("semantics 2: an approval has sixteen results, not one more; semantics 1 counts none")
  func countedResults() throws {
    var world = try Governed(semantics: 1)
    let early = try world.approved()
    for number in 0..<17 { try world.append(world.result("early \(number)", of: early).0) }
    #expect(try world.append(act(world, 2).0) == .effective)
    // Counted from here on: what came before is not held against it.
    for number in 0..<16 {
      #expect(try world.append(world.result("late \(number)", of: early).0) == .effective)
    }
    #expect(try world.refusal(world.result("one more", of: early)) == .resourceExhausted)
    // The same again is known, not one more.
    guard case .known = world.admits(world.result("late 3", of: early)) else {
      Issue.record("expected the result to be known")
      return
    }
    let other = try world.approved()
    #expect(try world.append(world.result("of another", of: other).0) == .effective)
    #expect(try world.restored().stateRoot == world.state.stateRoot)
  }
}
