// The messages of Docs/Protocol/guest.proto: executor and guest of a built-in microVM.

/// `openexec.v1.GuestFrame`.
public struct GuestFrame: WireMessage {
  /// nil only in a frame that came without one; a violation.
  public var kind: Kind?

  public enum Kind: Equatable, Sendable {
    case hello(GuestHello)
    case run(GuestRun)
    case started(GuestStarted)
    case output(GuestOutput)
    case done(GuestDone)
    case input(GuestInputPiece)
    case stream(GuestStream)
  }

  /// Most bytes of output in one frame.
  public static let maximumOutputCount = 32 << 10
  /// Most bytes that the guest may say in one frame.
  public static let guestLimit = maximumOutputCount + 1_024
  /// Most bytes that the executor may say in one frame.
  public static let executorLimit = 2 << 20

  public init() {}
  public init(_ kind: Kind) { self.kind = kind }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    guard field >= 1, field <= 7 else { return }
    guard kind == nil else { throw .refused(field: field, expected: "a frame of one kind only") }
    switch field {
    case 1: kind = .hello(try reader.message())
    case 2: kind = .run(try reader.message())
    case 3: kind = .started(try reader.message())
    case 4: kind = .output(try reader.message())
    case 5: kind = .done(try reader.message())
    case 6: kind = .input(try reader.message())
    default: kind = .stream(try reader.message())
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    switch kind {
    case .hello(let hello): writer.message(1, hello)
    case .run(let run): writer.message(2, run)
    case .started(let started): writer.message(3, started)
    case .output(let output): writer.message(4, output)
    case .done(let done): writer.message(5, done)
    case .input(let piece): writer.message(6, piece)
    case .stream(let stream): writer.message(7, stream)
    case nil: break
    }
  }

  /// The frame as it travels: flag, length, content.
  public var framed: [UInt8] {
    let content = encode()
    let length = (0..<4).map { UInt8(truncatingIfNeeded: content.count >> (24 - 8 * $0)) }
    return [0] + length + content
  }
}

/// `openexec.v1.GuestHello`.
public struct GuestHello: WireMessage {
  public var version: UInt32 = 0
  public var kernel = ""
  public var bootID = ""

  /// The version of this protocol.
  public static let currentVersion: UInt32 = 3

  public init() {}
  public init(version: UInt32 = GuestHello.currentVersion, kernel: String, bootID: String) {
    self.version = version
    self.kernel = kernel
    self.bootID = bootID
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: version = try reader.uint32()
    case 2: kernel = try reader.string()
    case 3: bootID = try reader.string()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint32(1, version)
    writer.string(2, kernel)
    writer.string(3, bootID)
  }
}

/// `openexec.v1.GuestRun`.
public struct GuestRun: WireMessage {
  public var challenge: [UInt8] = []
  public var arguments: [String] = []
  public var parameters: [UInt8] = []
  public var memoryBytes: UInt64 = 0
  public var processes: UInt32 = 0
  public var diskBytes: UInt64 = 0
  /// The files that follow, in this order.
  public var inputs: [GuestInput] = []
  /// Files below /secrets, for this run alone.
  public var secrets: [GuestSecret] = []
  /// Whether streams may be opened to the executor's proxy.
  public var hasProxy = false

  /// Most files.
  public static let maximumInputs = 64
  /// Most secrets.
  public static let maximumSecrets = 16

  public init() {}

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: challenge = try reader.bytes(exactly: 32)
    case 2: arguments.append(try reader.string())
    case 3: parameters = try reader.bytes()
    case 4: memoryBytes = try reader.uint64()
    case 5: processes = try reader.uint32()
    case 6: diskBytes = try reader.uint64()
    case 7:
      guard inputs.count < GuestRun.maximumInputs else {
        throw .refused(field: 7, expected: "at most \(GuestRun.maximumInputs) inputs")
      }
      inputs.append(try reader.message())
    case 8:
      guard secrets.count < GuestRun.maximumSecrets else {
        throw .refused(field: 8, expected: "at most \(GuestRun.maximumSecrets) secrets")
      }
      secrets.append(try reader.message())
    case 9: hasProxy = try reader.bool()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.bytes(1, challenge)
    writer.strings(2, arguments)
    writer.bytes(3, parameters)
    writer.uint64(4, memoryBytes)
    writer.uint32(5, processes)
    writer.uint64(6, diskBytes)
    writer.messages(7, inputs)
    writer.messages(8, secrets)
    writer.bool(9, hasProxy)
  }
}

