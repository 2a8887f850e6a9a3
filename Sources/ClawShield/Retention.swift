import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// When files are let go of by the bundle's rules (Docs/Decisions/027-retention.md).
enum Retention {
  /// Most that one leaf lets go of.
  static let droppedAtOnce = 16
  /// How exactly it is remembered when a file was last spoken of: that much longer every file is kept.
  static let precision = Interval.seconds(3600)
  /// After how long a file that something still reads is looked at again.
  static let postponement = Interval.seconds(86_400)

  /// When a file's time is over that is counted from `start`.
  static func end(_ start: Timestamp, days: Int) -> Timestamp {
    start.advanced(by: .seconds(Int64(days) * 86_400)).advanced(by: precision)
  }
}

/// A file that was let go of: its record and its digest stay in the ledger, its content does not.
public struct DroppedCell: Equatable, Sendable, JSONWritable {
  var artifact: ArtifactCell
  /// The leaf whose time ended its own.
  var cause: LeafIndex
  /// Log time of that.
  var at: Timestamp
  /// For how many days the rule kept it.
  var days: Int
  /// The derived record that says so; nil while it is owed.
  var written: LeafIndex?

  init(_ artifact: ArtifactCell, cause: LeafIndex, at: Timestamp, days: Int) {
    self.artifact = artifact
    self.cause = cause
    self.at = at
    self.days = days
  }

  init(from fields: inout Fields) throws(RecordError) {
    artifact = try fields.nested("artifact") { (inner) throws(RecordError) in
      try ArtifactCell(from: &inner)
    }
    cause = try fields.leafIndex("cause")
    at = try fields.time("at")
    days = try fields.integer("days", in: 1...36_500)
    written = try fields.optionalLeaf("written")
  }

  public var members: [(String, JSON)] {
    present([
      ("artifact", artifact.json), ("cause", .index(cause)), ("at", .time(at)), ("days", .integer(days)),
      ("written", written.map(JSON.index)),
    ])
  }

  var name: String { CellName.dropped(artifact.tenantID, artifact.workspaceID, artifact.digest) }
}

/// What is known of a file that was let go of.
public struct DroppedView: Equatable, Sendable {
  /// As it was last.
  public let artifact: ArtifactView
  /// Log time at which it was let go of.
  public let at: Timestamp
  /// The record that says so; nil while it is owed.
  public let record: LeafIndex?
}

/// A file by the time at which it may be let go of.
struct RetentionEnd: Comparable, Sendable {
  let time: Timestamp
  let place: ContentPlace
  static func < (left: RetentionEnd, right: RetentionEnd) -> Bool {
    left.time == right.time ? left.place < right.place : left.time < right.time
  }
}

/// That a proposal may still need what a place holds, until when.
struct Reading: Comparable, Sendable {
  let place: ContentPlace
  let until: Timestamp
  let proposal: LeafIndex
  static func < (left: Reading, right: Reading) -> Bool {
    if left.place != right.place { return left.place < right.place }
    return left.until == right.until ? left.proposal < right.proposal : left.until < right.until
  }
}

extension ShieldState {
  /// Lets go of what nobody has spoken of for as long as its rule says, at the leaf that brought the time. What a
  /// proposal still reads, or a late result of it may come from, stays.
  mutating func dropArtifacts(cause: LeafIndex) {
    guard semantics >= Semantics.retention else { return }
    for _ in 0..<Retention.droppedAtOnce {
      guard let end = indexes.retentionEnds.first?.key, end.time <= logTime,
        let cell = artifactCell(end.place.tenant, end.place.workspace, end.place.digest),
        let days = indexes.retention.days(of: cell.tenantID)
      else { return }
      if isRead(end.place) {
        postpone(cell, days: days)
      } else {
        forgetArtifact(cell)
        setDropped(DroppedCell(cell, cause: cause, at: logTime, days: days))
      }
    }
  }

  private func isRead(_ place: ContentPlace) -> Bool {
    #if SIMULATION
    if Mutant.droppedWhileRead.isActive { return false }
    #endif
    return indexes.isRead(place, at: logTime)
  }

