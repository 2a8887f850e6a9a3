/// Why a ttRPC call has no reply that counts.
public enum TTRPCFailure: Error, Equatable, Sendable, CustomStringConvertible {
  /// The other side said so.
  case refused(RemoteStatus)
  /// The caller's own deadline. A reply that comes later is dropped.
  case deadlineExceeded
  /// The connection ended, in the middle of a reply perhaps.
  case connectionLost(String)
  case malformedReply(ProtobufError)
  /// The request is over the limit, and was not sent.
  case oversized(count: Int)
  /// As many calls are open as there may be, or the stream ids are used up.
  case exhausted

  public var description: String {
    switch self {
    case .refused(let status): "\(status)"
    case .deadlineExceeded: "no answer within the deadline"
    case .connectionLost(let why): "the connection ended: \(why)"
    case .malformedReply(let error): "the reply is malformed: \(error)"
    case .oversized(let count):
      "expected a request of at most \(TTRPCFrame.maximumCount) bytes, found one of \(count)"
    case .exhausted: "too many calls"
    }
  }
}

/// The caller's side of one ttRPC connection, as a value: bytes and instants in, bytes and completions out.
///
/// Stream ids are odd and rise. Every call has a deadline of its own. A response to a stream that is not open (an
/// earlier call that ran out of time, or none) is dropped. Each call ends once, and what was cut off never ends as a
/// success.
public struct TTRPCCalls: Sendable {
  public struct Completion: Equatable, Sendable {
    public let stream: UInt32
    public let result: Result<[UInt8], TTRPCFailure>

    public init(stream: UInt32, result: Result<[UInt8], TTRPCFailure>) {
      self.stream = stream
      self.result = result
    }
  }

  private struct OpenCall: Sendable {
    var stream: UInt32
    var deadline: CallInstant
  }

  /// Most calls at once.
  public static let maximumOpen = 64

  private var decoder = TTRPCDecoder()
  /// Ascending by stream; few, so that the soonest deadline is found by looking at all.
  private var open: [OpenCall] = []
  private var nextStream: UInt32 = 1

  public init() {}

  /// The soonest deadline of the calls that are open.
  public var nextDeadline: CallInstant? { open.map(\.deadline).min() }

  /// Opens a call; what comes back is to be sent.
  public mutating func call(
    _ service: String, _ method: String, _ payload: [UInt8], now: CallInstant, timeoutNanoseconds: UInt64
  ) throws(TTRPCFailure) -> (stream: UInt32, bytes: [UInt8]) {
    guard open.count < TTRPCCalls.maximumOpen, nextStream < .max - 1 else { throw .exhausted }
    let request = TTRPCRequest(
      service: service, method: method, payload: payload,
      timeoutNanoseconds: Int64(clamping: timeoutNanoseconds)
    ).encode()
    let frame = TTRPCFrame(stream: nextStream, kind: .request, payload: request)
    guard let bytes = frame.framed else { throw .oversized(count: request.count) }
    open.append(
      OpenCall(stream: nextStream, deadline: now.advanced(byNanoseconds: timeoutNanoseconds)))
    nextStream += 2
    return (frame.stream, bytes)
  }

  /// Takes what has come.
  public mutating func receive(_ bytes: [UInt8]) throws(TTRPCViolation) -> [Completion] {
    decoder.append(bytes)
    var completions: [Completion] = []
    while let frame = try decoder.next() {
      guard frame.kind == .response else { throw .outOfTurn(frame.kind) }
      guard let position = open.firstIndex(where: { $0.stream == frame.stream }) else { continue }
      open.remove(at: position)
      completions.append(Completion(stream: frame.stream, result: TTRPCCalls.result(frame.payload)))
    }
    return completions
  }

  private static func result(_ payload: [UInt8]) -> Result<[UInt8], TTRPCFailure> {
    do {
      let response = try TTRPCResponse(decoding: payload)
      if let status = response.status, status.code != 0 { return .failure(.refused(status)) }
      return .success(response.payload)
    } catch {
      return .failure(.malformedReply(error))
    }
  }

  /// Ends the calls whose deadline is not after `now`.
  public mutating func expire(at now: CallInstant) -> [Completion] {
    let expired = open.filter { $0.deadline <= now }
    open.removeAll { $0.deadline <= now }
    return expired.map { Completion(stream: $0.stream, result: .failure(.deadlineExceeded)) }
  }

  /// Ends every call: no more bytes will come.
  public mutating func close(_ why: String) -> [Completion] {
    let cut = decoder.count > 0 ? "\(why), in the middle of a reply" : why
    defer { open = [] }
    return open.map { Completion(stream: $0.stream, result: .failure(.connectionLost(cut))) }
  }
}

/// The called side of one ttRPC connection for unary calls, as a value.
public struct TTRPCAnswers: Sendable {
  private var decoder = TTRPCDecoder()

  public init() {}

  /// Takes what has come; a request that is no message is answered for by `malformed`.
  public mutating func receive(
    _ bytes: [UInt8]
  ) throws(TTRPCViolation) -> [(stream: UInt32, request: Result<TTRPCRequest, ProtobufError>)] {
    decoder.append(bytes)
    var requests: [(stream: UInt32, request: Result<TTRPCRequest, ProtobufError>)] = []
    while let frame = try decoder.next() {
      guard frame.kind == .request else { throw .outOfTurn(frame.kind) }
      let request: Result<TTRPCRequest, ProtobufError>
      do {
        request = .success(try TTRPCRequest(decoding: frame.payload))
      } catch {
        request = .failure(error)
      }
      requests.append((frame.stream, request))
    }
    return requests
  }

  /// The frame of an answer.
  public static func answer(_ stream: UInt32, _ response: TTRPCResponse) -> [UInt8] {
    let frame = TTRPCFrame(stream: stream, kind: .response, payload: response.encode())
    let tooLong = RemoteStatus(.resourceExhausted, "the answer is too long")
    return frame.framed
      ?? TTRPCFrame(stream: stream, kind: .response, payload: TTRPCResponse(status: tooLong).encode())
      .framed ?? []
  }
}
