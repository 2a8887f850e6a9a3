// Addresses and their ranges.
extension Builtins {
  static let networks: [Builtin] = [
    contains("net.cidr_contains"),
    Builtin("net.cidr_overlap", 2) { (a, _) throws(BuiltinError) in
      .bool(try network(try a.string(0)).contains(try addressOrNetwork(try a.string(1))))
    },
    Builtin("net.cidr_intersects", 2) { (a, _) throws(BuiltinError) in
      let left = try network(try a.string(0))
      let right = try network(try a.string(1))
      return .bool(left.contains(right) || right.contains(left))
    },
    Builtin("net.cidr_is_valid", 1) { (a, _) throws(BuiltinError) in
      guard case .string(let text) = a.value(0) else { return .bool(false) }
      return .bool(IPNetwork(text) != nil)
    },
    Builtin("net.cidr_expand", 1) { (a, meter) throws(BuiltinError) in
      let range = try network(try a.string(0))
      let bits = range.width - range.prefix
      guard bits < 40 else { throw .budget("more bytes than the budget has") }
      let count = 1 << bits
      try meter.spend(bytes: 64 * count)
      try meter.spend(steps: count)
      var address = range.first
      var out: [Value] = []
      for _ in 0..<count {
        out.append(.string(address.text))
        address = address.next
      }
      return .set(SetValue(out))
    },
    Builtin("net.cidr_contains_matches", 2) { (a, meter) throws(BuiltinError) in
      var out: [Value] = []
      let right = try entries(a, 1)
      for (key, text) in try entries(a, 0) {
        let outer = try network(text)
        for (other, inner) in right {
          try meter.spend(bytes: 32)
          if outer.contains(try addressOrNetwork(inner)) { out.append(.array([key, other])) }
        }
      }
      return .set(SetValue(out))
    },
    Builtin("net.cidr_merge", 1) { (a, meter) throws(BuiltinError) in
      let values: [Value]
      switch a.value(0) {
      case .array(let array): values = array
      case .set(let set): values = set.elements
      default: throw .operand(1, expected: "one of {set, array}", found: a.value(0).typeName)
      }
      var ranges: [IPNetwork] = []
      for value in values {
        try meter.spend(steps: 1)
        guard case .string(let text) = value else {
          throw .operand(1, expected: "string", found: value.typeName)
        }
        if let range = IPNetwork(text) {
          ranges.append(range)
        } else if let address = IPAddress(text) {
          guard address.isV4 else { throw .failed("IPv6 invalid: needs prefix length") }
          // The prefix of its class.
          let prefix = address.bytes[0] < 128 ? 8 : address.bytes[0] < 192 ? 16 : 24
          ranges.append(IPNetwork(address, prefix: prefix))
        } else {
          throw .failed("invalid CIDR address: \(text)")
        }
      }
      return .set(SetValue(IPNetwork.merged(ranges).map { .string($0.text) }))
    },
  ]

  private static func contains(_ name: String) -> Builtin {
    Builtin(name, 2) { (a, _) throws(BuiltinError) in
      .bool(try network(try a.string(0)).contains(try addressOrNetwork(try a.string(1))))
    }
  }

  private static func network(_ text: String) throws(BuiltinError) -> IPNetwork {
    guard let range = IPNetwork(text) else { throw .failed("invalid CIDR address: \(text)") }
    return range
  }

  private static func addressOrNetwork(_ text: String) throws(BuiltinError) -> IPNetwork {
    if let address = IPAddress(text) { return IPNetwork(address, prefix: address.width) }
    return try network(text)
  }

  /// What is matched, and what it is called in the result: its position, its key, or itself.
  private static func entries(
    _ a: ArraySlice<Value>, _ position: Int
  ) throws(BuiltinError) -> [(Value, String)] {
    func text(_ value: Value) throws(BuiltinError) -> String {
      switch value {
      case .string(let text): return text
      case .array(let parts):
        if case .string(let text)? = parts.first { return text }
      default: break
      }
      throw .failed("operand \(position + 1): element must be string or non-empty array")
    }
    switch a.value(position) {
    case .string(let text): return [(a.value(position), text)]
    case .array(let values):
      var out: [(Value, String)] = []
      for (index, value) in values.enumerated() { out.append((.int(index), try text(value))) }
      return out
    case .set(let set):
      var out: [(Value, String)] = []
      for value in set.elements { out.append((value, try text(value))) }
      return out
    case .object(let object):
      var out: [(Value, String)] = []
      for member in object.members { out.append((member.key, try text(member.value))) }
      return out
    case .null, .bool, .number:
      throw .operand(
        position + 1, expected: "one of {string, array, set, object}", found: a.value(position).typeName)
    }
  }
}

/// An address of either family.
struct IPAddress: Hashable, Comparable, Sendable {
  let bytes: [UInt8]
  var isV4: Bool { bytes.count == 4 }
  var width: Int { 8 * bytes.count }

  init(bytes: [UInt8]) { self.bytes = bytes }

