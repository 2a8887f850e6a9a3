// Three kinds of failure, kept apart by type: the peer broke the protocol, our own code misused a
// machine, or a frame crossed another on the way and is dropped, which is nobody's fault.

/// The peer broke the protocol; the connection ends.
public enum PeerViolation: Error, Equatable, Sendable {
  case framing(FramingError)
  case malformed(ProtobufError)
  /// A frame without a kind that is known here.
  case noKind
  /// A frame that this side of a connection never receives, such as a request at the caller.
  case outOfTurn(kind: String)
  /// A request whose id does not rise.
  case callIDNotRising(came: CallID, highest: CallID)
  /// A frame about a call that was never opened.
  case unknownCall(CallID)
  /// A stream item for a call that has one answer.
  case itemOnUnaryCall(CallID)
  /// A frame of the connection with a call's id, or of a call with the connection's.
  case wrongCallID(kind: String, came: CallID)

  /// What the peer is told before the connection closes.
  public var status: CallStatus {
    switch self {
    case .framing(let error): error.status
    case .malformed(let error): CallStatus(.invalidArgument, "malformed frame: \(error)")
    case .noKind: CallStatus(.invalidArgument, "expected a frame with a known kind")
    case .outOfTurn(let kind):
      CallStatus(.invalidArgument, "a frame of kind \(kind) does not travel in this direction")
    case .callIDNotRising(let came, let highest):
      CallStatus(.invalidArgument, "expected a call id above \(highest.rawValue), came \(came.rawValue)")
    case .unknownCall(let id): CallStatus(.invalidArgument, "\(id) was never opened")
    case .itemOnUnaryCall(let id):
      CallStatus(.invalidArgument, "\(id) has one answer, yet a stream item came for it")
    case .wrongCallID(let kind, let came):
      CallStatus(.invalidArgument, "a frame of kind \(kind) came with call id \(came.rawValue)")
    }
  }
}

/// Our own code asked for something that makes no sense: a bug on this side.
public enum CallMisuse: Error, Equatable, Sendable {
  /// The name is not `/service/method` in at most `Request.maximumMethodCount` printable ASCII bytes.
  case methodName
  /// The payload is larger than `Frame.maximumPayloadCount`.
  case payloadTooLarge(count: Int)
  /// The call was answered before, or never came.
  case notOpen(CallID)
}

/// A frame that came too late to matter. It is counted, not answered.
public enum Drop: Equatable, Sendable {
  /// An answer or item for a call that the caller has cancelled, or whose deadline has passed.
  case lateAnswer(CallID)
  /// A cancellation of a call that has been answered.
  case lateCancel(CallID)
  /// What the handler answers after the caller has cancelled.
  case cancelled(CallID)
  /// What the handler answers after the deadline.
  case expired(CallID)
}

extension Frame.Kind {
  /// The kind's name in `frame.proto`.
  var name: String {
    switch self {
    case .request: "request"
    case .response: "response"
    case .item: "item"
    case .cancel: "cancel"
    case .ping: "ping"
    case .pong: "pong"
    case .oneWay: "one_way"
    }
  }
}
