/// A digest of every random draw and every event of a run, in their order, for comparing two runs of one seed.
///
/// The first run is kept, three words an entry; a second one is held against it as it goes, and stops at the first
/// entry that differs.
public final class DeterminismLog: @unchecked Sendable {
  // One run owns it, on one thread; generators that carry it are values that are sent nowhere.

  /// One draw or event.
  struct Entry: Equatable {
    /// Nil for an event.
    let purpose: SeededRandom.Purpose?
    /// The word drawn, or the event's digest.
    let word: UInt64
    /// Virtual nanoseconds.
    let time: UInt64
    /// Place in ``eventNames``, for events.
    let name: UInt8
  }

  /// Where two runs part.
  public struct Difference: Equatable, Sendable, CustomStringConvertible {
    /// Counted from 1.
    public let position: Int
    public let first: String
    public let second: String

    public var description: String {
      "draw or event \(position) differs: first \(first), then \(second)"
    }
  }

  private var entries: [Entry] = []
  /// The run to compare with; nil while recording.
  private let reference: DeterminismLog?
  private var position = 0
  /// Where a comparing run first differed; nil where it has not.
  public private(set) var difference: Difference?
  /// Virtual time of what comes next.
  var time: UInt64 = 0
  /// What was recorded or compared so far, folded.
  private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325

  /// Records, or compares with `reference`.
  public init(comparingWith reference: DeterminismLog? = nil) { self.reference = reference }

  /// How many draws and events there were.
  public var count: Int { position }

  func drew(_ word: UInt64, for purpose: SeededRandom.Purpose) {
    take(Entry(purpose: purpose, word: word, time: time, name: 0))
  }

  func happened(_ name: UInt8, _ word: UInt64) {
    take(Entry(purpose: nil, word: word, time: time, name: name))
  }

  private func take(_ entry: Entry) {
    digest = (digest ^ entry.word ^ entry.time) &* 0x100_0000_01B3
    defer { position += 1 }
    guard let reference else {
      entries.append(entry)
      return
    }
    guard difference == nil else { return }
    let expected = position < reference.entries.count ? reference.entries[position] : nil
    guard expected != entry else { return }
    difference = Difference(
      position: position + 1, first: expected.map(Self.describe) ?? "the end", second: Self.describe(entry))
  }

  /// A comparing run is over: it must have come as far as the first.
  func finish() {
    guard let reference, difference == nil, position < reference.entries.count else { return }
    difference = Difference(
      position: position + 1, first: Self.describe(reference.entries[position]), second: "the end")
  }

  private static func describe(_ entry: Entry) -> String {
    let time = "\(entry.time / 1_000_000) ms"
    guard let purpose = entry.purpose else {
      let name =
        Int(entry.name) < WorldEventName.allCases.count ? WorldEventName.allCases[Int(entry.name)] : .deliver
      return "event \(name.rawValue) at \(time), digest \(String(entry.word, radix: 16))"
    }
    return "a draw for \(purpose) at \(time), \(String(entry.word, radix: 16))"
  }
}
