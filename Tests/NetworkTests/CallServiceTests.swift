import EventLoop
import Testing
import Wire

@testable import Network

@Suite("Calls over the network")
struct CallServiceTests {
  @Test(
    "an unknown method is UNIMPLEMENTED, a forgotten answer INTERNAL, a bad name our own INVALID_ARGUMENT")
  func codes() throws {
    let world = try World()
    let client = try world.client()
    #expect(try world.code(client, "/test.T/Nothing") == .unimplemented)
    #expect(try world.code(client, "/test.T/Forget") == .internal)
    #expect(try world.code(client, "nonsense") == .invalidArgument)
    #expect(try world.code(client, "/test.T/Echo") == .ok)
  }

  @Test("a passed deadline ends the call on both sides")
  func deadline() throws {
    let world = try World()
    let client = try world.client()
    #expect(try world.code(client, "/test.T/Hold", timeout: .milliseconds(30)) == .deadlineExceeded)
    try turn(world.loop) { world.abandoned == 1 }
    #expect(world.held.first?.respond([1]) == .dropped)
    #expect(try world.code(client, "/test.T/Echo") == .ok)
    // A client that does not keep its own deadline is told by the server.
    let raw = try RawPeer(world)
    let request = Request(method: "/test.T/Hold", timeoutNanoseconds: 20_000_000, payload: [])
    try raw.send(Frame(call: CallID(1), .request(request)))
    try turn(world.loop) { !raw.frames.isEmpty }
    guard case .response(let response) = raw.frames[0].kind else {
      return #expect(Bool(false), "\(raw.frames)")
    }
    #expect(response.status.code == .deadlineExceeded)
    #expect(world.abandoned == 2)
  }

