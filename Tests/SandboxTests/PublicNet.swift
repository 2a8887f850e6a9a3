import CSystem
import Foundation
import Glibc
import OwnThread
import Testing

/// A network of this test alone, in which addresses of the Internet are this machine's own: what the proxy takes for
/// public can be reached, and nothing of the real network can.
enum PublicNet {
  /// Where the servers of `serve` and others listen.
  static let address = "93.184.216.34"

  /// Runs `body` on a thread of its own, which has a network and a mount namespace of its own: `hosts` are its names.
  static func run(hosts: [(address: String, name: String)], _ body: @escaping @Sendable () throws -> Void)
    throws
  {
    try onThreadOfItsOwn {
      try begin(hosts)
      try body()
    }
  }

  private static func begin(_ hosts: [(address: String, name: String)]) throws {
    // CLONE_NEWNS and CLONE_NEWNET.
    #expect(csystem_unshare(0x0002_0000 | 0x4000_0000) == 0)
    // MS_REC and MS_PRIVATE: nothing of this reaches others. MS_BIND.
    mount("none", "/", 16_384 | 1 << 18)
    let file = NSTemporaryDirectory() + "hosts-\(UUID())"
    try hosts.map { "\($0.address) \($0.name)\n" }.joined().write(
      toFile: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    show(file, at: "/etc/hosts")
    #expect(csystem_loopback_up() == 0)
    try Bench.run("/usr/sbin/ip", ["address", "add", "\(address)/32", "dev", "lo"])
  }

  private static func mount(_ source: String, _ target: String, _ flags: UInt) {
    source.withCString { source in
      target.withCString { target in
        var plan = csystem_mount(source: source, target: target, type: nil, flags: flags, data: nil)
        #expect(csystem_mount(&plan) == 0, "mount \(String(cString: target))")
      }
    }
  }

  /// Puts a file in another's place, on the thread of `run` alone and in what it starts.
  static func show(_ file: String, at place: String) { mount(file, place, 4_096) }

  /// A server of names on this network's own loopback that knows none; it is told each that is asked for.
  static func serveNames(_ tell: @escaping @Sendable (String) -> Void) throws {
    let server = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
    try #require(bound(server, "127.0.0.1", 53))
    Thread {
      var bytes = [UInt8](repeating: 0, count: 1_024)
      var peer = sockaddr_in()
      while true {
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let count = withUnsafeMutablePointer(to: &peer) { pointer in
          pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            recvfrom(server, &bytes, bytes.count, 0, $0, &size)
          }
        }
        guard count > 12 else { return }
        var labels: [String] = []
        var at = 12
        while at < count, bytes[at] > 0 {
          labels.append(
            String(decoding: bytes[(at + 1)..<min(count, at + 1 + Int(bytes[at]))], as: UTF8.self))
          at += 1 + Int(bytes[at])
        }
        tell(labels.joined(separator: "."))
        // An answer (QR) that there is no such name (RCODE 3).
        (bytes[2], bytes[3]) = (0x81, 0x83)
        _ = withUnsafePointer(to: &peer) { pointer in
          pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
            sendto(server, bytes, count, 0, $0, size)
          }
        }
      }
    }.start()
  }

  private static func bound(_ descriptor: Int32, _ address: String, _ port: UInt16) -> Bool {
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_port = port.bigEndian
    inet_pton(AF_INET, address, &name.sin_addr)
    return withUnsafePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    } == 0
  }

  /// A server on `port` that answers each connection by what it was asked, in text, on a thread of its own.
  static func serve(_ port: UInt16, _ answer: @escaping @Sendable (String) -> [UInt8]) throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    try #require(bound(listener, "0.0.0.0", port) && listen(listener, 16) == 0)
    let thread = Thread {
      while true {
        let client = accept(listener, nil, nil)
        guard client >= 0 else { return }
        Thread { answerOne(client, answer) }.start()
      }
    }
    thread.start()
  }

  private static func answerOne(_ client: Int32, _ answer: (String) -> [UInt8]) {
    defer { close(client) }
    var asked: [UInt8] = []
    var bytes = [UInt8](repeating: 0, count: 4_096)
    while !String(decoding: asked, as: UTF8.self).contains("\r\n\r\n") {
      let count = recv(client, &bytes, bytes.count, 0)
      guard count > 0 else { break }
      asked += bytes[..<count]
    }
    let text = answer(String(decoding: asked, as: UTF8.self))
    var sent = 0
    while sent < text.count {
      let count = text.withUnsafeBytes { buffer in
        send(client, buffer.baseAddress.map { $0 + sent }, buffer.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
    shutdown(client, Int32(SHUT_WR))
    _ = recv(client, &bytes, bytes.count, 0)
  }

  /// Ends a server's process for good: a test's thread may have its signals blocked, and so its children SIGTERM.
  static func end(_ server: Process) {
    kill(server.processIdentifier, SIGKILL)
    server.waitUntilExit()
  }

  /// An answer with a length.
  static func answer(_ status: String, _ headers: String = "", _ body: [UInt8] = []) -> [UInt8] {
    Array("HTTP/1.1 \(status)\r\n\(headers)Content-Length: \(body.count)\r\nConnection: close\r\n\r\n".utf8)
      + body
  }
}
