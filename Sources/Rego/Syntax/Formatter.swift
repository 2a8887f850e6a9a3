/// Lays a module's text out: indentation by what is open, one space where one belongs, no two empty lines. What is written
/// and where lines end stays, comments too; the module that is read from it is the same.
public struct Formatter {
  /// A token or a comment.
  private struct Piece {
    let text: String
    let kind: Token.Kind?
    let gap: Token.Gap
    /// Ends of lines before it, two at most.
    let breaks: Int

    func isMark(_ marks: String...) -> Bool {
      guard case .mark(let mark)? = kind else { return false }
      return marks.contains(mark)
    }
    func isName(_ names: String...) -> Bool {
      guard case .name(let name)? = kind else { return false }
      return names.contains(name)
    }
  }

  /// The text in its layout. Throws where it is no module.
  public static func format(_ text: String, file: String) throws(RegoSyntaxError) -> String {
    _ = try Module.parse(text, file: file)
    var formatter = Formatter(try pieces(text, file: file))
    return formatter.layout()
  }

  private let pieces: [Piece]
  /// The line on which each bracket that is open was opened.
  private var open: [Int] = []
  private var out = ""
  private var line = 0

  private init(_ pieces: [Piece]) { self.pieces = pieces }

  // MARK: Pieces

  private static func pieces(_ text: String, file: String) throws(RegoSyntaxError) -> [Piece] {
    let bytes = Array(text.utf8)
    var lexer = Lexer(bytes, file: file)
    let tokens = try lexer.tokens().filter { $0.kind != .end }
    var all = tokens.map { (range: $0.start..<$0.end, token: Optional($0)) }
    // A template's own comments stand in its text.
    var next = 0
    for comment in lexer.comments {
      while next < tokens.count, tokens[next].end <= comment.lowerBound { next += 1 }
      if next == tokens.count || tokens[next].start > comment.lowerBound { all.append((comment, nil)) }
    }
    all.sort { $0.range.lowerBound < $1.range.lowerBound }
    var out: [Piece] = []
    var end = 0
    for (range, token) in all {
      let breaks = bytes[end..<range.lowerBound].count { $0 == UInt8(ascii: "\n") }
      var text = String(decoding: bytes[range], as: UTF8.self)
      if token == nil { text = String(text.reversed().drop { $0.isWhitespace }.reversed()) }
      let gap: Token.Gap = breaks > 0 ? .newline : range.lowerBound > end ? .space : .nothing
      out.append(Piece(text: text, kind: token?.kind, gap: gap, breaks: min(breaks, 2)))
      end = range.upperBound
    }
    return out
  }

  // MARK: Layout

  private mutating func layout() -> String {
    for (position, piece) in pieces.enumerated() {
      let previous = position > 0 ? pieces[position - 1] : nil
      if piece.breaks > 0 || previous == nil {
        begin(piece, position, after: previous)
      } else if let previous, needsSpace(between: previous, and: piece, at: position) {
        out += " "
      }
      if piece.isMark(")", "]", "}"), !open.isEmpty { open.removeLast() }
      out += piece.text
      if piece.isMark("(", "[", "{") { open.append(line) }
    }
    return out.isEmpty ? out : out + "\n"
  }

  private mutating func begin(_ piece: Piece, _ position: Int, after previous: Piece?) {
    if let previous {
      let isInside = previous.isMark("(", "[", "{") || piece.isMark(")", "]", "}")
      out += piece.breaks > 1 && !isInside ? "\n\n" : "\n"
    }
    line += 1
    // What this line closes at its beginning is not open on it.
    var kept = open[...]
    for (offset, next) in pieces[position...].enumerated() {
      guard next.isMark(")", "]", "}"), next.breaks == 0 || offset == 0 else { break }
      kept = kept.dropLast()
    }
    var levels = 0
    for (index, opened) in kept.enumerated() where index == 0 || kept[kept.startIndex + index - 1] != opened {
      levels += 1
    }
    if continues(piece, after: previous) { levels += 1 }
    out += String(repeating: "\t", count: levels)
  }

  /// Whether a line goes on with what the one before began.
  private func continues(_ piece: Piece, after previous: Piece?) -> Bool {
    guard let previous, piece.kind != nil, !piece.isMark(")", "]", "}") else { return false }
    if Self.isOperator(piece) || piece.isName("with", "as") && previous.kind != nil { return true }
    return Self.isOperator(previous) || previous.isName("if", "contains", "as")
  }

  private static func isOperator(_ piece: Piece) -> Bool {
    piece.isMark(":=", "=", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "&", "|")
  }

  // MARK: Spaces

  private func needsSpace(between left: Piece, and right: Piece, at position: Int) -> Bool {
    if right.kind == nil { return true }
    if left.isMark("(", "[") || right.isMark(")", "]", ",", ";") { return false }
    if left.isMark("{") || right.isMark("}") { return right.gap != .nothing }
    if left.isMark(",", ";") { return true }
    if left.isMark(":") { return true }
    if right.isMark(":") { return false }
    if left.isMark(".") || right.isMark(".") { return right.gap != .nothing }
    if left.isMark("-"), !endsTerm(position - 2) { return right.gap != .nothing }
    if Self.isOperator(left) || Self.isOperator(right) { return true }
    if right.isMark("[", "(") { return right.gap != .nothing }
    return true
  }

  /// Whether the piece at `position` ends a term, so that a '-' after it is an operator.
  private func endsTerm(_ position: Int) -> Bool {
    guard position >= 0 else { return false }
    switch pieces[position].kind {
    case .name(let name)?:
      return !["if", "in", "not", "as", "with", "contains", "else", "some", "every"].contains(name)
    case .number?, .string?, .template?: return true
    case .mark(let mark)?: return [")", "]", "}"].contains(mark)
    case .end?, nil: return false
    }
  }
}
