/// One message of ttRPC (its PROTOCOL.md): a header of ten bytes, then the payload.
///
/// ```
/// length u32 BE · stream u32 BE · kind u8 · flags u8 · payload
/// ```
public struct TTRPCFrame: Equatable, Sendable {
  public enum Kind: UInt8, Equatable, Sendable {
    case request = 1
    case response = 2
    /// Of a streaming call; nothing here makes one.
    case data = 3
  }

  public static let headerCount = 10
  /// Longest payload: 4 MiB.
  public static let maximumCount = 4 << 20

  public var stream: UInt32
  public var kind: Kind
  public var flags: UInt8
  public var payload: [UInt8]

  /// A frame of a unary call.
  public init(stream: UInt32, kind: Kind, flags: UInt8 = 0, payload: [UInt8]) {
    self.stream = stream
    self.kind = kind
    self.flags = flags
    self.payload = payload
  }

  /// The frame as it travels; nil where its payload is over the limit.
  public var framed: [UInt8]? {
    guard payload.count <= TTRPCFrame.maximumCount else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(TTRPCFrame.headerCount + payload.count)
    for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: payload.count >> shift)) }
    for shift in [24, 16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: stream >> shift)) }
    bytes.append(kind.rawValue)
    bytes.append(flags)
    bytes.append(contentsOf: payload)
    return bytes
  }
}

/// What the other side of a ttRPC connection did that ends it.
public enum TTRPCViolation: Error, Equatable, Sendable, CustomStringConvertible {
  /// The announced payload is over the limit; it was not looked at.
  case oversized(count: Int)
  case unknownKind(UInt8)
  /// A request at the caller, or a response at the one who is called, or a stream's data.
  case outOfTurn(TTRPCFrame.Kind)

  public var description: String {
    switch self {
    case .oversized(let count):
      "expected a message of at most \(TTRPCFrame.maximumCount) bytes, came one of \(count)"
    case .unknownKind(let kind): "expected a message of kind 1 or 2, came \(kind)"
    case .outOfTurn(let kind): "a message of kind \(kind) does not travel in this direction"
    }
  }
}

/// Cuts a byte stream into ttRPC frames, whatever pieces it comes in. Holds one unfinished frame at most, and of a
/// length that has only been announced nothing.
public struct TTRPCDecoder: Sendable {
  private var buffer: [UInt8] = []
  /// Bytes of `buffer` that have been taken. Invariant: 0 <= taken <= buffer.count.
  private var taken = 0
  private var failure: TTRPCViolation?

  public init() {}

  /// Bytes held: more than none after the last whole frame means that one was cut off.
  public var count: Int { buffer.count - taken }

  /// Adds what has arrived.
  public mutating func append(_ bytes: [UInt8]) {
    if taken > 0 {
      buffer.removeSubrange(..<taken)
      taken = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// The next whole frame, or nil until more arrives. After an error it throws the same again.
  public mutating func next() throws(TTRPCViolation) -> TTRPCFrame? {
    if let failure { throw failure }
    guard count >= TTRPCFrame.headerCount else { return nil }
    let length = Int(word(at: 0))
    guard length <= TTRPCFrame.maximumCount else { throw fail(.oversized(count: length)) }
    guard let kind = TTRPCFrame.Kind(rawValue: buffer[taken + 8]) else {
      throw fail(.unknownKind(buffer[taken + 8]))
    }
    guard count - TTRPCFrame.headerCount >= length else { return nil }
    let start = taken + TTRPCFrame.headerCount
    let frame = TTRPCFrame(
      stream: word(at: 4), kind: kind, flags: buffer[taken + 9],
      payload: Array(buffer[start..<start + length]))
    taken = start + length
    return frame
  }

  private func word(at offset: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 << 8 | UInt32(buffer[taken + offset + $1]) }
  }

  private mutating func fail(_ violation: TTRPCViolation) -> TTRPCViolation {
    failure = violation
    buffer = []
    taken = 0
    return violation
  }
}
