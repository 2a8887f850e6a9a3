import Canonical
import ClawShield
import Crypto
import Records
import Testing

/// POL-9: a bundle is issued under a constitution, and rests on nothing that one has deprecated.
struct ConstitutionTests {
  private func registry(
    _ version: String, constitution: String = "1.0.0", deprecated: [String]? = nil, cites: [String] = []
  ) -> Registry {
    func list(_ names: [String]) -> String { names.map { "\"\($0)\"" }.joined(separator: ",") }
    var registry = Registry(version: version)
    let citing = cites.isEmpty ? "" : "\"invariants\":[\(list(cites))],"
    registry.override = registry.text.replacing(
      "\"constitution_version\":\"1.0.0\",", with: "\"constitution_version\":\"\(constitution)\",\(citing)")
    if let deprecated {
      registry.files.append(
        (Constitution.path, "{\"version\":\"\(constitution)\",\"deprecated\":[\(list(deprecated))]}"))
    }
    return registry
  }

  private func apply(
    _ world: inout Governed, _ registry: Registry, _ mode: PolicyMode, by people: [String] = ["pat", "quin"]
  ) throws -> Applied {
    let id = world.fresh()
    let (body, attachment) = world.policy(try registry.bundle, id: id, by: people, mode: mode)
    return try world.append(body, attachment)
  }

  private func isVoid(_ applied: Applied, _ reason: String) -> Bool {
    guard case .void(let said) = applied else { return false }
    return said.contains(reason)
  }

  @Test("a bundle that cites what its constitution has deprecated is no bundle; what it says of both is read")
  func cited() throws {
    #expect(throws: RecordError.self) {
      try registry(
        "2", constitution: "2.0.0", deprecated: ["INV-012", "INV-005"], cites: ["INV-002", "INV-012"]
      ).bundle
    }
    let bundle = try registry(
      "2", constitution: "2.0.0", deprecated: ["INV-012", "INV-005"], cites: ["INV-002"]
    ).bundle
    #expect(bundle.constitution == Constitution(version: "2.0.0", deprecated: ["INV-005", "INV-012"]))
    #expect(bundle.invariants == ["INV-002"] && bundle.leastSemantics == Semantics.constitution)
    #expect(try registry("2").bundle.constitution == Constitution(version: "1.0.0"))
    // The file is that of the version that the registry names.
    var other = registry("2", constitution: "2.0.0")
    other.files.append((Constitution.path, "{\"version\":\"3.0.0\",\"deprecated\":[]}"))
    #expect(throws: RecordError.self) { try other.bundle }
  }

  @Test(
    "a bundle comes into force under the constitution in force alone, and an amendment brings another with its bundle"
  )
  func amendment() throws {
    var world = try Governed()
    let next = registry("2", constitution: "2.0.0", deprecated: ["INV-012"])
    #expect(isVoid(try apply(&world, next, .activate), "claw policy amend"))
    #expect(isVoid(try apply(&world, next, .amend, by: ["pat"]), "2 distinct operators"))
    #expect(isVoid(try apply(&world, registry("2"), .amend), "in force already"))
    #expect(try apply(&world, next, .amend) == .effective)
    #expect(world.state.bundle.constitution.deprecated == ["INV-012"])
    #expect(world.state.bundleHash == world.authored(try next.bundle).hash)

    // What was issued under the one before does not come back, nor what leaves out what this one deprecates.
    #expect(
      isVoid(try apply(&world, registry("3"), .activate), "in force is 2.0.0, which deprecates INV-012"))
    #expect(
      isVoid(try apply(&world, registry("3", constitution: "2.0.0"), .activate), "which deprecates INV-012"))
    #expect(
      isVoid(try apply(&world, registry("3", constitution: "2.0.0"), .amend), "another has another version"))
    #expect(
      try apply(
        &world, registry("3", constitution: "2.0.0", deprecated: ["INV-012"], cites: ["INV-002"]), .activate)
        == .effective)
    // Back to the prior one is an amendment as well (IR-7).
    #expect(try apply(&world, registry("4"), .amend) == .effective)
    #expect(world.state.bundle.constitution == Constitution(version: "1.0.0"))
  }

  @Test(
    "a version that was in force comes back as it was, with other contents never; older semantics do not remember"
  )
  func comesBack() throws {
    for semantics in [Semantics.keptConstitutions - 1, Semantics.newest] {
      var world = try Governed(semantics: semantics)
      let next = registry("2", constitution: "2.0.0", deprecated: ["INV-012"])
      #expect(try apply(&world, next, .amend) == .effective)
      let altered = registry("3", deprecated: ["INV-002"])
      guard semantics >= Semantics.keptConstitutions else {
        #expect(try apply(&world, altered, .amend) == .effective, "as it always was there")
        continue
      }
      let left = world.last.value
      #expect(
        isVoid(
          try apply(&world, altered, .amend),
          "until leaf \(left) constitution 1.0.0 was in force, now it is 1.0.0, which deprecates INV-002"))
      #expect(try world.restored().stateRoot == world.state.stateRoot)
      #expect(try apply(&world, registry("4"), .amend) == .effective)
      // And the one that was left in between.
      #expect(
        isVoid(try apply(&world, registry("5", constitution: "2.0.0"), .amend), "which deprecates INV-012"))
      #expect(
        try apply(&world, registry("6", constitution: "2.0.0", deprecated: ["INV-012"]), .amend) == .effective
      )
    }
  }

  @Test("an amendment voids what was approved, decides again, and stands in the decisions that follow")
  func effect() throws {
    var world = try Governed()
    let approval = try world.approved()
    let waiting = try world.propose(action: "publish")
    try world.settle()
    #expect(try apply(&world, registry("2", constitution: "2.0.0", deprecated: []), .amend) == .effective)
    #expect(!world.state.isLiveApproval(at: approval, time: world.now))
    try world.settle()
    let after = try world.propose()
    try world.settle()
    for index in [waiting, after] {
      let leaf = try #require(try world.view(index).lastDecision)
      guard case .decision(let decision) = world.log[Int(leaf.value)].record.body else {
        Issue.record("leaf \(leaf.value) is no decision")
        continue
      }
      #expect(decision.constitutionVersion == "2.0.0")
    }
  }

  @Test(
    "a bundle of the next constitution may be asked beside the one in force; older semantics know no amendment"
  )
  func shadowAndSemantics() throws {
    var world = try Governed()
    let next = registry("2", constitution: "2.0.0", deprecated: ["INV-012"])
    #expect(try apply(&world, next, .shadow) == .effective)
    #expect(world.state.bundle.constitutionVersion == "1.0.0")
    var old = try Governed(semantics: Semantics.constitution - 1)
    let plain = registry("2", constitution: "2.0.0")
    let (body, attachment) = old.policy(try plain.bundle, id: "a", mode: .amend, author: nil)
    #expect(isVoid(try old.append(body, attachment), "semantics"))
    let (again, files) = old.policy(try plain.bundle, id: "b", author: nil)
    #expect(try old.append(again, files) == .effective, "as it always was there")
  }
}
