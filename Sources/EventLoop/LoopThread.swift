import CSystem
import Glibc
import Synchronization

/// A loop on a thread of its own.
///
/// Programs run their loop here and not in `main`, which Swift isolates to the main actor.
public final class LoopThread: Sendable {
  /// How other threads reach the loop.
  public let remote: EventLoop.Remote
  private let thread: Mutex<pthread_t?>
  private let outcome: Outcome

  private final class Outcome: Sendable {
    let error = Mutex<(any Error)?>(nil)
  }

  /// What the thread is handed.
  private final class Start: Sendable {
    let name: String
    let limits: EventLoop.Limits
    let resources: EventLoop.Resources
    let setUp: @Sendable (EventLoop) throws -> Void
    let outcome: Outcome

    init(
      _ name: String, _ limits: EventLoop.Limits, _ resources: EventLoop.Resources, _ outcome: Outcome,
      _ setUp: @escaping @Sendable (EventLoop) throws -> Void
    ) {
      self.name = name
      self.limits = limits
      self.resources = resources
      self.outcome = outcome
      self.setUp = setUp
    }

    func run() {
      csystem_name_thread(name)
      let loop = EventLoop(limits: limits, resources: resources)
      defer { loop.end() }
      do {
        try setUp(loop)
        try loop.run()
      } catch {
        outcome.error.withLock { $0 = error }
      }
    }
  }

  /// Starts the thread, which calls `setUp` and then turns until stopped. What `setUp` throws ends the
  /// loop and comes out of `join()`.
  public init(
    name: String, limits: EventLoop.Limits = EventLoop.Limits(),
    setUp: @escaping @Sendable (EventLoop) throws -> Void
  ) throws(EventLoopError) {
    let resources = try EventLoop.Resources(limits: limits)
    let outcome = Outcome()
    self.outcome = outcome
    remote = EventLoop.Remote(resources)
    let start = Unmanaged.passRetained(Start(name, limits, resources, outcome, setUp))
    var handle = pthread_t()
    let result = pthread_create(
      &handle, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<Start>.fromOpaque(context).takeRetainedValue().run()
        return nil
      }, start.toOpaque())
    thread = Mutex(result == 0 ? handle : nil)
    guard result == 0 else {
      start.release()
      throw .system(SystemError(code: result, call: "pthread_create"))
    }
  }

  /// Waits for the loop's end; throws what ended it, if that was not `stop()`. May be called once by
  /// each of several threads; the first waits.
  public func join() throws {
    let handle = thread.withLock { handle in
      defer { handle = nil }
      return handle
    }
    if let handle { pthread_join(handle, nil) }
    if let error = outcome.error.withLock({ $0 }) { throw error }
  }

  /// Stops the loop and waits for its end.
  public func stopAndJoin() throws {
    remote.stop()
    try join()
  }
}
