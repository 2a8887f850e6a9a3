import Canonical
import Foundation
import Network
import Testing
import Wire

/// Certificates change on live processes (Decision 028): nobody's work is cut, and what was replaced is refused by nodes,
/// executors and agents alike.
@Suite(
  .serialized, .enabled(if: Machines.obstacle == nil, "\(Machines.obstacle ?? "")"),
  .cluster {
    try LoopbackCluster(nodes: 4, threshold: 3, executors: 1, port: 29_700, images: Machines.images)
  })
struct RenewalClusterTests {
  let cluster: LoopbackCluster

  init() throws { cluster = try LiveCluster.current }

  private func path(_ name: String) -> String { "\(cluster.folder)/\(name)" }

  /// A copy of a pair that is about to be replaced.
  private func keep(_ certificate: String, _ key: String, as name: String) throws -> (
    certificate: String, key: String
  ) {
    let (first, second) = (path("\(name).crt"), path("\(name).key"))
    try FileManager.default.copyItem(atPath: path(certificate), toPath: first)
    try FileManager.default.copyItem(atPath: path(key), toPath: second)
    return (first, second)
  }

  private func revoke(_ principal: String, since certificate: String) throws {
    // Of a node's two operators sign.
    let second = principal.hasPrefix("node/") ? ["--sign-with", path("operators/operator-2")] : []
    let revoked = try cluster.claw(
      ["revoke-certificates", principal, "--since", path(certificate), "--reason", "renewed"] + second,
      as: "operators/operator-1")
    #expect(revoked.code == 0 && revoked.output.contains("bound by"), "\(revoked.output)")
  }

  /// Actions of an agent, from proposal to receipt, one after the other on another thread, until it is told to end; what failed.
  private final class Traffic: @unchecked Sendable {
    private let lock = NSLock()
    private var isOver = false
    private(set) var calls = 0
    private(set) var failures: [String] = []
    private let done = DispatchSemaphore(value: 0)

    init(_ cluster: LoopbackCluster) {
      Thread.detachNewThread { [self] in
        while !lock.withLock({ isOver }) {
          let outcome = try? cluster.claw(
            ["propose", "echo", "--params", #"{"text":"on and on"}"#, "--wait", "--node", "node-2"],
            as: "agents/agent-2")
          lock.withLock {
            calls += 1
            if outcome?.code != 0 {
              failures.append(outcome.map { "\($0.code): \($0.output)" } ?? "it did not run")
            }
          }
        }
        done.signal()
      }
    }

    func waitForMore(_ more: Int) throws {
      let before = lock.withLock { calls }
      try Patience.wait(for: "calls go on", seconds: 150) {
        self.lock.withLock { self.calls } >= before + more
      }
    }

    func end() -> [String] {
      lock.withLock { isOver = true }
      done.wait()
      return failures
    }
  }

