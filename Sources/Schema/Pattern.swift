/// Why a regular expression is not accepted.
struct PatternError: Error, Equatable, CustomStringConvertible {
  let description: String
}

/// A regular expression that is matched in time linear in the text (Thompson's construction): no
/// backtracking, so no text makes it slow.
///
/// The subset, over code points, with ECMA-262's meaning:
/// - literals, `.` (anything but the line terminators U+000A, U+000D, U+2028, U+2029)
/// - classes `[a-z]`, `[^…]`, and `\d \D \w \W \s \S` in and outside of them (ASCII)
/// - escapes `\n \r \t` and a backslash before punctuation
/// - groups `(…)` and `(?:…)`, alternatives `|`
/// - `* + ? {n} {n,} {n,m}` with n, m ≤ 256
/// - anchors `^` and `$`
///
/// As JSON Schema has it, a match anywhere in the text will do unless it is anchored. Refused: look-around,
/// back-references, lazy and possessive quantifiers, named groups, Unicode properties, and whatever
/// unfolds to more than `maximumInstructions`.
struct Pattern: Sendable {
  static let maximumInstructions = 512

  enum Instruction: Sendable {
    case one(CharacterSet)
    case fork(Int, Int)
    case jump(Int)
    case start
    case end
    case accept
  }

  /// Code points as sorted, disjoint ranges.
  struct CharacterSet: Sendable, Equatable {
    var ranges: [ClosedRange<UInt32>]

    func contains(_ scalar: UInt32) -> Bool { ranges.contains { $0.contains(scalar) } }

    var inverted: CharacterSet {
      var out: [ClosedRange<UInt32>] = []
      var next: UInt32 = 0
      for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
        if range.lowerBound > next { out.append(next...(range.lowerBound - 1)) }
        next = max(next, range.upperBound + 1)
      }
      if next <= 0x10FFFF { out.append(next...0x10FFFF) }
      return CharacterSet(ranges: out)
    }
  }

  let source: String
  private let program: [Instruction]

  /// Compiles `source`.
  init(_ source: String) throws(PatternError) {
    guard source.utf8.count <= 1024 else { throw PatternError(description: "longer than 1024 bytes") }
    var parser = PatternParser(source)
    let tree = try parser.parse()
    var program: [Instruction] = []
    try Pattern.emit(tree, into: &program)
    program.append(.accept)
    self.source = source
    self.program = program
  }

  private static func emit(_ tree: PatternTree, into program: inout [Instruction]) throws(PatternError) {
    guard program.count < maximumInstructions else {
      throw PatternError(description: "more than \(maximumInstructions) steps when unfolded")
    }
    switch tree {
    case .empty: break
    case .set(let set): program.append(.one(set))
    case .start: program.append(.start)
    case .end: program.append(.end)
    case .sequence(let parts): for part in parts { try emit(part, into: &program) }
    case .alternatives(let first, let second):
      let fork = program.count
      program.append(.jump(0))
      try emit(first, into: &program)
      let jump = program.count
      program.append(.jump(0))
      program[fork] = .fork(fork + 1, program.count)
      try emit(second, into: &program)
      program[jump] = .jump(program.count)
    case .repeated(let part, let least, let most):
      for _ in 0..<least {
        let before = program.count
        try emit(part, into: &program)
        // What unfolds to nothing would be unfolded 256 times on every level of nesting.
        if program.count == before { break }
      }
      if let most {
        for _ in least..<most { try emitOptional(part, isLoop: false, into: &program) }
      } else {
        try emitOptional(part, isLoop: true, into: &program)
      }
    }
  }

  private static func emitOptional(
    _ part: PatternTree, isLoop: Bool, into program: inout [Instruction]
  ) throws(PatternError) {
    let fork = program.count
    program.append(.jump(0))
    try emit(part, into: &program)
    if isLoop { program.append(.jump(fork)) }
    program[fork] = .fork(fork + 1, program.count)
  }

  /// Whether the pattern matches somewhere in `text`. Work is at most code points × instructions.
  func matches(_ text: String) -> Bool {
    var current = Threads(count: program.count)
    var next = Threads(count: program.count)
    var iterator = text.unicodeScalars.makeIterator()
    var scalar = iterator.next()
    var isStart = true
    while true {
      // A match may begin anywhere.
      if add(0, to: &current, isStart: isStart, isEnd: scalar == nil) { return true }
      guard let value = scalar?.value else { return false }
      scalar = iterator.next()
      isStart = false
      next.clear()
      for thread in current.list {
        guard case .one(let set) = program[thread], set.contains(value) else { continue }
        if add(thread + 1, to: &next, isStart: false, isEnd: scalar == nil) { return true }
      }
      swap(&current, &next)
    }
  }

  /// Follows everything that takes no character; true where that accepts.
  private func add(_ first: Int, to threads: inout Threads, isStart: Bool, isEnd: Bool) -> Bool {
    var stack = [first]
    while let at = stack.popLast() {
      guard threads.insert(at) else { continue }
      switch program[at] {
      case .one: break
      case .fork(let a, let b):
        stack.append(b)
        stack.append(a)
      case .jump(let target): stack.append(target)
      case .start: if isStart { stack.append(at + 1) }
      case .end: if isEnd { stack.append(at + 1) }
      case .accept: return true
      }
    }
    return false
  }

  /// A set of instructions that keeps insertion order and is cleared in constant time.
  private struct Threads {
    private(set) var list: [Int] = []
    private var mark: [Int]
    private var generation = 1

    init(count: Int) { mark = [Int](repeating: 0, count: count) }

    mutating func insert(_ thread: Int) -> Bool {
      guard mark[thread] != generation else { return false }
      mark[thread] = generation
      list.append(thread)
      return true
    }

    mutating func clear() {
      generation += 1
      list.removeAll(keepingCapacity: true)
    }
  }
}

/// A parsed regular expression.
indirect enum PatternTree {
  case empty
  case set(Pattern.CharacterSet)
  case start
  case end
  case sequence([PatternTree])
  case alternatives(PatternTree, PatternTree)
  /// `most` is nil for no limit.
  case repeated(PatternTree, least: Int, most: Int?)
}
