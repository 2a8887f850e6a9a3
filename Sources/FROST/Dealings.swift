import Crypto

/// What one party collects from the dealers of a verifiable secret sharing (RFC 9591 appendix C.2):
/// each dealer's commitment, and its share for this party.
///
/// Key generation, refresh and resharing differ in what a commitment's constant must be, which they
/// check before they enter one here.
struct Dealings<Suite: CipherSuite>: ~Copyable, Sendable {
  /// Who collects.
  let receiver: Identifier
  /// Who deals, ascending.
  let dealers: [Identifier]
  /// Coefficients that every commitment must have: the threshold.
  let length: Int
  /// By position in `dealers`.
  private var commitments: [PolynomialCommitment<Suite>?]
  private var shares: SecretScalars<Suite>
  private var hasShare: [Bool]

  /// `dealers` ascends and is not empty.
  init(receiver: Identifier, dealers: [Identifier], length: Int) {
    self.receiver = receiver
    self.dealers = dealers
    self.length = length
    commitments = Array(repeating: nil, count: dealers.count)
    shares = SecretScalars(count: dealers.count)
    hasShare = Array(repeating: false, count: dealers.count)
  }

  var awaitingCommitments: [Identifier] {
    zip(dealers, commitments).filter { $0.1 == nil }.map(\.0)
  }

  var awaitingShares: [Identifier] { zip(dealers, hasShare).filter { !$0.1 }.map(\.0) }

  /// The commitments, in the dealers' order; throws while one is missing.
  func complete() throws(FROSTError) -> [PolynomialCommitment<Suite>] {
    let known = commitments.compactMap { $0 }
    guard known.count == dealers.count else { throw .incomplete(missing: awaitingCommitments) }
    return known
  }

  /// Whether `dealer` has a commitment here, which must then be this very one.
  func holds(
    _ commitment: PolynomialCommitment<Suite>, of dealer: Identifier
  ) throws(FROSTError) -> Bool {
    guard let earlier = commitments[try position(of: dealer)] else { return false }
    guard earlier == commitment else { throw .culprit(dealer, .equivocation) }
    return true
  }

  /// Throws unless the commitment has exactly the threshold's length: a longer one would raise the
  /// threshold unseen.
  func checkLength(
    _ commitment: PolynomialCommitment<Suite>, of dealer: Identifier
  ) throws(FROSTError) {
    guard commitment.elements.count == length else {
      throw .culprit(
        dealer, .commitmentLength(expected: length, found: commitment.elements.count))
    }
  }

  /// Enters a commitment that was checked.
  mutating func enter(
    _ commitment: PolynomialCommitment<Suite>, of dealer: Identifier
  ) throws(FROSTError) {
    try checkLength(commitment, of: dealer)
    commitments[try position(of: dealer)] = commitment
  }

  /// Enters a share; the same one again changes nothing. It is checked when all are there.
  mutating func enter(_ share: Suite.Scalar, of dealer: Identifier) throws(FROSTError) {
    let position = try position(of: dealer)
    if hasShare[position] {
      guard shares[position] == share else { throw .culprit(dealer, .equivocation) }
      return
    }
    shares[position] = share
    hasShare[position] = true
  }

  /// Enters a share from outside, for this receiver or else the sender is a culprit.
  mutating func enter(
    _ share: SecretShare<Suite>, from dealer: Identifier
  ) throws(FROSTError) {
    guard dealer != receiver else { throw .ownMessage }
    _ = try position(of: dealer)
    guard share.recipient == receiver else { throw .culprit(dealer, .invalidShare) }
    try enter(share.value, of: dealer)
  }

  /// The sum of all commitments.
  func aggregate() throws(FROSTError) -> PolynomialCommitment<Suite> {
    let known = try complete()
    var sum = known[0]
    for commitment in known.dropFirst() { sum = sum + commitment }
    return sum
  }

  /// The sum of all shares, each checked against its dealer's commitment; names every dealer whose
  /// share fails.
  func sum() throws(FROSTError) -> SecretScalars<Suite> {
    let known = try complete()
    guard awaitingShares.isEmpty else { throw .incomplete(missing: awaitingShares) }
    var sum = Suite.Scalar.zero
    var culprits: [Culprit] = []
    for (position, dealer) in dealers.enumerated() {
      let share = shares[position]
      if dealer != receiver, !known[position].admits(share, at: receiver) {
        culprits.append(Culprit(dealer, .invalidShare))
      }
      sum = sum + share
    }
    guard culprits.isEmpty else { throw .culprits(culprits) }
    let secret = SecretScalars<Suite>(sum)
    wipeStack()
    return secret
  }

  private func position(of dealer: Identifier) throws(FROSTError) -> Int {
    guard let position = dealers.firstIndex(of: dealer) else { throw .unknownParty(dealer) }
    return position
  }
}

extension PolynomialCommitment {
  /// The public shares that follow for `parties`.
  func verifyingShares(of parties: [Identifier]) -> [VerifyingShare<Suite>] {
    parties.map { VerifyingShare(party: $0, element: evaluate(at: $0)) }
  }
}
