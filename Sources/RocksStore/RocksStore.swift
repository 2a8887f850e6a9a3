import CRocksDB
import ClawLedger

/// The ledger's store on RocksDB: a dumb key-value adapter, one column family a `Column`, every batch
/// atomic and synced.
///
/// Reads may come from any thread; writes come from one. RocksDB locks its folder: a second process that
/// opens it is refused.
// RocksDB's handles are safe to share between threads; they are closed once, when the last owner lets go.
public final class RocksStore: LogStore, @unchecked Sendable {
  private let database: OpaquePointer
  private let columns: [OpaquePointer]
  private let reading: OpaquePointer
  private let writing: OpaquePointer
  private let options: OpaquePointer

  /// Opens the store in `folder`, and creates it where there is none.
  public init(folder: String) throws(StoreFailure) {
    guard let options = rocksdb_options_create(), let reading = rocksdb_readoptions_create(),
      let writing = rocksdb_writeoptions_create()
    else { throw StoreFailure("RocksDB could not allocate its options") }
    rocksdb_options_set_create_if_missing(options, 1)
    rocksdb_options_set_create_missing_column_families(options, 1)
    rocksdb_options_set_max_open_files(options, 256)
    rocksdb_options_set_keep_log_file_num(options, 2)
    rocksdb_options_set_write_buffer_size(options, 8 << 20)
    rocksdb_options_set_max_total_wal_size(options, 64 << 20)
    // A torn tail of the write-ahead log is what a crash leaves; anything else is a fault.
    rocksdb_options_set_wal_recovery_mode(options, Int32(rocksdb_tolerate_corrupted_tail_records_recovery))
    rocksdb_readoptions_set_verify_checksums(reading, 1)
    rocksdb_writeoptions_set_sync(writing, 1)

    let names = ["default"] + Column.allCases.map(\.familyName)
    var handles = [OpaquePointer?](repeating: nil, count: names.count)
    let opened: Result<OpaquePointer?, StoreFailure> = withCStrings(names) { pointers in
      let familyOptions = [OpaquePointer?](repeating: options, count: names.count)
      return calling { error in
        rocksdb_open_column_families(
          options, folder, Int32(names.count), pointers, familyOptions, &handles, error)
      }
    }
    guard case .success(.some(let database)) = opened else {
      rocksdb_options_destroy(options)
      rocksdb_readoptions_destroy(reading)
      rocksdb_writeoptions_destroy(writing)
      if case .failure(let failure) = opened { throw failure }
      throw StoreFailure("RocksDB gave no database for \(folder)")
    }
    self.database = database
    self.reading = reading
    self.writing = writing
    self.options = options
    columns = handles.compactMap { $0 }
    precondition(columns.count == names.count, "RocksDB gives a handle for each column family")
  }

  deinit {
    for column in columns { rocksdb_column_family_handle_destroy(column) }
    rocksdb_close(database)
    rocksdb_writeoptions_destroy(writing)
    rocksdb_readoptions_destroy(reading)
    rocksdb_options_destroy(options)
  }

  private func family(_ column: Column) -> OpaquePointer { columns[Int(column.rawValue) + 1] }

  /// Carries batches out as one synced write: all of them, or none.
  public func write(_ batches: [WriteBatch]) throws(StoreFailure) {
    guard let native = rocksdb_writebatch_create() else {
      throw StoreFailure("RocksDB could not allocate a batch")
    }
    defer { rocksdb_writebatch_destroy(native) }
    for batch in batches {
      for operation in batch.operations { add(operation, to: native) }
    }
    _ = try calling { rocksdb_write(database, writing, native, $0) }.get()
  }

  private func add(_ operation: WriteBatch.Operation, to native: OpaquePointer) {
    switch operation {
    case .put(let column, let key, let value):
      withBytes(key) { key, keyCount in
        withBytes(value) { value, valueCount in
          rocksdb_writebatch_put_cf(native, family(column), key, keyCount, value, valueCount)
        }
      }
    case .delete(let column, let key):
      withBytes(key) { key, count in rocksdb_writebatch_delete_cf(native, family(column), key, count) }
    case .deleteFrom(let column, let first):
      // Longer than any key that is used, and above all of them.
      let end = [UInt8](repeating: 0xFF, count: 256)
      withBytes(first) { first, firstCount in
        withBytes(end) { end, endCount in
          rocksdb_writebatch_delete_range_cf(native, family(column), first, firstCount, end, endCount)
        }
      }
    }
  }

