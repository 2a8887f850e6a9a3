import Testing
import Wire

private func at(_ nanoseconds: UInt64) -> CallInstant { CallInstant(nanoseconds: nanoseconds) }
private func response(_ id: UInt64, _ code: StatusCode = .ok, _ payload: [UInt8] = []) -> Frame {
  Frame(call: CallID(id), .response(Response(CallStatus(code), payload: payload)))
}
private func item(_ id: UInt64) -> Frame { Frame(call: CallID(id), .item(Item(payload: [1]))) }

@Suite("Calls, caller's side")
struct ClientCallsTests {
  private func opened(_ count: Int, _ shape: CallShape = .unary, limit: Int = 8) throws -> ClientCalls {
    var calls = ClientCalls(limit: limit)
    for index in 0..<count {
      _ = try calls.open("/s/m", payload: [], shape: shape, deadline: at(100 + UInt64(index)), at: at(0))
    }
    return calls
  }

  @Test("ids rise from 1, and the deadline travels as the time left")
  func open() throws {
    var calls = ClientCalls(limit: 8)
    for id in 1...3 as ClosedRange<UInt64> {
      let request = Request(method: "/s/m", timeoutNanoseconds: 70, payload: [4])
      #expect(
        try calls.open("/s/m", payload: [4], shape: .unary, deadline: at(100), at: at(30))
          == .send(CallID(id), Frame(call: CallID(id), .request(request))))
    }
    #expect(calls.openCount == 3)
    #expect(calls.nextDeadline == at(100))
  }

  @Test("too many open calls and passed deadlines are refused; nonsense is our bug")
  func refused() throws {
    var calls = try opened(2, limit: 2)
    guard
      case .refused(let full) = try calls.open("/s/m", payload: [], shape: .unary, deadline: nil, at: at(0))
    else { return #expect(Bool(false), "a third call was opened") }
    #expect(full.code == .resourceExhausted)
    _ = calls.end()
    guard
      case .refused(let late) = try calls.open("/s/m", payload: [], shape: .unary, deadline: at(5), at: at(5))
    else { return #expect(Bool(false), "a call past its deadline was opened") }
    #expect(late.code == .deadlineExceeded)
    for name in [
      "", "m", "/m", "/s/", "//m", "/s/m/x", "/s/m n", "/s/é",
      "/" + String(repeating: "x", count: 256) + "/m",
    ] {
      #expect(throws: CallMisuse.methodName) {
        try calls.open(name, payload: [], shape: .unary, deadline: nil, at: at(0))
      }
    }
    #expect(throws: CallMisuse.payloadTooLarge(count: 4_194_304)) {
      try calls.open(
        "/s/m", payload: [UInt8](repeating: 0, count: 4_194_304), shape: .unary, deadline: nil, at: at(0))
    }
  }

  @Test("a response ends its call once; what comes after is dropped")
  func finish() throws {
    var calls = try opened(2)
    #expect(calls.receive(response(2, .ok, [7])) == .finished(CallID(2), Response(.ok, payload: [7])))
    #expect(calls.receive(response(2)) == .drop(.lateAnswer(CallID(2))))
    #expect(calls.receive(item(2)) == .drop(.lateAnswer(CallID(2))))
    #expect(calls.openCount == 1)
  }

  @Test("items come on streams only")
  func items() throws {
    var streams = try opened(1, .stream)
    #expect(streams.receive(item(1)) == .item(CallID(1), payload: [1]))
    #expect(streams.receive(response(1)) == .finished(CallID(1), Response(.ok)))
    var unary = try opened(1)
    #expect(unary.receive(item(1)) == .violation(.itemOnUnaryCall(CallID(1))))
  }

  @Test("cancelled and expired calls are told to the peer and forgotten")
  func cancel() throws {
    var calls = try opened(3)
    #expect(calls.cancel(CallID(2)) == Frame(call: CallID(2), .cancel))
    #expect(calls.cancel(CallID(2)) == nil)
    #expect(calls.expire(at: at(99)) == [])
    #expect(calls.expire(at: at(102)) == [Frame(call: CallID(1), .cancel), Frame(call: CallID(3), .cancel)])
    #expect(calls.nextDeadline == nil)
    #expect(calls.receive(response(1)) == .drop(.lateAnswer(CallID(1))))
  }

  @Test("the end of the connection ends every call, in order")
  func end() throws {
    var calls = try opened(5)
    #expect(calls.end() == (1...5).map { CallID($0) })
    #expect(calls.openCount == 0)
    #expect(calls.nextDeadline == nil)
  }

  @Test("what a callee never sends is its violation")
  func violations() throws {
    var calls = try opened(1)
    #expect(calls.receive(response(2)) == .violation(.unknownCall(CallID(2))))
    #expect(calls.receive(item(0)) == .violation(.unknownCall(.connection)))
    #expect(calls.receive(Frame(call: CallID(1), .cancel)) == .violation(.outOfTurn(kind: "cancel")))
    #expect(
      calls.receive(Frame(call: CallID(1), .request(Request(method: "/s/m", payload: []))))
        == .violation(.outOfTurn(kind: "request")))
    #expect(calls.receive(Frame(.oneWay(OneWay()))) == .violation(.outOfTurn(kind: "one_way")))
    #expect(calls.receive(Frame()) == .violation(.noKind))
  }

  @Test("a response of the connection is the peer's last word; a ping is answered")
  func connection() throws {
    var calls = try opened(1)
    #expect(calls.receive(response(0, .resourceExhausted)) == .closing(CallStatus(.resourceExhausted)))
    #expect(calls.receive(Frame(.ping(nonce: 3))) == .reply(Frame(.pong(nonce: 3))))
    #expect(calls.receive(Frame(.pong(nonce: 4))) == .pong(nonce: 4))
  }
}

