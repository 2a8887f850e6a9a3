import EventLoop
import Wire

extension Channel {
  func armDeadline(at instant: MonotonicInstant) {
    guard phase != .closed else { return }
    do throws(EventLoopError) {
      try deadline.arm(at: instant) { [weak self] in self?.checkTime() }
    } catch {
      fail(.loop(error))
    }
  }

  /// Looks at everything that has a time limit, and comes back when the next one may be due.
  func checkTime() {
    let now = loop.now
    var next: MonotonicInstant
    switch phase {
    case .connecting, .handshaking:
      next = phaseStarted + limits.handshake
      if now >= next { return fail(.handshakeOverdue) }
    case .open:
      next = lastReceived + (pinged ? limits.idle : limits.idle / 2)
      if isPaused { next = now + limits.idle }
      if now >= next {
        if pinged { return fail(.idle) }
        ping()
        next = lastReceived + limits.idle
      }
      if let frameStarted, !isPaused {
        let limit = frameStarted + limits.frame
        if now >= limit { return fail(.frameOverdue) }
        next = min(next, limit)
      }
      if let blockedSince {
        let limit = blockedSince + limits.stall
        if now >= limit { return fail(.stalled) }
        next = min(next, limit)
      }
    case .lingering(let end):
      next = phaseStarted + limits.linger
      if now >= next { return fail(end) }
    case .overflowing, .closed: return
    }
    armDeadline(at: next)
  }

  func ping() {
    pinged = true
    send(Frame(.ping(nonce: nextNonce)))
    nextNonce &+= 1
  }
}
