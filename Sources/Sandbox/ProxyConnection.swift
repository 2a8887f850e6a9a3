import EventLoop
import Glibc
import OpenExec
import Records

/// One connection of a run: a request is read and judged, its host resolved and judged, connected to, and then
/// bytes pass both ways, as many as the meter lets pass. One request a connection.
final class ProxyConnection {
  private enum Phase {
    /// The request has not all come. Can transition to: resolving, closing.
    case reading
    /// Can transition to: connecting, closing.
    case resolving(ProxyRequest, EgressID)
    /// The body of a model's call has not all come. Can transition to: resolving, closing.
    case calling(ProxyRequest, EgressID)
    /// Can transition to: greeting, relaying, closing.
    case connecting(ProxyRequest, EgressID)
    /// A tunnel stands, and what its client says first is looked at. Can transition to: relaying, closed.
    case greeting(ProxyRequest, EgressID)
    /// Can transition to: closed.
    case relaying(ProxyRequest, EgressID)
    /// The action was answered that it gets nothing, and is waited for to hang up. Can transition to: closed.
    case closing
    case closed
  }

  let stream: UInt32
  private unowned let proxy: EgressProxy
  private unowned let channel: any ProxyChannel
  private var phase = Phase.reading
  private var upload = ProxyUpload()
  private var hasGuestEnded = false
  private var hasRemoteEnded = false
  private var hasAnswered = false
  /// Nil before the destination is connected to, and after all is over.
  private var remote: ProxySocket?
  private var timer: TimerID?
  private var scan = ContentScan()
  private var secrets: Redactor
  private var access = EgressDestination.Access.tunnel
  /// Of a model, what its answer says that it took.
  private var usage = ModelUsage()

  init(stream: UInt32, proxy: EgressProxy, channel: any ProxyChannel) {
    self.stream = stream
    self.proxy = proxy
    self.channel = channel
    secrets = Redactor(proxy.secrets)
    restart(timer: proxy.settings.requestSeconds) { [self] in
      refuse(.request(.malformed("no whole request within \(proxy.settings.requestSeconds) seconds")))
    }
  }

  private func restart(timer seconds: Int64, _ work: @escaping () -> Void) {
    stopTimer()
    timer = try? proxy.loop.schedule(after: .seconds(seconds), work)
  }

  private func stopTimer() {
    if let timer { proxy.loop.cancel(timer) }
    timer = nil
  }

  // MARK: From the action

  func receive(_ bytes: [UInt8]) {
    switch phase {
    case .reading:
      upload.append(bytes)
      readRequest()
    case .resolving(let request, _), .connecting(let request, _), .relaying(let request, _):
      take(bytes, of: request)
      if case .relaying = phase { pump() }
    case .greeting(let request, let id):
      take(bytes, of: request)
      greet(request, id)
    case .calling(let request, let id): call(bytes, request, id)
    case .closing, .closed: channel.consumed(bytes.count, of: stream)
    }
  }

  func guestEnded() {
    hasGuestEnded = true
    switch phase {
    case .reading: refuse(.request(.malformed("it ended before its empty line")))
    case .relaying: pump()
    case .greeting(_, let id): cut(id, .notTLS("it ended"))
    case .calling(_, let id): fail(id, .request(.malformed("it ended before its body")))
    case .closing: close(nil)
    case .resolving, .connecting, .closed: break
    }
  }

  func guestReset() { close(nil) }

  private func readRequest() {
    let request: ProxyRequest
    let length: Int
    do throws(ProxyRequestError) {
      guard let found = try ProxyRequest.headLength(upload.bytes) else { return }
      length = found
      request = try ProxyRequest(parsing: upload.bytes[..<length])
    } catch {
      proxy.meter.refuse(.request(error), nil, at: proxy.elapsed)
      return refuse(.request(error), isNoted: true)
    }
    let id: EgressID
    let destination: EgressDestination
    do throws(EgressRefusal) {
      (id, destination) = try proxy.meter.admit(request, at: proxy.elapsed)
    } catch {
      return refuse(error, isNoted: true)
    }
    let rest = Array(upload.bytes[length...])
    channel.consumed(length, of: stream)
    access = destination.access
    upload.begin(bodyOf: request.bodyLength)
    phase = .calling(request, id)
    guard access == .model else {
      if !request.isTunnel { speak(request.forwarded) }
      take(rest, of: request)
      return resolve(request, id)
    }
    guard request.bodyLength <= ModelCall.maximumBytes else {
      return fail(id, .modelCall("a body of at most \(ModelCall.maximumBytes) bytes"))
    }
    call(rest, request, id)
  }

  /// What the proxy says itself, before anything of the action's.
  private func speak(_ head: [UInt8]) {
    upload.speak(head)
    look(head)
  }

