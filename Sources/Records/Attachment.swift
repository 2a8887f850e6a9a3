import Canonical
import Crypto

#if SIMULATION
private let attachments = Remembered<RememberedBytes, Attachment>(capacity: 2048)
#endif

/// What travels with a leaf and can be erased: named values with their salts. The leaf holds
/// `SHA-256(salt ‖ canonical value)` under `<name>_hash`.
public struct Attachment: Equatable, Sendable {
  /// One value.
  public struct Item: Equatable, Sendable {
    /// 16 to 64 bytes.
    public let salt: [UInt8]
    public let value: JSON

    /// A value and its salt.
    public init(salt: [UInt8], value: JSON) {
      self.salt = salt
      self.value = value
    }

    /// What the leaf holds.
    public var hash: Digest { value.saltedHash(salt) }
  }

  /// Ascending by name.
  public private(set) var items: [(name: String, item: Item)]

  /// Longest attachment in bytes.
  public static let maximumBytes = 1 << 20

  /// The salt of what no leaf holds a hash of, since it signs the leaf: sixteen zero bytes.
  public static let noSalt = [UInt8](repeating: 0, count: 16)

  /// Nothing attached.
  public init() { items = [] }

  /// One value attached.
  public init(_ name: String, _ item: Item) {
    items = [(name, item)]
  }

  /// The item named `name`.
  public subscript(name: String) -> Item? {
    get { items.first { $0.name == name }?.item }
    set {
      items.removeAll { $0.name == name }
      if let newValue {
        items.append((name, newValue))
        items.sort { canonicalOrder($0.name, $1.name) == .ascending }
      }
    }
  }

  /// Reads `{"<name>": {"salt": "<hex>", "value": …}, …}`; no bytes are no items.
  public init(parsing bytes: [UInt8]) throws(RecordError) {
    #if SIMULATION
    guard !bytes.isEmpty else {
      self.init()
      return
    }
    self = try attachments(RememberedBytes(bytes)) { () throws(RecordError) in try Attachment(reading: bytes)
    }
    #else
    try self.init(reading: bytes)
    #endif
  }

  private init(reading bytes: [UInt8]) throws(RecordError) {
    items = []
    if bytes.isEmpty { return }
    guard bytes.count <= Attachment.maximumBytes else { throw .tooLong(limit: Attachment.maximumBytes) }
    let value: JSON
    do {
      value = try JSON.parse(bytes)
    } catch {
      throw .json(error)
    }
    guard value.canonicalBytes() == bytes else { throw .notCanonical }
    guard case .object(let object) = value, (1...8).contains(object.members.count) else {
      throw .field("attachment", expected: "an object of one to eight values, or no bytes")
    }
    for member in object.members {
      var fields = try Fields(member.value, at: "attachment.\(member.name.prefix(64))")
      let salt = try fields.value("salt", "16 to 64 bytes in hexadecimal") { json in
        json.string.flatMap(Hex.decode).flatMap { (16...64).contains($0.count) ? $0 : nil }
      }
      items.append((member.name, Item(salt: salt, value: try fields.required("value"))))
      try fields.finish()
    }
  }

  /// The canonical bytes; none where nothing is attached.
  public var bytes: [UInt8] {
    guard !items.isEmpty else { return [] }
    return JSON.object(
      items.map { name, item in
        (name, .object([("salt", .string(Hex.encode(item.salt))), ("value", item.value)]))
      }
    ).canonicalBytes()
  }

  public static func == (left: Attachment, right: Attachment) -> Bool { left.bytes == right.bytes }

  /// Checks the attachment against its leaf: exactly the values that the leaf names, each with the hash
  /// that the leaf holds.
  public func check(against body: RecordBody) throws(RecordError) {
    let expected = Attachment.expected(body)
    for (name, item) in items {
      guard let entry = expected.first(where: { $0.name == name }) else {
        throw .field("attachment.\(name.prefix(64))", expected: "no such value with this record")
      }
      let isRight = entry.hash.map { $0 == item.hash } ?? (item.salt == Attachment.noSalt)
      guard isRight else {
        throw .field("attachment.\(name)", expected: "the value whose salted hash the record holds")
      }
    }
    for entry in expected where self[entry.name] == nil {
      throw .field("attachment.\(entry.name)", expected: "the value whose hash the record holds")
    }
  }

  /// Whether something travels with such a record.
  public static func belongs(to body: RecordBody) -> Bool { !expected(body).isEmpty }

  /// What a record's attachment must hold; a nil hash stands for content that signs the record itself.
  private static func expected(_ body: RecordBody) -> [(name: String, hash: Digest?)] {
    switch body {
    case .genesis(let genesis): [("bundle", genesis.bundleHash), ("signatures", nil)]
    case .policy(let act): act.content.mode == .unshadow ? [] : [("bundle", act.content.bundleHash)]
    case .proposal(let proposal): [("parameters", proposal.content.parametersHash)]
    case .ballot(let ballot): [("reason", ballot.content.reasonHash)]
    case .receipt(let receipt):
      [("result", receipt.content.resultHash)]
        + (receipt.content.egressHash.map { [("egress", $0)] } ?? [])
    case .incident(let act): [("reason", act.content.reasonHash)]
    case .term, .tick, .members, .derivedMembers, .key, .version, .enrol, .artifact, .withdrawal, .decision,
      .derivedIncident, .recovery:
      []
    }
  }
}
