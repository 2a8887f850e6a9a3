import Canonical
import Crypto

/// What a party says by its own key, as against what originators sign and what the group signs.
public protocol PartyContent: JSONWritable, Hashable, Sendable {
  /// Names the kind, in the domain line.
  static var domain: String { get }
  /// Reads the content; unknown fields are refused by the caller.
  init(from fields: inout Fields) throws(RecordError)
}

/// A party's statement and its one signature, over
///
/// ```
/// openexec/v1/<domain>
/// <cluster id>
/// <canonical content>
/// ```
public struct PartySigned<Content: PartyContent>: Hashable, Sendable, JSONWritable {
  public let content: Content
  public let signature: Signature

  /// Signs `content` for `cluster`.
  public init(_ content: Content, cluster: Digest, with key: borrowing SigningKey) {
    self.content = content
    signature = key.sign(Self.bytes(content, cluster: cluster))
  }

  /// What came in other words than its own bytes; whether the signature is one is to be asked.
  public init(_ content: Content, signature: Signature) {
    self.content = content
    self.signature = signature
  }

  package init(from fields: inout Fields) throws(RecordError) {
    content = try fields.nested("content") { (inner) throws(RecordError) in try Content(from: &inner) }
    signature = try fields.value("signature", "an Ed25519 signature in base64") { json in
      json.string.flatMap(Signature.init(base64:))
    }
  }

  /// Reads what came from elsewhere.
  public init(parsing bytes: [UInt8]) throws(RecordError) {
    guard bytes.count <= Record.maximumBytes else { throw .tooLong(limit: Record.maximumBytes) }
    let value: JSON
    do {
      value = try JSON.parse(bytes)
    } catch {
      throw .json(error)
    }
    var fields = try Fields(value)
    try self.init(from: &fields)
    try fields.finish()
  }

  public var members: [(String, JSON)] {
    [("content", content.json), ("signature", .string(signature.base64))]
  }

  /// Canonical.
  public var bytes: [UInt8] { json.canonicalBytes() }

  /// Whether the party with this key has signed it for this cluster.
  public func isSigned(by key: PublicKey, cluster: Digest) -> Bool {
    key.verifies(signature, over: Self.bytes(content, cluster: cluster))
  }

  private static func bytes(_ content: Content, cluster: Digest) -> [UInt8] {
    Array("openexec/v1/\(Content.domain)\n\(cluster.hex)\n".utf8) + content.json.canonicalBytes()
  }
}
