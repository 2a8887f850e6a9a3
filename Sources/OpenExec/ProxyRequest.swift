import Crypto
import Records

/// Why bytes are not a request that the proxy takes, with the status of the answer (RFC 9110 §15).
public enum ProxyRequestError: Error, Equatable, Sendable, CustomStringConvertible {
  case malformed(String)
  /// Longer than `ProxyRequest.maximumHead`, or more fields than `maximumFields`.
  case tooLarge
  /// A method that no proxy needs to pass on.
  case method(String)
  /// The name of the host is none that may be asked for.
  case host(String)
  /// A body whose length is not said beforehand.
  case length

  public var status: Int {
    switch self {
    case .malformed: 400
    case .tooLarge: 431
    case .method: 501
    case .host: 403
    case .length: 411
    }
  }

  public var description: String {
    switch self {
    case .malformed(let what): "the request is malformed: \(what)"
    case .tooLarge:
      "expected a head of at most \(ProxyRequest.maximumHead) bytes and \(ProxyRequest.maximumFields) fields"
    case .method(let method): "method \(method): expected CONNECT, GET, HEAD, POST, PUT, PATCH or DELETE"
    case .host(let host): "\(host): expected a public name, no address and no name of this site (RT-5)"
    case .length: "expected a Content-Length; no Transfer-Encoding is passed on"
    }
  }
}

/// The head of a request to the proxy: `CONNECT host:port`, or a method and `http://host[:port]/path`.
///
/// The grammar is RFC 9112's at its strictest: lines end in CR LF, nothing is folded, no space before a colon,
/// one Content-Length of digits, no Transfer-Encoding, `Host` as the target says. A request that two readers could
/// take for two different ones is none; and since a connection carries one request, nothing can be hidden behind it.
public struct ProxyRequest: Equatable, Sendable {
  /// Longest head in bytes.
  public static let maximumHead = 16 << 10
  /// Most header fields.
  public static let maximumFields = 64

  public let method: String
  public let host: String
  public let port: Int
  /// Path and query; empty for CONNECT.
  public let target: String
  /// Of the body, in bytes.
  public let bodyLength: Int
  private let fields: [Field]

  struct Field: Equatable, Sendable {
    /// As it came, and in lower case.
    var name: String
    var key: String
    var value: String
  }

  public var isTunnel: Bool { method == "CONNECT" }

  /// Where the head ends in `bytes`, counted after its empty line; nil where it has not come yet.
  public static func headLength(_ bytes: [UInt8]) throws(ProxyRequestError) -> Int? {
    var index = 0
    while index < bytes.count {
      guard index < maximumHead else { throw .tooLarge }
      if bytes[index] == 0x0A, index >= 3, bytes[index - 1] == 0x0D, bytes[index - 2] == 0x0A {
        return index + 1
      }
      index += 1
    }
    return nil
  }

