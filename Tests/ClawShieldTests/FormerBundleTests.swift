import ClawShield
import Crypto
import Records
import Testing

/// IR-7: what was in force may come back, also where newer semantics would refuse it as new. States of such a bundle: in force,
/// left and known, in force again; left under older semantics and not known.
struct FormerBundleTests {
  private static let fault = "rego_type_error: upper: expected argument 1 to be string, found number"

  /// A bundle that inferred kinds refuse, whose policy decides nothing.
  private func faulty(_ version: String) -> Registry {
    var registry = Registry(version: version)
    registry.files = [("policy.rego", "package openexec\n\nn := 1\ndecision := {\"type\": upper(n)}\n")]
    return registry
  }

  private func put(
    _ registry: Registry, in world: inout Governed, _ mode: PolicyMode = .activate, author: String? = "pat"
  ) throws -> Applied {
    let id = world.fresh()
    let (body, attachment) = world.policy(try registry.bundle, id: id, mode: mode, author: author)
    return try world.append(body, attachment)
  }

  private func upgrade(_ world: inout Governed) throws {
    let act = VersionAct(
      actID: world.fresh(), semantics: Semantics.inferredKinds,
      validUntil: world.now.advanced(by: .seconds(600)))
    #expect(try world.append(.version(world.cosigned(act, by: ["pat", "quin"]))) == .effective)
  }

  private func isRefused(_ applied: Applied) -> Bool {
    guard case .void(let reason) = applied else { return false }
    return reason.contains(Self.fault)
  }

  @Test(
    "a bundle that newer semantics found in force comes back after others, as often as it takes; no other like it does"
  )
  func comesBack() throws {
    var world = try Governed(semantics: Semantics.inferredKinds - 1)
    #expect(try put(faulty("2"), in: &world) == .effective)
    try upgrade(&world)
    #expect(isRefused(try put(faulty("3"), in: &world)))
    for round in 1...2 {
      #expect(try put(Registry(version: "good-\(round)"), in: &world) == .effective)
      #expect(isRefused(try put(faulty("3"), in: &world)))
      #expect(try world.restored().stateRoot == world.state.stateRoot)
      #expect(try put(faulty("2"), in: &world) == .effective, "round \(round)")
      #expect(world.state.bundle.bundleVersion == "2")
    }
    let proposal = try world.propose()
    #expect(try world.rules(proposal) == ["policy.undefined"], "it decides as it did")
    // Two operators, as for any bundle.
    #expect(try put(Registry(version: "last"), in: &world) == .effective)
    let id = world.fresh()
    let (body, attachment) = world.policy(try faulty("2").bundle, id: id, by: ["pat"])
    guard case .void(let reason) = try world.append(body, attachment) else {
      throw TestFailure("one operator")
    }
    #expect(reason.contains("2 distinct operators"))
  }

  @Test("the genesis's own comes back as well; what was left under older semantics is not known and does not")
  func genesis() throws {
    var world = try Governed(registry: faulty("1"), semantics: Semantics.inferredKinds - 1)
    #expect(try put(faulty("2"), in: &world) == .effective)
    #expect(try put(Registry(version: "3"), in: &world) == .effective)
    try upgrade(&world)
    #expect(isRefused(try put(faulty("2"), in: &world)))
    #expect(try put(faulty("1"), in: &world, author: nil) == .effective)
    #expect(world.state.bundle.bundleVersion == "1")
  }

  @Test("older semantics remember nothing of it: their state is what it was")
  func older() throws {
    var world = try Governed(semantics: Semantics.inferredKinds - 1)
    #expect(try put(faulty("2"), in: &world) == .effective)
    #expect(try put(Registry(version: "3"), in: &world) == .effective)
    var names: [String] = []
    world.state.cells.forEach { name, _ in names.append(name) }
    #expect(!names.contains { $0.hasPrefix("former/") })
  }
}
