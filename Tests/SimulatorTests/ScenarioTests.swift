import Foundation
import Testing

@testable import Simulator

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

/// The scenario language, and the scenarios that are written in it.
struct ScenarioTests {
  @Test("a node that there is not is an error, unless parties may come; and one file has one name")
  func nodes() {
    func error(_ lines: String) -> String? {
      do throws(ScenarioError) {
        _ = try ScenarioParser.parse("scenario x\nwhy y\n" + lines, file: "f")
        return nil
      } catch {
        return "\(error)"
      }
    }
    #expect(
      error("at 1 s crash 6 after 1 writes restart after 1 s")
        == "f:3:14: expected a node from 1 to 5, found '6'")
    #expect(
      error("at 1 s cut {1} - {2,9} for 1 s\nnodes 7 threshold 5")
        == "f:3:21: expected a node from 1 to 7, found '9'")
    #expect(error("nodes 3 threshold 2\nleft 4 deaf") == "f:4:6: expected a node from 1 to 3, found '4'")
    #expect(error("at 1 s agent 1 proposes echo 1 at 6") == "f:3:35: expected a node from 1 to 5, found '6'")
    #expect(error("at 1 s members 7\nat 9 s isolate 6 for 1 s") == nil)
    #expect(error("scenario z") == "f:3:1: expected one line 'scenario NAME', found 'scenario'")
  }

  private func error(_ text: String) -> ScenarioError? {
    do {
      _ = try ScenarioParser.parse(text, file: "f")
      return nil
    } catch {
      return error
    }
  }

  @Test("a scenario says when what happens, and what is expected")
  func reads() throws {
    let scenario = try ScenarioParser.parse(
      """
      # one of each
      scenario example
      why so that somebody may read it
      red with raft-01-vote-forgotten
      seed 7
      nodes 4 threshold 3
      at 2 s partition {1,2} | {3,4} for 1500 ms   # a split
      at 2500 ms crash 3 before fsync restart after 1 s
      at 3 s lie 2 equivocate for 5 s
      at 3 s link all -> {1} loss 2.5 % for 1 s
      at 4 s agent 1 proposes echo 1 at 3
      left 4 deaf
      expect agent 1 request 1 completed
      expect fault partition
      """, file: "f")
    #expect(scenario.name == "example" && scenario.redWith == ["raft-01-vote-forgotten"])
    #expect(scenario.schedule.conditions.left == Conditions.Left(node: 4, .deaf))
    #expect(
      scenario.schedule.items.map(\.act) == [
        .partition([[1, 2], [3, 4]], length: 1_500_000_000),
        .crash(3, kept: 0, restartAfter: 1_000_000_000), .lie(2, .equivocate, length: 5_000_000_000),
        .link(from: [], to: [1], .loss(25_000), length: 1_000_000_000),
        .agent(1, .propose("echo", request: 1), at: 3),
      ])
    #expect(try ScenarioParser.parse(scenario.text, file: "f") == scenario)
  }

  @Test(
    "an item may wait for a state, name a kind of message, and come again and again; all of it is written again"
  )
  func laterWords() throws {
    let scenario = try ScenarioParser.parse(
      """
      scenario later
      why so
      at 1 s when 2 leads stand 3
      at 1 s when 1 joint after 20 ms isolate 1 for 1 s
      at 1 s when 3 voters {3,1} pause 3 for 5 ms
      at 1 s when 4 holds 7 stand 4
      at 1 s when 4 commits 8 stand 4
      at 1 s when 4 finalizes 9 stand 4
      at 1 s link {1} -> {2} late 50 ms of votes for 1 s
      at 1 s replace {4,5} by 2
      at 2 s every 500 ms until 3 s agent 1 checks at 2
      """, file: "f")
    let items = scenario.schedule.items
    #expect(
      items.prefix(6).map(\.when) == [
        .leads(2), .isJoint(1), .hasVoters(3, [3, 1]), .holds(4, size: 7), .commits(4, size: 8),
        .finalizes(4, size: 9),
      ])
    #expect(items[1].after == 20_000_000 && items[0].after == 0)
    #expect(
      items[6].act == .link(from: [1], to: [2], .late(50_000_000), of: .votes, length: 1_000_000_000))
    #expect(items[7].act == .replace([4, 5], by: 2))
    #expect(items.dropFirst(8).map(\.at) == [2_000_000_000, 2_500_000_000, 3_000_000_000])
    #expect(items.dropFirst(8).allSatisfy { $0.act == .agent(1, .check, at: 2) })
    #expect(try ScenarioParser.parse(scenario.text, file: "f") == scenario)
    let head = "scenario x\nwhy y\n"
    #expect(error(head + "at 1 s when 2 sleeps stand 3")?.expected.contains("finalizes") == true)
    #expect(error(head + "at 1 s every 0 s until 2 s stand 3")?.expected == "a time longer than nothing")
    #expect(error(head + "at 2 s every 1 s until 1 s stand 3")?.column == 24)
    #expect(error(head + "at 0 s every 1 ms until 10 s stand 3") != nil)
    #expect(error(head + "at 1 s link {1} -> {2} clog of songs for 1 s")?.found == "songs")
  }

  @Test("what waits for a state begins when it is there, and not before")
  func waits() throws {
    let text = """
      scenario waits
      why so
      seed 4
      faults for 4 s
      at 100 ms stand 2
      at 100 ms when 2 leads after 300 ms agent 1 proposes echo 1 at 2
      at 100 ms when 5 finalizes 1000000 agent 2 proposes echo 1 at 2
      expect agent 1 request 1 completed
      """
    #expect(try ScenarioParser.parse(text, file: "f").run().isGreen)
    let never = text + "\nexpect agent 2 request 1 completed"
    #expect(try ScenarioParser.parse(never, file: "f").run().objections.count == 1)
  }

  @Test("an error says where, what was expected and what is there")
  func errors() {
    let head = "scenario x\nwhy y\n"
    #expect(
      error(head + "at 2 s crash 3 restart after 1 s")
        == ScenarioError(
          file: "f", line: 3, column: 16, expected: "'before fsync' or 'after N writes'", found: "restart"))
    #expect(error(head + "at 2 h crash 1 before fsync restart after 1 s")?.column == 6)
    #expect(error(head + "at 2 s partition {1,2} for 1 s")?.expected == "'|' and another group")
    #expect(error(head + "at 2 s link 1 -> 2 loss 101 % for 1 s")?.found == "101")
    #expect(error(head + "at 2 s isolate 1 for")?.description.hasSuffix("found the end of the line") == true)
    #expect(error(head + "expect oracle the stars")?.expected.hasPrefix("an oracle: ") == true)
    #expect(error(head + "seed 1 2")?.expected == "the end of the line")
    #expect(error("why y")?.expected == "a line 'scenario NAME'")
    #expect(error(head + "at 99999999999999999999 s isolate 1 for 1 s") != nil)
    #expect(error(head + "nodes 5 threshold 2")?.expected == "a threshold from 3 to 5")
    #expect(error(head + "hurry")?.column == 1)
  }

  @Test("no text makes the parser trap")
  func hostile() {
    var random = SeededRandom(seed: 4)
    let words = [
      "at", "2", "s", "{", "}", ",", "|", "%", "->", "-", "link", "all", "crash", "-9223372036854775808", "é",
    ]
    for _ in 0..<3_000 {
      let line = (0..<random.below(12)).map { _ in words[Int(random.below(UInt64(words.count)))] }
      _ = try? ScenarioParser.parse(line.joined(separator: " "), file: "f")
    }
  }

  private static let library: [(name: String, text: String)] = {
    let folder = root.appendingPathComponent("Simulation/Scenarios")
    let names = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return names.sorted().compactMap { name in
      (try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)).map { (name, $0) }
    }
  }()

  @Test(
    "sixty scenarios and more stand ready, each with a reason; forty and more name a mutant that there is")
  func library() throws {
    let mutants = try String(
      contentsOf: root.appendingPathComponent("Sources/Mutants/Mutant.swift"), encoding: .utf8)
    var ready = 0
    var named = 0
    for (name, text) in Self.library {
      let scenario = try ScenarioParser.parse(text, file: name)
      #expect(name == scenario.name + ".scenario")
      if scenario.pending == nil {
        ready += 1
        named += scenario.redWith.isEmpty ? 0 : 1
      }
      for mutant in scenario.redWith { #expect(mutants.contains("\"\(mutant)\""), "\(name): \(mutant)") }
    }
    #expect(ready >= 60 && named >= 40)
  }

  @Test(
    "a scenario of each kind goes as it says",
    arguments: [
      "partition-minority-leader", "executor-journal-lost", "lie-goes-on", "t25-production-needs-two",
    ])
  func goes(name: String) throws {
    let text = try #require(Self.library.first { $0.name == name + ".scenario" }?.text)
    let result = try ScenarioParser.parse(text, file: name).run()
    #expect(result.isGreen, "\(result.run.violation ?? ""), \(result.run.unsettled), \(result.objections)")
  }

  @Test("an expectation that is not met is an objection")
  func expectations() throws {
    var text = try #require(Self.library.first { $0.name == "handover.scenario" }?.text)
    text += "expect fault partition\nexpect agent 1 request 1 denied\nexpect executions at least 100000\n"
    let result = try ScenarioParser.parse(text, file: "f").run()
    #expect(result.run.exitCode == 0 && !result.isGreen && result.objections.count == 3)
  }
}
