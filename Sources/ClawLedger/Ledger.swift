import Crypto
import Merkle
import Raft
import Records

#if SIMULATION
import Mutants
#endif

/// One entry that is in memory.
struct TailEntry {
  let term: Term
  let payload: EntryPayload
  let parsed: ParsedEntry
  /// Root of the tree that ends with this entry.
  let root: Digest
  /// Whether its attachment was erased: it is not here any more.
  var isErased = false
}

/// The replicated log, which is the ledger: the Raft log, its Merkle tree and the notes over it.
///
/// What is appended is readable at once; it becomes durable by `write(_:)`, whose batch the owner
/// hands to storage and reports back by ticket. Until then records, attachments and tree nodes are
/// read from memory.
///
/// Reads that fail end in `failure`: the owner stops the process, since a disk error is never retried.
public struct Ledger: RaftLog {
  /// The store; the owner may exchange its contents only through batches made here.
  public var store: any LogStore
  /// What seals the attachments of tenants; see Erasure.swift.
  public internal(set) var keys: TenantKeys
  /// This node's clock, set by the owner before each step: an entry more than two seconds ahead of it
  /// is not admitted.
  public var clock = Timestamp.epoch
  /// The first fault that reading met.
  public internal(set) var failure: LedgerFault?

  /// Index of the first entry in memory; `lastIndex + 1` where there is none.
  var tailFirst: UInt64
  var tail: [TailEntry] = []
  /// The tree over all entries.
  var frontier: Frontier
  /// Nodes that are not durable yet, with the ticket that makes them so.
  var pendingNodes: [NodeAddress: (hash: Digest, ticket: UInt64)] = [:]
  /// What the tickets in flight make durable, ascending by ticket.
  var inFlight: [(ticket: UInt64, nodes: [NodeAddress], last: UInt64)] = []
  /// Entries through here are durable and may leave memory.
  var durable: UInt64
  /// The point before the first entry: zero, or a snapshot's.
  var base: SnapshotPoint
  var baseFrontier: Frontier
  /// Where the log began with a snapshot: the tree of the leaves before it that are in the store. See ``missing``.
  var filled: Frontier
  /// The tree of a snapshot that is about to be installed, its log time, the configuration in force at its end, and
  /// how many leaves are final before it.
  var incoming: (frontier: Frontier, at: Timestamp, configuration: ConfigurationPoint, final: UInt64)?
  /// Log time of the last entry.
  var lastAt: Timestamp
  private let parsed = ParseCache()
  /// The configurations that the log's entries hold, and before them the one in force at the final size.
  /// Ascending.
  private var configurations: [ConfigurationPoint] = []
  private var judged: (index: LogIndex, leafHash: Digest, objection: String?)?
  private let awaited = Awaited()

  /// How far an entry's log time may be ahead of this node's clock.
  public static var allowedLead: Interval { .seconds(2) }
  /// Entries that stay in memory for replication, though durable.
  static var tailLength: Int { 4096 }

  init(
    store: any LogStore, keys: TenantKeys, base: SnapshotPoint, baseFrontier: Frontier, filled: Frontier,
    frontier: Frontier, lastAt: Timestamp
  ) {
    self.store = store
    self.keys = keys
    self.base = base
    self.baseFrontier = baseFrontier
    self.filled = filled
    self.frontier = frontier
    self.lastAt = lastAt
    durable = frontier.size
    tailFirst = frontier.size + 1
  }

  /// The point before the genesis.
  static var beginning: SnapshotPoint {
    guard let root = LogRoot(bytes: TreeHash.empty.bytes) else { preconditionFailure("32 bytes are a root") }
    return SnapshotPoint(index: .zero, term: .zero, root: root)
  }

  // MARK: What consensus reads

  public var firstIndex: LogIndex { base.index.next }
  public var lastIndex: LogIndex { LogIndex(rawValue: frontier.size) }

  /// Number of leaves.
  public var size: UInt64 { frontier.size }
  /// Root of all leaves.
  public var rootHash: Digest { frontier.root }
  /// Log time of the last leaf.
  public var logTime: Timestamp { lastAt }

