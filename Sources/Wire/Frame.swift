/// Names a call on its connection: the caller's, rising. 0 stands for the connection itself.
public struct CallID: Hashable, Comparable, Sendable, CustomStringConvertible {
  public let rawValue: UInt64
  public init(_ rawValue: UInt64) { self.rawValue = rawValue }

  /// What ping, pong, one-way messages and a closing response carry.
  public static let connection = CallID(0)

  public static func < (left: CallID, right: CallID) -> Bool { left.rawValue < right.rawValue }
  public var description: String { "call \(rawValue)" }
}

/// The one message of the transport: `Docs/Protocol/frame.proto`.
public struct Frame: WireMessage {
  /// 0 in a new frame.
  public var call: CallID
  /// nil only in a frame that came without one, which no peer of ours sends.
  public var kind: Kind?

  public enum Kind: Equatable, Sendable {
    case request(Request)
    case response(Response)
    case item(Item)
    case cancel
    case ping(nonce: UInt64)
    case pong(nonce: UInt64)
    case oneWay(OneWay)
  }

  public init() {
    call = .connection
    kind = nil
  }

  public init(call: CallID = .connection, _ kind: Kind) {
    self.call = call
    self.kind = kind
  }

  /// Bytes of payload that fit into a frame whatever else it holds: 4 MiB less 8 KiB.
  public static let maximumPayloadCount = FrameLayout.maximumCount - 8_192

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    if field == 1 { call = CallID(try reader.uint64()) }
    guard field >= 2, field <= 8 else { return }
    guard kind == nil else { throw .refused(field: field, expected: "a frame of one kind only") }
    switch field {
    case 2: kind = .request(try reader.message())
    case 3: kind = .response(try reader.message())
    case 4: kind = .item(try reader.message())
    case 5:
      _ = try reader.message(Nothing.self)
      kind = .cancel
    case 6: kind = .ping(nonce: try reader.message(Probe.self).nonce)
    case 7: kind = .pong(nonce: try reader.message(Probe.self).nonce)
    default: kind = .oneWay(try reader.message())
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, call.rawValue)
    switch kind {
    case .request(let request): writer.message(2, request)
    case .response(let response): writer.message(3, response)
    case .item(let item): writer.message(4, item)
    case .cancel: writer.message(5, Nothing())
    case .ping(let nonce): writer.message(6, Probe(nonce: nonce))
    case .pong(let nonce): writer.message(7, Probe(nonce: nonce))
    case .oneWay(let oneWay): writer.message(8, oneWay)
    case nil: break
    }
  }
}

/// Opens a call.
public struct Request: WireMessage {
  /// Such as `/openexec.v1.Governance/Submit`; at most `maximumMethodCount` bytes.
  public var method = ""
  /// What is left until the deadline when the request is sent; 0 means none.
  public var timeoutNanoseconds: UInt64 = 0
  public var payload: [UInt8] = []

  public static let maximumMethodCount = 256

  public init() {}

  public init(method: String, timeoutNanoseconds: UInt64 = 0, payload: [UInt8]) {
    self.method = method
    self.timeoutNanoseconds = timeoutNanoseconds
    self.payload = payload
  }

  /// What a method's name must look like: `/service/method`, printable ASCII.
  static func isMethodName(_ name: String) -> Bool {
    let text = name.utf8
    guard text.count <= maximumMethodCount, text.first == slash, text.last != slash else { return false }
    var slashes = 0
    var previous: UInt8 = 0
    for byte in text {
      guard byte > 0x20, byte < 0x7F, byte != slash || previous != slash else { return false }
      if byte == slash { slashes += 1 }
      previous = byte
    }
    return slashes == 2
  }

  private static let slash = UInt8(ascii: "/")

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: method = try reader.string()
    case 2: timeoutNanoseconds = try reader.uint64()
    case 3: payload = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, method)
    writer.uint64(2, timeoutNanoseconds)
    writer.bytes(3, payload)
  }
}

/// Ends a call.
public struct Response: WireMessage {
  public var status = CallStatus.ok
  /// What was final at the node when it answered; absent where nothing is.
  public var finality: FinalityMark?
  /// Of a unary method that ended `OK`; empty at the end of a stream.
  public var payload: [UInt8] = []

  public init() {}

  public init(_ status: CallStatus, payload: [UInt8] = []) {
    self.status = status
    self.payload = payload
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1:
      let code = try reader.uint32()
      guard let known = StatusCode(rawValue: code) else {
        throw .refused(field: 1, expected: "a status code from 0 to 16, came \(code)")
      }
      status.code = known
    case 2: status = CallStatus(status.code, try reader.string())
    case 3: payload = try reader.bytes()
    case 4: try reader.message(into: &finality)
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint32(1, status.code.rawValue)
    writer.string(2, status.message)
    writer.bytes(3, payload)
    writer.message(4, finality)
  }
}

/// The newest note that an answering node knows: everything that it says of final state rests on it.
public struct FinalityMark: WireMessage, Hashable, Sendable {
  /// Leaves that are final.
  public var size: UInt64 = 0
  /// The note's time, RFC 3339 in UTC; empty before the first note.
  public var time: String = ""

  public init() {}

  public init(size: UInt64, time: String) {
    self.size = size
    self.time = time
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: size = try reader.uint64()
    case 2: time = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint64(1, size)
    writer.string(2, time)
  }
}

/// One element of a stream.
public struct Item: WireMessage {
  public var payload: [UInt8] = []

  public init() {}
  public init(payload: [UInt8]) { self.payload = payload }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    if field == 1 { payload = try reader.bytes() }
  }

  public func write(into writer: inout ProtobufWriter) { writer.bytes(1, payload) }
}

/// A message that has no answer and may be lost with its connection, such as Raft's.
public struct OneWay: WireMessage {
  public var method = ""
  public var payload: [UInt8] = []

  public init() {}
  public init(method: String, payload: [UInt8]) {
    self.method = method
    self.payload = payload
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: method = try reader.string()
    case 2: payload = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, method)
    writer.bytes(2, payload)
  }
}

/// `Ping` and `Pong`: the second carries the first's number back.
private struct Probe: WireMessage {
  var nonce: UInt64 = 0

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    if field == 1 { nonce = try reader.uint64() }
  }

  func write(into writer: inout ProtobufWriter) { writer.uint64(1, nonce) }
}

/// `Cancel`: its presence is all it says.
private struct Nothing: WireMessage {
  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {}
  func write(into writer: inout ProtobufWriter) {}
}
