/// A regular expression ready to run, in time linear in the text (Thompson's construction, Pike's machine). Of several matches the
/// leftmost counts, and of those the one that a backtracking matcher finds first, as in RE2 and Go.
final class RegexProgram: Sendable {
  private enum Instruction: Sendable {
    case characters(CharacterClass)
    case split(Int, Int)
    case jump(Int)
    case save(Int)
    case assert(RegexNode.Assertion)
    case match
  }

  private let instructions: [Instruction]
  let captures: Int
  let names: [(String, Int)]

  static let maximumInstructions = 100_000

  convenience init(_ pattern: String) throws(RegexError) {
    var parser = RegexParser(pattern)
    let node = try parser.parse()
    try self.init(node, captures: parser.captures, names: parser.names)
  }

  init(_ node: RegexNode, captures: Int, names: [(String, Int)] = []) throws(RegexError) {
    var builder = Builder()
    try builder.add(.capture(node, 0))
    builder.instructions.append(.match)
    instructions = builder.instructions
    self.captures = captures
    self.names = names
  }

  private struct Builder {
    var instructions: [Instruction] = []

    mutating func add(_ node: RegexNode) throws(RegexError) {
      guard instructions.count < RegexProgram.maximumInstructions else {
        throw RegexError(message: "error parsing regexp: expression too large")
      }
      switch node {
      case .empty: break
      case .characters(let characters): instructions.append(.characters(characters))
      case .concat(let parts): for part in parts { try add(part) }
      case .assert(let assertion): instructions.append(.assert(assertion))
      case .capture(let inner, let number):
        instructions.append(.save(2 * number))
        try add(inner)
        instructions.append(.save(2 * number + 1))
      case .alternate(let branches): try alternate(branches[...])
      case .repeat(let inner, let least, let most, let isGreedy):
        for _ in 0..<least { try add(inner) }
        guard let most else {
          let start = instructions.count
          instructions.append(.jump(0))
          try add(inner)
          instructions.append(.jump(start))
          instructions[start] = split(start + 1, instructions.count, isGreedy)
          return
        }
        var splits: [Int] = []
        for _ in least..<most {
          splits.append(instructions.count)
          instructions.append(.jump(0))
          try add(inner)
        }
        for position in splits { instructions[position] = split(position + 1, instructions.count, isGreedy) }
      }
    }

    private func split(_ body: Int, _ after: Int, _ isGreedy: Bool) -> Instruction {
      isGreedy ? .split(body, after) : .split(after, body)
    }

    private mutating func alternate(_ branches: ArraySlice<RegexNode>) throws(RegexError) {
      guard let first = branches.first else { return }
      guard branches.count > 1 else {
        try add(first)
        return
      }
      let start = instructions.count
      instructions.append(.jump(0))
      try add(first)
      let end = instructions.count
      instructions.append(.jump(0))
      instructions[start] = .split(start + 1, instructions.count)
      try alternate(branches.dropFirst())
      instructions[end] = .jump(instructions.count)
    }
  }

  // MARK: Running

  private struct Threads {
    var order: [(place: Int, slots: [Int])] = []
    /// By instruction: when it was reached last.
    var seen: [Int]
    init(count: Int) { seen = Array(repeating: -1, count: count) }
  }

  /// The leftmost match from `start` on: pairs of bounds by group, -1 where a group took no part. Nil where there is none.
  func match(_ text: [Unicode.Scalar], from start: Int = 0, _ meter: inout Meter) throws(BuiltinError)
    -> [Int]?
  {
    var current = Threads(count: instructions.count)
    var next = Threads(count: instructions.count)
    var found: [Int]?
    var position = start
    let width = 2 * (captures + 1)
    while true {
      try meter.spend(steps: 1 + current.order.count / 8)
      if found == nil { add(0, Array(repeating: -1, count: width), position, text, &current) }
      if current.order.isEmpty, found != nil { break }
      next.order.removeAll(keepingCapacity: true)
      for thread in current.order {
        switch instructions[thread.place] {
        case .characters(let characters):
          if position < text.count, characters.contains(text[position].value) {
            add(thread.place + 1, thread.slots, position + 1, text, &next)
          }
          continue
        case .match: found = thread.slots
        case .split, .jump, .save, .assert: continue
        }
        // What stands behind a match in order is worth less than it.
        break
      }
      if position >= text.count { break }
      swap(&current, &next)
      position += 1
      if current.order.isEmpty, found != nil { break }
    }
    return found
  }

  private func add(
    _ start: Int, _ slots: [Int], _ position: Int, _ text: [Unicode.Scalar], _ threads: inout Threads
  ) {
    var stack: [(place: Int, slots: [Int])] = [(start, slots)]
    while let (place, slots) = stack.popLast() {
      guard threads.seen[place] != position else { continue }
      threads.seen[place] = position
      switch instructions[place] {
      case .jump(let target): stack.append((target, slots))
      case .split(let first, let second):
        stack.append((second, slots))
        stack.append((first, slots))
      case .save(let slot):
        var saved = slots
        if slot < saved.count { saved[slot] = position }
        stack.append((place + 1, saved))
      case .assert(let assertion):
        if RegexProgram.holds(assertion, position, text) { stack.append((place + 1, slots)) }
      case .characters, .match: threads.order.append((place, slots))
      }
    }
  }

  private static func holds(
    _ assertion: RegexNode.Assertion, _ position: Int, _ text: [Unicode.Scalar]
  ) -> Bool {
    func isWord(_ place: Int) -> Bool {
      text.indices.contains(place) && CharacterClass.word.contains(text[place].value)
    }
    switch assertion {
    case .textStart: return position == 0
    case .textEnd: return position == text.count
    case .lineStart: return position == 0 || text[position - 1] == "\n"
    case .lineEnd: return position == text.count || text[position] == "\n"
    case .wordBoundary: return isWord(position - 1) != isWord(position)
    case .noWordBoundary: return isWord(position - 1) == isWord(position)
    }
  }

  /// Up to `limit` matches that do not overlap (all where negative), as Go's `FindAll` finds them.
  func matches(
    _ text: [Unicode.Scalar], limit: Int, _ meter: inout Meter
  ) throws(BuiltinError) -> [[Int]] {
    var out: [[Int]] = []
    var position = 0
    var lastEnd = -1
    while position <= text.count, limit < 0 || out.count < limit {
      guard let found = try match(text, from: position, &meter) else { break }
      // An empty match right behind a match is none.
      if found[1] > found[0] || found[0] != lastEnd {
        out.append(found)
      }
      lastEnd = found[1]
      position =
        found[1] > position ? found[1] : found[1] == found[0] ? max(position, found[1]) + 1 : found[1]
    }
    return out
  }
}
