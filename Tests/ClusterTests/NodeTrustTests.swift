import Canonical
import EventLoop
import Foundation
import Records
import Testing
import Wire

/// What `claw` believes of one node, and of how many. States of a refusal in an identity's file: not known, known, lifted.
/// Failure cases: nodes that are stopped, absent, silent, that lie, that answer what is none, and that keep things back.
struct NodeTrustTests {
  private static let operator1 = "operators/operator-1"

  // MARK: Restrictions

  private func kill(_ parties: ScriptedParties, _ more: [String] = []) throws -> (
    code: Int32, answer: JSON, took: Duration
  ) {
    let begin = MonotonicInstant.now
    let outcome = try parties.claw(["kill", "all", "--json"] + more, as: Self.operator1)
    let took = MonotonicInstant.now.since(begin)
    return (outcome.code, try JSON.parse(outcome.output), took)
  }

  private func names(_ answer: JSON, _ key: String) -> [String] {
    (answer[key]?.array ?? []).compactMap { $0.string ?? $0["node"]?.string }
  }

  @Test(
    "a kill goes to all nodes at once: one that is stopped and one that answers nonsense hide nothing, in a bounded time"
  )
  func killPastTheFirst() throws {
    let parties = try ScriptedParties(stopped: [1])
    parties.play([2]) { $0.restriction = .nonsense }
    #expect(try parties.claw(["status"], as: "agents/agent-1").code == 0, "three of four answer")
    let killed = try kill(parties)
    #expect(killed.code == 8, "\(killed.answer.canonical)")
    #expect(names(killed.answer, "answered") == ["node-3", "node-4"])
    #expect(killed.answer["vouched_for"]?.bool == false, "three sign, and two have said so")
    #expect(killed.answer["binding"]?.bool == false)
    #expect(killed.answer["nodes"]?.integer == 4 && killed.answer["threshold"]?.integer == 3)
    let others = killed.answer["not_answered"]?.array ?? []
    #expect(names(killed.answer, "not_answered") == ["node-1", "node-2"])
    #expect(others[0]["reason"]?.string?.contains("handshake in time") == true, "\(others)")
    #expect(others[1]["reason"]?.string?.contains("an answer that is none") == true, "\(others)")
    // Three seconds are the stopped one's.
    #expect(killed.took < .seconds(12), "\(killed.took)")
    for node in 2...4 { #expect(parties.heard(by: node).restrictions.count == 1) }
    let text = try parties.claw(["kill", "tenant/acme"], as: Self.operator1)
    #expect(
      text.output.contains(
        "so say node-3, node-4 alone: that others are bound is their word, until 3 nodes say so")
        && text.output.contains("not from node-1: ")
        && text.output.contains("NOT CONFIRMED: 2 of 4 nodes say that it binds, and 3 sign"), "\(text.output)"
    )
    #expect(text.code == 8)
  }

