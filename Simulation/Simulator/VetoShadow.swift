import Crypto
import GovernanceNode
import Raft
import Records
import Wire

/// What honest parties have said that they veto, held against what they sign: the oracle for "a veto binds
/// its party's share". It sees what a party was told and answered, and what leaves it; from the node it takes
/// only which leaf approves a proposal.
struct VetoShadow: Sendable {
  /// A veto that the schedule asks for and whose proposal nobody has seen yet.
  struct Wish: Sendable {
    let party: NodeID
    let agent: UInt64
    let request: UInt64
  }

  var wishes: [Wish] = []
  /// Proposals, by the party that has said that it vetoes them.
  private var standing: [NodeID: [LeafIndex]] = [:]
  /// What each question's note consents to.
  private var asked: [SigningQuestion: ConsentLine] = [:]

  /// A party has answered its people.
  mutating func stands(_ party: NodeID, on proposal: LeafIndex) {
    if standing[party]?.contains(proposal) != true { standing[party, default: []].append(proposal) }
  }

  mutating func asks(_ party: NodeID, _ call: SignCall, from coordinator: NodeID) {
    guard standing[party] != nil,
      let note = try? CheckpointNote(parsing: String(decoding: call.text, as: UTF8.self)),
      let consent = note.consent
    else { return }
    let question = SigningQuestion(
      party: party, coordinator: coordinator, term: call.term, round: call.round, session: call.session)
    asked[question] = consent
  }

  /// What a party that vetoed it has consented to all the same; nil where it has not. Not judged where it
  /// vetoes nothing.
  func objection(
    to answer: SignAnswer, of party: NodeID, to coordinator: NodeID, approval: (LeafIndex) -> LeafIndex?
  ) -> (isJudged: Bool, what: String?) {
    let question = SigningQuestion(
      party: party, coordinator: coordinator, term: answer.term, round: answer.round, session: answer.session)
    guard !answer.share.isEmpty, let consent = asked[question], let proposals = standing[party] else {
      return (false, nil)
    }
    let leaf = proposals.lazy.compactMap(approval).first { consent.covers($0) }
    return (true, leaf.map { "vetoed what leaf \($0.value) approves, and consents to it" })
  }
}

extension World {
  /// People of parties veto what the schedule says, as soon as it is there.
  func placeVetoes() {
    vetoes.wishes.removeAll { wish in
      guard let (leaf, hash) = oracles.audit?.proposal(agent: wish.agent, request: wish.request),
        let host = host(wish.party.rawValue)
      else { return false }
      var seed = host.keySeed
      guard let key = SigningKey(seed: &seed) else { return true }
      let order = VetoOrder(
        party: Int(wish.party.rawValue), proposal: leaf, proposalHash: hash, reason: "not with our share",
        signedAt: wall(), validUntil: wall().advanced(by: .seconds(3600)))
      operators.veto(PartySigned(order, cluster: cluster, with: key))
      return true
    }
  }

  /// An operator was told that a party's veto stands.
  func takeVetoes() {
    for order in operators.takeVetoes() {
      guard let party = NodeID(rawValue: UInt64(order.party)) else { continue }
      oracles.count(fault: "veto")
      vetoes.stands(party, on: order.proposal)
    }
  }

  /// An honest party is told something.
  func watchVetoes(of host: NodeHost<Suite>, _ event: NodeEvent) {
    guard case .peer(let sender, let message) = event, let call = message.signCall, isHonest(host) else {
      return
    }
    vetoes.asks(host.id, call, from: sender)
  }

  /// An honest party says something.
  func watchVetoes(of party: NodeID, _ message: PeerMessage, to peer: NodeID) {
    guard let answer = message.signAnswer else { return }
    let (isJudged, what) = vetoes.objection(to: answer, of: party, to: peer) { proposal in
      host(party)?.node?.approval(of: proposal)
    }
    guard isJudged else { return }
    oracles.evaluated("a veto binds its party's share")
    guard let what else { return }
    oracles.fail("a veto binds its party's share", "node \(party.rawValue) \(what)", at: time)
  }
}
