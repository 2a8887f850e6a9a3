/// Why a scenario cannot be read: where, what was expected, and what is there.
public struct ScenarioError: Error, Equatable, Sendable, CustomStringConvertible {
  public let file: String
  /// From 1.
  public let line: Int
  /// From 1, in characters.
  public let column: Int
  public let expected: String
  /// What is there instead; empty at the end of a line.
  public let found: String

  public var description: String {
    let there = found.isEmpty ? "the end of the line" : "'\(found)'"
    return "\(file):\(line):\(column): expected \(expected), found \(there)"
  }
}

/// The words of one line, from left to right.
struct ScenarioLine {
  private struct Word {
    let text: String
    let column: Int
  }

  let file: String
  let number: Int
  private let source: String
  private let words: [Word]
  private var position = 0
  /// The highest number of a node so far, and where it stands.
  private var highestNode: (number: UInt64, position: Int)?

  /// The longest line that is read, in characters.
  static let longest = 4_096

  init(_ source: String, file: String, number: Int) {
    self.file = file
    self.number = number
    self.source = source
    var words: [Word] = []
    var current = ""
    var start = 0
    func isPunctuation(_ character: Character) -> Bool { "{},|%".contains(character) }
    func close() {
      if !current.isEmpty { words.append(Word(text: current, column: start)) }
      current = ""
    }
    for (column, character) in source.prefix(Self.longest).enumerated() {
      if character == "#" { break }
      if character == " " || character == "\t" || character == "\r" {
        close()
      } else if isPunctuation(character) {
        close()
        words.append(Word(text: String(character), column: column + 1))
      } else {
        if current.isEmpty { start = column + 1 }
        current.append(character)
      }
    }
    close()
    self.words = words
  }

  var isBlank: Bool { words.isEmpty }
  var isAtEnd: Bool { position == words.count }

  func error(_ expected: String) -> ScenarioError {
    let column =
      position < words.count
      ? words[position].column : (words.last.map { $0.column + $0.text.count } ?? 1)
    return ScenarioError(
      file: file, line: number, column: column, expected: expected,
      found: position < words.count ? words[position].text : "")
  }

  /// The next word, without taking it.
  var peek: String? { position < words.count ? words[position].text : nil }

  /// Takes the next word if it is this one.
  mutating func takes(_ word: String) -> Bool {
    guard peek == word else { return false }
    position += 1
    return true
  }

  mutating func expect(_ words: String...) throws(ScenarioError) {
    for word in words {
      guard takes(word) else { throw error("'\(word)'") }
    }
  }

  mutating func word(_ what: String) throws(ScenarioError) -> String {
    guard let word = peek, word.first?.isLetter == true else { throw error(what) }
    position += 1
    return word
  }

  /// One of these words.
  mutating func choice<Value>(_ what: String, _ choices: [(String, Value)]) throws(ScenarioError) -> Value {
    guard let word = peek, let choice = choices.first(where: { $0.0 == word }) else {
      throw error("\(what): " + choices.map(\.0).joined(separator: ", "))
    }
    position += 1
    return choice.1
  }

  mutating func number(_ what: String, in range: ClosedRange<UInt64> = 0...(1 << 60)) throws(ScenarioError)
    -> UInt64
  {
    guard let word = peek, let number = UInt64(word), range.contains(number) else {
      throw error(
        range.upperBound == 1 << 60 ? what : "\(what) from \(range.lowerBound) to \(range.upperBound)")
    }
    position += 1
    return number
  }

  mutating func signed(_ what: String) throws(ScenarioError) -> Int64 {
    guard let word = peek, let number = Int64(word), number.magnitude <= 1 << 50 else { throw error(what) }
    position += 1
    return number
  }

  /// A length of time such as `2 s` or `300 us`, in nanoseconds; at most a day.
  mutating func duration(_ what: String = "a length of time such as '2 s'") throws(ScenarioError) -> UInt64 {
    let start = position
    let count = try signed(what)
    let unit = try choice(
      "a unit", [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)] as [(String, Int64)])
    let (product, overflow) = count.multipliedReportingOverflow(by: unit)
    guard !overflow, product >= 0, product <= 86_400_000_000_000 else {
      position = start
      throw error("a length of time from 0 to 86400 s")
    }
    return UInt64(product)
  }

  mutating func signedDuration() throws(ScenarioError) -> Int64 {
    let start = position
    let count = try signed("a time such as '-500 ms'")
    let unit = try choice(
      "a unit", [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000), ("ns", 1)] as [(String, Int64)])
    let (product, overflow) = count.multipliedReportingOverflow(by: unit)
    guard !overflow, product.magnitude <= 86_400_000_000_000 else {
      position = start
      throw error("a time of at most 86400 s either way")
    }
    return product
  }

  /// A percentage such as `0.5 %`, in millionths.
  mutating func percentage() throws(ScenarioError) -> UInt64 {
    let what = "a percentage such as '0.5 %', with at most four decimals"
    guard let word = peek else { throw error(what) }
    let parts = word.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = UInt64(parts[0]), whole <= 100 else { throw error(what) }
    var rest: UInt64 = 0
    if parts.count == 2 {
      guard (1...4).contains(parts[1].count), let digits = UInt64(parts[1]) else { throw error(what) }
      rest = digits
      for _ in parts[1].count..<4 { rest *= 10 }
    }
    guard whole * 10_000 + rest <= 1_000_000 else { throw error(what) }
    position += 1
    try expect("%")
    return whole * 10_000 + rest
  }

  /// A node's number; whether there is such a node is known when all lines are read.
  mutating func node(_ what: String = "a node's number") throws(ScenarioError) -> UInt64 {
    let here = self
    let node = try number(what, in: 1...99)
    if node > highestNode?.number ?? 0 { highestNode = (node, here.position) }
    return node
  }

  /// What is wrong where the cluster has only so many nodes; nil where nothing is.
  func missingNode(of count: Int) -> ScenarioError? {
    guard let highestNode, highestNode.number > UInt64(count) else { return nil }
    var line = self
    line.position = highestNode.position
    return line.error("a node from 1 to \(count)")
  }

  /// `{1,2}`, one number, or `all`, which is the empty list.
  mutating func nodes() throws(ScenarioError) -> [UInt64] {
    if takes("all") { return [] }
    if takes("{") {
      var out: [UInt64] = []
      repeat { out.append(try node()) } while takes(",")
      try expect("}")
      return out
    }
    return [try node("a node's number, a list such as '{1,2}', or 'all'")]
  }

  /// Everything that is left, as it was written.
  mutating func rest(_ what: String) throws(ScenarioError) -> String {
    guard position < words.count else { throw error(what) }
    let start = source.index(source.startIndex, offsetBy: words[position].column - 1)
    position = words.count
    var text = String(source[start...])
    while text.last?.isWhitespace == true { text.removeLast() }
    return text
  }

  func end() throws(ScenarioError) {
    guard isAtEnd else { throw error("the end of the line") }
  }
}
