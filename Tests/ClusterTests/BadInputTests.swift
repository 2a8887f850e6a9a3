import Canonical
import Crypto
import EventLoop
import Foundation
import Network
import Records
import Testing
import Wire

/// What a live node is sent by those who mean ill or do not know better, over the wire: each is refused with
/// its status and a sentence, and the node goes on.
@Suite(
  .serialized,
  .cluster { try LoopbackCluster(nodes: 3, threshold: 2, port: 22_400) })
struct BadInputTests {
  let cluster: LoopbackCluster
  let agent: Caller

  init() throws {
    cluster = try LiveCluster.current
    agent = try Caller(founded: "agents/agent-1", of: cluster)
  }

  private func client() throws -> BlockingClient { try agent.connect(to: cluster.clients(1)) }

  /// A normal call, by somebody else.
  private func expectAnswer() throws {
    let other = try Caller(founded: "agents/agent-2", of: cluster)
    let status = try other.connect(to: cluster.clients(1)).status("Ledger/Checkpoint", CheckpointRequest())
    #expect(status == .ok)
  }

  // MARK: Certificates

  enum BadCertificate: String, CaseIterable, CustomTestStringConvertible {
    case wrongAuthority = "of another authority"
    case expired = "that has expired"
    case notYet = "that is not valid yet"
    case nodeName = "that names a node, on the clients' port"
    case otherDomain = "of another trust domain"
    case agentAmongPeers = "of an agent, on the peers' port"
    case forgedNode = "that names a node by an authority that is not pinned, on the peers' port"
    var testDescription: String { rawValue }

    /// What the node says, or its TLS.
    var expected: (StatusCode, String) {
      switch self {
      case .wrongAuthority, .agentAmongPeers, .forgedNode: (.unavailable, "unknown ca")
      case .expired: (.unavailable, "certificate expired")
      // RFC 8446 §6.2 has no alert of its own for this.
      case .notYet: (.unavailable, "bad certificate")
      case .nodeName: (.unauthenticated, "expected a node that is pinned here; node node-1 is not")
      case .otherDomain: (.unauthenticated, "expected a SPIFFE ID in trust domain openexec.local")
      }
    }

