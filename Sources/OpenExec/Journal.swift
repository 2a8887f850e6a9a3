import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// Orders durable writes: the owner reports each once it, and all before it, are on disk.
public struct Ticket: Hashable, Comparable, Sendable {
  /// Ascends by one with each write.
  public let value: UInt64
  /// A ticket.
  public init(_ value: UInt64) { self.value = value }
  public static func < (left: Ticket, right: Ticket) -> Bool { left.value < right.value }
}

/// One durable write: sets `key` to `value`, or removes it where that is nil.
public struct JournalWrite: Equatable, Sendable {
  public let ticket: Ticket
  public let key: String
  public let value: [UInt8]?
}

/// A row as it is kept: its value and SHA-256 over key and value, so that damage is seen and never read as
/// another nonce or another end (HF-4).
///
/// Bytes: value ‖ SHA-256("openexec/v1/journal" ‖ 0A ‖ key ‖ 0A ‖ value).
enum JournalRow {
  static func sealed(_ key: String, _ value: [UInt8]) -> [UInt8] { value + digest(key, value[...]) }

  /// The value; nil where the row is not as it was written.
  static func opened(_ key: String, _ bytes: [UInt8]) -> [UInt8]? {
    guard bytes.count >= 32 else { return nil }
    let value = bytes.dropLast(32)
    return digest(key, value) == Array(bytes.suffix(32)) ? Array(value) : nil
  }

  private static func digest(_ key: String, _ value: ArraySlice<UInt8>) -> [UInt8] {
    SHA256.hash(Array("openexec/v1/journal\n\(key)\n".utf8) + value).bytes
  }
}

/// Why a journal cannot be gone on with. A lost or damaged registry needs a new incarnation (HF-4).
public enum JournalError: Error, Equatable, Sendable, CustomStringConvertible {
  /// No registry here for this executor and incarnation.
  case registryLost(expected: Int)
  /// The registry is of another executor or incarnation.
  case otherIncarnation(found: String)
  case corrupt(key: String, String)

  public var description: String {
    switch self {
    case .registryLost(let incarnation):
      "journal: no nonce registry of incarnation \(incarnation); enrol the executor with a new incarnation"
    case .otherIncarnation(let found):
      "journal: belongs to \(found); enrol the executor with a new incarnation"
    case .corrupt(let key, let what):
      "journal: \(key): \(what); enrol the executor with a new incarnation"
    }
  }
}

/// A token whose nonce is used up, as it is kept. All of its receipt can be made from this.
struct BurnedToken: Equatable, Sendable {
  var token: ProvenToken
  /// By the lease's time.
  var burnedAt: Timestamp
  /// Empty where it was refused.
  var imageDigest: String
  /// Nil where it was refused: nothing was to run.
  var isolationClass: IsolationClass?
}

/// What is known of a token durably.
enum TokenRecord: Equatable, Sendable {
  /// Its nonce is used; on a restart nobody can say how it ended.
  case burned(BurnedToken)
  /// It is over, and governance must be told until it proves that it knows.
  case reported(BurnedToken, ReceiptDraft)
  /// Its receipt is final, or nobody takes it any more; the nonce stays used. Kept as `proven`.
  case settled(id: String, nonce: String, expiresAt: Timestamp)

  static func key(_ token: String) -> String { "token/\(token)" }

  var bytes: [UInt8] {
    switch self {
    case .burned(let burned):
      return JSON.object(TokenRecord.members(burned) + [("phase", "burned")]).canonicalBytes()
    case .reported(let burned, let draft):
      var more: [(String, JSON)] = [
        ("phase", "reported"), ("receipt", draft.receipt.json),
        ("attachment", .string(Base64.encode(draft.attachment.bytes))),
      ]
      if let artifact = draft.artifact { more.append(("artifact", artifact.json)) }
      return JSON.object(TokenRecord.members(burned) + more).canonicalBytes()
    case .settled(let id, let nonce, let end):
      return JSON.object([
        ("phase", "proven"), ("token_id", .string(id)), ("nonce", .string(nonce)),
        ("expires_at", .string(end.text)),
      ]).canonicalBytes()
    }
  }

  private static func members(_ burned: BurnedToken) -> [(String, JSON)] {
    var members: [(String, JSON)] = [
      ("token", .string(burned.token.proof.encoded)), ("burned_at", .string(burned.burnedAt.text)),
      ("image_digest", .string(burned.imageDigest)),
    ]
    if let ran = burned.isolationClass { members.append(("isolation_class", .string(ran.rawValue))) }
    return members
  }

  /// A row holds a result of at most `ResultArtifact.maximumBytes`, in base64.
  private static let limits = JSONLimits(maximumBytes: 8 << 20, maximumDepth: 512, exactNumbers: false)

