/// The types of records (the ledger's vocabulary).
public enum RecordType: String, Sendable, CaseIterable {
  case genesis, term, tick, version, members, key, policy, enrol, artifact, proposal, ballot, withdrawal,
    decision, receipt, incident, recovery

  /// The type of a record by the end of its canonical text, without reading it: `type` is the last field, or the
  /// last before `workspace_id`. Nil where the end says none.
  public init?(endOf record: [UInt8]) {
    guard record.last == UInt8(ascii: "}"), var last = EndMember(of: record, before: record.count - 1) else {
      return nil
    }
    if last.isNamed(Self.workspaceName), let before = EndMember(of: record, before: last.start - 1) {
      last = before
    }
    guard last.isNamed(Self.typeName) else { return nil }
    self.init(rawValue: String(decoding: record[last.value], as: UTF8.self))
  }

  private static let typeName = Array("\"type\":".utf8)
  private static let workspaceName = Array("\"workspace_id\":".utf8)
}

/// One member of an object, found from its end: a name and a string without escapes.
private struct EndMember {
  private let record: [UInt8]
  private let quote: Int
  let value: Range<Int>
  /// Where its name begins, once ``isNamed(_:)`` has said so.
  private(set) var start = 0

  /// The string that ends right before `end`; nil where none does, or one longer than any identifier.
  init?(of record: [UInt8], before end: Int) {
    guard end >= 1, end <= record.count, record[end - 1] == UInt8(ascii: "\"") else { return nil }
    let earliest = max(0, end - 2 - Self.longest)
    guard let quote = record[earliest..<(end - 1)].lastIndex(of: UInt8(ascii: "\"")) else { return nil }
    self.record = record
    self.quote = quote
    value = (quote + 1)..<(end - 1)
  }

  mutating func isNamed(_ name: [UInt8]) -> Bool {
    start = quote - name.count
    return start >= 0 && record[start..<quote].elementsEqual(name)
  }

  private static var longest: Int { 160 }
}
