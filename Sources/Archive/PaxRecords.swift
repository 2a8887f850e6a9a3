/// What a pax header says of the entry after it: "length keyword=value\n", again and again.
struct PaxRecords {
  var path: [UInt8]?
  var linkPath: [UInt8]?
  var size: UInt64?
  var user: UInt64?
  var group: UInt64?
  /// Whole seconds.
  var modified: Int64?
  /// Extended attributes, in the order of the file.
  var attributes: [(name: String, value: [UInt8])] = []
  /// A file with holes, which only few write.
  var isSparse = false

  /// Takes up the records in `bytes`; a later one replaces an earlier one, and an empty value takes it back.
  mutating func take(_ bytes: [UInt8], entry: Int) throws(ArchiveError) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let digits = rest.prefix { (48...57).contains($0) }
      guard (1...7).contains(digits.count),
        let length = Int(String(decoding: digits, as: UTF8.self)), length <= rest.count,
        length > digits.count + 2,
        rest[rest.startIndex + digits.count] == 32, rest[rest.startIndex + length - 1] == 10
      else { throw .tar(entry: entry, "its pax header is not made of records") }
      let record = rest[(rest.startIndex + digits.count + 1)..<(rest.startIndex + length - 1)]
      guard let equals = record.firstIndex(of: UInt8(ascii: "=")) else {
        throw .tar(entry: entry, "a pax record without '='")
      }
      try set(
        String(decoding: record[..<equals], as: UTF8.self), Array(record[(equals + 1)...]), entry: entry)
      rest = rest.dropFirst(length)
    }
  }

  private mutating func set(_ keyword: String, _ value: [UInt8], entry: Int) throws(ArchiveError) {
    func number() throws(ArchiveError) -> UInt64? {
      guard !value.isEmpty else { return nil }
      guard value.count <= 19, value.allSatisfy({ (48...57).contains($0) }),
        let number = UInt64(String(decoding: value, as: UTF8.self)), number <= UInt64(Int64.max)
      else { throw .tar(entry: entry, "the pax record '\(keyword)' is no number") }
      return number
    }
    switch keyword {
    case "path": path = value.isEmpty ? nil : value
    case "linkpath": linkPath = value.isEmpty ? nil : value
    case "size": size = try number()
    case "uid": user = try number()
    case "gid": group = try number()
    case "mtime": modified = Int64(String(decoding: value.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self))
    case _ where keyword.hasPrefix("SCHILY.xattr."):
      let name = String(keyword.dropFirst("SCHILY.xattr.".count))
      attributes.removeAll { $0.name == name }
      if !value.isEmpty { attributes.append((name, value)) }
    case _ where keyword.hasPrefix("GNU.sparse."): isSparse = true
    default: break
    }
  }
}