  /// Reads a kept record; its token is verified again.
  init(parsing bytes: [UInt8], identity: ExecutorIdentity) throws(RecordError) {
    let value: JSON
    do {
      value = try JSON.parse(bytes, limits: TokenRecord.limits)
    } catch {
      throw .json(error)
    }
    var fields = try Fields(value)
    let phase = try fields.text("phase")
    switch phase {
    case "proven":
      self = .settled(
        id: try fields.identifier("token_id"), nonce: try fields.identifier("nonce"),
        expiresAt: try fields.time("expires_at"))
    case "burned":
      self = .burned(try TokenRecord.burned(&fields, identity))
    case "reported":
      let burned = try TokenRecord.burned(&fields, identity)
      let receipt = try fields.nested("receipt") { (inner) throws(RecordError) in
        try Receipt(from: &inner)
      }
      let bytes = try fields.value("attachment", "bytes in base64") { json in
        json.string.flatMap(Base64.decode)
      }
      let attachment = try Attachment(parsing: bytes)
      let artifact = try fields.optionalNested("artifact") { (inner) throws(RecordError) in
        try ResultArtifact(from: &inner, of: burned.token)
      }
      self = .reported(burned, ReceiptDraft(receipt: receipt, attachment: attachment, artifact: artifact))
    default: throw .field("phase", expected: "burned, reported or proven")
    }
    try fields.finish()
  }

  private static func burned(
    _ fields: inout Fields, _ identity: ExecutorIdentity
  ) throws(RecordError) -> BurnedToken {
    let text = try fields.value("token", "a token") { $0.string }
    let token: ProvenToken
    do {
      token = try TokenGate.prove(text, for: identity)
    } catch {
      throw .field("token", expected: "a proven token: \(error.reason)")
    }
    return BurnedToken(
      token: token, burnedAt: try fields.time("burned_at"),
      imageDigest: try fields.text("image_digest", limit: 128),
      isolationClass: try fields.optionalValue("isolation_class", "an isolation class") { json in
        json.string.flatMap(IsolationClass.init(rawValue:))
      })
  }
}

/// What an executor keeps beside its tokens.
enum JournalKey {
  static let identity = "identity"
  static let lease = "lease"

  /// A link of the chain of keys, by its leaf, so that the order of names is the order of links.
  static func link(_ leaf: LeafIndex) -> String {
    let digits = String(leaf.value)
    return linkPrefix + String(repeating: "0", count: max(0, 20 - digits.count)) + digits
  }
  static let linkPrefix = "key/"

  static func identityBytes(_ identity: ExecutorIdentity) -> [UInt8] {
    JSON.object([
      ("cluster", .string(identity.keys.cluster.hex)), ("executor", .string(identity.executor.path)),
      ("incarnation", .integer(identity.incarnation)),
    ]).canonicalBytes()
  }

  static func leaseBytes(_ mark: LeaseMark) -> [UInt8] {
    JSON.object([("size", .integer(Int(mark.size))), ("time", .string(mark.time.text))])
      .canonicalBytes()
  }

  static func leaseMark(_ bytes: [UInt8]) throws(RecordError) -> LeaseMark {
    let value: JSON
    do {
      value = try JSON.parse(bytes)
    } catch {
      throw .json(error)
    }
    var fields = try Fields(value)
    let mark = LeaseMark(
      size: try fields.leafIndex("size").value, time: try fields.time("time"))
    try fields.finish()
    return mark
  }
}

/// What a journal held when the executor started.
public struct RestoredJournal: Sendable {
  var highestLease: LeaseMark?
  /// The keys that were known, from the genesis on.
  let keys: KeyRing
  var tokens: [TokenRecord] = []

  /// The writes that begin the journal of a new incarnation. They must be durable, and the journal's
  /// place empty before, when the incarnation is enrolled; afterwards a missing journal is a lost one.
  public static func beginning(_ identity: ExecutorIdentity) -> [JournalWrite] {
    [
      JournalWrite(
        ticket: Ticket(0), key: JournalKey.identity,
        value: JournalRow.sealed(JournalKey.identity, JournalKey.identityBytes(identity)))
    ]
  }

  /// Reads what is on disk: every key with its newest value, in any order.
  public init(
    _ contents: [(key: String, value: [UInt8])], identity: ExecutorIdentity
  ) throws(JournalError) {
    guard let sealed = contents.first(where: { $0.key == JournalKey.identity })?.value else {
      throw .registryLost(expected: identity.incarnation)
    }
    guard let own = JournalRow.opened(JournalKey.identity, sealed) else {
      throw .corrupt(key: JournalKey.identity, "not as it was written")
    }
    guard own == JournalKey.identityBytes(identity) else {
      throw .otherIncarnation(found: String(decoding: own.prefix(512), as: UTF8.self))
    }
    let sorted = contents.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    var known = identity
    // Keys first: tokens are verified under them.
    for (key, sealed) in sorted where key.hasPrefix(JournalKey.linkPrefix) {
      guard let value = JournalRow.opened(key, sealed),
        let link = try? LedgerProof(parsing: String(decoding: value, as: UTF8.self)),
        (try? known.keys.extend(link)) != nil
      else { throw .corrupt(key: key, "not a link of the chain of keys") }
    }
    keys = known.keys
    for (key, sealed) in sorted
    where key != JournalKey.identity && !key.hasPrefix(JournalKey.linkPrefix) {
      #if SIMULATION
      // What stands there was to stand under its token's key.
      if Mutant.nonceBurnedAfterRun.isActive, key == "none" { continue }
      #endif
      guard let value = JournalRow.opened(key, sealed) else {
        throw .corrupt(key: key, "not as it was written")
      }
      do throws(RecordError) {
        if key == JournalKey.lease {
          highestLease = try JournalKey.leaseMark(value)
        } else {
          tokens.append(try TokenRecord(parsing: value, identity: known))
        }
      } catch {
        throw .corrupt(key: key, error.description)
      }
    }
  }
}
