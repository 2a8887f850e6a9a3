import Canonical
import Crypto
import Records

/// What came of asking a bundle beside the one in force.
public struct ShadowedCell: Equatable, Sendable, JSONWritable {
  /// Most differences that are recorded of one bundle; those after them are counted.
  static let maximumRecorded = 128

  /// Proposals that both have decided, and those on which they differ.
  var decided = 0
  var differing = 0
  /// Proposals whose difference is recorded, ascending.
  var recorded: [LeafIndex] = []

  init() {}

  init(from fields: inout Fields) throws(RecordError) {
    decided = try fields.integer("decided", in: 0...(1 << 53))
    differing = try fields.integer("differing", in: 0...(1 << 53))
    recorded = try fields.leaves("recorded", limit: Self.maximumRecorded)
  }

  public var members: [(String, JSON)] {
    [
      ("decided", .integer(decided)), ("differing", .integer(differing)),
      ("recorded", .array(recorded.map(JSON.index))),
    ]
  }
}

/// A bundle that is asked beside the one in force.
public struct ShadowView: Sendable {
  public let bundle: PolicyBundle
  /// The act's leaf.
  public let since: LeafIndex
  public let decided: Int
  public let differing: Int
  /// The recorded differences, ascending: the proposal, the record's leaf (nil while it is owed), and what it
  /// says.
  public let differences: [(proposal: LeafIndex, record: LeafIndex?, message: String)]
}

/// Shadow mode: every new proposal is judged by a second bundle too, on the same state and as of the same
/// leaf. Where it would have decided otherwise an incident says so, which acts on nothing; after so many of
/// them they are only counted.
extension ShieldState {
  /// What the other bundle says, before the proposal is among the remembered ones; nil where none is asked.
  func shadowVerdict(of subject: Subject, cause: LeafIndex) -> Verdict? {
    shadow.map { under($0).judge(subject, cause: cause, at: logTime).verdict }
  }

  /// Counts what both have said, and owes the record of a difference.
  mutating func compare(_ cell: ProposalCell, with wouldBe: Verdict, cause: LeafIndex) {
    guard var counts = shadowed, let shadow else { return }
    defer { setShadowed(counts) }
    counts.decided += 1
    let verdict = cell.verdict
    guard verdict.type != wouldBe.type || verdict.demands != wouldBe.demands else { return }
    counts.differing += 1
    guard counts.recorded.count < ShadowedCell.maximumRecorded, hasRoomForFlags else {
      return
    }
    counts.recorded.append(cell.index)
    let because = wouldBe.rules.last { $0.effect == wouldBe.type }.map { ", by \($0.rule)" } ?? ""
    let incident = DerivedIncident(
      incidentID: differenceID(cell.index), kind: .policyDifference, cause: cause, about: cell.index,
      tenantID: cell.content.tenantID, target: .principal(cell.content.requestedBy),
      message: plain(
        "\(cell.content.action): \(Self.words(verdict)) in force, \(Self.words(wouldBe)) under bundle "
          + "\(shadow.bundle.bundleVersion) (\(shadow.bundle.hash.hex.prefix(16))…)\(because)",
        limit: FiredRules.maximumMessage))
    setIncident(
      IncidentCell(
        incidentID: incident.incidentID, origin: .breaker(incident, written: nil), target: nil, leaf: cause,
        at: logTime))
  }

  private static func words(_ verdict: Verdict) -> String {
    let people = verdict.demands.map { "\($0.count) × \($0.role)" }.joined(separator: " and ")
    return people.isEmpty ? verdict.type.rawValue : "\(verdict.type.rawValue) (\(people))"
  }

  private func differenceID(_ proposal: LeafIndex) -> String {
    DerivedID.make(
      "policy_difference/\(shadowedSince?.value ?? 0)", cluster: cluster, cause: proposal, about: proposal)
  }

  /// The bundle that is asked beside the one in force; nil where none is.
  public var shadowView: ShadowView? {
    guard let shadow, let since = shadowedSince, let counts = shadowed else { return nil }
    let differences = counts.recorded.compactMap {
      proposal -> (proposal: LeafIndex, record: LeafIndex?, message: String)? in
      guard case .breaker(let incident, let written)? = incident(differenceID(proposal))?.origin else {
        return nil
      }
      return (proposal, written, incident.message)
    }
    return ShadowView(
      bundle: shadow.bundle, since: since, decided: counts.decided, differing: counts.differing,
      differences: differences)
  }
}
