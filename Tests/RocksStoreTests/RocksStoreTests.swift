import ClawLedger
import Foundation
import RocksStore
import Testing

private func folder() -> String {
  FileManager.default.temporaryDirectory.path + "/rocks-\(UUID().uuidString)"
}

private func batch(_ build: (inout WriteBatch) -> Void) -> WriteBatch {
  var batch = WriteBatch()
  build(&batch)
  return batch
}

struct RocksStoreTests {
  @Test("RocksDB and memory answer alike, whatever was written")
  func likeMemory() throws {
    let path = folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let rocks = try RocksStore(folder: path)
    var memory = MemoryStore()
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      let column = Column.allCases.randomElement(using: &generator) ?? .meta
      let key = [UInt8.random(in: 0...5), UInt8.random(in: 0...5)]
      let change = batch { batch in
        switch Int.random(in: 0...9) {
        case 0: batch.deleteFrom(column, key)
        case 1...2: batch.delete(column, key)
        default: batch.put(column, key, (0..<Int.random(in: 0...40)).map { _ in .random(in: 0...255) })
        }
        batch.put(.meta, [0xFE], [1])
      }
      try rocks.write([change])
      memory.write(change)
      #expect(try rocks.get(column, key) == memory.get(column, key))
      let mine = try rocks.scan(column, from: [2], limit: 10)
      let other = try memory.scan(column, from: [2], limit: 10)
      #expect(mine.map(\.key) == other.map(\.key))
      #expect(mine.map(\.value) == other.map(\.value))
      #expect(try rocks.last(column)?.key == memory.last(column)?.key)
    }
  }

  @Test("what was written is there after reopening, and several batches are one write")
  func reopen() throws {
    let path = folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    do {
      let store = try RocksStore(folder: path)
      try store.write([
        batch { $0.put(.entries, [1], [10]) }, batch { $0.delete(.entries, [1]) },
        batch { $0.put(.entries, [2], [20]) },
      ])
    }
    let store = try RocksStore(folder: path)
    #expect(try store.get(.entries, [1]) == nil)
    #expect(try store.get(.entries, [2]) == [20])
  }

  @Test("a folder that is open already, and one that cannot be, are refused with what RocksDB says")
  func refused() throws {
    let path = folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let store = try RocksStore(folder: path)
    #expect(throws: StoreFailure.self) { try RocksStore(folder: path) }
    #expect(throws: StoreFailure.self) { try RocksStore(folder: "/proc/none") }
    withExtendedLifetime(store) {}
  }
}
