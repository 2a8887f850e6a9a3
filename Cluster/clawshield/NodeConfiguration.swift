import Canonical
import ClawShield
import Crypto
import GovernanceNode
import Host
import Network
import Raft
import Records

/// What a node is told by its file.
struct NodeConfiguration: Sendable {
  /// Another party's node.
  struct Peer: Sendable {
    let id: NodeID
    let name: String
    let address: String
    /// Its party's certificate authority, and the fingerprint that operators compared.
    let authority: String
    let pin: CertificateFingerprint
  }

  let id: NodeID
  let name: String
  let domain: TrustDomain
  let data: String
  let listenPeers: SocketAddress
  let listenClients: SocketAddress
  /// Connections from one address that have not shown a certificate yet; with one more the oldest goes.
  let handshakesPerAddress: Int
  let certificate: String
  let certificateKey: String
  let ownAuthority: String
  let clientAuthorities: [String]
  let partyKey: String
  let storageKey: String
  let peers: [Peer]
  /// The newest semantics that this node says it applies: its program's, or fewer where an upgrade is rehearsed.
  let newestSemantics: Int
  /// How many final entries a peer may lack before this node, as leader, sends it a snapshot instead.
  let snapshotLag: UInt64
  /// The folder of the party's own bundle; nil where it has none.
  let localPolicy: String?
  let beginning: Beginning

  /// How the ledger begins.
  enum Beginning: Sendable {
    /// With the key generation of all parties.
    case ceremony(CeremonyConfiguration)
    /// With the genesis of a cluster that there is, whose hash is this.
    case joins(Digest)
  }

  init(file: String) throws {
    var file = try ConfigurationSection(file: file)
    let node = try file.section("node") { (node) throws(ConfigurationError) in
      (
        id: try node.value("id", "a number from 1 to 65535") { json in
          json.integer.flatMap { (1...65_535).contains($0) ? NodeID(rawValue: UInt64($0)) : nil }
        }, name: try node.text("name")
      )
    }
    id = node.id
    name = node.name
    domain = try file.value("trust_domain", "a SPIFFE trust domain") { $0.string.flatMap(TrustDomain.init) }
    data = try file.path("data")
    let connections = Listener.Limits()
    let listen = try file.section("listen") { (listen) throws(ConfigurationError) in
      (
        peers: try listen.address("peers"), clients: try listen.address("clients"),
        handshakes: try listen.value(
          "handshakes_per_address", "a whole number from 1 to \(connections.handshakes)",
          default: connections.handshakesPerAddress
        ) { json in json.integer.flatMap { (1...connections.handshakes).contains($0) ? $0 : nil } }
      )
    }
    listenPeers = listen.peers
    listenClients = listen.clients
    handshakesPerAddress = listen.handshakes
    let tls = try file.section("tls") { (tls) throws(ConfigurationError) in
      (
        certificate: try tls.text("certificate"), key: try tls.text("key"),
        authority: try tls.text("authority"),
        clients: try tls.value("client_authorities", "a list of paths") { json in
          json.array.map { $0.compactMap(\.string) }
        }
      )
    }
    let folder = file.folder
    certificate = Files.resolve(tls.certificate, in: folder)
    certificateKey = Files.resolve(tls.key, in: folder)
    ownAuthority = Files.resolve(tls.authority, in: folder)
    clientAuthorities = tls.clients.map { Files.resolve($0, in: folder) }
    partyKey = try file.path("party_key")
    storageKey = try file.path("storage_key")
    peers = try file.sections("peers") { (peer) throws(ConfigurationError) in
      Peer(
        id: try peer.value("id", "a number from 1 to 65535") { json in
          json.integer.flatMap { (1...65_535).contains($0) ? NodeID(rawValue: UInt64($0)) : nil }
        }, name: try peer.text("name"), address: try peer.text("address"),
        authority: Files.resolve(try peer.text("authority"), in: folder),
        pin: try peer.value("pin", "a SHA-256 fingerprint in hexadecimal") { json in
          json.string.flatMap(CertificateFingerprint.init(hex:))
        })
    }
    newestSemantics = try file.value(
      "newest_semantics", "a whole number from 1 to \(Semantics.newest)", default: Semantics.newest
    ) { json in json.integer.flatMap { (1...Semantics.newest).contains($0) ? $0 : nil } }
    snapshotLag = try file.value("snapshot_lag", "a whole number from 1 to 1000000000", default: 100_000) {
      json in
      json.integer.flatMap { (1...1_000_000_000).contains($0) ? UInt64($0) : nil }
    }
    localPolicy = try file.value("local_policy", "a folder of Rego", default: nil) { json in
      json.string.map { Files.resolve($0, in: folder) }
    }
    let cluster: Digest? = try file.value("joins", "a cluster id, 64 hexadecimal characters", default: nil) {
      json in json.string.flatMap { Digest(hex: $0) }
    }
    if let cluster {
      try file.finish()
      guard !peers.isEmpty else {
        throw file.unusable("peers", "expected parties of the cluster that it joins")
      }
      beginning = .joins(cluster)
      return
    }
    let ceremonyFile = try file.path("ceremony")
    try file.finish()
    let ceremony = try CeremonyFile.read(ceremonyFile)
    beginning = .ceremony(ceremony)
    guard ceremony.seats.contains(where: { UInt64($0.id) == node.id.rawValue && $0.name == node.name })
    else {
      throw file.unusable("node", "party \(node.id.rawValue), \(node.name), has no seat in the ceremony")
    }
  }
}

