import CSystem
import EventLoop
import Glibc

/// An IPv4 or IPv6 address and a port.
public struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
  /// Four or sixteen, in network order.
  public let host: [UInt8]
  public let port: UInt16

  private init(host: [UInt8], port: UInt16) {
    self.host = host
    self.port = port
  }

  /// Reads `192.0.2.1:7001` or `[2001:db8::1]:7001`; nil for anything else, names included. A port of 0
  /// lets the kernel choose when listening.
  public init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }),
      let port = UInt16(digits)
    else { return nil }
    let name = text[..<colon]
    let parsed =
      name.hasPrefix("[") && name.hasSuffix("]")
      ? Self.parse(String(name.dropFirst().dropLast()), AF_INET6, 16)
      : Self.parse(String(name), AF_INET, 4)
    guard let parsed else { return nil }
    self.init(host: parsed, port: port)
  }

  /// 127.0.0.1.
  public static func loopback(port: UInt16 = 0) -> SocketAddress {
    SocketAddress(host: [127, 0, 0, 1], port: port)
  }

  private static func parse(_ text: String, _ family: Int32, _ count: Int) -> [UInt8]? {
    guard !text.utf8.contains(0) else { return nil }
    var bytes = [UInt8](repeating: 0, count: count)
    return inet_pton(family, text, &bytes) == 1 ? bytes : nil
  }

  /// The addresses that `host:port` names, in the resolver's order; empty where it names none.
  ///
  /// Blocks for as long as the resolver takes: for start-up and command lines, never on a loop.
  public static func resolve(_ text: String) -> [SocketAddress] {
    if let literal = SocketAddress(text) { return [literal] }
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]),
      !text.utf8.contains(0)
    else { return [] }
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(String(text[..<colon]), nil, &hints, &list) == 0 else { return [] }
    defer { freeaddrinfo(list) }
    var found: [SocketAddress] = []
    var next = list
    while let entry = next?.pointee {
      if let bytes = addressBytes(entry) { found.append(SocketAddress(host: bytes, port: port)) }
      next = entry.ai_next
    }
    return found
  }

  private static func addressBytes(_ entry: addrinfo) -> [UInt8]? {
    guard let address = UnsafeRawPointer(entry.ai_addr) else { return nil }
    switch entry.ai_family {
    case AF_INET:
      let four = address.loadUnaligned(as: sockaddr_in.self)
      return withUnsafeBytes(of: four.sin_addr) { Array($0) }
    case AF_INET6:
      let six = address.loadUnaligned(as: sockaddr_in6.self)
      return withUnsafeBytes(of: six.sin6_addr) { Array($0) }
    default: return nil
    }
  }

  public init(_ kernel: csystem_address) {
    let all = withUnsafeBytes(of: kernel.bytes) { Array($0) }
    self.init(host: kernel.family == 6 ? all : Array(all[..<4]), port: kernel.port)
  }

  public var kernel: csystem_address {
    var address = csystem_address()
    address.family = host.count == 16 ? 6 : 4
    address.port = port
    withUnsafeMutableBytes(of: &address.bytes) { $0.copyBytes(from: host) }
    return address
  }

  public var description: String { "\(hostText):\(port)" }

  /// Whether nobody but this host reaches it: 127.0.0.0/8, or ::1.
  public var isLoopback: Bool {
    host.count == 4 ? host[0] == 127 : host.dropLast().allSatisfy { $0 == 0 } && host.last == 1
  }

  /// The host alone, as it stands in `description`.
  public var hostText: String {
    var text = [CChar](repeating: 0, count: 64)
    let family = host.count == 16 ? AF_INET6 : AF_INET
    _ = inet_ntop(family, host, &text, socklen_t(text.count))
    let name = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return host.count == 16 ? "[\(name)]" : name
  }
}
