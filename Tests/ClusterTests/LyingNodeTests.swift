import Canonical
import Foundation
import Records
import Testing

/// What operators sign, and what they are told of it, where one of four nodes lies and three sign. States of an act: drafted from
/// what the nodes say, handed in, proven. Failure cases: a node that says of the parties, of an enrolment or of what is in force
/// what is not so; one that says that an act is final; as many liars as leave too few that say the same.
struct LyingNodeTests {
  private static let operator1 = "operators/operator-1"

  private func second(_ parties: ScriptedParties) -> [String] {
    ["--sign-with", "\(parties.folder)/operators/operator-2"]
  }

  /// The act that a command has drafted, and how it ended.
  private func draft(_ arguments: [String], _ parties: ScriptedParties) throws -> (Outcome, JSON?) {
    let file = "\(parties.folder)/\(UUID().uuidString).json"
    let outcome = try parties.claw(
      arguments + second(parties) + ["--draft", file], as: Self.operator1)
    guard FileManager.default.fileExists(atPath: file) else { return (outcome, nil) }
    return (outcome, try JSON.parse(String(contentsOfFile: file, encoding: .utf8))["statement"]?["content"])
  }

  // MARK: What is signed

  /// What a node says of the parties; `without` leaves one out.
  private func keys(threshold: Int, without: Int? = nil) throws -> JSON {
    let parties = try (1...4).filter { $0 != without }.map { id in
      JSON.object([
        ("id", .integer(id)), ("name", .string("node-\(id)")),
        ("key", .string(try SampleLedger.key(UInt8(40 + id)).publicKey.hex)),
      ])
    }
    return .object([
      ("threshold", .integer(threshold)), ("parties", .array(parties)),
      ("members", .object([("voters", .array([]))])),
    ])
  }

