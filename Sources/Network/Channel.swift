import CSystem
import EventLoop
import Glibc
import Wire

/// Frames over TLS over one socket.
///
/// Sending queues; what a turn of the loop has queued leaves together at its end, so that many small
/// frames share a TLS record and a system call. What is queued before the peer is verified waits until
/// it is. Every queue and every wait is bounded by `ChannelLimits`.
///
/// Confined to its loop, which owns it until `channelClosed`.
public final class Channel {
  /// Can transition to: the next one below, or `.closed`.
  enum Phase: Equatable {
    /// TCP is on its way.
    case connecting
    case handshaking
    case open
    /// The last word has been queued: what comes in is thrown away until the peer closes too.
    case lingering(ChannelEnd)
    /// The queue is over its cap; the turn's end closes the channel.
    case overflowing
    case closed
  }

  public let loop: EventLoop
  /// The peer, once it is verified, with the age of its certificate.
  public private(set) var verified: VerifiedPeer?
  /// Who that is.
  public var peer: PeerIdentity? { verified?.identity }
  /// Where the peer is: what was connected to, or what connected.
  public let remote: SocketAddress
  let descriptor: Int32
  let limits: ChannelLimits
  let session: TLSSession
  var delegate: (any ChannelDelegate)?
  var phase: Phase
  var watch: EventLoop.WatchID?
  var interest: EventLoop.Interest = []

  var decoder = FrameDecoder()
  /// Plaintext frames.
  var pending = ByteQueue()
  /// Ciphertext. At most `cipherLimit` and one piece, as long as the peer does not make TLS itself talk.
  var cipher = ByteQueue()
  var flushScheduled = false
  var pumpScheduled = false
  var isPaused = false
  /// The queue has been above the high-water mark and not yet below the low one.
  public internal(set) var isFull = false
  var saidGoodbye = false

  let deadline: LoopDeadline
  var phaseStarted: MonotonicInstant
  var lastReceived: MonotonicInstant
  /// Since when the socket has taken nothing of what waits.
  var blockedSince: MonotonicInstant?
  var frameStarted: MonotonicInstant?
  var pinged = false
  var nextNonce: UInt64 = 1

  /// One piece of plaintext that is encrypted at a time; TLS cuts it into records of 16 KiB.
  static let pieceCount = 65_536
  static let cipherLimit = 262_144

  /// Takes the socket over, whose other end is `remote`. With `connecting` it is one that
  /// `csystem_tcp_connect` has begun.
  init(
    descriptor: Int32, remote: SocketAddress, role: TLSSession.Role, connecting: Bool, loop: EventLoop,
    tls: TLSContext,
    limits: ChannelLimits
  ) throws(ChannelEnd) {
    precondition(limits.lowWater <= limits.highWater && limits.highWater < limits.hardCap)
    self.loop = loop
    self.descriptor = descriptor
    self.remote = remote
    self.limits = limits
    do throws(TLSError) {
      session = try TLSSession(context: tls, role: role)
    } catch {
      _ = csystem_close(descriptor)
      throw .tls(error)
    }
    phase = connecting ? .connecting : .handshaking
    deadline = LoopDeadline(loop: loop)
    let now = loop.now
    phaseStarted = now
    lastReceived = now
  }

  /// Begins. From here on the loop keeps the channel alive.
  func start(_ delegate: any ChannelDelegate) {
    self.delegate = delegate
    interest = phase == .connecting ? .write : .read
    do throws(EventLoopError) {
      watch = try loop.watch(descriptor, for: interest) { [self] ready in handle(ready) }
      try deadline.arm(at: phaseStarted + limits.handshake) { [weak self] in self?.checkTime() }
    } catch {
      fail(.loop(error))
      return
    }
    if phase == .handshaking { advanceHandshake() }
  }

  deinit {
    if phase != .closed { _ = csystem_close(descriptor) }
  }

  // MARK: For its user

  /// Unsent bytes.
  public var queuedCount: Int { pending.count + cipher.count }

  public var isOpen: Bool { phase == .open }

