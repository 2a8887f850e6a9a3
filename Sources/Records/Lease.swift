import Canonical
import Crypto
import Merkle

/// An executor's fresh challenge, which a lease must commit to before the executor believes it.
public struct Challenge: Hashable, Sendable {
  public let executor: Principal
  public let incarnation: Int
  /// 16 to 32 random bytes.
  public let bytes: [UInt8]

  /// A challenge.
  public init(executor: Principal, incarnation: Int, bytes: [UInt8]) {
    self.executor = executor
    self.incarnation = incarnation
    self.bytes = bytes
  }

  /// Its leaf in the tree whose root the lease line holds.
  public var leaf: Digest {
    TreeHash.leaf(
      Array(
        "openexec/v1/challenge\n\(executor.path)\n\(incarnation)\n\(Hex.encode(bytes))".utf8))
  }

  /// The tree's root over `challenges` in the order given.
  public static func root(_ challenges: [Challenge]) -> Digest {
    var frontier = Frontier()
    for challenge in challenges { frontier.append(challenge.leaf) { _, _ in } }
    return frontier.root
  }

  /// The tree's root over `challenges` in the order given, and the audit path of each.
  public static func tree(_ challenges: [Challenge]) -> (root: Digest, paths: [[Digest]]) {
    var frontier = Frontier()
    var nodes: [NodeAddress: Digest] = [:]
    for challenge in challenges { frontier.append(challenge.leaf) { nodes[$0] = $1 } }
    let paths = challenges.indices.map { position in
      Proof.inclusion(index: UInt64(position), size: UInt64(challenges.count)) { nodes[$0] } ?? []
    }
    return (frontier.root, paths)
  }
}

/// What is forbidden right now: tokens, agents, executors and tenants that are revoked, killed or
/// quarantined. The lease line commits to the whole list.
public struct RestrictionList: Hashable, Sendable {
  /// One restriction.
  public struct Entry: Hashable, Comparable, Sendable {
    /// The incident that made it.
    public let incidentID: String
    public let target: IncidentTarget

    /// An entry.
    public init(incidentID: String, target: IncidentTarget) {
      self.incidentID = incidentID
      self.target = target
    }

    public static func < (left: Entry, right: Entry) -> Bool {
      (left.incidentID, left.target.text) < (right.incidentID, right.target.text)
    }
  }

  /// Ascending, none twice.
  public let entries: [Entry]

  /// Most entries of one list.
  public static let maximumEntries = 4096

  /// The list of `entries`, in any order.
  public init(_ entries: [Entry]) {
    var sorted = entries.sorted()
    var position = 1
    while position < sorted.count {
      if sorted[position] == sorted[position - 1] {
        sorted.remove(at: position)
      } else {
        position += 1
      }
    }
    self.entries = sorted
  }

  /// Whether nothing may run at all.
  public var isHalted: Bool { entries.contains { $0.target == .all } }

  /// The list as JSON: `[{"incident_id":…,"target":…},…]`.
  public var json: JSON {
    .array(
      entries.map {
        .object([("incident_id", .string($0.incidentID)), ("target", .string($0.target.text))])
      })
  }

  /// Reads `json`.
  public init(parsing bytes: [UInt8]) throws(RecordError) {
    let value: JSON
    do {
      value = try JSON.parse(bytes)
    } catch {
      throw .json(error)
    }
    var fields = try Fields(.object([("restrictions", value)]))
    let entries = try fields.objects("restrictions", limit: RestrictionList.maximumEntries) {
      (inner) throws(RecordError) in
      Entry(
        incidentID: try inner.identifier("incident_id"),
        target: try inner.value("target", "a target") { json in
          json.string.flatMap(IncidentTarget.init(text:))
        })
    }
    self.init(entries)
    guard self.entries == entries else {
      throw .field("restrictions", expected: "ascending entries, none twice")
    }
  }

  /// Since when certificates of somebody are taken; nil where the list says nothing of them.
  public func oldestCertificate(of principal: Principal) -> Timestamp? {
    var oldest: Timestamp?
    for entry in entries {
      guard case .certificates(principal, let before) = entry.target else { continue }
      oldest = max(oldest ?? before, before)
    }
    return oldest
  }

  /// What the lease line holds.
  public var hash: Digest { json.contentHash }

  /// Whether `other` forbids at least all that this does.
  public func isSubset(of other: RestrictionList) -> Bool {
    let all = Set(other.entries)
    return entries.allSatisfy(all.contains)
  }

  /// The entry that forbids a token, its agent, its tenant or its executor, if any does.
  public func forbids(tokenID: String, tenant: String, agent: Principal, executor: Principal) -> Entry? {
    entries.first { entry in
      switch entry.target {
      case .all: true
      case .tenant(let name): name == tenant
      case .principal(let principal): principal == agent || principal == executor
      case .token(let id): id == tokenID
      case .certificates: false
      }
    }
  }
}
