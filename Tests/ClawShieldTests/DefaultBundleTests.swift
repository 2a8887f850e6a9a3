import Canonical
import ClawShield
import Crypto
import Foundation
import Records
import Schema
import Testing

/// The bundle in Deploy/policy.
struct DefaultBundleTests {
  private func bundle() throws -> PolicyBundle {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Deploy/policy")
    let files = try ["registry.json", "README.md", "policy.rego", "data.json"].map { name in
      (path: name, text: try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8))
    }
    return try PolicyBundle(files: files)
  }

  @Test("the default bundle can be activated as it stands")
  func activates() throws {
    var world = try Governed()
    let (body, attachment) = world.policy(try bundle(), id: "default")
    #expect(try world.append(body, attachment) == .effective)
    #expect(world.state.bundle.actions.map(\.name) == ["add", "echo", "report", "transform"])
  }

  @Test(
    "its schemas take what they should and nothing else",
    arguments: [
      ("echo", #"{"text":"hi"}"#, true), ("echo", #"{"text":1}"#, false), ("echo", "{}", false),
      ("echo", #"{"text":"hi","more":1}"#, false), ("add", #"{"a":1,"b":-2}"#, true),
      ("add", #"{"a":1.5,"b":2}"#, false), ("add", #"{"a":4503599627370497,"b":0}"#, false),
      ("transform", #"{"operation":"sort_lines","content":"b\na"}"#, true),
      ("transform", #"{"operation":"csv_columns","content":"a,b","columns":["a"]}"#, true),
      ("transform", #"{"operation":"csv_columns","content":"a,b"}"#, false),
      ("transform", #"{"operation":"uppercase","content":"a","columns":["a"]}"#, false),
      ("transform", #"{"operation":"rot13","content":"a"}"#, false),
      ("report", #"{"files":[{"path":"a/b.txt","content":"x"}]}"#, true),
      ("report", #"{"files":[]}"#, false),
      ("report", #"{"files":[{"path":"../b","content":"x"}]}"#, false),
      ("report", #"{"files":[{"path":"/etc/b","content":"x"}]}"#, false),
      ("report", #"{"files":[{"path":"a//b","content":"x"}]}"#, false),
    ])
  func schemas(_ name: String, _ parameters: String, _ isValid: Bool) throws {
    let action = try #require(try bundle().action(name))
    let schema = try Schema.compile(action.parametersSchema)
    let value = try JSON.parse(parameters)
    #expect(((try? schema.validate(value)) != nil) == isValid)
  }

  @Test("its policy is asked about every proposal, and approves everyday work (POL-1)")
  func policy() throws {
    var world = try Governed()
    let (body, attachment) = world.policy(try bundle(), id: "default")
    #expect(try world.append(body, attachment) == .effective)
    _ = try world.enrol(Governed.enrolment(Governed.agent, owner: "olga", scopes: ["text.read"]))
    for (risk, impact, wanted) in [
      (DataClassification.internal, ImpactLevel.low, "rego.within_limits"),
      (.pii, .low, "rego.personal_data"),
      (.restricted, .critical, "rego.restricted_data"),
    ] {
      let (proposal, parameters) = world.proposal(
        scopes: ["text.read"],
        risk: RiskContext(estimatedCost: .zero, dataClassification: risk, impactLevel: impact))
      #expect(try world.append(proposal, parameters) == .effective)
      let rules = try world.view(world.last).rules.map(\.rule)
      #expect(rules.contains(wanted) && rules.contains("data.openexec.decision"), "\(rules)")
    }
  }

  @Test("a report asks two approvers, the others nobody")
  func people() throws {
    let bundle = try bundle()
    for action in bundle.actions {
      let rules = bundle.approvals.filter { $0.matches(action: action.name, risk: action.risk) }
      #expect(rules.flatMap(\.demands).map(\.count) == (action.name == "report" ? [2] : []))
    }
  }
}
