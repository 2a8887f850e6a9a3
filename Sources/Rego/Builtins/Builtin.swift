/// A function of the language.
public struct Builtin: Sendable {
  /// How it is called.
  public let name: String
  let arity: Int
  /// What it gives where `with` puts it in another's place, instead of what it answers when it is called.
  let standIn: Value?
  let body: @Sendable (ArraySlice<Value>, inout Meter) throws(BuiltinError) -> Value?

  init(
    _ name: String, _ arity: Int, standIn: Value? = nil,
    _ body: @escaping @Sendable (ArraySlice<Value>, inout Meter) throws(BuiltinError) -> Value?
  ) {
    self.name = name
    self.arity = arity
    self.standIn = standIn
    self.body = body
  }
}

/// Why a builtin gives nothing.
enum BuiltinError: Error, Equatable {
  /// An argument of another kind, counted from 1.
  case operand(Int, expected: String, found: String)
  case failed(String)
  /// An argument that is wrong in another way, counted from 1.
  case argument(Int, String)
  case budget(String)
  /// Never answered, whatever is passed.
  case refused(String)
}

/// What an evaluation may use, counted, and the time that it is evaluated at: the same on every machine.
public struct Meter: Sendable {
  /// Steps left.
  public private(set) var steps: Int
  /// Bytes left that values may be made of.
  public private(set) var bytes: Int
  /// Rules and functions in each other.
  public let depth: Int

  /// The time that the policy sees, in nanoseconds since 1970: a record's, not a clock's.
  public let now: Int

  /// A budget.
  public init(steps: Int, bytes: Int, depth: Int = 4096, now: Int = 0) {
    self.steps = steps
    self.bytes = bytes
    self.depth = depth
    self.now = now
  }

  /// Takes one step; false where none is left.
  mutating func step() -> Bool {
    steps -= 1
    return steps >= 0
  }

  /// Takes steps.
  mutating func spend(steps count: Int) throws(BuiltinError) {
    steps -= count
    guard steps >= 0 else { throw .budget("more steps than the budget has") }
  }

  /// Takes bytes.
  mutating func spend(bytes count: Int) throws(BuiltinError) {
    bytes -= count
    guard bytes >= 0 else { throw .budget("more bytes than the budget has") }
  }
}

/// All builtins, by name.
enum Builtins {
  static func named(_ name: String) -> Builtin? { table[name] }

  private static let table: [String: Builtin] = {
    var table: [String: Builtin] = [:]
    let all = [
      comparisons, arithmetic, collections, types, strings, numbers, objects, encodings, formats, hashes,
      regexes, networks, identifiers,
      times, yaml, refused, absent,
    ]
    for builtin in all.flatMap(\.self) { table[builtin.name] = builtin }
    return table
  }()
}

extension ArraySlice<Value> {
  /// The argument at `position`, counted from 0.
  func value(_ position: Int) -> Value { self[startIndex + position] }

  func number(_ position: Int) throws(BuiltinError) -> Number {
    guard case .number(let number) = value(position) else { throw mismatch(position, "number") }
    return number
  }

  func string(_ position: Int) throws(BuiltinError) -> String {
    guard case .string(let text) = value(position) else { throw mismatch(position, "string") }
    return text
  }

  func set(_ position: Int) throws(BuiltinError) -> SetValue {
    guard case .set(let set) = value(position) else { throw mismatch(position, "set") }
    return set
  }

  func array(_ position: Int) throws(BuiltinError) -> [Value] {
    guard case .array(let array) = value(position) else { throw mismatch(position, "array") }
    return array
  }

  func object(_ position: Int) throws(BuiltinError) -> ObjectValue {
    guard case .object(let object) = value(position) else { throw mismatch(position, "object") }
    return object
  }

  func int(_ position: Int) throws(BuiltinError) -> Int {
    guard let value = try number(position).int else {
      throw .operand(position + 1, expected: "integer number", found: "floating-point number")
    }
    return value
  }

  func mismatch(_ position: Int, _ expected: String) -> BuiltinError {
    .operand(position + 1, expected: expected, found: value(position).typeName)
  }
}
