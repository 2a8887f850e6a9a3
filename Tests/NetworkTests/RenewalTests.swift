import EventLoop
import Testing
import Wire

@testable import Network

/// States: a certificate in use; another in its place, connections of the old one ending; the old one refused.
/// Failure cases: a call that is open when the certificate changes, a pair that does not fit, a peer with an old one.
@Suite("Certificates that take the place of others")
struct RenewalTests {
  private static let now = WallInstant.now.nanoseconds / 1_000_000_000

  /// Options of a certificate that is valid since some seconds ago.
  private static func since(_ ago: Int64, for days: Int64 = 1) -> CertificateAuthority.LeafOptions {
    var options = CertificateAuthority.LeafOptions()
    options.validFrom = WallInstant(nanoseconds: (now - ago) * 1_000_000_000)
    options.validity = .seconds(days * 86_400)
    return options
  }

  private static let old = since(500)
  private static let new = since(100)

  @Test("a server with another certificate answers what is open on the old connections, and then ends them")
  func serverRenews() throws {
    let realm = try Realm()
    let world = try World(realm: realm, tls: try realm.context(node, options: Self.old))
    let idle = try world.client()
    #expect(try world.code(idle, "/test.T/Echo") == .ok)
    let busy = try world.client()
    var answer: Result<[UInt8], CallStatus>?
    busy.call("/test.T/Hold", [7], timeout: .seconds(20)) { answer = $0 }
    try turn(world.loop) { !world.held.isEmpty }

    world.server.renew(try realm.context(node, options: Self.new))
    try turn(world.loop) { if case .closed = idle.state { true } else { false } }
    #expect(busy.isConnected, "a call is open on it")
    // Who takes the new certificate alone is served at once.
    let strict = try world.client()
    strict.oldestCertificate = { _ in Self.now - 100 }
    #expect(try world.code(strict, "/test.T/Echo") == .ok)

    world.held[0].respond([8])
    try turn(world.loop) { answer != nil }
    #expect(answer == .success([8]))
    try turn(world.loop) { !busy.isConnected }
  }

  @Test("a client does not talk to a server whose certificate is too old, and leaves it when it becomes so")
  func clientRefuses() throws {
    let realm = try Realm()
    let world = try World(realm: realm, tls: try realm.context(node, options: Self.old))
    let client = try world.client()
    client.oldestCertificate = { $0 == node ? Self.now - 499 : nil }
    #expect(try world.code(client, "/test.T/Echo") == .unauthenticated)
    guard case .closed(.peerRefused(.superseded(node, let issued, let since))) = client.state else {
      return #expect(Bool(false), "\(client.state)")
    }
    #expect(issued == Self.now - 500 && since == Self.now - 499)
    #expect(world.callers.isEmpty)

    let exact = try world.client()
    exact.oldestCertificate = { _ in Self.now - 500 }
    #expect(try world.code(exact, "/test.T/Echo") == .ok, "of that very second")
    exact.oldestCertificate = { _ in Self.now - 100 }
    exact.reviewPeer()
    try turn(world.loop) { !exact.isConnected }
  }

  @Test(
    "a server refuses a client whose certificate is too old, and ends the connections that it has of it; others stay"
  )
  func serverRefuses() throws {
    let world = try World()
    var oldest: Int64?
    world.server.oldestCertificate = { $0 == agent ? oldest : nil }
    let tls = try world.realm.context(agent, options: Self.old)
    let client = try world.client(tls: tls)
    let other = try world.client(
      .operator("o"), tls: try world.realm.context(.operator("o"), options: Self.old))
    #expect(try world.code(client, "/test.T/Echo") == .ok)
    #expect(try world.code(other, "/test.T/Echo") == .ok)
    oldest = Self.now - 100
    world.server.reviewPeers()
    try turn(world.loop) { !client.isConnected }
    #expect(other.isConnected)
    world.callers = []
    let again = try world.client(tls: tls)
    #expect(try world.code(again, "/test.T/Echo") == .unauthenticated)
    #expect(world.callers.isEmpty, "the handler ran for a certificate that is refused")
    let renewed = try world.client(tls: try world.realm.context(agent, options: Self.new))
    #expect(try world.code(renewed, "/test.T/Echo") == .ok)
    #expect(world.server.statistics.peersRefused == 2)
  }

  @Test("a client that is to close lets the call that is open end, and takes no other")
  func closesWhenIdle() throws {
    let world = try World()
    let client = try world.client {
      $0.reconnection = .backoff(first: .milliseconds(1), cap: .milliseconds(2))
    }
    var answer: Result<[UInt8], CallStatus>?
    client.call("/test.T/Hold", [], timeout: .seconds(20)) { answer = $0 }
    try turn(world.loop) { !world.held.isEmpty }
    client.closeWhenIdle()
    #expect(try world.code(client, "/test.T/Echo") == .unavailable)
    #expect(client.isConnected)
    world.held[0].respond([1])
    try turn(world.loop) { answer != nil && !client.isConnected }
    #expect(answer == .success([1]))
    try turn(world.loop) { world.server.connectionCount == 0 }
    #expect(client.state == .closed(.closed), "it does not come back")
  }

  // MARK: Files