  public func term(at index: LogIndex) -> Term? {
    if index == base.index { return base.term }
    guard index >= firstIndex, index <= lastIndex else { return nil }
    if let place = place(index.rawValue) { return tail[place].term }
    return stored(index.rawValue)?.term
  }

  public func configuration(at index: LogIndex) -> ConfigurationPoint? {
    configurations.last { $0.index <= index }
  }

  /// Begins with the configuration that the governance state at the final size says, and finds those above it: to
  /// be called once, before consensus reads the log.
  public mutating func begin(configuration first: ConfigurationPoint) {
    let above = configurations.filter { $0.index > first.index }
    configurations = [first] + above
  }

  /// The members by the newest configuration in the log.
  public var members: [NodeID] { configurations.last?.configuration.members ?? [] }

  /// Whether a record may only be appended once the owner has held it against its state: those that consensus or
  /// signing takes up at once, and the one that not every program can apply.
  public static func isJudged(_ body: RecordBody) -> Bool {
    switch body {
    case .members, .derivedMembers, .key, .version: true
    case .recovery(let record): record.key != nil
    case .genesis, .term, .tick, .policy, .enrol, .artifact, .proposal, .ballot, .withdrawal, .decision,
      .receipt,
      .incident, .derivedIncident:
      false
    }
  }

  /// The owner's judgement of the entry that awaits one.
  public mutating func judge(_ awaited: AwaitedEntry, objection: String?) {
    judged = (awaited.index, awaited.entry.leafHash, objection)
    self.awaited.entry = nil
  }

  public func root(at index: LogIndex) -> LogRoot? {
    rootHash(ofSize: index.rawValue).flatMap { LogRoot(bytes: $0.bytes) }
  }

  /// Root of the first `size` leaves; nil outside of the log.
  public func rootHash(ofSize size: UInt64) -> Digest? {
    if size == base.index.rawValue { return baseFrontier.root }
    guard size >= firstIndex.rawValue || size <= filled.size, size <= frontier.size else { return nil }
    if let place = place(size) { return tail[place].root }
    return Frontier(size: size, nodes: node)?.root
  }

  public func entries(from first: LogIndex, through last: LogIndex, maxBytes: Int) -> [Entry] {
    var out: [Entry] = []
    var bytes = 0
    var next = max(first, firstIndex).rawValue
    while next <= min(last, lastIndex).rawValue {
      guard let entry = entry(at: next) else { break }
      bytes += entry.cost
      if !out.isEmpty && bytes > maxBytes { break }
      out.append(entry)
      next += 1
    }
    return out
  }

  public func admission(of entry: Entry) -> Admission {
    do {
      let parsed = try parsed.parse(entry)
      guard parsed.record.at >= lastAt else {
        return .refuse(reason: "log time \(parsed.record.at.text) is before \(lastAt.text)")
      }
      #if SIMULATION
      let isTimeUnchecked = Mutant.aheadAccepted.isActive
      #else
      let isTimeUnchecked = false
      #endif
      guard parsed.record.at <= clock.advanced(by: Self.allowedLead) || isTimeUnchecked else { return .ahead }
      guard Self.isJudged(parsed.record.body) else { return .accept }
      guard let judged, judged.index == entry.index, judged.leafHash == parsed.leafHash else {
        awaited.entry = AwaitedEntry(index: entry.index, entry: parsed)
        return .later
      }
      return judged.objection.map { .refuse(reason: $0) } ?? .accept
    } catch {
      return .refuse(reason: "\(error)")
    }
  }

  // MARK: What consensus changes

