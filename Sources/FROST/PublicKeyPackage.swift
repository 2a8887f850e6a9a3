import Crypto

/// A party and its public share.
public struct VerifyingShare<Suite: CipherSuite>: Equatable, Sendable {
  /// Whose share.
  public let party: Identifier
  /// Its secret share times the generator.
  public let element: Suite.Element

  /// Pairs the two.
  public init(party: Identifier, element: Suite.Element) {
    self.party = party
    self.element = element
  }
}

/// What everyone knows of a group key: the key, the threshold, and each party's public share.
public struct PublicKeyPackage<Suite: CipherSuite>: Equatable, Sendable {
  /// The public key that signatures verify under.
  public let groupKey: Suite.Element
  /// Signers needed; 1…number of shares.
  public let threshold: Int
  /// Ascending by party, without repetition.
  public let verifyingShares: [VerifyingShare<Suite>]

  /// Checks bounds, order and that nothing is the identity. That the shares belong to the key is
  /// `isConsistent`, which costs group operations.
  public init(
    groupKey: Suite.Element, threshold: Int, verifyingShares: [VerifyingShare<Suite>]
  ) throws(FROSTError) {
    let parties = verifyingShares.map { $0.party }
    try validate(parties: parties, threshold: threshold)
    guard !groupKey.isIdentity, verifyingShares.allSatisfy({ !$0.element.isIdentity }) else {
      throw .identityElement
    }
    self.groupKey = groupKey
    self.threshold = threshold
    self.verifyingShares = verifyingShares
  }

  /// The parties, ascending.
  public var parties: [Identifier] { verifyingShares.map { $0.party } }

  /// The public share of `party`; nil where it has none.
  public func verifyingShare(of party: Identifier) -> Suite.Element? {
    var low = 0
    var high = verifyingShares.count
    while low < high {
      let middle = (low + high) / 2
      if verifyingShares[middle].party < party { low = middle + 1 } else { high = middle }
    }
    guard low < verifyingShares.count, verifyingShares[low].party == party else { return nil }
    return verifyingShares[low].element
  }

  /// Whether the group key and all shares lie on one polynomial of degree threshold − 1 in the
  /// exponent. Costs threshold multiplications for each further share. Variable time: public data.
  public var isConsistent: Bool {
    let base = Array(verifyingShares.prefix(threshold))
    let points = base.map { $0.party }
    func interpolated(at x: UInt16) -> Suite.Element? {
      var sum = Suite.Element.identity
      for share in base {
        guard
          let lambda = try? Lagrange.coefficient(
            of: share.party, among: points, at: x, in: Suite.self)
        else { return nil }
        sum = sum + share.element.multiplied(by: lambda)
      }
      return sum
    }
    return interpolated(at: 0) == groupKey
      && verifyingShares.dropFirst(threshold).allSatisfy {
        interpolated(at: $0.party.value) == $0.element
      }
  }

  /// The package as bytes.
  public var encoding: [UInt8] {
    var bytes: [UInt8] = []
    bytes.appendHeader(Suite.self)
    bytes.append(uint16: threshold)
    bytes.append(uint16: verifyingShares.count)
    bytes.append(contentsOf: groupKey.serialised)
    for share in verifyingShares {
      bytes.append(share.party)
      bytes.append(contentsOf: share.element.serialised)
    }
    return bytes
  }

  /// Reads what `encoding` wrote.
  public init(encoding: [UInt8]) throws(FROSTError) {
    var reader = ByteReader(encoding, expecting: "a public key package of \(Suite.name)")
    try reader.header(Suite.self)
    let threshold = try reader.uint16()
    let count = try reader.uint16()
    guard count <= FROSTLimits.parties else {
      throw .tooManyParties(limit: FROSTLimits.parties, found: count)
    }
    let groupKey = try reader.element(Suite.self)
    var shares: [VerifyingShare<Suite>] = []
    for _ in 0..<count {
      let party = try reader.identifier()
      shares.append(VerifyingShare(party: party, element: try reader.element(Suite.self)))
    }
    try reader.end()
    try self.init(groupKey: groupKey, threshold: threshold, verifyingShares: shares)
  }
}

/// The rules every list of parties of a key meets.
func validate(parties: [Identifier], threshold: Int) throws(FROSTError) {
  guard parties.count <= FROSTLimits.parties else {
    throw .tooManyParties(limit: FROSTLimits.parties, found: parties.count)
  }
  guard threshold >= 1, threshold <= parties.count else {
    throw .invalidThreshold(threshold, parties: parties.count)
  }
  guard parties.isStrictlyAscending else {
    throw .unorderedOrShort(required: threshold, found: parties.count)
  }
}