  /// Queues a frame; it leaves at the end of this turn.
  @discardableResult
  public func send(_ frame: Frame) -> SendOutcome {
    switch phase {
    case .connecting, .handshaking, .open: break
    case .lingering, .overflowing, .closed: return .dropped
    }
    guard pending.appending({ FrameLayout.append(frame, to: &$0) }) else { return .tooLarge }
    guard queuedCount <= limits.hardCap else {
      // Not from within `send`: its caller may be in the middle of a list of channels.
      phase = .overflowing
      loop.atEndOfTurn { [self] in fail(.queueOverflow(limit: limits.hardCap)) }
      return .dropped
    }
    scheduleFlush()
    if queuedCount > limits.highWater { isFull = true }
    return isFull ? .full : .queued
  }

  /// Takes no more frames in until `resume`; the socket's buffers fill and the peer has to wait.
  public func pause() {
    isPaused = true
    updateInterest()
  }

  /// Takes frames in again, those first that had come before the pause.
  public func resume() {
    guard isPaused else { return }
    isPaused = false
    lastReceived = loop.now
    frameStarted = nil
    updateInterest()
    schedulePump()
  }

  /// Ends the channel once the peer has been told why, or has had the time to hear it.
  public func finish(_ status: CallStatus) {
    finish(status, as: .refused(status))
  }

  private func finish(_ status: CallStatus, as end: ChannelEnd) {
    guard phase == .open, !loop.hasEnded else { return close(end) }
    send(Frame(.response(Response(status))))
    guard phase == .open else { return }
    enter(.lingering(end))
    updateInterest()
    flush()
    armDeadline(at: phaseStarted + limits.linger)
  }

  /// Ends the channel after what can be sent without waiting.
  public func close() { close(.closed) }

  private func close(_ end: ChannelEnd) {
    if phase == .open {
      flush()
      session.shutDown()
      session.takeOutput(into: &cipher)
      writeCipher()
    }
    fail(end)
  }

  // MARK: Phases

  func enter(_ next: Phase) {
    phase = next
    phaseStarted = loop.now
  }

  /// The end, whatever led to it.
  func fail(_ end: ChannelEnd) {
    guard phase != .closed else { return }
    phase = .closed
    deadline.disarm()
    if let watch { loop.unwatch(watch) }
    watch = nil
    _ = csystem_close(descriptor)
    pending = ByteQueue()
    cipher = ByteQueue()
    let last = delegate
    delegate = nil
    last?.channelClosed(self, end)
  }

  private func handle(_ ready: EventLoop.Readiness) {
    switch phase {
    case .connecting: finishConnecting()
    case .handshaking, .open:
      // Hang-ups are told even to who does not read, again and again.
      if isPaused, ready.failed { return fail(.closedByPeer) }
      if ready.readable || ready.failed { receive() }
      if ready.writable { flush() }
    case .lingering:
      if ready.readable || ready.failed { discard() }
      if ready.writable { flush() }
    case .overflowing, .closed: break
    }
  }

  private func finishConnecting() {
    let result = csystem_socket_error(descriptor)
    guard result == 0 else {
      return fail(.system(SystemError(code: -result, call: "connect")))
    }
    phase = .handshaking
    updateInterest()
    advanceHandshake()
  }

  func advanceHandshake() {
    var complete = false
    var failure: ChannelEnd?
    do throws(TLSError) {
      complete = try session.handshake()
    } catch {
      failure = .tls(error)
    }
    // The alert that tells the peer why goes out even when the handshake failed.
    session.takeOutput(into: &cipher)
    writeCipher()
    if let failure { return fail(failure) }
    guard complete, phase == .handshaking else { return }
    identifyPeer()
  }

  private func identifyPeer() {
    enter(.open)
    lastReceived = phaseStarted
    do throws(PeerRefusal) {
      let found = try session.peer()
      verified = found
      armDeadline(at: phaseStarted + limits.idle / 2)
      if !pending.isEmpty { scheduleFlush() }
      delegate?.channelOpened(self, peer: found.identity)
    } catch {
      refusePeer(error)
    }
  }

  /// What was queued for somebody else is not for this peer.
  func refusePeer(_ refusal: PeerRefusal) {
    pending = ByteQueue()
    finish(CallStatus(.unauthenticated, "\(refusal)"), as: .peerRefused(refusal))
  }
}
