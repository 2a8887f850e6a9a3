import Canonical
import ClawShield
import GovernanceNode
import Raft
import Records
import Wire

/// What honest parties have said that they are bound by, held against what they sign: the oracle for "restrictions bind at
/// once", and for "what was lifted never binds again". Who has acknowledged a kill gives no share to a lease that does not
/// name it, whatever the leader has put into the log; and nobody gives one to a lease that names what a leaf below it lifts.
///
/// It sees what parties are asked and what leaves them, and nothing of the state. Between the moment when people begin to
/// lift a restriction and the leaf that says so, it says nothing; nor of one whose signer people begin to remove, but where
/// a final leaf before the removal holds it; nor of a refusal of certificates beyond which they have signed another.
/// What one operator alone has signed, where it takes two, and what is of nobody, binds no honest party.
struct RestrictionShadow: Sendable {
  private var bound: [NodeID: [(id: String, passesAt: UInt64)]] = [:]
  /// What each question's lease forbids, and the size of its note.
  private var asked: [SigningQuestion: (named: [String], size: UInt64)] = [:]

  /// What liars have shown of one operator alone, or of nobody: no honest party is bound by it.
  var forged: [String] = []

  /// A party has told somebody that it is bound. From `passesAt` on no token need be left that it forbids, and what a log
  /// holds, final or not yet, leases need not name. What is wrong with that, or nil.
  mutating func binds(_ party: NodeID, _ id: String, passesAt: UInt64) -> String? {
    if bound[party]?.contains(where: { $0.id == id }) != true {
      bound[party, default: []].append((id, passesAt))
    }
    return forged.contains(id)
      ? "is bound by \(id), which one operator alone signed, or which is of nobody" : nil
  }

  /// A party is asked for a share of a note with a lease.
  mutating func asks(_ party: NodeID, _ call: SignCall, from coordinator: NodeID) {
    guard let list = try? RestrictionList(parsing: call.restrictions),
      let note = try? CheckpointNote(parsing: String(decoding: call.text, as: UTF8.self)), note.lease != nil
    else { return }
    let question = SigningQuestion(
      party: party, coordinator: coordinator, term: call.term, round: call.round, session: call.session)
    asked[question] = (list.entries.map(\.incidentID), note.size)
  }

  /// A party gives a share; `unlisted` is what a lease need not name: what people are lifting, and what is older than any
  /// token. What is wrong with the lease that it signs, or nil. Not judged where it was asked for none.
  func objection(
    to answer: SignAnswer, of party: NodeID, to coordinator: NodeID, unlisted: [String],
    lifted: [(id: String, leaf: UInt64)], at time: UInt64
  ) -> (isJudged: Bool, what: String?) {
    let question = SigningQuestion(
      party: party, coordinator: coordinator, term: answer.term, round: answer.round, session: answer.session)
    guard !answer.share.isEmpty, let (named, size) = asked[question] else { return (false, nil) }
    if let id = bound[party]?.first(where: {
      $0.passesAt > time && !named.contains($0.id) && !unlisted.contains($0.id)
    })?.id {
      return (true, "is bound by \(id), and signs a lease that does not name it")
    }
    if let id = named.first(where: forged.contains) {
      return (true, "signs a lease that names the forged \(id)")
    }
    let over = lifted.first { named.contains($0.id) && $0.leaf < size }
    return (true, over.map { "signs a lease that names \($0.id), which leaf \($0.leaf) takes back" })
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
    if let told = message.restrictionBound {
      let what = restrictions.binds(
        party, told.incidentID, passesAt: passes(told.incidentID))
      if !restrictions.forged.isEmpty, isHonest(party) {
        oracles.lockedOut(byOne: what != nil, "node \(party.rawValue) \(what ?? "")", at: time)
      }
    }
    guard let answer = message.signAnswer else { return }
    let (isJudged, what) = restrictions.objection(
      to: answer, of: party, to: peer,
      unlisted: unlisted,
      lifted: (oracles.audit?.lifted ?? []) + voided, at: time)
    guard isJudged else { return }
    oracles.evaluated("acknowledged restrictions hold")
    guard let what else { return }
    oracles.fail("acknowledged restrictions hold", "node \(party.rawValue) \(what)", at: time)
  }

  /// What somebody signed who was removed before the log had it, and the leaf that says so.
  private var voided: [(id: String, leaf: UInt64)] {
    operators.signings.dismissed.compactMap { id, principal in
      guard oracles.audit?.holds(id) != true else { return nil }
      return oracles.audit?.removal(of: principal).map { (id, $0) }
    }
  }

  /// When no token is left that a restriction forbids which a log has held from the beginning, and leases need not name it:
  /// it is in one since it was signed at the earliest, however late a party hears of it or says so. Never of what leases
  /// name until it is lifted.
  private func passes(_ id: String) -> UInt64 {
    let acts = signedRestrictions.compactMap { try? JSON.parse($0.statement)["content"] }
    guard let act = acts.first(where: { $0["incident_id"]?.string == id }),
      let target = act["target"]?.string.flatMap(IncidentTarget.init(text:)),
      let signedAt = act["signed_at"]?.string.flatMap(Timestamp.init(text:))
    else { return .max }
    switch target {
    case .all, .certificates(of: .node, before: _): return .max
    // No token lives longer than fifteen minutes.
    case .tenant, .principal, .token, .certificates:
      return UInt64(max(0, signedAt.nanoseconds - simulatedEpoch)) + 900_000_000_000
    }
  }

  private func isHonest(_ party: NodeID) -> Bool { host(party).map(isHonest) ?? false }

  /// What leases need not name, as far as the world outside of the nodes knows. What somebody signed who was removed then
  /// counts where the log had it before.
  private var unlisted: [String] {
    let signings = operators.signings
    let void = signings.dismissed.map(\.id).filter { oracles.audit?.holds($0) != true }
    return oracles.execution.lifted + (oracles.audit?.delisted(at: wall()) ?? []) + signings.unlisted + void
  }
}