  @Test("a cancelled call is given up on both sides")
  func cancel() throws {
    let world = try World()
    let client = try world.client()
    var result: Result<[UInt8], CallStatus>?
    let handle = client.call("/test.T/Hold", [], timeout: nil) { result = $0 }
    try turn(world.loop) { world.held.count == 1 }
    client.cancel(try #require(handle))
    #expect(result == nil, "a completion ran inside the call that caused it")
    try turn(world.loop) { world.abandoned == 1 && result != nil }
    guard case .failure(let status) = result else { return #expect(Bool(false), "answered") }
    #expect(status.code == .cancelled)
    client.cancel(try #require(handle))
  }

  @Test("a thousand calls at once on one connection, answered in any order")
  func thousand() throws {
    let world = try World()
    var waiting: [(Responder, [UInt8])] = []
    world.server.handle("/test.T/Shuffle") { call, responder in
      waiting.append((responder, call.payload))
      guard waiting.count == 1_000 else { return }
      var random = SystemRandomNumberGenerator()
      for (responder, payload) in waiting.shuffled(using: &random) { responder.respond(payload) }
      waiting = []
    }
    let client = try world.client()
    var answers = [Int?](repeating: nil, count: 1_000)
    var count = 0
    for number in 0..<1_000 {
      let payload = [UInt8(number / 256), UInt8(number % 256)]
      client.call("/test.T/Shuffle", payload, timeout: .seconds(20)) { result in
        count += 1
        if let bytes = try? result.get() { answers[number] = Int(bytes[0]) * 256 + Int(bytes[1]) }
      }
    }
    try turn(world.loop) { count == 1_000 }
    #expect(answers == (0..<1_000).map { $0 })
    #expect(world.server.statistics.connections == 1)
  }

  @Test("calls over the server's limit are RESOURCE_EXHAUSTED, the connection lives on")
  func callLimit() throws {
    let world = try World { $0.callsPerConnection = 3 }
    let client = try world.client()
    for _ in 0..<3 { client.call("/test.T/Hold", [], timeout: nil) { _ in } }
    #expect(try world.code(client, "/test.T/Echo") == .resourceExhausted)
    world.held[0].respond([])
    #expect(try world.code(client, "/test.T/Echo") == .ok)
  }

  @Test("the largest payload travels, one byte more does not leave")
  func largest() throws {
    let world = try World()
    let client = try world.client()
    let payload = (0..<Frame.maximumPayloadCount).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
    #expect(try world.answer(client, "/test.T/Echo", payload) == .success(payload))
    guard case .failure(let status) = try world.answer(client, "/test.T/Echo", payload + [0]) else {
      return #expect(Bool(false), "it left")
    }
    #expect(status.code == .invalidArgument)
  }

  @Test("a stream's items come in order, then its end")
  func stream() throws {
    let world = try World()
    let client = try world.client()
    var items: [UInt8] = []
    var end: CallStatus?
    client.stream("/test.T/Count", [UInt8](repeating: 0, count: 200), timeout: nil, onItem: { items += $0 }) {
      end = $0
    }
    try turn(world.loop) { end != nil }
    #expect(end == .ok)
    #expect(items == (0..<200).map { UInt8($0) })
  }

  @Test("one-way messages come in order, many in a turn; those of unknown methods are counted")
  func oneWay() throws {
    let world = try World()
    let client = try world.client()
    for number in 0..<5_000 {
      #expect(client.oneWay("/test.T/Tell", [UInt8(number / 256), UInt8(number % 256)]) != .dropped)
    }
    _ = client.oneWay("/test.T/Nothing", [])
    try turn(world.loop) { world.server.statistics.messages == 5_001 }
    #expect(world.messages.map { Int($0[0]) * 256 + Int($0[1]) } == Array(0..<5_000))
    #expect(world.server.statistics.unknownMessages == 1)
    client.close()
    #expect(client.oneWay("/test.T/Tell", [1]) == .dropped)
  }

  @Test(
    "a one-way message that no frame holds is said to be too large, connected or not; the largest one arrives"
  )
  func oneWayTooLarge() throws {
    let world = try World()
    let client = try world.client()
    let largest = [UInt8](repeating: 7, count: Frame.maximumPayloadCount)
    #expect(client.oneWay("/test.T/Tell", largest + [7]) == .tooLarge)
    #expect(client.oneWay("/test.T/Tell", largest) != .tooLarge)
    try turn(world.loop) { world.server.statistics.messages == 1 }
    #expect(world.messages.map(\.count) == [largest.count], "the other ended nothing")
    client.close()
    #expect(client.oneWay("/test.T/Tell", largest + [7]) == .tooLarge)
  }

  @Test("a second answer is a bug that is counted and goes no further")
  func misuse() throws {
    let world = try World()
    world.server.handle("/test.T/Twice") { _, responder in
      #expect(responder.respond([1]) == .queued)
      #expect(responder.respond([2]) == .misuse)
    }
    let client = try world.client()
    #expect(try world.answer(client, "/test.T/Twice") == .success([1]))
    #expect(world.server.statistics.misuses == 1)
  }

  @Test("an answer or an item above the limit ends the call with RESOURCE_EXHAUSTED and says why")
  func tooLargeAnAnswer() throws {
    let world = try World()
    let large = [UInt8](repeating: 0, count: Frame.maximumPayloadCount + 1)
    world.server.handle("/test.T/Large") { _, responder in
      #expect(responder.respond(large) == .misuse)
      #expect(responder.fail(CallStatus(.internal, "too late")) == .misuse)
    }
    world.server.handle("/test.T/LargeItem") { _, responder in
      #expect(responder.send([1]) == .queued)
      #expect(responder.send(large) == .misuse)
      #expect(responder.send([2]) == .misuse)
    }
    let client = try world.client()
    let expected = CallStatus(
      .resourceExhausted,
      "the answer has \(large.count) bytes, and a message carries at most \(Frame.maximumPayloadCount)")
    #expect(try world.answer(client, "/test.T/Large") == .failure(expected))
    var items: [UInt8] = []
    var end: CallStatus?
    client.stream("/test.T/LargeItem", [], timeout: .seconds(20), onItem: { items += $0 }) { end = $0 }
    try turn(world.loop) { end != nil }
    #expect(items == [1])
    #expect(end == expected)
    #expect(world.server.statistics.misuses == 4)
  }

  @Test("a server that goes down tells its clients; open calls end", arguments: [true, false])
  func serverCloses(politely: Bool) throws {
    let world = try World()
    let client = try world.client()
    var result: Result<[UInt8], CallStatus>?
    client.call("/test.T/Hold", [], timeout: nil) { result = $0 }
    try turn(world.loop) { world.held.count == 1 }
    if politely { world.server.close() } else { client.close() }
    try turn(world.loop) { result != nil && world.abandoned == 1 }
    guard case .failure(let status) = result else { return #expect(Bool(false), "answered") }
    #expect(status.code == (politely ? .unavailable : .cancelled))
    #expect(world.held[0].respond([1]) == .dropped)
  }

  @Test("nothing is left of a connection that has ended, on either side")
  func released() throws {
    let world = try World()
    let client = try world.client()
    #expect(try world.code(client, "/test.T/Echo") == .ok)
    client.call("/test.T/Hold", [], timeout: .seconds(20)) { _ in }
    client.stream("/test.T/Count", [1, 2, 3], timeout: nil, onItem: { _ in }) { _ in }
    try turn(world.loop) { world.held.count == 1 }
    weak let near = client.connection
    weak let nearChannel = client.connection?.channel
    weak let far = world.server.connections.values.first
    weak let farChannel = world.server.connections.values.first?.channel
    #expect(near != nil && nearChannel != nil && far != nil && farChannel != nil)
    weak var responder: Responder?
    world.server.handle("/test.T/Endless") { _, stream in
      responder = stream
      stream.onWritable = { stream.send([1]) }
      stream.send([1])
    }
    client.stream("/test.T/Endless", [], timeout: nil, onItem: { _ in }) { _ in }
    try turn(world.loop) { responder != nil }
    client.close()
    try turn(world.loop) { world.server.connectionCount == 0 && responder == nil }
    try world.loop.turn(waitingAtMost: .zero)
    #expect(near == nil && nearChannel == nil && far == nil && farChannel == nil)
  }

  @Test("a client with a backoff comes back when its server does")
  func reconnect() throws {
    let realm = try Realm()
    let first = try World(realm: realm)
    let address = first.address
    let loop = first.loop
    var configuration = CallClient.Configuration()
    configuration.reconnection = .backoff(first: .milliseconds(1), cap: .milliseconds(8))
    let client = CallClient(
      loop: loop, tls: try realm.context(agent), address: address, expecting: .anyNode,
      configuration: configuration)
    var waits = 0
    client.onStateChange = { if case .waiting = $0 { waits += 1 } }
    client.connect()
    let old = try #require(client.call("/test.T/Hold", [], timeout: nil) { _ in })
    #expect(try first.code(client, "/test.T/Echo") == .ok)
    first.server.close()
    try turn(loop) { waits >= 4 }
    #expect(try first.code(client, "/test.T/Echo") == .unavailable)
    let second = try CallServer(loop: loop, tls: try realm.context(node), address: address)
    second.handle("/test.T/Echo") { $1.respond($0.payload) }
    try turn(loop) { client.state == .connected(node) }
    // Ids start again with the connection: what the old handle named must not hit its successor.
    var result: Result<[UInt8], CallStatus>?
    client.call("/test.T/Echo", [9], timeout: .seconds(20)) { result = $0 }
    client.cancel(old)
    try turn(loop) { result != nil }
    #expect(result == .success([9]))
  }

  @Test("a blocking client calls, streams and reports, without a loop in sight")
  func blocking() throws {
    let realm = try Realm()
    let address = AddressBox()
    let context = try realm.context(node)
    let thread = try LoopThread(name: "server") { loop in
      let server = try CallServer(loop: loop, tls: context, address: .loopback())
      server.handle("/test.T/Echo") { $1.respond($0.payload) }
      server.handle("/test.T/Endless") { _, responder in
        func more() {
          while responder.send([UInt8](repeating: 7, count: 10_000)) == .queued {}
        }
        responder.onWritable = more
        more()
      }
      address.put(server.address)
      // The loop holds what its timers hold.
      _ = try loop.schedule(after: .seconds(3_600)) { server.close() }
    }
    let client = try BlockingClient(
      tls: try realm.context(agent), address: try #require(address.wait()), expecting: .exactly(node))
    #expect(try client.call("/test.T/Echo", [1, 2, 3], timeout: .seconds(10)) == [1, 2, 3])
    #expect(throws: CallStatus(.unimplemented, "there is no method /test.T/No")) {
      try client.call("/test.T/No", [], timeout: .seconds(10))
    }
    var items = 0
    try client.stream("/test.T/Endless", [], timeout: .seconds(20)) { item in
      #expect(item.count == 10_000)
      items += 1
      return items < 2_000
    }
    #expect(items == 2_000)
    #expect(try client.call("/test.T/Echo", [4], timeout: .seconds(10)) == [4])
    try thread.stopAndJoin()
    #expect(throws: CallStatus.self) { try client.call("/test.T/Echo", [4], timeout: .seconds(10)) }
  }
}
