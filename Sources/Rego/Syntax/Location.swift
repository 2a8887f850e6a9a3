/// Where something stands in a module's text.
public struct Location: Hashable, Sendable {
  /// The file, as it was named by who loaded it.
  public let file: String
  /// Counted from 1.
  public let line: Int
  /// Counted from 1, in Unicode scalars.
  public let column: Int
}

/// Why a module is not accepted, and where.
public struct RegoSyntaxError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Which check refused it.
  public enum Code: String, Sendable {
    case parse = "rego_parse_error"
    case compile = "rego_compile_error"
    case unsafe = "rego_unsafe_var_error"
    case recursion = "rego_recursion_error"
    case type = "rego_type_error"
  }

  public let code: Code
  public let location: Location
  /// What was expected, and what is there.
  public let message: String
  /// The line of the text, for people; empty where there is none.
  public let line: String

  /// With the line and a caret below the place.
  public var description: String {
    let head = "\(location.file):\(location.line):\(location.column): \(code.rawValue): \(message)"
    guard !line.isEmpty else { return head }
    // Tabs of the line are spaces here: what a terminal makes of them would move the caret.
    func spaced(_ text: String) -> String {
      text.unicodeScalars.map { $0 == "\t" ? "    " : String($0) }.joined()
    }
    let before = String(String.UnicodeScalarView(line.unicodeScalars.prefix(location.column - 1)))
    let indent = String(repeating: " ", count: spaced(before).unicodeScalars.count)
    return "\(head)\n    \(spaced(line))\n    \(indent)^"
  }
}
