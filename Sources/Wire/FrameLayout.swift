/// Length-prefixed messages as gRPC lays them out: flag, four bytes of length, content.
public enum FrameLayout {
  /// Flag and length.
  public static let headerCount = 5
  /// The content's largest size: 4 MiB.
  public static let maximumCount = 4 * 1_024 * 1_024

  /// Appends a frame to bytes on their way out; false, with nothing appended, if it is over the limit.
  public static func append(_ frame: Frame, to bytes: inout [UInt8]) -> Bool {
    let start = bytes.count
    // The array moves into the writer and back: anything else would copy everything that is queued.
    var writer = ProtobufWriter()
    swap(&writer.bytes, &bytes)
    writer.bytes.append(contentsOf: [0, 0, 0, 0, 0])
    frame.write(into: &writer)
    swap(&writer.bytes, &bytes)
    let count = bytes.count - start - headerCount
    guard count <= maximumCount else {
      bytes.removeSubrange(start...)
      return false
    }
    for offset in 0..<4 { bytes[start + 1 + offset] = UInt8(truncatingIfNeeded: count >> (24 - 8 * offset)) }
    return true
  }
}

/// Why a byte stream is not a sequence of frames. The stream cannot be read any further.
public enum FramingError: Error, Equatable, Sendable {
  /// Flag 1: the content is compressed.
  case compressed
  /// Any other flag.
  case unknownFlag(UInt8)
  /// The announced length is over the limit; its content was not looked at.
  case oversized(count: Int, limit: Int)

  /// What the sender is told.
  public var status: CallStatus {
    switch self {
    case .compressed: CallStatus(.unimplemented, "compressed messages are not accepted: send flag 0")
    case .unknownFlag(let flag): CallStatus(.invalidArgument, "expected message flag 0, came \(flag)")
    case .oversized(let count, let limit):
      CallStatus(.resourceExhausted, "expected a message of at most \(limit) bytes, came one of \(count)")
    }
  }
}

/// Cuts a byte stream into frame contents, whatever pieces it comes in.
///
/// It holds what was appended and not yet taken, no more: a length that has only been announced costs
/// nothing. Who takes every frame after each `append` bounds it to one frame and one piece.
public struct FrameDecoder: Sendable {
  private let limit: Int
  private var buffer: [UInt8] = []
  /// Bytes of `buffer` that have been taken. Invariant: 0 <= taken <= buffer.count.
  private var taken = 0
  private var failure: FramingError?

  public init(limit: Int = FrameLayout.maximumCount) { self.limit = limit }

  /// Bytes held. More than 0 after the last whole frame was taken means that one is under way.
  public var count: Int { buffer.count - taken }

  /// Adds what has arrived.
  public mutating func append(_ bytes: UnsafeRawBufferPointer) {
    if taken == buffer.count {
      buffer.removeAll(keepingCapacity: buffer.capacity <= 65_536)
      taken = 0
    } else if taken > buffer.count / 2 {
      buffer.removeSubrange(..<taken)
      taken = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// Adds what has arrived.
  public mutating func append(_ bytes: [UInt8]) { bytes.withUnsafeBytes { append($0) } }

  /// The next whole frame's content, or nil until more arrives. After an error it throws the same again.
  public mutating func next() throws(FramingError) -> ArraySlice<UInt8>? {
    if let failure { throw failure }
    guard let flag = byte(0) else { return nil }
    if flag != 0 { throw fail(flag == 1 ? .compressed : .unknownFlag(flag)) }
    guard count >= FrameLayout.headerCount else { return nil }
    var length = 0
    for offset in 1...4 { length = length << 8 | Int(buffer[taken + offset]) }
    guard length <= limit else { throw fail(.oversized(count: length, limit: limit)) }
    guard count - FrameLayout.headerCount >= length else { return nil }
    let start = taken + FrameLayout.headerCount
    taken = start + length
    return buffer[start..<taken]
  }

  private func byte(_ offset: Int) -> UInt8? { count > offset ? buffer[taken + offset] : nil }

  private mutating func fail(_ error: FramingError) -> FramingError {
    failure = error
    buffer = []
    taken = 0
    return error
  }
}
