/// A regular expression of the policy language outside of a policy: RE2's syntax, in time linear in the text, the same on
/// every machine.
public struct TextPattern: Sendable {
  /// Why a text is no pattern.
  public struct Fault: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String
  }

  private let program: RegexProgram

  /// Reads a pattern; refuses one that matches nothing at all, which would match everywhere.
  public init(_ pattern: String) throws(Fault) {
    do throws(RegexError) {
      program = try RegexProgram(pattern)
    } catch {
      throw Fault(description: error.message)
    }
    var meter = Meter(steps: 1 << 16, bytes: 1 << 16)
    guard (try? program.match([], &meter)) ?? nil == nil else {
      throw Fault(description: "matches the empty text")
    }
  }

  /// The text with `mark` in place of every match, and how many there were; nil where that takes more than `steps`.
  public func covering(_ text: String, with mark: String, steps: Int) -> (text: String, count: Int)? {
    let scalars = Array(text.unicodeScalars)
    var meter = Meter(steps: steps, bytes: .max)
    guard let found = try? program.matches(scalars, limit: -1, &meter) else { return nil }
    guard !found.isEmpty else { return (text, 0) }
    var out = String.UnicodeScalarView()
    var start = 0
    for bounds in found {
      out.append(contentsOf: scalars[start..<bounds[0]])
      out.append(contentsOf: mark.unicodeScalars)
      start = bounds[1]
    }
    out.append(contentsOf: scalars[start...])
    return (String(out), found.count)
  }
}
