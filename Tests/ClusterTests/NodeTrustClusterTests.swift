import Canonical
import EventLoop
import Foundation
import Records
import Testing

/// What one node cannot do to `claw`, over real processes: hold up a restriction by standing still, or keep a lift of refused
/// certificates from who does not ask it alone (Decision 028).
@Suite(.serialized, .cluster { try LoopbackCluster(nodes: 4, threshold: 3, port: 30_300) })
struct NodeTrustClusterTests {
  let cluster: LoopbackCluster
  private static let operator1 = "operators/operator-1"
  private var second: [String] { ["--sign-with", "\(cluster.folder)/operators/operator-2"] }

  init() throws { cluster = try LiveCluster.current }

  @Test(
    "a kill binds while the first node stands still, and says so in a bounded time; the node is bound when it goes on"
  )
  func standstill() throws {
    let stopped = try #require(cluster.process(node: 1))
    let known = try cluster.claw(["ledger", "checkpoint"], as: Self.operator1)
    #expect(known.code == 0, "\(known.output)")
    kill(stopped, SIGSTOP)
    defer { kill(stopped, SIGCONT) }
    let begin = MonotonicInstant.now
    let killed = try cluster.claw(
      ["kill", "tenant/acme", "--reason", "a drill", "--json"], as: Self.operator1)
    let took = MonotonicInstant.now.since(begin)
    #expect(killed.code == 0, "\(killed.output)")
    // A lease lifetime is ten seconds, and a node has three for the handshake; the rest is this machine's.
    #expect(took < .seconds(30), "\(took)")
    let answer = try JSON.parse(killed.output)
    #expect(
      answer["answered"]?.array?.compactMap(\.string) == ["node-2", "node-3", "node-4"], "\(killed.output)")
    #expect(answer["vouched_for"]?.bool == true)
    #expect(answer["not_answered"]?.array?.first?["node"]?.string == "node-1", "\(killed.output)")
    let refused = try cluster.claw(["propose", "echo", "--params", #"{"text":"x"}"#], as: "agents/agent-1")
    #expect(refused.code == 3 && refused.output.contains("tenant acme is restricted"), "\(refused.output)")
    kill(stopped, SIGCONT)
    try cluster.waitUntil("node-1 has it too", seconds: 60) {
      let status = try cluster.claw(["status", "--node", "node-1"], as: Self.operator1)
      return status.output.contains("by node-1") && status.output.contains("forbidden tenant/acme")
    }
    let released = try cluster.claw(["release", "tenant/acme"] + second, as: Self.operator1)
    #expect(released.code == 0, "\(released.output)")
  }

  @Test("what two operators lift is taken back in certificates.json, by the next call")
  func lifted() throws {
    let folder = "\(cluster.folder)/nodes/node-2"
    let renewed = try cluster.claw(["party", "renew", "--dir", folder])
    #expect(renewed.code == 0, "\(renewed.output)")
    try cluster.waitUntil("node-2 takes it up", seconds: 30) {
      LogLines(cluster.log("node-2")).has("certificate_renewed")
    }
    let revoked = try cluster.claw(
      ["revoke-certificates", "node/node-2", "--since", "\(folder)/node.crt", "--id", "old-pair", "--json"]
        + second,
      as: Self.operator1)
    #expect(revoked.code == 0, "\(revoked.output)")
    let file = "\(cluster.folder)/agents/agent-1/certificates.json"
    func kept() throws -> JSON? {
      #expect(try cluster.claw(["ledger", "checkpoint"], as: "agents/agent-1").code == 0)
      guard let text = try? String(contentsOfFile: file, encoding: .utf8) else { return nil }
      return try JSON.parse(text)["node/node-2"]?.array?.first
    }
    try cluster.waitUntil("the agent hears of it", seconds: 30) { try kept()?["incident"] == "old-pair" }
    #expect(try kept()?["lifted"] == nil)
    let lifted = try cluster.claw(["lift", "old-pair"] + second, as: Self.operator1)
    #expect(lifted.code == 0, "\(lifted.output)")
    try cluster.waitUntil("the agent hears of the lift", seconds: 30) { try kept()?["lifted"]?.bool == true }
  }

  /// What a call of `claw` on another thread has come to.
  private final class Called: @unchecked Sendable {
    private let lock = NSLock()
    private var outcome: Outcome?
    private let done = DispatchSemaphore(value: 0)

    init(_ cluster: LoopbackCluster, _ arguments: [String], as identity: String) {
      Thread.detachNewThread { [self] in
        let outcome = try? cluster.claw(arguments, as: identity)
        lock.withLock { self.outcome = outcome }
        done.signal()
      }
    }

    func end() throws -> Outcome {
      done.wait()
      return try #require(lock.withLock { outcome })
    }
  }

  @Test(
    "of two operators who restrict under one id at the same moment nobody waits for the deadline, and one is told"
  )
  func oneID() throws {
    for identity in [Self.operator1, "operators/operator-2"] {
      #expect(try cluster.claw(["ledger", "checkpoint"], as: identity).code == 0)
    }
    let begin = MonotonicInstant.now
    let calls = [
      Called(
        cluster, ["quarantine", "tenant/one", "--id", "inc-42", "--timeout", "120"], as: Self.operator1),
      Called(
        cluster, ["quarantine", "tenant/two", "--id", "inc-42", "--timeout", "120"],
        as: "operators/operator-2"),
    ]
    let outcomes = try calls.map { try $0.end() }
    #expect(MonotonicInstant.now.since(begin) < .seconds(60), "\(outcomes)")
    // Never both, and neither says falsely that nobody is bound by it.
    let refused = outcomes.filter { $0.code != 0 }
    #expect(!refused.isEmpty && outcomes.allSatisfy { [0, 1, 8].contains($0.code) }, "\(outcomes)")
    for outcome in refused {
      #expect(outcome.output.contains("the id inc-42 is in use by another statement"), "\(outcome.output)")
    }
    // The log has one of them, and whoever asks again is told at once.
    try cluster.waitUntil("one is final", seconds: 30) {
      let status = try cluster.claw(["status", "--json"], as: Self.operator1)
      return (try JSON.parse(status.output)["in_force"]?.array ?? []).contains {
        $0["incident_id"] == "inc-42"
      }
    }
    let again = try cluster.claw(
      ["quarantine", "tenant/three", "--id", "inc-42", "--timeout", "120"], as: Self.operator1)
    #expect(
      again.code == 1 && again.output.contains("is in use by another statement, at leaf"), "\(again.output)")
    let typo = try cluster.claw(["lift", "inc-24"] + second, as: Self.operator1)
    #expect(typo.code == 5 && typo.output.contains("no such restriction: inc-24"), "\(typo.output)")
    #expect(try cluster.claw(["lift", "inc-42"] + second, as: Self.operator1).code == 0)
    #expect(try cluster.claw(["lift", "inc-24", "--unseen"] + second, as: Self.operator1).code == 0)
    let banned = try cluster.claw(["quarantine", "tenant/one", "--id", "inc-24"], as: Self.operator1)
    #expect(banned.code == 1 && banned.output.contains("a lifted id never binds again"), "\(banned.output)")
  }

