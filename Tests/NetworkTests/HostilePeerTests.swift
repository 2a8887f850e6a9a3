import EventLoop
import Testing
import Wire

@testable import Network

@Suite("Hostile and failing peers")
struct HostilePeerTests {
  /// What a server says last to a peer that sent these bytes.
  private func lastWord(_ bytes: [UInt8]) throws -> StatusCode? {
    let world = try World()
    let peer = try RawPeer(world)
    try peer.send(bytes)
    try turn(world.loop) { peer.hasEnded && world.server.connectionCount == 0 }
    #expect(world.server.statistics.violations == 1)
    // Another peer does not notice.
    #expect(try world.code(try world.client(), "/test.T/Echo") == .ok)
    return peer.lastWord?.code
  }

  @Test("an oversized frame is RESOURCE_EXHAUSTED, and then the door")
  func oversized() throws {
    #expect(try lastWord([0, 0, 0x40, 0, 1]) == .resourceExhausted)
    #expect(
      try lastWord([0, 0xFF, 0xFF, 0xFF, 0xFF] + [UInt8](repeating: 0, count: 300_000)) == .resourceExhausted)
  }

  @Test("a compressed frame is UNIMPLEMENTED, and then the door")
  func compressed() throws {
    #expect(try lastWord([1, 0, 0, 0, 2, 9, 9]) == .unimplemented)
  }

  @Test("what is no frame is INVALID_ARGUMENT, and then the door")
  func malformed() throws {
    #expect(try lastWord([0, 0, 0, 0, 1, 0xFF]) == .invalidArgument)
    #expect(try lastWord([7, 0, 0, 0, 0]) == .invalidArgument)
    #expect(try lastWord([0, 0, 0, 0, 0]) == .invalidArgument)
    var bytes: [UInt8] = []
    #expect(FrameLayout.append(Frame(call: CallID(1), .response(Response(.ok))), to: &bytes))
    #expect(try lastWord(bytes) == .invalidArgument)
  }

  @Test("half a frame and silence is dropped at its deadline")
  func halfFrame() throws {
    let world = try World { $0.listener.channel.frame = .milliseconds(40) }
    let peer = try RawPeer(world)
    try peer.send([0, 0, 0, 1, 0, 1, 2, 3])
    try turn(world.loop) { world.server.connectionCount == 0 }
    #expect(world.ends.first?.end == .frameOverdue)
  }

  @Test("a frame that trickles in does not live longer for it")
  func trickle() throws {
    let world = try World { $0.listener.channel.frame = .milliseconds(60) }
    let peer = try RawPeer(world)
    try peer.send([0, 0, 0, 1, 0])
    let start = world.loop.now
    func more() {
      guard world.server.connectionCount > 0 else { return }
      try? peer.send([1])
      _ = try? world.loop.schedule(after: .milliseconds(5), more)
    }
    more()
    try turn(world.loop) { world.server.connectionCount == 0 }
    #expect(world.ends.first?.end == .frameOverdue)
    #expect(world.loop.now.since(start) < .seconds(5))
  }

  @Test("a silent peer is pinged, then dropped; one that answers pings stays")
  func idle() throws {
    let world = try World { $0.listener.channel.idle = .milliseconds(80) }
    let silent = try RawPeer(world)
    let client = try world.client()
    #expect(try world.code(client, "/test.T/Echo") == .ok)
    try turn(world.loop) { world.server.connectionCount == 1 }
    #expect(world.ends.map(\.end) == [.idle])
    #expect(silent.frames.contains { if case .ping = $0.kind { true } else { false } })
    let end = world.loop.now + .milliseconds(200)
    try turn(world.loop) { world.loop.now > end }
    #expect(try world.code(client, "/test.T/Echo") == .ok)
    #expect(world.server.connectionCount == 1)
  }

  @Test("a client that is killed in mid-call leaves nothing behind", arguments: [true, false])
  func killed(byReset: Bool) throws {
    let world = try World()
    let peer = try RawPeer(world)
    for id in 1...3 as ClosedRange<UInt64> {
      try peer.send(Frame(call: CallID(id), .request(Request(method: "/test.T/Hold", payload: []))))
    }
    try turn(world.loop) { world.held.count == 3 }
    if byReset { peer.reset() } else { peer.leave() }
    try turn(world.loop) { world.server.connectionCount == 0 }
    #expect(world.abandoned == 3)
    #expect(world.held.allSatisfy { $0.respond([1]) == .dropped })
  }

  /// A server method that streams 64 KiB items: as long as it may, or regardless.
  private func streaming(_ world: World, obeys: Bool, total: Int = .max) -> StreamLog {
    let log = StreamLog()
    world.server.handle("/test.T/Flood") { _, responder in
      func more() {
        while log.sent < total {
          let delivery = responder.send([UInt8](repeating: 1, count: 65_536))
          guard delivery == .queued || delivery == .full else { return }
          log.sent += 1
          if delivery == .full {
            log.fulls += 1
            if obeys { return }
          }
        }
        responder.finish()
      }
      responder.onWritable = more
      responder.onAbandon = { log.abandoned = true }
      more()
    }
    return log
  }

  private final class StreamLog {
    var sent = 0
    var fulls = 0
    var abandoned = false
  }

  private let flood = Frame(call: CallID(1), .request(Request(method: "/test.T/Flood", payload: [])))

  @Test("a reader that stops is held back, and after a while shown the door")
  func slowReader() throws {
    let world = try World { $0.listener.channel.stall = .milliseconds(60) }
    let log = streaming(world, obeys: true)
    let peer = try RawPeer(world)
    peer.stopReading()
    try peer.send(flood)
    try turn(world.loop) { world.server.connectionCount == 0 }
    #expect(world.ends.first?.end == .stalled)
    #expect(log.fulls > 0)
    #expect(log.abandoned)
    // What the kernel's buffers on both sides took, and the high-water mark; far from everything.
    #expect(log.sent < 1_000)
  }

  @Test("a stream that does not heed back-pressure ends its connection at the hard cap")
  func hardCap() throws {
    let world = try World()
    let log = streaming(world, obeys: false)
    let peer = try RawPeer(world)
    peer.stopReading()
    try peer.send(flood)
    try turn(world.loop) { world.server.connectionCount == 0 }
    #expect(world.ends.first?.end == .queueOverflow(limit: 16 << 20))
    #expect(log.abandoned)
  }

  @Test("a reader that pauses gets all of a big stream in the end, and the server holds little of it")
  func bigStream() throws {
    let world = try World()
    let total = 1_000
    let log = streaming(world, obeys: true, total: total)
    let client = try world.client()
    var received = 0
    var end: CallStatus?
    client.stream("/test.T/Flood", [], timeout: nil, onItem: { received += $0.count }) { end = $0 }
    try turn(world.loop) { log.sent > 0 }
    client.pause()
    try turn(world.loop) { log.fulls > 0 }
    // It does not go on while nobody reads.
    let sent = log.sent
    for _ in 0..<20 { try world.loop.turn(waitingAtMost: .milliseconds(1)) }
    #expect(log.sent < total && log.sent - sent < 200)
    client.resume()
    try turn(world.loop) { end != nil }
    #expect(end == .ok)
    #expect(received == total * 65_536)
  }

  @Test("a caller that does not read its answers may not go on asking")
  func askingWithoutReading() throws {
    let world = try World { $0.listener.channel.stall = .milliseconds(60) }
    var asked = 0
    world.server.handle("/test.T/Big") { _, responder in
      asked += 1
      responder.respond([UInt8](repeating: 5, count: 100_000))
    }
    let peer = try RawPeer(world)
    peer.stopReading()
    // All the questions fit into one read of the server, all the answers would be over its hard cap.
    for id in 1...400 as ClosedRange<UInt64> {
      try peer.send(Frame(call: CallID(id), .request(Request(method: "/test.T/Big", payload: []))))
    }
    try turn(world.loop) { world.server.connectionCount == 0 }
    #expect(world.ends.first?.end == .stalled)
    #expect(asked < 400)
  }

  @Test(
    "mutated streams close a connection or are answered; the server lives on",
    arguments: 0..<8 as Range<UInt64>)
  func fuzz(seed: UInt64) throws {
    var state = seed &* 0x9E37_79B9_7F4A_7C15 | 1
    func random(_ bound: Int) -> Int {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return Int(state % UInt64(bound))
    }
    let world = try World { $0.listener.channel.frame = .milliseconds(20) }
    for _ in 0..<12 {
      let peer = try RawPeer(world)
      var bytes: [UInt8] = []
      for id in 1...5 as ClosedRange<UInt64> {
        _ = FrameLayout.append(
          Frame(call: CallID(id), .request(Request(method: "/test.T/Echo", payload: [1, 2, 3]))), to: &bytes)
      }
      for _ in 0..<(1 + random(6)) { bytes[random(bytes.count)] = UInt8(random(256)) }
      try peer.send(bytes)
      // A whole frame at the end tells that everything before it was taken in, if nothing was amiss.
      try turn(world.loop) { peer.hasEnded || peer.frames.count >= 5 || world.server.connectionCount == 0 }
      peer.leave()
      try turn(world.loop) { world.server.connectionCount == 0 }
    }
    #expect(try world.code(try world.client(), "/test.T/Echo") == .ok)
  }
}
