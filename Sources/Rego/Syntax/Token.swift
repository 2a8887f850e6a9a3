/// A piece of a module's text.
struct Token: Equatable {
  enum Kind: Equatable {
    /// A name, keywords too.
    case name(String)
    case number(String)
    case string(String)
    /// A template string's parts: texts, and the ranges of text that are expressions.
    case template([TemplatePiece])
    /// Punctuation and operators, as they are written.
    case mark(String)
    case end
  }

  let kind: Kind
  let start: Int
  let end: Int
  let line: Int
  let column: Int
  /// Whether a line ended between the token before and this one.
  let follows: Gap

  /// What stands before a token.
  enum Gap: Equatable { case nothing, space, newline }

  /// For messages.
  var shown: String {
    switch kind {
    case .name(let text), .number(let text), .mark(let text): "'\(text)'"
    case .string: "a string"
    case .template: "a template string"
    case .end: "the end of the text"
    }
  }
}

/// A part of a template string.
enum TemplatePiece: Equatable {
  case text(String)
  /// An expression's tokens, without the braces; the last is `.end`.
  case expression([Token])
}
