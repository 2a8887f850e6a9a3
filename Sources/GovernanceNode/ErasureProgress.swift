import Canonical
import Records

/// How far the nodes have carried out what is erased, by what each says of itself in `Admin/Status` (Decision 026). An
/// erasure is final before every node has destroyed its keys: one that is down keeps them until it is back.
public struct ErasureProgress: Sendable {
  /// A tenant's last erasure.
  public struct Erasure: Equatable, Sendable {
    public let tenant: String
    /// Its leaf: what the tenant had before it is to go.
    public let leaf: UInt64
    /// When its record was made; nil where no node has the record any more.
    public let at: Timestamp?
  }

  /// Where a node is with an erasure.
  public enum Standing: String, Sendable {
    /// Its keys of what stood before are destroyed.
    case carriedOut = "carried_out"
    /// It answers, and has not destroyed them yet.
    case open
    /// It does not answer, or does not say; what it has nobody knows.
    case unknown
  }

  /// Newest first; at most the last 256 that a node tells of.
  public let erasures: [Erasure]
  /// The nodes that were asked, in that order, then the members that were not, with the size through which each has
  /// carried out everything; nil where that is not known.
  public let nodes: [(name: String, through: UInt64?)]

  /// Reads what all nodes say. The erasures are those of the node that knows of the latest.
  public init(_ answers: [NodeStatus]) {
    let told = answers.map { Self.erasures($0.status) }
    erasures = told.max { ($0.first?.leaf ?? 0) < ($1.first?.leaf ?? 0) } ?? []
    var nodes = answers.map { ($0.name, Self.through($0.status)) }
    for answer in answers {
      for party in answer.status?["members"]?["parties"]?.array ?? [] {
        guard let name = party["name"]?.string, !nodes.contains(where: { $0.0 == name }) else { continue }
        nodes.append((name, nil))
      }
    }
    self.nodes = nodes.map { (name: $0.0, through: $0.1) }
  }

  private static func through(_ status: JSON?) -> UInt64? {
    status?["erasures"]?["through"]?.string.flatMap { UInt64($0) }
  }

  private static func erasures(_ status: JSON?) -> [Erasure] {
    (status?["erasures"]?["all"]?.array ?? []).compactMap { entry in
      guard let tenant = entry["tenant_id"]?.string, let leaf = entry["leaf"]?.string.flatMap({ UInt64($0) })
      else { return nil }
      return Erasure(tenant: tenant, leaf: leaf, at: entry["at"]?.string.flatMap(Timestamp.init(text:)))
    }
  }

  /// Where a node, by the size through which it has carried out everything, is with an erasure.
  public static func standing(_ through: UInt64?, _ erasure: Erasure) -> Standing {
    guard let through else { return .unknown }
    return through > erasure.leaf ? .carriedOut : .open
  }

  /// The nodes that stand so with an erasure.
  public func nodes(_ standing: Standing, _ erasure: Erasure) -> [String] {
    nodes.filter { Self.standing($0.through, erasure) == standing }.map(\.name)
  }

  /// Whether every member is known to have carried out every erasure.
  public var isComplete: Bool {
    erasures.allSatisfy { erasure in
      nodes.allSatisfy { Self.standing($0.through, erasure) == .carriedOut }
    }
  }
}
