import Canonical
import Crypto
import EventLoop
import Foundation
import Merkle
import Network
import Records
import Synchronization
import Testing
import Wire

/// Four nodes of a cluster of which three sign, that say of certificates and restrictions what the test has them say: honest
/// ones and others. The identity folders are those of `claw init`, so that connections and certificates are the real ones.
final class ScriptedParties {
  /// What one of them does.
  struct Part: Sendable {
    enum Restriction: Sendable {
      case bound(UInt32)
      case refused
      /// Another statement has its id.
      case inUse
      /// It is final, with a proof.
      case final(String)
      case nonsense
      /// It takes the call and never answers.
      case silent
    }

    var restriction = Restriction.bound(3)
    /// Proofs that it shows whoever asks, and those that it shows to who holds what they lift.
    var refusals: [String] = []
    var lifts: [(incident: String, proof: String)] = []
    /// The incidents that it knows; nil of a program that cannot say.
    var incidents: [String]?
    /// How long it takes for a checkpoint.
    var delay = Duration.zero
    /// How far its clock is ahead of this host's.
    var clock = Interval.seconds(0)
    /// Whether it puts operators' acts into the ledger and proves it; where not, it says that they are final.
    var provesActs = true
    var refusesActs = false
    /// What it says of the parties, of one enrolment and of what is in force.
    var keys = JSON.object([])
    var enrolment: JSON?
    var inForce: [(id: String, target: String)] = []
  }

  /// What a node was sent.
  struct Heard: Sendable {
    var restrictions: [[UInt8]] = []
    /// Methods by which operators' acts came.
    var acts: [String] = []
    var lifts: Int { acts.count { $0 == "Lift" } }
    var held: [[String]] = []
  }

  static let names = (1...4).map { "node-\($0)" }

  let folder: String
  private let book: Book
  var ledger: SampleLedger { book.ledger.withLock { $0 } }
  private let parts: [Stage]
  private var threads: [LoopThread] = []
  /// Ports that take connections and say nothing, in place of nodes that are stopped.
  private var deaf: [Int32] = []

  /// The ledger that all of them show.
  private final class Book: Sendable {
    let ledger: Mutex<SampleLedger>

    init(_ ledger: SampleLedger) { self.ledger = Mutex(ledger) }

    /// Puts an act in; its leaf, and its proof under a new note.
    func prove(_ body: RecordBody) throws -> (leaf: LeafIndex, proof: String) {
      try ledger.withLock { ledger in
        let leaf = ledger.append(body)
        try ledger.sign()
        return (leaf, try ledger.proof(of: leaf).encoded)
      }
    }
  }

  /// One node's part, and what it was sent.
  private final class Stage: Sendable {
    let part = Mutex(Part())
    let heard = Mutex(Heard())
    let checkpoint = Mutex(CheckpointResponse())
    let address = Mutex<SocketAddress?>(nil)
  }

  /// `stopped`: numbers of nodes whose process is there and stands still. `absent`: of those where nobody listens.
  init(stopped: [Int] = [], absent: [Int] = []) throws {
    folder = FileManager.default.temporaryDirectory.path + "/parties-\(UUID().uuidString.prefix(8))"
    let founded = try Programs.run(
      "claw", ["init", "--nodes", "4", "--threshold", "3", "--executors", "0", "--dir", folder])
    try #require(founded.code == 0, "\(founded.output)")
    book = Book(try SampleLedger(enrolments: SampleLedger.enrolments()))
    parts = Self.names.map { _ in Stage() }
    for number in 1...4 {
      let place =
        absent.contains(number) ? "127.0.0.1:1" : stopped.contains(number) ? try listen() : try serve(number)
      for identity in ["agents/agent-1", "operators/operator-1", "operators/operator-2"] {
        let file = "\(folder)/\(identity)/client.json"
        let text = try String(contentsOfFile: file, encoding: .utf8)
        try text.replacingOccurrences(of: "127.0.0.1:\(7100 + number)", with: place)
          .write(toFile: file, atomically: true, encoding: .utf8)
      }
    }
    try show()
  }

