import CSystem
import Synchronization

/// The one thing that other threads touch of a loop: a counter that ends its wait, and the wish to stop.
final class Waker: Sendable {
  let descriptor: Int32
  /// The counter has been raised and the loop has not looked yet.
  private let raised = Atomic<Bool>(false)
  let stopRequested = Atomic<Bool>(false)

  init() throws(EventLoopError) { descriptor = try check(csystem_eventfd(), "eventfd") }

  deinit { _ = csystem_close(descriptor) }

  func wake() {
    if !raised.exchange(true, ordering: .acquiringAndReleasing) {
      let result = csystem_eventfd_signal(descriptor)
      precondition(result == 0, "a counter that is open can be raised")
    }
  }

  /// Called before the mailboxes are read, so that a message sent meanwhile wakes again.
  func lower() {
    _ = csystem_eventfd_drain(descriptor)
    raised.store(false, ordering: .sequentiallyConsistent)
  }
}

/// A bounded way into a loop from other threads. The receiver runs on the loop, in order of sending.
public final class Mailbox<Message: Sendable>: Sendable {
  private struct Content {
    var messages: [Message] = []
    var isOpen = true
  }

  /// The most messages that wait.
  public let capacity: Int
  private let waker: Waker
  private let content = Mutex(Content())

  init(capacity: Int, waker: Waker) {
    precondition(capacity > 0)
    self.capacity = capacity
    self.waker = waker
  }

  /// Leaves a message; false where the box is full or its loop has ended, and then nothing is left.
  public func send(_ message: Message) -> Bool {
    let accepted = content.withLock { content in
      guard content.isOpen, content.messages.count < capacity else { return false }
      content.messages.append(message)
      return true
    }
    if accepted { waker.wake() }
    return accepted
  }

  /// Takes everything that waits.
  func takeAll() -> [Message] {
    content.withLock { content in
      var taken: [Message] = []
      swap(&taken, &content.messages)
      return taken
    }
  }

  func close() {
    content.withLock { content in
      content.isOpen = false
      content.messages = []
    }
  }
}
