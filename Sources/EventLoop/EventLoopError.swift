import CSystem

/// What the kernel answered where it refused.
public struct SystemError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The `errno`.
  public let code: Int32
  /// The call, such as `epoll_ctl`.
  public let call: String

  public init(code: Int32, call: String) {
    self.code = code
    self.call = call
  }

  public var description: String {
    var text = [CChar](repeating: 0, count: 256)
    csystem_error_text(code, &text, text.count)
    let reason = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return "\(call): \(reason) (errno \(code))"
  }
}

/// Why a loop did not do what it was asked.
public enum EventLoopError: Error, Equatable, Sendable, CustomStringConvertible {
  case system(SystemError)
  case tooManyWatches(limit: Int)
  case tooManyTimers(limit: Int)
  case tooManyMailboxes(limit: Int)

  public var description: String {
    switch self {
    case .system(let error): error.description
    case .tooManyWatches(let limit): "more than \(limit) sockets and pipes on one loop"
    case .tooManyTimers(let limit): "more than \(limit) timers on one loop"
    case .tooManyMailboxes(let limit): "more than \(limit) mailboxes on one loop"
    }
  }
}

/// Turns the kernel interface's `-errno` into a thrown error.
func check(_ result: Int32, _ call: String) throws(EventLoopError) -> Int32 {
  guard result >= 0 else { throw .system(SystemError(code: -result, call: call)) }
  return result
}
