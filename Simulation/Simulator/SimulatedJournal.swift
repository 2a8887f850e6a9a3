import OpenExec

/// An executor's journal on a simulated disk: one row a key, each replaced as a whole, written in order.
///
/// A crash keeps any prefix of what was on its way: a write whose sync nobody heard of may be there. What was
/// being written then is torn, and a torn file never took its final name, so it is gone.
struct SimulatedJournal {
  /// Ascending by key.
  private(set) var rows: [(key: String, value: [UInt8])] = []
  /// Asked for and not yet durable, oldest first.
  private(set) var pending: [JournalWrite] = []

  mutating func append(_ write: JournalWrite) { pending.append(write) }

  /// The oldest write reaches stable storage.
  mutating func syncFirst() -> Ticket? {
    guard !pending.isEmpty else { return nil }
    let write = pending.removeFirst()
    keep(write)
    return write.ticket
  }

  /// The process dies: the first `kept` of what was on its way are there. Returns how many writes were lost.
  mutating func crash(keeping kept: UInt64) -> Int {
    let count = Int(min(kept, UInt64(pending.count)))
    for write in pending.prefix(count) { keep(write) }
    defer { pending = [] }
    return pending.count - count
  }

  /// Begins the journal of a new incarnation in an empty place.
  mutating func begin(_ writes: [JournalWrite]) {
    rows = []
    pending = []
    for write in writes { keep(write) }
  }

  /// The disk is lost.
  mutating func lose() {
    rows = []
    pending = []
  }

  /// One bit turns over, counted over all rows, and from the beginning again where there are fewer; false where
  /// there is none.
  mutating func flip(_ bit: UInt64) -> Bool {
    let bits = rows.reduce(UInt64(0)) { $0 + 8 * UInt64($1.value.count) }
    guard bits > 0 else { return false }
    var left = bit % bits
    for row in rows.indices {
      let count = 8 * UInt64(rows[row].value.count)
      if left < count {
        rows[row].value[Int(left / 8)] ^= 1 << UInt8(left % 8)
        return true
      }
      left -= count
    }
    return false
  }

  private mutating func keep(_ write: JournalWrite) {
    let position = rows.firstIndex { $0.key >= write.key } ?? rows.count
    let isKnown = position < rows.count && rows[position].key == write.key
    switch (write.value, isKnown) {
    case (let value?, true): rows[position].value = value
    case (let value?, false): rows.insert((write.key, value), at: position)
    case (nil, true): rows.remove(at: position)
    case (nil, false): break
    }
  }
}
