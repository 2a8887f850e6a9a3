import Canonical
import Crypto
import OpenExec
import Records
import Testing

/// What the health port takes and tells (RT-15, RT-16): pure, without a socket.
@Suite("Health port")
struct ProbeTests {
  private let world: World
  init() throws { world = try World() }

  private func request(_ text: String) throws(ProbeRefusal) -> ProbeRequest {
    try ProbeRequest(parsing: Array(text.replacing("\n", with: "\r\n").utf8)[...])
  }

  private func status(_ text: String) -> Int {
    do throws(ProbeRefusal) {
      _ = try request(text)
      return 200
    } catch {
      return error.status
    }
  }

  @Test("a request for this host, from a program of this host, is taken; no other")
  func requests() throws {
    for host in ["127.0.0.1:7151", "localhost", "[::1]:80", "LOCALHOST:1"] {
      #expect(status("GET /health HTTP/1.1\nHost: \(host)\n\n") == 200, "\(host)")
    }
    #expect(try request("GET /ready?verbose=1 HTTP/1.0\nHost: localhost\n\n").path == "/ready")
    let refused: [(Int, String)] = [
      // A name that was made to lead to loopback, and a page of a browser.
      (403, "GET /health HTTP/1.1\nHost: evil.example.org\n\n"), (403, "GET /health HTTP/1.1\n\n"),
      (403, "GET /health HTTP/1.1\nHost: 127.0.0.1.example.org\n\n"),
      (403, "GET /health HTTP/1.1\nHost: localhost:x\n\n"),
      (403, "GET /health HTTP/1.1\nHost: localhost\nHost: localhost\n\n"),
      (403, "GET /health HTTP/1.1\nHost: localhost\nOrigin: http://localhost\n\n"),
      (501, "PUT /health HTTP/1.1\nHost: localhost\n\n"),
      (413, "POST /receipts/verify HTTP/1.1\nHost: localhost\nContent-Length: 262145\n\n"),
      (411, "POST /receipts/verify HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\n"),
      (400, "POST /x HTTP/1.1\nHost: localhost\nContent-Length: 1\nContent-Length: 1\n\n"),
      (400, "GET http://localhost/health HTTP/1.1\nHost: localhost\n\n"),
      (400, "GET / HTTP/2\nHost: localhost\n\n"),
      (400, "GET  / HTTP/1.1\nHost: localhost\n\n"), (400, "GET / HTTP/1.1\nHost : localhost\n\n"),
      (431, "GET / HTTP/1.1\nHost: localhost\n" + String(repeating: "a: b\n", count: 64) + "\n"),
    ]
    for (expected, text) in refused { #expect(status(text) == expected, "\(text)") }
    #expect(throws: ProbeRefusal.self) {
      try ProbeRequest.headLength([UInt8](repeating: 0x61, count: ProxyRequest.maximumHead + 1))
    }
    #expect(try ProbeRequest.headLength(Array("GET / HTTP/1.1\r\n".utf8)) == nil)
  }

  private func desk(_ shell: Shell) -> ProbeDesk {
    ProbeDesk(health: shell.instance.health(at: shell.now), readiness: .unknown, version: "9")
  }

  private func ask(
    _ shell: Shell, _ path: String, method: String = "GET", body: String = ""
  ) throws -> (status: Int, body: JSON) {
    let request = try request("\(method) \(path) HTTP/1.1\nHost: localhost\n\n")
    let answer = desk(shell).answer(request, body: Array(body.utf8)) { text in
      Result { () throws(ProbeRefusal) in try shell.instance.verifiedReceipt(text).verifiedJSON }
    }
    return (answer.status, answer.body)
  }

  /// Under a live lease.
  private func ready(_ plan: World.LeasePlan = World.LeasePlan()) throws -> Shell {
    var shell = try Shell(world)
    shell.step(.tick)
    try shell.renew(plan)
    return shell
  }

