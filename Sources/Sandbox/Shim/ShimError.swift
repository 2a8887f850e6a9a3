import EventLoop
import Wire

/// Why a shim cannot be worked with.
enum ShimError: Error, Equatable, CustomStringConvertible {
  /// No runtime's name, or a program that is not there or not to be trusted.
  case runtime(String)
  case identifier(String)
  /// What the shim printed at its start.
  case bootstrap(String)
  case socket(String, SystemError)
  /// Somebody else listens there.
  case stranger(String, user: UInt32, group: UInt32)
  case call(String, TTRPCFailure)
  /// A reply that lacks what makes it one.
  case reply(String, String)

  var description: String {
    switch self {
    case .runtime(let what), .identifier(let what): what
    case .bootstrap(let what): "the shim's start: \(what)"
    case .socket(let name, let error): "the shim's socket \(name): \(error)"
    case .stranger(let name, let user, let group):
      "the shim's socket \(name) belongs to user \(user) and group \(group), not to this program's"
    case .call(let method, let failure): "\(method): \(failure)"
    case .reply(let method, let what): "\(method): \(what)"
    }
  }
}
