/// Unpacks DEFLATE (RFC 1951), piece by piece.
///
/// Memory is bounded: the window of 32 KiB and at most as much again that is not handed on yet. Each byte of input gives at
/// most some 1,032 bytes of output; whoever reads sets the limit of all.
struct Inflater<Source: ByteSource> {
  private enum State {
    case header
    case stored(Int)
    case coded
    case finished
  }

  private static var windowSize: Int { 1 << 15 }

  private(set) var bytes: ByteReader<Source>
  private var state = State.header
  private var isLast = false
  private var literals = HuffmanCode.fixedLiterals
  private var distances = HuffmanCode.fixedDistances
  /// Bits that were read and are not used yet, the next one lowest.
  private var bits: UInt64 = 0
  private var bitCount = 0
  /// The window, and after it what is not handed on yet.
  private var output: [UInt8] = []
  private var handedOn = 0

  init(_ bytes: ByteReader<Source>) {
    self.bytes = bytes
    output.reserveCapacity(3 * Self.windowSize)
  }

  /// The next piece of what was packed, never empty; nil at the end.
  mutating func next() throws(ArchiveError) -> [UInt8]? {
    if output.count > 2 * Self.windowSize {
      output.removeFirst(output.count - Self.windowSize)
      handedOn = output.count
    }
    while output.count - handedOn < Self.windowSize {
      switch state {
      case .header: try beginBlock()
      case .stored(let rest): try copyStored(rest)
      case .coded: try decode()
      case .finished:
        guard output.count > handedOn else { return nil }
        return handOn()
      }
    }
    return handOn()
  }

  private mutating func handOn() -> [UInt8] {
    defer { handedOn = output.count }
    return Array(output[handedOn...])
  }

  /// The next byte after the end of the stream, or of what is made of bits.
  mutating func byteAfter(of what: String) throws(ArchiveError) -> UInt8 {
    guard bitCount >= 8 else {
      bits = 0
      bitCount = 0
      return try bytes.byte(of: what)
    }
    defer { drop(8) }
    return UInt8(truncatingIfNeeded: bits)
  }

  // MARK: Bits

  /// Sees to it that at least `wanted` bits are there, at most 48; false where the source ends before.
  @inline(__always)
  private mutating func fill(_ wanted: Int) throws(ArchiveError) -> Bool {
    if bitCount >= wanted { return true }
    if let word = bytes.word {
      // What lies above the counted bits is the next byte's beginning, and will be put there again as it is.
      bits |= word << UInt64(bitCount)
      bytes.skip((63 - bitCount) >> 3)
      bitCount |= 56
      return true
    }
    return try fillSlowly(wanted)
  }

  private mutating func fillSlowly(_ wanted: Int) throws(ArchiveError) -> Bool {
    while bitCount < wanted {
      guard let byte = try bytes.byte() else { return false }
      bits |= UInt64(byte) << UInt64(bitCount)
      bitCount += 8
    }
    return true
  }

  @inline(__always)
  private mutating func drop(_ count: Int) {
    bits >>= UInt64(count)
    bitCount -= count
  }

  @inline(__always)
  private mutating func number(_ count: Int) throws(ArchiveError) -> Int {
    guard count > 0 else { return 0 }
    guard try fill(count) else { throw .truncated("compressed data") }
    defer { drop(count) }
    return Int(bits & (1 << UInt64(count) - 1))
  }

  @inline(__always)
  private mutating func symbol(_ code: borrowing HuffmanCode) throws(ArchiveError) -> Int {
    let isWhole = try fill(HuffmanCode.mostBits)
    guard let (symbol, length) = code.find(bits, count: bitCount) else {
      throw isWhole ? .deflate("bits that are no word of the code") : .truncated("compressed data")
    }
    drop(length)
    return symbol
  }

  // MARK: Blocks

  private mutating func beginBlock() throws(ArchiveError) {
    guard !isLast else {
      drop(bitCount % 8)
      state = .finished
      return
    }
    isLast = try number(1) == 1
    switch try number(2) {
    case 0:
      drop(bitCount % 8)
      let length = try number(16)
      guard try number(16) == ~length & 0xFFFF else { throw .deflate("a stored block whose lengths differ") }
      state = .stored(length)
    case 1:
      literals = .fixedLiterals
      distances = .fixedDistances
      state = .coded
    case 2:
      try readCodes()
      state = .coded
    default: throw .deflate("a block of kind 3, which there is not")
    }
  }

