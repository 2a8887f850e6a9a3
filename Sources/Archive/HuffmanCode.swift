/// A prefix code as DEFLATE gives it: by the lengths of its words alone (RFC 1951 §3.2.2).
///
/// Words of up to nine bits are found by one look; longer ones, which are rare, by counting.
struct HuffmanCode {
  static let mostBits = 15
  private static let quickBits = 9

  /// By the next nine bits: symbol in the upper bits, length in the lower four; 0 where the word is longer or none.
  private var quick: [UInt16]
  /// How many words have each length.
  private var counts: [Int]
  /// The symbols in the order of their words.
  private var symbols: [UInt16]

  /// The code with words of these lengths, 0 where a symbol has none; nil where they make no code: more words than
  /// there is room for, or less, but for one word of one bit, which DEFLATE allows.
  init?(lengths: ArraySlice<UInt8>) {
    counts = [Int](repeating: 0, count: Self.mostBits + 1)
    for length in lengths { counts[Int(length)] += 1 }
    let used = lengths.count - counts[0]
    counts[0] = 0
    var room = 1
    for length in 1...Self.mostBits {
      room = 2 * room - counts[length]
      guard room >= 0 else { return nil }
    }
    guard room == 0 || used == 0 || (used == 1 && counts[1] == 1) else { return nil }
    var offsets = [Int](repeating: 0, count: Self.mostBits + 2)
    for length in 1...Self.mostBits { offsets[length + 1] = offsets[length] + counts[length] }
    symbols = [UInt16](repeating: 0, count: used)
    var places = offsets
    for (symbol, length) in lengths.enumerated() where length > 0 {
      symbols[places[Int(length)]] = UInt16(symbol)
      places[Int(length)] += 1
    }
    quick = [UInt16](repeating: 0, count: 1 << Self.quickBits)
    fillQuick(offsets)
  }

  private mutating func fillQuick(_ offsets: [Int]) {
    var word = 0
    for length in 1...Self.quickBits {
      for position in 0..<counts[length] {
        let entry = symbols[offsets[length] + position] << 4 | UInt16(length)
        var place = Self.reversed(word + position, length)
        while place < quick.count {
          quick[place] = entry
          place += 1 << length
        }
      }
      word = (word + counts[length]) << 1
    }
  }

  private static func reversed(_ word: Int, _ length: Int) -> Int {
    (0..<length).reduce(0) { $0 | ((word >> $1) & 1) << (length - 1 - $1) }
  }

  /// The symbol whose word comes first in `bits` (the next bit lowest), and the word's length; nil where the `count`
  /// bits that are there hold no word.
  @inline(__always)
  func find(_ bits: UInt64, count: Int) -> (symbol: Int, length: Int)? {
    let entry = quick[Int(bits & UInt64(quick.count - 1))]
    let length = Int(entry & 15)
    if length > 0 { return length <= count ? (Int(entry >> 4), length) : nil }
    return findLong(bits, count: count)
  }

  private func findLong(_ bits: UInt64, count: Int) -> (symbol: Int, length: Int)? {
    var word = 0
    var first = 0
    var offset = 0
    for length in 1...min(Self.mostBits, max(1, count)) {
      word |= Int(bits >> UInt64(length - 1) & 1)
      if word - first < counts[length] {
        return length <= count ? (Int(symbols[offset + word - first]), length) : nil
      }
      offset += counts[length]
      first = (first + counts[length]) << 1
      word <<= 1
    }
    return nil
  }
}
