import CSystem
import Synchronization

/// One level-triggered epoll loop and everything that hangs on it: watched descriptors, timers,
/// mailboxes, signals, child processes.
///
/// Confined to the thread that runs it: the class is not `Sendable`, and neither are the handlers, so
/// what they hold needs no lock. Other threads reach it through a `Mailbox` or its `remote` only.
///
/// A turn: wait; handlers of ready descriptors; due timers in order of their instants; work put off to
/// the end of the turn. A handler that is removed during a turn is not called any more, even if its
/// descriptor was ready.
public final class EventLoop {
  /// Bounds of everything that a loop holds.
  public struct Limits: Sendable {
    public var watches = 65_536
    public var timers = 131_072
    public var mailboxes = 64
    /// Closures that other threads have posted and the loop has not run.
    public var posts = 4_096
    public init() {}
  }

  /// What to wait for.
  public struct Interest: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }
    public static let read = Interest(rawValue: UInt32(csystem_event_read))
    public static let write = Interest(rawValue: UInt32(csystem_event_write))
    /// Errors and hang-ups are told in any case.
    public static let none: Interest = []
  }

  /// What a descriptor is ready for.
  public struct Readiness: Sendable {
    let events: UInt32
    public var readable: Bool { events & UInt32(csystem_event_read) != 0 }
    public var writable: Bool { events & UInt32(csystem_event_write) != 0 }
    /// The other end is gone, or the descriptor has an error to be fetched by reading or writing.
    public var failed: Bool {
      events & UInt32(csystem_event_error | csystem_event_hangup) != 0
    }
  }

  /// Names a watched descriptor. Not the descriptor itself, whose number is soon another's.
  public struct WatchID: Hashable, Sendable {
    let token: UInt64
  }

  private struct Slot {
    var generation: UInt32 = 0
    var descriptor: Int32 = -1
    var handler: ((Readiness) -> Void)?
  }

  /// A mailbox, whatever its messages are.
  private struct Box {
    var id: ObjectIdentifier
    var drain: () -> Void
    var close: () -> Void
  }

  private let limits: Limits
  private let epoll: Int32
  private let waker: Waker
  /// Indexed by a token's lower half; the upper half must equal the slot's generation.
  private var slots: [Slot] = []
  private var freeSlots: [Int] = []
  private var timers = Timers()
  private var endOfTurn: [() -> Void] = []
  private var mailboxes: [Box] = []
  private var events = [csystem_event](
    repeating: csystem_event(), count: Int(csystem_event_capacity))
  var children: [ChildID: Child] = [:]
  var nextChild: UInt64 = 1

  /// Whether `end()` was called: nothing will turn it again, so there is nothing left to wait for.
  public private(set) var hasEnded = false

  /// How other threads reach this loop.
  public let remote: Remote

  /// What a loop is made of; can be made on one thread for a loop on another.
  struct Resources: Sendable {
    let epoll: Int32
    let waker: Waker
    let posts: Mailbox<@Sendable (EventLoop) -> Void>

    init(limits: Limits) throws(EventLoopError) {
      waker = try Waker()
      posts = Mailbox(capacity: limits.posts, waker: waker)
      epoll = try check(csystem_epoll_create(), "epoll_create1")
      let added = csystem_epoll_add(epoll, waker.descriptor, Interest.read.rawValue, EventLoop.wakerToken)
      guard added >= 0 else {
        _ = csystem_close(epoll)
        throw .system(SystemError(code: -added, call: "epoll_ctl"))
      }
    }
  }

  private static let wakerToken = UInt64.max

  /// A loop for the calling thread.
  public convenience init(limits: Limits = Limits()) throws(EventLoopError) {
    self.init(limits: limits, resources: try Resources(limits: limits))
  }

  init(limits: Limits, resources: Resources) {
    self.limits = limits
    epoll = resources.epoll
    waker = resources.waker
    remote = Remote(resources)
    install(resources.posts) { [unowned self] work in work(self) }
  }

  deinit {
    for box in mailboxes { box.close() }
    _ = csystem_close(epoll)
  }

  /// The monotonic clock, read now.
  public var now: MonotonicInstant { .now }

  // MARK: Descriptors

  /// Calls `handler` whenever the descriptor is ready, until `unwatch`. The descriptor stays the
  /// caller's, who unwatches it before closing it.
  public func watch(
    _ descriptor: Int32, for interest: Interest, _ handler: @escaping (Readiness) -> Void
  ) throws(EventLoopError) -> WatchID {
    let index: Int
    if let free = freeSlots.last {
      index = free
    } else {
      guard slots.count < limits.watches else { throw .tooManyWatches(limit: limits.watches) }
      slots.append(Slot())
      index = slots.count - 1
      freeSlots.append(index)
    }
    let token = UInt64(slots[index].generation) << 32 | UInt64(index)
    _ = try check(csystem_epoll_add(epoll, descriptor, interest.rawValue, token), "epoll_ctl")
    freeSlots.removeLast()
    slots[index].descriptor = descriptor
    slots[index].handler = handler
    return WatchID(token: token)
  }

  /// Waits for something else from now on.
  public func change(_ id: WatchID, to interest: Interest) throws(EventLoopError) {
    guard let index = slot(of: id.token) else { return }
    _ = try check(
      csystem_epoll_modify(epoll, slots[index].descriptor, interest.rawValue, id.token), "epoll_ctl")
  }

  /// Forgets the descriptor; its handler is not called again, not even in this turn.
  public func unwatch(_ id: WatchID) {
    guard let index = slot(of: id.token) else { return }
    let removed = csystem_epoll_remove(epoll, slots[index].descriptor)
    precondition(removed == 0, "a watched descriptor was closed before it was unwatched")
    // Let go of last: what it held may unwatch other descriptors.
    let released = slots[index].handler
    slots[index].handler = nil
    slots[index].descriptor = -1
    slots[index].generation &+= 1
    freeSlots.append(index)
    withExtendedLifetime(released) {}
  }

  private func slot(of token: UInt64) -> Int? {
    let index = Int(token & 0xFFFF_FFFF)
    guard index < slots.count, slots[index].generation == UInt32(token >> 32),
      slots[index].handler != nil
    else { return nil }
    return index
  }

  // MARK: Time

  /// Runs `work` once, not before `instant`. Timers run in order of their instants, those of one
  /// instant in order of scheduling.
  public func schedule(
    at instant: MonotonicInstant, _ work: @escaping () -> Void
  ) throws(EventLoopError) -> TimerID {
    guard timers.count < limits.timers else { throw .tooManyTimers(limit: limits.timers) }
    return timers.schedule(at: instant, work)
  }

  /// Runs `work` once, not before `delay` has passed.
  public func schedule(
    after delay: Duration, _ work: @escaping () -> Void
  ) throws(EventLoopError) -> TimerID {
    try schedule(at: now + delay, work)
  }

  /// A timer that has run or was cancelled before is left alone.
  public func cancel(_ timer: TimerID) {
    let released = timers.cancel(timer)
    withExtendedLifetime(released) {}
  }

  /// Runs `work` when this turn's events have all been handled: the place to send at once what several
  /// of them produced. The caller sees to it that it asks once a turn.
  public func atEndOfTurn(_ work: @escaping () -> Void) { endOfTurn.append(work) }

  // MARK: Other threads

  /// A box into which other threads put messages for `receive`, which runs on this loop.
  public func mailbox<Message: Sendable>(
    capacity: Int, _ receive: @escaping (Message) -> Void
  ) throws(EventLoopError) -> Mailbox<Message> {
    guard mailboxes.count < limits.mailboxes else { throw .tooManyMailboxes(limit: limits.mailboxes) }
    let box = Mailbox<Message>(capacity: capacity, waker: waker)
    install(box, receive)
    return box
  }

  private func install<Message>(_ box: Mailbox<Message>, _ receive: @escaping (Message) -> Void) {
    mailboxes.append(
      Box(
        id: ObjectIdentifier(box),
        drain: { for message in box.takeAll() { receive(message) } },
        close: { box.close() }))
  }

  /// Closes a box: what waits in it is discarded, what is sent to it is refused.
  public func close<Message>(_ box: Mailbox<Message>) {
    box.close()
    guard let index = mailboxes.firstIndex(where: { $0.id == ObjectIdentifier(box) }) else { return }
    let released = mailboxes.remove(at: index)
    withExtendedLifetime(released) {}
  }

  /// A loop as other threads see it.
  public struct Remote: Sendable {
    private let posts: Mailbox<@Sendable (EventLoop) -> Void>
    private let waker: Waker

    init(_ resources: Resources) {
      posts = resources.posts
      waker = resources.waker
    }

    /// Runs `work` on the loop; false where too much waits or the loop has ended.
    public func post(_ work: @escaping @Sendable (EventLoop) -> Void) -> Bool { posts.send(work) }

    /// Ends `run()` after the turn under way. Always gets through.
    public func stop() {
      waker.stopRequested.store(true, ordering: .releasing)
      waker.wake()
    }
  }

  // MARK: Turning

  /// Ends `run()` after the turn under way.
  public func stop() { waker.stopRequested.store(true, ordering: .releasing) }

  /// Lets go of everything: no handler, timer or message is run any more. Handlers often hold what holds
  /// the loop, so a loop that is not ended this way may never be released. Child processes live on.
  public func end() {
    stop()
    hasEnded = true
    for index in slots.indices {
      if slots[index].handler != nil {
        unwatch(WatchID(token: UInt64(slots[index].generation) << 32 | UInt64(index)))
      }
    }
    // What they hold may turn to the loop as it goes, so each is taken out first and released after.
    var released = (timers: Timers(), work: [() -> Void](), boxes: [Box]())
    swap(&released.timers, &timers)
    swap(&released.work, &endOfTurn)
    swap(&released.boxes, &mailboxes)
    for box in released.boxes { box.close() }
  }

  /// Whether somebody has asked it to stop.
  public var isStopping: Bool { waker.stopRequested.load(ordering: .acquiring) }

  /// Turns until it is stopped.
  public func run() throws(EventLoopError) {
    while !isStopping { try turn() }
  }

  /// Waits for something to happen, at most so long, and handles it.
  public func turn(waitingAtMost limit: Duration? = nil) throws(EventLoopError) {
    let count = csystem_epoll_wait(
      epoll, &events, Int32(events.count), waitNanoseconds(atMost: limit))
    _ = try check(count, "epoll_wait")
    for index in 0..<Int(count) { dispatch(events[index]) }
    let mark = timers.mark
    let now = now
    while let work = timers.takeDue(at: now, scheduledUpTo: mark) { work() }
    finishTurn()
  }

  private func dispatch(_ event: csystem_event) {
    if event.token == Self.wakerToken {
      waker.lower()
      for box in mailboxes { box.drain() }
      return
    }
    // A descriptor closed earlier in this turn, or its number in new hands, has another generation.
    guard let index = slot(of: event.token), let handler = slots[index].handler else { return }
    handler(Readiness(events: event.events))
  }

  private func finishTurn() {
    // Work put off by work that was put off waits for the next turn, which then does not sleep.
    guard !endOfTurn.isEmpty else { return }
    var work: [() -> Void] = []
    swap(&work, &endOfTurn)
    for item in work { item() }
  }

  private func waitNanoseconds(atMost limit: Duration?) -> Int64 {
    if !endOfTurn.isEmpty || isStopping { return 0 }
    var wait: UInt64? = limit?.wholeNanoseconds
    if let next = timers.next() {
      let now = now
      let untilTimer = next > now ? next.nanoseconds - now.nanoseconds : 0
      wait = min(wait ?? .max, untilTimer)
    }
    guard let wait else { return -1 }
    return Int64(clamping: wait)
  }
}
