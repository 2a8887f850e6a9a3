/// The types of records (the ledger's vocabulary).
public enum RecordType: String, Sendable, CaseIterable {
  case genesis, term, tick, version, members, key, policy, enrol, artifact, proposal, ballot, withdrawal,
    decision, receipt, incident, recovery

  /// The type of a record by the end of its canonical text, without reading it: `type` is the last field of all but
  /// decisions. Nil where the end says none.
  public init?(endOf record: [UInt8]) {
    let tail = record.suffix(Self.longestEnding)
    guard let known = Self.endings.first(where: { tail.suffix($0.ending.count).elementsEqual($0.ending) })
    else { return nil }
    self = known.type
  }

  private static let endings = allCases.map { type in
    (type: type, ending: Array("\"type\":\"\(type.rawValue)\"}".utf8))
  }
  private static let longestEnding = endings.map(\.ending.count).max() ?? 0
}
