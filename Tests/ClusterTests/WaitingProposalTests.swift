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

  @Test("the node that is waited at dies: another one goes on with it, and the outcome is shown")
  func nodeDies() throws {
    let waiting = try begin(
      "waiting", ["propose", "--wait", "--request-id", "over-a-death", "--node", "node-2"] + report)
    try cluster.waitUntil("it waits for people", seconds: 60) {
      cluster.log("waiting").contains("request over-a-death: pending; waiting for people until ")
    }
    // Who asks the same node later sees how things stand: the one that waits has been asking since before.
    let watching = try begin("watching", ["watch", "over-a-death", "--node", "node-2"])
    try cluster.waitUntil("it is shown where it stands", seconds: 60) {
      cluster.log("watching").contains("request over-a-death")
    }
    let leaf = try #require(try status(of: "over-a-death")["proposal"]?.string)
    cluster.kill(node: 2)
    try cluster.waitUntil("the others decide", seconds: 60) {
      try cluster.claw(["reject", leaf, "--reason", "not today"], as: "approvers/approver-1").code == 0
    }
    waiting.waitUntilExit()
    watching.waitUntilExit()
    #expect(try status(of: "over-a-death")["status"]?.string == "denied")
    for (process, name) in [(waiting, "waiting"), (watching, "watching")] {
      let said = cluster.log(name)
      #expect(process.terminationReason == .exit && process.terminationStatus == 3, "\(name): \(said)")
      #expect(said.contains("request over-a-death: denied"), "\(name): \(said)")
    }
    try cluster.start(node: 2)
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
