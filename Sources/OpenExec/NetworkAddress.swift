import Crypto

/// An IPv4 or IPv6 address, as a resolver gave it.
public struct NetworkAddress: Hashable, Sendable {
  /// 4 or 16, in network order.
  public let bytes: [UInt8]

  public var isIPv4: Bool { bytes.count == 4 }

  /// Nil for another length.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    self.bytes = bytes
  }

  /// Reads `192.0.2.1` (four decimal numbers without leading zeros) or a text of RFC 4291 §2.2; nil for any
  /// other notation, a zone or a length of prefix.
  public init?(text: String) {
    let utf8 = Array(text.utf8)
    guard utf8.count <= 45 else { return nil }
    guard let bytes = utf8.contains(UInt8(ascii: ":")) ? Self.six(utf8[...]) : Self.four(utf8[...]) else {
      return nil
    }
    self.bytes = bytes
  }

  private static func four(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var out: [UInt8] = []
    for part in text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false) {
      guard (1...3).contains(part.count), part.allSatisfy({ (0x30...0x39).contains($0) }),
        part.count == 1 || part.first != 0x30,
        let value = UInt8(String(decoding: part, as: UTF8.self))
      else { return nil }
      out.append(value)
    }
    return out.count == 4 ? out : nil
  }

  private static func six(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    let colon = UInt8(ascii: ":")
    var gap: Int?
    for index in text.indices.dropLast() where text[index] == colon && text[index + 1] == colon {
      // Three colons in a row are two gaps, which is none.
      guard gap == nil else { return nil }
      gap = index
    }
    guard let gap else {
      guard let groups = groups(text), groups.count == 16 else { return nil }
      return groups
    }
    guard let head = gap == text.startIndex ? [] : groups(text[..<gap]),
      let tail = gap + 2 == text.endIndex ? [] : groups(text[(gap + 2)...]), head.count + tail.count <= 14
    else { return nil }
    return head + [UInt8](repeating: 0, count: 16 - head.count - tail.count) + tail
  }

  /// Groups of one to four hexadecimal digits; the last may be an IPv4 address.
  private static func groups(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    var out: [UInt8] = []
    let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    for (position, part) in parts.enumerated() {
      if part.contains(UInt8(ascii: ".")) {
        guard position == parts.count - 1, let address = four(part) else { return nil }
        out += address
      } else {
        guard (1...4).contains(part.count), part.first != UInt8(ascii: "+"), part.first != UInt8(ascii: "-"),
          let value = UInt16(String(decoding: part, as: UTF8.self), radix: 16)
        else { return nil }
        out += [UInt8(value >> 8), UInt8(value & 0xFF)]
      }
    }
    return out.count <= 16 ? out : nil
  }

  /// The usual text of IPv4; eight groups, not shortened, of IPv6.
  public var text: String {
    if isIPv4 { return bytes.map { String($0) }.joined(separator: ".") }
    return stride(from: 0, to: 16, by: 2)
      .map { String(UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1]), radix: 16) }.joined(separator: ":")
  }
}

/// A run of addresses that begin with the same bits.
public struct AddressBlock: Hashable, Sendable {
  let base: [UInt8]
  let length: Int
  /// What it is for.
  let purpose: String

  /// Reads `10.0.0.0/8`, `fc00::/7`, or an address alone; nil for anything else.
  public init?(text: String, purpose: String) {
    let parts = text.parts(separatedBy: UInt8(ascii: "/"))
    guard parts.count <= 2, let base = NetworkAddress(text: parts[0]) else { return nil }
    self.base = base.bytes
    self.purpose = purpose
    guard parts.count == 2 else {
      length = base.bytes.count * 8
      return
    }
    guard parts[1].utf8.count <= 3, let length = Int(parts[1]), (0...base.bytes.count * 8).contains(length)
    else { return nil }
    self.length = length
  }

  /// A block of the tables below: the first bytes of an address of `size` bytes.
  fileprivate init(_ size: Int, _ first: [UInt8], _ length: Int, _ purpose: String) {
    base = first + [UInt8](repeating: 0, count: size - first.count)
    self.length = length
    self.purpose = purpose
  }

