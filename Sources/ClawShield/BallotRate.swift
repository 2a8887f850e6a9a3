import Canonical
import Crypto
import Records

/// When one person voted, within the last minute: approval fatigue shows in the ledger.
public struct VoterCell: Equatable, Sendable, JSONWritable {
  /// The person.
  var owner: String
  /// Log times of votes, ascending, at most `BallotRate.limit`.
  var votes: [Timestamp]

  init(owner: String, votes: [Timestamp]) {
    self.owner = owner
    self.votes = votes
  }

  init(from fields: inout Fields) throws(RecordError) {
    owner = try fields.identifier("owner")
    votes = try fields.list("votes", limit: BallotRate.limit, of: "times") { json in
      json.string.flatMap(Timestamp.init(text:))
    }
  }

  public var members: [(String, JSON)] {
    [("owner", .string(owner)), ("votes", .array(votes.map(JSON.time)))]
  }
}

/// How often a person votes who looks at what they vote on.
enum BallotRate {
  /// Votes of one person within `window`; one more is flagged.
  static let limit = 12
  static let window = Interval.seconds(60)
}

extension ShieldState {
  /// Counts a vote. One more than a person can give within a minute is flagged by an incident that restricts
  /// nobody; the count begins anew with it, so that a burst is flagged once in so many votes.
  mutating func count(_ ballot: Ballot, of owner: String, _ cell: ProposalCell, cause: LeafIndex) {
    let oldest = logTime.advanced(by: Interval(nanoseconds: -BallotRate.window.nanoseconds))
    var votes = (voter(owner)?.votes ?? []).filter { $0 > oldest }
    guard votes.count >= BallotRate.limit else {
      votes.append(logTime)
      setVoter(VoterCell(owner: owner, votes: votes))
      return
    }
    setVoter(VoterCell(owner: owner, votes: [logTime]))
    let id = DerivedID.make("ballot_rate", cluster: cluster, cause: cause, about: cell.index)
    let incident = DerivedIncident(
      incidentID: id, kind: .ballotRate, cause: cause, about: cell.index, tenantID: cell.content.tenantID,
      target: .principal(ballot.voter),
      message: "more than \(BallotRate.limit) votes within a minute: nobody looks at so many")
    setIncident(
      IncidentCell(
        incidentID: id, origin: .breaker(incident, written: nil), target: nil, leaf: cause, at: logTime))
  }
}
