import Crypto

/// What a helper contributes to a repair: one secret summand for each helper, and commitments to them
/// that everyone sees.
public struct RepairContribution<Suite: CipherSuite>: Equatable, Sendable {
  /// One a helper, in the helpers' order: the summand times the generator. Broadcast.
  public let commitment: PolynomialCommitment<Suite>
  /// One a helper, in the helpers' order, its own included; each for its recipient alone.
  public let summands: [SecretShare<Suite>]
}

/// The repair of a lost share by at least *threshold* others, who learn nothing of it (repairable
/// threshold scheme of Laing and Stinson 2018, "enrolment", with commitments that let a liar be named).
///
/// Each party of the repair runs this machine; it holds public values only.
/// 1. Every helper makes a `contribution`, broadcasts its commitment, and sends each summand to its
///    helper.
/// 2. Everyone takes every commitment (`receive`).
/// 3. Every helper sends `combine(_:)` of the summands it got to the party that lost its share.
/// 4. That party calls `restore(_:)`.
public struct ShareRepair<Suite: CipherSuite>: Equatable, Sendable {
  /// The key whose share is repaired.
  public let publicKeys: PublicKeyPackage<Suite>
  /// Who lost its share.
  public let lost: Identifier
  /// Who helps, at least the threshold; ascending.
  public let helpers: [Identifier]
  /// By position in `helpers`.
  private var commitments: [PolynomialCommitment<Suite>?]

  /// Checks that everyone belongs to the key and that there are enough helpers.
  public init(
    publicKeys: PublicKeyPackage<Suite>, lost: Identifier, helpers: [Identifier]
  ) throws(FROSTError) {
    guard helpers.isStrictlyAscending, helpers.count >= publicKeys.threshold else {
      throw .unorderedOrShort(required: publicKeys.threshold, found: helpers.count)
    }
    for party in helpers + [lost] where publicKeys.verifyingShare(of: party) == nil {
      throw .unknownParty(party)
    }
    guard !helpers.contains(lost) else { throw .unknownParty(lost) }
    self.publicKeys = publicKeys
    self.lost = lost
    self.helpers = helpers
    commitments = Array(repeating: nil, count: helpers.count)
  }

  /// The helpers whose commitment has not come; ascending.
  public var awaitingCommitments: [Identifier] {
    zip(helpers, commitments).filter { $0.1 == nil }.map(\.0)
  }

  /// This helper's contribution: its part λs of the lost share, cut into random summands.
  public func contribution(
    of key: borrowing KeyPackage<Suite>, using random: inout some RandomNumberGenerator
  ) throws(FROSTError) -> RepairContribution<Suite> {
    guard key.groupKey == publicKeys.groupKey else { throw .foreignKey }
    guard helpers.contains(key.identifier) else { throw .unknownParty(key.identifier) }
    guard publicKeys.verifyingShare(of: key.identifier) == key.verifyingShare else {
      throw .shareMismatch
    }
    let lambda = try coefficient(of: key.identifier)
    var rest = lambda * key.secret[0]
    var summands: [SecretShare<Suite>] = []
    for helper in helpers.dropLast() {
      let summand = Suite.Scalar.random(using: &random)
      rest = rest - summand
      summands.append(SecretShare(recipient: helper, value: summand))
    }
    summands.append(SecretShare(recipient: helpers[helpers.count - 1], value: rest))
    let elements = summands.map { Suite.Element.generatorMultiple($0.value) }
    wipeStack()
    guard elements.allSatisfy({ !$0.isIdentity }) else { throw .identityElement }
    return RepairContribution(commitment: PolynomialCommitment(elements), summands: summands)
  }

  /// Takes a helper's commitment, this party's own included; the same one again changes nothing.
  /// Throws a culprit where it does not add up to the helper's part of the lost share.
  public mutating func receive(
    _ commitment: PolynomialCommitment<Suite>, from helper: Identifier
  ) throws(FROSTError) {
    let position = try position(of: helper)
    if let earlier = commitments[position] {
      guard earlier == commitment else { throw .culprit(helper, .equivocation) }
      return
    }
    guard commitment.elements.count == helpers.count else {
      throw .culprit(
        helper,
        .commitmentLength(expected: helpers.count, found: commitment.elements.count))
    }
    guard commitment.elements.allSatisfy({ !$0.isIdentity }) else {
      throw .culprit(helper, .identityElement)
    }
    guard let share = publicKeys.verifyingShare(of: helper) else { throw .unknownParty(helper) }
    let expected = share.multiplied(by: try coefficient(of: helper))
    guard sum(commitment.elements) == expected else {
      throw .culprit(helper, .commitmentMismatch)
    }
    commitments[position] = commitment
  }

  /// The sum of the summands that `helper` got, for the party that lost its share. `summands` are one
  /// from each helper, in the helpers' order; names every helper whose summand fails.
  public func combine(
    _ summands: [SecretShare<Suite>], by helper: Identifier
  ) throws(FROSTError) -> SecretShare<Suite> {
    let column = try position(of: helper)
    let known = try complete()
    try checkCount(summands)
    var total = Suite.Scalar.zero
    var culprits: [Culprit] = []
    for (position, summand) in summands.enumerated() {
      if summand.recipient != helper
        || Suite.Element.generatorMultiple(summand.value) != known[position].elements[column]
      {
        culprits.append(Culprit(helpers[position], .invalidShare))
      }
      total = total + summand.value
    }
    guard culprits.isEmpty else { throw .culprits(culprits) }
    return SecretShare(recipient: lost, value: total)
  }

  /// The repaired share. `sums` are one from each helper, in the helpers' order; names every helper
  /// whose sum fails.
  public func restore(_ sums: [SecretShare<Suite>]) throws(FROSTError) -> KeyPackage<Suite> {
    let known = try complete()
    try checkCount(sums)
    var total = Suite.Scalar.zero
    var culprits: [Culprit] = []
    for (column, share) in sums.enumerated() {
      let expected = sum(known.map { $0.elements[column] })
      if share.recipient != lost || Suite.Element.generatorMultiple(share.value) != expected {
        culprits.append(Culprit(helpers[column], .invalidShare))
      }
      total = total + share.value
    }
    guard culprits.isEmpty else { throw .culprits(culprits) }
    guard let verifyingShare = publicKeys.verifyingShare(of: lost) else {
      throw .unknownParty(lost)
    }
    let secret = SecretScalars<Suite>(total)
    wipeStack()
    return try KeyPackage(
      identifier: lost, secret: secret, verifyingShare: verifyingShare,
      groupKey: publicKeys.groupKey, threshold: publicKeys.threshold)
  }

  private func coefficient(of helper: Identifier) throws(FROSTError) -> Suite.Scalar {
    try Lagrange.coefficient(
      of: helper, among: helpers, at: lost.value, in: Suite.self)
  }

  private func complete() throws(FROSTError) -> [PolynomialCommitment<Suite>] {
    let known = commitments.compactMap { $0 }
    guard known.count == helpers.count else { throw .incomplete(missing: awaitingCommitments) }
    return known
  }

  private func checkCount(_ shares: [SecretShare<Suite>]) throws(FROSTError) {
    guard shares.count == helpers.count else {
      throw .unorderedOrShort(required: helpers.count, found: shares.count)
    }
  }

  private func position(of helper: Identifier) throws(FROSTError) -> Int {
    guard let position = helpers.firstIndex(of: helper) else { throw .unknownParty(helper) }
    return position
  }

  private func sum(_ elements: [Suite.Element]) -> Suite.Element {
    elements.reduce(.identity) { $0 + $1 }
  }
}
