import Canonical
import Crypto
import EventLoop
import Foundation
import Network
import Records
import Testing
import Wire

/// Someone with a certificate and a signing key, who calls one node directly, with what a test wants said.
struct Caller {
  let principal: Principal
  /// Paths of PEM files.
  let certificate: String
  let certificateKey: String
  let authorities: [String]
  /// Of the signing key.
  private let seed: [UInt8]

  /// One of those whom `claw init` has made, by the folder's name.
  init(founded folder: String, of cluster: LoopbackCluster) throws {
    let path = "\(cluster.folder)/\(folder)"
    let file = folder.hasPrefix("executors/") ? "executor.json" : "client.json"
    let client = try JSON.parse(String(contentsOfFile: "\(path)/\(file)", encoding: .utf8))
    principal = try #require(client["principal"]?.string.flatMap(Principal.init(path:)))
    certificate = "\(path)/client.crt"
    certificateKey = "\(path)/client.key"
    authorities = cluster.nodeAuthorities
    let text = try String(contentsOfFile: "\(path)/signing.key", encoding: .utf8)
    seed = try #require(Hex.decode(text.trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  /// Someone whose certificate is issued now. `keyNumber` is the number of a `SampleLedger` key.
  init(
    _ path: String, of cluster: LoopbackCluster, keyNumber: UInt8 = 0,
    by authority: CertificateAuthority? = nil,
    options: CertificateAuthority.LeafOptions = CertificateAuthority.LeafOptions()
  ) throws {
    principal = try SampleLedger.principal(path)
    let issuer = try authority ?? cluster.clientAuthority()
    let identity = try #require(PeerIdentity(path: "/\(path)"))
    let issued = try issuer.issue(to: identity, options: options)
    let folder = "\(cluster.folder)/callers/\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    certificate = "\(folder)/client.crt"
    certificateKey = "\(folder)/client.key"
    try Data(try issued.certificate.pem()).write(to: URL(fileURLWithPath: certificate))
    try Data(try issued.key.pem()).write(to: URL(fileURLWithPath: certificateKey))
    authorities = cluster.nodeAuthorities
    seed = [UInt8](repeating: keyNumber, count: 32)
  }

  /// With another certificate than its own.
  init(_ principal: Principal, certificate: String, key: String, of cluster: LoopbackCluster) {
    self.principal = principal
    self.certificate = certificate
    certificateKey = key
    authorities = cluster.nodeAuthorities
    seed = [UInt8](repeating: 0, count: 32)
  }

  func signingKey() throws -> SigningKey {
    var copy = seed
    guard let key = SigningKey(seed: &copy) else { throw CallStatus(.internal, "no seed") }
    return key
  }

  /// A connection to a node: its clients' port, or another.
  func connect(to port: Int) throws -> BlockingClient {
    let tls = try TLSContext(
      chainFile: certificate, keyFile: certificateKey, authorityFiles: authorities,
      domain: LoopbackCluster.domain)
    return try BlockingClient(
      tls: tls, address: try #require(SocketAddress("127.0.0.1:\(port)")), expecting: .anyNode)
  }

  /// Signs a statement for `cluster`.
  func sign<Content: StatementContent>(_ content: Content, for cluster: Digest) throws -> Signed<Content> {
    Signed.sign(content, cluster: cluster, as: principal, with: try signingKey())
  }
}

extension LoopbackCluster {
  static let domain: TrustDomain = {
    guard let domain = TrustDomain("openexec.local") else { preconditionFailure("a name in lower case") }
    return domain
  }()

  func clients(_ node: Int) -> Int { port + node }
  func peers(_ node: Int) -> Int { port + 100 + node }

  /// Every party's authority, as clients have them.
  var nodeAuthorities: [String] {
    (1...count).map { "\(folder)/agents/agent-1/nodes/node-\($0).crt" }
  }

  /// The authority that issues clients' certificates.
  func clientAuthority(domain: TrustDomain = LoopbackCluster.domain) throws -> CertificateAuthority {
    func bytes(_ name: String) throws -> [UInt8] {
      [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/clients/\(name)")))
    }
    return try CertificateAuthority(
      certificatePEM: try bytes("ca.crt"), keyPEM: try bytes("ca.key"), domain: domain)
  }
}

/// Statements as they travel: `{"content":…,"signatures":[…]}` and their attachment.
enum Statement {
  static func request(_ body: RecordBody, _ attachment: Records.Attachment = Records.Attachment())
    throws -> StatementRequest
  {
    guard case .object(var object) = Record(at: .epoch, body: body).json else { throw CallStatus(.internal) }
    object["type"] = nil
    object["at"] = nil
    return StatementRequest(
      statement: JSON.object(object).canonicalBytes(), attachment: attachment.bytes)
  }
}

extension BlockingClient {
  /// Calls `Service/Method`.
  func call<Answer: WireMessage>(
    _ method: String, _ request: some WireMessage, of _: Answer.Type = Answer.self,
    within timeout: Duration = .seconds(20)
  ) throws -> Answer {
    try Answer(decoding: try call("/openexec.v1.\(method)", request.encode(), timeout: timeout))
  }

  /// What a call ends with.
  func status(_ method: String, _ request: some WireMessage, within timeout: Duration = .seconds(20))
    -> CallStatus
  {
    do throws(CallStatus) {
      _ = try call("/openexec.v1.\(method)", request.encode(), timeout: timeout)
      return .ok
    } catch {
      return error
    }
  }
}

extension Timestamp {
  /// This host's clock.
  static var now: Timestamp { Timestamp(nanoseconds: WallInstant.now.nanoseconds) ?? .epoch }
}
