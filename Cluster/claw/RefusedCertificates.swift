import Canonical
import Host
import Network
import Records
import Wire

/// The nodes' certificates that an identity takes no more, as the ledger has said: kept beside its client.json, so that an
/// old certificate is refused by the next call as well, whoever shows it.
///
/// Every refusal is kept by the incident's id until its lift is proven. That a node does not show it takes nothing back: it may
/// be keeping it back. A lift is kept as well, so that who shows the old refusal again is not heeded.
struct RefusedCertificates {
  fileprivate struct Entry: Equatable {
    let principal: Principal
    let before: Timestamp
    /// Nil in files of programs that kept none: such a refusal stays until the ledger shows it with its id.
    var incident: String?
    var isLifted = false
  }

  private static let file = "certificates.json"
  /// Far more than a cluster has nodes.
  private static let limit = 1024

  private let path: String
  private var entries: [Entry] = []
  private var isWritten = true

  /// What an identity knows; nothing, where its file is missing.
  init(folder: String) throws {
    path = "\(folder)/\(Self.file)"
    guard Files.exists(path) else { return }
    let value = try JSON.parse(try Files.read(path, limit: 1 << 20))
    guard let members = value.object?.members else {
      throw Failure(.other, "\(path): expected an object, found \(value.kind)")
    }
    for member in members {
      guard let principal = Principal(path: member.name) else {
        throw Failure(.other, "\(path): expected principals such as node/<n>, found \(member.name)")
      }
      for row in member.value.array ?? [member.value] {
        entries.append(try entry(row, of: principal))
      }
    }
  }

  /// `{"incident":…,"before":…,"lifted":true}`, or, as earlier programs wrote it, the time alone.
  private func entry(_ row: JSON, of principal: Principal) throws -> Entry {
    guard let before = ((row["before"] ?? row).string).flatMap(Timestamp.init(text:)) else {
      throw Failure(
        .other,
        "\(path): \(principal.path): expected a time, or incidents with their times, found \(row.canonical)")
    }
    return Entry(
      principal: principal, before: before, incident: row["incident"]?.string,
      isLifted: row["lifted"]?.bool == true)
  }

  /// Since when certificates of a peer are taken, in seconds since 1970: by the newest refusal that is not lifted.
  func oldest(of peer: PeerIdentity) -> Int64? {
    let name = String(peer.path.dropFirst())
    return entries.filter { $0.principal.path == name && !$0.isLifted }.map(\.before).max().map {
      $0.nanoseconds / 1_000_000_000
    }
  }

  /// The incidents whose lifts are asked for, the newest that a request has room for.
  var held: [String] {
    Array(entries.filter { !$0.isLifted }.compactMap(\.incident).suffix(CheckpointRequest.maximumHeld))
  }

  /// What one node shows.
  struct Shown {
    fileprivate var refusals: [Entry] = []
    fileprivate var lifted: [String] = []
  }

  /// Reads what a node shows, and checks that each is a leaf of the ledger.
  ///
  /// - Parameters:
  ///   - shown: proofs of the refusals that are in force.
  ///   - lifts: proofs of lifts of what is held.
  func read(_ shown: [String], lifts: [String], _ key: ClusterKey) throws -> Shown {
    var out = Shown()
    for text in shown.prefix(Self.limit) {
      let act = try incident(text, key, "certificates as refused that the ledger does not refuse")
      guard case .certificates(of: let principal, before: let before) = act.target else {
        throw Failure(
          .other,
          "a node shows certificates as refused that the ledger does not refuse: \(act.incidentID) refuses none"
        )
      }
      out.refusals.append(Entry(principal: principal, before: before, incident: act.incidentID))
    }
    for text in lifts.prefix(Self.limit) {
      let act = try incident(text, key, "a refusal of certificates as lifted that the ledger has not lifted")
      out.lifted += act.lifts
    }
    return out
  }

  /// Takes what as many nodes show as sign, of which one at least is honest: that something is a leaf does not say that it took
  /// effect, since a leader that lies can write down what the state refuses.
  ///
  /// - Returns: true where a refusal is new.
  mutating func take(_ shown: [Shown], threshold: Int) -> Bool {
    var isNew = false
    for entry in shown.flatMap(\.refusals)
    where shown.count(where: { $0.refusals.contains(entry) }) >= threshold {
      if add(entry) { isNew = true }
    }
    for position in entries.indices where !entries[position].isLifted {
      guard let id = entries[position].incident,
        shown.count(where: { $0.lifted.contains(id) }) >= threshold
      else { continue }
      entries[position].isLifted = true
      isWritten = false
    }
    return isNew
  }

  /// Whether something new is shown, by fewer than sign.
  func awaits(_ shown: [Shown], threshold: Int) -> Bool {
    let isShort = shown.flatMap(\.refusals).contains { entry in
      !entries.contains { $0.incident == entry.incident }
        && shown.count { $0.refusals.contains(entry) } < threshold
    }
    return isShort
      || entries.contains { entry in
        guard let id = entry.incident, !entry.isLifted else { return false }
        let count = shown.count { $0.lifted.contains(id) }
        return count > 0 && count < threshold
      }
  }

  /// The act that a proof holds.
  private func incident(_ text: String, _ key: ClusterKey, _ claim: String) throws -> IncidentAct {
    do {
      let record = try key.chain.verify(LedgerProof(parsing: text)).record
      guard case .incident(let act) = record.body else {
        throw Failure(.other, "a leaf that is no operator's incident")
      }
      return act.content
    } catch {
      throw Failure(.other, "a node shows \(claim): \(error)")
    }
  }

  /// True where it was not known.
  private mutating func add(_ entry: Entry) -> Bool {
    guard !entries.contains(where: { $0.incident == entry.incident }) else { return false }
    isWritten = false
    // The same refusal, from before ids were kept.
    if let position = entries.firstIndex(where: {
      $0.incident == nil && $0.principal == entry.principal && $0.before == entry.before
    }) {
      entries[position] = entry
      return false
    }
    // What is lifted goes first: it only keeps an old refusal from coming back for a moment.
    if entries.count >= Self.limit,
      let position = entries.firstIndex(where: \.isLifted) ?? entries.indices.first
    {
      entries.remove(at: position)
    }
    entries.append(entry)
    return true
  }

  /// Writes what has changed.
  mutating func write() throws {
    guard !isWritten else { return }
    var names: [String] = []
    for entry in entries where !names.contains(entry.principal.path) { names.append(entry.principal.path) }
    let rows = names.map { name in
      (name, JSON.array(entries.filter { $0.principal.path == name }.map(Self.json)))
    }
    try Files.write(JSON.object(rows).indented, to: path)
    isWritten = true
  }

  private static func json(_ entry: Entry) -> JSON {
    var members: [(String, JSON)] = []
    if let incident = entry.incident { members.append(("incident", .string(incident))) }
    members.append(("before", .string(entry.before.text)))
    if entry.isLifted { members.append(("lifted", true)) }
    return .object(members)
  }
}