  @Test(
    "a node that says at once that all are bound keeps the kill from nobody, and its number is no measure")
  func liar() throws {
    let parties = try ScriptedParties()
    parties.play([1]) { $0.restriction = .bound(4000) }
    let killed = try kill(parties)
    #expect(killed.code == 0 && killed.answer["acknowledged"]?.integer == 3, "\(killed.answer.canonical)")
    #expect(names(killed.answer, "answered") == ScriptedParties.names)
    #expect(killed.answer["vouched_for"]?.bool == true && killed.answer["binding"]?.bool == true)
    let text = try parties.claw(["kill", "tenant/acme"], as: Self.operator1)
    #expect(text.output.contains("so say node-1, node-2, node-3, node-4: 4 of 4 nodes"), "\(text.output)")
    for node in 1...4 { #expect(parties.heard(by: node).restrictions.count == 2) }
    // A silent one is not waited for once as many as sign have spoken.
    parties.play([2]) { $0.restriction = .silent }
    let second = try kill(parties)
    #expect(second.code == 0 && second.took < .seconds(10), "\(second.took)")
    #expect(names(second.answer, "not_answered") == ["node-2"])
    #expect(second.answer["vouched_for"]?.bool == true)
  }

  @Test("one that refuses or is alone: who is reachable binds, and what is only its word is called so")
  func alone() throws {
    let parties = try ScriptedParties(absent: [1, 2, 4])
    parties.play { $0.restriction = .bound(3) }
    // The identity knows the cluster already.
    let pinned = JSON.object([
      ("cluster", .string(parties.ledger.cluster.hex)), ("group_key", .string(parties.ledger.groupKey.hex)),
    ])
    try pinned.canonical.write(
      toFile: "\(parties.folder)/\(Self.operator1)/cluster.json", atomically: true, encoding: .utf8)
    let killed = try kill(parties)
    #expect(killed.code == 8 && names(killed.answer, "answered") == ["node-3"], "\(killed.answer.canonical)")
    #expect(killed.answer["vouched_for"]?.bool == false && killed.took < .seconds(10))
    let text = try parties.claw(["kill", "all"], as: Self.operator1)
    #expect(text.output.contains("so say node-3 alone: that others are bound is its word"), "\(text.output)")
    parties.play { $0.restriction = .refused }
    let refused = try kill(parties)
    #expect(refused.code == 3, "\(refused.answer.canonical)")
    #expect(refused.answer["error"]?.string?.contains("node-3 answered PERMISSION_DENIED") == true)
    parties.play { $0.restriction = .nonsense }
    #expect(try kill(parties).code == 6)
  }

  @Test("nodes that have taken it and say nothing may be bound: it is not confirmed, and they are named")
  func nobodySays() throws {
    let parties = try ScriptedParties()
    #expect(try parties.claw(["ledger", "checkpoint"], as: Self.operator1).code == 0)
    parties.play { $0.restriction = .silent }
    let killed = try kill(parties, ["--timeout", "2"])
    #expect(killed.code == 8 && names(killed.answer, "answered") == [], "\(killed.answer.canonical)")
    #expect(names(killed.answer, "not_answered") == ScriptedParties.names)
    #expect(killed.answer["message"]?.string == "no node says that 3 parties are bound")
    // Two who refuse it, and one who says it binds, decide nothing either.
    parties.play([1, 2]) { $0.restriction = .refused }
    parties.play([3]) { $0.restriction = .bound(3) }
    let split = try kill(parties, ["--timeout", "2"])
    #expect(split.code == 8 && names(split.answer, "answered") == ["node-3"], "\(split.answer.canonical)")
    // As many as sign who refuse it do, whoever says otherwise.
    parties.play([4]) { $0.restriction = .refused }
    #expect(try kill(parties, ["--timeout", "2"]).code == 3)
  }

  @Test("what one node proves to be final binds, however few answer; a proof of another statement is none")
  func final() throws {
    let parties = try ScriptedParties()
    #expect(try parties.claw(["ledger", "checkpoint"], as: "operators/operator-2").code == 0)
    parties.play([1, 2, 3]) { $0.restriction = .nonsense }
    func submit(_ name: String, _ proof: (String) throws -> String) throws -> (Int32, JSON) {
      let file = "\(parties.folder)/\(name).json"
      let drafted = try parties.claw(
        [
          "revoke-certificates", "tenant/acme/agent/agent-1", "--since", "2026-01-01T00:00:00Z", "--draft",
          file,
        ], as: Self.operator1)
      #expect(drafted.code == 0, "\(drafted.output)")
      let text = try proof(file)
      parties.play([4]) { $0.restriction = .final(text) }
      let outcome = try parties.claw(["cosign", file, "--submit", "--json"], as: "operators/operator-2")
      let line = outcome.output.split(separator: "\n").last { $0.hasPrefix("{") }
      return (outcome.code, try JSON.parse(String(line ?? "")))
    }
    let (code, answer) = try submit("proven") { try parties.prove(draft: $0) }
    #expect(code == 0 && answer["binding"]?.bool == true, "\(answer.canonical)")
    #expect(answer["leaf"]?.string != nil && answer["vouched_for"]?.bool == false)
    let others = try parties.refuse("node-4", -3600, as: "other")
    for lie in [others, "nothing"] {
      let (code, answer) = try submit("unproven") { _ in lie }
      #expect(code == 8 && answer["leaf"] == .null, "\(answer.canonical)")
    }
  }

  @Test(
    "an id that another statement has is said as soon as fewer nodes are left than sign; one liar ends nothing"
  )
  func idInUse() throws {
    let parties = try ScriptedParties()
    #expect(try parties.claw(["ledger", "checkpoint"], as: Self.operator1).code == 0)
    parties.play([1, 2]) { $0.restriction = .silent }
    parties.play([3, 4]) { $0.restriction = .inUse }
    let begin = MonotonicInstant.now
    let outcome = try parties.claw(["kill", "all", "--id", "inc-42"], as: Self.operator1)
    #expect(MonotonicInstant.now.since(begin) < .seconds(8), "and not at the deadline")
    // Two of them have it and have not answered: it may bind.
    #expect(outcome.code == 8, "\(outcome.output)")
    for node in 3...4 {
      #expect(
        outcome.output.contains("not from node-\(node): ALREADY_EXISTS: the id inc-42 is in use by another"),
        "\(outcome.output)")
    }
    for node in 1...2 { #expect(parties.heard(by: node).restrictions.count == 1, "it was handed to all") }
    parties.play([1, 2]) { $0.restriction = .inUse }
    let nowhere = try parties.claw(["kill", "all", "--id", "inc-42"], as: Self.operator1)
    #expect(
      nowhere.code == 1
        && nowhere.output.contains("node-1, node-2, node-3, node-4 answered ALREADY_EXISTS: the id inc-42"),
      "\(nowhere.output)")
    // One that has taken it, while the others hold another of its id: what the log takes nobody knows.
    parties.play([1]) { $0.restriction = .bound(3) }
    let taken = try kill(parties)
    #expect(taken.code == 8 && names(taken.answer, "answered") == ["node-1"], "\(taken.answer.canonical)")
    parties.play([1, 2, 3]) { $0.restriction = .bound(3) }
    let liar = try kill(parties)
    #expect(liar.code == 0 && names(liar.answer, "not_answered") == ["node-4"], "\(liar.answer.canonical)")
  }

