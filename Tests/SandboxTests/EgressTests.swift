import Crypto
import Foundation
import OpenExec
import Records
import Synchronization
import Testing

@testable import Sandbox

/// Secrets that need no vault.
final class FixedSecrets: SecretSource {
  private let values: Mutex<[String: [UInt8]]>

  /// By `tenant+name`.
  init(_ values: [String: String]) { self.values = Mutex(values.mapValues { Array($0.utf8) }) }

  func secret(_ name: String, of tenant: String) throws(SandboxError) -> [UInt8] {
    guard let value = values.withLock({ $0["\(tenant)+\(name)"] }) else {
      throw .secret("there is no secret \(name) of \(tenant)")
    }
    return value
  }

  func replace(_ name: String, of tenant: String, _ value: [UInt8]) throws(SandboxError) {
    values.withLock { $0["\(tenant)+\(name)"] = value }
  }
}

/// Real machines that reach a network of the test's own through their executor's proxy.
@Suite("Egress of real machines", .serialized, .enabled(if: Bench.obstacle == nil, "\(Bench.obstacle ?? "")"))
struct EgressTests {
  static let hosts = [
    (PublicNet.address, "files.example.org"), (PublicNet.address, "tls.example.org"),
    (PublicNet.address, "other.example.org"), ("127.0.0.1", "rebound.example.org"),
    ("169.254.169.254", "metadata.example.org"),
  ]