  @Test(
    "of the parties and of how many sign three nodes say the same before it is signed again; one liar changes nothing"
  )
  func members() throws {
    let parties = try ScriptedParties()
    let truth = try keys(threshold: 3)
    for lie in [try keys(threshold: 2), try keys(threshold: 3, without: 3), .object([])] {
      parties.play { $0.keys = truth }
      parties.play([1]) { $0.keys = lie }
      let (outcome, act) = try draft(["members", "rotate"], parties)
      #expect(outcome.code == 0, "\(outcome.output)")
      #expect(
        act?["threshold"]?.integer == 3 && act?["parties"]?.array?.count == 4, "\(act?.canonical ?? "")")
      parties.play([2]) { $0.keys = lie }
      let (split, none) = try draft(["members", "rotate"], parties)
      #expect(split.code == 6 && none == nil, "\(split.output)")
      #expect(
        split.output.contains("who the parties are: it takes 3 nodes that say the same, since one may lie"),
        "\(split.output)")
    }
  }

  @Test("an enrolment that is signed again with another key is what three nodes say it is")
  func enrolment() throws {
    let parties = try ScriptedParties()
    let agent = try SampleLedger.principal("tenant/acme/agent/agent-2")
    var known = Enrolment(
      principal: agent, key: try SampleLedger.key(50).publicKey, tenantID: "acme", owner: "builders",
      scopes: ["read"],
      expiresAt: SampleLedger.at.advanced(by: .seconds(86_400 * 3650)))
    let truth = known.json
    (known.owner, known.scopes) = ("mallory", ["read", "secrets.read"])
    let lie = known.json
    parties.play { $0.enrolment = truth }
    parties.play([1]) { $0.enrolment = lie }
    let key = "\(parties.folder)/new.pub"
    try (try SampleLedger.key(51).publicKey.hex + "\n").write(toFile: key, atomically: true, encoding: .utf8)
    let arguments = ["rotate", "agent", "agent-2", "--tenant", "acme", "--key", key]
    let (outcome, act) = try draft(arguments, parties)
    #expect(outcome.code == 0, "\(outcome.output)")
    #expect(
      act?["enrol"]?["owner"] == "builders" && act?["enrol"]?["scopes"]?.array?.count == 1,
      "\(act?.canonical ?? "")")
    parties.play([2]) { $0.enrolment = lie }
    let (split, none) = try draft(arguments, parties)
    #expect(
      split.code == 6 && none == nil && split.output.contains("how tenant/acme/agent/agent-2 is enrolled"))
  }

  @Test("released is what three nodes say is in force on a target, and not what one of them says")
  func release() throws {
    let parties = try ScriptedParties()
    parties.play { $0.inForce = [("a", "tenant/acme"), ("b", "tenant/globex")] }
    parties.play([1]) { $0.inForce = [("a", "tenant/acme"), ("b", "tenant/acme")] }
    let (outcome, act) = try draft(["release", "tenant/acme"], parties)
    #expect(outcome.code == 0 && act?["lifts"]?.array == ["a"], "\(outcome.output)")
    // One that keeps it back keeps it from nobody.
    parties.play([1]) { $0.inForce = [] }
    #expect(try draft(["release", "tenant/acme"], parties).1?["lifts"]?.array == ["a"])
    #expect(try draft(["release", "tenant/initech"], parties).0.code == 5)
    parties.play([2]) { $0.inForce = [] }
    let split = try draft(["release", "tenant/acme"], parties).0
    #expect(
      split.code == 6 && split.output.contains("2 of 4 nodes say that a is in force on it"), "\(split.output)"
    )
  }

  // MARK: What is said of it

  @Test(
    "an act is final where a node proves it: one that says so is asked no more, and the next is handed it")
  func proven() throws {
    let parties = try ScriptedParties()
    parties.play { $0.incidents = ["k"] }
    parties.play([1]) { $0.provesActs = false }
    let lifted = try parties.claw(["lift", "k", "--node", "node-1"] + second(parties), as: Self.operator1)
    #expect(lifted.code == 0 && lifted.output.contains(": final"), "\(lifted.output)")
    #expect(
      lifted.output.contains(
        "claw: node-1 is not believed: it says that an act is final, and does not prove it"),
      "\(lifted.output)")
    #expect(parties.heard(by: 1).lifts == 1 && (2...4).reduce(0) { $0 + parties.heard(by: $1).lifts } == 1)
    // Where nobody proves it nobody is believed.
    parties.play { $0.provesActs = false }
    let alone = try parties.claw(["lift", "k"] + second(parties), as: Self.operator1)
    #expect(
      alone.code == 8 && alone.output.contains("nobody has proven that it is in the ledger"),
      "\(alone.output)")
    let enrolled = try parties.claw(
      ["revoke", "approver", "approver-2"] + second(parties), as: Self.operator1)
    #expect(enrolled.code == 8, "\(enrolled.output)")
    parties.play { $0.provesActs = true }
    #expect(
      try parties.claw(["revoke", "approver", "approver-2"] + second(parties), as: Self.operator1).code == 0)
    // One that refuses what it may have handed on decides nothing; as many as sign do.
    parties.play([1]) { $0.refusesActs = true }
    let refused = try parties.claw(["lift", "k", "--node", "node-1"] + second(parties), as: Self.operator1)
    #expect(refused.code == 0, "\(refused.output)")
    parties.play([2, 3]) { $0.refusesActs = true }
    #expect(
      try parties.claw(["lift", "k", "--node", "node-1"] + second(parties), as: Self.operator1).code == 3)
    // One that says nothing keeps it from nobody.
    parties.play { $0.refusesActs = false }
    parties.play([1]) { $0.restriction = .silent }
    let late = try parties.claw(
      ["lift", "k", "--node", "node-1", "--timeout", "2"] + second(parties), as: Self.operator1)
    #expect(late.code == 0, "\(late.output)")
  }

  @Test("a liar that alone can be reached is asked once")
  func alone() throws {
    let parties = try ScriptedParties(absent: [2, 3, 4])
    parties.play {
      $0.incidents = ["k"]
      $0.provesActs = false
    }
    let pinned = JSON.object([
      ("cluster", .string(parties.ledger.cluster.hex)), ("group_key", .string(parties.ledger.groupKey.hex)),
    ])
    try pinned.canonical.write(
      toFile: "\(parties.folder)/\(Self.operator1)/cluster.json", atomically: true, encoding: .utf8)
    let lifted = try parties.claw(["lift", "k"] + second(parties), as: Self.operator1)
    #expect(
      lifted.code == 8 && lifted.output.contains("nobody has proven that it is in the ledger"),
      "\(lifted.output)")
    #expect(parties.heard(by: 1).lifts == 1)
    parties.play { $0.refusesActs = true }
    #expect(try parties.claw(["lift", "k"] + second(parties), as: Self.operator1).code == 3)
  }
}
