import EventLoop

/// Looks names up beside a loop, which does not wait for it: the system's resolver may take half a minute.
///
/// One lookup at a time, in the order in which they were asked for. Confined to its loop.
public final class NameResolver {
  private struct Answer: Sendable {
    let number: UInt64
    let addresses: [SocketAddress]
  }

  private final class Waiting {
    var completions: [UInt64: ([SocketAddress]) -> Void] = [:]
  }

  private let thread: LoopThread
  private let answers: Mailbox<Answer>
  private let lookUp: @Sendable (String) -> [SocketAddress]
  private let waiting = Waiting()
  private var nextNumber: UInt64 = 0

  /// `lookUp` gives the addresses of `host:port`, in the order in which they are to be tried; it may block.
  public init(
    loop: EventLoop, lookUp: @escaping @Sendable (String) -> [SocketAddress] = SocketAddress.resolve
  ) throws(EventLoopError) {
    self.lookUp = lookUp
    let waiting = waiting
    answers = try loop.mailbox(capacity: 4_096) { answer in
      waiting.completions.removeValue(forKey: answer.number)?(answer.addresses)
    }
    thread = try LoopThread(name: "resolver") { _ in }
  }

  // A lookup under way is not waited for: its answer finds nobody.
  deinit { thread.remote.stop() }

  /// Calls `completion` on the loop, never from within this function, with the addresses that `name` (`host:port`) has
  /// now: none where it has none. False where too many lookups wait, and then it is not called.
  func resolve(_ name: String, completion: @escaping ([SocketAddress]) -> Void) -> Bool {
    let number = nextNumber
    nextNumber += 1
    let isAsked = thread.remote.post { [answers, lookUp] _ in
      _ = answers.send(Answer(number: number, addresses: lookUp(name)))
    }
    if isAsked { waiting.completions[number] = completion }
    return isAsked
  }
}
