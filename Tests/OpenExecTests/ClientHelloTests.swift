import Testing

@testable import OpenExec

/// A tunnel carries TLS for the granted name and nothing else.
@Suite("Client hello")
struct ClientHelloTests {
  func vector(_ width: Int, _ content: [UInt8]) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: content.count >> (8 * $0)) } + content
  }

  func name(_ text: String, type: UInt8 = 0) -> [UInt8] {
    [0, 0] + vector(2, vector(2, [type] + vector(2, Array(text.utf8))))
  }

  func hello(_ extensions: [UInt8]) -> [UInt8] {
    let random = [UInt8](repeating: 7, count: 32)
    let body =
      [3, 3] + random + vector(1, [1, 2, 3]) + vector(2, [0x13, 1]) + vector(1, [0]) + vector(2, extensions)
    return [22, 3, 1] + vector(2, [1] + vector(3, body))
  }

  @Test("the server's name, however many bytes have come")
  func whole() {
    let bytes = hello([0, 10] + vector(2, [0, 2, 0, 29]) + name("API.example.org"))
    for count in bytes.indices { #expect(ClientHello.read(Array(bytes[..<count])) == .incomplete) }
    #expect(ClientHello.read(bytes) == .name("api.example.org"))
    #expect(ClientHello.read(bytes + [1, 2, 3]) == .name("api.example.org"))
  }

  @Test("anything else is none, and no length leads beyond the end")
  func none() {
    let good = hello(name("api.example.org"))
    let bad: [[UInt8]] = [
      Array("GET / HTTP/1.1".utf8), Array("SSH-2.0-x\r\n".utf8), [22, 2, 0, 0, 9], [22, 3, 1, 0x7F, 0xFF],
      [22, 3, 1, 0, 4, 2, 0, 0, 0], hello([]), hello(name("a.example", type: 1)),
      hello(name("a.example") + name("b.example")), hello(name("a\u{0}b.example")),
    ]
    for bytes in bad {
      guard case .none = ClientHello.read(bytes) else {
        Issue.record("\(bytes) gave \(ClientHello.read(bytes))")
        continue
      }
    }
    // Every byte of a good one, changed: some other name, none, or more to come; never a trap.
    for index in good.indices {
      for value: UInt8 in [0, 1, 0x7F, 0xFF] {
        var bytes = good
        bytes[index] = value
        _ = ClientHello.read(bytes)
      }
    }
  }
}
