import EventLoop
import Foundation
import Testing

@testable import Network

@Suite("Certificate authority")
struct CertificateAuthorityTests {
  /// Runs OpenSSL's own program; what it printed and whether it succeeded.
  private func openssl(_ arguments: [String]) throws -> (output: String, succeeded: Bool) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardError = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (String(decoding: data, as: UTF8.self), process.terminationStatus == 0)
  }

  @Test("OpenSSL's own tool verifies what is issued and reads the names in it")
  func issued() throws {
    let realm = try Realm()
    let folder = try TemporaryFolder()
    var options = CertificateAuthority.LeafOptions()
    options.dnsNames = ["node.acme.example"]
    options.addresses = [
      try #require(SocketAddress("192.0.2.7:1")), try #require(SocketAddress("[2001:db8::7]:1")),
    ]
    options.validity = .seconds(3_600)
    let leaf = try realm.authority.issue(to: node, options: options)
    let ca = try folder.write("ca.pem", try realm.authority.certificate.pem())
    let file = try folder.write("leaf.pem", try leaf.certificate.pem())
    for purpose in ["sslclient", "sslserver"] {
      let verdict = try openssl(["verify", "-x509_strict", "-purpose", purpose, "-CAfile", ca, file])
      #expect(verdict.succeeded, "\(verdict.output)")
    }
    let text = try openssl(["x509", "-in", file, "-noout", "-text"]).output
    #expect(text.contains("ED25519"))
    #expect(text.contains("URI:spiffe://acme.example/node/n1"))
    #expect(text.contains("DNS:node.acme.example"))
    #expect(text.contains("IP Address:192.0.2.7"))
    #expect(text.contains("IP Address:2001:DB8:0:0:0:0:0:7"))
    #expect(text.contains("CA:FALSE"))
    let now = WallInstant.now.nanoseconds / 1_000_000_000
    #expect(abs(leaf.certificate.validUntil - (now + 3_600 - 60)) < 30)
  }

  @Test("a fingerprint is the one OpenSSL's tool prints, and survives its text")
  func fingerprint() throws {
    let realm = try Realm()
    let folder = try TemporaryFolder()
    let fingerprint = realm.authority.certificate.fingerprint
    let file = try folder.write("ca.pem", try realm.authority.certificate.pem())
    let printed = try openssl(["x509", "-in", file, "-noout", "-fingerprint", "-sha256"]).output
    let hex = printed.drop { $0 != "=" }.filter(\.isHexDigit).lowercased()
    #expect(fingerprint.description == hex)
    #expect(CertificateFingerprint(hex: hex) == fingerprint)
    #expect(CertificateFingerprint(hex: String(hex.dropLast())) == nil)
    #expect(CertificateFingerprint(hex: "zz" + hex.dropFirst(2)) == nil)
  }

  @Test("an authority comes back from its PEM and goes on issuing; a foreign key is not its own")
  func stored() throws {
    let realm = try Realm()
    let again = try CertificateAuthority(
      certificatePEM: try realm.authority.certificate.pem(), keyPEM: try realm.authority.keyPEM(),
      domain: realm.domain)
    let leaf = try again.issue(to: agent)
    #expect(try leaf.certificate.identity(in: realm.domain) == agent)
    let world = try World(realm: realm)
    let tls = try TLSContext(
      chainPEM: try leaf.certificate.pem(), keyPEM: try leaf.key.pem(), trust: realm.trust)
    #expect(tls.identity == agent)
    #expect(try world.answer(try world.client(tls: tls), "/test.T/Echo", [1]) == .success([1]))
    #expect(throws: TLSError.self) {
      try CertificateAuthority(
        certificatePEM: try realm.authority.certificate.pem(), keyPEM: try Realm().authority.keyPEM(),
        domain: realm.domain)
    }
  }

  @Test("a request brings a key that never travelled; who it is for is the authority's word")
  func request() throws {
    let realm = try Realm()
    let key = try PrivateKey.generate()
    let pem = try CertificateRequest.create(for: key).pem()
    let leaf = try realm.authority.issue(to: node, request: try CertificateRequest.read(pem: pem))
    let tls = try TLSContext(chain: [leaf], key: key, trust: realm.trust)
    let world = try World(realm: realm, tls: tls)
    #expect(try world.answer(try world.client(), "/test.T/Echo", [1]) == .success([1]))

    // Some bit of the request's body or signature turned: it is read no more.
    let folder = try TemporaryFolder()
    let file = try folder.write("request.pem", pem)
    let verdict = try openssl(["req", "-in", file, "-noout", "-verify"])
    #expect(verdict.succeeded)
    let lines = String(decoding: pem, as: UTF8.self).split(separator: "\n").map(String.init)
    let body = try #require(Data(base64Encoded: lines.dropFirst().dropLast().joined()))
    for position in stride(from: 0, to: body.count, by: 7) {
      var bent = body
      bent[position] ^= 4
      let text = "\(lines[0])\n\(bent.base64EncodedString())\n\(lines[lines.count - 1])\n"
      #expect(throws: TLSError.self) { try CertificateRequest.read(pem: Array(text.utf8)) }
    }
  }

  @Test("a context from files; what is missing or wrong is said with its path")
  func files() throws {
    let realm = try Realm()
    let folder = try TemporaryFolder()
    let leaf = try realm.authority.issue(to: agent)
    let chain = try folder.write("leaf.pem", try leaf.certificate.pem())
    let key = try folder.write("key.pem", try leaf.key.pem())
    let ca = try folder.write("ca.pem", try realm.authority.certificate.pem())
    let tls = try TLSContext(chainFile: chain, keyFile: key, authorityFiles: [ca], domain: realm.domain)
    #expect(tls.fingerprint == leaf.certificate.fingerprint)
    let missing = "\(folder.path)/none.pem"
    #expect(throws: TLSError(attempt: "reading \(missing)", reason: "No such file or directory")) {
      try TLSContext(chainFile: missing, keyFile: key, authorityFiles: [ca], domain: realm.domain)
    }
    #expect(throws: TLSError.self) {
      try TLSContext(chainFile: key, keyFile: key, authorityFiles: [ca], domain: realm.domain)
    }
    #expect(throws: TLSError.self) {
      try TLSContext(chainFile: chain, keyFile: ca, authorityFiles: [ca], domain: realm.domain)
    }
    #expect(throws: TLSError.self) {
      try TLSContext(chainFile: ca, keyFile: key, authorityFiles: [ca], domain: realm.domain)
    }
    #expect(throws: TLSError.self) {
      try TLSContext(chainFile: chain, keyFile: key, authorityFiles: [], domain: realm.domain)
    }
    let garbled = try folder.write(
      "garbled.pem", try leaf.certificate.pem() + Array("-----BEGIN CERTIFICATE-----\nAA\n".utf8))
    #expect(throws: TLSError.self) {
      try TLSContext(chainFile: garbled, keyFile: key, authorityFiles: [ca], domain: realm.domain)
    }
  }

  @Test("addresses are numbers, and print as they are read")
  func addresses() throws {
    for text in ["127.0.0.1:7001", "[::1]:0", "[2001:db8::1]:65535"] {
      #expect(SocketAddress(text)?.description == text)
    }
    for text in [
      "", ":1", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "localhost:80",
      "[127.0.0.1]:1", "1.2.3:4",
    ] {
      #expect(SocketAddress(text) == nil, "\(text)")
    }
    #expect(SocketAddress.resolve("127.0.0.1:9") == [SocketAddress.loopback(port: 9)])
    #expect(SocketAddress.resolve("localhost:9").contains { $0.port == 9 })
    #expect(SocketAddress.resolve("no-port").isEmpty)
  }
}
