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

  @Test(
    "what the device has damaged is said to be damaged, and can be written again"
  )
  func damaged() throws {
    let path = folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    func key(_ number: Int) -> [UInt8] { [UInt8(number >> 8), UInt8(number & 0xFF)] }
    func value(_ number: Int) -> [UInt8] {
      (0..<200).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0 &* 7) }
    }
    do {
      let store = try RocksStore(folder: path)
      try store.write((0..<2000).map { number in batch { $0.put(.entries, key(number), value(number)) } })
    }
    // What the write-ahead log holds goes into a table when the store is opened again.
    do { _ = try RocksStore(folder: path) }
    let tables = try FileManager.default.contentsOfDirectory(atPath: path).filter { $0.hasSuffix(".sst") }
    let table = try #require(
      tables.map { path + "/" + $0 }.max {
        ((try? Data(contentsOf: URL(fileURLWithPath: $0)).count) ?? 0)
          < ((try? Data(contentsOf: URL(fileURLWithPath: $1)).count) ?? 0)
      })
    var bytes = try Data(contentsOf: URL(fileURLWithPath: table))
    bytes[bytes.count / 3] ^= 0x20
    try bytes.write(to: URL(fileURLWithPath: table))

    func read(_ store: RocksStore) throws -> (good: Int, lost: [Int]) {
      var good = 0
      var lost: [Int] = []
      for number in 0..<2000 {
        do throws(StoreFailure) {
          let found = try store.get(.entries, key(number))
          if found == nil { lost.append(number) } else { good += 1 }
          #expect(found == nil || found == value(number))
        } catch {
          #expect(error.isDamage, "\(error)")
          lost.append(number)
        }
      }
      return (good, lost)
    }
    do {
      let store = try RocksStore(folder: path)
      let (good, lost) = try read(store)
      #expect(!lost.isEmpty && lost.count < 100 && good + lost.count == 2000)
      let number = try #require(lost.first)
      try store.write([batch { $0.put(.entries, key(number), value(number)) }])
      #expect(try store.get(.entries, key(number)) == value(number))
    }
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
