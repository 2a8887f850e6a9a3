import ClawLedger
import GovernanceNode

/// One node's disk: what was synced survives a crash. Of what was under way, a crash leaves a prefix: each write is
/// atomic, as RocksDB's are, and they reach the disk in order.
final class SimulatedDisk: LogStore {
  /// A write on its way.
  enum Write {
    case batch(WriteName, WriteBatch)
    case lock(ticket: UInt64, [UInt8])
  }

  private var synced = MemoryStore()
  /// The signing lock's file.
  private(set) var lock: [UInt8]?
  /// The files of tenants' keys, by name: synced when they are changed.
  private(set) var keys: [String: [UInt8]] = [:]
  /// Asked for and not durable, oldest first, with the number of each.
  private(set) var pending: [(number: UInt64, write: Write)] = []
  private var nextNumber: UInt64 = 1

  func get(_ column: Column, _ key: [UInt8]) throws(StoreFailure) -> [UInt8]? {
    try synced.get(column, key)
  }

  func scan(_ column: Column, from first: [UInt8], limit: Int) throws(StoreFailure) -> [(
    key: [UInt8], value: [UInt8]
  )] { try synced.scan(column, from: first, limit: limit) }

  func last(_ column: Column) throws(StoreFailure) -> (key: [UInt8], value: [UInt8])? {
    try synced.last(column)
  }

  /// Takes a write up; its number comes back to ``finish(_:)``.
  func begin(_ write: Write) -> UInt64 {
    defer { nextNumber += 1 }
    pending.append((nextNumber, write))
    return nextNumber
  }

  /// The oldest write reaches stable storage, where it is this one or came before it; nil where there is none, since a crash
  /// took it or a later one's end was its end as well: writes reach the disk in order.
  func finish(through number: UInt64) -> Write? {
    guard let first = pending.first, first.number <= number else { return nil }
    let write = pending.removeFirst().write
    keep(write)
    return write
  }

  #if SIMULATION
  /// A write fails, and somebody believes that it did not.
  func drop(_ number: UInt64) -> Write? {
    guard let position = pending.firstIndex(where: { $0.number == number }) else { return nil }
    return pending.remove(at: position).write
  }
  #endif

  /// The process dies: the first `kept` of what was under way are there, and the rest is not. Returns how many
  /// were lost.
  func crash(keeping kept: UInt64) -> Int {
    for (_, write) in pending.prefix(Int(min(kept, 1 << 20))) { keep(write) }
    let lost = max(0, pending.count - Int(min(kept, 1 << 20)))
    pending = []
    return lost
  }

  private func keep(_ write: Write) {
    switch write {
    case .batch(_, let batch): synced.write(batch)
    case .lock(_, let bytes): lock = bytes
    }
  }

  /// What a party goes back to that pretends never to have had what came since.
  private var earlier: (synced: MemoryStore, lock: [UInt8]?, keys: [String: [UInt8]])?

  func remember() { earlier = (synced, lock, keys) }

  /// Goes back.
  func goBack() {
    guard let earlier else { return }
    (synced, lock, keys) = earlier
  }

  /// A batch is on stable storage.
  func sync(_ batch: WriteBatch) { synced.write(batch) }

  /// A key's file is kept, or destroyed.
  func sync(_ change: TenantKeyChange) {
    switch change {
    case .keep(let name, let bytes): keys[name] = bytes
    case .destroy(let name): keys[name] = nil
    }
  }

  /// The lock is on stable storage.
  func sync(lock bytes: [UInt8]) { lock = bytes }

  /// Turns one bit of a stored entry over; false where there is no such entry.
  func flip(entry: UInt64, bit: UInt64) -> Bool {
    let key = withUnsafeBytes(of: entry.bigEndian) { Array($0) }
    guard var value = (try? synced.get(.entries, key)) ?? nil, !value.isEmpty else { return false }
    let position = Int(bit / 8 % UInt64(value.count))
    value[position] ^= 1 << UInt8(bit % 8)
    var batch = WriteBatch()
    batch.put(.entries, key, value)
    synced.write(batch)
    return true
  }

  /// How many entries are stored.
  var entries: UInt64 {
    guard let last = (try? synced.last(.entries)) ?? nil else { return 0 }
    return last.key.reduce(0) { $0 << 8 | UInt64($1) } + 1
  }
}
