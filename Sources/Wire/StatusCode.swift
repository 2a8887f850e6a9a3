/// How a call ended: gRPC's seventeen codes.
public enum StatusCode: UInt32, Equatable, Sendable, CaseIterable {
  case ok = 0
  case cancelled = 1
  case unknown = 2
  case invalidArgument = 3
  case deadlineExceeded = 4
  case notFound = 5
  case alreadyExists = 6
  case permissionDenied = 7
  case resourceExhausted = 8
  case failedPrecondition = 9
  case aborted = 10
  case outOfRange = 11
  case unimplemented = 12
  case `internal` = 13
  case unavailable = 14
  case dataLoss = 15
  case unauthenticated = 16

  /// The name as gRPC writes it, such as `DEADLINE_EXCEEDED`.
  public var name: String {
    switch self {
    case .ok: "OK"
    case .cancelled: "CANCELLED"
    case .unknown: "UNKNOWN"
    case .invalidArgument: "INVALID_ARGUMENT"
    case .deadlineExceeded: "DEADLINE_EXCEEDED"
    case .notFound: "NOT_FOUND"
    case .alreadyExists: "ALREADY_EXISTS"
    case .permissionDenied: "PERMISSION_DENIED"
    case .resourceExhausted: "RESOURCE_EXHAUSTED"
    case .failedPrecondition: "FAILED_PRECONDITION"
    case .aborted: "ABORTED"
    case .outOfRange: "OUT_OF_RANGE"
    case .unimplemented: "UNIMPLEMENTED"
    case .internal: "INTERNAL"
    case .unavailable: "UNAVAILABLE"
    case .dataLoss: "DATA_LOSS"
    case .unauthenticated: "UNAUTHENTICATED"
    }
  }
}

extension StatusCode: CustomStringConvertible {
  public var description: String { name }
}

/// A code and what a person should know about it; thrown by callers where the code is not `OK`.
public struct CallStatus: Error, Equatable, Sendable, CustomStringConvertible {
  public var code: StatusCode
  /// What was expected, what came, what can be done; cut to `maximumMessageCount` bytes. No secrets.
  public var message: String

  /// Bytes of UTF-8 a message may have on the wire.
  public static let maximumMessageCount = 4_096
  public static let ok = CallStatus(.ok)

  public init(_ code: StatusCode, _ message: String = "") {
    self.code = code
    self.message = Self.cut(message)
  }

  public var description: String { message.isEmpty ? code.name : "\(code.name): \(message)" }

  /// The longest prefix of whole Unicode scalars within the limit.
  private static func cut(_ message: String) -> String {
    guard message.utf8.count > maximumMessageCount else { return message }
    let scalars = message.unicodeScalars
    var count = 0
    var end = scalars.startIndex
    while end < scalars.endIndex {
      count += UTF8.width(scalars[end])
      if count > maximumMessageCount { break }
      end = scalars.index(after: end)
    }
    return String(scalars[..<end])
  }
}
