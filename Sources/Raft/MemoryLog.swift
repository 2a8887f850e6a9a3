/// A log held in memory, for tests and simulation only.
///
/// Its root is a fold of every entry into 32 bytes that any change upsets by accident, but that is *not*
/// cryptographic: whoever wants a collision finds one.
public struct MemoryLog: RaftLog, Sendable {
  /// What ``admission(of:)`` answers; accepts everything where nil.
  public var admissionRule: (@Sendable (Entry) -> Admission)?

  /// Which configuration an entry holds; none where nil.
  public var configurationRule: (@Sendable (Entry) -> Configuration?)?

  private var base: SnapshotPoint
  private var stored: [Entry] = []
  /// `roots[i]` covers everything through `stored[i]`.
  private var roots: [LogRoot] = []
  /// Those that stored entries hold, ascending.
  private var configurations: [ConfigurationPoint] = []

  public init() {
    base = SnapshotPoint(index: .zero, term: .zero, root: RootFold().root)
  }

  public var firstIndex: LogIndex { base.index.next }

  public var lastIndex: LogIndex { LogIndex(rawValue: base.index.rawValue + UInt64(stored.count)) }

  public func term(at index: LogIndex) -> Term? {
    if index == base.index { return base.term }
    return position(of: index).map { stored[$0].term }
  }

  public func root(at index: LogIndex) -> LogRoot? {
    if index == base.index { return base.root }
    return position(of: index).map { roots[$0] }
  }

  public func configuration(at index: LogIndex) -> ConfigurationPoint? {
    configurations.last { $0.index <= index } ?? base.configuration
  }

  public func entries(from first: LogIndex, through last: LogIndex, maxBytes: Int) -> [Entry] {
    let start = max(first, firstIndex)
    let end = min(last, lastIndex)
    guard start <= end, let from = position(of: start), let through = position(of: end) else { return [] }
    var count = 1
    var bytes = stored[from].cost
    while from + count <= through, bytes + stored[from + count].cost <= maxBytes {
      bytes += stored[from + count].cost
      count += 1
    }
    return Array(stored[from..<from + count])
  }

  public func admission(of entry: Entry) -> Admission { admissionRule?(entry) ?? .accept }

  public mutating func append(_ entries: [Entry]) {
    for entry in entries {
      precondition(entry.index == lastIndex.next, "append at \(entry.index) after \(lastIndex)")
      var fold = RootFold(from: roots.last ?? base.root)
      fold.absorb(entry)
      roots.append(fold.root)
      stored.append(entry)
      if let configuration = configurationRule?(entry) {
        configurations.append(ConfigurationPoint(index: entry.index, configuration: configuration))
      }
    }
  }

  public mutating func truncate(after index: LogIndex) {
    precondition(index >= base.index, "truncation after \(index), below the snapshot at \(base.index)")
    let kept = min(index, lastIndex).rawValue - base.index.rawValue
    stored.removeSubrange(Int(kept)...)
    roots.removeSubrange(Int(kept)...)
    configurations.removeAll { $0.index > index }
  }

  public mutating func reset(to snapshot: SnapshotPoint) {
    stored.removeAll()
    roots.removeAll()
    configurations.removeAll()
    base = snapshot
  }

  /// Forgets the entries through `index`, as an owner does that has a snapshot there.
  public mutating func compact(through index: LogIndex) {
    guard let position = position(of: index) else { return }
    base = SnapshotPoint(
      index: index, term: stored[position].term, root: roots[position],
      configuration: configuration(at: index))
    configurations.removeAll { $0.index <= index }
    stored.removeSubrange(...position)
    roots.removeSubrange(...position)
  }

  private func position(of index: LogIndex) -> Int? {
    guard index > base.index, index <= lastIndex else { return nil }
    return Int(index.rawValue - base.index.rawValue - 1)
  }
}

/// Four lanes, each stirred by every word of what was absorbed.
private struct RootFold {
  private(set) var root = LogRoot(words: (1, 2, 3, 4))

  init() {}

  init(from root: LogRoot) { self.root = root }

  mutating func absorb(_ entry: Entry) {
    absorb(entry.term.rawValue)
    absorb(entry.index.rawValue)
    absorb(UInt64(entry.payload.count))
    var word: UInt64 = 0
    for (position, byte) in entry.payload.enumerated() {
      word = word << 8 | UInt64(byte)
      if position % 8 == 7 { absorb(word) }
    }
    absorb(word)
  }

  private mutating func absorb(_ word: UInt64) {
    let lanes = root.words
    root = LogRoot(
      words: (
        Self.stir(lanes.0 ^ word, 1), Self.stir(lanes.1 ^ word, 2), Self.stir(lanes.2 ^ word, 3),
        Self.stir(lanes.3 ^ word, 4)
      ))
  }

  private static func stir(_ word: UInt64, _ lane: UInt64) -> UInt64 {
    var mixed = word &+ 0x9e37_79b9_7f4a_7c15 &* lane
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    return mixed ^ (mixed >> 27)
  }
}
