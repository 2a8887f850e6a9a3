/// Names one nonce pair of one party for ever: nonces die with the process, so a counter is good only
/// together with the boot it was counted in.
public struct NonceID: Hashable, Comparable, Sendable {
  /// Whose nonces.
  public let party: Identifier
  /// The life of the process that drew them; unique, not ordered.
  public let boot: UInt64
  /// Ascends within a boot.
  public let counter: UInt64

  /// Names a pair.
  public init(party: Identifier, boot: UInt64, counter: UInt64) {
    self.party = party
    self.boot = boot
    self.counter = counter
  }

  public static func < (left: NonceID, right: NonceID) -> Bool {
    (left.party, left.boot, left.counter) < (right.party, right.boot, right.counter)
  }
}

/// The public half of a nonce pair (RFC 9591 §5.1): what round one publishes.
public struct NonceCommitment<Suite: CipherSuite>: Hashable, Sendable {
  /// Which pair.
  public let nonce: NonceID
  /// D, the hiding nonce times the generator.
  public let hiding: Suite.Element
  /// E, the binding nonce times the generator.
  public let binding: Suite.Element

  /// Joins the parts; nil where an element is the identity.
  public init?(nonce: NonceID, hiding: Suite.Element, binding: Suite.Element) {
    guard !hiding.isIdentity, !binding.isIdentity else { return nil }
    self.nonce = nonce
    self.hiding = hiding
    self.binding = binding
  }

  /// Whose commitment.
  public var party: Identifier { nonce.party }

  /// The commitment as bytes; all have the same length.
  public var encoding: [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(party)
    bytes.append(uint64: nonce.boot)
    bytes.append(uint64: nonce.counter)
    return bytes + hiding.serialised + binding.serialised
  }

  /// Reads what `encoding` wrote.
  public init(encoding: [UInt8]) throws(FROSTError) {
    var reader = ByteReader(encoding, expecting: "a nonce commitment of \(Suite.name)")
    try self.init(from: &reader)
    try reader.end()
  }

  init(from reader: inout ByteReader) throws(FROSTError) {
    nonce = NonceID(
      party: try reader.identifier(), boot: try reader.uint64(), counter: try reader.uint64())
    hiding = try reader.element(Suite.self)
    binding = try reader.element(Suite.self)
  }
}
