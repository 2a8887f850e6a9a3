/// What answer a method gives.
public enum CallShape: Equatable, Sendable {
  /// One response.
  case unary
  /// Any number of items, then a response.
  case stream
}

/// The caller's side of one connection, pure: which calls are open, and what each frame means to them.
///
/// A call: open ─▶ finished (response) │ cancelled │ expired │ lost (connection ended).
/// Only an open call is remembered. A frame for an id that was handed out and is no longer open is a
/// `Drop`; for one that was never handed out, a `PeerViolation`.
public struct ClientCalls: Sendable {
  private struct OpenCall: Sendable {
    var shape: CallShape
    var deadline: CallInstant?
  }

  private let limit: Int
  private var open: [CallID: OpenCall] = [:]
  private var deadlines = CallDeadlines()
  /// The id of the newest call. Ids start at 1 and rise by one.
  private var newest: UInt64 = 0

  /// At most `limit` calls are open at a time.
  public init(limit: Int) {
    precondition(limit > 0)
    self.limit = limit
  }

  public var openCount: Int { open.count }

  /// When `expire(at:)` next has something to do.
  public var nextDeadline: CallInstant? { deadlines.next }

  /// What opening a call leads to.
  public enum Opening: Equatable, Sendable {
    /// Send the request.
    case send(CallID, Frame)
    /// Nothing was opened: too many open calls, or the deadline has passed.
    case refused(CallStatus)
  }

  /// Opens a call. `deadline` nil means that it waits as long as the connection lives.
  public mutating func open(
    _ method: String, payload: [UInt8], shape: CallShape, deadline: CallInstant?, at now: CallInstant
  ) throws(CallMisuse) -> Opening {
    guard Request.isMethodName(method) else { throw .methodName }
    guard payload.count <= Frame.maximumPayloadCount else {
      throw .payloadTooLarge(count: payload.count)
    }
    guard open.count < limit else {
      return .refused(CallStatus(.resourceExhausted, "\(limit) calls are open on this connection"))
    }
    var timeout: UInt64 = 0
    if let deadline {
      guard deadline > now else {
        return .refused(CallStatus(.deadlineExceeded, "the deadline passed before the call was sent"))
      }
      timeout = deadline.nanoseconds - now.nanoseconds
    }
    newest += 1
    let id = CallID(newest)
    open[id] = OpenCall(shape: shape, deadline: deadline)
    if let deadline { deadlines.insert(id, at: deadline) }
    let request = Request(method: method, timeoutNanoseconds: timeout, payload: payload)
    return .send(id, Frame(call: id, .request(request)))
  }

  /// Gives a call up; the frame tells the peer. nil where it has ended already.
  public mutating func cancel(_ id: CallID) -> Frame? {
    close(id) ? Frame(call: id, .cancel) : nil
  }

  /// Ends the calls whose deadline has passed, soonest first, each with the frame that tells the peer.
  /// The caller is told `DEADLINE_EXCEEDED`.
  public mutating func expire(at now: CallInstant) -> [Frame] {
    deadlines.takeExpired(at: now).map { id in
      open[id] = nil
      return Frame(call: id, .cancel)
    }
  }

  /// Ends every call, as when the connection is gone; ascending by id.
  public mutating func end() -> [CallID] {
    defer {
      open.removeAll()
      deadlines.removeAll()
    }
    return open.keys.sorted()
  }

  /// What a frame means.
  public enum Reaction: Equatable, Sendable {
    case item(CallID, payload: [UInt8])
    /// The call has ended.
    case finished(CallID, Response)
    /// Send this back.
    case reply(Frame)
    case pong(nonce: UInt64)
    /// The peer's last word on why it closes the connection.
    case closing(CallStatus)
    case drop(Drop)
    case violation(PeerViolation)
  }

  /// Takes a frame in.
  public mutating func receive(_ frame: Frame) -> Reaction {
    switch frame.kind {
    case .item(let item): receive(item, for: frame.call)
    case .response(let response): receive(response, for: frame.call)
    case .ping(let nonce): .reply(Frame(.pong(nonce: nonce)))
    case .pong(let nonce): .pong(nonce: nonce)
    case .request(_), .cancel, .oneWay(_): .violation(.outOfTurn(kind: frame.kind?.name ?? ""))
    case nil: .violation(.noKind)
    }
  }

  private func receive(_ item: Item, for id: CallID) -> Reaction {
    guard let call = open[id] else { return late(id) }
    switch call.shape {
    case .unary: return .violation(.itemOnUnaryCall(id))
    case .stream: return .item(id, payload: item.payload)
    }
  }

  private mutating func receive(_ response: Response, for id: CallID) -> Reaction {
    if id == .connection { return .closing(response.status) }
    return close(id) ? .finished(id, response) : late(id)
  }

  private func late(_ id: CallID) -> Reaction {
    id.rawValue >= 1 && id.rawValue <= newest ? .drop(.lateAnswer(id)) : .violation(.unknownCall(id))
  }

  private mutating func close(_ id: CallID) -> Bool {
    guard let call = open.removeValue(forKey: id) else { return false }
    if let deadline = call.deadline { deadlines.remove(id, at: deadline) }
    return true
  }
}
