import Crypto
import Foundation
import Network
import Records
import Testing
import Wire

/// Artifacts on real nodes: put on one, got from another, sealed on every disk, recorded only once a
/// majority holds them.
@Suite(.serialized, .cluster { try LoopbackCluster(nodes: 3, threshold: 2, executors: 1, port: 23_300) })
struct ArtifactClusterTests {
  let cluster: LoopbackCluster
  let agent: Caller
  let proposals: Proposals

  init() throws {
    cluster = try LiveCluster.current
    agent = try Caller(founded: "agents/agent-1", of: cluster)
    proposals = try Proposals(agent, agent.connect(to: cluster.clients(1)))
  }

  /// Bytes that occur nowhere else.
  private func content(_ count: Int) throws -> [UInt8] {
    let random = try #require(FileHandle(forReadingAtPath: "/dev/urandom"))
    return [UInt8](try #require(try random.read(upToCount: count)))
  }

  private func put(_ content: [UInt8], at node: Int, within timeout: Duration = .seconds(20)) throws
    -> ArtifactStat
  {
    try agent.connect(to: cluster.clients(node)).call(
      "Artifact/Put",
      proposals.artifact(content, type: "text/csv", labels: ["untrusted"]),
      within: timeout)
  }

  /// Every file below a node's folder, and its log, that holds these bytes.
  private func files(of node: Int, holding bytes: [UInt8]) throws -> [String] {
    let root = "\(cluster.folder)/nodes/node-\(node)"
    let names = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
    let paths = names.map { "\(root)/\($0)" } + ["\(cluster.folder)/node-\(node).log"]
    return paths.filter { path in
      guard let data = FileManager.default.contents(atPath: path) else { return false }
      return data.range(of: Data(bytes)) != nil
    }
  }

  @Test("what an agent puts on one node, every reader gets from another, as it was")
  func roundTrip() throws {
    let content = try content(100_000)
    let stat = try put(content, at: 1)
    #expect(stat.digest == SHA256.hash(content).hex && stat.size == 100_000 && stat.mediaType == "text/csv")
    #expect(stat.labels == ["acme", "tenant/acme/agent/agent-1", "untrusted"])
    let request = ArtifactRequest(tenant: "acme", digest: stat.digest)
    for reader in ["agents/agent-2", "auditors/auditor-1"] {
      for node in 1...3 {
        let client = try Caller(founded: reader, of: cluster).connect(to: cluster.clients(node))
        try cluster.waitUntil("node \(node) has the record and the content", seconds: 10) {
          client.status("Artifact/Get", request) == .ok
        }
        let got = try client.call("Artifact/Get", request, of: ArtifactContent.self)
        #expect(got.content == content && got.stat == stat, "\(reader) at node \(node)")
        #expect(try client.call("Artifact/Stat", request, of: ArtifactStat.self) == stat)
      }
    }
    // An executor has no use for what no approval of its own reads.
    let executor = try Caller(founded: "executors/executor-1", of: cluster).connect(to: cluster.clients(1))
    #expect(executor.status("Artifact/Get", request).code == .notFound)
    #expect(executor.status("Artifact/Stat", request).code == .permissionDenied)
    // The record is a leaf that names it; the same again is the same leaf.
    let auditor = try Caller(founded: "auditors/auditor-1", of: cluster).connect(to: cluster.clients(2))
    let entry = try auditor.call("Ledger/Entry", EntryRequest(index: stat.index), of: EntryResponse.self)
    guard case .artifact(let signed) = try Record(parsing: entry.leaf).body else {
      Issue.record("leaf \(stat.index) is no artifact")
      return
    }
    #expect(signed.content.digest.hex == stat.digest && signed.content.owner == agent.principal)
    #expect(try put(content, at: 3).index == stat.index)
  }

  @Test("a node that was down when it was put fetches it from the others")
  func away() throws {
    #expect(cluster.stop(node: 3) == 0)
    let content = try content(300_000)
    let stat = try put(content, at: 1)
    try cluster.start(node: 3)
    let request = ArtifactRequest(tenant: "acme", digest: stat.digest)
    try cluster.waitUntil("node 3 holds what was put without it", seconds: 30) {
      guard let client = try? agent.connect(to: cluster.clients(3)) else { return false }
      return client.status("Artifact/Get", request, within: .seconds(2)) == .ok
    }
    let got = try agent.connect(to: cluster.clients(3)).call(
      "Artifact/Get", request, of: ArtifactContent.self)
    #expect(got.content == content)
    #expect(try files(of: 3, holding: Array(content[..<32])).isEmpty)
  }

  @Test("no file of any node holds the plain bytes")
  func sealed() throws {
    let content = try content(4096)
    let stat = try put(content, at: 1)
    for node in 1...3 {
      try cluster.waitUntil("node \(node) holds it", seconds: 10) {
        try agent.connect(to: cluster.clients(node)).status(
          "Artifact/Get", ArtifactRequest(tenant: "acme", digest: stat.digest)) == .ok
      }
      #expect(try files(of: node, holding: Array(content[..<32])).isEmpty)
      #expect(try files(of: node, holding: Array(content[2048..<2080])).isEmpty)
      // The search finds what is there: the record names the digest in plain.
      #expect(!(try files(of: node, holding: Array(stat.digest.utf8))).isEmpty)
    }
  }

  @Test("the largest is taken; a byte more, and more than a frame holds, are refused")
  func limits() throws {
    let client = try agent.connect(to: cluster.clients(1))
    #expect(try put(content(3 << 20), at: 1).size == 3 << 20)
    func refusal(_ count: Int) throws -> CallStatus {
      client.status("Artifact/Put", try proposals.artifact([UInt8](repeating: 1, count: count)))
    }
    #expect(
      try refusal((3 << 20) + 1)
        == CallStatus(.invalidArgument, "expected at most 3145728 bytes, found 3145729"))
    let large = try refusal((4 << 20) + 1)
    #expect(large.code == .invalidArgument && large.message.contains("payloadTooLarge"), "\(large)")
    // From a client without our limits.
    let peer = try RawPeer(agent, to: cluster.clients(1))
    peer.send([0, 0, 0x40, 0, 1])
    try cluster.waitUntil("the node closes the connection", seconds: 5) { peer.hasEnded }
    #expect(
      peer.status(of: .connection)
        == CallStatus(.resourceExhausted, "expected a message of at most 4194304 bytes, came one of 4194305"))
  }

  @Test("a note of another's, or of another content, is refused")
  func forged() throws {
    let client = try agent.connect(to: cluster.clients(1))
    var request = try proposals.artifact(Array("mine".utf8))
    request.content = Array("other".utf8)
    let other = client.status("Artifact/Put", request)
    #expect(other.code == .invalidArgument && other.message.contains("digest"), "\(other)")
    let second = try Caller(founded: "agents/agent-2", of: cluster)
    let theirs = try Proposals(second, second.connect(to: cluster.clients(1))).artifact(Array("a".utf8))
    let named = client.status("Artifact/Put", theirs)
    #expect(
      named == CallStatus(.permissionDenied, "owner: expected the caller, \(agent.principal.path)"),
      "\(named)")
    let late = try proposals.artifact(Array("b".utf8)) { $0.validUntil = .now.advanced(by: .seconds(-1)) }
    let expired = client.status("Artifact/Put", late)
    #expect(expired.code == .permissionDenied && expired.message.contains("valid until"), "\(expired)")
  }

  @Test("without a majority there is no record, then or later; with one there is")
  func majority() throws {
    let content = try content(2000)
    let digest = SHA256.hash(content).hex
    let request = ArtifactRequest(tenant: "acme", digest: digest)
    cluster.kill(node: 2)
    cluster.kill(node: 3)
    var status = CallStatus.ok
    do {
      _ = try put(content, at: 1, within: .seconds(3))
    } catch let refusal as CallStatus {
      status = refusal
    }
    #expect(status.code == .deadlineExceeded, "\(status)")
    try cluster.start(node: 2)
    try cluster.start(node: 3)
    let proposer = try agent.connect(to: cluster.clients(1))
    // What is final after this was decided by nodes that are back.
    let next = try proposals.request("shell", [:], id: "after-\(digest.prefix(8))")
    try cluster.waitUntil("the cluster decides again", seconds: 30) {
      proposer.status("Governance/Submit", next, within: .seconds(5)) == .ok
    }
    #expect(
      proposer.status("Artifact/Stat", request) == CallStatus(.notFound, "no such artifact of this tenant"))
    let export = "\(cluster.folder)/majority.txt"
    #expect(try cluster.claw(["ledger", "export", export], as: "auditors/auditor-1").code == 0)
    func records() throws -> String {
      try String(contentsOfFile: export, encoding: .utf8).split(separator: "\n")
        .filter { $0.hasPrefix("leaf ") }
        .compactMap { Base64.decode(String($0.split(separator: " ")[2])) }
        .map { String(decoding: $0, as: UTF8.self) }.joined(separator: "\n")
    }
    #expect(!(try records().contains(digest)))
    #expect(try put(content, at: 1).digest == digest)
    try FileManager.default.removeItem(atPath: export)
    #expect(try cluster.claw(["ledger", "export", export], as: "auditors/auditor-1").code == 0)
    #expect(try records().contains(digest))
  }
}
