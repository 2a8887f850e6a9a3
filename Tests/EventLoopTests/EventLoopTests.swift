import CSystem
import Glibc
import Synchronization
import Testing

@testable import EventLoop

/// Turns the loop until `done`, at most ten seconds: a test that waits for nothing fails, it does not hang.
func turn(_ loop: EventLoop, until done: () -> Bool) throws {
  let limit = MonotonicInstant.now + .seconds(10)
  while !done() {
    guard MonotonicInstant.now < limit else { throw Overdue() }
    try loop.turn(waitingAtMost: .milliseconds(200))
  }
}

struct Overdue: Error {}

/// A connected pair of sockets that closes at the end.
final class Pair {
  let near: Int32
  let far: Int32
  init() throws {
    var ends: [Int32] = [0, 0]
    try #require(csystem_socketpair(&ends) == 0)
    near = ends[0]
    far = ends[1]
  }
  deinit {
    _ = csystem_close(near)
    _ = csystem_close(far)
  }
}

@Suite("Event loop")
struct EventLoopTests {
  @Test("a descriptor's handler runs while it is ready, and not after unwatch")
  func readiness() throws {
    let loop = try EventLoop()
    let pair = try Pair()
    var reads = 0
    let watch = try loop.watch(pair.near, for: .read) { ready in
      #expect(ready.readable)
      reads += 1
    }
    try loop.turn(waitingAtMost: .zero)
    #expect(reads == 0)
    #expect(csystem_write(pair.far, [1], 1) == 1)
    try loop.turn(waitingAtMost: .zero)
    try loop.turn(waitingAtMost: .zero)
    #expect(reads == 2)
    try loop.change(watch, to: .none)
    try loop.turn(waitingAtMost: .zero)
    #expect(reads == 2)
    try loop.change(watch, to: .read)
    loop.unwatch(watch)
    try loop.turn(waitingAtMost: .zero)
    #expect(reads == 2)
  }

  @Test("an event for a descriptor that was replaced in the same turn reaches nobody")
  func reuse() throws {
    let loop = try EventLoop()
    var first = try Pair()
    let second = try Pair()
    var replaced = 0
    var newcomer = 0
    var watches: [EventLoop.WatchID] = []
    // Whichever of the two is told first closes the other and puts a silent descriptor in its slot.
    func replace(_ other: Int) throws {
      guard replaced == 0 else { return }
      replaced += 1
      loop.unwatch(watches[other])
      let silent = try Pair()
      first = silent
      _ = try loop.watch(silent.near, for: .read) { _ in newcomer += 1 }
    }
    let third = try Pair()
    watches.append(try loop.watch(second.near, for: .read) { _ in try? replace(1) })
    watches.append(try loop.watch(third.near, for: .read) { _ in try? replace(0) })
    #expect(csystem_write(second.far, [1], 1) == 1)
    #expect(csystem_write(third.far, [1], 1) == 1)
    try loop.turn(waitingAtMost: .zero)
    #expect(replaced == 1)
    #expect(newcomer == 0)
    _ = first
  }

  @Test("the far end's departure is told")
  func departure() throws {
    let loop = try EventLoop()
    var ends: [Int32] = [0, 0]
    #expect(csystem_socketpair(&ends) == 0)
    var failed = false
    let watch = try loop.watch(ends[0], for: .none) { failed = $0.failed }
    _ = csystem_close(ends[1])
    try turn(loop) { failed }
    loop.unwatch(watch)
    _ = csystem_close(ends[0])
  }

