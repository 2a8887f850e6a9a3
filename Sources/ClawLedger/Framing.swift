import Crypto
import Merkle
import Raft
import Records

#if SIMULATION
import Mutants
#endif

/// Why bytes from a peer or from the disk are not an entry.
public enum EntryError: Error, Equatable, Sendable, CustomStringConvertible {
  case truncated
  case recordTooLong(Int)
  case attachmentTooLong(Int)
  /// The checksum differs: the entry is lost, not absent.
  case corrupt(LeafIndex)
  case record(RecordError)

  public var description: String {
    switch self {
    case .truncated: "entry: shorter than its lengths say"
    case .recordTooLong(let count): "entry: a record of \(count) bytes, at most \(Record.maximumBytes)"
    case .attachmentTooLong(let count):
      "entry: an attachment of \(count) bytes, at most \(Attachment.maximumBytes)"
    case .corrupt(let index): "entry \(index.value): the checksum does not match; the entry is lost"
    case .record(let error): error.description
    }
  }
}

/// What consensus carries: a record and its attachment.
///
/// Bytes: length of the record (4, big-endian) ‖ record ‖ attachment.
public struct EntryPayload: Equatable, Sendable {
  /// The leaf's bytes.
  public let record: [UInt8]
  /// The attachment's bytes; empty where nothing is attached.
  public let attachment: [UInt8]

  /// A payload.
  public init(record: [UInt8], attachment: [UInt8]) {
    self.record = record
    self.attachment = attachment
  }

  /// Reads `bytes`.
  public init(parsing bytes: [UInt8]) throws(EntryError) {
    guard bytes.count >= 4 else { throw .truncated }
    let length = bytes[..<4].reduce(0) { $0 << 8 | Int($1) }
    guard length <= Record.maximumBytes else { throw .recordTooLong(length) }
    guard bytes.count - 4 >= length else { throw .truncated }
    guard bytes.count - 4 - length <= Attachment.maximumBytes else {
      throw .attachmentTooLong(bytes.count - 4 - length)
    }
    record = Array(bytes[4..<(4 + length)])
    attachment = Array(bytes[(4 + length)...])
  }

  /// The bytes.
  public var bytes: [UInt8] {
    BigEndian.bytes(UInt32(record.count)) + record + attachment
  }
}

/// A payload that has been read: the record parsed, the attachment checked against it.
public struct ParsedEntry: Equatable, Sendable {
  public let record: Record
  public let attachment: Attachment
  /// RFC 6962 leaf hash of the record's bytes.
  public let leafHash: Digest

  /// Reads a payload; refuses a record that is not one, and an attachment that does not match it. Where there is none
  /// and `mayLack` says that it may have been erased, that is no fault.
  public init(_ payload: EntryPayload, mayLack: (RecordBody) -> Bool = { _ in false }) throws(EntryError) {
    do {
      record = try Record(parsing: payload.record)
      attachment = try Attachment(parsing: payload.attachment)
      if payload.attachment.isEmpty, mayLack(record.body) {
        leafHash = TreeHash.leaf(payload.record)
        return
      }
      #if SIMULATION
      if !Mutant.attachmentNotChecked.isActive { try attachment.check(against: record.body) }
      #else
      try attachment.check(against: record.body)
      #endif
    } catch {
      throw .record(error)
    }
    leafHash = TreeHash.leaf(payload.record)
  }
}

/// A record as it is stored: term (8) ‖ checksum (8) ‖ record, where the checksum is the beginning of
/// SHA-256 over term and record.
struct StoredRecord {
  let term: Term
  let record: [UInt8]

  init(term: Term, record: [UInt8]) {
    self.term = term
    self.record = record
  }

  init(parsing bytes: [UInt8], at index: LeafIndex) throws(EntryError) {
    guard bytes.count >= 16 else { throw .corrupt(index) }
    term = Term(rawValue: BigEndian.uint64(bytes[..<8]))
    record = Array(bytes[16...])
    guard Array(bytes[8..<16]) == checksum else { throw .corrupt(index) }
  }

  var bytes: [UInt8] { BigEndian.bytes(term.rawValue) + checksum + record }

  private var checksum: [UInt8] {
    var hash = SHA256()
    hash.update(BigEndian.bytes(term.rawValue))
    hash.update(record)
    return Array(hash.finalize().bytes.prefix(8))
  }
}

/// An attachment as it is stored: checksum (8) ‖ what ``TenantKeys`` made of it, or the attachment itself where it
/// belongs to no tenant.
enum StoredAttachment {
  static func bytes(_ attachment: [UInt8]) -> [UInt8] {
    Array(SHA256.hash(attachment).bytes.prefix(8)) + attachment
  }

  static func parse(_ bytes: [UInt8], at index: LeafIndex) throws(EntryError) -> [UInt8] {
    guard bytes.count >= 8 else { throw .corrupt(index) }
    let attachment = Array(bytes[8...])
    guard Array(SHA256.hash(attachment).bytes.prefix(8)) == Array(bytes[..<8]) else {
      throw .corrupt(index)
    }
    return attachment
  }
}

/// Integers in network order, so that keys sort as numbers do.
enum BigEndian {
  static func bytes(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }

  static func uint64(_ bytes: some Sequence<UInt8>) -> UInt64 {
    bytes.reduce(0) { $0 << 8 | UInt64($1) }
  }
}

/// The keys under which the ledger keeps things.
enum StoreKey {
  static func leaf(_ index: UInt64) -> [UInt8] { BigEndian.bytes(index) }
  static func node(_ address: NodeAddress) -> [UInt8] {
    [address.level] + BigEndian.bytes(address.index)
  }
  static func note(_ size: UInt64, _ time: Timestamp) -> [UInt8] {
    BigEndian.bytes(size) + BigEndian.bytes(time.nanoseconds)
  }
  static let hardState = Array("hard-state".utf8)
  static let snapshot = Array("snapshot".utf8)
  /// What is final by operators' word, with no note of its size.
  static let standing = Array("standing".utf8)
  /// How many leaves are here of those before the snapshot.
  static let filled = Array("filled".utf8)
  /// The log's end before entries were lost, until they are back.
  static let lost = Array("lost".utf8)
}
