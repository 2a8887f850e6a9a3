import CSystem
import Glibc
import Wire

/// Where ordinary programs find the executor's proxy: a port of the guest's own loopback, each of whose connections is
/// one stream on the channel. It knows nothing of what passes; the executor judges that.
struct Forwarder {
  private static let port: UInt16 = 3128
  /// What ordinary programs read.
  static let environment = ["http_proxy", "https_proxy", "HTTPS_PROXY"].map {
    "\($0)=http://127.0.0.1:\(port)"
  }

  private struct Client {
    let stream: UInt32
    let descriptor: Int32
    /// From the executor, on its way to the program.
    var pending: [UInt8] = []
    /// The executor says no more, once `pending` is gone.
    var isEnding = false
    /// The program says no more.
    var isSilent = false
    /// The program can be told no more.
    var isDone = false
  }

  private let listener: Int32
  private var streams = GuestStreams(opens: true)
  /// Ascending by stream.
  private var clients: [Client] = []

  /// Brings the loopback up and listens on it.
  init() throws(GuestFailure) {
    try Boot.check(csystem_loopback_up(), "bring the loopback interface up")
    var address = csystem_address()
    address.family = 4
    (address.bytes.0, address.bytes.3) = (127, 1)
    address.port = Forwarder.port
    listener = csystem_tcp_listen(&address, Int32(GuestStreams.maximumStreams))
    try Boot.check(listener, "listen on the loopback interface")
  }

  /// What to wait for, on the programs' side.
  var entries: [pollfd] {
    var entries: [pollfd] = []
    if streams.count < GuestStreams.maximumStreams {
      entries.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0))
    }
    for client in clients {
      var events: Int32 = 0
      if !client.isSilent, streams.room(client.stream) > 0 { events |= POLLIN }
      if !client.pending.isEmpty { events |= POLLOUT }
      if events != 0 { entries.append(pollfd(fd: client.descriptor, events: Int16(events), revents: 0)) }
    }
    return entries
  }

  var hasNext: Bool { streams.hasNext }
  mutating func nextFrame() -> GuestStream? { streams.nextFrame() }

  /// Moves what there is to move, without waiting.
  mutating func serve() {
    accept()
    var index = 0
    while index < clients.count {
      write(index)
      read(index)
      if finish(index) { index += 1 }
    }
  }

  private mutating func accept() {
    while streams.count < GuestStreams.maximumStreams {
      var peer = csystem_address()
      let descriptor = csystem_accept(listener, &peer)
      guard descriptor >= 0 else { return }
      guard let stream = streams.open() else {
        close(descriptor)
        return
      }
      clients.append(Client(stream: stream, descriptor: descriptor))
    }
  }

  private mutating func read(_ index: Int) {
    let room = min(streams.room(clients[index].stream), GuestStream.maximumCount)
    guard !clients[index].isSilent, room > 0 else { return }
    var bytes = [UInt8](repeating: 0, count: room)
    let count = csystem_read(clients[index].descriptor, &bytes, room)
    if count == -Int(EAGAIN) { return }
    guard count > 0 else {
      clients[index].isSilent = true
      if count < 0 { clients[index].isDone = true } else { streams.end(clients[index].stream) }
      return
    }
    streams.send(Array(bytes[..<count]), on: clients[index].stream)
  }

  private mutating func write(_ index: Int) {
    while !clients[index].pending.isEmpty {
      let pending = clients[index].pending
      let count = csystem_send(clients[index].descriptor, pending, pending.count)
      if count == -Int(EAGAIN) { return }
      guard count > 0 else {
        clients[index].isDone = true
        return
      }
      clients[index].pending.removeFirst(count)
      streams.consumed(count, of: clients[index].stream)
    }
    if clients[index].isEnding {
      _ = csystem_end_sending(clients[index].descriptor)
      clients[index].isEnding = false
      // Both have said all that they had to say; a program that has not is listened to further.
      if clients[index].isSilent { clients[index].isDone = true }
    }
  }

  /// Whether the client stays.
  private mutating func finish(_ index: Int) -> Bool {
    let client = clients[index]
    let isGone = !streams.ids.contains(client.stream) && client.pending.isEmpty && !client.isEnding
    guard client.isDone || isGone else { return true }
    if client.isDone { streams.reset(client.stream) }
    close(client.descriptor)
    clients.remove(at: index)
    return false
  }

  /// Takes what the executor says of a stream.
  mutating func take(_ frame: GuestStream) throws(GuestFailure) {
    let event: GuestStreams.Event?
    do {
      event = try streams.take(frame)
    } catch {
      throw .protocolViolation(error.what)
    }
    switch event {
    case .data(let stream, let bytes):
      if let index = index(of: stream) { clients[index].pending += bytes }
    case .ended(let stream):
      if let index = index(of: stream) { clients[index].isEnding = true }
    case .reset(let stream):
      if let index = index(of: stream) { clients[index].isDone = true }
    case .opened, .credited, nil: break
    }
  }

  private func index(of stream: UInt32) -> Int? { clients.firstIndex { $0.stream == stream } }

  /// Ends every connection.
  func end() {
    for client in clients { close(client.descriptor) }
    close(listener)
  }
}
