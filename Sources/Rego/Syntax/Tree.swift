/// A term of a module, as it is written.
indirect enum Term: Sendable {
  case value(Value)
  case variable(String, Location)
  /// A head and what is asked of it: `input.user["name"]`, `data.a[x]`, `f(x)[0]`.
  case reference(Term, [Term], Location)
  case call(String, [Term], Location)
  case array([Term])
  case object([(key: Term, value: Term)])
  case set([Term])
  case arrayComprehension(Term, Body, Location)
  case setComprehension(Term, Body, Location)
  case objectComprehension(key: Term, value: Term, Body, Location)
  case template([TemplateTerm], Location)
}

/// A part of a template string.
enum TemplateTerm: Sendable {
  case text(String)
  case expression(Term, [With])
}

/// One expression of a body.
struct Expression: Sendable {
  enum Kind: Sendable {
    case term(Term)
    /// `a = b`.
    case unify(Term, Term)
    /// `a := b`.
    case assign(Term, Term)
    /// `some a, b`.
    case declare([String])
    /// `some key, value in domain`.
    case some(key: Term?, value: Term, domain: Term)
    case every(key: Term?, value: Term, domain: Term, Body)
    /// `not a`, or `not { a; b }`.
    case not(Body, isBody: Bool)
  }

  let kind: Kind
  let with: [With]
  let location: Location
}

/// `with target as value`.
struct With: Sendable {
  let target: Term
  let value: Term
  let location: Location
}

/// Expressions that all hold.
struct Body: Sendable {
  let expressions: [Expression]
}

/// What a rule says of its name.
struct RuleHead: Sendable {
  enum Kind: Sendable {
    /// `p := value`, `p[x].y := value`.
    case value(Term)
    /// `p contains element`.
    case contains(Term)
  }

  /// The name and what follows it: constants, and for others any term.
  let path: [Term]
  /// Nil where it is no function.
  let arguments: [Term]?
  let kind: Kind
  let location: Location
}

/// A rule with its alternatives.
struct Rule: Sendable {
  let head: RuleHead
  let isDefault: Bool
  let body: Body
  /// `else := value if { … }`, in order.
  let alternatives: [(value: Term, body: Body, location: Location)]
  let location: Location
}

/// `import path as alias`.
struct Import: Sendable {
  let path: [String]
  let alias: String
  let location: Location
}

/// One parsed module.
public struct Module: Sendable {
  /// The package's path, without `data`.
  public let package: [String]
  let imports: [Import]
  let rules: [Rule]
  /// How the file is called.
  public let file: String
  let source: SourceLines
}

extension Term {
  var location: Location? {
    switch self {
    case .variable(_, let location), .reference(_, _, let location), .call(_, _, let location),
      .arrayComprehension(_, _, let location), .setComprehension(_, _, let location),
      .objectComprehension(_, _, _, let location), .template(_, let location):
      location
    case .value, .array, .object, .set: nil
    }
  }

  var constant: Value? { if case .value(let value) = self { value } else { nil } }
}