    func caller(_ cluster: LoopbackCluster) throws -> Caller {
      let path = "tenant/acme/agent/agent-1"
      var options = CertificateAuthority.LeafOptions()
      switch self {
      case .wrongAuthority:
        let other = try CertificateAuthority.create(domain: LoopbackCluster.domain, name: "other")
        return try Caller(path, of: cluster, by: other)
      case .expired:
        options.validFrom = WallInstant(nanoseconds: WallInstant.now.nanoseconds - 7_200_000_000_000)
        options.validity = .seconds(3600)
        return try Caller(path, of: cluster, options: options)
      case .notYet:
        options.validFrom = WallInstant(nanoseconds: WallInstant.now.nanoseconds + 3_600_000_000_000)
        return try Caller(path, of: cluster, options: options)
      case .nodeName: return try Caller("node/node-1", of: cluster)
      case .otherDomain:
        return try Caller(
          path, of: cluster,
          by: try cluster.clientAuthority(domain: try #require(TrustDomain("elsewhere.example"))))
      case .agentAmongPeers: return try Caller(path, of: cluster)
      case .forgedNode: return try Caller("node/node-2", of: cluster)
      }
    }
  }

  @Test("a certificate is refused that is not one", arguments: BadCertificate.allCases)
  func certificate(_ bad: BadCertificate) throws {
    let caller = try bad.caller(cluster)
    let isPeer = bad == .agentAmongPeers || bad == .forgedNode
    let port = isPeer ? cluster.peers(1) : cluster.clients(1)
    var status = CallStatus.ok
    if bad == .otherDomain {
      // Our own client does not even begin under a name of another domain.
      let peer = try RawPeer(caller, to: port)
      try cluster.waitUntil("the node closes the connection", seconds: 5) { peer.hasEnded }
      status = try #require(peer.status(of: .connection))
    } else {
      do {
        status = try caller.connect(to: port).status("Ledger/Checkpoint", CheckpointRequest())
      } catch let refusal as CallStatus {
        status = refusal
      }
    }
    #expect(status.code == bad.expected.0 && status.message.contains(bad.expected.1), "\(status)")
    try expectAnswer()
  }

  // MARK: Frames

  enum BadFrame: String, CaseIterable, CustomTestStringConvertible {
    case oversized = "over four MiB"
    case compressed
    case flag = "of an unknown flag"
    case noise = "that is no protobuf"
    case empty
    case response = "with a response, to a server"
    case falling = "whose call id does not rise"
    var testDescription: String { rawValue }

    var expected: (StatusCode, String) {
      switch self {
      case .oversized:
        (.resourceExhausted, "expected a message of at most 4194304 bytes, came one of 4194305")
      case .compressed: (.unimplemented, "compressed messages are not accepted: send flag 0")
      case .flag: (.invalidArgument, "expected message flag 0, came 7")
      case .noise: (.invalidArgument, "malformed frame")
      case .empty: (.invalidArgument, "expected a frame with a known kind")
      case .response:
        (.invalidArgument, "a frame of kind response does not travel in this direction")
      case .falling: (.invalidArgument, "expected a call id above 2, came 2")
      }
    }

    var bytes: [UInt8] {
      var bytes: [UInt8] = []
      switch self {
      case .oversized: bytes = [0, 0, 0x40, 0, 1] + [UInt8](repeating: 0, count: 100_000)
      case .compressed: bytes = [1, 0, 0, 0, 2, 9, 9]
      case .flag: bytes = [7, 0, 0, 0, 0]
      case .noise: bytes = [0, 0, 0, 0, 1, 0xFF]
      case .empty: bytes = [0, 0, 0, 0, 0]
      case .response: _ = FrameLayout.append(Frame(call: CallID(1), .response(Response(.ok))), to: &bytes)
      case .falling:
        let request = Request(method: "/openexec.v1.Ledger/Checkpoint", payload: [])
        for _ in 0..<2 { _ = FrameLayout.append(Frame(call: CallID(2), .request(request)), to: &bytes) }
      }
      return bytes
    }
  }

  @Test("a frame is answered with the reason, and then the door", arguments: BadFrame.allCases)
  func frame(_ bad: BadFrame) throws {
    let peer = try RawPeer(agent, to: cluster.clients(1))
    peer.send(bad.bytes)
    try cluster.waitUntil("the node closes the connection", seconds: 5) { peer.hasEnded }
    let status = try #require(peer.status(of: .connection))
    #expect(status.code == bad.expected.0 && status.message.contains(bad.expected.1), "\(status)")
    try expectAnswer()
  }

  @Test("half a frame and silence is closed in bounded time, and nobody else waits for it")
  func halfFrame() throws {
    let peer = try RawPeer(agent, to: cluster.clients(1))
    peer.send([0, 0, 0x10, 0, 0, 1, 2, 3])
    let start = MonotonicClock.now
    try expectAnswer()
    #expect(!peer.hasEnded)
    try cluster.waitUntil("the node closes the connection", seconds: 20) { peer.hasEnded }
    #expect(MonotonicClock.now - start > 10)
    try expectAnswer()
  }

  @Test("a method that there is not")
  func unknownMethod() throws {
    let status = try client().status("Governance/Shell", CheckpointRequest())
    #expect(
      status == CallStatus(.unimplemented, "there is no method /openexec.v1.Governance/Shell"), "\(status)")
  }

  @Test("a call whose deadline has passed is DEADLINE_EXCEEDED, and its work stands")
  func deadline() throws {
    let proposals = try Proposals(agent, try client())
    let request = try proposals.request("shell", [:], id: "overdue")
    let peer = try RawPeer(agent, to: cluster.clients(1))
    try peer.send(
      Frame(
        call: CallID(1),
        .request(
          Request(
            method: "/openexec.v1.Governance/Submit", timeoutNanoseconds: 1, payload: request.encode()))))
    try cluster.waitUntil("an answer", seconds: 5) { peer.status(of: CallID(1)) != nil }
    #expect(
      peer.status(of: CallID(1))
        == CallStatus(.deadlineExceeded, "the deadline passed before the call was answered"))
    // What was signed and taken in counts, whether or not its caller waited.
    let client = try client()
    try cluster.waitUntil("the outcome", seconds: 10) {
      client.status("Governance/Get", ProposalRequest(requestID: "overdue")) == .ok
    }
  }

  // MARK: Memory

