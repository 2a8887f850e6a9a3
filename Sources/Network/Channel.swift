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
  private enum Phase: Equatable {
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
  /// The peer, once it is verified.
  public private(set) var peer: PeerIdentity?
  private let descriptor: Int32
  private let limits: ChannelLimits
  private let session: TLSSession
  private var delegate: (any ChannelDelegate)?
  private var phase: Phase
  private var watch: EventLoop.WatchID?
  private var interest: EventLoop.Interest = []

  private var decoder = FrameDecoder()
  /// Plaintext frames.
  private var pending = ByteQueue()
  /// Ciphertext. At most `cipherLimit` and one piece, as long as the peer does not make TLS itself talk.
  private var cipher = ByteQueue()
  private var flushScheduled = false
  private var pumpScheduled = false
  private var isPaused = false
  /// The queue has been above the high-water mark and not yet below the low one.
  public private(set) var isFull = false
  private var saidGoodbye = false

  private let deadline: LoopDeadline
  private var phaseStarted: MonotonicInstant
  private var lastReceived: MonotonicInstant
  /// Since when the socket has taken nothing of what waits.
  private var blockedSince: MonotonicInstant?
  private var frameStarted: MonotonicInstant?
  private var pinged = false
  private var nextNonce: UInt64 = 1

  /// One piece of plaintext that is encrypted at a time; TLS cuts it into records of 16 KiB.
  private static let pieceCount = 65_536
  private static let cipherLimit = 262_144

  /// Takes the socket over. With `connecting` it is one that `csystem_tcp_connect` has begun.
  init(
    descriptor: Int32, role: TLSSession.Role, connecting: Bool, loop: EventLoop, tls: TLSContext,
    limits: ChannelLimits
  ) throws(ChannelEnd) {
    precondition(limits.lowWater <= limits.highWater && limits.highWater < limits.hardCap)
    self.loop = loop
    self.descriptor = descriptor
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
    guard pending.appending({ FrameLayout.append(frame, to: &$0) }) else { return .dropped }
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
    guard phase == .open else { return close(end) }
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

  private func enter(_ next: Phase) {
    phase = next
    phaseStarted = loop.now
  }

  /// The end, whatever led to it.
  private func fail(_ end: ChannelEnd) {
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

  private func advanceHandshake() {
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
      let identity = try session.peer()
      peer = identity
      armDeadline(at: phaseStarted + limits.idle / 2)
      if !pending.isEmpty { scheduleFlush() }
      delegate?.channelOpened(self, peer: identity)
    } catch {
      refusePeer(error)
    }
  }

  /// What was queued for somebody else is not for this peer.
  func refusePeer(_ refusal: PeerRefusal) {
    pending = ByteQueue()
    finish(CallStatus(.unauthenticated, "\(refusal)"), as: .peerRefused(refusal))
  }

  // MARK: Receiving

  /// One read for each time the socket is ready: the other channels of the loop get their turn.
  private func receive() {
    guard !isPaused else { return }
    withScratch { scratch in
      let got = csystem_read(descriptor, scratch.baseAddress, scratch.count)
      guard got > 0 else { return endOfInput(got) }
      lastReceived = loop.now
      pinged = false
      do throws(TLSError) {
        try session.feed(UnsafeRawBufferPointer(rebasing: scratch[..<got]))
      } catch {
        return fail(.tls(error))
      }
    }
    if phase == .handshaking { advanceHandshake() }
    if phase == .open { pump() }
  }

  private func endOfInput(_ got: Int) {
    if got == Int(-EAGAIN) { return }
    fail(got == 0 ? .closedByPeer : .system(SystemError(code: Int32(-got), call: "read")))
  }

  /// Decrypts and delivers until nothing more is there, or the delegate pauses or ends the channel.
  private func pump() {
    deliver()
    while phase == .open, !isPaused {
      var outcome = TLSSession.ReadOutcome.needsMore
      var failure: TLSError?
      withScratch { scratch in
        do throws(TLSError) {
          outcome = try session.read(into: scratch)
        } catch {
          failure = error
        }
        if case .bytes(let count) = outcome {
          decoder.append(UnsafeRawBufferPointer(rebasing: scratch[..<count]))
        }
      }
      // Reading may make TLS itself answer, as a key update does.
      session.takeOutput(into: &cipher)
      if let failure {
        writeCipher()
        return fail(.tls(failure))
      }
      guard queuedCount <= limits.hardCap else {
        return fail(.queueOverflow(limit: limits.hardCap))
      }
      switch outcome {
      case .bytes: deliver()
      case .needsMore: return finishPump()
      case .ended: return fail(.closedByPeer)
      }
    }
  }

  private func finishPump() {
    if !cipher.isEmpty { scheduleFlush() }
  }

  private func deliver() {
    while phase == .open, !isPaused {
      do {
        guard let content = try nextFrame() else { return noteProgress(ofWholeFrame: false) }
        noteProgress(ofWholeFrame: true)
        delegate?.channel(self, received: content)
      } catch {
        delegate?.channel(self, violated: error)
        return
      }
    }
  }

  private func nextFrame() throws(PeerViolation) -> Frame? {
    let content: ArraySlice<UInt8>?
    do throws(FramingError) { content = try decoder.next() } catch { throw .framing(error) }
    guard let content else { return nil }
    do throws(ProtobufError) { return try Frame(decoding: content) } catch { throw .malformed(error) }
  }

  /// A frame under way has until `limits.frame`, counted from its first byte.
  private func noteProgress(ofWholeFrame: Bool) {
    if ofWholeFrame { frameStarted = nil }
    guard decoder.count > 0 else {
      frameStarted = nil
      return
    }
    guard frameStarted == nil else { return }
    let now = loop.now
    frameStarted = now
    armDeadline(at: now + limits.frame)
  }

  private func discard() {
    withScratch { scratch in
      let got = csystem_read(descriptor, scratch.baseAddress, scratch.count)
      if got <= 0, got != Int(-EAGAIN), case .lingering(let end) = phase { fail(end) }
    }
  }

  /// Stack memory for one piece.
  private func withScratch(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: Self.pieceCount, alignment: 16, body)
  }

  private func schedulePump() {
    guard !pumpScheduled else { return }
    pumpScheduled = true
    loop.atEndOfTurn { [self] in
      pumpScheduled = false
      if phase == .open { pump() }
    }
  }

  // MARK: Sending

  private func scheduleFlush() {
    guard !flushScheduled else { return }
    flushScheduled = true
    loop.atEndOfTurn { [self] in
      flushScheduled = false
      flush()
    }
  }

  /// Encrypts and writes until everything is gone or the socket takes no more.
  private func flush() {
    guard mayEncrypt else { return writeCipher() }
    repeat {
      do throws(TLSError) { try encrypt() } catch { return fail(.tls(error)) }
      writeCipher()
      // What is left of the ciphertext waits for the socket, and the plaintext behind it.
    } while mayEncrypt && cipher.isEmpty && !pending.isEmpty
    if mayEncrypt { afterFlush() }
  }

  /// Turns plaintext into ciphertext, as much as may wait.
  private func encrypt() throws(TLSError) {
    while !pending.isEmpty, cipher.count < Self.cipherLimit {
      let failure: TLSError? = pending.withFirst(Self.pieceCount) { piece in
        do throws(TLSError) {
          try session.write(piece)
          return nil
        } catch {
          return error
        }
      }
      if let failure { throw failure }
      pending.removeFirst(min(pending.count, Self.pieceCount))
      session.takeOutput(into: &cipher)
    }
  }

  private var mayEncrypt: Bool {
    switch phase {
    case .open, .lingering: true
    case .connecting, .handshaking, .overflowing, .closed: false
    }
  }

  private func writeCipher() {
    while phase != .closed, !cipher.isEmpty {
      let put = cipher.withFirst(.max) { csystem_send(descriptor, $0.baseAddress, $0.count) }
      if put == Int(-EAGAIN) { break }
      guard put > 0 else {
        // What the peer said last may still wait in the socket: let reading find out why it is gone.
        cipher = ByteQueue()
        if phase == .open || phase == .handshaking, put == Int(-EPIPE) || put == Int(-ECONNRESET) { break }
        return fail(.system(SystemError(code: Int32(-put), call: "send")))
      }
      cipher.removeFirst(put)
      blockedSince = nil
    }
    updateInterest()
  }

  private func afterFlush() {
    if queuedCount == 0 {
      blockedSince = nil
    } else if blockedSince == nil {
      let now = loop.now
      blockedSince = now
      armDeadline(at: now + limits.stall)
    }
    if isFull, queuedCount <= limits.lowWater {
      isFull = false
      delegate?.channelWritable(self)
    }
    if case .lingering = phase, queuedCount == 0, !saidGoodbye {
      saidGoodbye = true
      session.shutDown()
      session.takeOutput(into: &cipher)
      writeCipher()
      if phase != .closed { shutdown(descriptor, Int32(SHUT_WR)) }
    }
  }

  private func updateInterest() {
    guard let watch, phase != .closed, phase != .connecting else { return }
    var wanted: EventLoop.Interest = isPaused ? .none : .read
    if !cipher.isEmpty { wanted.insert(.write) }
    guard wanted != interest else { return }
    interest = wanted
    do throws(EventLoopError) {
      try loop.change(watch, to: wanted)
    } catch {
      fail(.loop(error))
    }
  }

  // MARK: Time

  private func armDeadline(at instant: MonotonicInstant) {
    guard phase != .closed else { return }
    do throws(EventLoopError) {
      try deadline.arm(at: instant) { [weak self] in self?.checkTime() }
    } catch {
      fail(.loop(error))
    }
  }

  /// Looks at everything that has a time limit, and comes back when the next one may be due.
  private func checkTime() {
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

  private func ping() {
    pinged = true
    send(Frame(.ping(nonce: nextNonce)))
    nextNonce &+= 1
  }
}