  @Test(
    "ready is who takes jobs: a lease, a class, a registry, nothing owed; otherwise 503, with what is missing"
  )
  func readiness() throws {
    func obstacles(_ shell: Shell) throws -> [String] {
      let (status, body) = try ask(shell, "/ready")
      let found = (body["obstacles"]?.array ?? []).compactMap(\.string)
      #expect(status == (found.isEmpty ? 200 : 503) && body["ready"]?.bool == found.isEmpty)
      return found
    }
    let unleased = ["no lease is live", "no bundle is here: nothing is allowed"]
    var shell = try Shell(world)
    shell.step(.tick)
    #expect(try obstacles(shell) == unleased)
    try shell.renew()
    #expect(try obstacles(shell) == [])
    shell.pass(30)
    #expect(try obstacles(shell) == ["no lease is live"])
    #expect(try obstacles(ready(World.LeasePlan(mode: .halted))) == ["halted"])
    let entry = RestrictionList.Entry(incidentID: "i1", target: .principal(world.executor))
    let other = RestrictionList.Entry(incidentID: "i2", target: .principal(.executor("e2")))
    #expect(try obstacles(ready(World.LeasePlan(restrictions: [entry, other]))) == ["restricted by i1"])
    #expect(try obstacles(ready(World.LeasePlan(restrictions: [other]))) == [])
    var idle = try ready()
    idle.step(.classesFound([]))
    #expect(try obstacles(idle) == ["no isolation class is active"])
    idle.step(.shutdown)
    #expect(try obstacles(idle).last == "it is going down")
    // A receipt that nobody proves.
    var owing = try ready()
    owing.step(.jobOffered(world.job(world.plan("t1"))))
    owing.flush()
    let order = try #require(owing.starts.last)
    owing.step(.sandboxFinished(order.id, owing.success(order)))
    owing.flush()
    owing.pass(31)
    try owing.renew(World.LeasePlan(size: 200))
    #expect(try obstacles(owing) == ["a receipt is not proven yet"])
    let unpinned = ProbeDesk(
      health: ExecutorHealth(executor: world.executor, incarnation: 3), readiness: .unknown, version: "9")
    let answer = unpinned.answer(try request("GET /ready HTTP/1.1\nHost: localhost\n\n"), body: []) { _ in
      .failure(ExecutorHealth.noKey)
    }
    #expect(
      answer.status == 503
        && answer.body["obstacles"]
          == ["the cluster's id and key are not known here yet", "no isolation class is active"]
    )
  }

  @Test("health tells mode, restrictions, what is verified against what, the allow-list, and the declaration")
  func health() throws {
    let shell = try ready()
    let (status, body) = try ask(shell, "/health")
    #expect(
      status == 200 && body["mode"]?.string == "running" && body["executor_id"]?.string == "executor/e1")
    let verification = try #require(body["verification"])
    #expect(verification["cluster"]?.string == world.cluster.hex)
    #expect(verification["public_key_id"]?.string == world.group.publicKey.hex)
    #expect(verification["lease_size"]?.string == "100" && (verification["lease_left_ms"]?.integer ?? 0) > 0)
    #expect(body["allow_list"]?["policy_bundle_hash"]?.string == world.bundle.hash.hex)
    #expect(body["allow_list"]?["actions"]?.integer == 6 && body["allow_list"]?["warning"] == nil)
    #expect(body["restrictions"]?["count"]?.integer == 0 && body["jobs"]?["queued"]?.integer == 0)
    #expect(body["declaration"]?.string == "NON-COMPLIANT")
    #expect(body["shortcomings"] == ["preflight: the preflight is not through"])
    var empty = try Shell(world)
    empty.step(.tick)
    let (_, without) = try ask(empty, "/health")
    #expect(without["mode"]?.string == "unleased")
    #expect(without["allow_list"]?["warning"]?.string == "no bundle is here: nothing is allowed")
    #expect(try ask(shell, "/version").body["version"]?.string == "9")
    #expect(try ask(shell, "/").body["endpoints"]?.array?.count == 6)
  }

  @Test(
    "a receipt's proof is held against the known key; what is missing, changed or signed by another is forbidden"
  )
  func receipts() throws {
    var shell = try ready()
    shell.step(.jobOffered(world.job(world.plan("t1"))))
    shell.flush()
    let order = try #require(shell.starts.last)
    shell.step(.sandboxFinished(order.id, shell.success(order)))
    shell.flush()
    let draft = try #require(shell.reports.last)
    let proof = world.proof(of: draft)
    func verify(_ text: String) throws -> (status: Int, body: JSON) {
      try ask(shell, "/receipts/verify", method: "POST", body: text)
    }
    let good = try verify(proof.encoded)
    #expect(good.status == 200 && good.body["verified"] == true && good.body["token_id"]?.string == "t1")
    #expect(good.body["result_hash"]?.string == draft.receipt.resultHash.hex)
    #expect(good.body["result"] == nil)
    let signed = Signed.sign(
      draft.receipt, cluster: world.cluster, as: world.executor, with: world.executorKey)
    let leaf = Record(at: World.start, body: .receipt(signed)).bytes
    let stranger = world.proof(of: leaf, size: 60, time: World.start, byStranger: true)
    var other = draft.receipt
    other.status = .failed
    let tampered = Record(
      at: World.start,
      body: .receipt(Signed.sign(other, cluster: world.cluster, as: world.executor, with: world.executorKey))
    ).bytes
    let changed = LedgerProof(leaf: tampered, index: proof.index, path: proof.path, note: proof.note)
    let decision = world.job(world.plan("t2")).token
    for text in ["", "no proof", stranger.encoded, changed.encoded, decision] {
      let (status, body) = try verify(text)
      #expect(
        status == 403 && body["error"]?.string?.isEmpty == false, "\(text.prefix(40)): \(body.canonical)")
      #expect(body["verified"] != true)
    }
    // Nobody gets anything run by asking here.
    let run = try ask(shell, "/execute", method: "POST", body: decision)
    #expect(run.status == 403 && shell.starts.count == 1)
  }

  @Test(
    "what is not there, and what is asked for in another way, is said to be so; an answer is whole and the last"
  )
  func others() throws {
    let shell = try ready()
    #expect(try ask(shell, "/metrics").status == 404)
    #expect(try ask(shell, "/health", method: "POST").status == 405)
    #expect(try ask(shell, "/receipts/verify").status == 405)
    let request = try request("HEAD /health HTTP/1.1\nHost: localhost\n\n")
    let answer = desk(shell).answer(request, body: []) { _ in .failure(ExecutorHealth.noKey) }
    let text = String(decoding: answer.bytes(withBody: true), as: UTF8.self)
    let length = answer.body.canonicalBytes().count + 1
    #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n") && text.contains("\r\nContent-Length: \(length)\r\n"))
    #expect(text.contains("\r\nConnection: close\r\n\r\n{") && text.hasSuffix("}\n"))
    #expect(answer.bytes(withBody: false).count == text.utf8.count - length)
  }
}
