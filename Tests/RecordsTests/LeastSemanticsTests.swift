import Canonical
import Crypto
import Records
import Testing

/// Each thing that older semantics do not know needs newer ones by itself: a ledger with older ones would take the bundle and not
/// do what it says.
struct LeastSemanticsTests {
  /// The least semantics of a bundle with one plain action, with a member of it, or of the registry, set.
  private func least(
    action: (name: String, value: String)? = nil, registry: (name: String, value: String)? = nil,
    approval: (name: String, value: String)? = nil, files: [(path: String, text: String)] = []
  ) throws -> Int {
    func member(_ pair: (name: String, value: String)?) -> String {
      pair.map { "\"\($0.name)\":\($0.value)," } ?? ""
    }
    let approvals =
      approval.map { rule in
        let decision = rule.name == "demands" ? "require_mfa" : "escalate"
        let filters = rule.name == "filters" ? ",\"filters\":\(rule.value)" : ""
        let demand = "{\"role\":\"approver\",\"count\":1\(filters)}"
        let demands = rule.name == "demands" ? "" : "\"demands\":[\(demand)],"
        let more = filters.isEmpty ? member(rule) : ""
        return """
          {"name":"a","actions":["plain"],\(demands)\(more)"decision":"\(decision)","deadline_seconds":60}
          """
      } ?? ""
    let breaker = registry?.name == "retries_per_hour" ? member(registry) : ""
    let text = """
      {"bundle_version":"1","constitution_version":"c1",\(breaker.isEmpty ? member(registry) : "")
       "actions":[{"name":"look","version":"1","description":"","parameters_schema":{"type":"object"},
       "image":"sha256:\(String(repeating: "ab", count: 32))","arguments":["/action"],"scopes":[],
       "risk":{"estimated_cost_usd":"0","data_classification":"public","impact_level":"low"},
       "maximum_cost_usd":"1","max_retries":0,"rate_limit_per_min":1,"limits":{"wall_seconds":1,"memory_mib":16,
       "processes":1,"output_bytes":1,"disk_mib":1},"isolation_class":"kata","egress":[],"token_seconds":1},
       {"name":"plain","version":"1","description":"","parameters_schema":{"type":"object"},
       "image":"sha256:\(String(repeating: "ab", count: 32))","arguments":["/action"],"scopes":[],\(member(action))
       "risk":{"estimated_cost_usd":"0","data_classification":"public","impact_level":"low"},
       "maximum_cost_usd":"1","max_retries":0,"rate_limit_per_min":1,"limits":{"wall_seconds":1,"memory_mib":16,
       "processes":1,"output_bytes":1,"disk_mib":1},"isolation_class":"kata","egress":[],"token_seconds":1}],
       "approvals":[\(approvals)],
       "breakers":{\(breaker)"request_usd":"1","tenant_usd_per_day":"1","proposals_per_minute":1,
       "repeats_per_minute":1,"maximum_depth":0}}
      """
    return try PolicyBundle(files: [(PolicyBundle.registryPath, text)] + files).leastSemantics
  }

  @Test("a bundle with none of it runs under the first semantics")
  func none() throws {
    #expect(try least() == 1)
    #expect(try least(approval: ("impact_at_least", "\"high\"")) == 1, "nor does a plain approval rule")
  }

  @Test(
    "what an action says needs them",
    arguments: [
      ("verification", "2"), ("prices", "{\"usd_per_processor_second\":\"1\",\"usd_per_sent_mib\":\"0\"}"),
      ("preview", "\"look\""), ("irreversible", "true"), ("classes", "[\"money\"]"),
      ("tenants", "[\"acme\"]"),
    ])
  func actions(name: String, value: String) throws {
    #expect(try least(action: (name, value)) == Semantics.people)
  }

  @Test("so does what the registry, its approval rules and its other files say")
  func others() throws {
    #expect(try least(registry: ("invariants", "[\"INV-002\"]")) == Semantics.constitution)
    #expect(try least(registry: ("retries_per_hour", "3")) == Semantics.people)
    #expect(
      try least(files: [(Constitution.path, "{\"deprecated\":[],\"version\":\"c1\"}")])
        == Semantics.constitution)
    #expect(
      try least(registry: ("redaction", "[{\"name\":\"n\",\"pattern\":\"a\"}]")) == Semantics.people)
    #expect(try least(files: [("p.rego", "package p\n")]) == Semantics.rego)
    for rule in [
      ("rejections", "2"), ("classes", "[\"money\"]"), ("tenants", "[\"acme\"]"), ("demands", "[]"),
      ("filters", "[\"senior\"]"),
    ] {
      #expect(try least(approval: rule) == Semantics.people, "\(rule.0)")
    }
  }
}
