import CSystem
import EventLoop
import Glibc
import Wire

extension Channel {
  func scheduleFlush() {
    guard !flushScheduled else { return }
    flushScheduled = true
    loop.atEndOfTurn { [self] in
      flushScheduled = false
      flush()
    }
  }

  /// Encrypts and writes until everything is gone or the socket takes no more.
  func flush() {
    guard mayEncrypt else { return writeCipher() }
    repeat {
      do throws(TLSError) { try encrypt() } catch { return fail(.tls(error)) }
      writeCipher()
      // What is left of the ciphertext waits for the socket, and the plaintext behind it.
    } while mayEncrypt && cipher.isEmpty && !pending.isEmpty
    if mayEncrypt { afterFlush() }
  }

  /// Turns plaintext into ciphertext, as much as may wait.
  func encrypt() throws(TLSError) {
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

  var mayEncrypt: Bool {
    switch phase {
    case .open, .lingering: true
    case .connecting, .handshaking, .overflowing, .closed: false
    }
  }

  func writeCipher() {
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

  func afterFlush() {
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

  func updateInterest() {
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
}
