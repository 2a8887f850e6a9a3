import CSystem
import EventLoop
import Foundation
import Testing
import Wire

@testable import Network

struct Overdue: Error {}

/// Turns the loop until `done`, at most thirty seconds: a test that waits for nothing fails, it does not hang.
func turn(_ loop: EventLoop, until done: () -> Bool) throws {
  let limit = MonotonicInstant.now + .seconds(30)
  while !done() {
    guard MonotonicInstant.now < limit else { throw Overdue() }
    try loop.turn(waitingAtMost: .milliseconds(100))
  }
}

/// A trust domain with an authority.
struct Realm {
  let domain: TrustDomain
  let authority: CertificateAuthority

  init(_ name: String = "acme.example") throws {
    domain = try #require(TrustDomain(name))
    authority = try CertificateAuthority.create(domain: domain, name: "test authority")
  }

  var trust: TrustPolicy { TrustPolicy(domain: domain, authorities: [authority.certificate]) }

  /// A context for somebody of this realm.
  func context(
    _ identity: PeerIdentity, trust: TrustPolicy? = nil,
    options: CertificateAuthority.LeafOptions = .init()
  ) throws -> TLSContext {
    let issued = try authority.issue(to: identity, options: options)
    return try TLSContext(chain: [issued.certificate], key: issued.key, trust: trust ?? self.trust)
  }
}

let agent = PeerIdentity.agent(tenant: "t1", agent: "a1")
let node = PeerIdentity.node("n1")

/// A server with a few methods, and what it has seen, on one loop with its clients.
final class World {
  let loop: EventLoop
  let realm: Realm
  let server: CallServer
  var ends: [(peer: PeerIdentity?, from: SocketAddress, end: ChannelEnd)] = []
  var callers: [PeerIdentity] = []
  var messages: [[UInt8]] = []
  /// Responders of `/test.T/Hold`, which nobody answers.
  var held: [Responder] = []
  var abandoned = 0

  init(
    realm: Realm? = nil, tls: TLSContext? = nil, _ adjust: (inout CallServer.Configuration) -> Void = { _ in }
  ) throws {
    loop = try EventLoop()
    let realm = try realm ?? Realm()
    self.realm = realm
    var configuration = CallServer.Configuration()
    // On a machine that does much else besides.
    configuration.listener.channel.handshake = .seconds(30)
    adjust(&configuration)
    server = try CallServer(
      loop: loop, tls: try tls ?? realm.context(node), address: .loopback(), configuration: configuration)
    server.onEnd = { [weak self] in self?.ends.append((peer: $0, from: $1, end: $2)) }
    server.handle("/test.T/Echo") { [weak self] call, responder in
      self?.callers.append(call.peer)
      responder.respond(call.payload)
    }
    server.handle("/test.T/Hold") { [weak self] _, responder in
      responder.onAbandon = { [weak self] in self?.abandoned += 1 }
      self?.held.append(responder)
    }
    server.handle("/test.T/Forget") { _, _ in }
    server.handle("/test.T/Count") { call, responder in
      for number in 0..<call.payload.count { responder.send([UInt8(truncatingIfNeeded: number)]) }
      responder.finish()
    }
    server.handleOneWay("/test.T/Tell") { [weak self] in self?.messages.append($0.payload) }
  }

  deinit { loop.end() }

  var address: SocketAddress { server.address ?? .loopback() }

  func client(
    _ identity: PeerIdentity = agent, tls: TLSContext? = nil, expecting: PeerExpectation = .exactly(node),
    _ adjust: (inout CallClient.Configuration) -> Void = { _ in }
  ) throws -> CallClient {
    var configuration = CallClient.Configuration()
    configuration.channel.handshake = .seconds(30)
    adjust(&configuration)
    let client = CallClient(
      loop: loop, tls: try tls ?? realm.context(identity), address: address, expecting: expecting,
      configuration: configuration)
    client.connect()
    return client
  }

