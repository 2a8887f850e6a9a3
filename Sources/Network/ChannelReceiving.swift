import CSystem
import EventLoop
import Glibc
import Wire

extension Channel {
  /// One read for each time the socket is ready: the other channels of the loop get their turn.
  func receive() {
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

  func endOfInput(_ got: Int) {
    if got == Int(-EAGAIN) { return }
    fail(got == 0 ? .closedByPeer : .system(SystemError(code: Int32(-got), call: "read")))
  }

  /// Decrypts and delivers until nothing more is there, or the delegate pauses or ends the channel.
  func pump() {
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

  func finishPump() {
    if !cipher.isEmpty { scheduleFlush() }
  }

  func deliver() {
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

  func nextFrame() throws(PeerViolation) -> Frame? {
    let content: ArraySlice<UInt8>?
    do throws(FramingError) { content = try decoder.next() } catch { throw .framing(error) }
    guard let content else { return nil }
    do throws(ProtobufError) { return try Frame(decoding: content) } catch { throw .malformed(error) }
  }

  /// A frame under way has until `limits.frame`, counted from its first byte.
  func noteProgress(ofWholeFrame: Bool) {
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

  func discard() {
    withScratch { scratch in
      let got = csystem_read(descriptor, scratch.baseAddress, scratch.count)
      if got <= 0, got != Int(-EAGAIN), case .lingering(let end) = phase { fail(end) }
    }
  }

  /// Stack memory for one piece.
  func withScratch(_ body: (UnsafeMutableRawBufferPointer) -> Void) {
    withUnsafeTemporaryAllocation(byteCount: Self.pieceCount, alignment: 16, body)
  }

  func schedulePump() {
    guard !pumpScheduled else { return }
    pumpScheduled = true
    loop.atEndOfTurn { [self] in
      pumpScheduled = false
      if phase == .open { pump() }
    }
  }
}