  @Test(
    "a node's certificate is another while requests run; the old one is then refused by nodes, agents and executors"
  )
  func node() throws {
    try cluster.startExecutor(1)
    try cluster.waitUntil("the executor is connected", seconds: 60) {
      LogLines(cluster.log("executor-1")).has("node_connected", ["node": "node-2"])
    }
    try cluster.waitUntil("the executor offers a class", seconds: 120) {
      cluster.log("executor-1").contains("\"isolation_classes\"")
    }
    let process = cluster.process(node: 2)
    let old = try keep("nodes/node-2/node.crt", "nodes/node-2/node.key", as: "old-node-2")
    let traffic = Traffic(cluster)
    try traffic.waitForMore(2)
    let renewed = try cluster.claw(["party", "renew", "--dir", path("nodes/node-2")])
    #expect(renewed.code == 0, "\(renewed.output)")
    try cluster.waitUntil("node-2 takes it up", seconds: 30) {
      LogLines(cluster.log("node-2")).has("certificate_renewed")
    }
    try traffic.waitForMore(3)
    try revoke("node/node-2", since: "nodes/node-2/node.crt")
    try traffic.waitForMore(3)
    let failures = traffic.end()
    #expect(failures.isEmpty, "\(failures.prefix(3)) of \(traffic.calls)")
    #expect(cluster.process(node: 2) == process, "it has not been restarted")
    try cluster.waitUntil("node-2 has its links again", seconds: 30) {
      let status = try cluster.claw(["status", "--node", "node-2"], as: "operators/operator-2")
      return status.code == 0 && status.output.contains("by node-2")
    }
    let alerts = try cluster.claw(["alerts", "--json"], as: "operators/operator-2")
    #expect(!alerts.output.contains("certificates/"), "what is renewed is no alarm: \(alerts.output)")

    // Somebody with the old pair, at its place.
    _ = cluster.stop(node: 2)
    let (fresh, freshKey) = (path("nodes/node-2/node.crt"), path("nodes/node-2/node.key"))
    let new = try keep("nodes/node-2/node.crt", "nodes/node-2/node.key", as: "new-node-2")
    for (from, to) in [(old.certificate, fresh), (old.key, freshKey)] {
      try FileManager.default.removeItem(atPath: to)
      try FileManager.default.copyItem(atPath: from, toPath: to)
    }
    try cluster.start(node: 2)
    for (log, event, direction) in [
      ("node-1", "peer_refused", "in"), ("node-3", "peer_refused", "out"),
      ("executor-1", "node_refused", nil),
    ] {
      try cluster.waitUntil("\(log) refuses the old certificate", seconds: 40) {
        LogLines(cluster.log(log)).events(event).contains {
          $0["reason"]?.string?.contains("expected a certificate of /node/node-2 issued at") == true
            && (direction == nil || $0["direction"]?.string == direction)
        }
      }
    }
    // The agent has heard of it in its own calls.
    let asked = try cluster.claw(
      ["ledger", "checkpoint", "--node", "node-2", "--timeout", "5"], as: "agents/agent-2")
    #expect(asked.code == 0, "the others answer: \(asked.output)")
    #expect(
      try String(contentsOfFile: path("agents/agent-2/certificates.json"), encoding: .utf8).contains(
        "node/node-2"))
    let caller = try Caller(founded: "agents/agent-2", of: cluster)
    #expect(throws: Never.self, "the old pair is valid as such") {
      try caller.connect(to: cluster.clients(2))
    }
    // So has an operator who asks anybody for a checkpoint.
    #expect(try cluster.claw(["ledger", "checkpoint"], as: "operators/operator-1").code == 0)
    let status = try cluster.claw(["status", "--json", "--node", "node-2"], as: "operators/operator-1")
    #expect(try JSON.parse(status.output)["answered_by"]?.string != "node-2", "\(status.output)")