extension ConfigurationSection {
  mutating func address(_ key: String) throws(ConfigurationError) -> SocketAddress {
    try value(key, "an address such as 127.0.0.1:7001") { $0.string.flatMap { SocketAddress($0) } }
  }
}

/// The ceremony's file: the same, byte for byte, at every party.
enum CeremonyFile {
  static func read(_ path: String) throws -> CeremonyConfiguration {
    var file = try ConfigurationSection(file: path)
    let name = try file.text("cluster_name")
    let threshold = try file.integer("threshold", in: 1...64)
    let created = try file.value("created_at", "a time (RFC 3339, UTC)") { json in
      json.string.flatMap(Timestamp.init(text:))
    }
    let seats = try file.sections("seats") { (seat) throws(ConfigurationError) in
      CeremonyConfiguration.Seat(
        id: try seat.integer("id", in: 1...65_535), name: try seat.text("name"),
        key: try seat.value("key", "an Ed25519 public key in hexadecimal") { json in
          json.string.flatMap(PublicKey.init(hex:))
        })
    }
    let bundle = try PolicyBundle(file.value("bundle", "the policy bundle's files") { $0 })
    let known = 1...Semantics.newest
    let semantics = try file.value(
      "semantics", "semantics that this program applies, \(known.lowerBound) to \(known.upperBound)"
    ) { json in json.integer.flatMap { known.contains($0) ? $0 : nil } }
    let values: [JSON] = try file.value("enrolments", "a list of enrolments", \.array)
    try file.finish()
    var enrolments: [Enrolment] = []
    for value in values { enrolments.append(try Enrolment(value)) }
    // Found out before anybody makes a key: the genesis would be refused by the very nodes that signed it.
    if let ended = enrolments.first(where: { $0.expiresAt <= created }) {
      throw file.unusable(
        "enrolments",
        "expected expires_at after created_at, \(created.text); \(ended.principal.path) ends at "
          + ended.expiresAt.text)
    }
    guard threshold > seats.count / 2, threshold <= seats.count else {
      throw file.unusable("threshold", "expected a majority of \(seats.count), at most all of them")
    }
    let ceremony = CeremonyConfiguration(
      clusterName: name, seats: seats, threshold: threshold, bundle: bundle, enrolments: enrolments,
      createdAt: created, semantics: semantics)
    do {
      try ceremony.requireBeginning()
    } catch .bundle(let reason) {
      throw file.unusable("bundle", reason)
    } catch {
      throw file.unusable("enrolments", "no ledger can begin with these: \(error)")
    }
    return ceremony
  }
}