  public mutating func append(_ entries: [Entry]) {
    for entry in entries {
      precondition(entry.index.rawValue == frontier.size + 1, "the log has no gap")
      guard let parsed = try? parsed.parse(entry), let payload = try? EntryPayload(parsing: entry.payload)
      else {
        preconditionFailure("an entry is admitted before it is appended")
      }
      var completed: [(NodeAddress, Digest)] = []
      frontier.append(parsed.leafHash) { completed.append(($0, $1)) }
      for (address, hash) in completed where address.level > 0 {
        pendingNodes[address] = (hash, .max)
        newNodes.append(address)
      }
      tail.append(
        TailEntry(term: entry.term, payload: payload, parsed: parsed, root: frontier.root))
      lastAt = parsed.record.at
      if let members = parsed.record.body.configuration {
        configurations.append(ConfigurationPoint(index: entry.index, configuration: Configuration(members)))
      }
    }
    parsed.clear()
  }

  public mutating func truncate(after index: LogIndex) {
    precondition(index >= base.index, "nothing before the log can be removed")
    guard index < lastIndex else { return }
    configurations.removeAll { $0.index > index }
    if index.rawValue + 1 >= tailFirst {
      tail.removeSubrange(Int(index.rawValue + 1 - tailFirst)...)
    } else {
      tail.removeAll()
      tailFirst = index.rawValue + 1
    }
    durable = min(durable, index.rawValue)
    // A write in flight says nothing about what takes the removed entries' place.
    for position in inFlight.indices {
      inFlight[position].last = min(inFlight[position].last, index.rawValue)
    }
    guard let shorter = frontier(ofSize: index.rawValue) else { return }
    frontier = shorter
    let kept = newNodes.filter { isComplete($0, within: index.rawValue) }
    newNodes = kept
    lastAt = record(at: LeafIndex(index.rawValue &- 1))?.at ?? .epoch
  }

  public mutating func reset(to snapshot: SnapshotPoint) {
    guard let (arriving, time, members, final) = incoming, arriving.size == snapshot.index.rawValue,
      LogRoot(bytes: arriving.root.bytes) == snapshot.root
    else { preconditionFailure("a snapshot's tree is handed over before its point") }
    incoming = nil
    filled = kept(final: final)
    configurations = [members]
    lastAt = time
    base = snapshot
    baseFrontier = arriving
    frontier = arriving
    tail.removeAll()
    tailFirst = snapshot.index.rawValue + 1
    pendingNodes.removeAll()
    newNodes.removeAll()
    for (address, hash) in zip(Frontier.addresses(size: arriving.size), arriving.peaks) {
      pendingNodes[address] = (hash, .max)
      newNodes.append(address)
    }
    durable = snapshot.index.rawValue
  }

  /// Hands over the tree of a snapshot that consensus is about to install, its log time and its configuration, and how
  /// many leaves are final here: those stay. They count once the log is reset to it, which consensus does not do where
  /// the log holds all of it already.
  public mutating func expect(
    _ frontier: Frontier, at time: Timestamp, configuration: ConfigurationPoint, final: UInt64
  ) {
    incoming = (frontier, time, configuration, final)
  }

  /// The entry that was met and is not judged yet; nil where there is none.
  public var awaitedEntry: AwaitedEntry? { awaited.entry }

  // MARK: Memory and store

  /// Nodes that the next batch makes durable.
  var newNodes: [NodeAddress] = []

  func inMemory(_ index: UInt64) -> TailEntry? { place(index).map { tail[$0] } }

  /// Where an entry stands in memory; nil where it does not. What needs a part of one takes that alone.
  func place(_ index: UInt64) -> Int? {
    guard index >= tailFirst, index - tailFirst < UInt64(tail.count) else { return nil }
    return Int(index - tailFirst)
  }

  /// The frontier of the first `size` leaves.
  func frontier(ofSize size: UInt64) -> Frontier? {
    if size == base.index.rawValue { return baseFrontier }
    return Frontier(size: size, nodes: node)
  }

  /// A complete subtree's hash, from memory or store.
  public func node(_ address: NodeAddress) -> Digest? {
    guard isComplete(address, within: frontier.size) else { return nil }
    if address.level == 0 {
      if let place = place(address.index + 1) { return tail[place].parsed.leafHash }
    }
    if let pending = pendingNodes[address] { return pending.hash }
    guard isOwn(address), let bytes = try? store.get(.nodes, StoreKey.node(address)) else {
      return basePeak(address)
    }
    return Digest(bytes)
  }

