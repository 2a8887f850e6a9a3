import CSystem
import Glibc

/// Signals that a loop receives instead of a handler.
public struct SignalSet: Sendable, Equatable {
  /// Ascending, without repetition.
  public let numbers: [Int32]

  public init(_ numbers: [Int32]) { self.numbers = Array(Set(numbers)).sorted() }

  /// SIGINT and SIGTERM: what asks a program to end.
  public static let termination = SignalSet([SIGINT, SIGTERM])

  /// Blocks the signals in this thread and in every thread that it starts. Call it first thing in the
  /// program: a thread that does not block them would receive them by default, and end the process.
  public func block() throws(EventLoopError) {
    _ = try check(csystem_block_signals(numbers, numbers.count), "pthread_sigmask")
  }
}

extension EventLoop {
  /// Calls `handler` with the number of every such signal. They are to be blocked already.
  /// The watch and its descriptor last as long as the loop.
  public func onSignals(
    _ signals: SignalSet, _ handler: @escaping (Int32) -> Void
  ) throws(EventLoopError) {
    let descriptor = try check(csystem_signalfd(signals.numbers, signals.numbers.count), "signalfd")
    let owner = OwnedDescriptor(descriptor)
    _ = try watch(descriptor, for: .read) { _ in
      while true {
        let number = csystem_signalfd_read(owner.descriptor)
        guard number > 0 else { return }
        handler(number)
      }
    }
  }
}

/// A descriptor that closes when its owner goes.
final class OwnedDescriptor {
  let descriptor: Int32
  init(_ descriptor: Int32) { self.descriptor = descriptor }
  deinit { _ = csystem_close(descriptor) }
}
