import Foundation
import OpenExec
import Records
import Testing

@testable import Sandbox

/// What a model's stand-in needs of this machine.
enum ModelServer {
  static let obstacle: String? =
    (try? Bench.status("/usr/bin/env", ["python3", "-c", "import ssl"])) == 0
    ? nil : "python3 with ssl is not installed"
}

/// RT-9 on a real machine: a language model is reached through the executor, which speaks TLS and counts.
@Suite(
  "Models of real machines", .serialized,
  .enabled(
    if: Bench.obstacle == nil && ModelServer.obstacle == nil,
    "\(Bench.obstacle ?? ModelServer.obstacle ?? "")")
)
struct ModelTests {
  static let server = """
    import http.server, ssl, sys
    class Model(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = b'{"said":"hello","usage":{"input_tokens":11,"output_tokens":7}}'
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
        def log_message(self, *_): pass
    server = http.server.HTTPServer(("0.0.0.0", int(sys.argv[1])), Model)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[2], sys.argv[3])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
    """

  @Test("calls are bounded before they are made, counted by what the model says, and have no secret in them")
  func calls() throws {
    let hosts = [(PublicNet.address, "model.example.org"), (PublicNet.address, "other.example.org")]
    try PublicNet.run(hosts: hosts) {
      let folder = NSTemporaryDirectory() + "openexec-model-\(UUID())"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      defer { try? FileManager.default.removeItem(atPath: folder) }
      try Bench.run(
        "/usr/bin/openssl",
        [
          "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=model.example.org",
          "-addext", "subjectAltName=DNS:model.example.org", "-keyout", "\(folder)/key", "-out",
          "\(folder)/cert",
        ])
      let model = Process()
      model.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      model.arguments = ["python3", "-c", Self.server, "443", "\(folder)/cert", "\(folder)/key"]
      try model.run()
      defer { PublicNet.end(model) }
      let rig = try Rig {
        $0.secrets = FixedSecrets(["acme+key": "model-key-12345"])
        $0.egress.tlsAuthorities = "\(folder)/cert"
      }
      let script = """
        B=/bin/busybox
        call() {
          { printf 'POST http://%s:443/v1 HTTP/1.1\\r\\nHost: %s:443\\r\\n' $1 $1
            printf 'x-api-key: %s\\r\\nContent-Length: %d\\r\\n\\r\\n%s' $($B cat /secrets/key) ${#2} "$2"
          } | $B nc 127.0.0.1 3128; echo
        }
        call model.example.org '{"max_tokens":50,"prompt":"hi"}'
        call model.example.org '{"prompt":"hi"}'
        call model.example.org '{"max_tokens":5000,"prompt":"hi"}'
        call model.example.org '{"max_tokens":5,"prompt":"model-key-12345"}'
        call other.example.org '{"max_tokens":5,"prompt":"hi"}'
        $B wget -q -O - http://model.example.org:443/v1 2>&1
        """
      let destinations = ["model://model.example.org:443", "model://other.example.org:443"]
      let grant = EgressGrant(
        destinations: try destinations.map { try #require(EgressDestination(text: $0)) },
        limits: EgressLimits(
          sentBytes: 64 << 10, receivedBytes: 64 << 10, connections: 16, connectionsPerMinute: 16),
        model: ModelLimits(tokens: 1_000, costPerMillion: try #require(MicroUSD(text: "3"))))
      let outcome = try rig.carryOut(rig.hostile(script, egress: grant, secrets: ["key"]))
      let output = String(decoding: outcome.output, as: UTF8.self)
      #expect(output.contains(#"{"said":"hello","usage""#), "\(output)")
      for status in ["422", "429", "403", "502", "405"] {
        #expect(output.contains("HTTP/1.1 \(status) Refused"), "\(status): \(output)")
      }
      let report = try #require(outcome.measures.egress)
      #expect(
        report.records.map(\.verdict)
          == [
            "OK", "MODEL_CALL_REFUSED", "TOKENS_USED_UP", "SECRET_IN_PROMPT", "UNREACHABLE",
            "METHOD_NOT_GRANTED",
          ])
      #expect(report.records.map(\.tokens) == [18, 0, 0, 0, 0, 0])
      // 18 tokens of 3 dollars a million.
      #expect(report.cost.micros == 54 && outcome.cost.micros == 54)
      try rig.expectNothingLeft()
    }
  }
}