/// `openexec.v1.GuestSecret`.
public struct GuestSecret: WireMessage {
  /// Of the file below /secrets.
  public var name = ""
  public var value: [UInt8] = []

  public init() {}
  public init(name: String, value: [UInt8]) {
    self.name = name
    self.value = value
  }

  /// Whether the name can only be a file's own: 1 to 64 of a-z, 0-9, `.`, `_` and `-`, not beginning with a point.
  public var isNamed: Bool {
    (1...64).contains(name.utf8.count) && !name.hasPrefix(".")
      && name.utf8.allSatisfy {
        (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || [0x2D, 0x2E, 0x5F].contains($0)
      }
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: name = try reader.string()
    case 2: value = try reader.bytes()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, name)
    writer.bytes(2, value)
  }
}

/// `openexec.v1.GuestInput`.
public struct GuestInput: WireMessage {
  /// Of the file below /inputs.
  public var name = ""
  /// Bytes.
  public var size: UInt64 = 0
  /// SHA-256, 32 bytes.
  public var digest: [UInt8] = []

  public init() {}
  public init(name: String, size: UInt64, digest: [UInt8]) {
    self.name = name
    self.size = size
    self.digest = digest
  }

  /// Whether the name is one that can only be a file's own: 1 to 80 of a-z, 0-9 and -.
  public var isNamed: Bool {
    (1...80).contains(name.utf8.count)
      && name.utf8.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: name = try reader.string()
    case 2: size = try reader.uint64()
    case 3: digest = try reader.bytes(exactly: 32)
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.string(1, name)
    writer.uint64(2, size)
    writer.bytes(3, digest)
  }
}

/// `openexec.v1.GuestInputPiece`.
public struct GuestInputPiece: WireMessage {
  public var bytes: [UInt8] = []

  /// Most bytes of one piece.
  public static let maximumCount = 64 << 10

  public init() {}
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    guard field == 1 else { return }
    bytes = try reader.bytes()
    guard bytes.count <= GuestInputPiece.maximumCount else {
      throw .refused(field: 1, expected: "at most \(GuestInputPiece.maximumCount) bytes")
    }
  }

  public func write(into writer: inout ProtobufWriter) { writer.bytes(1, bytes) }
}

/// `openexec.v1.GuestStarted`.
public struct GuestStarted: WireMessage {
  /// 32 bytes.
  public var answer: [UInt8] = []

  public init() {}
  public init(answer: [UInt8]) { self.answer = answer }

  /// What the answer is the SHA-256 of; `challenge` in hexadecimal.
  public static func statement(challenge: String, kernel: String, bootID: String) -> [UInt8] {
    Array("openexec/v1/guest\n\(challenge)\n\(kernel)\n\(bootID)".utf8)
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    if field == 1 { answer = try reader.bytes(exactly: 32) }
  }

  public func write(into writer: inout ProtobufWriter) { writer.bytes(1, answer) }
}

/// `openexec.v1.GuestOutput`.
public struct GuestOutput: WireMessage {
  public enum Stream: UInt32, Sendable {
    case output = 1
    case error = 2
  }

  public var stream = Stream.output
  public var bytes: [UInt8] = []

  public init() {}
  public init(_ stream: Stream, _ bytes: [UInt8]) {
    self.stream = stream
    self.bytes = bytes
  }

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1:
      guard let known = Stream(rawValue: try reader.uint32()) else {
        throw .refused(field: 1, expected: "1 for standard output or 2 for standard error")
      }
      stream = known
    case 2:
      bytes = try reader.bytes()
      guard bytes.count <= GuestFrame.maximumOutputCount else {
        throw .refused(field: 2, expected: "at most \(GuestFrame.maximumOutputCount) bytes")
      }
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.uint32(1, stream.rawValue)
    writer.bytes(2, bytes)
  }
}

/// `openexec.v1.GuestDone`.
public struct GuestDone: WireMessage {
  public var exitStatus: Int32 = 0
  public var signal: UInt32 = 0
  public var failure = ""
  public var processorNanoseconds: UInt64 = 0
  public var residentBytes: UInt64 = 0

  public init() {}

  public mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: exitStatus = try reader.int32()
    case 2: signal = try reader.uint32()
    case 3: failure = try reader.string()
    case 4: processorNanoseconds = try reader.uint64()
    case 5: residentBytes = try reader.uint64()
    default: break
    }
  }

  public func write(into writer: inout ProtobufWriter) {
    writer.int32(1, exitStatus)
    writer.uint32(2, signal)
    writer.string(3, failure)
    writer.uint64(4, processorNanoseconds)
    writer.uint64(5, residentBytes)
  }
}