  func contains(_ address: NetworkAddress) -> Bool {
    guard address.bytes.count == base.count else { return false }
    let whole = length / 8
    guard address.bytes[..<whole].elementsEqual(base[..<whole]) else { return false }
    let rest = length % 8
    return rest == 0 || (address.bytes[whole] ^ base[whole]) >> (8 - rest) == 0
  }
}

/// Which addresses a run may be connected to (RT-5): those that the whole Internet routes, and no other.
///
/// IPv4 is everything but the special blocks of IANA's registry (RFC 6890). IPv6 is 2000::/3 alone, less the
/// special blocks in it: so no form that carries an IPv4 address inside (mapped, compatible, NAT64, 6to4,
/// Teredo) is a way around the table of IPv4.
public enum AddressClassifier {
  /// The purpose of the block that forbids `address`; nil where it is public. `controlPlane` are the blocks of the
  /// cluster's own nodes and whatever else an operator closes.
  public static func refusal(of address: NetworkAddress, controlPlane: [AddressBlock]) -> String? {
    if let block = controlPlane.first(where: { $0.contains(address) }) { return block.purpose }
    if address.isIPv4 { return four.first { $0.contains(address) }?.purpose }
    if let block = six.first(where: { $0.contains(address) }) { return block.purpose }
    // What IANA has given to be routed.
    return address.bytes[0] >> 5 == 1 ? nil : "not a global unicast address"
  }

  private static let four: [AddressBlock] = [
    AddressBlock(4, [0], 8, "this network"), AddressBlock(4, [10], 8, "private"),
    AddressBlock(4, [100, 64], 10, "shared by carriers"), AddressBlock(4, [127], 8, "loopback"),
    AddressBlock(4, [169, 254], 16, "link-local, with the clouds' metadata"),
    AddressBlock(4, [172, 16], 12, "private"), AddressBlock(4, [192, 0, 0], 24, "protocol assignments"),
    AddressBlock(4, [192, 0, 2], 24, "documentation"), AddressBlock(4, [192, 88, 99], 24, "6to4 relays"),
    AddressBlock(4, [192, 168], 16, "private"), AddressBlock(4, [198, 18], 15, "benchmarks"),
    AddressBlock(4, [198, 51, 100], 24, "documentation"),
    AddressBlock(4, [203, 0, 113], 24, "documentation"),
    // Azure's, the one metadata service with a public address.
    AddressBlock(4, [168, 63, 129, 16], 32, "metadata"), AddressBlock(4, [224], 4, "multicast"),
    AddressBlock(4, [240], 4, "reserved, with broadcast"),
  ]

  private static let six: [AddressBlock] = [
    AddressBlock(16, zeroes(15) + [1], 128, "loopback"), AddressBlock(16, zeroes(16), 128, "unspecified"),
    AddressBlock(16, zeroes(10) + [0xFF, 0xFF], 96, "IPv4 inside, mapped"),
    AddressBlock(16, zeroes(12), 96, "IPv4 inside, compatible"),
    AddressBlock(16, [0x00, 0x64, 0xFF, 0x9B] + zeroes(8), 96, "IPv4 inside, NAT64"),
    AddressBlock(16, [0x00, 0x64, 0xFF, 0x9B, 0x00, 0x01], 48, "IPv4 inside, local NAT64"),
    AddressBlock(16, [0x01, 0x00] + zeroes(6), 64, "discard"),
    AddressBlock(16, [0x20, 0x01, 0x00], 23, "protocol assignments, with Teredo"),
    AddressBlock(16, [0x20, 0x01, 0x0D, 0xB8], 32, "documentation"),
    AddressBlock(16, [0x20, 0x02], 16, "IPv4 inside, 6to4"),
    AddressBlock(16, [0x3F, 0xFF, 0x00], 20, "documentation"),
    AddressBlock(16, [0xFC], 7, "private"), AddressBlock(16, [0xFE, 0x80], 10, "link-local"),
    AddressBlock(16, [0xFE, 0xC0], 10, "site-local"), AddressBlock(16, [0xFF], 8, "multicast"),
  ]

  private static func zeroes(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }
}
