import ClawLedger
import GovernanceNode

/// One node's disk: what was synced survives a crash, what was not is lost.
final class SimulatedDisk: LogStore {
  private var synced = MemoryStore()
  /// The signing lock's file.
  private(set) var lock: [UInt8]?

  func get(_ column: Column, _ key: [UInt8]) throws(StoreFailure) -> [UInt8]? {
    try synced.get(column, key)
  }

  func scan(_ column: Column, from first: [UInt8], limit: Int) throws(StoreFailure) -> [(
    key: [UInt8], value: [UInt8]
  )] { try synced.scan(column, from: first, limit: limit) }

  func last(_ column: Column) throws(StoreFailure) -> (key: [UInt8], value: [UInt8])? {
    try synced.last(column)
  }

  /// A batch reaches stable storage.
  func sync(_ batch: WriteBatch) { synced.write(batch) }

  /// The lock reaches stable storage.
  func sync(lock bytes: [UInt8]) { lock = bytes }
}