  /// Has it looked at again after a while, without its whole time beginning anew.
  private mutating func postpone(_ cell: ArtifactCell, days: Int) {
    let age = Interval(nanoseconds: -Interval.seconds(Int64(days) * 86_400).nanoseconds)
    var later = cell
    later.countedFrom = logTime.advanced(by: Retention.postponement).advanced(by: age)
    setArtifact(later)
  }

  /// A proposal that is not denied at once has named them: their time begins anew. Another tenant's are not kept by that.
  mutating func spokeOfInputs(_ proposal: Proposal) {
    guard semantics >= Semantics.retention else { return }
    #if SIMULATION
    if Mutant.wordNotCounted.isActive { return }
    #endif
    for digest in proposal.inputs {
      guard let cell = artifactCell(proposal.tenantID, proposal.workspaceID, digest) else { continue }
      if let start = cell.countedFrom, start.advanced(by: Retention.precision) > logTime { continue }
      var spoken = cell
      spoken.countedFrom = logTime
      setArtifact(spoken)
    }
  }

  /// Remembers at most `capacity.dropped`: the ledger has the others' records.
  private mutating func setDropped(_ cell: DroppedCell) {
    putDropped(cell)
    while indexes.dropped.count > capacity.dropped, let name = indexes.dropped.first?.value,
      case .dropped(let oldest) = cells[name], oldest.written != nil
    {
      forgetDropped(oldest)
    }
  }

  func droppedCell(_ tenant: String, _ workspace: String, _ digest: Digest) -> DroppedCell? {
    droppedCell(named: CellName.dropped(tenant, workspace, digest))
  }

  /// What comes of an input whose file was let go of since: its labels as they were. Of one that even that is forgotten
  /// of it is outside text.
  func lostLabels(_ proposal: Proposal) -> [String] {
    guard !indexes.dropped.isEmpty else { return [] }
    var labels: [String] = []
    for digest in proposal.inputs where inputCell(proposal, digest) == nil {
      let known =
        droppedCell(proposal.tenantID, proposal.workspaceID, digest)
        ?? proposal.crossing.flatMap { droppedCell($0.tenantID, $0.workspaceID, digest) }
      if let known {
        labels = Labels.joined(labels, known.artifact.labels)
      } else if indexes.dropped.count >= capacity.dropped {
        labels = Labels.joined(labels, [Floor.untrusted])
      }
    }
    return labels
  }

  // MARK: The record

  /// The derived record that says that a file was let go of (`retention_ended`), while it is owed.
  func retentionEnded(named name: String) -> DerivedIncident? {
    guard let cell = droppedCell(named: name), cell.written == nil else { return nil }
    let artifact = cell.artifact
    return DerivedIncident(
      incidentID: DerivedID.make(
        "retention_ended", cluster: cluster, cause: cell.cause, about: artifact.leaf),
      kind: .retentionEnded, cause: cell.cause, about: artifact.leaf, tenantID: artifact.tenantID,
      target: .tenant(artifact.tenantID),
      message:
        "file \(artifact.digest.hex) of workspace \(artifact.workspaceID) is kept no longer: nobody has "
        + "spoken of it for \(cell.days) days")
  }

  mutating func takeRetentionEnded(_ incident: DerivedIncident, at index: LeafIndex) -> Applied {
    let key = OwedKey(cause: incident.cause, about: incident.about, kind: .retention)
    guard let name = indexes.owed[key], retentionEnded(named: name) == incident,
      var cell = droppedCell(named: name)
    else {
      return .divergent(
        expected: "no file of leaf \(incident.about.value) that was let go of, with this content")
    }
    cell.written = index
    putDropped(cell)
    return .effective
  }

  /// A file that was let go of and not put again; with no workspace named, in the first that had it.
  public func droppedArtifact(tenant: String, workspace: String? = nil, digest: Digest) -> DroppedView? {
    var found = workspace.flatMap { droppedCell(tenant, $0, digest) }
    if workspace == nil {
      let first = ContentPlace(tenant: tenant, digest: digest, workspace: "")
      indexes.droppedContents.forEach(from: first) { place, _ in
        if place.tenant == tenant, place.digest == digest {
          found = droppedCell(tenant, place.workspace, digest)
        }
        return false
      }
    }
    return found.map { DroppedView(artifact: ArtifactView($0.artifact), at: $0.at, record: $0.written) }
  }
}
