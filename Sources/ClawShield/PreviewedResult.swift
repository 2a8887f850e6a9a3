import Canonical
import Crypto
import Records

/// What a dry run's result was, as far as the result of the action itself is compared with it: salted hashes, by a salt
/// that is made from the result's own and tells nothing of it. The content stays in the attachment, where it can be
/// erased; whoever keeps the state can still test a guess at a member.
struct PreviewedResult: Equatable, Sendable {
  /// Most members of a result that are compared one by one, and the longest name of one; else all of it is.
  static let maximumMembers = 64
  static let maximumName = 64

  let salt: [UInt8]
  /// Of all of it.
  let whole: Digest
  /// Of each member of an object, ascending by name; nil where it is none, or too large a one.
  let parts: [Part]?

  struct Part: Equatable, Sendable {
    let name: String
    let hash: Digest
  }

  init(_ result: Attachment.Item) {
    self.init(result.value, salt: SHA256.hash(result.salt + Array("previewed".utf8)).bytes)
  }

  private init(_ value: JSON, salt: [UInt8]) {
    self.salt = salt
    whole = value.saltedHash(salt)
    if case .object(let object) = value, object.members.count <= Self.maximumMembers,
      object.members.allSatisfy({ $0.name.utf8.count <= Self.maximumName })
    {
      parts = object.members.map { Part(name: $0.name, hash: $0.value.saltedHash(salt)) }
        .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    } else {
      parts = nil
    }
  }

  /// Where a result differs from what was previewed, in words; nil where it does not. Whatever one of them
  /// has and the other has not is a difference; `allowed` names members that may differ.
  func difference(from value: JSON, allowed: [String]) -> String? {
    let result = PreviewedResult(value, salt: salt)
    guard result.whole != whole else { return nil }
    guard let parts, let others = result.parts else { return "all of it" }
    var names: [String] = []
    for part in parts where others.first(where: { $0.name == part.name })?.hash != part.hash {
      names.append(part.name)
    }
    for other in others where !parts.contains(where: { $0.name == other.name }) { names.append(other.name) }
    names.removeAll(where: allowed.contains)
    guard !names.isEmpty else { return nil }
    names.sort { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return plain(names.joined(separator: ", "), limit: 256)
  }
}

extension PreviewedResult: JSONWritable {
  init(from fields: inout Fields) throws(RecordError) {
    salt = try fields.value("salt", "16 to 64 bytes in hexadecimal") { json in
      json.string.flatMap(Hex.decode).flatMap { (16...64).contains($0.count) ? $0 : nil }
    }
    whole = try fields.digest("whole")
    parts = try fields.optionalObjects("members", limit: Self.maximumMembers) { (inner) throws(RecordError) in
      Part(name: try inner.text("name", limit: Self.maximumName), hash: try inner.digest("hash"))
    }
  }

  var members: [(String, JSON)] {
    present([
      ("salt", .string(Hex.encode(salt))), ("whole", .digest(whole)),
      (
        "members",
        parts.map { parts in
          .array(parts.map { .object([("name", .string($0.name)), ("hash", .digest($0.hash))]) })
        }
      ),
    ])
  }
}