  private mutating func copyStored(_ rest: Int) throws(ArchiveError) {
    guard rest > 0 else {
      state = .header
      return
    }
    if bitCount >= 8 {
      output.append(try byteAfter(of: "a stored block"))
      state = .stored(rest - 1)
      return
    }
    bits = 0
    bitCount = 0
    guard let some = try bytes.some(upTo: min(rest, Self.windowSize)) else {
      throw .truncated("a stored block")
    }
    output.append(contentsOf: some)
    state = .stored(rest - some.count)
  }

  /// The codes of a block that brings its own (§3.2.7).
  private mutating func readCodes() throws(ArchiveError) {
    let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]
    let literalCount = try number(5) + 257
    let distanceCount = try number(5) + 1
    let lengthCount = try number(4) + 4
    guard literalCount <= 286, distanceCount <= 30 else { throw .deflate("more symbols than there are") }
    var lengths = [UInt8](repeating: 0, count: 19)
    for place in 0..<lengthCount { lengths[order[place]] = UInt8(try number(3)) }
    guard let lengthCode = HuffmanCode(lengths: lengths[...]) else { throw .deflate("no code of lengths") }
    var all: [UInt8] = []
    while all.count < literalCount + distanceCount {
      let symbol = try symbol(lengthCode)
      if symbol < 16 {
        all.append(UInt8(symbol))
        continue
      }
      let count: Int
      var value: UInt8 = 0
      switch symbol {
      case 16:
        guard let last = all.last else { throw .deflate("a length repeated before there is one") }
        value = last
        count = 3 + (try number(2))
      case 17: count = 3 + (try number(3))
      default: count = 11 + (try number(7))
      }
      guard all.count + count <= literalCount + distanceCount else {
        throw .deflate("more lengths than symbols")
      }
      all.append(contentsOf: repeatElement(value, count: count))
    }
    guard all[256] > 0 else { throw .deflate("a block without an end") }
    guard let literals = HuffmanCode(lengths: all[..<literalCount]),
      let distances = HuffmanCode(lengths: all[literalCount...])
    else { throw .deflate("lengths that make no code") }
    self.literals = literals
    self.distances = distances
  }

  /// Decodes until the block ends or enough is there to hand on.
  private mutating func decode() throws(ArchiveError) {
    let literals = literals
    let distances = distances
    let tables = DeflateTables.shared
    let enough = handedOn + Self.windowSize
    while output.count < enough {
      let symbol = try symbol(literals)
      if symbol < 256 {
        output.append(UInt8(truncatingIfNeeded: symbol))
        continue
      }
      guard symbol > 256 else {
        state = .header
        return
      }
      guard symbol < 286 else { throw .deflate("a length that there is not") }
      let length = tables.lengthBases[symbol - 257] + (try number(tables.lengthExtras[symbol - 257]))
      let distanceSymbol = try self.symbol(distances)
      guard distanceSymbol < 30 else { throw .deflate("a distance that there is not") }
      let distance =
        tables.distanceBases[distanceSymbol] + (try number(tables.distanceExtras[distanceSymbol]))
      guard distance <= output.count else { throw .deflate("a distance to before the beginning") }
      repeatOutput(from: output.count - distance, length)
    }
  }

  /// Byte by byte: what is repeated may reach into what it makes.
  @inline(__always)
  private mutating func repeatOutput(from start: Int, _ length: Int) {
    for place in start..<(start + length) { output.append(output[place]) }
  }
}

/// The tables of RFC 1951 §3.2.5.
private struct DeflateTables {
  static let shared = DeflateTables()

  let lengthExtras = [
    0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
  ]
  let lengthBases: [Int]
  let distanceExtras = (0..<30).map { max(0, $0 / 2 - 1) }
  let distanceBases: [Int]

  private init() {
    var lengths = Self.bases(from: 3, lengthExtras)
    // The longest has a symbol of its own.
    lengths[28] = 258
    lengthBases = lengths
    distanceBases = Self.bases(from: 1, distanceExtras)
  }

  /// Each base follows what the one before it reaches.
  private static func bases(from first: Int, _ extras: [Int]) -> [Int] {
    var base = first
    return extras.map { extra in
      defer { base += 1 << extra }
      return base
    }
  }
}

extension HuffmanCode {
  /// The codes of a block that brings none (§3.2.6).
  fileprivate static let fixedLiterals = fixed(
    [UInt8](repeating: 8, count: 144) + [UInt8](repeating: 9, count: 112) + [UInt8](repeating: 7, count: 24)
      + [UInt8](repeating: 8, count: 8))
  fileprivate static let fixedDistances = fixed([UInt8](repeating: 5, count: 32))

  private static func fixed(_ lengths: [UInt8]) -> HuffmanCode {
    guard let code = HuffmanCode(lengths: lengths[...]) else {
      preconditionFailure("the fixed codes are codes")
    }
    return code
  }
}
