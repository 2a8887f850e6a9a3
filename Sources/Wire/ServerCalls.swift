/// A call as the callee sees it.
public struct ServerCall: Equatable, Sendable {
  public var id: CallID
  public var method: String
  /// On this side's clock; nil where the caller set none.
  public var deadline: CallInstant?
  public var payload: [UInt8]

  public init(id: CallID, method: String, deadline: CallInstant?, payload: [UInt8]) {
    self.id = id
    self.method = method
    self.deadline = deadline
    self.payload = payload
  }
}

/// The callee's side of one connection, pure: which calls are open, and what each frame means.
///
/// A call's states:
///
///     open ─▶ answered                     the handler responds
///     open ─▶ abandoned ─▶ answered        the caller cancels or the deadline passes first; what the
///                                          handler then says is a `Drop`
///
/// An abandoned call still occupies a place, since its handler still works: a peer cannot start more
/// work than `limit` by cancelling it.
public struct ServerCalls: Sendable {
  private enum State: Sendable {
    /// Can transition to: cancelled, expired, or be removed when answered.
    case open(deadline: CallInstant?)
    /// Can transition to: removed when answered.
    case cancelled
    /// Can transition to: removed when answered.
    case expired
  }

  private let limit: Int
  private var calls: [CallID: State] = [:]
  private var deadlines = CallDeadlines()
  private var highest = CallID.connection

  /// At most `limit` calls are worked on at a time; more are answered `RESOURCE_EXHAUSTED`.
  public init(limit: Int) {
    precondition(limit > 0)
    self.limit = limit
  }

  /// Calls whose handler has not answered.
  public var openCount: Int { calls.count }

  /// When `expire(at:)` next has something to do.
  public var nextDeadline: CallInstant? { deadlines.next }

  /// What a frame means.
  public enum Reaction: Equatable, Sendable {
    /// Hand the call to its handler, which answers it exactly once.
    case begin(ServerCall)
    case oneWay(OneWay)
    /// The caller no longer wants the answer; the handler is told, and still answers once.
    case cancelled(CallID)
    /// Send this back.
    case reply(Frame)
    case pong(nonce: UInt64)
    case drop(Drop)
    case violation(PeerViolation)
  }

  /// Takes a frame in.
  public mutating func receive(_ frame: Frame, at now: CallInstant) -> Reaction {
    switch frame.kind {
    case .request(let request): receive(request, as: frame.call, at: now)
    case .cancel: cancel(frame.call)
    case .oneWay(let message): receive(message, as: frame.call)
    case .ping(let nonce): .reply(Frame(.pong(nonce: nonce)))
    case .pong(let nonce): .pong(nonce: nonce)
    case .response(_), .item(_): .violation(.outOfTurn(kind: frame.kind?.name ?? ""))
    case nil: .violation(.noKind)
    }
  }

  private mutating func receive(
    _ request: Request, as id: CallID, at now: CallInstant
  ) -> Reaction {
    guard id > highest else { return .violation(.callIDNotRising(came: id, highest: highest)) }
    highest = id
    guard Request.isMethodName(request.method) else {
      return refuse(id, CallStatus(.invalidArgument, "expected a method name like /service/method"))
    }
    guard calls.count < limit else {
      return refuse(id, CallStatus(.resourceExhausted, "\(limit) calls are open on this connection"))
    }
    var deadline: CallInstant?
    if request.timeoutNanoseconds > 0 {
      let instant = now.advanced(byNanoseconds: request.timeoutNanoseconds)
      deadlines.insert(id, at: instant)
      deadline = instant
    }
    calls[id] = .open(deadline: deadline)
    return .begin(
      ServerCall(id: id, method: request.method, deadline: deadline, payload: request.payload))
  }

  private func refuse(_ id: CallID, _ status: CallStatus) -> Reaction {
    .reply(Frame(call: id, .response(Response(status))))
  }

  private func receive(_ message: OneWay, as id: CallID) -> Reaction {
    guard id == .connection else { return .violation(.wrongCallID(kind: "one_way", came: id)) }
    return .oneWay(message)
  }

  private mutating func cancel(_ id: CallID) -> Reaction {
    guard id > .connection, id <= highest else { return .violation(.unknownCall(id)) }
    switch calls[id] {
    case .open(let deadline):
      if let deadline { deadlines.remove(id, at: deadline) }
      calls[id] = .cancelled
      return .cancelled(id)
    case .cancelled, .expired, nil: return .drop(.lateCancel(id))
    }
  }

  /// Answers the calls whose deadline has passed, soonest first. Their handlers are to be told.
  public mutating func expire(at now: CallInstant) -> [Frame] {
    deadlines.takeExpired(at: now).map { id in
      calls[id] = .expired
      let status = CallStatus(.deadlineExceeded, "the deadline passed before the call was answered")
      return Frame(call: id, .response(Response(status)))
    }
  }

  /// What becomes of something that a handler says.
  public enum Answer: Equatable, Sendable {
    case send(Frame)
    case drop(Drop)
  }

  /// A stream item from the handler.
  public func item(_ payload: [UInt8], for id: CallID) throws(CallMisuse) -> Answer {
    guard payload.count <= Frame.maximumPayloadCount else {
      throw .payloadTooLarge(count: payload.count)
    }
    switch calls[id] {
    case .open: return .send(Frame(call: id, .item(Item(payload: payload))))
    case .cancelled: return .drop(.cancelled(id))
    case .expired: return .drop(.expired(id))
    case nil: throw .notOpen(id)
    }
  }

  /// The handler's last word on a call.
  public mutating func respond(
    _ status: CallStatus, payload: [UInt8] = [], to id: CallID
  ) throws(CallMisuse) -> Answer {
    guard payload.count <= Frame.maximumPayloadCount else {
      throw .payloadTooLarge(count: payload.count)
    }
    switch calls.removeValue(forKey: id) {
    case .open(let deadline):
      if let deadline { deadlines.remove(id, at: deadline) }
      return .send(Frame(call: id, .response(Response(status, payload: payload))))
    case .cancelled: return .drop(.cancelled(id))
    case .expired: return .drop(.expired(id))
    case nil: throw .notOpen(id)
    }
  }

  /// Ends every call, as when the connection is gone; ascending by id. Their handlers are to be told.
  public mutating func end() -> [CallID] {
    defer {
      calls.removeAll()
      deadlines.removeAll()
    }
    return calls.keys.sorted()
  }
}