  /// Reads an address as Go does: no leading zeros, at most one `::`; nil for anything else.
  init?(_ text: String) {
    if let bytes = IPAddress.v4(text) {
      self.bytes = bytes
      return
    }
    guard let bytes = IPAddress.v6(text) else { return nil }
    // An IPv4 address written as IPv6 is that IPv4 address.
    if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
      self.bytes = Array(bytes[12...])
    } else {
      self.bytes = bytes
    }
  }

  static func v4(_ text: String) -> [UInt8]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 4 else { return nil }
    var out: [UInt8] = []
    for part in parts {
      guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy(Lexer.isDigit),
        part == "0" || part.first != "0",
        let value = UInt8(part)
      else { return nil }
      out.append(value)
    }
    return out
  }

  static func v6(_ text: String) -> [UInt8]? {
    var tail: [UInt8] = []
    var body = text
    if let colon = text.lastIndex(of: ":"), text[colon...].contains(".") {
      guard let last = v4(String(text[text.index(after: colon)...])) else { return nil }
      tail = last
      body = String(text[...colon])
      // Keep a "::" whole.
      if !body.hasSuffix("::") { body.removeLast() }
    }
    let halves = Builtins.split(body, "::", limit: nil)
    guard halves.count <= 2 else { return nil }
    func groups(_ text: String) -> [UInt8]? {
      guard !text.isEmpty else { return [] }
      var out: [UInt8] = []
      for part in text.split(separator: ":", omittingEmptySubsequences: false) {
        guard (1...4).contains(part.utf8.count), !part.hasPrefix("+"), !part.hasPrefix("-"),
          let value = UInt16(part, radix: 16)
        else { return nil }
        out += [UInt8(value >> 8), UInt8(value & 0xFF)]
      }
      return out
    }
    guard let first = groups(halves[0]) else { return nil }
    guard halves.count == 2 else {
      let all = first + tail
      return all.count == 16 ? all : nil
    }
    guard let second = groups(halves[1]) else { return nil }
    let missing = 16 - first.count - second.count - tail.count
    guard missing >= 2 else { return nil }
    return first + [UInt8](repeating: 0, count: missing) + second + tail
  }

  /// As RFC 5952 writes it.
  var text: String {
    if isV4 { return bytes.map { String($0) }.joined(separator: ".") }
    let groups = stride(from: 0, to: 16, by: 2).map { UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]) }
    var best: Range<Int> = 0..<0
    var start = 0
    while start < 8 {
      var end = start
      while end < 8, groups[end] == 0 { end += 1 }
      if end - start > best.count, end - start >= 2 { best = start..<end }
      start = max(end, start + 1)
    }
    func hex(_ range: Range<Int>) -> String {
      groups[range].map { String($0, radix: 16) }.joined(separator: ":")
    }
    return best.isEmpty ? hex(0..<8) : hex(0..<best.lowerBound) + "::" + hex(best.upperBound..<8)
  }

  var next: IPAddress {
    var out = bytes
    for position in out.indices.reversed() {
      out[position] &+= 1
      if out[position] != 0 { break }
    }
    return IPAddress(bytes: out)
  }

  static func < (left: IPAddress, right: IPAddress) -> Bool {
    left.bytes.count == right.bytes.count
      ? left.bytes.lexicographicallyPrecedes(right.bytes) : left.bytes.count < right.bytes.count
  }
}

/// A range of addresses with one prefix.
struct IPNetwork: Hashable, Sendable {
  let first: IPAddress
  let prefix: Int

  init(_ address: IPAddress, prefix: Int) {
    self.prefix = prefix
    first = IPNetwork.masked(address, prefix)
  }

  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let address = IPAddress(String(parts[0])),
      parts[1].utf8.allSatisfy(Lexer.isDigit), let prefix = Int(parts[1])
    else { return nil }
    // The text of an IPv4 address in IPv6 counts its bits from the front of all 128.
    let shift = address.isV4 && parts[0].contains(":") ? 96 : 0
    guard prefix - shift >= 0, prefix - shift <= address.width else { return nil }
    self.init(address, prefix: prefix - shift)
  }

  private static func masked(_ address: IPAddress, _ prefix: Int) -> IPAddress {
    var bytes = address.bytes
    for position in bytes.indices {
      let kept = min(8, max(0, prefix - 8 * position))
      bytes[position] &= kept == 0 ? 0 : 0xFF << UInt8(8 - kept)
    }
    return IPAddress(bytes: bytes)
  }

  var width: Int { first.width }
  var text: String { "\(first.text)/\(prefix)" }

  func contains(_ other: IPNetwork) -> Bool {
    width == other.width && prefix <= other.prefix && IPNetwork.masked(other.first, prefix) == first
  }

  /// The fewest ranges that cover the same addresses.
  static func merged(_ ranges: [IPNetwork]) -> [IPNetwork] {
    var out: [IPNetwork] = []
    let ordered = ranges.sorted { $0.first == $1.first ? $0.prefix < $1.prefix : $0.first < $1.first }
    for range in ordered {
      if let last = out.last, last.contains(range) { continue }
      out.append(range)
      while out.count >= 2 {
        let b = out[out.count - 1]
        let a = out[out.count - 2]
        guard a.width == b.width, a.prefix == b.prefix, a.prefix > 0 else { break }
        let joined = IPNetwork(a.first, prefix: a.prefix - 1)
        guard joined.first == a.first, joined.contains(b), a.first != b.first else { break }
        out.removeLast(2)
        out.append(joined)
      }
    }
    return out
  }
}
