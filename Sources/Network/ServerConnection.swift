import EventLoop
import Wire

/// One connection of a `CallServer`: its channel, its calls, their responders.
final class ServerConnection: ChannelDelegate {
  let channel: Channel
  private weak var server: CallServer?
  private let loop: EventLoop
  private var calls: ServerCalls
  /// Of calls that are not answered. Weak: whoever works on a call holds its responder.
  private var responders: [CallID: WeakResponder] = [:]
  private let deadline: LoopDeadline
  /// It was made with a certificate that another has replaced, and takes no more than is open on it.
  private var isEnding = false

  private struct WeakResponder {
    weak var responder: Responder?
  }

  init(server: CallServer, channel: Channel) {
    self.server = server
    loop = server.loop
    self.channel = channel
    calls = ServerCalls(limit: server.callsPerConnection)
    deadline = LoopDeadline(loop: server.loop)
  }

  // MARK: The channel

  func channelOpened(_ channel: Channel, peer: PeerIdentity) {
    if let objection = server?.objection(to: peer, on: channel) { return channel.finish(objection) }
    review()
  }

  /// Ends where the peer's certificate is too old.
  func review() {
    guard channel.isOpen, let refusal = channel.verified?.objection(server?.oldestCertificate) else { return }
    channel.refusePeer(refusal)
  }

  /// Ends once no call is open.
  func endWhenIdle() {
    isEnding = true
    endIfIdle()
  }

  private func endIfIdle() {
    guard isEnding, calls.openCount == 0, channel.isOpen else { return }
    channel.finish(CallStatus(.unavailable, "the server has another certificate: connect again"))
  }

  func channel(_ channel: Channel, received frame: Frame) {
    switch calls.receive(frame, at: CallInstant(loop.now)) {
    case .begin(let call): begin(call)
    case .oneWay(let message): receive(message)
    case .cancelled(let id): responders[id]?.responder?.abandon()
    case .reply(let frame): transmit(frame)
    case .pong: break
    case .drop: server?.statistics.drops += 1
    case .violation(let violation): self.channel(channel, violated: violation)
    }
  }

  func channel(_ channel: Channel, violated violation: PeerViolation) {
    server?.statistics.violations += 1
    channel.finish(violation.status)
  }

  func channelWritable(_ channel: Channel) {
    // First, so that an endless stream that fills the queue again does not keep its own cancellation out.
    channel.resume()
    for id in responders.keys.sorted() { responders[id]?.responder?.onWritable?() }
  }

  func channelClosed(_ channel: Channel, _ end: ChannelEnd) {
    deadline.disarm()
    for id in calls.end() { responders[id]?.responder?.abandon() }
    responders = [:]
    server?.ended(self, end)
  }

  // MARK: Calls

  private func begin(_ call: ServerCall) {
    guard let peer = channel.peer else { return }
    server?.statistics.calls += 1
    guard let handler = server?.handler(of: call.method) else {
      _ = respond(CallStatus(.unimplemented, "there is no method \(call.method)"), [], to: call.id)
      return
    }
    let responder = Responder(id: call.id, connection: self)
    responders[call.id] = WeakResponder(responder: responder)
    armDeadline()
    handler(
      IncomingCall(
        peer: peer, method: call.method, payload: call.payload,
        deadline: call.deadline.map { MonotonicInstant(nanoseconds: $0.nanoseconds) }),
      responder)
  }

  private func receive(_ message: OneWay) {
    guard let peer = channel.peer else { return }
    server?.statistics.messages += 1
    guard let handler = server?.messageHandler(of: message.method) else {
      server?.statistics.unknownMessages += 1
      return
    }
    handler(IncomingMessage(peer: peer, method: message.method, payload: message.payload))
  }

  func send(item: [UInt8], for id: CallID) -> Responder.Delivery {
    do throws(CallMisuse) {
      return deliver(try calls.item(item, for: id))
    } catch {
      countMisuse()
      return .misuse
    }
  }

  func respond(_ status: CallStatus, _ payload: [UInt8], to id: CallID) -> Responder.Delivery {
    responders[id] = nil
    do throws(CallMisuse) {
      defer { endIfIdle() }
      return deliver(try calls.respond(status, payload: payload, to: id))
    } catch {
      // The connection has ended, and its calls with it.
      return .dropped
    }
  }

  func countMisuse() { server?.statistics.misuses += 1 }

  private func deliver(_ answer: ServerCalls.Answer) -> Responder.Delivery {
    switch answer {
    case .send(var frame):
      if case .response(var response) = frame.kind, let finality = server?.finality?() {
        response.finality = finality
        frame.kind = .response(response)
      }
      return transmit(frame)
    case .drop:
      server?.statistics.drops += 1
      return .dropped
    }
  }

  @discardableResult
  private func transmit(_ frame: Frame) -> Responder.Delivery {
    switch channel.send(frame) {
    case .queued: return .queued
    case .full:
      holdBack(after: frame)
      return .full
    // An answer that is too large was refused before it became a frame.
    case .dropped, .tooLarge: return .dropped
    }
  }

  /// A peer that does not read its answers may not ask for more. Streams are held back by their own
  /// `onWritable`, and must not keep out the frame that cancels them.
  private func holdBack(after frame: Frame) {
    if case .item = frame.kind { return }
    channel.pause()
  }

  // MARK: Deadlines

  private func armDeadline() {
    guard let next = calls.nextDeadline else { return }
    do throws(EventLoopError) {
      try deadline.arm(at: MonotonicInstant(nanoseconds: next.nanoseconds)) { [weak self] in self?.expire() }
    } catch {
      channel.finish(CallStatus(.resourceExhausted, "no room for another deadline"))
    }
  }

  private func expire() {
    for frame in calls.expire(at: CallInstant(loop.now)) {
      transmit(frame)
      responders[frame.call]?.responder?.abandon()
    }
    armDeadline()
  }
}

extension CallInstant {
  init(_ instant: MonotonicInstant) { self.init(nanoseconds: instant.nanoseconds) }
}
