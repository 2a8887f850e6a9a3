/// A regular expression of RE2's syntax, as a tree.
indirect enum RegexNode: Sendable {
  case empty
  case characters(CharacterClass)
  case concat([RegexNode])
  case alternate([RegexNode])
  /// At least, at most (nil: any), and whether as many as possible.
  case `repeat`(RegexNode, Int, Int?, isGreedy: Bool)
  case capture(RegexNode, Int)
  case assert(Assertion)

  enum Assertion: Sendable { case lineStart, lineEnd, textStart, textEnd, wordBoundary, noWordBoundary }
}
