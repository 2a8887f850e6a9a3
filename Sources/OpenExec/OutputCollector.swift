/// Keeps the head and the tail of an output, whatever its length, and says what was cut.
public struct OutputCollector: Sendable {
  /// Most bytes that are kept.
  public let limit: Int
  private let headLimit: Int
  private var head: [UInt8] = []
  /// A ring, once it is full.
  private var tail: [UInt8] = []
  private var next = 0
  /// Bytes that came.
  public private(set) var count = 0

  /// Half of the limit for the beginning, half for the end.
  public init(limit: Int) {
    self.limit = limit
    headLimit = limit - limit / 2
  }

  public var isCut: Bool { count > limit }

  /// The next bytes.
  public mutating func append(_ bytes: [UInt8]) {
    count += bytes.count
    let room = min(headLimit - head.count, bytes.count)
    head.append(contentsOf: bytes[..<room])
    var rest = bytes[room...]
    let tailLimit = limit - headLimit
    if rest.count > tailLimit { rest = rest.suffix(tailLimit) }
    for byte in rest {
      if tail.count < tailLimit {
        tail.append(byte)
      } else {
        tail[next] = byte
        next = next + 1 == tailLimit ? 0 : next + 1
      }
    }
  }

  /// All of it, or head, a line that says how much is missing, and tail.
  public var bytes: [UInt8] {
    let ordered = Array(tail[next...] + tail[..<next])
    guard isCut else { return head + ordered }
    return head + Array("\n[openexec: \(count - limit) bytes cut here]\n".utf8) + ordered
  }
}