  private func basePeak(_ address: NodeAddress) -> Digest? {
    let addresses = Frontier.addresses(size: baseFrontier.size)
    return addresses.firstIndex(of: address).map { baseFrontier.peaks[$0] }
  }

  func isComplete(_ address: NodeAddress, within size: UInt64) -> Bool {
    (address.index + 1) << UInt64(address.level) <= size
  }

  func stored(_ index: UInt64) -> StoredRecord? {
    guard let bytes = try? store.get(.entries, StoreKey.leaf(index - 1)) else { return nil }
    return try? StoredRecord(parsing: bytes, at: LeafIndex(index - 1))
  }

  func entry(at index: UInt64) -> Entry? {
    if let entry = inMemory(index) {
      guard !entry.isErased else { return nil }
      return Entry(term: entry.term, index: LogIndex(rawValue: index), payload: entry.payload.bytes)
    }
    guard let record = stored(index), let attachment = storedAttachment(index) else { return nil }
    let payload = EntryPayload(record: record.record, attachment: attachment)
    return Entry(term: record.term, index: LogIndex(rawValue: index), payload: payload.bytes)
  }

  /// The attachment of an entry, empty where it has none; nil where it was erased, or cannot be read.
  private func storedAttachment(_ index: UInt64) -> [UInt8]? {
    do {
      guard let bytes = try store.get(.attachments, StoreKey.leaf(index - 1)) else { return [] }
      let stored = try StoredAttachment.parse(bytes, at: LeafIndex(index - 1))
      guard case .content(let content) = keys.open(attachment: stored, at: LeafIndex(index - 1)) else {
        return nil
      }
      return content
    } catch {
      return nil
    }
  }

  // MARK: What others read

  /// Whether the leaf is here: in the log, or in the store from before the snapshot that the log began with.
  func isHeld(_ index: LeafIndex) -> Bool {
    index.value < frontier.size && (index.value >= base.index.rawValue || index.value < filled.size)
  }

  /// The record at a leaf; nil where it is not in the log or cannot be read.
  public func record(at index: LeafIndex) -> Record? {
    if let place = place(index.value &+ 1) { return tail[place].parsed.record }
    return leaf(at: index).flatMap { try? Record(parsing: $0) }
  }

  /// The leaf's bytes; nil where it is not in the log or cannot be read.
  public func leaf(at index: LeafIndex) -> [UInt8]? {
    guard isHeld(index) else { return nil }
    if let place = place(index.value + 1) { return tail[place].payload.record }
    return stored(index.value + 1)?.record
  }

  /// The attachment of a leaf; nil where the leaf is not in the log, or its attachment was erased or cannot be read.
  public func attachment(at index: LeafIndex) -> Attachment? {
    guard isHeld(index) else { return nil }
    if let place = place(index.value + 1) {
      return tail[place].isErased ? nil : tail[place].parsed.attachment
    }
    return storedAttachment(index.value + 1).flatMap { try? Attachment(parsing: $0) }
  }

  /// What apply needs of a leaf.
  public func parsedEntry(at index: LeafIndex) -> ParsedEntry? {
    if let place = place(index.value &+ 1) { return tail[place].parsed }
    guard let leaf = leaf(at: index), let attachment = storedAttachment(index.value + 1) else {
      return nil
    }
    return try? ParsedEntry(EntryPayload(record: leaf, attachment: attachment))
  }

  /// The audit path of a leaf in the tree of `size` leaves.
  public func inclusionProof(of index: LeafIndex, size: UInt64) -> [Digest]? {
    guard size <= frontier.size else { return nil }
    return Proof.inclusion(index: index.value, size: size, nodes: node)
  }

  /// The proof that the first `old` leaves are a prefix of the first `size`.
  public func consistencyProof(old: UInt64, size: UInt64) -> [Digest]? {
    guard size <= frontier.size else { return nil }
    return Proof.consistency(old: old, size: size, nodes: node)
  }
}
