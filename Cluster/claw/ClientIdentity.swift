import Canonical
import Crypto
import Host
import Merkle
import Network
import Records

/// A node as clients know it.
struct NodeAddress {
  let name: String
  let address: String
  /// Certificate of its party's authority (PEM), and the fingerprint that was compared.
  let authority: [UInt8]
  let pin: CertificateFingerprint
}

/// The cluster's id and the keys that sign its notes: what every proof is checked against.
struct ClusterKey: Equatable {
  let cluster: Digest
  /// The key of the genesis: whom everything rests on.
  let groupKey: PublicKey
  /// The keys that came after it, each certified by the one before.
  private(set) var chain: KeyChain
  /// What certifies them, as it is kept.
  private(set) var links: [String] = []

  static let file = "cluster.json"

  init(cluster: Digest, groupKey: PublicKey) {
    self.cluster = cluster
    self.groupKey = groupKey
    chain = KeyChain(cluster: cluster, genesisKey: groupKey)
  }

  /// Takes the links of the chain of keys that a node shows; nobody need be believed for them. True where one is new.
  mutating func follow(_ shown: [String]) throws -> Bool {
    var isNew = false
    for text in shown.prefix(1024) {
      do {
        guard try chain.extend(LedgerProof(parsing: text)) else { continue }
      } catch {
        throw Failure(.other, "keys that the cluster's own do not certify: \(error)")
      }
      links.append(text)
      isNew = true
    }
    return isNew
  }

  /// What an identity has pinned; nil before its first call.
  init?(folder: String) throws {
    let path = "\(folder)/\(Self.file)"
    guard Files.exists(path) else { return nil }
    try self.init(file: path)
  }

  /// What a file of that name holds.
  init(file path: String) throws {
    var file = try ConfigurationSection(file: path)
    let cluster = try file.value("cluster", "a cluster id, 64 hexadecimal characters") { json in
      json.string.flatMap(Digest.init(hex:))
    }
    let groupKey = try file.value("group_key", "an Ed25519 public key in hexadecimal") { json in
      json.string.flatMap(PublicKey.init(hex:))
    }
    let kept: [String] = try file.value("links", "proofs of the keys that followed", default: []) { json in
      json.array.map { $0.compactMap(\.string) }
    }
    try file.finish()
    self.init(cluster: cluster, groupKey: groupKey)
    _ = try follow(kept)
  }

  func write(folder: String) throws {
    var value: [(String, JSON)] = [
      ("cluster", .string(cluster.hex)), ("group_key", .string(groupKey.hex)),
    ]
    if !links.isEmpty { value.append(("links", .array(links.map(JSON.string)))) }
    try Files.write(JSON.object(value).indented, to: "\(folder)/\(Self.file)")
  }
}

/// An identity folder, read: who speaks, with which keys, to which nodes.
struct ClientIdentity {
  let folder: String
  let principal: Principal
  let domain: TrustDomain
  let nodes: [NodeAddress]
  /// How many parties must say the same before the cluster's id is believed.
  let threshold: Int
  private let certificate: String
  private let certificateKey: String
  /// Nil where the identity's key is an OpenSSH key, which is not ours to hold.
  private let signingKeyPath: String?
  private let secondKeyPath: String?

  static let file = "client.json"

  init(folder: String) throws {
    self.folder = folder
    let path = "\(folder)/\(Self.file)"
    guard Files.exists(path) else {
      throw Failure(.usage, "\(folder) is no identity folder: it has no \(Self.file)")
    }
    var file = try ConfigurationSection(file: path)
    principal = try file.value("principal", "a principal such as tenant/<t>/agent/<a>") { json in
      json.string.flatMap(Principal.init(path:))
    }
    domain = try file.value("trust_domain", "a SPIFFE trust domain") { $0.string.flatMap(TrustDomain.init) }
    threshold = try file.integer("threshold", in: 1...64)
    certificate = try file.path("certificate")
    certificateKey = try file.path("key")
    signingKeyPath = try file.value("signing_key", "a path", default: nil) { json in
      json.string.map { Files.resolve($0, in: folder) }
    }
    secondKeyPath = try file.value("second_signing_key", "a path", default: nil) { json in
      json.string.map { Files.resolve($0, in: folder) }
    }
    let rows = try file.sections("nodes") { (node) throws(ConfigurationError) in
      (
        name: try node.text("name"), address: try node.text("address"),
        authority: try node.text("authority"),
        pin: try node.value("pin", "a SHA-256 fingerprint in hexadecimal") { json in
          json.string.flatMap(CertificateFingerprint.init(hex:))
        }
      )
    }
    try file.finish()
    nodes = try rows.map { row in
      NodeAddress(
        name: row.name, address: row.address,
        authority: try Files.read(Files.resolve(row.authority, in: folder), limit: 1 << 20), pin: row.pin)
    }
    guard !nodes.isEmpty else { throw Failure(.usage, "\(path): nodes: expected at least one") }
  }

  /// The identity that `--as` or $CLAW_IDENTITY names.
  init(_ parsed: ParsedCommand) throws {
    guard let folder = parsed.value("--as") ?? Environment.value("CLAW_IDENTITY") else {
      throw UsageError("expected --as DIR or $CLAW_IDENTITY")
    }
    try self.init(folder: folder)
  }

  func signingKey() throws -> SigningKey {
    guard let signingKeyPath else {
      throw Failure(
        .other,
        "\(principal.path) signs with an OpenSSH key: give --ssh-key FILE, or --to-sign FILE and claw cast")
    }
    return try KeyFile.readSigningKey(signingKeyPath)
  }

  /// The signature of the identity's second key alone.
  func secondSignature<Content: StatementContent>(_ content: Content, cluster: Digest) throws
    -> [StatementSignature]
  {
    guard let secondKeyPath else {
      throw Failure(
        .other, "\(folder)/\(Self.file) names no second_signing_key: give --ssh-key FILE, or --to-sign FILE")
    }
    return Signed.sign(
      content, cluster: cluster, as: principal, with: try KeyFile.readSigningKey(secondKeyPath)
    ).signatures
  }

  /// Signs a statement with the identity's key, and with its second one where it has one and
  /// `withSecondKey` asks for it.
  func sign<Content: StatementContent>(_ content: Content, cluster: Digest, withSecondKey: Bool = false)
    throws -> Signed<Content>
  {
    let signed = Signed.sign(content, cluster: cluster, as: principal, with: try signingKey())
    guard withSecondKey, let secondKeyPath else { return signed }
    return signed.cosigned(
      cluster: cluster, as: principal, with: try KeyFile.readSigningKey(secondKeyPath))
  }

  /// When the identity's own certificate ends.
  func certificateEnds() throws -> Timestamp? {
    try Certificate.read(pem: try Files.read(certificate, limit: 1 << 20)).first.flatMap {
      let (nanoseconds, overflow) = $0.validUntil.multipliedReportingOverflow(by: 1_000_000_000)
      return overflow ? nil : Timestamp(nanoseconds: nanoseconds)
    }
  }

  /// What connections are made with: every node is pinned to its party's authority.
  func tls() throws -> TLSContext {
    var authorities: [Certificate] = []
    var pins: [String: CertificateFingerprint] = [:]
    for node in nodes {
      authorities += try Certificate.read(pem: node.authority)
      pins[node.name] = node.pin
    }
    return try TLSContext(
      chainPEM: try Files.read(certificate, limit: 1 << 20),
      keyPEM: try Files.readSecret(certificateKey, limit: 1 << 20),
      trust: TrustPolicy(domain: domain, authorities: authorities, nodePins: pins))
  }
}
