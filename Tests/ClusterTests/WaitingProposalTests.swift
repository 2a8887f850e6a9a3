import Canonical
import Foundation
import Testing

/// An agent waits with `claw propose --wait` for what people decide: over a node that dies and a key that changes, and for no
/// longer than it said.
@Suite(.serialized, .cluster { try LoopbackCluster(nodes: 4, threshold: 3, port: 28_300) })
struct WaitingProposalTests {
  let cluster: LoopbackCluster
  private let report = ["report", "--params", #"{"files":[{"path":"a.txt","content":"one two"}]}"#]

  init() throws { cluster = try LiveCluster.current }

  /// `claw` as the agent, which runs beside the test and writes into a file of this name.
  private func begin(_ name: String, _ arguments: [String]) throws -> Process {
    let path = "\(cluster.folder)/\(name).log"
    try #require(FileManager.default.createFile(atPath: path, contents: nil))
    let output = try #require(FileHandle(forWritingAtPath: path))
    let process = Programs.process("claw", arguments + ["--as", "\(cluster.folder)/agents/agent-1"])
    process.standardOutput = output
    process.standardError = output
    try process.run()
    return process
  }

  private func status(of id: String) throws -> JSON {
    try JSON.parse(try cluster.claw(["get", id, "--json"], as: "agents/agent-1").output)
  }

  enum End: String, CaseIterable { case killed, stopped }

  @Test(
    "the node that is waited at ends: another one goes on with it, and the outcome is shown",
    arguments: End.allCases)
  func nodeEnds(_ end: End) throws {
    let id = "over-a-node-\(end)"
    // Each ends one of its own: who has just begun again does not know of everything yet.
    let node = end == .killed ? 2 : 4
    let waiting = try begin(
      "waiting-\(end)", ["propose", "--wait", "--request-id", id, "--node", "node-\(node)"] + report)
    try cluster.waitUntil("it waits for people", seconds: 60) {
      cluster.log("waiting-\(end)").contains("request \(id): pending; waiting for people until ")
    }
    // Who asks the same node later sees how things stand: the one that waits has been asking since before.
    let watching = try begin("watching-\(end)", ["watch", id, "--node", "node-\(node)"])
    try cluster.waitUntil("it is shown where it stands", seconds: 60) {
      cluster.log("watching-\(end)").contains("request \(id)")
    }
    let leaf = try #require(try status(of: id)["proposal"]?.string)
    switch end {
    case .killed: cluster.kill(node: node)
    case .stopped: #expect(cluster.stop(node: node) == 0)
    }
    try cluster.waitUntil("the others decide", seconds: 60) {
      try cluster.claw(["reject", leaf, "--reason", "not today"], as: "approvers/approver-1").code == 0
    }
    waiting.waitUntilExit()
    watching.waitUntilExit()
    #expect(try status(of: id)["status"]?.string == "denied")
    for (process, name) in [(waiting, "waiting-\(end)"), (watching, "watching-\(end)")] {
      let said = cluster.log(name)
      #expect(process.terminationReason == .exit && process.terminationStatus == 3, "\(name): \(said)")
      #expect(said.contains("request \(id): denied"), "\(name): \(said)")
    }
    try cluster.start(node: node)
  }

  @Test("the parties' key changes meanwhile: what the new one signs is shown, and not taken for a lie")
  func keyChanges() throws {
    let operators = ["--sign-with", "\(cluster.folder)/operators/operator-2"]
    let waiting = try begin("over-keys", ["propose", "--wait", "--request-id", "over-a-key"] + report)
    try cluster.waitUntil("it waits for people", seconds: 60) {
      cluster.log("over-keys").contains("request over-a-key: pending; waiting for people until ")
    }
    let rotated = try cluster.claw(
      ["members", "rotate", "--wait", "60"] + operators, as: "operators/operator-1")
    #expect(rotated.code == 0, "\(rotated.output)")
    let leaf = try #require(try status(of: "over-a-key")["proposal"]?.string)
    let rejected = try cluster.claw(["reject", leaf, "--reason", "not today"], as: "approvers/approver-1")
    #expect(rejected.code == 0, "\(rejected.output)")
    waiting.waitUntilExit()
    let said = cluster.log("over-keys")
    #expect(waiting.terminationReason == .exit && waiting.terminationStatus == 3, "\(said)")
    #expect(said.contains("request over-a-key: denied"), "\(said)")
  }

  @Test("a node that dies does not begin the time of --timeout anew")
  func timeoutOverDeath() throws {
    let began = ContinuousClock.now
    let waiting = try begin(
      "bounded",
      ["propose", "--wait", "--timeout", "12", "--request-id", "bounded", "--node", "node-3"] + report)
    try cluster.waitUntil("it waits, and most of its time is over", seconds: 60) {
      cluster.log("bounded").contains("pending; waiting for people")
        && began.duration(to: .now) > .seconds(9)
    }
    cluster.kill(node: 3)
    waiting.waitUntilExit()
    let seconds = began.duration(to: .now).components.seconds
    let said = cluster.log("bounded")
    #expect(waiting.terminationReason == .exit && waiting.terminationStatus == 8, "\(said)")
    #expect(said.contains("request bounded was handed in"), "\(said)")
    #expect((11...19).contains(seconds), "\(seconds) s")
    try cluster.start(node: 3)
  }

  @Test("with --timeout it ends in about that time, and says under which id to ask for what comes of it")
  func timeout() throws {
    let began = ContinuousClock.now
    let outcome = try cluster.claw(
      ["propose", "--wait", "--timeout", "6", "--request-id", "too-late"] + report, as: "agents/agent-1")
    let seconds = began.duration(to: .now).components.seconds
    #expect(outcome.code == 8, "\(outcome.output)")
    #expect(outcome.output.contains("request too-late was handed in"), "\(outcome.output)")
    #expect(outcome.output.contains("claw get too-late says"), "\(outcome.output)")
    // What comes before the wait takes its time as well, on a machine that has other things to do.
    #expect((5...20).contains(seconds), "\(seconds) s")
    #expect(try status(of: "too-late")["status"]?.string == "pending")
  }
}
