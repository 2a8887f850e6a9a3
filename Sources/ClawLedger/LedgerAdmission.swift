import Raft
import Records

/// An entry that its receiver must hold against its state before it appends it.
public struct AwaitedEntry: Sendable {
  public let index: LogIndex
  public let entry: ParsedEntry
}

/// Remembers what admission could not judge; a box, since admission changes no log.
final class Awaited {
  var entry: AwaitedEntry?
}

/// Remembers what admission parsed, until it is appended a moment later.
final class ParseCache {
  private var entries: [LogIndex: (entry: Entry, parsed: ParsedEntry)] = [:]

  func parse(_ entry: Entry) throws(EntryError) -> ParsedEntry {
    if let known = entries[entry.index], known.entry == entry { return known.parsed }
    let parsed = try ParsedEntry(EntryPayload(parsing: entry.payload))
    if entries.count >= 1024 { clear() }
    entries[entry.index] = (entry, parsed)
    return parsed
  }

  func clear() { entries.removeAll(keepingCapacity: true) }
}
