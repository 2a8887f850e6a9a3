import EventLoop

/// At most one timer: the soonest instant at which its owner has to look after itself.
final class LoopDeadline {
  private let loop: EventLoop
  private var timer: TimerID?
  private var instant: MonotonicInstant?

  init(loop: EventLoop) { self.loop = loop }

  /// Calls `work` at `wanted` unless it is armed for an earlier instant; then the owner, who looks at
  /// everything when it is called, arms it again.
  func arm(at wanted: MonotonicInstant, _ work: @escaping () -> Void) throws(EventLoopError) {
    if let instant, instant <= wanted { return }
    disarm()
    instant = wanted
    timer = try loop.schedule(at: wanted) { [weak self] in
      self?.timer = nil
      self?.instant = nil
      work()
    }
  }

  func disarm() {
    if let timer { loop.cancel(timer) }
    timer = nil
    instant = nil
  }
}
