import Canonical
import Crypto
import Host
import Network
import Records

/// The nodes of a cluster as its clients know them: public, the same for all.
struct ClusterDirectory {
  let domain: TrustDomain
  let threshold: Int
  let parties: [Invitation]

  init(domain: TrustDomain, threshold: Int, parties: [Invitation]) {
    self.domain = domain
    self.threshold = threshold
    self.parties = parties.sorted { $0.id < $1.id }
  }

  /// Writes every node's authority below `folder`; what stands in `nodes` of a client's file.
  func writeNodes(in folder: String) throws -> JSON {
    .array(try parties.map { try Self.writeNode($0, in: folder) })
  }

  /// Writes one node's authority; its row.
  static func writeNode(_ party: Invitation, in folder: String) throws -> JSON {
    try Files.createFolder("\(folder)/nodes")
    let file = "nodes/\(party.name).crt"
    try Files.write(party.authority, to: "\(folder)/\(file)")
    return .object([
      ("name", .string(party.name)), ("address", .string(party.clientsAddress)),
      ("authority", .string(file)), ("pin", .string("\(try party.pin())")),
    ])
  }
}

/// The folder of someone who speaks to a cluster.
///
/// ```
/// client.json (executor.json for executors)      who, which nodes
/// signing.key what statements are signed with, 0600; not of an OpenSSH key second.key a person's second key,
/// where they have one here client.key client.crt what connections are made with nodes/<name>.crt each
/// party's authority cluster.json the cluster's id and key, once known
/// ```
struct IdentityFolder {
  let path: String
  let principal: Principal

  /// Makes the signing key.
  func createSigningKey() throws -> PublicKey {
    try Files.createFolder(path, mode: 0o700)
    var random = SystemRandom()
    let key = try KeyFile.createSigningKey(at: "\(path)/signing.key", using: &random)
    try Files.write(key.hex + "\n", to: "\(path)/signing.pub")
    return key
  }

  /// Makes the second key of a person, which confirms (`require_mfa`).
  func createSecondKey() throws -> PublicKey {
    var random = SystemRandom()
    let key = try KeyFile.createSigningKey(at: "\(path)/second.key", using: &random)
    try Files.write(key.hex + "\n", to: "\(path)/second.pub")
    return key
  }

  /// Keeps the public half of a key that is not made here.
  func keep(_ key: PublicKey) throws -> PublicKey {
    try Files.createFolder(path, mode: 0o700)
    try Files.write(key.hex + "\n", to: "\(path)/signing.pub")
    return key
  }

  /// Has a certificate issued, whose key is made here.
  func certify(by authority: CertificateAuthority) throws {
    try CertificatePair(certificate: "\(path)/client.crt", key: "\(path)/client.key").issue(
      to: try Self.peer(principal), by: authority, try IssuedTime().options())
  }

  /// Makes the connection's key and asks for a certificate.
  func createRequest() throws {
    let key = try PrivateKey.generate()
    try Files.write(try key.pem(), to: "\(path)/client.key", mode: 0o600)
    try Files.write(try CertificateRequest.create(for: key).pem(), to: "\(path)/client.csr")
  }

  /// The name in a certificate.
  static func peer(_ principal: Principal) throws -> PeerIdentity {
    guard let peer = PeerIdentity(path: "/\(principal.path)") else {
      throw UsageError(
        "\(principal.path): names in certificates are letters, digits, dots, dashes and underscores")
    }
    return peer
  }

  /// Writes `client.json`.
  func writeClient(_ directory: ClusterDirectory) throws {
    var value: [(String, JSON)] = [
      ("principal", .string(principal.path)), ("trust_domain", .string(directory.domain.name)),
      ("threshold", .integer(directory.threshold)), ("certificate", "client.crt"), ("key", "client.key"),
    ]
    if Files.exists("\(path)/signing.key") { value.append(("signing_key", "signing.key")) }
    if Files.exists("\(path)/second.key") { value.append(("second_signing_key", "second.key")) }
    value.append(("nodes", try directory.writeNodes(in: path)))
    try Files.write(JSON.object(value).indented, to: "\(path)/\(ClientIdentity.file)")
  }

  /// Writes `executor.json`, which `openexec run --config` reads. `health` is where probes of its host may ask; with nil
  /// they may not.
  func writeExecutor(
    _ directory: ClusterDirectory, _ enrolment: Enrolment, images: String, health: String? = nil
  ) throws {
    var members: [(String, JSON)] = [
      ("principal", .string(principal.path)), ("trust_domain", .string(directory.domain.name)),
      ("threshold", .integer(directory.threshold)), ("incarnation", .integer(enrolment.incarnation)),
      ("isolation_classes", .array(enrolment.isolationClasses.map { .string($0.rawValue) })),
      ("tls", .object([("certificate", "client.crt"), ("key", "client.key")])),
      ("signing_key", "signing.key"), ("data", "data"), ("images", .string(images)),
      ("nodes", try directory.writeNodes(in: path)),
    ]
    if let health { members.append(("health", .string(health))) }
    try Files.write(JSON.object(members).indented, to: "\(path)/executor.json")
  }
}
