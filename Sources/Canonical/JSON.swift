/// A JSON value (RFC 8259) as it is hashed, signed and evaluated.
///
/// Strings are compared by their bytes, never by Unicode equivalence: two spellings of "é" are two
/// strings here. Members of an object are kept in canonical order (RFC 8785 §3.2.3), so equal objects
/// are equal values.
public enum JSON: Sendable {
  case null
  case bool(Bool)
  /// Any number; integers beyond 2^53 travel as strings.
  case number(Double)
  case string(String)
  case array([JSON])
  case object(JSONObject)

  /// An object of `members`; the last of two members with one name stays.
  public static func object(_ members: [(String, JSON)]) -> JSON { .object(JSONObject(members)) }

  /// A whole number that a double holds exactly. Larger ones travel as strings.
  public static func integer(_ value: Int) -> JSON {
    precondition(value.magnitude <= 1 << 53, "integers beyond 2^53 travel as strings")
    return .number(Double(value))
  }

  /// The string, where this is one.
  public var string: String? { if case .string(let value) = self { value } else { nil } }
  /// The boolean, where this is one.
  public var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  /// The elements, where this is an array.
  public var array: [JSON]? { if case .array(let value) = self { value } else { nil } }
  /// The members, where this is an object.
  public var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
  /// The number, where this is one.
  public var number: Double? { if case .number(let value) = self { value } else { nil } }
  /// The number, where this is one that is whole and within ±2^53.
  public var integer: Int? {
    guard case .number(let value) = self, value.magnitude <= 0x1p53 else { return nil }
    return Int(exactly: value)
  }

  /// What kind of value this is, for messages.
  public var kind: String {
    switch self {
    case .null: "null"
    case .bool: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }

  /// The member named `name`, where this is an object that has it.
  public subscript(name: String) -> JSON? { object?[name] }
}

extension JSON: Equatable {
  public static func == (left: JSON, right: JSON) -> Bool {
    switch (left, right) {
    case (.null, .null): true
    case (.bool(let a), .bool(let b)): a == b
    case (.number(let a), .number(let b)): a == b
    case (.string(let a), .string(let b)): canonicalOrder(a, b) == .same
    case (.array(let a), .array(let b)): a == b
    case (.object(let a), .object(let b)): a == b
    case (.null, _), (.bool, _), (.number, _), (.string, _), (.array, _), (.object, _): false
    }
  }
}

extension JSON: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(arrayLiteral elements: JSON...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSON)...) { self = .object(elements) }
}

/// The members of an object, ascending by the UTF-16 code units of their names (RFC 8785 §3.2.3).
public struct JSONObject: Sendable, Equatable {
  /// One name and its value.
  public struct Member: Sendable, Equatable {
    /// The name; unique in its object by bytes.
    public let name: String
    /// The value.
    public var value: JSON

    public static func == (left: Member, right: Member) -> Bool {
      canonicalOrder(left.name, right.name) == .same && left.value == right.value
    }
  }

  /// Invariant: strictly ascending by name.
  public private(set) var members: [Member]

  /// No members.
  public init() { members = [] }

  /// The members in canonical order; the last of two members with one name stays.
  public init(_ unordered: [(String, JSON)]) {
    members = []
    members.reserveCapacity(unordered.count)
    guard unordered.count <= Self.fewMembers, unordered.allSatisfy({ NamePrefix.isPlain($0.0) }) else {
      for (name, value) in unordered { self[name] = value }
      return
    }
    // Records and cells are objects of few members with names of their own: an insertion sort of what the names begin
    // with, of which nothing is on the heap.
    withUnsafeTemporaryAllocation(of: NamePrefix.self, capacity: unordered.count) { sorted in
      for position in unordered.indices {
        let next = NamePrefix(unordered[position].0, at: position)
        var place = position
        while place > 0, sorted[place - 1].follows(next, in: unordered) {
          sorted[place] = sorted[place - 1]
          place -= 1
        }
        sorted[place] = next
      }
      for place in unordered.indices {
        let (name, value) = unordered[sorted[place].position]
        if place > 0, sorted[place - 1].first == sorted[place].first,
          members[members.count - 1].name.utf8.elementsEqual(name.utf8)
        {
          members[members.count - 1].value = value
        } else {
          members.append(Member(name: name, value: value))
        }
      }
    }
  }

