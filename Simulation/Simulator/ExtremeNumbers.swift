/// Protobuf messages in which a number is as large as it can be: what arithmetic on what others say must survive.
///
/// Knows nothing of the messages: bytes that read as fields are fields, at any depth.
enum ExtremeNumbers {
  /// The ends of the types that a number may be read into, and what is next to them.
  static let all: [UInt64] = [
    .max, .max - 1, 1 << 63, (1 << 63) - 1, UInt64(UInt32.max), UInt64(Int32.max), 1 << 32, 0,
  ]

  private indirect enum Value {
    case number(UInt64)
    /// Eight or four bytes, which no message here has.
    case fixed([UInt8])
    case bytes([UInt8])
    case message([Field])
  }

  private struct Field {
    let number: UInt64
    var value: Value
  }

  /// Another message: of the numbers in `bytes` one is replaced, or one that is not said is added.
  static func placed(in bytes: [UInt8], using random: inout SeededRandom) -> [UInt8] {
    var fields = parse(bytes[...]) ?? []
    let extreme = all[Int(random.below(UInt64(all.count)))]
    let count = numbers(in: fields)
    if count > 0, random.chance(800_000) {
      var place = Int(random.below(UInt64(count)))
      replace(&place, in: &fields, by: extreme)
    } else {
      add(Field(number: 1 + random.below(12), value: .number(extreme)), to: &fields, using: &random)
    }
    return encode(fields)
  }

  private static func parse(_ bytes: ArraySlice<UInt8>) -> [Field]? {
    var rest = bytes
    var fields: [Field] = []
    while !rest.isEmpty {
      guard let tag = varint(&rest), tag >> 3 > 0 else { return nil }
      let value: Value
      switch tag & 7 {
      case 0:
        guard let number = varint(&rest) else { return nil }
        value = .number(number)
      case 1, 5:
        let size = tag & 7 == 1 ? 8 : 4
        guard rest.count >= size else { return nil }
        value = .fixed(Array(rest.prefix(size)))
        rest = rest.dropFirst(size)
      case 2:
        guard let length = varint(&rest), length <= UInt64(rest.count) else { return nil }
        let content = rest.prefix(Int(length))
        rest = rest.dropFirst(Int(length))
        value = parse(content).flatMap { $0.isEmpty ? nil : .message($0) } ?? .bytes(Array(content))
      default: return nil
      }
      fields.append(Field(number: tag >> 3, value: value))
    }
    return fields
  }

  private static func varint(_ rest: inout ArraySlice<UInt8>) -> UInt64? {
    var number: UInt64 = 0
    for shift in stride(from: 0, to: 64, by: 7) {
      guard let byte = rest.popFirst() else { return nil }
      number |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return number }
    }
    return nil
  }

  private static func numbers(in fields: [Field]) -> Int {
    fields.reduce(0) { count, field in
      switch field.value {
      case .number: count + 1
      case .message(let inner): count + numbers(in: inner)
      case .fixed, .bytes: count
      }
    }
  }

  /// Replaces the number at `place`, counted from 0 and down to −1 once it is done.
  private static func replace(_ place: inout Int, in fields: inout [Field], by extreme: UInt64) {
    for position in fields.indices where place >= 0 {
      switch fields[position].value {
      case .number:
        if place == 0 { fields[position].value = .number(extreme) }
        place -= 1
      case .message(var inner):
        replace(&place, in: &inner, by: extreme)
        fields[position].value = .message(inner)
      case .fixed, .bytes: break
      }
    }
  }

  /// Adds a field to the message, or to one within it.
  private static func add(_ field: Field, to fields: inout [Field], using random: inout SeededRandom) {
    let inner = fields.indices.filter { if case .message = fields[$0].value { true } else { false } }
    if !inner.isEmpty, random.chance(700_000) {
      let position = inner[Int(random.below(UInt64(inner.count)))]
      guard case .message(var message) = fields[position].value else { return }
      add(field, to: &message, using: &random)
      fields[position].value = .message(message)
    } else {
      fields.append(field)
    }
  }

  private static func encode(_ fields: [Field]) -> [UInt8] {
    var out: [UInt8] = []
    for field in fields {
      switch field.value {
      case .number(let number):
        append(field.number << 3, to: &out)
        append(number, to: &out)
      case .fixed(let bytes):
        append(field.number << 3 | (bytes.count == 8 ? 1 : 5), to: &out)
        out += bytes
      case .bytes(let bytes): append(bytes, as: field.number, to: &out)
      case .message(let inner): append(encode(inner), as: field.number, to: &out)
      }
    }
    return out
  }

  private static func append(_ bytes: [UInt8], as number: UInt64, to out: inout [UInt8]) {
    append(number << 3 | 2, to: &out)
    append(UInt64(bytes.count), to: &out)
    out += bytes
  }

  private static func append(_ number: UInt64, to out: inout [UInt8]) {
    var rest = number
    while rest >= 0x80 {
      out.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    out.append(UInt8(rest))
  }
}
