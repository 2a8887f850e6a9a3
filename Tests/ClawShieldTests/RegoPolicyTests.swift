import Canonical
import ClawShield
import Crypto
import Records
import Rego
import Testing

extension Registry {
  /// With a policy in Rego beside the registry; `budget` in its words.
  static func rego(
    _ text: String, version: String = "1", budget: String? = nil, more: [(path: String, text: String)] = []
  ) -> Registry {
    var registry = Registry(version: version)
    registry.files = [("policy.rego", "package openexec\n\n" + text)] + more
    registry.evaluation = budget
    return registry
  }
}

/// What a bundle's policy in Rego decides, and that whatever goes wrong in it denies.
struct RegoPolicyTests {
  private static let approve = #"decision := {"type": "approve"}"#

  /// The rules behind the decision about one proposal.
  private func rules(
    _ text: String, budget: String? = nil, action: String = "echo", parameters: JSON = ["text": "hello"],
    more: [(path: String, text: String)] = []
  ) throws -> (type: DecisionType, rules: [FiredRule]) {
    var world = try Governed(registry: .rego(text, budget: budget, more: more))
    let index = try world.propose(action: action, parameters: parameters)
    #expect(try world.restored().stateRoot == world.state.stateRoot)
    return (try type(world), try world.view(index).rules)
  }

  /// The decision that is owed.
  private func type(_ world: Governed) throws -> DecisionType {
    guard case .decision(let owed)? = world.state.owed.first else { throw TestFailure("no decision is owed") }
    return owed.decisionType
  }

  @Test("the evaluator that bundles name is the one that is linked, the release of its time zones in it")
  func version() throws {
    #expect(PolicyBundle.regoVersion == Evaluation.version)
    let bundle = try Registry.rego(Self.approve).bundle
    #expect(bundle.hasRego && bundle.evaluatorVersion == Evaluation.version)
    #expect(try !Registry().bundle.hasRego)
  }

