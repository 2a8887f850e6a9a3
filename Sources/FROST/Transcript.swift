import Crypto

/// The hash of a ceremony's broadcasts, which all parties must find equal.
struct Transcript {
  private var bytes: [UInt8]

  /// - Parameters:
  ///   - ceremony: which kind, such as `key-generation`.
  ///   - context: what names this ceremony and no other.
  init<Suite: CipherSuite>(_ ceremony: String, context: [UInt8], in suite: Suite.Type) {
    bytes = Array("openexec/frost/\(ceremony)/v1\n".utf8)
    bytes.appendHeader(suite)
    bytes.append(uint32: context.count)
    bytes.append(contentsOf: context)
  }

  mutating func add(_ number: Int) { bytes.append(uint16: number) }

  mutating func add(_ parties: [Identifier]) {
    bytes.append(uint16: parties.count)
    for party in parties { bytes.append(party) }
  }

  /// Adds what a party broadcast.
  mutating func add(_ party: Identifier, _ broadcast: [UInt8]) {
    bytes.append(party)
    bytes.append(uint32: broadcast.count)
    bytes.append(contentsOf: broadcast)
  }

  func finish() -> Digest { SHA256.hash(bytes) }
}