  deinit {
    for thread in threads { try? thread.stopAndJoin() }
    for descriptor in deaf { close(descriptor) }
    try? FileManager.default.removeItem(atPath: folder)
  }

  func claw(_ arguments: [String], as identity: String = "agents/agent-1") throws -> Outcome {
    try Programs.run("claw", arguments + ["--as", "\(folder)/\(identity)"])
  }

  // MARK: What they do

  /// Gives nodes their parts; nil: all.
  func play(_ numbers: [Int]? = nil, _ change: (inout Part) -> Void) {
    for number in numbers ?? Array(1...4) { parts[number - 1].part.withLock { change(&$0) } }
  }

  func heard(by number: Int) -> Heard { parts[number - 1].heard.withLock { $0 } }

  /// The answer to a checkpoint is of the ledger as it is.
  private func show() throws {
    let note = try book.ledger.withLock { try $0.sign() }
    for stage in parts {
      stage.checkpoint.withLock {
        $0 = CheckpointResponse(
          note: note.encoded, cluster: ledger.cluster.hex, groupKey: ledger.groupKey.hex)
      }
    }
  }

  // MARK: The ledger

  /// An act in the ledger, and its proof.
  private func prove(_ id: String, _ kind: IncidentKind, _ target: IncidentTarget, lifts: [String] = [])
    throws -> String
  {
    let act = IncidentAct(
      incidentID: id, kind: kind, target: target, severity: 1, reasonHash: SHA256.hash(id), lifts: lifts,
      signedAt: SampleLedger.at, validUntil: SampleLedger.at.advanced(by: .seconds(3600)))
    let signed = Signed.sign(
      act, cluster: ledger.cluster, as: try SampleLedger.principal("operator/o"),
      with: try SampleLedger.key(9))
    let proof = try book.prove(.incident(signed)).proof
    try show()
    return proof
  }

  /// A refusal of a node's certificates from before so many seconds from now.
  func refuse(_ node: String, _ seconds: Int64, as id: String) throws -> String {
    let whole = Timestamp.now.nanoseconds / 1_000_000_000 + seconds
    let before = try #require(Timestamp(nanoseconds: whole * 1_000_000_000))
    return try prove(id, .revoke, .certificates(of: .node(node), before: before))
  }

  /// Puts what a draft file holds into the ledger; its proof.
  func prove(draft: String) throws -> String {
    let file = try JSON.parse(String(contentsOfFile: draft, encoding: .utf8))
    var object = try #require(file["statement"]?.object)
    object["type"] = "incident"
    object["at"] = .string(SampleLedger.at.text)
    let proof = try book.prove(try Record(.object(object)).body).proof
    try show()
    return proof
  }

  func lift(_ ids: [String]) throws -> String { try prove("lift-\(ids[0])", .lift, .all, lifts: ids) }

  // MARK: Nodes

  private func serve(_ number: Int) throws -> String {
    let ready = DispatchSemaphore(value: 0)
    let (stage, book) = (parts[number - 1], book)
    let path = folder
    threads.append(
      try LoopThread(name: "party-\(number)") { loop in
        defer { ready.signal() }
        let node = "\(path)/nodes/node-\(number)"
        let tls = try TLSContext(
          chainFile: "\(node)/node.crt", keyFile: "\(node)/node.key",
          authorityFiles: ["\(path)/clients/ca.crt"], domain: LoopbackCluster.domain, nodePins: [:])
        let server = try CallServer(loop: loop, tls: tls, address: .loopback())
        stage.address.withLock { $0 = server.address }
        Self.answer(on: server, loop, stage, book)
      })
    ready.wait()
    return "\(try #require(stage.address.withLock { $0 }))"
  }

