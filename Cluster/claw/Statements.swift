import Canonical
import Crypto
import Host
import Records
import Wire

/// Signed statements as they travel: `{"content":…,"signatures":[…]}` and their attachment.
enum Statements {
  /// The canonical bytes of a signed body.
  static func bytes(_ body: RecordBody) -> [UInt8] {
    guard case .object(var object) = Record(at: .epoch, body: body).json else { return [] }
    object["type"] = nil
    object["at"] = nil
    // Who takes part from the record on is for the leader to write beside it.
    object["configuration"] = nil
    return JSON.object(object).canonicalBytes()
  }

  /// Reads what `bytes` writes.
  static func body(_ type: RecordType, _ bytes: [UInt8]) throws -> RecordBody {
    guard case .object(var object) = try JSON.parse(bytes), object["type"] == nil, object["at"] == nil else {
      throw Failure(.other, "expected a statement: an object of content and signatures")
    }
    if type == .members { object["configuration"] = MemberList(voters: [1]).json }
    object["type"] = .string(type.rawValue)
    object["at"] = .string(Timestamp.epoch.text)
    return try Record(.object(object)).body
  }

  /// What a call carries.
  static func request(_ body: RecordBody, _ attachment: Attachment = Attachment()) -> StatementRequest {
    StatementRequest(statement: bytes(body), attachment: attachment.bytes)
  }

  /// A value with a fresh salt, so that its hash in the ledger says nothing once the value is erased.
  static func salted(_ value: JSON) -> Attachment.Item {
    var random = SystemRandom()
    return Attachment.Item(salt: random.bytes(32), value: value)
  }

  /// Until when a statement signed now is valid.
  static func validity(_ parsed: ParsedCommand) throws -> Timestamp {
    let seconds = try parsed.integer("--valid", in: 1...86_340, default: 3600)
    return Environment.now.advanced(by: .seconds(Int64(seconds)))
  }

  static let validityOption = CommandOption(
    "--valid", "SECONDS", "how long what is signed stays valid; default 3600, at most a day")
}

/// Values that stand on the command line, or in a file after an `@`.
enum Operand {
  /// JSON, or `@file`; `@-` is standard input.
  static func json(_ text: String, _ name: String) throws -> JSON {
    do {
      guard text.hasPrefix("@") else { return try JSON.parse(text) }
      return try JSON.parse(try bytes(of: String(text.dropFirst())))
    } catch let error as JSONError {
      throw UsageError("\(name): \(error)")
    }
  }

  /// A file's bytes, of at most 3 MiB; `-` is standard input.
  static func bytes(of path: String) throws -> [UInt8] {
    try Files.read(path == "-" ? "/dev/stdin" : path, limit: 3 << 20)
  }

  /// An identifier.
  static func identifier(_ text: String, _ name: String) throws -> String {
    guard Identifier.isValid(text) else {
      throw UsageError("\(name): expected 1 to 128 of A-Z a-z 0-9 . _ : @ -, found \"\(text)\"")
    }
    return text
  }

  /// A principal.
  static func principal(_ text: String, _ name: String) throws -> Principal {
    guard let principal = Principal(path: text) else {
      throw UsageError("\(name): expected a principal such as tenant/<t>/agent/<a>, found \"\(text)\"")
    }
    return principal
  }

  /// A leaf.
  static func leaf(_ text: String, _ name: String) throws -> UInt64 {
    guard let index = UInt64(text), index <= 1 << 53 else {
      throw UsageError("\(name): expected a leaf's number, found \"\(text)\"")
    }
    return index
  }

  /// A time: RFC 3339, or a number of days from now.
  static func expiry(_ text: String, _ name: String) throws -> Timestamp {
    if let time = Timestamp(text: text) { return time }
    guard let days = Int64(text), (1...36_500).contains(days) else {
      throw UsageError("\(name): expected a number of days, or a time (RFC 3339, UTC), found \"\(text)\"")
    }
    return Environment.now.advanced(by: .seconds(days * 86_400))
  }

  static func money(_ text: String, _ name: String) throws -> MicroUSD {
    guard let value = MicroUSD(text: text) else {
      throw UsageError("\(name): expected dollars such as 12.5, found \"\(text)\"")
    }
    return value
  }
}