  @Test("watches, timers and mailboxes are bounded")
  func bounds() throws {
    var limits = EventLoop.Limits()
    limits.watches = 1
    limits.timers = 2
    limits.mailboxes = 1
    let loop = try EventLoop(limits: limits)
    let pair = try Pair()
    let watch = try loop.watch(pair.near, for: .read) { _ in }
    #expect(throws: EventLoopError.tooManyWatches(limit: 1)) {
      try loop.watch(pair.far, for: .read) { _ in }
    }
    loop.unwatch(watch)
    _ = try loop.watch(pair.far, for: .read) { _ in }
    let timer = try loop.schedule(after: .seconds(60)) {}
    _ = try loop.schedule(after: .seconds(60)) {}
    #expect(throws: EventLoopError.tooManyTimers(limit: 2)) { try loop.schedule(after: .zero) {} }
    loop.cancel(timer)
    _ = try loop.schedule(after: .seconds(60)) {}
    // The loop's own box for posted closures is the one.
    #expect(throws: EventLoopError.tooManyMailboxes(limit: 1)) {
      try loop.mailbox(capacity: 1) { (_: Int) in }
    }
  }

  @Test("timers run in order, not early, and a cancelled one not at all")
  func timers() throws {
    let loop = try EventLoop()
    var ran: [Int] = []
    let start = loop.now
    _ = try loop.schedule(at: start + .milliseconds(4)) { ran.append(2) }
    _ = try loop.schedule(at: start + .milliseconds(2)) { ran.append(1) }
    let cancelled = try loop.schedule(at: start + .milliseconds(3)) { ran.append(9) }
    loop.cancel(cancelled)
    try turn(loop) { ran.count == 2 }
    #expect(ran == [1, 2])
    #expect(loop.now >= start + .milliseconds(4))
  }

  @Test("a timer that schedules timers does not keep the turn from ending")
  func endlessTimer() throws {
    let loop = try EventLoop()
    var count = 0
    func again() {
      count += 1
      _ = try? loop.schedule(after: .zero, again)
    }
    again()
    try loop.turn(waitingAtMost: .zero)
    #expect(count == 2)
  }

  @Test("work put off runs once the turn's events are handled, and does not put off the next turn")
  func endOfTurn() throws {
    let loop = try EventLoop()
    var order: [String] = []
    _ = try loop.schedule(after: .zero) {
      loop.atEndOfTurn {
        order.append("end")
        loop.atEndOfTurn { order.append("next") }
      }
      order.append("first")
    }
    _ = try loop.schedule(after: .zero) { order.append("second") }
    try turn(loop) { !order.isEmpty }
    #expect(order == ["first", "second", "end"])
    try loop.turn()
    #expect(order == ["first", "second", "end", "next"])
  }

  @Test("what a cancelled handler held may cancel others as it goes")
  func releaseCancels() throws {
    final class Canceller {
      let work: () -> Void
      init(_ work: @escaping () -> Void) { self.work = work }
      deinit { work() }
    }
    let loop = try EventLoop()
    let pair = try Pair()
    let other = try loop.schedule(after: .seconds(60)) {}
    let farWatch = try loop.watch(pair.far, for: .read) { _ in }
    func canceller() -> () -> Void {
      let canceller = Canceller {
        loop.cancel(other)
        loop.unwatch(farWatch)
      }
      return { withExtendedLifetime(canceller) {} }
    }
    let timer = try loop.schedule(after: .seconds(60), canceller())
    loop.cancel(timer)
    let watch = try loop.watch(pair.near, for: .read) { [work = canceller()] _ in work() }
    loop.unwatch(watch)
    _ = try loop.schedule(after: .seconds(60), canceller())
    loop.end()
  }

  @Test("a loop that is ended lets go of what holds it")
  func end() throws {
    var loop: EventLoop? = try EventLoop()
    weak let watcher = loop
    let pair = try Pair()
    if let held = loop {
      _ = try held.watch(pair.near, for: .read) { _ in held.stop() }
      _ = try held.schedule(after: .seconds(60)) { held.stop() }
      held.atEndOfTurn { held.stop() }
    }
    loop?.end()
    loop = nil
    #expect(watcher == nil)
  }

  @Test("the system's error text is a person's")
  func errorText() {
    let error = SystemError(code: ENOENT, call: "open")
    #expect(error.description == "open: No such file or directory (errno 2)")
  }
}

@Suite("Loops and threads")
struct LoopThreadTests {
  @Test("messages of one sender arrive in order, on the loop, and wake it")
  func mailbox() throws {
    let loop = try EventLoop()
    var received: [Int] = []
    let box = try loop.mailbox(capacity: 1_000) { received.append($0) }
    let sender = try LoopThread(name: "sender") { loop in
      for number in 0..<1_000 { #expect(box.send(number)) }
      loop.stop()
    }
    try turn(loop) { received.count == 1_000 }
    #expect(received == Array(0..<1_000))
    try sender.join()
  }

  @Test("a full mailbox and one whose loop has ended refuse")
  func fullMailbox() throws {
    var loop: EventLoop? = try EventLoop()
    let box = try #require(try loop?.mailbox(capacity: 2) { (_: Int) in })
    #expect(box.send(1) && box.send(2))
    #expect(!box.send(3))
    try loop?.turn(waitingAtMost: .zero)
    #expect(box.send(4))
    loop = nil
    #expect(!box.send(5))
  }

  @Test("a closure posted from another thread runs on the loop")
  func post() throws {
    let ran = Atomic<Int>(0)
    let other = try LoopThread(name: "posted") { _ in }
    for _ in 0..<100 {
      #expect(other.remote.post { _ in ran.wrappingAdd(1, ordering: .relaxed) })
    }
    #expect(other.remote.post { $0.stop() })
    try other.join()
    #expect(ran.load(ordering: .relaxed) == 100)
  }

  @Test("what setting up throws comes out of join")
  func setUpFails() throws {
    let thread = try LoopThread(name: "broken") { _ in throw Overdue() }
    #expect(throws: Overdue.self) { try thread.join() }
  }

  @Test("stop gets through to a loop that waits for nothing")
  func stop() throws {
    let thread = try LoopThread(name: "idle") { _ in }
    try thread.stopAndJoin()
    #expect(!thread.remote.post { _ in })
  }
}