  /// Calls, and turns until the answer is there.
  func answer(
    _ client: CallClient, _ method: String, _ payload: [UInt8] = [], timeout: Duration? = .seconds(20)
  ) throws -> Result<[UInt8], CallStatus> {
    var result: Result<[UInt8], CallStatus>?
    client.call(method, payload, timeout: timeout) { result = $0 }
    try turn(loop) { result != nil }
    return try #require(result)
  }

  func code(_ client: CallClient, _ method: String, timeout: Duration? = .seconds(20)) throws -> StatusCode {
    switch try answer(client, method, timeout: timeout) {
    case .success: .ok
    case .failure(let status): status.code
    }
  }
}

/// A peer that does TLS properly and everything else as the test wants it: raw bytes, silence, a reset.
final class RawPeer {
  let loop: EventLoop
  private let session: TLSSession
  private var descriptor: Int32
  private var watch: EventLoop.WatchID?
  private(set) var isReady = false
  private(set) var hasEnded = false
  private(set) var frames: [Frame] = []
  private var decoder = FrameDecoder()
  private var output = ByteQueue()

  init(_ world: World, _ identity: PeerIdentity = agent) throws {
    loop = world.loop
    session = try TLSSession(context: try world.realm.context(identity), role: .client)
    var name = world.address.kernel
    descriptor = csystem_tcp_connect(&name)
    try #require(descriptor >= 0)
    var complete = false
    watch = try loop.watch(descriptor, for: [.read, .write]) { [unowned self] ready in
      if !complete { complete = (try? session.handshake()) ?? false }
      if ready.readable { read() }
      if !complete { complete = (try? session.handshake()) ?? false }
      flush()
      if complete, !isReady {
        isReady = true
        stopWriting()
      }
    }
    try turn(loop) { isReady || hasEnded }
  }

  deinit { leave() }

  private func stopWriting() {
    if let watch { try? loop.change(watch, to: .read) }
  }

  private func read() {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let got = csystem_read(descriptor, &bytes, bytes.count)
    if got == Int(-EAGAIN) { return }
    guard got > 0 else {
      hasEnded = true
      leave()
      return
    }
    _ = try? bytes[..<got].withUnsafeBytes { try session.feed($0) }
    while case .bytes(let count)? = try? bytes.withUnsafeMutableBytes({ try session.read(into: $0) }) {
      decoder.append(Array(bytes[..<count]))
      while let content = try? decoder.next(), let frame = try? Frame(decoding: content) {
        frames.append(frame)
      }
    }
  }

  private func flush() {
    session.takeOutput(into: &output)
    while !output.isEmpty {
      let put = output.withFirst(.max) { csystem_send(descriptor, $0.baseAddress, $0.count) }
      guard put > 0 else { return }
      output.removeFirst(put)
    }
  }

  /// Encrypts and sends bytes, whatever they are.
  func send(_ bytes: [UInt8]) throws {
    for start in stride(from: 0, to: bytes.count, by: 16_384) {
      try bytes[start..<min(start + 16_384, bytes.count)].withUnsafeBytes { try session.write($0) }
      flush()
    }
  }

  func send(_ frame: Frame) throws {
    var bytes: [UInt8] = []
    #expect(FrameLayout.append(frame, to: &bytes))
    try send(bytes)
  }

  /// Reads nothing from here on.
  func stopReading() {
    if let watch { try? loop.change(watch, to: .none) }
  }

  /// Closes without a word.
  func leave() {
    if let watch { loop.unwatch(watch) }
    watch = nil
    if descriptor >= 0 { _ = csystem_close(descriptor) }
    descriptor = -1
  }

  /// Closes with a reset, as the kernel of a killed process with unread data does.
  func reset() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    leave()
  }

  /// The closing status, once it is there.
  var lastWord: CallStatus? {
    for frame in frames where frame.call == .connection {
      if case .response(let response) = frame.kind { return response.status }
    }
    return nil
  }
}

/// A folder that goes with its owner.
final class TemporaryFolder {
  let path: String
  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("net-\(UUID())").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }
  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    let file = "\(path)/\(name)"
    try Data(bytes).write(to: URL(fileURLWithPath: file))
    return file
  }
}