  /// Reads a whole head.
  public init(parsing head: ArraySlice<UInt8>) throws(ProxyRequestError) {
    var lines = try ProxyRequest.lines(head)[...]
    let words = lines.removeFirst().parts(separatedBy: 0x20)
    guard words.count == 3, words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0" else {
      throw .malformed("expected METHOD, target and HTTP/1.1 with one space between them")
    }
    method = words[0]
    guard method.utf8.count <= 16, method.utf8.allSatisfy({ (0x41...0x5A).contains($0) }) else {
      throw .malformed("expected a method in capital letters")
    }
    guard ["CONNECT", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"].contains(method) else {
      throw .method(method)
    }
    guard lines.count <= ProxyRequest.maximumFields else { throw .tooLarge }
    var fields: [Field] = []
    for line in lines { fields.append(try ProxyRequest.field(line)) }
    self.fields = fields
    let authority: String
    (authority, target) = try ProxyRequest.split(words[1], isTunnel: method == "CONNECT")
    (host, port) = try ProxyRequest.place(authority, isTunnel: method == "CONNECT")
    bodyLength = try ProxyRequest.bodyLength(fields)
    guard method != "CONNECT" || bodyLength == 0 else { throw .malformed("CONNECT has no body") }
    try checkHost()
  }

  /// Lines without their ends; the last two, which are empty, are left out.
  static func lines(_ head: ArraySlice<UInt8>) throws(ProxyRequestError) -> [String] {
    var lines: [String] = []
    var start = head.startIndex
    var previous: UInt8 = 0
    for index in head.indices {
      let byte = head[index]
      if byte == 0x0A {
        guard previous == 0x0D else { throw .malformed("a line ends without CR") }
        lines.append(String(decoding: head[start..<index - 1], as: UTF8.self))
        start = index + 1
      } else {
        guard previous != 0x0D else { throw .malformed("a CR within a line") }
        guard (0x20...0x7E).contains(byte) || byte == 0x09 || byte == 0x0D else {
          throw .malformed("a byte that is no visible character")
        }
      }
      previous = byte
    }
    guard start == head.endIndex, lines.count >= 2, lines.last == "", !lines.dropLast().contains("") else {
      throw .malformed("expected a request line, fields and an empty line")
    }
    return lines.dropLast()
  }

  static func field(_ line: String) throws(ProxyRequestError) -> Field {
    let bytes = Array(line.utf8)
    guard let colon = bytes.firstIndex(of: 0x3A), colon > 0, bytes[..<colon].allSatisfy(isToken) else {
      throw .malformed("expected NAME: value, not folded, without a space before the colon")
    }
    let name = String(decoding: bytes[..<colon], as: UTF8.self)
    var value = bytes[(colon + 1)...]
    while let first = value.first, first == 0x20 || first == 0x09 { value.removeFirst() }
    while let last = value.last, last == 0x20 || last == 0x09 { value.removeLast() }
    return Field(name: name, key: name.lowercased(), value: String(decoding: value, as: UTF8.self))
  }

  /// RFC 9110 §5.6.2.
  private static func isToken(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
    case 0x21, 0x23...0x27, 0x2A, 0x2B, 0x2D, 0x2E, 0x5E...0x60, 0x7C, 0x7E: true
    default: false
    }
  }

  private static func split(
    _ target: String, isTunnel: Bool
  ) throws(ProxyRequestError) -> (authority: String, target: String) {
    if isTunnel { return (target, "") }
    guard let rest = target.rest(after: "http://") else {
      throw .malformed("expected a target such as http://host/path; https goes by CONNECT")
    }
    let bytes = Array(rest.utf8)
    let end = bytes.firstIndex { $0 == 0x2F || $0 == 0x3F } ?? bytes.count
    guard !bytes.contains(0x23) else { throw .malformed("a fragment in the target") }
    let path = String(decoding: bytes[end...], as: UTF8.self)
    return (String(decoding: bytes[..<end], as: UTF8.self), path.hasPrefix("/") ? path : "/" + path)
  }

  private static func place(
    _ authority: String, isTunnel: Bool
  ) throws(ProxyRequestError) -> (String, Int) {
    guard !authority.utf8.contains(0x40) else { throw .malformed("a user in the target") }
    let parts = authority.parts(separatedBy: 0x3A)
    // A name may come in capitals; it is one name.
    let host = parts[0].lowercased()
    guard HostName.isPublic(host), parts.count <= 2 else { throw .host(String(authority.prefix(128))) }
    guard parts.count == 2 || !isTunnel else { throw .malformed("CONNECT expects HOST:PORT") }
    guard let port = parts.count == 2 ? HostName.port(parts[1]) : 80 else {
      throw .malformed("expected a port from 1 to 65535")
    }
    return (host, port)
  }

  static func bodyLength(_ fields: [Field]) throws(ProxyRequestError) -> Int {
    guard !fields.contains(where: { $0.key == "transfer-encoding" }) else { throw .length }
    let lengths = fields.filter { $0.key == "content-length" }
    guard lengths.count <= 1 else { throw .malformed("more than one Content-Length") }
    guard let text = lengths.first?.value else { return 0 }
    guard (1...15).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let length = Int(text)
    else { throw .malformed("expected a Content-Length of digits") }
    return length
  }

  /// One `Host`, and the target's: a server behind a shared front would answer for the other name.
  private func checkHost() throws(ProxyRequestError) {
    let named = fields.filter { $0.key == "host" }
    guard named.count <= 1 else { throw .malformed("more than one Host") }
    guard let value = named.first?.value.lowercased() else { return }
    guard value == "\(host):\(port)" || (value == host && (port == 80 || isTunnel)) else {
      throw .malformed("Host is not the target's")
    }
  }

  /// Fields that are of one connection and not passed on (RFC 9110 §7.6.1), and what the proxy says itself.
  private static let ownFields = [
    "connection", "proxy-connection", "proxy-authorization", "proxy-authenticate", "keep-alive", "te",
    "trailer", "upgrade", "expect", "http2-settings", "host", "content-length", "max-forwards", "via",
    "forwarded",
  ]

  /// The head as the destination gets it: its one request on a connection that closes after it.
  public var forwarded: [UInt8] { forwarded(usualPort: 80) }

  /// The same where a destination's scheme has another usual port than 80, which stands in no `Host`.
  public func forwarded(usualPort: Int) -> [UInt8] {
    var named: [String] = []
    for field in fields where field.key == "connection" {
      named += field.value.lowercased().parts(separatedBy: 0x2C).map { option in
        String(decoding: option.utf8.filter { $0 != 0x20 && $0 != 0x09 }, as: UTF8.self)
      }
    }
    var text = "\(method) \(target) HTTP/1.1\r\nHost: \(host)\(port == usualPort ? "" : ":\(port)")\r\n"
    for field in fields where !Self.ownFields.contains(field.key) && !named.contains(field.key) {
      text += "\(field.name): \(field.value)\r\n"
    }
    if bodyLength > 0 || ["POST", "PUT", "PATCH"].contains(method) {
      text += "Content-Length: \(bodyLength)\r\n"
    }
    return Array((text + "Connection: close\r\n\r\n").utf8)
  }
}