  private static func answer(on server: CallServer, _ loop: EventLoop, _ stage: Stage, _ book: Book) {
    server.handle("/openexec.v1.Ledger/Checkpoint") { call, responder in
      let held = ((try? CheckpointRequest(decoding: call.payload)) ?? CheckpointRequest()).held
      stage.heard.withLock { $0.held.append(held) }
      let part = stage.part.withLock { $0 }
      var answer = stage.checkpoint.withLock { $0 }
      answer.refusedCertificates = part.refusals
      answer.lifts = part.lifts.filter { held.contains($0.incident) }.map(\.proof)
      _ = try? loop.schedule(after: part.delay) { responder.respond(answer.encode()) }
    }
    server.handle("/openexec.v1.Admin/Status") { call, responder in
      let part = stage.part.withLock { $0 }
      let asked = ((try? StatusRequest(decoding: call.payload)) ?? StatusRequest()).incidents
      var status: [(String, JSON)] = [("time", .string(Timestamp.now.advanced(by: part.clock).text))]
      if let known = part.incidents {
        status.append(
          (
            "incidents",
            .array(
              asked.map { id in
                .object([
                  ("incident_id", .string(id)), ("state", known.contains(id) ? "in_force" : "unknown"),
                ])
              })
          ))
      }
      if let enrolment = part.enrolment { status.append(("enrolment", enrolment)) }
      status.append(
        (
          "in_force",
          .array(
            part.inForce.map {
              .object([("incident_id", .string($0.id)), ("target", .string($0.target))])
            })
        ))
      responder.respond(StatusResponse(json: JSON.object(status).canonicalBytes()).encode())
    }
    var unanswered: [Responder] = []
    for (method, type) in [("Lift", RecordType.incident), ("Enrol", .enrol), ("Members", .members)] {
      server.handle("/openexec.v1.Admin/\(method)") { call, responder in
        stage.heard.withLock { $0.acts.append(method) }
        let part = stage.part.withLock { $0 }
        if case .silent = part.restriction { return unanswered.append(responder) }
        if part.refusesActs {
          responder.fail(CallStatus(.permissionDenied, "expected two operators"))
          return
        }
        guard part.provesActs, let body = act(call.payload, type), let (leaf, proof) = try? book.prove(body)
        else {
          responder.respond(ActResponse(index: 7, finalSize: 8, message: "final").encode())
          return
        }
        responder.respond(
          ActResponse(index: leaf.value, finalSize: leaf.value + 1, message: "final", proof: proof).encode())
      }
    }
    server.handle("/openexec.v1.Admin/Keys") { _, responder in
      let keys = stage.part.withLock { $0.keys }
      responder.respond(KeysResponse(json: keys.canonicalBytes(), links: []).encode())
    }
    for method in ["Kill", "Quarantine", "Revoke"] {
      server.handle("/openexec.v1.Admin/\(method)") { call, responder in
        stage.heard.withLock { $0.restrictions.append(call.payload) }
        switch stage.part.withLock({ $0.restriction }) {
        case .bound(let count):
          responder.respond(
            ActResponse(
              acknowledged: count, message: "bound by \(count) parties; leases given before have ended"
            )
            .encode())
        case .refused:
          responder.fail(CallStatus(.permissionDenied, "expected a restriction of somebody else"))
        case .inUse:
          responder.fail(CallStatus(.alreadyExists, "the id inc-42 is in use by another statement"))
        case .final(let proof):
          responder.respond(
            ActResponse(acknowledged: 3, message: "bound by 3 parties", proof: proof).encode())
        case .nonsense: responder.respond([0xFF])
        case .silent: unanswered.append(responder)
        }
      }
    }
    // The loop holds what its timers hold.
    _ = try? loop.schedule(after: .seconds(36_000)) { server.close() }
  }

  /// The act that a statement is.
  private static func act(_ payload: [UInt8], _ type: RecordType) -> RecordBody? {
    guard let request = try? StatementRequest(decoding: payload),
      case .object(var object)? = try? JSON.parse(request.statement)
    else { return nil }
    object["type"] = .string(type.rawValue)
    object["at"] = .string(SampleLedger.at.text)
    if type == .members { object["configuration"] = MemberList(voters: [1, 2, 3, 4]).json }
    return try? Record(.object(object)).body
  }

  private func listen() throws -> String {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    deaf.append(descriptor)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isOpen = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
        bind(descriptor, name, length) == 0 && Glibc.listen(descriptor, 8) == 0
          && getsockname(descriptor, name, &length) == 0
      }
    }
    try #require(isOpen)
    return "127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
  }
}
