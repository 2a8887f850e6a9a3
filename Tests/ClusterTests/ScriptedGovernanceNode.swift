import Canonical
import EventLoop
import Foundation
import Network
import Synchronization
import Testing
import Wire

/// The one node of a ``ScriptedGovernance``, on a socket of its own. Connections and certificates are the real ones:
/// the identity folders are those of `claw init`.
final class ScriptedGovernanceNode: Sendable {
  let folder: String
  /// The executor's configuration, which names this node.
  var configuration: String { "\(folder)/executors/executor-1/executor.json" }
  private let thread: LoopThread

  init(_ governance: ScriptedGovernance) throws {
    let folder = FileManager.default.temporaryDirectory.path + "/governance-\(UUID().uuidString)"
    self.folder = folder
    let founded = try Programs.run(
      "claw",
      [
        "init", "--nodes", "1", "--threshold", "1", "--executors", "1", "--images", Machines.images, "--dir",
        folder,
      ])
    try #require(founded.code == 0, "\(founded.output)")
    // A machine that is booted ahead costs seconds of a processor, and would be through with its job before a test has done
    // anything.
    try Self.configure("\(folder)/executors/executor-1/executor.json", "warm_machines", .integer(0))
    // The ports of `claw init` are the same for every such node.
    try Self.configure("\(folder)/executors/executor-1/executor.json", "health", "127.0.0.1:0")
    let ready = DispatchSemaphore(value: 0)
    let reached = Reached()
    thread = try LoopThread(name: "governance") { loop in
      defer { ready.signal() }
      let node = "\(folder)/nodes/node-1"
      let tls = try TLSContext(
        chainFile: "\(node)/node.crt", keyFile: "\(node)/node.key",
        authorityFiles: ["\(folder)/clients/ca.crt"], domain: try #require(TrustDomain("openexec.local")),
        nodePins: [:])
      let server = try CallServer(loop: loop, tls: tls, address: .loopback())
      reached.address.withLock { $0 = server.address }
      Desk(governance, loop, server).serve()
    }
    ready.wait()
    // The executor is told where it really listens.
    let address = try #require(reached.address.withLock { $0 })
    let text = try String(contentsOfFile: configuration, encoding: .utf8)
    try #require(text.contains("127.0.0.1:7101"))
    try text.replacingOccurrences(of: "127.0.0.1:7101", with: "\(address)")
      .write(toFile: configuration, atomically: true, encoding: .utf8)
  }

  private final class Reached: Sendable {
    let address = Mutex<SocketAddress?>(nil)
  }

  /// Sets a key of the executor's configuration.
  func configure(_ key: String, _ value: JSON) throws { try Self.configure(configuration, key, value) }

  private static func configure(_ file: String, _ key: String, _ value: JSON) throws {
    guard case .object(var object) = try JSON.parse(String(contentsOfFile: file, encoding: .utf8)) else {
      throw CocoaError(.fileReadCorruptFile)
    }
    object[key] = value
    try JSON.object(object).canonical.write(toFile: file, atomically: true, encoding: .utf8)
  }

  deinit {
    try? thread.stopAndJoin()
    try? FileManager.default.removeItem(atPath: folder)
  }
}

/// What the node answers, method by method. Confined to its loop.
private final class Desk {
  private let governance: ScriptedGovernance
  private let loop: EventLoop
  private let server: CallServer
  private var stream: Responder?
  /// Calls that get no answer.
  private var unanswered: [Responder] = []

  init(_ governance: ScriptedGovernance, _ loop: EventLoop, _ server: CallServer) {
    self.governance = governance
    self.loop = loop
    self.server = server
  }

  func serve() {
    server.handle("/openexec.v1.Ledger/Checkpoint") { [self] _, responder in
      let (cluster, key) = governance.state.withLock { ($0.ledger.cluster, $0.ledger.groupKey) }
      responder.respond(CheckpointResponse(note: "", cluster: cluster.hex, groupKey: key.hex).encode())
    }
    server.handle("/openexec.v1.Executor/Enlist") { [self] call, responder in
      if let lease = try? governance.lease(try EnlistRequest(decoding: call.payload)) {
        responder.respond(lease.encode())
      } else {
        responder.fail(CallStatus(.unavailable, "no lease now"))
      }
    }
    server.handle("/openexec.v1.Executor/Jobs") { [self] _, responder in stream = responder }
    server.handle("/openexec.v1.Executor/Report") { [self] call, responder in
      do {
        let proof = try governance.take(try StatementRequest(decoding: call.payload))
        responder.respond(ReportResponse(proof: proof).encode())
      } catch {
        responder.fail(CallStatus(.invalidArgument, "\(error)"))
      }
    }
    server.handle("/openexec.v1.Artifact/Get") { [self] call, responder in
      guard let request = try? ArtifactRequest(decoding: call.payload) else {
        responder.fail(CallStatus(.invalidArgument))
        return
      }
      switch governance.content(request) {
      case .content(let content): responder.respond(content.encode())
      case .failure(let status): responder.fail(status)
      case .noise: responder.respond([0xFF])
      case .silence: unanswered.append(responder)
      }
    }
    turn()
  }

  /// Hands out what the test has put down.
  private func turn() {
    if let stream {
      let offers = governance.state.withLock { state in
        defer { state.offers = [] }
        return state.offers
      }
      for offer in offers { stream.send(offer.encode()) }
    }
    _ = try? loop.schedule(after: .milliseconds(20)) { [self] in turn() }
  }
}