  /// A model's call is judged as a whole before a byte of it leaves.
  private func call(_ bytes: [UInt8], _ request: ProxyRequest, _ id: EgressID) {
    _ = upload.append(bodyOf: bytes)
    // Held here, within its own limit, and no longer in the stream's window.
    channel.consumed(bytes.count, of: stream)
    upload.settle()
    guard upload.bodyLeft == 0 else { return }
    let whole = upload.bytes
    do throws(EgressRefusal) {
      try proxy.meter.call(whole, secrets: proxy.secrets, on: id)
    } catch {
      return fail(id, error)
    }
    upload.speak(request.forwarded(usualPort: 443) + whole)
    resolve(request, id)
  }

  private func resolve(_ request: ProxyRequest, _ id: EgressID) {
    phase = .resolving(request, id)
    restart(timer: proxy.settings.resolveSeconds + 5) { [self] in fail(id, .unresolved("no answer")) }
    proxy.resolver.resolve(request.host) { [weak self] result in self?.resolved(result, request, id) }
  }

  /// Of a plain request, its body and nothing after it; of a tunnel, everything.
  private func take(_ bytes: [UInt8], of request: ProxyRequest) {
    guard !request.isTunnel else {
      upload.append(bytes)
      return
    }
    let body = upload.append(bodyOf: bytes)
    look(body)
    channel.consumed(bytes.count - body.count, of: stream)
  }

  private func look(_ bytes: [UInt8]) {
    scan.pass(bytes)
    _ = secrets.pass(bytes)
  }

  // MARK: To the destination

  private func resolved(
    _ result: Result<[NetworkAddress], Resolver.ResolverFailure>, _ request: ProxyRequest, _ id: EgressID
  ) {
    guard case .resolving = phase else { return }
    do throws(EgressRefusal) {
      let addresses: [NetworkAddress]
      switch result {
      case .success(let found): addresses = found
      case .failure(let failure): throw .unresolved(failure.why)
      }
      let address = try proxy.meter.choose(addresses, for: id)
      try connect(to: address, request, id)
    } catch {
      fail(id, error)
    }
  }

  private func connect(
    to address: NetworkAddress, _ request: ProxyRequest, _ id: EgressID
  ) throws(EgressRefusal) {
    let remote =
      access == .model
      ? try ProxySocket.startTLS(to: address, port: request.port, host: request.host, by: proxy)
      : try ProxySocket.connect(to: address, port: request.port, on: proxy.loop)
    self.remote = remote
    guard listen(to: remote, for: .write) else { throw .unreachable("no place for another descriptor") }
    phase = .connecting(request, id)
    restart(timer: proxy.settings.connectSeconds) { [self] in
      fail(id, .unreachable("no answer within \(proxy.settings.connectSeconds) seconds"))
    }
  }

  private func listen(to remote: ProxySocket, for interest: EventLoop.Interest) -> Bool {
    remote.listen(for: interest) { [self] readiness in ready(readiness) }
  }

  private func ready(_ readiness: EventLoop.Readiness) {
    switch phase {
    case .connecting(let request, let id): connected(request, id)
    case .relaying(_, let id):
      if readiness.failed, hasRemoteEnded { return cut(id, .unreachable("it hung up")) }
      // An end that is told in any case would be told again and again while the action reads nothing.
      if readiness.failed, channel.room(stream) == 0 {
        remote?.suspend()
        return
      }
      if readiness.readable || readiness.failed { download() }
      if case .relaying = phase { pump() }
    case .greeting(_, let id):
      if readiness.failed { cut(id, .unreachable("it hung up")) }
    case .reading, .calling, .resolving, .closing, .closed: break
    }
  }

  private func connected(_ request: ProxyRequest, _ id: EgressID) {
    guard let remote else { return }
    let fault = remote.fault
    guard fault == 0 else { return fail(id, .unreachable("errno \(-fault)")) }
    stopTimer()
    guard request.isTunnel else {
      phase = .relaying(request, id)
      return pump()
    }
    channel.send(Array("HTTP/1.1 200 Connection established\r\n\r\n".utf8), on: stream)
    phase = .greeting(request, id)
    // What a server says before its client belongs to no TLS.
    remote.change(to: .none)
    restart(timer: proxy.settings.requestSeconds) { [self] in cut(id, .notTLS("no hello came")) }
    greet(request, id)
  }

  private func greet(_ request: ProxyRequest, _ id: EgressID) {
    switch ClientHello.read(upload.bytes) {
    case .incomplete: if upload.count > ClientHello.maximumBytes { cut(id, .notTLS("too long")) }
    case .none(let why): cut(id, .notTLS(why))
    case .name(let name):
      guard name == request.host else { return cut(id, .notTLS("it asks for another server")) }
      stopTimer()
      phase = .relaying(request, id)
      pump()
    }
  }

  // MARK: Both ways

