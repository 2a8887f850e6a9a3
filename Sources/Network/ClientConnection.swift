import EventLoop
import Wire

/// One connection of a `CallClient`: its channel, its calls, who waits for them.
final class ClientConnection: ChannelDelegate {
  let channel: Channel
  /// Counts the client's connections, so that a call's handle never names a call of a later one.
  let number: UInt64
  private weak var client: CallClient?
  private let loop: EventLoop
  private var calls: ClientCalls
  private var waiting: [CallID: Waiting] = [:]
  private let deadline: LoopDeadline
  /// The peer's last word, which explains the end better than the end does.
  private var lastWord: CallStatus?

  private struct Waiting {
    var onItem: ([UInt8]) -> Void
    var completion: (Response) -> Void
  }

  init(client: CallClient, channel: Channel, number: UInt64, limit: Int) {
    self.client = client
    self.channel = channel
    self.number = number
    loop = client.loop
    calls = ClientCalls(limit: limit)
    deadline = LoopDeadline(loop: client.loop)
  }

  // MARK: Calls

  func open(
    _ method: String, _ payload: [UInt8], _ shape: CallShape, _ timeout: Duration?,
    onItem: @escaping ([UInt8]) -> Void, completion: @escaping (Response) -> Void
  ) -> Result<CallID, CallStatus> {
    let now = loop.now
    let deadline = timeout.map { CallInstant(now + $0) }
    do throws(CallMisuse) {
      switch try calls.open(method, payload: payload, shape: shape, deadline: deadline, at: CallInstant(now))
      {
      case .refused(let status): return .failure(status)
      case .send(let id, let frame):
        switch channel.send(frame) {
        case .queued, .full: break
        // A request that is too large was no call.
        case .dropped, .tooLarge:
          _ = calls.cancel(id)
          return .failure(CallStatus(.unavailable, "the connection is closing"))
        }
        waiting[id] = Waiting(onItem: onItem, completion: completion)
        armDeadline()
        return .success(id)
      }
    } catch {
      return .failure(CallStatus(.invalidArgument, "\(error)"))
    }
  }

  func cancel(_ id: CallID) {
    guard let frame = calls.cancel(id) else { return }
    channel.send(frame)
    let completion = waiting.removeValue(forKey: id)?.completion
    loop.atEndOfTurn { [weak client] in
      completion?(Response(CallStatus(.cancelled, "the caller gave the call up")))
      client?.endIfIdle()
    }
  }

  private func finish(_ id: CallID, _ response: Response) {
    waiting.removeValue(forKey: id)?.completion(response)
    client?.endIfIdle()
  }

  /// No call is open.
  var isIdle: Bool { waiting.isEmpty }

  /// Ends where the peer's certificate is too old; true where it does.
  @discardableResult
  func review() -> Bool {
    guard channel.isOpen, let refusal = channel.verified?.objection(client?.oldestCertificate) else {
      return false
    }
    channel.refusePeer(refusal)
    return true
  }

  // MARK: The channel

  func channelOpened(_ channel: Channel, peer: PeerIdentity) {
    guard let client else { return channel.close() }
    guard client.expectation.admits(peer) else {
      return channel.refusePeer(.unexpected(expected: client.expectation, came: peer))
    }
    if !review() { client.opened(peer) }
  }

  func channel(_ channel: Channel, received frame: Frame) {
    switch calls.receive(frame) {
    case .item(let id, let payload): waiting[id]?.onItem(payload)
    case .finished(let id, let response):
      if let finality = response.finality { client?.finality = finality }
      finish(id, response)
    case .reply(let frame): channel.send(frame)
    case .pong: break
    case .closing(let status):
      lastWord = status
      channel.close()
    case .drop: client?.drops += 1
    case .violation(let violation): self.channel(channel, violated: violation)
    }
  }

  func channel(_ channel: Channel, violated violation: PeerViolation) {
    // A caller has no way to tell its callee off; it leaves.
    lastWord = CallStatus(.internal, "the server broke the protocol: \(violation.status.message)")
    channel.close()
  }

  func channelWritable(_ channel: Channel) { client?.onWritable?() }

  func channelClosed(_ channel: Channel, _ end: ChannelEnd) {
    deadline.disarm()
    let status = lastWord ?? end.status
    let ended = calls.end()
    // The client first, so that what a completion sees and does is of the state after.
    client?.ended(self, lastWord.map { .refused($0) } ?? end)
    for id in ended { finish(id, Response(status)) }
  }

  // MARK: Deadlines

  private func armDeadline() {
    guard let next = calls.nextDeadline else { return }
    do throws(EventLoopError) {
      try deadline.arm(at: MonotonicInstant(nanoseconds: next.nanoseconds)) { [weak self] in self?.expire() }
    } catch {
      channel.close()
    }
  }

  private func expire() {
    for frame in calls.expire(at: CallInstant(loop.now)) {
      channel.send(frame)
      finish(frame.call, Response(CallStatus(.deadlineExceeded, "no answer came before the deadline")))
    }
    armDeadline()
  }
}
