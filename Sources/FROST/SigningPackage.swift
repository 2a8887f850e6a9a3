import Crypto

/// What a coordinator asks a set of signers to sign: the message and one nonce commitment each.
public struct SigningPackage<Suite: CipherSuite>: Equatable, Sendable {
  /// One commitment a signer, ascending by signer, without repetition.
  public let commitments: [NonceCommitment<Suite>]
  /// What is signed.
  public let message: [UInt8]

  /// Checks that the list ascends without repetition and is not empty, and the message's length.
  /// Whether there are enough signers is the key's to say.
  public init(
    commitments: [NonceCommitment<Suite>], message: [UInt8]
  ) throws(FROSTError) {
    guard commitments.count <= FROSTLimits.parties else {
      throw .tooManyParties(limit: FROSTLimits.parties, found: commitments.count)
    }
    guard !commitments.isEmpty, commitments.map({ $0.party }).isStrictlyAscending else {
      throw .unorderedOrShort(required: 1, found: commitments.count)
    }
    guard message.count <= FROSTLimits.messageBytes else {
      throw .malformed(expected: "a message of at most \(FROSTLimits.messageBytes) bytes")
    }
    self.commitments = commitments
    self.message = message
  }

  /// The signers, ascending.
  public var signers: [Identifier] { commitments.map { $0.party } }

  /// The commitment of `party`; nil where it is no signer.
  public func commitment(of party: Identifier) -> NonceCommitment<Suite>? {
    commitments.first { $0.party == party }
  }

  /// The package as bytes.
  public var encoding: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(uint16: commitments.count)
    for commitment in commitments { bytes.append(contentsOf: commitment.encoding) }
    bytes.append(uint32: message.count)
    return bytes + message
  }

  /// Reads what `encoding` wrote.
  public init(encoding: [UInt8]) throws(FROSTError) {
    var reader = ByteReader(encoding, expecting: "a signing package of \(Suite.name)")
    let count = try reader.uint16()
    guard count <= FROSTLimits.parties else {
      throw .tooManyParties(limit: FROSTLimits.parties, found: count)
    }
    var commitments: [NonceCommitment<Suite>] = []
    for _ in 0..<count { commitments.append(try NonceCommitment(from: &reader)) }
    let message = try reader.take(try reader.uint32())
    try reader.end()
    try self.init(commitments: commitments, message: message)
  }
}

/// A signing package worked out for one key: binding factors, group commitment and challenge
/// (RFC 9591 §4.3–§4.6).
///
/// Made by a `KeyPackage` or a `PublicKeyPackage` from its own key; where one process both signs and
/// coordinates, the work is done once. Variable time: everything in it is public.
public struct SigningRound<Suite: CipherSuite>: Equatable, Sendable {
  /// What was worked out.
  public let package: SigningPackage<Suite>
  /// The signature's R.
  public let groupCommitment: Suite.Element
  let groupKey: Suite.Element
  /// By position in the package's list.
  let bindingFactors: [Suite.Scalar]
  /// D + ρE, by position.
  let commitmentShares: [Suite.Element]
  let challenge: Suite.Scalar

  @specialized(where Suite == Ed25519SHA512)
  @specialized(where Suite == TinySuite)
  init(
    _ package: SigningPackage<Suite>, groupKey: Suite.Element, threshold: Int
  ) throws(FROSTError) {
    guard package.commitments.count >= threshold else {
      throw .unorderedOrShort(required: threshold, found: package.commitments.count)
    }
    let inputs = SigningRound.bindingFactorInputs(package, groupKey: groupKey)
    let factors = inputs.map { Suite.h1($0) }
    let shares = zip(package.commitments, factors).map { commitment, factor in
      commitment.hiding + commitment.binding.multiplied(by: factor)
    }
    var sum = shares[0]
    for share in shares.dropFirst() { sum = sum + share }
    guard !sum.isIdentity else { throw .identityElement }
    self.package = package
    self.groupKey = groupKey
    groupCommitment = sum
    bindingFactors = factors
    commitmentShares = shares
    challenge = Suite.h2(sum.serialised + groupKey.serialised + package.message)
  }

  /// What H1 is applied to, one a signer (RFC 9591 §4.4, `rho_input`): bound to key, message, the
  /// whole list and the signer, which is what defeats forgeries across concurrent sessions.
  static func bindingFactorInputs(
    _ package: SigningPackage<Suite>, groupKey: Suite.Element
  ) -> [[UInt8]] {
    var list: [UInt8] = []
    for commitment in package.commitments {
      list += commitment.party.encoding(in: Suite.self)
      list += commitment.hiding.serialised
      list += commitment.binding.serialised
    }
    let prefix = groupKey.serialised + Suite.h4(package.message) + Suite.h5(list)
    return package.commitments.map { prefix + $0.party.encoding(in: Suite.self) }
  }

  func position(of party: Identifier) -> Int? {
    package.commitments.firstIndex { $0.party == party }
  }
}
