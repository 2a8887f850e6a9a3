import Testing
import Wire

private func at(_ nanoseconds: UInt64) -> CallInstant { CallInstant(nanoseconds: nanoseconds) }

private func reply(_ stream: UInt32, _ response: TTRPCResponse) throws -> [UInt8] {
  try #require(TTRPCFrame(stream: stream, kind: .response, payload: response.encode()).framed)
}

@Suite("ttRPC frames")
struct TTRPCFrameTests {
  @Test("a header is ten bytes: length, stream, kind, flags")
  func layout() throws {
    let frame = TTRPCFrame(stream: 0x0102_0305, kind: .response, flags: 4, payload: [7, 8, 9])
    #expect(frame.framed == [0, 0, 0, 3, 1, 2, 3, 5, 2, 4, 7, 8, 9])
  }

  @Test("frames come out whole, whatever pieces they come in", arguments: [1, 2, 9, 10, 11, 64])
  func pieces(size: Int) throws {
    let frames = (0..<5).map { number in
      TTRPCFrame(
        stream: UInt32(2 * number + 1), kind: .request,
        payload: [UInt8](repeating: UInt8(number), count: number * 7))
    }
    let bytes = frames.flatMap { $0.framed ?? [] }
    var decoder = TTRPCDecoder()
    var came: [TTRPCFrame] = []
    for start in stride(from: 0, to: bytes.count, by: size) {
      decoder.append(Array(bytes[start..<min(start + size, bytes.count)]))
      while let frame = try decoder.next() { came.append(frame) }
    }
    #expect(came == frames)
    #expect(decoder.count == 0)
  }

  @Test("a length over 4 MiB is refused before its content is there, and so is an unknown kind")
  func limits() throws {
    #expect(
      TTRPCFrame(stream: 1, kind: .request, payload: [UInt8](repeating: 0, count: (4 << 20) + 1)).framed
        == nil)
    var decoder = TTRPCDecoder()
    decoder.append([0, 0x40, 0, 1, 0, 0, 0, 1, 2, 0])
    #expect(throws: TTRPCViolation.oversized(count: (4 << 20) + 1)) { try decoder.next() }
    decoder.append([UInt8](repeating: 0, count: 100))
    #expect(throws: TTRPCViolation.oversized(count: (4 << 20) + 1)) { try decoder.next() }
    var other = TTRPCDecoder()
    other.append([0, 0, 0, 0, 0, 0, 0, 1, 9, 0])
    #expect(throws: TTRPCViolation.unknownKind(9)) { try other.next() }
  }
}

@Suite("ttRPC calls")
struct TTRPCCallsTests {
  private func call(_ calls: inout TTRPCCalls, after: UInt64 = 100) throws -> UInt32 {
    try calls.call("s", "M", [1], now: at(0), timeoutNanoseconds: after).stream
  }

