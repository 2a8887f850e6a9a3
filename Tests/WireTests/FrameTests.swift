import Foundation
import Testing
import Wire

@Suite("Frames")
struct FrameTests {
  static let samples: [Frame] = [
    Frame(call: CallID(7), .request(Request(method: "/openexec.v1.Governance/Submit", payload: [1, 2]))),
    Frame(
      call: CallID(.max),
      .request(Request(method: "/a/b", timeoutNanoseconds: 5_000_000_000, payload: []))),
    Frame(call: CallID(7), .response(Response(.ok, payload: [9]))),
    Frame(
      call: CallID(7),
      .response(
        {
          var response = Response(.ok)
          response.finality = FinalityMark(size: 1 << 40, time: "2026-01-01T00:00:00.000000000Z")
          return response
        }())),
    Frame(call: CallID(7), .response(Response(CallStatus(.unimplemented, "no such method")))),
    Frame(call: CallID(1), .item(Item(payload: [UInt8](repeating: 3, count: 300)))),
    Frame(call: CallID(1), .item(Item(payload: []))),
    Frame(call: CallID(2), .cancel),
    Frame(.ping(nonce: 0)),
    Frame(.pong(nonce: 77)),
    Frame(.oneWay(OneWay(method: "/openexec.v1.Peer/Raft", payload: [5]))),
  ]

  @Test("every kind of frame decodes to itself", arguments: samples)
  func roundTrip(frame: Frame) throws {
    #expect(try Frame(decoding: frame.encode()) == frame)
  }

  @Test("frames come out of the stream as they went in, however it is cut", arguments: 1...9)
  func pieces(size: Int) throws {
    var stream: [UInt8] = []
    for frame in Self.samples { #expect(FrameLayout.append(frame, to: &stream)) }
    var decoder = FrameDecoder()
    var seen: [Frame] = []
    for start in stride(from: 0, to: stream.count, by: size) {
      decoder.append(Array(stream[start..<min(start + size, stream.count)]))
      while let content = try decoder.next() { seen.append(try Frame(decoding: content)) }
    }
    #expect(seen == Self.samples)
    #expect(decoder.count == 0)
  }

  @Test("a frame that holds two kinds is refused")
  func twoKinds() {
    #expect(throws: ProtobufError.refused(field: 5, expected: "a frame of one kind only")) {
      try Frame(decoding: [0x32, 0, 0x2A, 0])
    }
  }

  @Test("flags and lengths are judged by the header alone")
  func header() {
    var decoder = FrameDecoder()
    decoder.append([1])
    #expect(throws: FramingError.compressed) { try decoder.next() }
    decoder.append([0, 0, 0, 0, 0])
    #expect(throws: FramingError.compressed) { try decoder.next() }

    decoder = FrameDecoder()
    decoder.append([0x80])
    #expect(throws: FramingError.unknownFlag(0x80)) { try decoder.next() }

    decoder = FrameDecoder()
    decoder.append([0, 0, 0x40, 0, 1])
    #expect(throws: FramingError.oversized(count: 4_194_305, limit: 4_194_304)) { try decoder.next() }

    decoder = FrameDecoder()
    decoder.append([0, 0, 0x40, 0, 0])
    #expect((try? decoder.next()) == .some(nil))
    #expect(decoder.count == 5)
  }

  @Test("what is sent too large is not sent at all")
  func largestFrame() {
    var stream: [UInt8] = [1]
    let tooLarge = Frame(.oneWay(OneWay(method: "/a/b", payload: [UInt8](repeating: 0, count: 4_194_304))))
    #expect(!FrameLayout.append(tooLarge, to: &stream))
    #expect(stream == [1])
    let largest = Frame(
      call: CallID(.max),
      .request(
        Request(
          method: "/" + String(repeating: "m", count: 253) + "/n", timeoutNanoseconds: .max,
          payload: [UInt8](repeating: 0, count: Frame.maximumPayloadCount))))
    #expect(FrameLayout.append(largest, to: &stream))
    let longest = CallStatus(.internal, String(repeating: "é", count: 5_000))
    #expect(longest.message.utf8.count == CallStatus.maximumMessageCount)
    let response = Frame(
      call: CallID(.max),
      .response(Response(longest, payload: [UInt8](repeating: 0, count: Frame.maximumPayloadCount))))
    #expect(FrameLayout.append(response, to: &stream))
  }

  @Test(
    "mutated streams end in a frame, an error or silence, never in a trap", arguments: 0..<40 as Range<UInt64>
  )
  func fuzz(seed: UInt64) {
    var random = SeededRandom(seed: seed)
    for _ in 0..<100 {
      var stream: [UInt8] = []
      for frame in Self.samples.shuffled(using: &random).prefix(3) {
        _ = FrameLayout.append(frame, to: &stream)
      }
      for _ in 0..<(1 + random.next() % 4) {
        stream[Int(random.next() % UInt64(stream.count))] = UInt8(truncatingIfNeeded: random.next())
      }
      var decoder = FrameDecoder()
      var server = ServerCalls(limit: 2)
      var client = ClientCalls(limit: 2)
      while !stream.isEmpty {
        let count = Int(1 + random.next() % 40)
        decoder.append(Array(stream.prefix(count)))
        stream.removeFirst(min(count, stream.count))
        while let content = try? decoder.next() {
          guard let frame = try? Frame(decoding: content) else { continue }
          _ = server.receive(frame, at: CallInstant(nanoseconds: random.next()))
          _ = client.receive(frame)
        }
      }
    }
  }
}

@Suite("Status codes")
struct StatusCodeTests {
  @Test("gRPC's seventeen codes, no others")
  func codes() {
    #expect(StatusCode.allCases.map(\.rawValue) == Array(0...16))
    #expect(StatusCode.deadlineExceeded.name == "DEADLINE_EXCEEDED")
    #expect(throws: ProtobufError.refused(field: 1, expected: "a status code from 0 to 16, came 17")) {
      try Response(decoding: [0x08, 17])
    }
  }
}