  @Test("a hundred hostile connections, and as many calls, do not make the node grow")
  func memory() throws {
    func flood() throws {
      for _ in 0..<4 {
        let peers = try BadFrame.allCases.map { bad in
          let peer = try RawPeer(agent, to: cluster.clients(1))
          peer.send(bad.bytes)
          return peer
        }
        // Announced as the largest frame there may be, a third of it sent, and away.
        for _ in 0..<4 {
          let peer = try RawPeer(agent, to: cluster.clients(1))
          peer.send([0, 0, 0x40, 0, 0] + [UInt8](repeating: 0, count: 1_400_000))
        }
        try cluster.waitUntil("the node closes them", seconds: 10) { peers.allSatisfy(\.hasEnded) }
        let client = try client()
        for number in 0..<50 {
          _ = client.status("Governance/Get", ProposalRequest(requestID: "none-\(number)"))
          _ = client.status(
            "Governance/Submit", StatementRequest(statement: [UInt8](repeating: 0x7B, count: 500_000)))
        }
      }
    }
    try flood()
    let before = try resident()
    try flood()
    try flood()
    let after = try resident()
    #expect(after - before < 8 << 20, "\(before >> 10) KiB before, \(after >> 10) KiB after")
    try expectAnswer()
  }

  /// Resident bytes of node 1.
  private func resident() throws -> Int {
    let id = try #require(cluster.process(node: 1))
    let text = try String(contentsOfFile: "/proc/\(id)/status", encoding: .utf8)
    let match = try #require(text.firstMatch(of: /VmRSS:\s+(\d+) kB/))
    return try #require(Int(match.1)) << 10
  }

  // MARK: A party

  /// Node 3's certificate, in other hands.
  private var party: Caller {
    let folder = "\(cluster.folder)/nodes/node-3"
    return Caller(
      .node("node-3"), certificate: "\(folder)/node.crt", key: "\(folder)/node.key", of: cluster)
  }

  private func tell(_ message: PeerMessage, by peer: RawPeer) throws {
    try peer.send(Frame(.oneWay(OneWay(method: "/openexec.v1.Peer/Tell", payload: message.encode()))))
  }

  @Test("a party that lies about what it lost, with the largest numbers there are, ends no node")
  func lostBeyondAllLogs() throws {
    // Who leads counts what others hold.
    let handed = try cluster.claw(["transfer", "1"], as: "operators/operator-1")
    #expect(handed.code == 0, "\(handed.output)")
    let status = try cluster.claw(["status", "--json", "--node", "node-1"], as: "operators/operator-1")
    let term = try #require(try JSON.parse(status.output)["term"]?.string.flatMap { UInt64($0) })
    #expect(try JSON.parse(status.output)["leader"]?.integer == 1, "\(status.output)")
    let peer = try RawPeer(party, to: cluster.peers(1))
    for outcome in UInt32(1)...5 {
      for shift in [UInt64(0), 1, 2] {
        let index = UInt64.max >> shift
        var answer = AppendAnswer(term: term, round: index)
        (answer.outcome, answer.index, answer.hint, answer.outcomeTerm) = (outcome, index, index, term)
        try tell(.appendAnswer(answer), by: peer)
      }
    }
    // Said in the order of the messages: node 1 has read them all.
    for _ in 0..<3 { try expectAnswer() }
    for number in 1...2 {
      let status = try agent.connect(to: cluster.clients(number)).status(
        "Ledger/Checkpoint", CheckpointRequest())
      #expect(status == .ok, "node \(number): \(status)")
    }
  }

  @Test("a party that talks nonsense fills no log: the same is said once in a while, with how often it came")
  func nonsense() throws {
    let peer = try RawPeer(party, to: cluster.peers(1))
    for _ in 0..<2_000 {
      try tell(.note(NoteShown(note: "none")), by: peer)
      try peer.send(Frame(.oneWay(OneWay(method: "/openexec.v1.Peer/Tell", payload: [0xFF]))))
    }
    func lines(_ event: String) -> Int {
      cluster.log("node-1").split(separator: "\n").count { $0.contains("\"event\":\"\(event)\"") }
    }
    try cluster.waitUntil("node 1 has heard it", seconds: 20) {
      lines("peer_message_unreadable") > 0 && lines("evidence") > 0
    }
    try expectAnswer()
    #expect(lines("peer_message_unreadable") < 50 && lines("evidence") < 50)
  }
}

/// Seconds that never run backwards.
enum MonotonicClock {
  static var now: Double { ProcessInfo.processInfo.systemUptime }
}
