import CSystem
import EventLoop
import Foundation
import Testing
import Wire

@testable import Network

@Suite("Handshake: who is let in")
struct HandshakeTests {
  @Test("both sides learn who the other is")
  func mutual() throws {
    let world = try World()
    for identity in [
      agent, .node("n2"), .executor("x-1"), .operator("o.1"), .approver("finance_2"),
    ] as [PeerIdentity] {
      let client = try world.client(identity)
      #expect(try world.answer(client, "/test.T/Echo", [1, 2]) == .success([1, 2]))
      #expect(client.state == .connected(node))
      #expect(world.callers.last == identity)
    }
  }

  @Test("why a connection or a loop ended is said in words")
  func words() {
    #expect("\(ChannelEnd.closedByPeer)" == "the peer closed the connection")
    let taken = EventLoopError.system(SystemError(code: EADDRINUSE, call: "listen on 127.0.0.1:1"))
    #expect("\(taken)" == "listen on 127.0.0.1:1: Address already in use (errno 98)")
    #expect("\(ChannelEnd.loop(taken))" == "\(taken)")
  }

  /// A client's call that must fail, with what the server thought of the connection.
  private func refused(_ world: World, _ client: CallClient) throws -> (CallStatus, ChannelEnd?) {
    let result = try world.answer(client, "/test.T/Echo")
    try turn(world.loop) { world.server.connectionCount == 0 }
    #expect(world.callers.isEmpty, "the handler ran for a peer that must not be let in")
    guard case .failure(let status) = result else {
      Issue.record("the call was answered")
      return (.ok, nil)
    }
    return (status, world.ends.last?.end)
  }