  // MARK: Lifts

  @Test("a lift of what as many nodes as sign do not know is refused, unless it is to be banned beforehand")
  func unknownLift() throws {
    let parties = try ScriptedParties()
    func lift(_ ids: [String], _ more: [String] = []) throws -> Outcome {
      try parties.claw(
        ["lift"] + ids + more + ["--sign-with", "\(parties.folder)/operators/operator-2"], as: Self.operator1)
    }
    func lifts() -> Int { (1...4).reduce(0) { $0 + parties.heard(by: $1).lifts } }
    parties.play { $0.incidents = ["known"] }
    let wrong = try lift(["known", "knwon"])
    #expect(
      wrong.code == 5
        && wrong.output.contains("no such restriction: knwon (so say node-1, node-2, node-3, node-4)"),
      "\(wrong.output)")
    #expect(lifts() == 0)
    let file = "\(parties.folder)/lift.json"
    #expect(try lift(["knwon"], ["--draft", file]).code == 5)
    #expect(!FileManager.default.fileExists(atPath: file))
    #expect(try lift(["known"]).code == 0 && lifts() == 1)
    #expect(try lift(["knwon"], ["--unseen"]).code == 0 && lifts() == 2)
    // One that has not heard of it yet, or lies.
    parties.play([1]) { $0.incidents = [] }
    #expect(try lift(["known"]).code == 0)
    // Fewer than sign say that they do not know it: the others are of an earlier program, and cannot say.
    parties.play([3, 4]) { $0.incidents = nil }
    #expect(try lift(["knwon"]).code == 0)
    parties.play([3]) { $0.incidents = [] }
    #expect(try lift(["knwon"]).code == 5)
    // One that is not final in time may take effect later.
    parties.play { $0.restriction = .silent }
    let late = try lift(["known"], ["--timeout", "2"])
    #expect(
      late.code == 8 && late.output.contains("handed in, and nobody has proven that it is in the ledger"),
      "\(late.output)")
  }

  @Test("a lift is not handed in where fewer nodes answer than sign and none of them knows the id")
  func unknownToFew() throws {
    let parties = try ScriptedParties(absent: [1, 2, 4])
    func lift(_ id: String) throws -> Outcome {
      try parties.claw(
        ["lift", id, "--sign-with", "\(parties.folder)/operators/operator-2"], as: Self.operator1)
    }
    parties.play { $0.incidents = ["known"] }
    let typo = try lift("knwon")
    #expect(typo.code == 6 && typo.output.contains("node-3 alone answered, and 3 sign"), "\(typo.output)")
    let deaf = try ScriptedParties(absent: [1, 2, 3, 4])
    let none = try deaf.claw(
      ["lift", "known", "--sign-with", "\(deaf.folder)/operators/operator-2"], as: Self.operator1)
    #expect(none.code == 6 && none.output.contains("no node answered, and 3 sign"), "\(none.output)")
    // What it does know is handed in, as far as anybody is there to take it: whose cluster it is nobody can say here.
    let known = try lift("known")
    #expect(
      known.code == 6
        && known.output.contains("copied into \(parties.folder)/\(Self.operator1) it is believed"),
      "\(known.output)")
    #expect(parties.heard(by: 3).lifts == 0)
  }

  // MARK: Refused certificates

  private func file(_ parties: ScriptedParties) -> String {
    "\(parties.folder)/agents/agent-1/certificates.json"
  }

  private func kept(_ parties: ScriptedParties) throws -> JSON {
    try JSON.parse(String(contentsOfFile: file(parties), encoding: .utf8))
  }

  /// What the first node was told last that the agent holds.
  private func held(_ parties: ScriptedParties) -> [String]? {
    parties.heard(by: 1).held.last { !$0.isEmpty }
  }

  /// Who answers an agent that asks this node first.
  private func answering(_ parties: ScriptedParties, first node: String) throws -> String? {
    let outcome = try parties.claw(["ledger", "checkpoint", "--json", "--node", node])
    #expect(outcome.code == 0, "\(outcome.output)")
    return try JSON.parse(outcome.output)["answered_by"]?.string
  }

  @Test("a refusal that the first node keeps back is heard from another, and then holds for everybody")
  func keptBack() throws {
    let parties = try ScriptedParties()
    #expect(try answering(parties, first: "node-4") == "node-4")
    let proof = try parties.refuse("node-4", 3600, as: "r1")
    parties.play([2, 3, 4]) { $0.refusals = [proof] }
    // Who keeps it back answers first, and as many as sign before the last: they do not say the same, and so it is heard too.
    parties.play([2]) { $0.delay = .milliseconds(300) }
    parties.play([3]) { $0.delay = .milliseconds(600) }
    #expect(try answering(parties, first: "node-1") == "node-1")
    #expect(try kept(parties)["node/node-4"]?.array?.first?["incident"]?.string == "r1")
    #expect(try answering(parties, first: "node-4") != "node-4", "its certificate is refused from here on")
  }

  @Test(
    "a node that shows a refusal or a lift that is none is named and asked last; the command goes on with others"
  )
  func unproven() throws {
    let parties = try ScriptedParties()
    #expect(try answering(parties, first: "node-1") == "node-1")
    let proof = try parties.refuse("node-4", 3600, as: "r1")
    let forged = proof.replacingOccurrences(of: "\nindex ", with: "\nindex 1")
    for lie in [forged, "nothing", try parties.lift(["x"])] {
      parties.play([1]) { $0.refusals = [lie] }
      let outcome = try parties.claw(["ledger", "checkpoint"])
      #expect(outcome.code == 0, "\(outcome.output)")
      #expect(
        outcome.output.contains(
          "claw: node-1 is not believed: a node shows certificates as refused that the ledger does not refuse: "
        ),
        "\(outcome.output)")
      #expect(
        outcome.output.contains("answered  by node-") && !outcome.output.contains("by node-1"),
        "\(outcome.output)")
      #expect(!FileManager.default.fileExists(atPath: file(parties)), "\(lie)")
    }
    // What another shows counts all the same.
    // A leaf that fewer show as a refusal than sign may be one that the state refuses.
    parties.play([3, 4]) { $0.refusals = [proof] }
    #expect(try parties.claw(["ledger", "checkpoint"]).code == 0)
    #expect(!FileManager.default.fileExists(atPath: file(parties)))
    parties.play([2, 3, 4]) { $0.refusals = [proof] }
    #expect(try parties.claw(["ledger", "checkpoint"]).code == 0)
    #expect(try kept(parties)["node/node-4"] != nil)
    parties.play([1]) {
      $0.refusals = []
      $0.lifts = [("r1", proof.replacingOccurrences(of: "\nindex ", with: "\nindex 1"))]
    }
    let lifted = try parties.claw(["ledger", "checkpoint"])
    #expect(
      lifted.code == 0
        && lifted.output.contains("a refusal of certificates as lifted that the ledger has not lifted"),
      "\(lifted.output)")
    #expect(try kept(parties)["node/node-4"]?.array?.first?["lifted"] == nil)
  }

  @Test(
    "a lift takes a refusal back when it is proven, not when a node leaves it out; shown again it is not heeded"
  )
  func lifted() throws {
    let parties = try ScriptedParties()
    let earlier = try parties.refuse("node-4", 1800, as: "r1")
    parties.play { $0.refusals = [earlier] }
    #expect(try answering(parties, first: "node-4") != "node-4", "it is asked nothing after that")
    let later = try parties.refuse("node-4", 3600, as: "r2")
    parties.play { $0.refusals = [later] }
    _ = try answering(parties, first: "node-1")
    parties.play { $0.refusals = [] }
    #expect(try answering(parties, first: "node-4") != "node-4", "nobody shows it, and nobody has lifted it")
    #expect(held(parties) == ["r1", "r2"])
    // A later refusal that is shown where the lift is expected takes nothing back.
    parties.play { $0.lifts = [("r1", later)] }
    #expect(try answering(parties, first: "node-4") != "node-4")
    let liftOfLater = try parties.lift(["r2", "another"])
    // Node 4 is asked nothing: the other three are as many as sign.
    parties.play([2, 3]) { $0.lifts = [("r2", liftOfLater)] }
    parties.play([1]) { $0.lifts = [] }
    _ = try answering(parties, first: "node-1")
    #expect(try kept(parties)["node/node-4"]?.array?.map { $0["lifted"]?.bool ?? false } == [false, false])
    parties.play([1]) { $0.lifts = [("r2", liftOfLater)] }
    parties.play([1, 2]) { $0.delay = .milliseconds(300) }
    _ = try answering(parties, first: "node-1")
    #expect(try kept(parties)["node/node-4"]?.array?.map { $0["lifted"]?.bool ?? false } == [false, true])
    #expect(try answering(parties, first: "node-4") != "node-4", "the earlier one is in force")
    #expect(held(parties) == ["r1"])
    let liftOfEarlier = try parties.lift(["r1"])
    parties.play { $0.lifts = [("r1", liftOfEarlier)] }
    _ = try answering(parties, first: "node-1")
    #expect(try answering(parties, first: "node-4") == "node-4", "it is taken again")
    parties.play { $0.refusals = [earlier, later] }
    _ = try answering(parties, first: "node-1")
    #expect(try answering(parties, first: "node-4") == "node-4", "what was lifted does not come back")
  }

  @Test(
    "a file of an earlier program is read; its refusal gets its id when the ledger shows it, and can be lifted then"
  )
  func oldFile() throws {
    let parties = try ScriptedParties()
    let proof = try parties.refuse("node-4", 3600, as: "r1")
    let record = try LedgerProof(parsing: proof).leaf
    let target = try #require(try JSON.parse(record)["content"]?["target"]?.string)
    guard case .certificates(_, let before)? = IncidentTarget(text: target) else {
      return #expect(Bool(false), "\(target)")
    }
    try JSON.object([("node/node-4", .string(before.text))]).canonical.write(
      toFile: file(parties), atomically: true, encoding: .utf8)
    #expect(try answering(parties, first: "node-4") != "node-4")
    #expect(held(parties) == nil, "nothing to ask for")
    parties.play { $0.refusals = [proof] }
    _ = try answering(parties, first: "node-1")
    #expect(try kept(parties)["node/node-4"]?.array?.map { $0["incident"]?.string } == ["r1"])
    let lift = try parties.lift(["r1"])
    parties.play { $0.lifts = [("r1", lift)] }
    _ = try answering(parties, first: "node-1")
    #expect(try answering(parties, first: "node-4") == "node-4")
    for bad in [#"{"node/node-4":[{"incident":"i"}]}"#, #"{"nobody":"x"}"#, "[]", #"{"node/node-4":7}"#] {
      try bad.write(toFile: file(parties), atomically: true, encoding: .utf8)
      let outcome = try parties.claw(["ledger", "checkpoint"])
      #expect(outcome.code == 1 && outcome.output.contains("certificates.json: "), "\(outcome.output)")
    }
  }
}
