import ClawShield
import GovernanceNode
import Raft
import Records
import Wire

/// What honest parties have said that they are bound by, held against what they sign: the oracle for "restrictions bind at
/// once". Who has acknowledged a kill gives no share to a lease that does not name it, whatever the leader has put into
/// the log.
///
/// It sees what parties are asked and what leaves them, and nothing of the state. From the moment when people lift a
/// restriction, it says nothing of it any more.
struct RestrictionShadow: Sendable {
  private struct Question: Hashable, Sendable {
    let party: NodeID
    let coordinator: NodeID
    let term: UInt64
    let round: UInt64
    let session: UInt64
  }

  private var bound: [NodeID: [String]] = [:]
  /// What each question's lease forbids.
  private var asked: [Question: [String]] = [:]

  /// A party has told somebody that it is bound.
  mutating func binds(_ party: NodeID, _ id: String) {
    if bound[party]?.contains(id) != true { bound[party, default: []].append(id) }
  }

  /// A party is asked for a share of a note with a lease.
  mutating func asks(_ party: NodeID, _ call: SignCall, from coordinator: NodeID) {
    guard bound[party] != nil, let list = try? RestrictionList(parsing: call.restrictions) else { return }
    let question = Question(
      party: party, coordinator: coordinator, term: call.term, round: call.round, session: call.session)
    asked[question] = list.entries.map(\.incidentID)
  }

  /// A party gives a share; the restriction that it has forgotten, or nil. Nil as well where nothing follows.
  func forgotten(
    by party: NodeID, _ answer: SignAnswer, to coordinator: NodeID, lifted: [String]
  ) -> (isJudged: Bool, id: String?) {
    let question = Question(
      party: party, coordinator: coordinator, term: answer.term, round: answer.round, session: answer.session)
    guard !answer.share.isEmpty, let named = asked[question] else { return (false, nil) }
    return (true, bound[party]?.first { !named.contains($0) && !lifted.contains($0) })
  }
}

extension World {
  /// An honest party is told something.
  func watchRestrictions(of host: NodeHost<Suite>, _ event: NodeEvent) {
    guard case .peer(let sender, let message) = event, let call = message.signCall, isHonest(host) else {
      return
    }
    restrictions.asks(host.id, call, from: sender)
  }

  /// An honest party says something.
  func watchRestrictions(of party: NodeID, _ message: PeerMessage, to peer: NodeID) {
    if let told = message.restrictionBound { restrictions.binds(party, told.incidentID) }
    guard let answer = message.signAnswer else { return }
    let (isJudged, id) = restrictions.forgotten(
      by: party, answer, to: peer, lifted: oracles.execution.lifted)
    guard isJudged else { return }
    oracles.evaluated("acknowledged restrictions hold")
    guard let id else { return }
    oracles.fail(
      "acknowledged restrictions hold",
      "node \(party.rawValue) is bound by \(id), and signs a lease that does not name it", at: time)
  }
}
