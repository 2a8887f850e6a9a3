import Crypto
import Host
import Network
import Raft
import Records

/// The other parties' nodes: where they are, and to which authority each is pinned. First those of the
/// configuration, then those that the ledger names.
struct PeerDirectory {
  /// Another party's node.
  struct Peer {
    let id: NodeID
    let name: String
    let address: String
    /// Its party's certificate authority.
    let authorities: [Certificate]
    let pin: CertificateFingerprint
  }

  /// Ascending by id.
  private(set) var peers: [Peer] = []
  /// What the configuration says, also of nodes that have left since.
  private let told: [Peer]

  init() { told = [] }

  init(_ configuration: NodeConfiguration) throws {
    told = try configuration.peers.map { peer in
      Peer(
        id: peer.id, name: peer.name, address: peer.address,
        authorities: try Certificate.read(pem: try Files.read(peer.authority)), pin: peer.pin)
    }
    peers = told.sorted { $0.id < $1.id }
  }

  /// Follows the ledger: `seats` are where the parties are, `wanted` whom this node speaks to. True where anything
  /// has changed. A seat with an address comes before the configuration: two operators signed it.
  mutating func follow(_ seats: [PartySeat], _ wanted: [NodeID], own: NodeID) throws -> Bool {
    var next: [Peer] = []
    let ids = seats.compactMap { NodeID(rawValue: UInt64($0.id)) } + wanted
    for id in ids.sorted() where id != own && next.last?.id != id {
      if let seat = seats.first(where: { UInt64($0.id) == id.rawValue }), !seat.address.isEmpty {
        let authorities = try Certificate.read(pem: Array(seat.authority.utf8))
        guard authorities.count == 1, let authority = authorities.first else {
          throw FileError(path: "members", reason: "expected one certificate as authority of \(seat.name)")
        }
        next.append(
          Peer(
            id: id, name: seat.name, address: seat.address, authorities: authorities,
            pin: authority.fingerprint))
      } else if let known = told.first(where: { $0.id == id }) {
        next.append(known)
      }
    }
    let isSame = next.map(\.id) == peers.map(\.id) && next.map(\.pin) == peers.map(\.pin)
    guard !isSame else { return false }
    peers = next
    return true
  }

  /// What connections between nodes are made from: each node pinned to its own party's authority.
  func tls(_ configuration: NodeConfiguration, _ certificate: OwnCertificate) throws -> TLSContext {
    let own = try Certificate.read(pem: try Files.read(configuration.ownAuthority))
    var authorities = own
    var pins: [String: CertificateFingerprint] = [:]
    pins[configuration.name] = own.first?.fingerprint
    for peer in peers {
      authorities += peer.authorities
      pins[peer.name] = peer.pin
    }
    return try TLSContext(
      certificate,
      trust: TrustPolicy(domain: configuration.domain, authorities: authorities, nodePins: pins))
  }
}
