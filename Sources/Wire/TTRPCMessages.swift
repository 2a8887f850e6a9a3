// The two envelopes of ttRPC, and the messages of google.protobuf and google.rpc that they need.

/// `ttrpc.Request`.
public struct TTRPCRequest: WireMessage {
  public var service = ""
  public var method = ""
  public var payload: [UInt8] = []
  /// 0 where the caller sets none.
  public var timeoutNanoseconds: Int64 = 0

  public init() {}
  public init(service: String, method: String, payload: [UInt8], timeoutNanoseconds: Int64 = 0) {
    self.service = service
    self.method = method
    self.payload = payload
    self.timeoutNanoseconds = timeoutNanoseconds
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: service = try reader.string()
    case 2: method = try reader.string()
    case 3: payload = try reader.bytes()
    case 4: timeoutNanoseconds = try reader.int64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, service)
    writer.string(2, method)
    writer.bytes(3, payload)
    writer.int64(4, timeoutNanoseconds)
  }
}

/// `ttrpc.Response`.
public struct TTRPCResponse: WireMessage {
  /// nil means success.
  public var status: RemoteStatus?
  public var payload: [UInt8] = []

  public init() {}
  public init(status: RemoteStatus? = nil, payload: [UInt8] = []) {
    self.status = status
    self.payload = payload
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: try reader.message(into: &status)
    case 2: payload = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.message(1, status)
    writer.bytes(2, payload)
  }
}

/// `google.rpc.Status`.
public struct RemoteStatus: WireMessage, CustomStringConvertible {
  /// 0 is success; others are gRPC's.
  public var code: Int32 = 0
  public var message = ""

  public init() {}
  public init(_ code: StatusCode, _ message: String) {
    self.code = Int32(code.rawValue)
    self.message = message
  }

  /// The code, where it is one of gRPC's.
  public var status: StatusCode? { UInt32(exactly: code).flatMap(StatusCode.init(rawValue:)) }

  public var description: String { "\(status?.name ?? "code \(code)"): \(message.prefix(512))" }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: code = try reader.int32()
    case 2: message = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.int32(1, code)
    writer.string(2, message)
  }
}

/// `google.protobuf.Any`.
public struct AnyMessage: WireMessage {
  public var typeURL = ""
  public var value: [UInt8] = []

  public init() {}
  public init(_ typeURL: String, _ message: some WireMessage) {
    self.typeURL = typeURL
    value = message.encode()
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: typeURL = try reader.string()
    case 2: value = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, typeURL)
    writer.bytes(2, value)
  }
}

/// `google.protobuf.Timestamp`, as it came: shims say year 1 where they do not know.
public struct WireTimestamp: WireMessage {
  public var seconds: Int64 = 0
  public var nanoseconds: Int32 = 0

  public init() {}
  public init(seconds: Int64) { self.seconds = seconds }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: seconds = try reader.int64()
    case 2: nanoseconds = try reader.int32()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.int64(1, seconds)
    writer.int32(2, nanoseconds)
  }
}
