import Crypto
import Records

/// Why a request to the health port is not answered with what it asks for.
public struct ProbeRefusal: Error, Equatable, Sendable {
  /// RFC 9110 §15.
  public let status: Int
  /// For people: what was expected.
  public let reason: String

  init(_ status: Int, _ reason: String) {
    self.status = status
    self.reason = reason
  }
}

/// The head of a request to the health port, in RFC 9112's grammar at its strictest, as ``ProxyRequest`` reads it.
///
/// The port is on loopback, where every program of this host reaches it, a browser with somebody else's page included. So
/// the `Host` must be loopback itself (a name of the Internet that was made to lead here is none), and what a page sends
/// says its `Origin` and is refused.
public struct ProbeRequest: Equatable, Sendable {
  /// Longest body in bytes: that of a proof.
  public static let maximumBody = 256 << 10

  public let method: String
  /// Without its query.
  public let path: String
  /// Of the body, in bytes.
  public let bodyLength: Int

  /// Where the head ends in `bytes`; nil where it has not all come.
  public static func headLength(_ bytes: [UInt8]) throws(ProbeRefusal) -> Int? {
    do {
      return try ProxyRequest.headLength(bytes)
    } catch {
      throw ProbeRefusal(error.status, error.description)
    }
  }

  /// Reads a whole head.
  public init(parsing head: ArraySlice<UInt8>) throws(ProbeRefusal) {
    do {
      var lines = try ProxyRequest.lines(head)[...]
      let words = lines.removeFirst().parts(separatedBy: 0x20)
      guard words.count == 3, words[2] == "HTTP/1.1" || words[2] == "HTTP/1.0", words[1].hasPrefix("/") else {
        throw ProxyRequestError.malformed("expected METHOD, a path and HTTP/1.1 with one space between them")
      }
      guard lines.count <= ProxyRequest.maximumFields else { throw ProxyRequestError.tooLarge }
      var fields: [ProxyRequest.Field] = []
      for line in lines { fields.append(try ProxyRequest.field(line)) }
      method = words[0]
      path = words[1].parts(separatedBy: UInt8(ascii: "?"))[0]
      bodyLength = try ProxyRequest.bodyLength(fields)
      try ProbeRequest.checkPlace(fields)
    } catch let refusal as ProbeRefusal {
      throw refusal
    } catch let error as ProxyRequestError {
      throw ProbeRefusal(error.status, error.description)
    } catch {
      throw ProbeRefusal(400, "the request is malformed")
    }
    guard ["GET", "HEAD", "POST"].contains(method) else {
      throw ProbeRefusal(501, "method \(method.prefix(16)): expected GET, HEAD or POST")
    }
    guard bodyLength <= ProbeRequest.maximumBody else {
      throw ProbeRefusal(413, "expected a body of at most \(ProbeRequest.maximumBody) bytes")
    }
  }

  private static func checkPlace(_ fields: [ProxyRequest.Field]) throws(ProbeRefusal) {
    let hosts = fields.filter { $0.key == "host" }
    guard hosts.count == 1, isLoopback(hosts[0].value.lowercased()) else {
      throw ProbeRefusal(403, "expected one Host: 127.0.0.1, [::1] or localhost, with the port")
    }
    guard !fields.contains(where: { $0.key == "origin" }) else {
      throw ProbeRefusal(403, "no page of a browser is answered: expected no Origin")
    }
  }

  private static func isLoopback(_ host: String) -> Bool {
    guard
      let rest = host.rest(after: "127.0.0.1") ?? host.rest(after: "localhost") ?? host.rest(after: "[::1]")
    else { return false }
    return rest.isEmpty || rest.rest(after: ":").flatMap(HostName.port) != nil
  }
}