  @Test(
    "a node tells of the certificate that it uses, not of one that it did not take up, and of another at once"
  )
  func ownCertificate() throws {
    func host() throws -> JSON? {
      let status = try cluster.claw(["status", "--json", "--node", "node-3"], as: Self.operator1)
      let value = try JSON.parse(status.output)
      #expect(value["answered_by"] == "node-3", "\(status.output)")
      return value["host"]
    }
    func findings() throws -> [String] {
      let alerts = try cluster.claw(["alerts"], as: Self.operator1)
      return LogLines(alerts.output).lines.compactMap { line in
        line["kind"]?.string.map { "\($0) \(line["subject"]?.string ?? "?")" }
      }
    }
    let (own, other) = ("\(cluster.folder)/nodes/node-3", "\(cluster.folder)/nodes/node-4")
    let before = try #require(try host()?["certificate_begins"]?.string)
    #expect(try cluster.claw(["party", "renew", "--dir", other]).code == 0)
    let old = try Data(contentsOf: URL(fileURLWithPath: "\(own)/node.crt"))
    try Data(contentsOf: URL(fileURLWithPath: "\(other)/node.crt")).write(
      to: URL(fileURLWithPath: "\(own)/node.crt"))
    try cluster.waitUntil("node-3 does not take another's", seconds: 30) {
      LogLines(cluster.log("node-3")).has("certificate_refused")
    }
    #expect(try host()?["certificate_begins"]?.string == before, "what it uses")
    #expect(try findings().contains("certificate_not_taken node-3"))
    // It looks at its host once a minute; of its files it says so by the next answer, also when they are right again.
    try old.write(to: URL(fileURLWithPath: "\(own)/node.crt"))
    try cluster.waitUntil("nothing is wrong in the files", seconds: 10) {
      try !findings().contains("certificate_not_taken node-3")
    }
    let key = try Data(contentsOf: URL(fileURLWithPath: "\(own)/node.key"))
    try Data("no key".utf8).write(to: URL(fileURLWithPath: "\(own)/node.key"))
    try cluster.waitUntil("the key is missed beside the same certificate", seconds: 10) {
      try findings().contains("certificate_not_taken node-3")
    }
    try key.write(to: URL(fileURLWithPath: "\(own)/node.key"))
    try cluster.waitUntil("and not any more", seconds: 10) {
      try !findings().contains("certificate_not_taken node-3")
    }
    // Its own earlier ones are refused from now on: what lies in the file is newer, and what it uses is not.
    let time = try #require(Timestamp(text: before)).advanced(by: .seconds(1))
    let revoked = try cluster.claw(
      ["revoke-certificates", "node/node-3", "--since", time.text] + second, as: Self.operator1)
    #expect(revoked.code == 0, "\(revoked.output)")
    try cluster.waitUntil("it is said of node-3", seconds: 30) {
      try findings().contains("certificate_refused node-3")
    }
    #expect(try cluster.claw(["party", "renew", "--dir", own]).code == 0)
    try cluster.waitUntil("node-3 takes it up", seconds: 30) {
      LogLines(cluster.log("node-3")).has("certificate_renewed")
    }
    let after = try #require(try host()?["certificate_begins"]?.string)
    #expect(after > before, "\(before), \(after)")
    try cluster.waitUntil("nothing is said of it any more", seconds: 30) {
      try !findings().contains { $0.hasPrefix("certificate_") && $0.hasSuffix("node-3") }
    }
  }
}
