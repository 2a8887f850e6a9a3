import Crypto
import FROST
import GovernanceNode
import Raft
import Wire

/// Which nonce pairs honest parties have given shares with, over crashes, restores and changes of key: the oracle for
/// "one nonce, one message". Two shares of one pair give the party's secret away.
///
/// It sees what parties are asked and what leaves them. A share follows from its nonces and from all that is signed, so two
/// different shares of one commitment are two uses, and the same share again is none. A coordinator's own share never leaves it;
/// it is for what the coordinator asks of the others.
struct NonceShadow: Sendable {
  /// The party's own commitments in what it was asked under one name; an honest coordinator asks again
  /// for the same alone.
  private var asked: [SigningQuestion: [[UInt8]]] = [:]
  /// What a commitment was used for.
  private var uses: [[UInt8]: [UInt8]] = [:]

  /// What a commitment is known by. In the tiny group two pairs may meet by chance, so it goes by the name there; in the real
  /// one by its points, whatever it is called.
  private static func key<Suite: CipherSuite>(_ commitment: NonceCommitment<Suite>) -> [UInt8] {
    let all = commitment.encoding
    // Party, boot and counter come first.
    return Suite.self == Ed25519SHA512.self ? Array(all.dropFirst(2 + 8 + 8)) : all
  }

  private static func own<Suite: CipherSuite>(
    _ party: NodeID, in call: SignCall, _ suite: Suite.Type
  ) -> [UInt8]? {
    for bytes in call.commitments {
      guard let commitment = try? NonceCommitment<Suite>(encoding: bytes),
        UInt64(commitment.party.value) == party.rawValue
      else { continue }
      return key(commitment)
    }
    return nil
  }

  /// A party is asked for a share.
  mutating func asks<Suite: CipherSuite>(
    _ party: NodeID, _ call: SignCall, from coordinator: NodeID, _ suite: Suite.Type
  ) {
    guard let commitment = Self.own(party, in: call, suite) else { return }
    let question = SigningQuestion(
      party: party, coordinator: coordinator, term: call.term, round: call.round, session: call.session)
    if asked[question]?.contains(commitment) != true { asked[question, default: []].append(commitment) }
  }

  /// A party answers; false where it uses a pair again. Nil where nothing follows: it declines, or it was asked with several
  /// commitments under one name, and which of them it used does not show.
  mutating func answers(_ party: NodeID, _ answer: SignAnswer, to coordinator: NodeID) -> Bool? {
    guard !answer.share.isEmpty else { return nil }
    let question = SigningQuestion(
      party: party, coordinator: coordinator, term: answer.term, round: answer.round, session: answer.session)
    guard let commitments = asked[question], commitments.count == 1 else { return nil }
    return use(commitments[0], for: answer.share)
  }

  /// A coordinator that is a signer itself asks the others.
  mutating func coordinates<Suite: CipherSuite>(
    _ party: NodeID, _ call: SignCall, _ suite: Suite.Type
  ) -> Bool? {
    guard let commitment = Self.own(party, in: call, suite) else { return nil }
    var package = call.text
    for bytes in call.commitments { package += bytes }
    return use(commitment, for: SHA256.hash(package).bytes)
  }

  private mutating func use(_ commitment: [UInt8], for what: [UInt8]) -> Bool {
    guard let known = uses[commitment] else {
      uses[commitment] = what
      return true
    }
    return known == what
  }
}

extension World {
  private static var oneMessage: String { "one nonce, one message" }

  /// An honest party is told something.
  func watchNonces(of host: NodeHost<Suite>, _ event: NodeEvent) {
    guard case .peer(let sender, let message) = event, let call = message.signCall, isHonest(host)
    else { return }
    nonces.asks(host.id, call, from: sender, Suite.self)
  }

  /// An honest party says something.
  func watchNonces(of party: NodeID, _ message: PeerMessage, to peer: NodeID) {
    var isOnce: Bool?
    if let answer = message.signAnswer { isOnce = nonces.answers(party, answer, to: peer) }
    if let call = message.signCall { isOnce = nonces.coordinates(party, call, Suite.self) }
    guard let isOnce else { return }
    oracles.evaluated(Self.oneMessage)
    if !isOnce {
      oracles.fail(Self.oneMessage, "node \(party.rawValue) uses one nonce pair for two messages", at: time)
    }
  }
}
