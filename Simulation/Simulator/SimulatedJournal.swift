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

  /// The process dies; returns how many writes were lost.
  mutating func crash(using random: inout SeededRandom) -> Int {
    let kept = Int(random.below(UInt64(pending.count) + 1))
    for write in pending.prefix(kept) { keep(write) }
    let lost = pending.count - kept
    pending = []
    return lost
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

  /// One bit of one row turns over; false where there is none.
  mutating func corrupt(using random: inout SeededRandom) -> Bool {
    let candidates = rows.indices.filter { !rows[$0].value.isEmpty }
    guard !candidates.isEmpty else { return false }
    let row = candidates[Int(random.below(UInt64(candidates.count)))]
    let byte = Int(random.below(UInt64(rows[row].value.count)))
    rows[row].value[byte] ^= UInt8(1) << UInt8(random.below(8))
    return true
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