@Suite("Calls, callee's side")
struct ServerCallsTests {
  private func request(_ id: UInt64, timeout: UInt64 = 0) -> Frame {
    Frame(call: CallID(id), .request(Request(method: "/s/m", timeoutNanoseconds: timeout, payload: [2])))
  }

  private func opened(_ count: UInt64, timeout: UInt64 = 0) -> ServerCalls {
    var calls = ServerCalls(limit: 4)
    for id in 0..<count { _ = calls.receive(request(id + 1, timeout: timeout), at: at(10)) }
    return calls
  }

  @Test("a request begins a call, with its deadline on this side's clock")
  func begin() {
    var calls = ServerCalls(limit: 4)
    #expect(
      calls.receive(request(5, timeout: 30), at: at(10))
        == .begin(ServerCall(id: CallID(5), method: "/s/m", deadline: at(40), payload: [2])))
    #expect(
      calls.receive(request(9, timeout: .max), at: at(10))
        == .begin(ServerCall(id: CallID(9), method: "/s/m", deadline: at(.max), payload: [2])))
    #expect(calls.nextDeadline == at(40))
  }

  @Test("ids must rise")
  func rising() {
    var calls = opened(2)
    #expect(
      calls.receive(request(2), at: at(0))
        == .violation(.callIDNotRising(came: CallID(2), highest: CallID(2))))
    var fresh = ServerCalls(limit: 1)
    #expect(
      fresh.receive(request(0), at: at(0))
        == .violation(.callIDNotRising(came: .connection, highest: .connection)))
  }

  @Test("calls over the limit are answered, not begun, and an abandoned call still counts")
  func limit() throws {
    var calls = opened(4)
    guard case .reply(let refusal) = calls.receive(request(5), at: at(0)),
      case .response(let answer) = refusal.kind
    else { return #expect(Bool(false), "a fifth call was begun") }
    #expect(refusal.call == CallID(5))
    #expect(answer.status.code == .resourceExhausted)
    #expect(calls.receive(Frame(call: CallID(1), .cancel), at: at(0)) == .cancelled(CallID(1)))
    guard case .reply = calls.receive(request(6), at: at(0)) else {
      return #expect(Bool(false), "cancelling made room although the handler still works")
    }
    #expect(try calls.respond(.ok, to: CallID(1)) == .drop(.cancelled(CallID(1))))
    guard case .begin = calls.receive(request(7), at: at(0)) else {
      return #expect(Bool(false), "no room after an answer")
    }
  }

  @Test("items, then one response; a second is our bug")
  func answer() throws {
    var calls = opened(1)
    #expect(try calls.item([1], for: CallID(1)) == .send(item(1)))
    #expect(try calls.respond(.ok, payload: [3], to: CallID(1)) == .send(response(1, .ok, [3])))
    #expect(throws: CallMisuse.notOpen(CallID(1))) { try calls.respond(.ok, to: CallID(1)) }
    #expect(throws: CallMisuse.notOpen(CallID(1))) { try calls.item([1], for: CallID(1)) }
  }

  @Test("a passed deadline is answered at once; the handler's words are dropped")
  func expire() throws {
    var calls = opened(2, timeout: 5)
    #expect(calls.expire(at: at(14)) == [])
    let frames = calls.expire(at: at(15))
    #expect(frames.map(\.call) == [CallID(1), CallID(2)])
    for frame in frames {
      guard case .response(let answer) = frame.kind else { return #expect(Bool(false), "not a response") }
      #expect(answer.status.code == .deadlineExceeded)
    }
    #expect(try calls.item([1], for: CallID(1)) == .drop(.expired(CallID(1))))
    #expect(try calls.respond(.ok, to: CallID(1)) == .drop(.expired(CallID(1))))
    #expect(calls.openCount == 1)
  }

  @Test("a cancellation that crosses the answer is dropped; one of a call never opened is a violation")
  func cancel() throws {
    var calls = opened(1)
    _ = try calls.respond(.ok, to: CallID(1))
    #expect(calls.receive(Frame(call: CallID(1), .cancel), at: at(0)) == .drop(.lateCancel(CallID(1))))
    #expect(calls.receive(Frame(call: CallID(2), .cancel), at: at(0)) == .violation(.unknownCall(CallID(2))))
    #expect(calls.receive(Frame(.cancel), at: at(0)) == .violation(.unknownCall(.connection)))
  }

  @Test("a bad method name is answered on its call; what a caller never sends is its violation")
  func violations() {
    var calls = opened(0)
    guard
      case .reply(let refusal) = calls.receive(
        Frame(call: CallID(1), .request(Request(method: "m", payload: []))), at: at(0)),
      case .response(let answer) = refusal.kind
    else { return #expect(Bool(false), "the call was begun") }
    #expect(answer.status.code == .invalidArgument)
    #expect(calls.receive(response(1), at: at(0)) == .violation(.outOfTurn(kind: "response")))
    #expect(calls.receive(item(1), at: at(0)) == .violation(.outOfTurn(kind: "item")))
    #expect(calls.receive(Frame(), at: at(0)) == .violation(.noKind))
    #expect(
      calls.receive(Frame(call: CallID(3), .oneWay(OneWay())), at: at(0))
        == .violation(.wrongCallID(kind: "one_way", came: CallID(3))))
  }

  @Test("one-way messages pass through; pings are answered; the end lists what is open")
  func rest() {
    var calls = opened(3)
    let message = OneWay(method: "/s/m", payload: [1])
    #expect(calls.receive(Frame(.oneWay(message)), at: at(0)) == .oneWay(message))
    #expect(calls.receive(Frame(.ping(nonce: 3)), at: at(0)) == .reply(Frame(.pong(nonce: 3))))
    #expect(calls.end() == [CallID(1), CallID(2), CallID(3)])
  }
}