  static func grant(_ destinations: [String], receivedBytes: Int = 4 << 20) throws -> EgressGrant {
    EgressGrant(
      destinations: try destinations.map { try #require(EgressDestination(text: $0)) },
      limits: EgressLimits(
        sentBytes: 64 << 10, receivedBytes: receivedBytes, connections: 32, connectionsPerMinute: 32))
  }

  @Test("with a grant, exactly what it names; each connection is recorded with what came of it")
  func granted() throws {
    try PublicNet.run(hosts: Self.hosts) {
      let asked = Mutex<[String]>([])
      try PublicNet.serve(80) { request in
        asked.withLock { $0.append(request) }
        if request.hasPrefix("GET /away") {
          return PublicNet.answer("302 Found", "Location: http://metadata.example.org/latest\r\n")
        }
        if request.hasPrefix("GET /local") {
          return PublicNet.answer("302 Found", "Location: http://127.0.0.1:80/\r\n")
        }
        return PublicNet.answer("200 OK", "", Array("hello from files\n".utf8))
      }
      let rig = try Rig()
      let script = """
        B=/bin/busybox
        echo env $($B env | $B grep -i proxy | $B sort | $B tr '\\n' ' ')
        get() { echo "$1: $($B wget -q -O - http://$1 2>&1 | $B tr '\\n' ' ')"; }
        get files.example.org/hello
        get other.example.org/
        get rebound.example.org/
        get metadata.example.org/latest/meta-data/
        get \(PublicNet.address)/
        get unknown.example.org/
        get files.example.org/away
        get files.example.org/local
        $B wget -q -O - --post-data x=1 http://files.example.org/ 2>&1
        say() { printf "$1" | $B nc -w 5 127.0.0.1 3128 | $B head -1; }
        say 'POST http://files.example.org/ HTTP/1.1\\r\\nContent-Length: 3\\r\\n\\r\\nx=1'
        say 'CONNECT files.example.org:22 HTTP/1.1\\r\\n\\r\\n'
        say 'GET http://files.example.org/ HTTP/1.1\\r\\nHost: other.example.org\\r\\n\\r\\n'
        say 'GET http://files.example.org/ HTTP/1.1\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n'
        say 'GET http://files.example.org/ HTTP/1.1\\nHost: files.example.org\\n\\n'
        """
      let grant = try Self.grant([
        "http://files.example.org:80", "http://rebound.example.org:80", "http://metadata.example.org:80",
        "http://unknown.example.org:80", "https://tls.example.org:443",
      ])
      let order = rig.hostile(script, egress: grant)
      let outcome = try rig.carryOut(order)
      let output = String(decoding: outcome.output, as: UTF8.self)
      #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending) \(output)")
      let proxy = "http://127.0.0.1:3128"
      for line in [
        "env HTTPS_PROXY=\(proxy) http_proxy=\(proxy) https_proxy=\(proxy)",
        "files.example.org/hello: hello from files",
        "other.example.org/: wget: server returned error: HTTP/1.1 403",
        "rebound.example.org/: wget: server returned error: HTTP/1.1 403",
        "metadata.example.org/latest/meta-data/: wget: server returned error: HTTP/1.1 403",
        "\(PublicNet.address)/: wget: server returned error: HTTP/1.1 403",
        "unknown.example.org/: wget: server returned error: HTTP/1.1 502",
        "files.example.org/away: wget: server returned error: HTTP/1.1 403",
        "files.example.org/local: wget: server returned error: HTTP/1.1 403",
        "HTTP/1.1 405 Refused\r\nHTTP/1.1 403 Refused\r\nHTTP/1.1 400",
        "HTTP/1.1 411 Refused", "HTTP/1.1 400 Refused",
      ] { #expect(output.contains(line), "\(line) is not in \(output)") }
      let report = try #require(outcome.measures.egress)
      let verdicts = report.records.map { "\($0.destination) \($0.verdict)" }
      let expected = [
        "files.example.org:80 OK", "sha256-\(SHA256.hash("other.example.org").hex.prefix(16)):80 NOT_GRANTED",
        "rebound.example.org:80 ADDRESS_REFUSED",
        "metadata.example.org:80 ADDRESS_REFUSED", " ADDRESS_OR_LOCAL_NAME",
        "unknown.example.org:80 UNRESOLVED",
        "files.example.org:80 OK", "metadata.example.org:80 ADDRESS_REFUSED", "files.example.org:80 OK",
        " ADDRESS_OR_LOCAL_NAME", "files.example.org:80 METHOD_NOT_GRANTED",
        "files.example.org:80 METHOD_NOT_GRANTED",
        "files.example.org:22 NOT_GRANTED",
        " MALFORMED_REQUEST", " MALFORMED_REQUEST", " MALFORMED_REQUEST",
      ]
      #expect(verdicts == expected)
      #expect(report.records.first?.address?.text == PublicNet.address)
      #expect((report.records.first?.receivedBytes ?? 0) > 17)
      // The server saw three requests, each alone on its connection, with nothing of the proxy's.
      let seen = asked.withLock { $0 }
      #expect(seen.count == 3 && seen.allSatisfy { $0.hasSuffix("Connection: close\r\n\r\n") }, "\(seen)")
      try rig.expectNothingLeft()
    }
  }

  @Test("a tunnel carries TLS for the granted name, and nothing else")
  func tunnel() throws {
    try PublicNet.run(hosts: Self.hosts) {
      let folder = NSTemporaryDirectory() + "openexec-tls-\(UUID())"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      try Bench.run(
        "/usr/bin/openssl",
        [
          "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=tls.example.org",
          "-keyout", "\(folder)/key", "-out", "\(folder)/cert",
        ])
      let server = Process()
      server.executableURL = URL(fileURLWithPath: "/usr/bin/openssl")
      server.arguments = [
        "s_server", "-accept", "443", "-cert", "\(folder)/cert", "-key", "\(folder)/key",
        // The client in the guest knows old signatures only.
        "-cipher", "ALL:@SECLEVEL=0", "-www", "-quiet",
      ]
      server.standardOutput = FileHandle.nullDevice
      server.standardError = FileHandle.nullDevice
      try server.run()
      defer { PublicNet.end(server) }
      let rig = try Rig()
      let script = """
        B=/bin/busybox
        $B cat >/tmp/tls <<'END'
        B=/bin/busybox
        printf 'CONNECT tls.example.org:443 HTTP/1.1\\r\\nHost: tls.example.org:443\\r\\n\\r\\n'
        while read line && [ ${#line} -gt 1 ]; do echo "$line" >&2; done
        exec 3<&0
        printf 'GET / HTTP/1.0\\r\\n\\r\\n' | $B ssl_client -s 3 -n $NAME >/tmp/answer 2>/tmp/errors
        END
        NAME=tls.example.org $B nc 127.0.0.1 3128 -e $B sh /tmp/tls
        echo "answer $($B head -1 /tmp/answer) $($B grep -c 'TLSv1' /tmp/answer)"
        NAME=other.example.org $B nc 127.0.0.1 3128 -e $B sh /tmp/tls
        echo "other $($B wc -c </tmp/answer)"
        printf 'CONNECT tls.example.org:443 HTTP/1.1\\r\\n\\r\\nSSH-2.0-x\\r\\n' | $B nc -w 5 127.0.0.1 3128
        """
      let order = rig.hostile(script, egress: try Self.grant(["https://tls.example.org:443"]))
      let outcome = try rig.carryOut(order)
      let output = String(decoding: outcome.output + outcome.errorOutput, as: UTF8.self)
      #expect(output.contains("answer HTTP/1.0 200 ok"), "\(output)")
      #expect(output.contains("other 0\n"), "\(output)")
      let report = try #require(outcome.measures.egress)
      #expect(report.records.map(\.verdict) == ["OK", "NOT_TLS", "NOT_TLS"])
      #expect(report.records[0].isOpaque && report.records[0].sentBytes > 100)
      #expect(report.records[2].sentBytes == 0)
      try rig.expectNothingLeft()
    }
  }

  @Test(
    "what a run may receive is cut at its limit; a reader that stops holds up nobody, and nothing piles up")
  func limits() throws {
    try PublicNet.run(hosts: Self.hosts) {
      try PublicNet.serve(80) { request in
        let count =
          request.hasPrefix("GET /large") ? 3_000_000 : request.hasPrefix("GET /endless") ? 64 << 20 : 5
        return PublicNet.answer("200 OK", "", [UInt8](repeating: 0x61, count: count))
      }
      let rig = try Rig()
      let script = """
        B=/bin/busybox
        U=http://files.example.org
        { printf 'GET http://files.example.org/endless HTTP/1.1\\r\\n\\r\\n'; $B sleep 30; } |
          $B nc 127.0.0.1 3128 | { $B head -c 100 >/dev/null; $B sleep 30; } &
        $B sleep 1
        $B yes | $B head -c 3000000
        echo
        echo small $($B wget -q -O - $U/small)
        echo large $($B wget -q -O - $U/large | $B wc -c)
        echo endless $($B wget -q -O - $U/endless 2>/dev/null | $B wc -c)
        """
      let order = rig.hostile(
        script, egress: try Self.grant(["http://files.example.org:80"], receivedBytes: 6 << 20))
      let outcome = try rig.carryOut(order)
      let output = String(decoding: outcome.output, as: UTF8.self)
      #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending)")
      #expect(output.contains("small aaaaa\nlarge 3000000\n"), "\(output.suffix(300))")
      let report = try #require(outcome.measures.egress)
      let received = report.records.reduce(0) { $0 + $1.receivedBytes }
      #expect(received == 6 << 20)
      #expect(report.records.map(\.verdict).contains("RECEIVED_BYTES_USED_UP"), "\(report.records)")
      // The reader that stopped got what windows and sockets of the guest hold, and no more.
      let stuck = try #require(report.records.first)
      #expect(stuck.receivedBytes < 5 << 20, "\(stuck.receivedBytes)")
      try rig.expectNothingLeft()
    }
  }

  @Test("without a grant there is no proxy, no route and no word of one")
  func none() throws {
    try PublicNet.run(hosts: Self.hosts) {
      let asked = Mutex(0)
      try PublicNet.serve(80) { _ in
        asked.withLock { $0 += 1 }
        return PublicNet.answer("200 OK")
      }
      let rig = try Rig()
      let script = """
        B=/bin/busybox
        echo env $($B env | $B grep -ic proxy)
        for a in 127.0.0.1:3128 \(PublicNet.address):80; do
          $B nc -w 3 ${a%:*} ${a#*:} </dev/null 2>&1; echo "$a $?"
        done
        http_proxy=http://127.0.0.1:3128 $B wget -q -O - http://files.example.org/ 2>&1
        $B ifconfig lo up 2>&1; echo "lo $?"
        $B ls /secrets
        """
      let outcome = try rig.carryOut(rig.hostile(script))
      let output = String(decoding: outcome.output, as: UTF8.self)
      #expect(
        output.contains("env 0\n") && output.contains("3128 1\n") && output.contains(":80 1\n"), "\(output)")
      #expect(output.contains("lo 1\n"), "\(output)")
      #expect(outcome.measures.egress == nil)
      let count = asked.withLock { $0 }
      #expect(count == 0)
    }
  }

  @Test("secrets are files of one run, and leave it in no clothes")
  func secrets() throws {
    let rig = try Rig { $0.secrets = FixedSecrets(["acme+api-token": "tok-3n:S3cret/Value+1"]) }
    let script = """
      B=/bin/busybox
      $B ls -l /secrets | $B awk 'NR>1 {print "file", $1, $3, $9}'
      S=$($B cat /secrets/api-token)
      echo plain $S; echo base64 $(printf "user:%s" "$S" | $B base64); echo hex $(printf %s "$S" | $B hexdump -v -e '/1 "%02x"')
      echo length ${#S}
      $B env; $B cat /proc/1/environ /proc/1/cmdline 2>/dev/null
      echo x >/secrets/new; $B rm -f /secrets/api-token; $B chmod 777 /secrets/api-token; $B ls /secrets
      echo $S >&2
      """
    let outcome = try rig.carryOut(rig.hostile(script, secrets: ["api-token"]))
    let output = String(decoding: outcome.output, as: UTF8.self)
    #expect(output.hasPrefix("file -r-------- 65534 api-token\n"), "\(output)")
    #expect(output.contains("length 21\n") && output.hasSuffix("api-token\n"), "\(output)")
    let all = output + String(decoding: outcome.errorOutput, as: UTF8.self)
    for form in ["tok-3n", "S3cret", "dG9rLTNu", "UzNjcmV0", "746f6b2d"] {
      #expect(!all.contains(form), "\(form): \(all)")
    }
    #expect(outcome.measures.output.redactions == 3 && outcome.measures.errorOutput.redactions == 1)
    // A secret that is not there is a failure with its reason, before anything starts.
    let missing = try rig.carryOut(rig.hostile("echo never", secrets: ["other"]))
    #expect(missing.ending == .sandboxFailed("there is no secret other of acme"))
    try rig.expectNothingLeft()
  }
}
