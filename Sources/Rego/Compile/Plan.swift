/// Where a step finds a value.
enum Operand: Sendable {
  case constant(Value)
  case slot(Int)
}

/// One step on the way through a reference under `data`.
enum WalkPart: Sendable {
  case bound(Operand)
  /// Every key there is, one after the other.
  case free(Int)
}

/// What a body does, one step after the other: a step that has several outcomes goes on with the rest for each, one that has none
/// ends this way.
indirect enum Step: Sendable {
  /// A member of the input.
  case input(InputPath, into: Int)
  /// A reference under `data`, through modules' rules and stored documents.
  case walk(WalkPath, into: Int)
  case dot(Operand, key: Operand, into: Int)
  /// Each key and value of a collection.
  case scan(Operand, key: Int?, value: Int)
  /// The one of them with a key that is known.
  case lookup(Operand, key: Operand, into: Int?, value: Int)
  case call(Builtin, [Operand], into: Int, Location)
  case function(path: [String], [Operand], into: Int, Location)
  case array([Operand], into: Int)
  case object([(key: Operand, value: Operand)], into: Int)
  case set([Operand], into: Int)
  case copy(Operand, into: Int)
  case equal(Operand, Operand)
  /// An array of exactly so many elements, into slots.
  case unpackArray(Operand, into: [Int])
  /// An object of exactly these keys, into slots.
  case unpackObject(Operand, keys: [Operand], into: [Int])
  case holds(Operand)
  /// Two values in an order. An operator of the language, which nothing replaces.
  case compare(Comparison, Operand, Operand)
  /// An element of a collection.
  case contains(Operand, in: Operand)
  /// Every path in a value, and what is there.
  case everyPath(Operand, into: Int)
  case not(Block)
  case every(Operand, key: Int?, value: Int, Block)
  case comprehension(Comprehension, Block, key: Operand, value: Operand, into: Int)
  case template([TemplatePart], into: Int)
  case with([(target: ResolvedWith.Target, replacement: PlannedReplacement)], Block)
  /// A place of the text has been reached; only in policies that are planned with their places.
  case mark(Int)
}

/// A reference under `data`.
final class WalkPath: Sendable {
  let parts: [WalkPart]
  /// The rules at its beginning, where that is known, and how many parts lead to them.
  let group: (number: Int, depth: Int)?
  /// Whether it leads to one place.
  let isBound: Bool

  init(_ parts: [WalkPart], group: (number: Int, depth: Int)? = nil) {
    self.parts = parts
    self.group = group
    isBound = parts.allSatisfy { if case .bound = $0 { true } else { false } }
  }
}

/// An operator between two values.
enum Comparison: Sendable {
  case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

  /// By the name of the operator's function.
  init?(function name: String) {
    switch name {
    case "equal": self = .equal
    case "neq": self = .notEqual
    case "lt": self = .less
    case "lte": self = .lessOrEqual
    case "gt": self = .greater
    case "gte": self = .greaterOrEqual
    default: return nil
    }
  }

  func holds(_ left: Value, _ right: Value) -> Bool {
    switch self {
    case .equal: left == right
    case .notEqual: left != right
    case .less: Value.compare(left, right) < 0
    case .lessOrEqual: Value.compare(left, right) <= 0
    case .greater: Value.compare(left, right) > 0
    case .greaterOrEqual: Value.compare(left, right) >= 0
    }
  }
}

/// What `with` puts in a target's place.
enum PlannedReplacement: Sendable {
  case operand(Operand)
  case callee(Callee)
}

/// A part of a template string: a text, or what gives a value.
enum TemplatePart: Sendable {
  case text(String)
  case value(Block, Operand)
}

/// Steps, shared.
final class Block: Sendable {
  let steps: [Step]
  init(_ steps: [Step]) { self.steps = steps }
}