  /// The two files of a pair.
  private final class Files: @unchecked Sendable {
    var certificate: [UInt8] = []
    var key: [UInt8] = []

    func put(_ issued: CertificateAuthority.Issued) throws {
      certificate = try issued.certificate.pem()
      key = try issued.key.pem()
    }
  }

  private func watch(_ files: Files, _ realm: Realm, authorities: [Certificate]? = nil) throws
    -> CertificateWatch
  {
    try CertificateWatch(
      domain: realm.domain, authorities: authorities ?? [realm.authority.certificate],
      certificate: { files.certificate }, key: { files.key })
  }

  /// A watch of files that hold this pair.
  private func watch(_ first: CertificateAuthority.Issued, in files: Files, _ realm: Realm) throws
    -> CertificateWatch
  {
    try files.put(first)
    return try watch(files, realm)
  }

  @Test("another pair in the files is taken up; a key that is not there yet is waited for")
  func taken() throws {
    let (realm, files) = (try Realm(), Files())
    let first = try realm.authority.issue(to: node, options: Self.old)
    var watch = try watch(first, in: files, realm)
    #expect(watch.look(now: Self.now) == .nothing)
    let second = try realm.authority.issue(to: node, options: Self.new)
    files.certificate = try second.certificate.pem()
    #expect(isRefused(watch.look(now: Self.now), "key values mismatch"))
    #expect(watch.look(now: Self.now) == .nothing, "the same is not said again")
    #expect(watch.own.fingerprint == first.certificate.fingerprint)
    files.key = try second.key.pem()
    #expect(watch.look(now: Self.now) == .renewed)
    #expect(watch.own.fingerprint == second.certificate.fingerprint)
    #expect(watch.look(now: Self.now) == .nothing)
  }

  @Test("what cannot take a certificate's place is refused with the reason, and the old one stays")
  func refused() throws {
    let (realm, files) = (try Realm(), Files())
    let first = try realm.authority.issue(to: node, options: Self.old)
    var watch = try watch(first, in: files, realm)
    let cases: [(CertificateAuthority.Issued, String)] = [
      (try realm.authority.issue(to: .node("n2"), options: Self.new), "expected a certificate of /node/n1"),
      (try realm.authority.issue(to: node, options: Self.since(200_000)), "valid now"),
      (try realm.authority.issue(to: node, options: Self.since(-3_600)), "valid now"),
      (try Realm().authority.issue(to: node, options: Self.new), "this party's authority"),
      (try Realm("other.example").authority.issue(to: node, options: Self.new), "trust domain acme.example"),
    ]
    for (issued, reason) in cases {
      try files.put(issued)
      let finding = watch.look(now: Self.now)
      #expect(isRefused(finding, reason), "\(finding)")
      #expect(watch.own.fingerprint == first.certificate.fingerprint)
    }
    files.certificate = Array("no certificate".utf8)
    #expect(isRefused(watch.look(now: Self.now), "reading certificates"))
    // Where the authority is not known, whose certificate it is alone decides.
    var unknowing = try CertificateWatch(
      domain: realm.domain, certificate: { [pem = try first.certificate.pem()] in pem },
      key: { [pem = try first.key.pem()] in pem })
    #expect(unknowing.look(now: Self.now) == .nothing)
  }

  @Test(
    "a key that does not fit the certificate in use is said at the second look, and taken back when it fits")
  func keyAlone() throws {
    let (realm, files) = (try Realm(), Files())
    let first = try realm.authority.issue(to: node, options: Self.old)
    var watch = try watch(first, in: files, realm)
    let key = files.key
    files.key = Array("no key".utf8)
    #expect(watch.look(now: Self.now) == .nothing, "a pair may be on its way")
    #expect(watch.complaint == nil)
    #expect(isRefused(watch.look(now: Self.now), "reading a private key"), "\(watch.complaint ?? "")")
    #expect(watch.look(now: Self.now) == .nothing, "the same is not said again")
    #expect(watch.complaint != nil)
    files.key = key
    #expect(watch.look(now: Self.now) == .restored)
    #expect(watch.look(now: Self.now) == .nothing)
    #expect(watch.complaint == nil)
    // The key of a pair whose certificate comes a look later.
    let second = try realm.authority.issue(to: node, options: Self.new)
    files.key = try second.key.pem()
    #expect(watch.look(now: Self.now) == .nothing)
    files.certificate = try second.certificate.pem()
    #expect(watch.look(now: Self.now) == .renewed)
    #expect(watch.complaint == nil)
    // Two lone looks at it are not two in a row.
    files.key = Array("no key".utf8)
    #expect(watch.look(now: Self.now) == .nothing)
    files.key = try second.key.pem()
    #expect(watch.look(now: Self.now) == .nothing)
    files.key = Array("no key".utf8)
    #expect(watch.look(now: Self.now) == .nothing)
    #expect(watch.complaint == nil)
  }

  private func isRefused(_ finding: CertificateWatch.Finding, _ reason: String) -> Bool {
    if case .refused(let text) = finding { text.contains(reason) } else { false }
  }
}

extension CallClient {
  fileprivate var isConnected: Bool { if case .connected = state { true } else { false } }
}