  public func get(_ column: Column, _ key: [UInt8]) throws(StoreFailure) -> [UInt8]? {
    var count = 0
    let value = try withBytes(key) { key, keyCount in
      calling { rocksdb_get_cf(database, reading, family(column), key, keyCount, &count, $0) }
    }.get()
    guard let value else { return nil }
    defer { rocksdb_free(value) }
    return Array(UnsafeRawBufferPointer(start: value, count: count))
  }

  public func scan(_ column: Column, from first: [UInt8], limit: Int) throws(StoreFailure) -> [(
    key: [UInt8], value: [UInt8]
  )] {
    guard let iterator = rocksdb_create_iterator_cf(database, reading, family(column)) else {
      throw StoreFailure("RocksDB gave no iterator")
    }
    defer { rocksdb_iter_destroy(iterator) }
    var rows: [(key: [UInt8], value: [UInt8])] = []
    withBytes(first) { rocksdb_iter_seek(iterator, $0, $1) }
    while rows.count < limit, rocksdb_iter_valid(iterator) != 0 {
      if let row = row(iterator) { rows.append(row) }
      rocksdb_iter_next(iterator)
    }
    try check(iterator)
    return rows
  }

  public func last(_ column: Column) throws(StoreFailure) -> (key: [UInt8], value: [UInt8])? {
    guard let iterator = rocksdb_create_iterator_cf(database, reading, family(column)) else {
      throw StoreFailure("RocksDB gave no iterator")
    }
    defer { rocksdb_iter_destroy(iterator) }
    rocksdb_iter_seek_to_last(iterator)
    let last = rocksdb_iter_valid(iterator) != 0 ? row(iterator) : nil
    try check(iterator)
    return last
  }

  private func row(_ iterator: OpaquePointer) -> (key: [UInt8], value: [UInt8])? {
    var keyCount = 0
    var valueCount = 0
    guard let key = rocksdb_iter_key(iterator, &keyCount),
      let value = rocksdb_iter_value(iterator, &valueCount)
    else { return nil }
    return (
      Array(UnsafeRawBufferPointer(start: key, count: keyCount)),
      Array(UnsafeRawBufferPointer(start: value, count: valueCount))
    )
  }

  private func check(_ iterator: OpaquePointer) throws(StoreFailure) {
    _ = try calling { rocksdb_iter_get_error(iterator, $0) }.get()
  }
}

extension Column {
  /// The column family's name; part of the format on disk.
  var familyName: String {
    switch self {
    case .entries: "entries"
    case .attachments: "attachments"
    case .nodes: "nodes"
    case .notes: "notes"
    case .state: "state"
    case .meta: "meta"
    case .artifacts: "artifacts"
    case .consents: "consents"
    }
  }
}

/// Calls into RocksDB, whose errors are text that the caller must free.
private func calling<T>(
  _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> T
) -> Result<T, StoreFailure> {
  var text: UnsafeMutablePointer<CChar>?
  let value = body(&text)
  guard let text else { return .success(value) }
  defer { rocksdb_free(text) }
  let message = String(cString: text)
  return .failure(StoreFailure(message, isDamage: message.hasPrefix("Corruption")))
}

private func withBytes<R>(_ bytes: [UInt8], _ body: (UnsafePointer<CChar>?, Int) -> R) -> R {
  bytes.withUnsafeBytes { body($0.baseAddress?.assumingMemoryBound(to: CChar.self), $0.count) }
}

private func withCStrings<R>(
  _ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> R
) -> R {
  let storage = texts.map { Array($0.utf8CString) }
  let total = storage.reduce(0) { $0 + $1.count }
  return withUnsafeTemporaryAllocation(of: CChar.self, capacity: total) { characters in
    var pointers: [UnsafePointer<CChar>?] = []
    var next = 0
    for text in storage {
      for character in text {
        characters[next] = character
        next += 1
      }
      pointers.append(characters.baseAddress.map { UnsafePointer($0 + next - text.count) })
    }
    return pointers.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { preconditionFailure("there is at least one name") }
      return body(base)
    }
  }
}