  @Test("a client of another authority is refused by the server")
  func wrongClientAuthority() throws {
    let world = try World()
    let rogue = try Realm()
    let tls = try rogue.context(agent, trust: world.realm.trust)
    let (status, end) = try refused(world, try world.client(tls: tls))
    #expect(status.code == .unavailable)
    #expect(status.message.contains("unknown ca"))
    guard case .tls(let error) = end else { return #expect(Bool(false), "\(String(describing: end))") }
    #expect(error.reason.contains("unable to get local issuer certificate"))
  }

  @Test("a server of another authority is refused by the client")
  func wrongServerAuthority() throws {
    let realm = try Realm()
    let rogue = try Realm()
    let world = try World(realm: realm, tls: try rogue.context(node, trust: realm.trust))
    let (status, _) = try refused(world, try world.client())
    #expect(status.message.contains("unable to get local issuer certificate"))
  }

  @Test("certificates that have expired or are not valid yet are refused")
  func validity() throws {
    let now = WallInstant.now.nanoseconds
    for (hours, reason) in [(-48, "certificate has expired"), (24, "certificate is not yet valid")] {
      let world = try World()
      var options = CertificateAuthority.LeafOptions()
      options.validFrom = WallInstant(nanoseconds: now + Int64(hours) * 3_600_000_000_000)
      options.validity = .seconds(3_600)
      let tls = try world.realm.context(agent, options: options)
      let (_, end) = try refused(world, try world.client(tls: tls))
      guard case .tls(let error) = end else { return #expect(Bool(false), "\(String(describing: end))") }
      #expect(error.reason == reason)
    }
  }

  @Test("a leaf cannot issue")
  func leafIssues() throws {
    let world = try World()
    let leaf = try world.realm.authority.issue(to: agent)
    let pretender = try CertificateAuthority(
      certificatePEM: try leaf.certificate.pem(), keyPEM: try leaf.key.pem(), domain: world.realm.domain)
    let forged = try pretender.issue(to: .operator("root"))
    let tls = try TLSContext(
      chain: [forged.certificate, leaf.certificate], key: forged.key, trust: world.realm.trust)
    let (_, end) = try refused(world, try world.client(tls: tls))
    guard case .tls = end else { return #expect(Bool(false), "\(String(describing: end))") }
  }

  /// A context whose certificate says what no proper authority would, which `TLSContext` itself refuses.
  private func odd(_ world: World, uris: [String]) throws -> PeerRefusal? {
    let key = try PrivateKey.generate()
    let leaf = try world.realm.authority.issue(uris: uris, publicKey: key.handle, options: .init())
    do throws(PeerRefusal) {
      _ = try world.realm.trust.identify(uri: try leaf.uri(), chain: [])
      return nil
    } catch {
      return error
    }
  }

  @Test("a certificate without exactly one SPIFFE ID of this domain names nobody")
  func names() throws {
    let world = try World()
    #expect(try odd(world, uris: []) == .wrongNumberOfNames(0))
    let mine = agent.uri(in: world.realm.domain)
    #expect(try odd(world, uris: [mine, mine]) == .wrongNumberOfNames(2))
    #expect(try odd(world, uris: [mine]) == nil)
    for uri in [
      "https://acme.example/node/n1", "spiffe://acme.example", "spiffe://acme.example/",
      "spiffe://acme.example/node",
      "spiffe://acme.example/node/", "spiffe://acme.example/node/..", "spiffe://acme.example/node/a/b",
      "spiffe://acme.example/Node/a", "spiffe://acme.example/node/a%2Fb",
      "spiffe://acme.example/node/a\u{0}b",
      "spiffe://acme.example/tenant/t/agent", "spiffe://acme.example/tenant/t/robot/a",
      "spiffe://acme.example/node/" + String(repeating: "x", count: 129),
    ] {
      #expect(try odd(world, uris: [uri]) == .notSPIFFE(uri))
    }
    let long = "spiffe://acme.example/node/" + String(repeating: "x", count: 3_000)
    #expect(try odd(world, uris: [long]) == .malformedNames)
    for uri in ["spiffe://other.example/node/n1", "spiffe://ACME.example/node/n1", "spiffe:///node/n1"] {
      #expect(try odd(world, uris: [uri]) == .foreignTrustDomain(expected: world.realm.domain, uri: uri))
    }
  }

  @Test("such a peer is let through TLS, told why, and closed before any call", arguments: [0, 2])
  func namelessPeer(count: Int) throws {
    let world = try World()
    let uris = (0..<count).map { "spiffe://acme.example/node/n\($0)" }
    let key = try PrivateKey.generate()
    let leaf = try world.realm.authority.issue(uris: uris, publicKey: key.handle, options: .init())
    let folder = try TemporaryFolder()
    let result = try sClient(
      world,
      [
        "-cert", try folder.write("leaf.pem", try leaf.pem()), "-key",
        try folder.write("key.pem", try key.pem()),
        "-CAfile", try folder.write("ca.pem", try world.realm.authority.certificate.pem()),
      ])
    #expect(result.contains("expected a certificate with one URI name, came \(count)"))
    #expect(world.ends.first?.end == .peerRefused(.wrongNumberOfNames(count)))
    #expect(world.ends.first?.from.hostText == "127.0.0.1")
    #expect(world.server.statistics.peersRefused == 1)
  }

  @Test("another party's authority, trusted for its own, cannot name a pinned node")
  func impersonation() throws {
    let realm = try Realm()
    let other = try Realm()
    let serverLeaf = try realm.authority.issue(to: node)
    var trust = TrustPolicy(
      domain: realm.domain, authorities: [realm.authority.certificate, other.authority.certificate])
    let pins = [
      "n1": realm.authority.certificate.fingerprint, "n2": other.authority.certificate.fingerprint,
    ]
    trust.nodePins = pins
    let tls = try TLSContext(chain: [serverLeaf.certificate], key: serverLeaf.key, trust: trust)

    // The rightful n2, under its own authority.
    let world = try World(realm: realm, tls: tls)
    let rightful = try world.client(tls: try other.context(.node("n2"), trust: trust))
    #expect(try world.answer(rightful, "/test.T/Echo", [1]) == .success([1]))
    // Its authority trusts nobody as n1 but the pinned one, and so does everyone who pins.
    for (identity, refusal) in [
      (PeerIdentity.node("n1"), PeerRefusal.pinMismatch(node: "n1")), (.node("n3"), .unpinnedNode("n3")),
    ] {
      let world = try World(realm: realm, tls: tls)
      let (status, end) = try refused(world, try world.client(tls: try other.context(identity, trust: trust)))
      #expect(end == .peerRefused(refusal))
      #expect(status == CallStatus(.unauthenticated, "\(refusal)"))
    }
    // Agents are not pinned.
    let client = try world.client(tls: try other.context(agent, trust: trust))
    #expect(try world.answer(client, "/test.T/Echo", [1]) == .success([1]))
  }

  @Test("a pin may be the node's own certificate")
  func leafPin() throws {
    let realm = try Realm()
    let world = try World(realm: realm)
    var trust = realm.trust
    trust.nodePins = ["n1": try #require(CertificateFingerprint(bytes: [UInt8](repeating: 0, count: 32)))]
    let wrong = try world.client(tls: try realm.context(agent, trust: trust))
    let (status, _) = try refused(world, wrong)
    #expect(status.message == "\(PeerRefusal.pinMismatch(node: "n1"))")

    let leaf = try realm.authority.issue(to: node)
    trust.nodePins = ["n1": leaf.certificate.fingerprint]
    let pinned = try World(
      realm: realm, tls: try TLSContext(chain: [leaf.certificate], key: leaf.key, trust: realm.trust))
    let right = try pinned.client(tls: try realm.context(agent, trust: trust))
    #expect(try pinned.answer(right, "/test.T/Echo", [1]) == .success([1]))
  }

  @Test("a client talks only to whom it expects, and sends nothing to another")
  func expectation() throws {
    let world = try World()
    let client = try world.client(expecting: .exactly(.node("n2")))
    let (status, _) = try refused(world, client)
    #expect(status.message == "expected /node/n2, came /node/n1")
    let any = try world.client(expecting: .anyNode)
    #expect(try world.answer(any, "/test.T/Echo", [1]) == .success([1]))
    let executor = try World(realm: world.realm, tls: try world.realm.context(.executor("n1")))
    _ = try refused(executor, try executor.client(expecting: .anyNode))
  }

  // MARK: openssl s_client

  /// Runs `openssl s_client` against the world's server to its end; what it printed.
  private func sClient(_ world: World, _ arguments: [String]) throws -> String {
    var ends: [Int32] = [0, 0]
    try #require(csystem_pipe(&ends) == 0)
    var plan = SpawnPlan(
      path: "/usr/bin/openssl",
      arguments: ["openssl", "s_client", "-connect", "\(world.address)", "-ign_eof"] + arguments)
    plan.descriptors = [nil, ends[1], ends[1]]
    var outcome: ExitOutcome?
    _ = try world.loop.spawn(plan) { outcome = $0 }
    _ = csystem_close(ends[1])
    var output: [UInt8] = []
    var isOver = false
    let watch = try world.loop.watch(ends[0], for: .read) { _ in
      var bytes = [UInt8](repeating: 0, count: 65_536)
      let got = csystem_read(ends[0], &bytes, bytes.count)
      if got > 0 { output += bytes[..<got] } else { isOver = true }
    }
    try turn(world.loop) { outcome != nil && isOver && world.server.connectionCount == 0 }
    world.loop.unwatch(watch)
    _ = csystem_close(ends[0])
    return String(decoding: output, as: UTF8.self)
  }

  @Test("TLS 1.2 is refused")
  func oldTLS() throws {
    let world = try World()
    let output = try sClient(world, ["-tls1_2"])
    #expect(output.contains("alert protocol version"))
    guard case .tls(let error) = world.ends.first?.end else {
      return #expect(Bool(false), "\(world.ends)")
    }
    #expect(error.reason == "unsupported protocol")
  }

  @Test("no client certificate, no connection")
  func noCertificate() throws {
    let world = try World()
    let output = try sClient(world, ["-tls1_3"])
    #expect(output.contains("alert certificate required"))
    guard case .tls(let error) = world.ends.first?.end else {
      return #expect(Bool(false), "\(world.ends)")
    }
    #expect(error.reason == "peer did not return a certificate")
  }

  // MARK: Not even TLS

  private func raw(_ world: World, _ bytes: [UInt8]) throws -> Int32 {
    var name = world.address.kernel
    let descriptor = csystem_tcp_connect(&name)
    try #require(descriptor >= 0)
    try turn(world.loop) { world.server.connectionCount == 1 }
    if !bytes.isEmpty { #expect(csystem_send(descriptor, bytes, bytes.count) == bytes.count) }
    return descriptor
  }

  @Test("a peer that does not speak TLS is closed")
  func garbage() throws {
    let world = try World()
    let descriptor = try raw(world, Array("GET / HTTP/1.1\r\n\r\n".utf8))
    try turn(world.loop) { world.server.connectionCount == 0 }
    guard case .tls = world.ends.first?.end else { return #expect(Bool(false), "\(world.ends)") }
    _ = csystem_close(descriptor)
  }

  @Test(
    "half a handshake and silence is dropped at its deadline", arguments: [[], [0x16, 3, 1, 2]] as [[UInt8]])
  func halfHandshake(bytes: [UInt8]) throws {
    let world = try World { $0.listener.channel.handshake = .milliseconds(40) }
    let descriptor = try raw(world, bytes)
    try turn(world.loop) { world.server.connectionCount == 0 }
    #expect(world.ends.first?.end == .handshakeOverdue)
    _ = csystem_close(descriptor)
  }

  @Test("connections over the limit are turned away, and there is room again when one ends")
  func limit() throws {
    let world = try World { $0.listener.connections = 2 }
    let first = try world.client()
    let second = try world.client()
    #expect(try world.code(first, "/test.T/Echo") == .ok)
    #expect(try world.code(second, "/test.T/Echo") == .ok)
    #expect(try world.code(try world.client(), "/test.T/Echo") == .unavailable)
    first.close()
    try turn(world.loop) { world.server.connectionCount == 1 }
    #expect(try world.code(try world.client(), "/test.T/Echo") == .ok)
  }

  @Test("a client that reaches nobody says so in time")
  func unreachable() throws {
    let world = try World()
    let address = world.address
    world.server.close()
    let refused = CallClient(
      loop: world.loop, tls: try world.realm.context(agent), address: address, expecting: .anyNode)
    refused.connect()
    #expect(try world.code(refused, "/test.T/Echo") == .unavailable)

    // A listener that accepts and says nothing.
    var name = SocketAddress.loopback().kernel
    let silent = csystem_tcp_listen(&name, 8)
    try #require(silent >= 0)
    var bound = csystem_address()
    #expect(csystem_local_address(silent, &bound) == 0)
    var configuration = CallClient.Configuration()
    configuration.channel.handshake = .milliseconds(40)
    let patient = CallClient(
      loop: world.loop, tls: try world.realm.context(agent), address: SocketAddress(bound),
      expecting: .anyNode, configuration: configuration)
    patient.connect()
    #expect(try world.code(patient, "/test.T/Echo") == .unavailable)
    #expect(patient.state == .closed(.handshakeOverdue))
    _ = csystem_close(silent)
  }
}
