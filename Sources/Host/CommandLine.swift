/// A command line that does not say what a command expects.
public struct UsageError: Error, Equatable, Sendable, CustomStringConvertible {
  public let description: String

  /// What was expected, and what came.
  public init(_ description: String) { self.description = description }
}

/// An option of a command.
public struct CommandOption: Equatable, Sendable {
  /// With its dashes, such as `--threshold`.
  public let name: String
  /// The name of its value in help, such as `N`; nil for a flag.
  public let value: String?
  /// Whether it may be given several times.
  public let isRepeated: Bool
  /// What it does, in one line; says its default.
  public let help: String

  /// An option with a value.
  public init(_ name: String, _ value: String, _ help: String, isRepeated: Bool = false) {
    self.name = name
    self.value = value
    self.isRepeated = isRepeated
    self.help = help
  }

  /// A flag.
  public init(flag name: String, _ help: String) {
    self.name = name
    value = nil
    isRepeated = false
    self.help = help
  }
}

/// How one command is called: what parses its line and what its help says are one thing.
public struct CommandSyntax: Equatable, Sendable {
  /// Its words, such as `ledger export`.
  public let name: String
  /// In one line, for the list of commands.
  public let summary: String
  /// What stands after the words, for help and messages: `FILE`, or `[FILE]` where it may be absent.
  public let operands: [String]
  public let options: [CommandOption]
  /// What else a person should know.
  public let details: String

  /// A command's syntax.
  public init(
    _ name: String, _ summary: String, operands: [String] = [], options: [CommandOption] = [],
    details: String = ""
  ) {
    self.name = name
    self.summary = summary
    self.operands = operands
    self.options = options
    self.details = details
  }

  /// The words that call the command.
  public var words: [String] { name.split(separator: " ").map(String.init) }

  /// The line that says how to call it.
  public func usage(program: String) -> String {
    ([program, name] + operands + (options.isEmpty ? [] : ["[options]"])).joined(separator: " ")
  }

  /// The whole help.
  public func help(program: String) -> String {
    var text = "\(summary)\n\nusage: \(usage(program: program))\n"
    if !options.isEmpty {
      let heads = options.map { $0.name + ($0.value.map { " \($0)" } ?? "") }
      let width = min(28, heads.map(\.count).max() ?? 0)
      text += "\noptions:\n"
      for (head, option) in zip(heads, options) {
        let gap = String(repeating: " ", count: max(2, width + 2 - head.count))
        text += "  \(head)\(gap)\(option.help)\(option.isRepeated ? " (may be repeated)" : "")\n"
      }
    }
    if !details.isEmpty { text += "\n\(details)\n" }
    return text
  }

  /// Reads what follows the command's words. `--` ends the options; `--name=value` is `--name value`.
  public func parse(_ arguments: [String]) throws(UsageError) -> ParsedCommand {
    var parsed = ParsedCommand(operands: [], values: [])
    var rest = arguments[...]
    var optionsEnded = false
    while let argument = rest.popFirst() {
      guard argument.hasPrefix("--"), !optionsEnded else {
        parsed.operands.append(argument)
        continue
      }
      if argument == "--" {
        optionsEnded = true
        continue
      }
      let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = String(parts[0])
      guard let option = options.first(where: { $0.name == name }) else {
        throw UsageError("there is no option \(name)\(hint(for: name))")
      }
      guard option.isRepeated || parsed.value(name) == nil else {
        throw UsageError("\(name) is given twice")
      }
      switch (option.value, parts.count) {
      case (.none, 1): parsed.values.append((name, ""))
      case (.none, _): throw UsageError("\(name) takes no value")
      case (.some, 2): parsed.values.append((name, String(parts[1])))
      case (.some(let value), _):
        guard let given = rest.popFirst() else { throw UsageError("expected \(value) after \(name)") }
        parsed.values.append((name, given))
      }
    }
    let required = operands.prefix { !$0.hasPrefix("[") }.count
    guard parsed.operands.count >= required else {
      throw UsageError("expected \(operands[parsed.operands.count])")
    }
    guard parsed.operands.count <= operands.count || operands.last?.hasSuffix("...]") == true else {
      throw UsageError("\(parsed.operands[operands.count]) was not expected")
    }
    return parsed
  }

  private func hint(for name: String) -> String {
    let near = options.min { editDistance($0.name, name) < editDistance($1.name, name) }
    return near.map { editDistance($0.name, name) <= 3 ? "; did you mean \($0.name)?" : "" } ?? ""
  }
}

/// What a line said.
public struct ParsedCommand: Sendable {
  /// In order.
  public fileprivate(set) var operands: [String]
  fileprivate var values: [(name: String, value: String)]

  /// The operand at `position`; nil where it was left out.
  public func operand(_ position: Int) -> String? {
    operands.indices.contains(position) ? operands[position] : nil
  }

  /// Whether a flag was given.
  public func has(_ name: String) -> Bool { values.contains { $0.name == name } }

  /// An option's value.
  public func value(_ name: String) -> String? { values.first { $0.name == name }?.value }

  /// Every value of a repeated option, in order.
  public func all(_ name: String) -> [String] { values.filter { $0.name == name }.map(\.value) }

  /// A value that must be given.
  public func required(_ name: String) throws(UsageError) -> String {
    guard let value = value(name) else { throw UsageError("expected \(name)") }
    return value
  }

  /// A whole number within `range`; `absent` where the option was not given.
  public func integer(_ name: String, in range: ClosedRange<Int>, default absent: Int)
    throws(UsageError) -> Int
  {
    guard let text = value(name) else { return absent }
    guard let number = Int(text), range.contains(number) else {
      throw UsageError(
        "\(name): expected a whole number from \(range.lowerBound) to \(range.upperBound), found \(text)")
    }
    return number
  }
}

/// How many single-character changes part two names; the first 64 bytes count.
func editDistance(_ a: String, _ b: String) -> Int {
  let a = Array(a.utf8.prefix(64))
  let b = Array(b.utf8.prefix(64))
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let above = row[j + 1]
      row[j + 1] = min(above + 1, row[j] + 1, diagonal + (x == y ? 0 : 1))
      diagonal = above
    }
  }
  return row[b.count]
}
