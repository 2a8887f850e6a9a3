import Canonical
import Host
import Network
import Records

/// The nodes' certificates that an identity takes no more, as the ledger has said: kept beside its client.json, so that an
/// old certificate is refused by the next call as well, whoever shows it.
struct RefusedCertificates {
  private static let file = "certificates.json"
  /// Far more than a cluster has nodes.
  private static let limit = 1024

  private let path: String
  /// Since when certificates are taken, by principal.
  private var oldest: [String: Timestamp] = [:]

  /// What an identity knows; nothing, where its file is missing.
  init(folder: String) throws {
    path = "\(folder)/\(Self.file)"
    guard Files.exists(path) else { return }
    let value = try JSON.parse(try Files.read(path, limit: 1 << 20))
    for member in value.object?.members ?? [] {
      guard let principal = Principal(path: member.name), let text = member.value.string,
        let time = Timestamp(text: text)
      else {
        throw Failure(
          .other, "\(path): expected times by principal, found \(member.name): \(member.value.canonical)")
      }
      oldest[principal.path] = time
    }
  }

  /// Since when certificates of a peer are taken, in seconds since 1970.
  func oldest(of peer: PeerIdentity) -> Int64? {
    oldest[String(peer.path.dropFirst())].map { $0.nanoseconds / 1_000_000_000 }
  }

  /// Takes what a node shows, each proven by the ledger; nobody need be believed for it. True where it is new.
  mutating func follow(_ shown: [String], _ key: ClusterKey) throws -> Bool {
    var isNew = false
    for text in shown.prefix(Self.limit) {
      do {
        let record = try key.chain.verify(LedgerProof(parsing: text)).record
        guard case .incident(let act) = record.body,
          case .certificates(of: let principal, before: let before) = act.content.target
        else { throw Failure(.other, "a leaf that refuses no certificates") }
        guard oldest[principal.path].map({ $0 < before }) ?? true else { continue }
        oldest[principal.path] = before
        isNew = true
      } catch {
        throw Failure(
          .other, "a node shows certificates as refused that the ledger does not refuse: \(error)")
      }
    }
    if isNew {
      try Files.write(JSON.object(oldest.map { ($0.key, .string($0.value.text)) }).indented, to: path)
    }
    return isNew
  }
}