  /// Up to so many members an insertion sort is the fastest.
  private static var fewMembers: Int { 48 }

  /// The first eight bytes of a name as a number: where two differ, the names stand to each other as the numbers do.
  private struct NamePrefix: BitwiseCopyable {
    let first: UInt64
    /// Where the member is among those that are sorted.
    let position: Int

    init(_ name: String, at position: Int) {
      self.position = position
      var name = name
      first = name.withUTF8 { bytes in
        var value: UInt64 = 0
        for offset in 0..<min(8, bytes.count) { value |= UInt64(bytes[offset]) << UInt64(56 - 8 * offset) }
        return value
      }
    }

    func follows(_ other: NamePrefix, in members: [(String, JSON)]) -> Bool {
      guard first == other.first else { return first > other.first }
      return canonicalOrder(members[position].0, members[other.position].0) == .descending
    }

    /// Whether the first eight bytes are ASCII, so that the order of bytes is that of UTF-16 code units.
    static func isPlain(_ name: String) -> Bool {
      var name = name
      return name.withUTF8 { bytes in bytes.prefix(8).allSatisfy { $0 < 0x80 } }
    }
  }

  /// Takes members in any order; nil, with the name, where one occurs twice.
  init(unique unordered: [Member]) throws(DuplicateName) {
    let sorted = unordered.sorted { canonicalOrder($0.name, $1.name) == .ascending }
    for position in sorted.indices.dropFirst()
    where canonicalOrder(sorted[position - 1].name, sorted[position].name) == .same {
      throw DuplicateName(name: sorted[position].name)
    }
    members = sorted
  }

  struct DuplicateName: Error { let name: String }

  /// The value named `name`. Setting nil removes the member.
  public subscript(name: String) -> JSON? {
    get {
      let (position, found) = locate(name)
      return found ? members[position].value : nil
    }
    set {
      let (position, found) = locate(name)
      switch (newValue, found) {
      case (.some(let value), true): members[position].value = value
      case (.some(let value), false):
        members.insert(Member(name: name, value: value), at: position)
      case (.none, true): members.remove(at: position)
      case (.none, false): break
      }
    }
  }

  private func locate(_ name: String) -> (position: Int, found: Bool) {
    var low = 0
    var high = members.count
    while low < high {
      let middle = (low + high) / 2
      switch canonicalOrder(members[middle].name, name) {
      case .ascending: low = middle + 1
      case .descending: high = middle
      case .same: return (middle, true)
      }
    }
    return (low, false)
  }
}

/// How two strings stand to each other.
public enum Order: Sendable { case ascending, same, descending }

/// The order of RFC 8785 §3.2.3: by UTF-16 code units.
///
/// On UTF-8 bytes that is the byte order, except that code points beyond U+FFFF (lead bytes F0…F4,
/// surrogates D800… in UTF-16) come before U+E000…U+FFFF (lead bytes EE, EF).
public func canonicalOrder(_ left: String, _ right: String) -> Order {
  var left = left
  var right = right
  return left.withUTF8 { a in right.withUTF8 { b in canonicalOrder(a, b) } }
}

private func canonicalOrder(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Order {
  for position in 0..<min(a.count, b.count) {
    let x = a[position]
    let y = b[position]
    if x == y { continue }
    if x >= 0xEE && y >= 0xEE && (x >= 0xF0) != (y >= 0xF0) {
      return x >= 0xF0 ? .ascending : .descending
    }
    return x < y ? .ascending : .descending
  }
  if a.count == b.count { return .same }
  return a.count < b.count ? .ascending : .descending
}