  private func pump() {
    guard case .relaying(let request, let id) = phase, let remote else { return }
    while !upload.isEmpty {
      let allowed = min(upload.count, proxy.meter.sendRoom)
      guard allowed > 0 else { return cut(id, .sentBytes(limit: proxy.meter.grant.limits.sentBytes)) }
      let count = remote.send(upload.bytes, atMost: allowed)
      if count == -Int(EAGAIN) { break }
      guard count > 0 else { return access == .model ? answered(id) : cut(id, .unreachable("it hung up")) }
      proxy.meter.sent(count, on: id)
      channel.consumed(upload.pass(count), of: stream)
    }
    if upload.isEmpty, hasGuestEnded, request.isTunnel {
      remote.endSending()
      if hasRemoteEnded { return finish(id, nil) }
    }
    updateInterest()
  }

  private func download() {
    guard case .relaying(let request, let id) = phase, let remote else { return }
    let room = min(channel.room(stream), 16 << 10)
    guard room > 0 else { return updateInterest() }
    var bytes = [UInt8](repeating: 0, count: room)
    let count = remote.read(into: &bytes)
    if count == -Int(EAGAIN) { return }
    guard count > 0 else {
      hasRemoteEnded = true
      if access == .model { return answered(id) }
      guard count == 0 else { return cut(id, .unreachable("it hung up")) }
      channel.end(stream)
      // The answer to a plain request is over; a tunnel's other direction may go on.
      if !request.isTunnel || hasGuestEnded { finish(id, nil) } else { updateInterest() }
      return
    }
    let passed = proxy.meter.receive(count, on: id)
    if access == .model { usage.pass(Array(bytes[..<count])) }
    hasAnswered = true
    channel.send(Array(bytes[..<passed]), on: stream)
    guard passed == count else {
      return cut(id, .receivedBytes(limit: proxy.meter.grant.limits.receivedBytes))
    }
    updateInterest()
  }

  /// A model has said all. Without a word it never was there: its certificate was not its own, or nobody answered.
  private func answered(_ id: EgressID) {
    guard hasAnswered else {
      proxy.meter.settle(tokens: 0, on: id)
      return fail(id, .unreachable("no TLS with a certificate for that name"))
    }
    if let tokens = usage.tokens { proxy.meter.settle(tokens: tokens, on: id) }
    channel.end(stream)
    finish(id, nil)
  }

  func resume() {
    guard case .relaying(_, let id) = phase, let remote else { return }
    if !remote.isWatched, channel.room(stream) > 0, !listen(to: remote, for: .none) {
      return cut(id, .unreachable("no place for another descriptor"))
    }
    updateInterest()
  }

  private func updateInterest() {
    var interest: EventLoop.Interest = []
    if !hasRemoteEnded, channel.room(stream) > 0 { interest.insert(.read) }
    if !upload.isEmpty { interest.insert(.write) }
    remote?.change(to: interest)
  }

  // MARK: Ends

  /// Before anything passed: the action is told why.
  private func fail(_ id: EgressID, _ refusal: EgressRefusal) {
    finish(id, refusal, keepsStream: true)
    refuse(refusal, isNoted: true)
  }

  private func refuse(_ refusal: EgressRefusal, isNoted: Bool = false) {
    if !isNoted { proxy.meter.refuse(refusal, nil, at: proxy.elapsed) }
    stopTimer()
    phase = .closing
    let text = Array("openexec: \(refusal)\n".utf8)
    let head =
      "HTTP/1.1 \(refusal.status) Refused\r\nContent-Type: text/plain\r\nContent-Length: \(text.count)\r\n"
      + "Connection: close\r\n\r\n"
    channel.send(Array(head.utf8) + text, on: stream)
    channel.end(stream)
    // What the proxy says itself, and what it holds already, the stream is not owed.
    channel.consumed(upload.owed, of: stream)
    upload.drop()
    if hasGuestEnded { close(nil) }
  }

  /// In the middle: both sides lose the connection.
  private func cut(_ id: EgressID, _ refusal: EgressRefusal) {
    finish(id, refusal)
    channel.reset(stream)
  }

  private func finish(_ id: EgressID, _ refusal: EgressRefusal?, keepsStream: Bool = false) {
    proxy.meter.close(id, refusal, at: proxy.elapsed)
    letGo()
    guard !keepsStream else { return }
    phase = .closed
    proxy.forget(self)
  }

  /// Ends it, whatever it was doing.
  func close(_ refusal: EgressRefusal?) {
    switch phase {
    case .calling(_, let id), .resolving(_, let id), .connecting(_, let id), .greeting(_, let id),
      .relaying(_, let id):
      finish(id, refusal)
    case .reading, .closing:
      letGo()
      phase = .closed
      proxy.forget(self)
    case .closed: break
    }
  }

  private func letGo() {
    stopTimer()
    remote?.close()
    remote = nil
    scan.finish()
    proxy.findings.join(scan.findings)
    if secrets.count > 0 { proxy.findings.hasCredential = true }
  }
}
