import Canonical
import Crypto
import Testing

@testable import Records

/// What a bundle may say of what its actions reach and know.
@Suite("Reach")
struct ReachTests {
  static let limits =
    #""egress_limits":{"sent_bytes":9,"received_bytes":9,"connections":4,"connections_per_min":4}"#
  static let scopes = ["compute", "egress:api.example.org:443", "secret:token", "oauth:calendar"]

  func bundle(
    egress: String = #""https://api.example.org:443""#, more: String = limits, scopes: [String] = scopes
  ) throws(RecordError) -> PolicyBundle {
    let names = scopes.map { "\"\($0)\"" }.joined(separator: ",")
    let registry = """
      {"bundle_version":"1","constitution_version":"c1","actions":[
       {"name":"reach","version":"1","description":"","parameters_schema":{"type":"object"},
       "image":"sha256:\(String(repeating: "ab", count: 32))","arguments":["/action"],"scopes":[\(names)],
       "risk":{"estimated_cost_usd":"0","data_classification":"public","impact_level":"low"},
       "maximum_cost_usd":"1","max_retries":0,"rate_limit_per_min":1,"limits":{"wall_seconds":1,"memory_mib":16,
       "processes":1,"output_bytes":1,"disk_mib":1},"isolation_class":"kata","egress":[\(egress)],
       \(more.isEmpty ? "" : more + ",")"token_seconds":1}],"approvals":[],
       "breakers":{"request_usd":"1","tenant_usd_per_day":"1","proposals_per_minute":1,"repeats_per_minute":1,
       "maximum_depth":0}}
      """
    return try PolicyBundle(files: [(PolicyBundle.registryPath, registry)])
  }

  func error(_ body: () throws(RecordError) -> PolicyBundle) -> String? {
    do throws(RecordError) {
      _ = try body()
      return nil
    } catch {
      return error.description
    }
  }

  @Test("what is read is what is written, and needs semantics that know it")
  func roundTrip() throws {
    let oauth =
      #""oauth":[{"name":"calendar","scopes":["cal.read"],"audience":"https://api.example.org"}],"secrets":["token"]"#
    let bundle = try bundle(more: "\(Self.limits),\(oauth)")
    let action = try #require(bundle.action("reach"))
    #expect(action.destinations?.map(\.scope) == ["egress:api.example.org:443"])
    #expect(action.secretNames == ["token", "calendar"])
    #expect(try ActionDefinition(parsing: action.json.canonicalBytes()) == action)
    #expect(bundle.leastSemantics == Semantics.reach)
    // Names alone are what they always were: nobody can enforce them, and no executor runs them.
    let named = try self.bundle(egress: #""example.org""#, more: "")
    #expect(named.leastSemantics == 1 && named.action("reach")?.destinations == nil)
  }

  @Test("a destination is a scheme, a public name and a port; each stands among the scopes")
  func destinations() {
    for text in [
      "example.org", "https://example.org", "https://example.org:0", "https://example.org:99999",
      "https://10.0.0.1:443",
      "https://localhost:443", "https://a.internal:443", "https://Example.org:443", "ftp://a.example:21",
      "https://a.example:443/", "https://u@a.example:443", "https://[::1]:443", "https:a.example:443",
      "https://a.example:0443",
      "https://\(String(repeating: "a.", count: 60))example:443",
    ] {
      let scopes =
        Self.scopes
        + ["egress:\(text.replacing("https://", with: ""))"].filter {
          $0.utf8.count < 100 && !$0.contains("/")
        }
      let found = error { () throws(RecordError) in
        try bundle(egress: "\"\(text)\"", scopes: scopes.filter(Identifier.isValid))
      }
      #expect(found?.contains("egress[0]") == true, "\(text): \(found ?? "taken")")
    }
    let ungranted = error { () throws(RecordError) in try bundle(scopes: ["compute"]) }
    #expect(ungranted?.contains("egress:api.example.org:443") == true)
    let model = error { () throws(RecordError) in try bundle(egress: #""model://api.example.org:443""#) }
    #expect(model?.contains("model_limits") == true)
  }

  @Test("secrets and accounts are named once, plainly, and among the scopes")
  func secrets() {
    for (more, why) in [
      (#""secrets":["other"]"#, "secret:other"), (#""secrets":[]"#, "secrets"),
      (#""secrets":["a/b"]"#, "secrets"),
      (#""secrets":["token","token"]"#, "secrets"), (#""secrets":["z","token"]"#, "secrets"),
      (#""secrets":["Token"]"#, "secrets"), (#""oauth":[]"#, "oauth"),
      (#""oauth":[{"name":"other","scopes":["a"],"audience":"https://a"}]"#, "oauth:other"),
      (#""oauth":[{"name":"calendar","scopes":[],"audience":"https://a"}]"#, "scopes"),
      (#""oauth":[{"name":"calendar","scopes":["a b"],"audience":"https://a"}]"#, "scopes"),
      (#""oauth":[{"name":"calendar","scopes":["a"],"audience":"http://a"}]"#, "audience"),
      (
        #""oauth":[{"name":"token","scopes":["a"],"audience":"https://a"}],"secrets":["token"]"#,
        "oauth:token"
      ),
    ] {
      let found = error { () throws(RecordError) in try bundle(more: "\(Self.limits),\(more)") }
      #expect(found?.contains(why) == true, "\(more): \(found ?? "taken")")
    }
    let twice = #""oauth":[{"name":"token","scopes":["a"],"audience":"https://a"}],"secrets":["token"]"#
    let found = error { () throws(RecordError) in
      try bundle(more: "\(Self.limits),\(twice)", scopes: Self.scopes + ["oauth:token"])
    }
    #expect(found?.contains("no other secret") == true, "\(found ?? "taken")")
  }
}
