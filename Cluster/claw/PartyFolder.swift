import Canonical
import Crypto
import Host
import Network
import Records

/// What others may know of a party: its place, its addresses, its authority and its key, signed by that
/// key. Whoever compared the ceremony's fingerprint has thereby compared the key, and by the signature the
/// authority and the addresses with it.
struct Invitation {
  let id: Int
  let name: String
  let domain: TrustDomain
  let peersAddress: String
  let clientsAddress: String
  /// PEM.
  let authority: String
  let key: PublicKey

  private var content: JSON {
    .object([
      ("id", .integer(id)), ("name", .string(name)), ("trust_domain", .string(domain.name)),
      ("peers_address", .string(peersAddress)), ("clients_address", .string(clientsAddress)),
      ("authority", .string(authority)), ("key", .string(key.hex)),
    ])
  }

  private var signedBytes: [UInt8] { Array("openexec/v1/party-invitation\n".utf8) + content.canonicalBytes() }

  /// The public bundle, to be carried to the other parties.
  func signed(with key: borrowing SigningKey) -> JSON {
    guard case .object(var object) = content else { return content }
    object["signature"] = .string(key.sign(signedBytes).base64)
    return .object(object)
  }

  init(
    id: Int, name: String, domain: TrustDomain, peersAddress: String, clientsAddress: String,
    authority: String, key: PublicKey
  ) {
    self.id = id
    self.name = name
    self.domain = domain
    self.peersAddress = peersAddress
    self.clientsAddress = clientsAddress
    self.authority = authority
    self.key = key
  }

  /// Reads a bundle; refuses one that its own key did not sign.
  init(file path: String) throws {
    var file = try ConfigurationSection(file: path)
    id = try file.integer("id", in: 1...65_535)
    name = try file.partyName("name")
    domain = try file.value("trust_domain", "a SPIFFE trust domain") { $0.string.flatMap(TrustDomain.init) }
    peersAddress = try file.text("peers_address")
    clientsAddress = try file.text("clients_address")
    authority = try file.text("authority")
    key = try file.value("key", "an Ed25519 public key in hexadecimal") { json in
      json.string.flatMap(PublicKey.init(hex:))
    }
    let signature = try file.value("signature", "an Ed25519 signature in base64") { json in
      json.string.flatMap(Signature.init(base64:))
    }
    try file.finish()
    guard key.verifies(signature, over: signedBytes) else {
      throw Failure(.other, "\(path): not signed by the party's own key; do not use it")
    }
  }

  /// The fingerprint that peers and clients pin.
  func pin() throws -> CertificateFingerprint {
    let certificates = try Certificate.read(pem: Array(authority.utf8))
    guard certificates.count == 1, let only = certificates.first else {
      throw Failure(.other, "\(name): expected one certificate as authority, found \(certificates.count)")
    }
    return only.fingerprint
  }
}

extension ConfigurationSection {
  /// A name that is a path segment of a certificate and an identifier in records.
  mutating func partyName(_ key: String) throws(ConfigurationError) -> String {
    try value(key, "letters, digits, dots, dashes and underscores") { json in
      json.string.flatMap { PeerIdentity(path: "/node/\($0)") == nil ? nil : $0 }
    }
  }
}

/// One party's folder: its keys and its authority, made here and staying here.
///
/// ```
/// party.json                 who it is and where it listens
/// party.key storage.key      secrets, 0600
/// ca.key ca.crt              its certificate authority
/// node.key node.crt          its node's certificate
/// node.json ceremony.json    once it has joined
/// ```
struct PartyFolder {
  static let file = "party.json"

  let path: String
  let invitation: Invitation
  let listenPeers: String
  let listenClients: String

  /// Makes a party's keys, authority and certificate.
  static func create(
    at path: String, id: Int, name: String, domain: TrustDomain, peersAddress: String,
    clientsAddress: String, listenPeers: String, listenClients: String
  ) throws -> PartyFolder {
    try Files.createFolder(path, mode: 0o700)
    var random = SystemRandom()
    let key = try KeyFile.createSigningKey(at: "\(path)/party.key", using: &random)
    try KeyFile.createSymmetricKey(at: "\(path)/storage.key", using: &random)
    let authority = try CertificateAuthority.create(domain: domain, name: "\(name) of \(domain.name)")
    try Files.write(try authority.keyPEM(), to: "\(path)/ca.key", mode: 0o600)
    let certificate = try authority.certificate.pem()
    try Files.write(certificate, to: "\(path)/ca.crt")
    try CertificatePair(certificate: "\(path)/node.crt", key: "\(path)/node.key").issue(
      to: .node(name), by: authority, try IssuedTime().options())
    let invitation = Invitation(
      id: id, name: name, domain: domain, peersAddress: peersAddress, clientsAddress: clientsAddress,
      authority: String(decoding: certificate, as: UTF8.self), key: key)
    let folder = PartyFolder(
      path: path, invitation: invitation, listenPeers: listenPeers, listenClients: listenClients)
    try Files.write(folder.json.indented, to: "\(path)/\(file)")
    return folder
  }