  @Test("stream ids are odd and rise; service, method, payload and time travel in the request")
  func request() throws {
    var calls = TTRPCCalls()
    let first = try calls.call("containerd.task.v2.Task", "Wait", [1, 2], now: at(5), timeoutNanoseconds: 7)
    var decoder = TTRPCDecoder()
    decoder.append(first.bytes)
    let frame = try #require(try decoder.next())
    #expect(frame.stream == 1 && frame.kind == .request && frame.flags == 0)
    #expect(
      try TTRPCRequest(decoding: frame.payload)
        == TTRPCRequest(
          service: "containerd.task.v2.Task", method: "Wait", payload: [1, 2], timeoutNanoseconds: 7))
    #expect(try call(&calls) == 3)
    #expect(try call(&calls) == 5)
    #expect(calls.nextDeadline == at(12))
  }

  @Test("replies find their calls in any order; those to streams that are not open are dropped")
  func replies() throws {
    var calls = TTRPCCalls()
    let (one, three) = (try call(&calls), try call(&calls))
    var bytes = try reply(99, TTRPCResponse(payload: [9])) + reply(2, TTRPCResponse(payload: [9]))
    bytes += try reply(three, TTRPCResponse(payload: [3])) + reply(three, TTRPCResponse(payload: [4]))
    bytes += try reply(one, TTRPCResponse(status: RemoteStatus(.notFound, "no task")))
    let refused = TTRPCFailure.refused(RemoteStatus(.notFound, "no task"))
    #expect(
      try calls.receive(bytes) == [
        TTRPCCalls.Completion(stream: three, result: .success([3])),
        TTRPCCalls.Completion(stream: one, result: .failure(refused)),
      ])
    #expect(calls.nextDeadline == nil)
  }

  @Test("a call ends at its deadline, once; what comes later is dropped")
  func deadlines() throws {
    var calls = TTRPCCalls()
    let (early, late) = (try call(&calls, after: 10), try call(&calls, after: 20))
    #expect(calls.expire(at: at(9)) == [])
    #expect(
      calls.expire(at: at(10)) == [TTRPCCalls.Completion(stream: early, result: .failure(.deadlineExceeded))])
    #expect(try calls.receive(reply(early, TTRPCResponse())) == [])
    #expect(calls.nextDeadline == at(20))
    #expect(try calls.receive(reply(late, TTRPCResponse())).map(\.stream) == [late])
  }

  @Test("a reply that is cut off is never a success, nor is one that is no message")
  func cutOff() throws {
    let whole = try reply(1, TTRPCResponse(payload: [1, 2, 3]))
    for length in 0..<whole.count {
      var calls = TTRPCCalls()
      _ = try call(&calls)
      #expect(try calls.receive(Array(whole[..<length])) == [])
      let ended = calls.close("end of stream")
      #expect(ended.count == 1)
      guard case .failure(.connectionLost(let why)) = ended[0].result else {
        Issue.record("cut after \(length) bytes it counted")
        continue
      }
      #expect(why.contains("middle") == (length > 0))
    }
    var calls = TTRPCCalls()
    _ = try call(&calls)
    let bytes = try #require(TTRPCFrame(stream: 1, kind: .response, payload: [0x12, 0x05, 1]).framed)
    guard case .failure(.malformedReply) = try calls.receive(bytes)[0].result else {
      Issue.record("it counted")
      return
    }
  }

  @Test("a request or a stream's data from the one who is called ends the connection")
  func outOfTurn() throws {
    for kind in [TTRPCFrame.Kind.request, .data] {
      var calls = TTRPCCalls()
      _ = try call(&calls)
      let bytes = try #require(TTRPCFrame(stream: 1, kind: kind, payload: []).framed)
      #expect(throws: TTRPCViolation.outOfTurn(kind)) { try calls.receive(bytes) }
    }
  }

  @Test("what is too long, or too many, is not sent")
  func bounds() throws {
    var calls = TTRPCCalls()
    let long = [UInt8](repeating: 0, count: 4 << 20)
    #expect(throws: TTRPCFailure.self) { try calls.call("s", "M", long, now: at(0), timeoutNanoseconds: 1) }
    for _ in 0..<TTRPCCalls.maximumOpen { _ = try call(&calls) }
    #expect(throws: TTRPCFailure.exhausted) {
      try calls.call("s", "M", [], now: at(0), timeoutNanoseconds: 1)
    }
  }

  @Test("the called side cuts requests out and answers on their streams")
  func answers() throws {
    var calls = TTRPCCalls()
    var answers = TTRPCAnswers()
    let (stream, bytes) = try calls.call("e", "Forward", [5], now: at(0), timeoutNanoseconds: 9)
    let requests = try answers.receive(bytes)
    #expect(requests.count == 1)
    #expect(requests[0].stream == stream)
    #expect(try requests[0].request.get().payload == [5])
    let answer = TTRPCAnswers.answer(stream, TTRPCResponse(payload: [6]))
    #expect(try calls.receive(answer) == [TTRPCCalls.Completion(stream: stream, result: .success([6]))])
    #expect(throws: TTRPCViolation.outOfTurn(.response)) { try answers.receive(answer) }
  }
}
