import Testing

@testable import OpenExec

/// What the proxy takes for a request, and that two readers can never take it for two.
@Suite("Proxy requests")
struct ProxyRequestTests {
  func parse(_ text: String) throws(ProxyRequestError) -> ProxyRequest {
    let bytes = Array(text.utf8)
    return try ProxyRequest(parsing: bytes[...])
  }

  func error(_ text: String) -> ProxyRequestError? {
    do throws(ProxyRequestError) {
      _ = try parse(text)
      return nil
    } catch {
      return error
    }
  }

  @Test("a tunnel and a plain request, with what is passed on of it")
  func good() throws {
    let tunnel = try parse("CONNECT API.example.org:443 HTTP/1.1\r\nHost: api.example.org:443\r\n\r\n")
    #expect(tunnel.isTunnel && tunnel.host == "api.example.org" && tunnel.port == 443)
    let get = try parse(
      "GET http://files.example.org:8080?q=1 HTTP/1.1\r\nHost: files.example.org:8080\r\nX-A:  b c \r\n"
        + "Connection: X-Drop, close\r\nX-Drop: 1\r\nProxy-Authorization: Basic x\r\nUpgrade: h2c\r\n\r\n")
    #expect(
      String(decoding: get.forwarded, as: UTF8.self)
        == "GET /?q=1 HTTP/1.1\r\nHost: files.example.org:8080\r\nX-A: b c\r\nConnection: close\r\n\r\n")
    let post = try parse("POST http://a.example/x HTTP/1.0\r\nContent-Length: 12\r\n\r\n")
    #expect(post.bodyLength == 12 && post.port == 80)
    #expect(
      String(decoding: post.forwarded, as: UTF8.self)
        == "POST /x HTTP/1.1\r\nHost: a.example\r\nContent-Length: 12\r\nConnection: close\r\n\r\n")
  }

  @Test(
    "what is not exactly a request is none",
    arguments: [
      "GET http://a.example/ HTTP/1.1\n\n", "GET http://a.example/ HTTP/1.1\r\nA: b\n\r\n",
      "GET http://a.example/ HTTP/1.1\r\nA: b\r\r\n\r\n", "GET  http://a.example/ HTTP/1.1\r\n\r\n",
      "GET http://a.example/ HTTP/2\r\n\r\n", "GET http://a.example/\r\n\r\n",
      "get http://a.example/ HTTP/1.1\r\n\r\n",
      "GET http://a.example/ HTTP/1.1\r\nA : b\r\n\r\n", "GET http://a.example/ HTTP/1.1\r\n A: b\r\n\r\n",
      "GET http://a.example/ HTTP/1.1\r\nA: b\r\n folded\r\n\r\n",
      "GET http://a.example/ HTTP/1.1\r\n: b\r\n\r\n",
      "GET http://a.example/ HTTP/1.1\r\nA: \u{1}\r\n\r\n", "GET http://a.example/ HTTP/1.1\r\nA: é\r\n\r\n",
      "GET http://u@a.example/ HTTP/1.1\r\n\r\n", "GET http://u:p@a.example/ HTTP/1.1\r\n\r\n",
      "GET http://a.example/#f HTTP/1.1\r\n\r\n", "GET /path HTTP/1.1\r\nHost: a.example\r\n\r\n",
      "GET https://a.example/ HTTP/1.1\r\n\r\n", "GET HTTP://a.example/ HTTP/1.1\r\n\r\n",
      "CONNECT a.example HTTP/1.1\r\n\r\n", "CONNECT a.example:0 HTTP/1.1\r\n\r\n",
      "CONNECT a.example:0443 HTTP/1.1\r\n\r\n", "CONNECT a.example:65536 HTTP/1.1\r\n\r\n",
      "CONNECT a.example:443 HTTP/1.1\r\nContent-Length: 3\r\n\r\n",
      "POST http://a.example/ HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
      "POST http://a.example/ HTTP/1.1\r\nContent-Length: 3, 3\r\n\r\n",
      "POST http://a.example/ HTTP/1.1\r\nContent-Length: +3\r\n\r\n",
      "POST http://a.example/ HTTP/1.1\r\nContent-Length: 0x3\r\n\r\n",
      "POST http://a.example/ HTTP/1.1\r\nContent-Length:\r\n\r\n",
      "GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n",
      "GET http://a.example/ HTTP/1.1\r\nHost: a.example:81\r\n\r\n",
      "GET http://a.example:81/ HTTP/1.1\r\nHost: a.example\r\n\r\n",
      "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n",
      "GET http://a.example/ HTTP/1.1\r\n\r\nmore", "GET http://a.example/ HTTP/1.1\r\n", "\r\n\r\n",
    ])
  func malformed(text: String) {
    guard case .malformed = error(text) else {
      Issue.record("\(text.debugDescription) gave \(String(describing: error(text)))")
      return
    }
  }

  @Test("a length that is not said beforehand is none, whatever else is said")
  func transferEncoding() {
    for field in [
      "Transfer-Encoding: chunked", "transfer-encoding: identity", "TRANSFER-ENCODING: \tchunked",
    ] {
      #expect(error("POST http://a.example/ HTTP/1.1\r\nContent-Length: 3\r\n\(field)\r\n\r\n") == .length)
    }
  }

  @Test(
    "no address in any notation, no name of this site (RT-5)",
    arguments: [
      "127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "[::1]",
      "169.254.169.254",
      "localhost", "a.localhost", "metadata.google.internal", "printer.local", "host.localdomain", "single",
      "a..example", ".example.org", "example.org.", "-a.example", "a-.example", "a_b.example", "exämple.org",
      "router.home.arpa", "8.8.8.8", "", "a.b.c.4",
    ])
  func host(name: String) {
    for text in ["CONNECT \(name):443 HTTP/1.1\r\n\r\n", "GET http://\(name)/ HTTP/1.1\r\n\r\n"] {
      let found = error(text)
      switch found {
      case .host, .malformed: break
      case .tooLarge, .method, .length, nil:
        Issue.record("\(text.debugDescription): \(String(describing: found))")
      }
    }
  }

  @Test("methods that no proxy needs; heads that have no end; fields without number")
  func limits() throws {
    for method in ["TRACE", "OPTIONS", "PRI", "LINK"] {
      #expect(error("\(method) http://a.example/ HTTP/1.1\r\n\r\n") == .method(method))
    }
    let fields = (0...ProxyRequest.maximumFields).map { "A\($0): b\r\n" }.joined()
    #expect(error("GET http://a.example/ HTTP/1.1\r\n\(fields)\r\n") == .tooLarge)
    let endless = [UInt8](repeating: 0x41, count: ProxyRequest.maximumHead + 1)
    #expect(throws: ProxyRequestError.tooLarge) { try ProxyRequest.headLength(endless) }
    let open = try ProxyRequest.headLength(Array("GET / HTTP/1.1\r\n".utf8))
    #expect(open == nil)
    let whole = try ProxyRequest.headLength(Array("GET x HTTP/1.1\r\n\r\nbody".utf8))
    #expect(whole == 18)
  }
}