  @Test("what the policy approves is approved, and every rule that had its say is in the decision")
  func approves() throws {
    let (type, rules) = try rules(
      """
      decision := {"type": "approve", "reason": "small", "rules": fired} if allow
      allow if input.parameters.text == "hello"
      fired contains {"rule": "text", "message": "said hello"} if allow
      fired contains "plain" if allow
      unused if false
      """)
    #expect(type == .approve)
    #expect(
      rules == [
        FiredRule(rule: "rego.plain", effect: .approve, message: ""),
        FiredRule(rule: "rego.text", effect: .approve, message: "said hello"),
        FiredRule(
          rule: "data.openexec.decision", effect: .approve,
          message: "small; by openexec.allow, openexec.fired"),
      ])
  }

  @Test("any denial denies, whatever the decision's own type says (POL-10)")
  func denies() throws {
    let (type, rules) = try rules(
      #"decision := {"type": "approve", "rules": [{"rule": "never", "effect": "deny", "message": "no"}]}"#)
    #expect(type == .deny)
    #expect(rules.first == FiredRule(rule: "rego.never", effect: .deny, message: "no"))
  }

  @Test(
    "undefined, an error, an exhausted budget and what is no decision deny, each by its rule",
    arguments: [
      ("decision := {\"type\": \"approve\"} if input.nothing", "policy.undefined"),
      ("decision := {\"type\": \"approve\"}\ndecision := {\"type\": \"deny\"}", "policy.error"),
      ("decision := {\"type\": \"approve\"} if http.send({})", "policy.error"),
      (
        "decision := {\"type\": \"approve\"} if count([1 | some x in numbers.range(1, 20000); x > 0; some y in [1, 2, 3, 4, 5, 6, 7, 8, 9]; y > 0; some z in [1, 2]]) > 0",
        "policy.budget"
      ),
      ("decision := true", "policy.shape"), ("decision := {\"allow\": true}", "policy.shape"),
      ("decision := {\"type\": \"allow\"}", "policy.shape"),
      ("decision := {\"type\": \"approve\", \"reason\": 1}", "policy.shape"),
      ("decision := {\"type\": \"approve\", \"rules\": {\"a\": 1}}", "policy.shape"),
      ("decision := {\"type\": \"approve\", \"rules\": [1]}", "policy.shape"),
      ("decision := {\"type\": \"approve\", \"rules\": [{\"message\": \"\"}]}", "policy.shape"),
      ("decision := {\"type\": \"approve\", \"rules\": [{\"rule\": \"a\", \"x\": 1}]}", "policy.shape"),
      ("decision := {\"type\": \"escalate\", \"demands\": [{\"role\": \"a\"}]}", "policy.shape"),
      (
        "decision := {\"type\": \"escalate\", \"demands\": [{\"role\": \"a b\", \"count\": 1}]}",
        "policy.shape"
      ),
      (
        "decision := {\"type\": \"escalate\", \"demands\": [{\"role\": \"a\", \"count\": 0}]}", "policy.shape"
      ),
      ("decision := {\"type\": \"approve\", \"demands\": [{\"role\": \"a\", \"count\": 1}]}", "policy.shape"),
      ("decision := {\"type\": \"escalate\", \"deadline_seconds\": 0.5}", "policy.shape"),
    ])
  func failsClosed(text: String, rule: String) throws {
    let (type, rules) = try rules(text)
    #expect(type == .deny)
    #expect(rules.map(\.rule) == [rule], "\(text): \(rules.map(\.message))")
  }

  @Test("the budget is the bundle's")
  func budget() throws {
    let text =
      "decision := {\"type\": \"approve\"} if count([1 | some x in numbers.range(1, 100); x > 0]) == 100"
    #expect(try rules(text).type == .approve)
    for budget in [
      #"{"steps":150,"bytes":1000000,"depth":10}"#, #"{"steps":100000,"bytes":1000,"depth":10}"#,
    ] {
      #expect(try rules(text, budget: budget).rules.map(\.rule) == ["policy.budget"], "\(budget)")
    }
    let chain = "decision := {\"type\": \"approve\"} if a\na if b\nb if c\nc := true"
    #expect(try rules(chain, budget: #"{"steps":1000,"bytes":1000,"depth":4}"#).type == .approve)
    #expect(
      try rules(chain, budget: #"{"steps":1000,"bytes":1000,"depth":3}"#).rules.map(\.rule) == [
        "policy.budget"
      ])
    for wrong in [
      #"{"steps":0,"bytes":1,"depth":1}"#, #"{"steps":1,"bytes":1}"#, #"{"steps":1,"bytes":1,"depth":65537}"#,
      #"{"steps":4000001,"bytes":1,"depth":1}"#, "1",
    ] {
      #expect(throws: RecordError.self, "\(wrong)") { try Registry.rego(Self.approve, budget: wrong).bundle }
    }
    #expect(
      try Registry.rego(Self.approve).bundle.hash
        != Registry.rego(Self.approve, budget: #"{"steps":1,"bytes":1,"depth":1}"#).bundle.hash)
  }

  @Test("a policy asks people: which of them, how many and for how long")
  func people() throws {
    for (type, people) in [
      ("escalate", ["clerk"]), ("require_multi_sig", ["ann", "bob"]), ("require_mfa", ["bob"]),
    ] {
      let role = type == "escalate" ? "clerk" : "approver"
      let count = people.count
      var world = try Governed(
        registry: .rego(
          """
          decision := {"type": "\(type)", "demands": [{"role": "\(role)", "count": \(count)}], "deadline_seconds": 7}
          """))
      let index = try world.propose()
      #expect(try self.type(world).rawValue == type)
      try world.settle()
      #expect(
        try world.view(index).demands.map(\.demand) == [ApprovalDemand(role: role, count: count)])
      #expect(try world.view(index).deadline == world.now.advanced(by: .seconds(7)))
      for person in people {
        let keys = type == "require_mfa" ? ["approver/\(person)", "\(person)'s second"] : nil
        try world.vote(person, on: index, role: role, keys: keys)
      }
      if type == "require_mfa" {
        #expect(world.state.owed.isEmpty, "the agent's owner has not confirmed yet")
        try world.vote("olga", on: index, vote: .confirm, keys: ["olga's second"])
      }
      try world.settle()
      #expect(try world.view(index).status == .approved, "\(type)")
    }
  }

  @Test("the input has the request, the registry's entry, the effective risk and log time")
  func input() throws {
    let (type, rules) = try rules(
      #"""
      decision := {"type": "approve"} if count(wrong) == 0
      else := {"type": "deny", "reason": concat(", ", wrong)}
      wrong contains "action" if input.action != "costly"
      wrong contains "definition" if input.definition.maximum_cost_usd != "60"
      wrong contains "agent" if input.agent != {"id": "tenant/acme/agent/writer", "owner": "olga", "roles": [],
        "scopes": ["text"], "tenant_id": "acme"}
      wrong contains "risk" if input.risk != {"impact_level": "low", "impact_rank": 0, "estimated_cost_usd": 60,
        "estimated_cost_micro_usd": 60000000, "data_classification": "internal", "classification_rank": 1}
      wrong contains "declared" if input.declared_risk.estimated_cost_usd != 0
      wrong contains "time" if time.parse_rfc3339_ns(input.time) != time.now_ns()
      wrong contains "ids" if [input.tenant_id, input.workspace_id, input.trace_id] != ["acme", "main", "trace"]
      wrong contains "lists" if [input.scopes, input.inputs, input.input_labels, input.agent_labels] != [["text"], [], [], []]
      wrong contains "parameters" if input.parameters != {"n": 1}
      wrong contains "missing" if count(input) != 19
      """#, action: "costly", parameters: ["n": 1])
    #expect(type == .approve, "\(rules.map(\.message))")
  }

  @Test("data.json stands under its folder, and a manifest keeps the bundle to its roots")
  func layout() throws {
    let text = "decision := {\"type\": \"approve\"} if { data.limits.echo == 3; data.a.b.c }"
    let files = [
      ("data.json", #"{"limits":{"echo":3}}"#), ("a/b/data.json", #"{"c":true}"#), ("README.md", "words"),
    ].map { (path: $0.0, text: $0.1) }
    #expect(try rules(text, more: files).type == .approve)
    let manifest = #"{"revision":"r","rego_version":1,"metadata":{},"roots":["openexec","limits","a/b"]}"#
    #expect(try rules(text, more: files + [(".manifest", manifest)]).type == .approve)
  }

  @Test(
    "a call that can have no value is refused when a bundle is proposed or begins a ledger; older semantics deny by it"
  )
  func kinds() throws {
    var registry = Registry(version: "2")
    registry.files = [("policy.rego", "package openexec\n\nn := 1\ndecision := {\"type\": upper(n)}\n")]
    let fault = "policy.rego:4:22: rego_type_error: upper: expected argument 1 to be string, found number"
    let world = try Governed()
    let (body, attachment) = world.policy(try registry.bundle, id: "p")
    guard case .refuse(let refusal) = world.admits((body, attachment)) else {
      throw TestFailure("it was admitted")
    }
    #expect(refusal.code == .invalidArgument && refusal.message.contains(fault), "\(refusal.message)")
    #expect(throws: ShieldError.self) { try Governed(registry: registry) }

    var old = try Governed(registry: registry, semantics: Semantics.inferredKinds - 1)
    let index = try old.propose()
    #expect(try old.rules(index) == ["policy.undefined"])
    #expect(try old.restored().stateRoot == old.state.stateRoot, "what is in force is read by every program")
  }

  @Test(
    "a bundle that does not compile, or has what nothing would enforce, is refused, and the place is told (POL-4)",
    arguments: [
      (
        [("policy.rego", "package openexec\n\ndecision := {\"type\": x}\n")],
        "policy.rego:3:1: rego_unsafe_var_error: var x is unsafe"
      ),
      (
        [("policy.rego", "package openexec\n\ndecision :=\n")],
        "policy.rego:4:1: rego_parse_error: expected a term"
      ),
      (
        [("policy.rego", "package other\n\ndecision := 1\n")],
        "expected a rule decision in the package openexec"
      ),
      (
        [("policy.rego", "package openexec\n\ndecision(x) := 1\n")],
        "expected a rule decision in the package openexec"
      ),
      ([("data.json", "{")], "data.json: expected JSON"),
      ([("data.json", "1")], "data.json: expected an object"),
      (
        [("data.json", #"{"a":{"b":1}}"#), ("a/data.json", #"{"b":2}"#)],
        "data.json: expected no document that another"
      ),
      ([("data.yaml", "a: 1")], "found \"data.yaml\""),
      ([("../x.rego", "package a")], "expected a relative path"),
      ([(".manifest", #"{"roots":["other"]}"#)], "policy.rego: expected a package below the roots"),
      (
        [(".manifest", #"{"roots":["openexec"]}"#), ("data.json", #"{"openexec":{"x":1},"y":2}"#)],
        "expected documents below the roots of .manifest, found y"
      ),
      ([(".manifest", #"{"rego_version":0}"#)], "found \"rego_version\": 0"),
      ([(".manifest", #"{"wasm":[]}"#)], "found \"wasm\": []"),
      ([(".manifest", "[]")], "expected a JSON object"),
    ])
  func refused(files: [(String, String)], message: String) throws {
    var registry = Registry(version: "2")
    registry.files = files.map { (path: $0.0, text: $0.1) }
    if !files.contains(where: { $0.0 == "policy.rego" }) {
      registry.files.append(("policy.rego", "package openexec\n" + Self.approve))
    }
    let world = try Governed()
    let (body, attachment) = world.policy(try registry.bundle, id: "p")
    guard case .refuse(let refusal) = world.state.admits(body, attachment: attachment, at: world.now) else {
      throw TestFailure("expected a refusal of \(files)")
    }
    #expect(refusal.code == .invalidArgument)
    #expect(refusal.message.contains(message), "\(refusal.message)")
    // And no ledger begins with it.
    let found = #expect(throws: ShieldError.self) { try Governed(registry: registry) }
    #expect(found?.description.contains(message) == true)
  }

  @Test(
    "a new bundle decides what is pending again; parameters are not known any more, and asking for them denies"
  )
  func again() throws {
    let escalate = #"decision := {"type": "escalate"}"#
    var world = try Governed(registry: .rego(escalate))
    let index = try world.propose()
    try world.settle()
    // What looks at no parameters decides as before.
    try world.activate(.rego(Self.approve, version: "2"))
    try world.settle()
    #expect(try world.view(index).status == .approved)
    // A negation of what is not known any more does not let it through.
    for text in [
      "decision := {\"type\": \"approve\"} if not input.parameters.force",
      "decision := {\"type\": \"approve\"} if not force\nforce if object.get(input, [\"parameters\", \"force\"], false)",
      "decision := {\"type\": \"approve\"} if input.parameters.force != true",
    ] {
      var world = try Governed(registry: .rego(escalate))
      let index = try world.propose()
      try world.settle()
      try world.activate(.rego(text, version: "2"))
      try world.settle()
      #expect(try world.rules(index) == ["policy.error"], "\(text)")
      #expect(
        try world.view(index).rules.last?.message.contains("input.parameters is not known any more") == true)
    }
  }

  @Test("before semantics 3 no bundle has Rego, at the beginning or later")
  func semantics() throws {
    #expect(throws: ShieldError.self) { try Governed(registry: .rego(Self.approve), semantics: 2) }
    var world = try Governed(semantics: 2)
    let bundle = try Registry.rego(Self.approve, version: "2").bundle
    #expect(try world.refusal(world.policy(bundle, id: "p")) == .failedPrecondition)
    let act = VersionAct(actID: "v", semantics: 3, validUntil: world.now.advanced(by: .seconds(600)))
    #expect(try world.append(.version(world.cosigned(act, by: ["pat", "quin"]))) == .effective)
    #expect(try world.refusal(world.policy(bundle, id: "p")) == nil)
  }
}
