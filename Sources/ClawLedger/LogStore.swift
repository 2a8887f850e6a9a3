/// Where a kind of value is kept; a column family in RocksDB.
public enum Column: UInt8, Sendable, CaseIterable {
  /// Frames of records, by leaf index.
  case entries
  /// Attachments, by leaf index.
  case attachments
  /// Hashes of complete subtrees, of leaves too, by level and index.
  case nodes
  /// Signed notes, by size and time.
  case notes
  /// Cells of the governance state at the last final size, by name.
  case state
  /// Hard state, identity, and what else there is one of.
  case meta
  /// Artifacts, by tenant and digest, sealed.
  case artifacts
  /// Keys of notes, by the leaf of an approval that each consents to.
  case consents
}

/// Changes that become durable together or not at all, in order.
public struct WriteBatch: Sendable {
  /// One change.
  public enum Operation: Sendable, Equatable {
    case put(Column, key: [UInt8], value: [UInt8])
    case delete(Column, key: [UInt8])
    /// Deletes every key from `first` on.
    case deleteFrom(Column, first: [UInt8])
  }

  /// In order; a later one wins.
  public private(set) var operations: [Operation] = []

  /// No changes.
  public init() {}

  /// Whether there is nothing to do.
  public var isEmpty: Bool { operations.isEmpty }

  /// Sets a value.
  public mutating func put(_ column: Column, _ key: [UInt8], _ value: [UInt8]) {
    operations.append(.put(column, key: key, value: value))
  }

  /// Removes a value.
  public mutating func delete(_ column: Column, _ key: [UInt8]) {
    operations.append(.delete(column, key: key))
  }

  /// Removes the values of every key from `first` on.
  public mutating func deleteFrom(_ column: Column, _ first: [UInt8]) {
    operations.append(.deleteFrom(column, first: first))
  }

  /// Adds the changes of `other` after these.
  public mutating func append(_ other: WriteBatch) { operations += other.operations }
}

/// A store that could not be read: fatal for the process, never retried; but what is damaged in one place may be
/// fetched again.
public struct StoreFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// What the store said.
  public let message: String
  /// Whether what was to be read is there and is not what was written; else the device or the store failed.
  public let isDamage: Bool
  /// A failure.
  public init(_ message: String, isDamage: Bool = false) {
    self.message = message
    self.isDamage = isDamage
  }
  public var description: String { "store: \(message)" }
}

/// The ledger's view of its storage: synchronous reads of what is durable. Writes are effects, carried
/// out by whoever owns the store, each batch atomic and synced, in order.
public protocol LogStore {
  /// The value; nil where there is none.
  func get(_ column: Column, _ key: [UInt8]) throws(StoreFailure) -> [UInt8]?
  /// Up to `limit` keys and values from `first` on, ascending by key.
  func scan(_ column: Column, from first: [UInt8], limit: Int) throws(StoreFailure) -> [(
    key: [UInt8], value: [UInt8]
  )]
  /// The last key and value; nil where the column is empty.
  func last(_ column: Column) throws(StoreFailure) -> (key: [UInt8], value: [UInt8])?
}

/// A store in memory, for tests and simulation: what was written is what a crash leaves.
public struct MemoryStore: LogStore, Sendable {
  private var columns: [[(key: [UInt8], value: [UInt8])]]

  /// An empty store.
  public init() { columns = Array(repeating: [], count: Column.allCases.count) }

  /// Carries a batch out.
  public mutating func write(_ batch: WriteBatch) {
    for operation in batch.operations {
      switch operation {
      case .put(let column, let key, let value):
        let (position, found) = locate(column, key)
        if found {
          columns[Int(column.rawValue)][position].value = value
        } else {
          columns[Int(column.rawValue)].insert((key, value), at: position)
        }
      case .delete(let column, let key):
        let (position, found) = locate(column, key)
        if found { columns[Int(column.rawValue)].remove(at: position) }
      case .deleteFrom(let column, let first):
        let position = locate(column, first).position
        columns[Int(column.rawValue)].removeSubrange(position...)
      }
    }
  }

  public func get(_ column: Column, _ key: [UInt8]) throws(StoreFailure) -> [UInt8]? {
    let (position, found) = locate(column, key)
    return found ? columns[Int(column.rawValue)][position].value : nil
  }

  public func scan(_ column: Column, from first: [UInt8], limit: Int) throws(StoreFailure) -> [(
    key: [UInt8], value: [UInt8]
  )] {
    let position = locate(column, first).position
    return Array(columns[Int(column.rawValue)][position...].prefix(limit))
  }

  public func last(_ column: Column) throws(StoreFailure) -> (key: [UInt8], value: [UInt8])? {
    columns[Int(column.rawValue)].last
  }

  /// By bytes, the shorter of two that begin alike first.
  private static func precedes(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.withUnsafeBufferPointer { left in
      right.withUnsafeBufferPointer { right in
        for position in 0..<min(left.count, right.count) where left[position] != right[position] {
          return left[position] < right[position]
        }
        return left.count < right.count
      }
    }
  }

  private func locate(_ column: Column, _ key: [UInt8]) -> (position: Int, found: Bool) {
    let rows = columns[Int(column.rawValue)]
    var low = 0
    var high = rows.count
    // Appending in order is the common case.
    if let last = rows.indices.last, Self.precedes(rows[last].key, key) { return (high, false) }
    while low < high {
      let middle = (low + high) / 2
      if Self.precedes(rows[middle].key, key) { low = middle + 1 } else { high = middle }
    }
    return (low, low < rows.count && rows[low].key == key)
  }
}