    // With the new pair it is back, without a restart.
    for (from, to) in [(new.key, freshKey), (new.certificate, fresh)] {
      try FileManager.default.removeItem(atPath: to)
      try FileManager.default.copyItem(atPath: from, toPath: to)
    }
    try cluster.waitUntil("node-2 is back", seconds: 60) {
      let status = try cluster.claw(["status", "--json", "--node", "node-2"], as: "operators/operator-1")
      return try JSON.parse(status.output)["answered_by"]?.string == "node-2"
    }
  }

  @Test(
    "an agent's certificate is another, by another party's authority; the old one is refused, also where it is connected"
  )
  func agent() throws {
    let old = try keep("agents/agent-1/client.crt", "agents/agent-1/client.key", as: "old-agent-1")
    let before = try Caller(founded: "agents/agent-1", of: cluster)
    let stranger = Caller(before.principal, certificate: old.certificate, key: old.key, of: cluster)
    let open = try stranger.connect(to: cluster.clients(3))
    #expect(open.status("Ledger/Checkpoint", CheckpointRequest()).code == .ok)

    let asked = try cluster.claw(["identity", "renew", "--dir", path("agents/agent-1")])
    #expect(asked.code == 0, "\(asked.output)")
    // A party of a cluster that claw init has made certifies like any other.
    let certified = try cluster.claw([
      "party", "certify", "--dir", path("nodes/node-3"), "--principal", "tenant/acme/agent/agent-1",
      "--request",
      path("agents/agent-1/client.csr"), "--out", path("agent-1.crt"),
    ])
    #expect(certified.code == 0 && !certified.output.contains("will refuse"), "\(certified.output)")
    let taken = try cluster.claw([
      "identity", "renew", "--dir", path("agents/agent-1"), "--certificate", path("agent-1.crt"),
    ])
    #expect(taken.code == 0, "\(taken.output)")
    #expect(!FileManager.default.fileExists(atPath: path("agents/agent-1/client.key.next")))
    for node in 1...4 {
      let answered = try before.connect(to: cluster.clients(node)).status(
        "Ledger/Checkpoint", CheckpointRequest())
      #expect(answered.code == .ok, "node-\(node): \(answered)")
    }
    try revoke("tenant/acme/agent/agent-1", since: "agents/agent-1/client.crt")
    #expect(open.status("Ledger/Checkpoint", CheckpointRequest()).code != .ok, "what was open has ended")
    for node in 1...4 {
      let refused = (try? stranger.connect(to: cluster.clients(node)))?.status(
        "Ledger/Checkpoint", CheckpointRequest())
      #expect(refused?.code != .ok, "node-\(node)")
      #expect(refused?.message.contains("issued at") ?? true, "\(String(describing: refused))")
      let answered = try before.connect(to: cluster.clients(node)).status(
        "Ledger/Checkpoint", CheckpointRequest())
      #expect(answered.code == .ok, "node-\(node): \(answered)")
    }
    // One that goes less far says why it is not needed, one in the time to come why it must not be.
    let less = try cluster.claw(
      ["revoke-certificates", "tenant/acme/agent/agent-1", "--since", old.certificate],
      as: "operators/operator-1")
    #expect(less.code != 0 && less.output.contains("already"), "\(less.output)")
    let later = try cluster.claw(
      ["revoke-certificates", "tenant/acme/agent/agent-1", "--since", "2099-01-01T00:00:00Z"],
      as: "operators/operator-1")
    #expect(later.code != 0 && later.output.contains("expected a time that has come"), "\(later.output)")
  }

  @Test(
    "an executor's certificate is another while it runs; a pair that does not fit is refused and the old one stays"
  )
  func executor() throws {
    if !LogLines(cluster.log("executor-1")).has("node_connected") { try cluster.startExecutor(1) }
    try cluster.waitUntil("the executor is connected to all", seconds: 60) {
      (1...4).allSatisfy { LogLines(cluster.log("executor-1")).has("node_connected", ["node": "node-\($0)"]) }
    }
    let old = try keep(
      "executors/executor-1/client.crt", "executors/executor-1/client.key", as: "old-executor-1")
    let caller = try Caller(founded: "executors/executor-1", of: cluster)
    let stranger = Caller(caller.principal, certificate: old.certificate, key: old.key, of: cluster)
    // Not its own.
    try Data(contentsOf: URL(fileURLWithPath: path("agents/agent-2/client.crt"))).write(
      to: URL(fileURLWithPath: path("executors/executor-1/client.crt")))
    try cluster.waitUntil("it refuses another's", seconds: 30) {
      LogLines(cluster.log("executor-1")).events("certificate_refused").contains {
        $0["reason"]?.string?.isEmpty == false
      }
    }
    try Data(contentsOf: URL(fileURLWithPath: old.certificate)).write(
      to: URL(fileURLWithPath: path("executors/executor-1/client.crt")))
    let renewed = try cluster.claw([
      "identity", "renew", "--dir", path("executors/executor-1"), "--authority", path("clients"),
    ])
    #expect(renewed.code == 0, "\(renewed.output)")
    try cluster.waitUntil("it takes its own up", seconds: 30) {
      LogLines(cluster.log("executor-1")).has("certificate_renewed")
    }
    try revoke("executor/executor-1", since: "executors/executor-1/client.crt")
    for node in 1...4 {
      let refused = (try? stranger.connect(to: cluster.clients(node)))?.status(
        "Ledger/Checkpoint", CheckpointRequest())
      #expect(refused?.code != .ok, "node-\(node)")
      let answered = try caller.connect(to: cluster.clients(node)).status(
        "Ledger/Checkpoint", CheckpointRequest())
      #expect(answered.code == .ok, "node-\(node): \(answered)")
    }
    // It is still there: nobody has refused it since.
    let mark = cluster.log("executor-1").count
    try cluster.waitUntil("it enlists", seconds: 60) {
      try cluster.claw(["status"], as: "operators/operator-2").output.contains("executor-1")
    }
    let since = LogLines(String(cluster.log("executor-1").dropFirst(mark)))
    #expect(!since.has("enlist_failed"), "\(since.lines)")
  }
}
