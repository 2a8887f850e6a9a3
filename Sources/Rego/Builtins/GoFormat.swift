/// Go's `fmt.Sprintf` for what OPA hands to it: whole numbers of 64 bits and beyond, doubles, and texts. Everything else is text by then:
/// booleans, null, collections.
struct GoFormat {
  enum Argument {
    case int(Int)
    case big(BigInteger)
    case double(Double)
    case text(String)

    init(_ value: Value) {
      switch value {
      case .number(.small(let value)): self = .int(value)
      case .number(.big(let value)): self = .big(value)
      // What no double is near to is text as well.
      case .number(.decimal(let value)):
        self = value.double.isFinite ? .double(value.double) : .text(value.text)
      default: self = .text(Format.plain(value))
      }
    }

    /// As Go calls it.
    var type: String {
      switch self {
      case .int: "int"
      case .big: "*big.Int"
      case .double: "float64"
      case .text: "string"
      }
    }
  }

  private let format: [Unicode.Scalar]
  private let arguments: [Argument]
  private var position = 0
  /// The argument that is next.
  private var next = 0
  /// Whether an argument was asked for by its number: then nobody misses the others.
  private var isReordered = false
  private var isGood = true
  private var out = ""

  /// The widest that a number may ask for, as in Go.
  private static let maximumWidth = 1_000_000

  private init(_ format: String, _ arguments: [Value]) {
    self.format = Array(format.unicodeScalars)
    self.arguments = arguments.map(Argument.init)
  }

  static func text(_ format: String, _ arguments: [Value], _ meter: inout Meter) throws(BuiltinError)
    -> String
  {
    var printer = GoFormat(format, arguments)
    try printer.run(&meter)
    return printer.out
  }

  // MARK: The format

  private func peek() -> Unicode.Scalar? { position < format.count ? format[position] : nil }

  private mutating func run(_ meter: inout Meter) throws(BuiltinError) {
    while let scalar = peek() {
      position += 1
      guard scalar == "%" else {
        out.unicodeScalars.append(scalar)
        continue
      }
      let before = out.utf8.count
      guard try verb(&meter) else { break }
      try meter.spend(bytes: out.utf8.count - before)
    }
    guard !isReordered, next < arguments.count else { return }
    let rest = arguments[next...].map { "\($0.type)=\(GoVerb().text($0, "v"))" }
    out += "%!(EXTRA \(rest.joined(separator: ", ")))"
  }

  /// What stands after a '%'; false where the format ends in it.
  private mutating func verb(_ meter: inout Meter) throws(BuiltinError) -> Bool {
    var verb = GoVerb()
    isGood = true
    flags: while let flag = peek() {
      switch flag {
      case "-": verb.minus = true
      case "+": verb.plus = true
      case "#": verb.sharp = true
      case " ": verb.space = true
      case "0": verb.zero = true
      default: break flags
      }
      position += 1
    }
    var isIndexed = index()
    if peek() == "*" {
      position += 1
      verb.width = numberArgument()
      if verb.width == nil { out += "%!(BADWIDTH)" }
      if let width = verb.width, width < 0 {
        verb.width = -width
        verb.minus = true
        verb.zero = false
      }
      isIndexed = false
    } else {
      verb.width = number()
      if isIndexed, verb.width != nil { isGood = false }
    }
    if peek() == "." {
      position += 1
      if isIndexed { isGood = false }
      isIndexed = index()
      if peek() == "*" {
        position += 1
        verb.precision = numberArgument()
        if verb.precision.map({ $0 < 0 }) == true { verb.precision = nil }
        if verb.precision == nil { out += "%!(BADPREC)" }
        isIndexed = false
      } else {
        verb.precision = number() ?? 0
      }
    }
    if !isIndexed { isIndexed = index() }
    try meter.spend(bytes: (verb.width ?? 0) + (verb.precision ?? 0))
    guard let letter = peek() else {
      out += "%!(NOVERB)"
      return false
    }
    position += 1
    if letter == "%" {
      out += "%"
    } else if !isGood {
      out += "%!\(letter)(BADINDEX)"
    } else if next >= arguments.count {
      out += "%!\(letter)(MISSING)"
    } else {
      out += verb.text(arguments[next], letter)
      next += 1
    }
    return true
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = peek(), scalar.isDigit {
      let digit = Int(scalar.value - 48)
      value = (value ?? 0) * 10 + digit
      position += 1
      if let found = value, found > Self.maximumWidth {
        position = format.count
        return nil
      }
    }
    return value
  }

  private mutating func numberArgument() -> Int? {
    guard next < arguments.count else { return nil }
    next += 1
    guard case .int(let value) = arguments[next - 1], value.magnitude <= Self.maximumWidth else { return nil }
    return value
  }

  /// `[3]`, counted from 1; whether an argument is named.
  private mutating func index() -> Bool {
    guard peek() == "[" else { return false }
    isReordered = true
    let start = position + 1
    guard format.count - position >= 3, let close = format[start...].firstIndex(of: "]") else {
      isGood = false
      position += 1
      return false
    }
    position = start
    let found = number()
    let isNumber = position == close && found != nil
    position = close + 1
    guard isNumber, let found, found > 0, found <= arguments.count else {
      isGood = false
      return isNumber
    }
    next = found - 1
    return true
  }
}
