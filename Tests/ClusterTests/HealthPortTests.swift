import Canonical
import Foundation
import Testing

/// A live executor's health port, asked as operators' probes ask.
@Suite(.serialized, .enabled(if: Machines.obstacle == nil, "\(Machines.obstacle ?? "")"))
struct HealthPortTests {
  private let governance: ScriptedGovernance
  private let node: ScriptedGovernanceNode
  private let executor: LiveExecutor
  private let port: Int

  init() throws {
    let governance = try ScriptedGovernance()
    self.governance = governance
    let node = try ScriptedGovernanceNode(governance)
    self.node = node
    try node.configure("vault", ["folder": "vault", "key": "vault.key"])
    let made = try Programs.run("openexec", ["vault", "init", "--config", node.configuration])
    try #require(made.code == 0, "\(made.output)")
    let executor = try LiveExecutor(node)
    self.executor = executor
    var found = 0
    try Patience.wait(for: "the port is open", seconds: 60) {
      let address = executor.events("health_port").last?["address"]?.string ?? ""
      found = address.split(separator: ":").last.flatMap { Int($0) } ?? 0
      return found > 0
    }
    port = found
  }

  /// What came back for bytes, to the end of the connection.
  private func raw(_ bytes: [UInt8], hangingUp: Bool = false) throws -> String {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    var patience = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    let connected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    try #require(connected == 0, "errno \(errno)")
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        send(descriptor, $0.baseAddress.map { $0 + sent }, $0.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { break }
      sent += count
    }
    if hangingUp { shutdown(descriptor, Int32(SHUT_WR)) }
    var answer: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(descriptor, &piece, piece.count)
      guard count > 0 else { break }
      answer += piece[..<count]
    }
    return String(decoding: answer, as: UTF8.self)
  }

  private func ask(_ path: String, method: String = "GET", body: String = "") throws -> (
    status: Int, body: JSON
  ) {
    let length = body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n"
    let answer = try raw(
      Array("\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1:\(port)\r\n\(length)\r\n\(body)".utf8))
    let status = answer.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    let content = answer.range(of: "\r\n\r\n").map { String(answer[$0.upperBound...]) } ?? ""
    return (status, try #require(try? JSON.parse(content), "\(answer)"))
  }

  @Test(
    "an executor with nothing off is COMPLIANT, becomes ready, runs, and verifies its receipt's proof for who asks"
  )
  func probes() throws {
    // From its first moment it says how it stands; without a lease it is not ready.
    #expect(try ask("/version").body["version"]?.string?.isEmpty == false)
    try executor.waitUntilReady()
    var body: JSON = .null
    try Patience.wait(for: "it takes jobs", seconds: 60) {
      let answer = try ask("/ready")
      body = answer.body
      #expect((answer.status == 200) == (answer.body["ready"]?.bool == true))
      return answer.status == 200
    }
    #expect(body["obstacles"] == [])
    let health = try ask("/health").body
    let logged = try #require(executor.events("readiness").last)
    #expect(health["declaration"]?.string == "COMPLIANT", "\(logged.canonical)")
    #expect(health["shortcomings"] == [] && logged["declaration"]?.string == "COMPLIANT")
    #expect(health["mode"]?.string == "running" && health["allow_list"]?["warning"] == nil)
    // The nodes are told the same.
    try Patience.wait(for: "the nodes are told", seconds: 60) {
      governance.state.withLock { $0.enlisted?.compliant == true && $0.enlisted?.shortcomings == [] }
    }
    governance.offer([try governance.approval("probed")])
    try Patience.wait(for: "it has run", seconds: 120) { governance.receipt("probed") != nil }
    let receipt = try #require(governance.receipt("probed"))
    #expect(receipt.status == .succeeded)
    // Where the image came from is in the receipt, by the digest of what was installed with it.
    let document = try String(contentsOfFile: Machines.images + "/actions.provenance.json", encoding: .utf8)
    #expect(receipt.provenance == (try JSON.parse(document)).contentHash)
    let proof = governance.state.withLock { $0.proof }
    let good = try ask("/receipts/verify", method: "POST", body: proof)
    #expect(good.status == 200 && good.body["token_id"]?.string == "token-probed", "\(good.body.canonical)")
    let bad = try ask(
      "/receipts/verify", method: "POST", body: proof.replacingOccurrences(of: "index ", with: "index 1"))
    #expect(bad.status == 403 && bad.body["verified"] == false)
    #expect(try ask("/execute", method: "POST", body: proof).status == 403)
    try hostile()
    #expect(try ask("/ready").status == 200)
  }

  /// What no probe sends: each gets one answer or the door, and the port goes on.
  private func hostile() throws {
    let cases: [([UInt8], String)] = [
      (Array("GET /health HTTP/1.1\r\nHost: evil.example.org\r\n\r\n".utf8), "HTTP/1.1 403 "),
      ([UInt8](repeating: 0x41, count: 40_000), "HTTP/1.1 431 "),
      ([0, 1, 2, 0x0D, 0x0A, 0x0D, 0x0A], "HTTP/1.1 400 "),
      (
        Array("POST /receipts/verify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\n\r\n".utf8),
        "HTTP/1.1 413 "
      ),
    ]
    for (bytes, expected) in cases {
      let answer = try raw(bytes)
      #expect(answer.hasPrefix(expected), "\(answer.prefix(60))")
      #expect(answer.components(separatedBy: "HTTP/1.1 ").count == 2)
    }
    // Who says nothing, or half of it, gets the door in time, and has kept nobody out.
    #expect(try raw(Array("GET /hea".utf8), hangingUp: true) == "")
    let began = Date()
    #expect(try raw(Array("GET /hea".utf8)) == "")
    #expect(Date().timeIntervalSince(began) < 15)
  }
}