  private var json: JSON {
    .object([
      ("id", .integer(invitation.id)), ("name", .string(invitation.name)),
      ("trust_domain", .string(invitation.domain.name)),
      ("peers_address", .string(invitation.peersAddress)),
      ("clients_address", .string(invitation.clientsAddress)),
      ("listen", .object([("peers", .string(listenPeers)), ("clients", .string(listenClients))])),
    ])
  }

  private init(path: String, invitation: Invitation, listenPeers: String, listenClients: String) {
    self.path = path
    self.invitation = invitation
    self.listenPeers = listenPeers
    self.listenClients = listenClients
  }

  /// Reads a party's folder.
  init(path: String) throws {
    var file = try ConfigurationSection(file: "\(path)/\(Self.file)")
    let id = try file.integer("id", in: 1...65_535)
    let name = try file.partyName("name")
    let domain = try file.value("trust_domain", "a SPIFFE trust domain") {
      $0.string.flatMap(TrustDomain.init)
    }
    let peersAddress = try file.text("peers_address")
    let clientsAddress = try file.text("clients_address")
    let listen = try file.section("listen") { (listen) throws(ConfigurationError) in
      (peers: try listen.text("peers"), clients: try listen.text("clients"))
    }
    try file.finish()
    self.init(
      path: path,
      invitation: Invitation(
        id: id, name: name, domain: domain, peersAddress: peersAddress, clientsAddress: clientsAddress,
        authority: try Files.readText("\(path)/ca.crt", limit: 1 << 20),
        key: try KeyFile.readSigningKey("\(path)/party.key").publicKey), listenPeers: listen.peers,
      listenClients: listen.clients)
  }

  /// The party's authority.
  func authority() throws -> CertificateAuthority {
    try CertificateAuthority(
      certificatePEM: try Files.read("\(path)/ca.crt", limit: 1 << 20),
      keyPEM: try Files.readSecret("\(path)/ca.key", limit: 1 << 20), domain: invitation.domain)
  }

  /// Whether this party's own node admits whom the party certifies; true also where there is no node.json yet, since it
  /// will name the party's authority.
  var isClientAuthority: Bool {
    get throws {
      guard Files.exists("\(path)/node.json") else { return true }
      let node = try JSON.parse(try Files.read("\(path)/node.json", limit: 1 << 20))
      let own = try invitation.pin()
      for file in (node["tls"]?["client_authorities"]?.array ?? []).compactMap(\.string) {
        let authorities = try Certificate.read(
          pem: try Files.read(Files.resolve(file, in: path), limit: 1 << 20))
        if authorities.contains(where: { $0.fingerprint == own }) { return true }
      }
      return false
    }
  }

  /// How a node's ledger begins.
  enum Beginning {
    /// With the key generation that this file describes; a path seen from the folder.
    case ceremony(String)
    /// With the genesis of a cluster that there is, which the other parties show.
    case joins(Digest)

    fileprivate var member: (String, JSON) {
      switch self {
      case .ceremony(let path): ("ceremony", .string(path))
      case .joins(let cluster): ("joins", .string(cluster.hex))
      }
    }
  }

  /// Writes `node.json` and what it names: what `clawshield run --config` reads.
  ///
  /// - Parameters:
  ///   - others: the other parties.
  ///   - clientAuthorities: PEM of those whose clients this node admits, by file name.
  ///   - beginning: how its ledger begins.
  func writeNode(
    others: [Invitation], clientAuthorities: [(file: String, pem: String)], beginning: Beginning
  ) throws {
    try Files.createFolder("\(path)/peers")
    try Files.createFolder("\(path)/clients")
    var peers: [JSON] = []
    for other in others.sorted(by: { $0.id < $1.id }) {
      let file = "peers/\(other.name).crt"
      try Files.write(other.authority, to: "\(path)/\(file)")
      peers.append(
        .object([
          ("id", .integer(other.id)), ("name", .string(other.name)),
          ("address", .string(other.peersAddress)), ("authority", .string(file)),
          ("pin", .string("\(try other.pin())")),
        ]))
    }
    for authority in clientAuthorities {
      try Files.write(authority.pem, to: "\(path)/clients/\(authority.file)")
    }
    let node = JSON.object([
      ("node", .object([("id", .integer(invitation.id)), ("name", .string(invitation.name))])),
      ("trust_domain", .string(invitation.domain.name)), ("data", "data"),
      ("listen", .object([("peers", .string(listenPeers)), ("clients", .string(listenClients))])),
      (
        "tls",
        .object([
          ("certificate", "node.crt"), ("key", "node.key"), ("authority", "ca.crt"),
          ("client_authorities", .array(clientAuthorities.map { .string("clients/\($0.file)") })),
        ])
      ), ("party_key", "party.key"), ("storage_key", "storage.key"), ("peers", .array(peers)),
      beginning.member,
    ])
    try Files.write(node.indented, to: "\(path)/node.json")
  }
}
