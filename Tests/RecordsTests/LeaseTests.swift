import Canonical
import Crypto
import Merkle
import Records
import Testing

struct RestrictionListTests {
  private func list(_ entries: [(String, IncidentTarget)]) -> RestrictionList {
    RestrictionList(entries.map { RestrictionList.Entry(incidentID: $0.0, target: $0.1) })
  }

  @Test("a list is sorted, without doubles, and reads back from its one text")
  func form() throws {
    let entries: [(String, IncidentTarget)] = [
      ("b", .tenant("acme")), ("a", .token("t")), ("b", .tenant("acme")), ("b", .all),
    ]
    let list = list(entries)
    #expect(list.entries.map(\.incidentID) == ["a", "b", "b"])
    #expect(list == self.list(entries.reversed()))
    #expect(try RestrictionList(parsing: list.json.canonicalBytes()) == list)
    let unsorted = JSON.array((list.json.array ?? []).reversed())
    #expect(throws: RecordError.self) { try RestrictionList(parsing: unsorted.canonicalBytes()) }
    #expect(try RestrictionList(parsing: Array("[]".utf8)).entries.isEmpty)
  }

  @Test("vectors: the hash of a list, as Docs/Protocol/Notes.md has it")
  func vectors() {
    #expect(
      list([]).hash.hex == "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945")
    #expect(
      list([("i-2", .tenant("acme")), ("i-1", .all)]).hash.hex
        == "9514d597b9f7b3facad1ba7dd603f41207e3de7a7cac94f59cd4a107279f44aa")
  }

  @Test("it forbids by token, agent, executor, tenant and altogether")
  func forbids() {
    let agent = Samples.agent
    func isForbidden(_ target: IncidentTarget) -> Bool {
      list([("i", target)]).forbids(
        tokenID: "t", tenant: "acme", agent: agent, executor: .executor("x")) != nil
    }
    #expect(
      [.all, .tenant("acme"), .principal(agent), .principal(.executor("x")), .token("t")].allSatisfy(
        isForbidden))
    #expect(![.tenant("rival"), .principal(.executor("y")), .token("u")].contains(where: isForbidden))
    #expect(list([("i", .all)]).isHalted && !list([("i", .tenant("acme"))]).isHalted)
  }

  @Test("a subset forbids no more")
  func subset() {
    let small = list([("a", .token("t"))])
    let large = list([("a", .token("t")), ("b", .all)])
    #expect(small.isSubset(of: large) && !large.isSubset(of: small) && small.isSubset(of: small))
    #expect(list([]).isSubset(of: small) && small.hash != large.hash)
  }
}

struct ChallengeTests {
  @Test("vector: the challenge root, as Docs/Protocol/Notes.md has it")
  func vector() {
    let challenges = (1...3).map { number in
      Challenge(
        executor: .executor("executor-\(number)"), incarnation: 1,
        bytes: [UInt8](repeating: UInt8(number), count: 32))
    }
    #expect(
      Challenge.tree(challenges).root.hex
        == "e0c5091fd6e4916ecd9c4c642cf85233cc1b56d4d8e0d7aa51fdf23afef5bd92")
  }

  @Test("the tree over challenges proves each of them, and none but them")
  func tree() throws {
    let challenges = (0..<5).map {
      Challenge(
        executor: .executor("x\($0)"), incarnation: 1, bytes: [UInt8](repeating: UInt8($0), count: 16))
    }
    let (root, paths) = Challenge.tree(challenges)
    for (position, challenge) in challenges.enumerated() {
      func verify(_ challenge: Challenge) throws {
        try Proof.verifyInclusion(
          leaf: challenge.leaf, index: UInt64(position), size: 5, path: paths[position], root: root)
      }
      try verify(challenge)
      let others = [
        Challenge(executor: challenge.executor, incarnation: 2, bytes: challenge.bytes),
        Challenge(executor: .executor("y"), incarnation: 1, bytes: challenge.bytes),
        Challenge(executor: challenge.executor, incarnation: 1, bytes: challenge.bytes + [0]),
      ]
      for other in others { #expect(throws: ProofError.self) { try verify(other) } }
    }
  }
}

struct PolicyBundleTests {
  private static let registry = """
    {"bundle_version":"1","constitution_version":"1.0.0","actions":[ACTIONS],"approvals":[],
     "breakers":{"request_usd":"1","tenant_usd_per_day":"1","proposals_per_minute":1,"repeats_per_minute":1,
      "maximum_depth":0}}
    """

  private static func action(_ name: String) -> String {
    """
    {"name":"\(name)","version":"1","description":"","parameters_schema":{},"image":"sha256:\(Samples.digest.hex)",
     "arguments":["/action"],"scopes":[],
     "risk":{"impact_level":"low","data_classification":"public","estimated_cost_usd":"0"},
     "maximum_cost_usd":"0","max_retries":0,"rate_limit_per_min":1,
     "limits":{"wall_seconds":1,"memory_mib":16,"processes":1,"output_bytes":1,"disk_mib":1},
     "isolation_class":"kata","egress":[],"token_seconds":900}
    """
  }

  private func bundle(_ actions: [String], more: [(path: String, text: String)] = []) throws -> PolicyBundle {
    let text = Self.registry.replacing("ACTIONS", with: actions.map(Self.action).joined(separator: ","))
    return try PolicyBundle(files: more + [("registry.json", text)])
  }

  @Test("the hash is over evaluator, constitution and every file's hash (ruling 2, POL-6)")
  func hash() throws {
    let bundle = try bundle(["a"], more: [("z.md", "z"), ("a.md", "a")])
    let files = bundle.files.map { #""\#($0.path)":"\#(SHA256.hash($0.text).hex)""# }.joined(separator: ",")
    let text =
      #"{"constitution_version":"1.0.0","evaluator_version":"openexec-declarative-1","files":{\#(files)}}"#
    #expect(bundle.hash == SHA256.hash(text))
    #expect(bundle.files.map(\.path) == ["a.md", "registry.json", "z.md"])
    #expect(try PolicyBundle(bundle.json) == bundle)
    #expect(try self.bundle(["a"]).hash != bundle.hash)
  }

  @Test("actions are found by name, and none is there twice")
  func actions() throws {
    let names = ["m", "a", "z", "Q", "b"]
    let bundle = try bundle(names)
    for name in names { #expect(bundle.action(name)?.name == name) }
    #expect(bundle.action("c") == nil && bundle.action("") == nil)
    #expect(throws: RecordError.self) { try self.bundle(["a", "a"]) }
  }

  @Test("a bundle without a registry, or with a field too many or too few, is refused (POL-4)")
  func refusals() throws {
    #expect(throws: RecordError.self) { try PolicyBundle(files: [("other.json", "{}")]) }
    #expect(throws: RecordError.self) { try PolicyBundle(["registry.json": 1]) }
    #expect(throws: RecordError.self) { try PolicyBundle("registry.json") }
    let whole = try bundle(["a"]).files[0].text
    for change in [
      ("\"token_seconds\":900", "\"token_seconds\":901"), ("\"arguments\":[\"/action\"]", "\"arguments\":[]"),
      ("sha256:", "sha512:"), ("\"max_retries\":0,", ""), ("\"egress\":[]", "\"egress\":[],\"x\":1"),
      ("\"maximum_depth\":0", "\"maximum_depth\":-1"), ("\"approvals\":[]", "\"approvals\":{}"),
    ] {
      let text = whole.replacing(change.0, with: change.1)
      #expect(text != whole)
      #expect(throws: RecordError.self, "\(change)") { try PolicyBundle(files: [("registry.json", text)]) }
    }
  }
}
