import CSystem
import EventLoop
import Glibc
import OpenExec
import Records
import Wire

/// One machine for one run, from its jail to the removal of its last trace.
///
/// It may stand ready first, booted and without identity: what it will run, for whom and with what it learns at
/// hand-over, once. Confined to its loop. It ends in one way only: the process is gone and reaped, everything that was
/// made for it is removed, and then, once, its outcome is told. Completion is the guest's own message on
/// the channel; the exit of the process never is.
final class MicroVM {
  private enum Cause {
    case running
    /// The guest said so.
    case done(GuestDone)
    case killed
    case wallClock
    case failed(String)
  }

  private let loop: EventLoop
  private let parts: Parts
  private let bootSeconds: Int64
  /// Nil while it stands ready.
  private var wallSeconds: Int64?
  private var conversation: GuestConversation?
  private var tell: (Progress) -> Void
  /// What the guest has said before there was anyone to talk to: its greeting.
  private var heard: [UInt8] = []
  private var cause = Cause.running
  private var channel: Int32 = -1
  private var complaints: Int32 = -1
  private var channelWatch: EventLoop.WatchID?
  private var complaintsWatch: EventLoop.WatchID?
  private var timer: TimerID?
  private var child: ChildID?
  private var proxy: EgressProxy?
  private var greetedAt: MonotonicInstant?
  private var doneAt: MonotonicInstant?
  /// What the executor has to say and the machine has not taken yet: at most one `run` message, or one piece of
  /// an input.
  private var outgoing: [UInt8] = []
  /// The machine takes nothing more.
  private var isDeaf = false
  private var isSendDue = false
  /// The end of what the process complained of.
  private var complaint: [UInt8] = []
  private static let complaintLimit = 2_048
  /// More than any greeting.
  private static let greetingLimit = 4_096

  /// A machine that is not started yet; one without an assignment will stand ready for one.
  init(
    loop: EventLoop, parts: Parts, assignment: Assignment?, bootSeconds: Int64,
    tell: @escaping (Progress) -> Void
  ) {
    self.loop = loop
    self.parts = parts
    self.bootSeconds = bootSeconds
    self.tell = tell
    if let assignment { take(assignment) }
  }

  private func take(_ assignment: Assignment) {
    let run = assignment.run
    wallSeconds = assignment.wallSeconds
    conversation = GuestConversation(
      run, inputs: assignment.inputs, outputLimit: assignment.outputLimit,
      isTold: parts.machine.time == .counted)
    if let egress = assignment.egress {
      let secrets = run.secrets.map { RunSecret(name: $0.name, value: $0.value) }
      proxy = EgressProxy(
        loop: loop, settings: egress.settings, resolver: egress.resolver, grant: egress.grant,
        secrets: secrets,
        channel: self)
    }
  }

  /// Hands the machine that stands ready its one run; from here on it is like any other, and `tell` is told in place
  /// of whoever had it made. A machine that still boots goes on booting.
  func serve(_ assignment: Assignment, _ tell: @escaping (Progress) -> Void) {
    precondition(conversation == nil, "a machine serves one run")
    self.tell = tell
    take(assignment)
    let greeting = heard
    heard = []
    guard !greeting.isEmpty, case .running = cause else { return }
    loop.atEndOfTurn { [self] in converse(greeting) }
  }

  /// The process, while it lives; for tests that end it from outside.
  var processID: Int32? { child.flatMap { loop.processID(of: $0) } }

  // MARK: Start

  /// Starts the process. Where that fails nothing is left, and nothing is told.
  func start(program: String) throws(SandboxError) {
    var sockets: [Int32] = [-1, -1]
    let paired = csystem_socketpair(&sockets)
    guard paired == 0 else { throw .spawn("\(SystemError(code: -paired, call: "socketpair"))") }
    var pipe: [Int32] = [-1, -1]
    let piped = csystem_pipe(&pipe)
    guard piped == 0 else {
      for descriptor in sockets { _ = csystem_close(descriptor) }
      throw .spawn("\(SystemError(code: -piped, call: "pipe2"))")
    }
    defer {
      _ = csystem_close(sockets[1])
      _ = csystem_close(pipe[1])
    }
    (channel, complaints) = (sockets[0], pipe[0])
    do {
      try watch()
      timer = try loop.schedule(after: .seconds(bootSeconds)) { [self] in
        end(.failed("the guest did not answer within \(bootSeconds) seconds"))
      }
      // Last, since from here on there is an end to be told of.
      child = try loop.spawn(plan(program, channel: sockets[1], complaints: pipe[1])) { [self] _ in
        ended()
      }
    } catch {
      letGo()
      throw .spawn("\(error)")
    }
  }

  private func plan(_ program: String, channel: Int32, complaints: Int32) -> SpawnPlan {
    var plan = SpawnPlan(path: program, arguments: parts.machine.arguments(program: program))
    plan.descriptors = [nil, nil, complaints, channel]
    plan.directory = "/"
    plan.newSession = true
    // Should this program be killed, the machine goes with it.
    plan.deathSignal = SIGKILL
    plan.confinement = parts.jail.confinement(
      user: parts.user, group: parts.userGroup, controlGroups: parts.group.folders)
    return plan
  }

  private func watch() throws(EventLoopError) {
    channelWatch = try loop.watch(channel, for: .read) { [self] readiness in
      if readiness.readable || readiness.failed { receive() }
      if readiness.writable { send() }
    }
    complaintsWatch = try loop.watch(complaints, for: .read) { [self] _ in hearComplaint() }
  }

  // MARK: The channel

  private func receive() {
    guard case .running = cause else { return }
    var bytes = [UInt8](repeating: 0, count: 64 << 10)
    let count = csystem_read(channel, &bytes, bytes.count)
    if count == -Int(EAGAIN) { return }
    guard count > 0 else {
      end(.failed("the machine ended before the guest had said how the action did"))
      return
    }
    guard conversation == nil else { return converse(Array(bytes[..<count])) }
    let isFirst = heard.isEmpty
    heard += bytes[..<count]
    guard heard.count <= MicroVM.greetingLimit else {
      return end(.failed("the guest said more than a greeting before it was given anything to run"))
    }
    if isFirst {
      if let timer { loop.cancel(timer) }
      timer = nil
      tell(.greeted)
    }
  }

  private func converse(_ bytes: [UInt8]) {
    guard case .running = cause else { return }
    do throws(GuestViolation) {
      guard let steps = try conversation?.receive(bytes) else { return }
      for step in steps { take(step) }
      if proxy != nil { send() }
    } catch {
      end(.failed(error.description))
    }
  }

  private func take(_ step: GuestConversation.Step) {
    switch step {
    case .send(let bytes):
      outgoing += bytes
      send()
    case .greeted:
      greetedAt = loop.now
      restart(timer: .seconds(wallSeconds ?? 0), .wallClock)
      tell(.greeted)
    case .started: tell(.started)
    case .stream(let event): proxy?.take(event)
    case .finished(let done):
      doneAt = loop.now
      end(.done(done))
    }
  }

  private func send() {
    guard case .running = cause, !isDeaf, channel >= 0 else { return }
    var hasStreamed = false
    while true {
      if outgoing.isEmpty {
        outgoing = conversation?.nextPiece() ?? []
        hasStreamed = hasStreamed || (proxy != nil && !outgoing.isEmpty)
      }
      guard !outgoing.isEmpty else { break }
      let count = csystem_send(channel, outgoing, outgoing.count)
      if count == -Int(EAGAIN) { break }
      guard count > 0 else {
        // Its end will be read as well, with what it said before.
        outgoing = []
        isDeaf = true
        break
      }
      outgoing.removeFirst(count)
    }
    if let channelWatch {
      try? loop.change(channelWatch, to: outgoing.isEmpty ? .read : [.read, .write])
    }
    if hasStreamed { proxy?.resume() }
  }

  /// Once a turn, however many connections have something to say.
  private func sendSoon() {
    guard !isSendDue else { return }
    isSendDue = true
    loop.atEndOfTurn { [self] in
      isSendDue = false
      send()
    }
  }

  private func hearComplaint() {
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = csystem_read(complaints, &bytes, bytes.count)
    if count == -Int(EAGAIN) { return }
    guard count > 0 else {
      if let complaintsWatch { loop.unwatch(complaintsWatch) }
      complaintsWatch = nil
      return
    }
    complaint = Array((complaint + bytes[..<count]).suffix(MicroVM.complaintLimit))
  }

  private func restart(timer delay: Duration, _ cause: Cause) {
    if let timer { loop.cancel(timer) }
    timer = try? loop.schedule(after: delay) { [self] in end(cause) }
    // Without a timer nothing would end it.
    if timer == nil { end(.failed("no timer for its wall clock")) }
  }

  // MARK: End

  /// Ends it as asked from outside.
  func kill() { end(.killed) }

  /// The first cause counts. Whatever it is, the machine is killed: it has nothing more to do.
  private func end(_ newCause: Cause) {
    guard case .running = cause else { return }
    cause = newCause
    if let timer { loop.cancel(timer) }
    timer = nil
    if let child { loop.signal(child, SIGKILL) }
    parts.group.kill()
  }

  /// The process is gone and reaped.
  private func ended() {
    if case .running = cause {
      // What it said before it went may still be in the channel, its completion among it.
      while case .running = cause { receiveRest() }
    }
    hearComplaint()
    proxy?.close()
    letGo()
    conversation?.close()
    child = nil
    parts.group.kill()
    parts.group.remove()
    parts.jail.remove()
    parts.release()
    tell(.finished(outcome()))
  }

  private func receiveRest() {
    receive()
    // Nothing to read, and nobody who could write any more.
    var poll = pollfd(fd: channel, events: Int16(POLLIN), revents: 0)
    if case .running = cause, Glibc.poll(&poll, 1, 0) <= 0 {
      cause = .failed("the machine ended before the guest had said how the action did")
    }
  }

  private func letGo() {
    if let timer { loop.cancel(timer) }
    timer = nil
    if let channelWatch { loop.unwatch(channelWatch) }
    if let complaintsWatch { loop.unwatch(complaintsWatch) }
    (channelWatch, complaintsWatch) = (nil, nil)
    if channel >= 0 { _ = csystem_close(channel) }
    if complaints >= 0 { _ = csystem_close(complaints) }
    (channel, complaints) = (-1, -1)
  }

  private func outcome() -> RunOutcome {
    let ending: RunEnding
    switch cause {
    case .running: ending = .sandboxFailed("the machine ended")
    case .killed: ending = .killed
    case .wallClock: ending = .wallClock
    case .failed(let what):
      let said = String(decoding: complaint, as: UTF8.self)
        .split(whereSeparator: \.isNewline).suffix(3).joined(separator: "; ")
      ending = .sandboxFailed(said.isEmpty ? what : "\(what) (\(said))")
    case .done(let done):
      if !done.failure.isEmpty {
        ending = .sandboxFailed("the guest: \(done.failure)")
      } else if done.signal > 0 {
        ending = .signalled(number: Int(done.signal))
      } else {
        ending = .completed(exitStatus: Int(done.exitStatus))
      }
    }
    // Nobody waits for what came of a machine that was never handed a run.
    guard let conversation else { return RunOutcome(ending: ending) }
    return RunOutcome(
      ending: ending, output: conversation.output.bytes,
      errorOutput: conversation.errorOutput.bytes,
      truncated: conversation.output.isCut || conversation.errorOutput.isCut,
      guest: conversation.evidence, cost: proxy?.meter.report.cost ?? .zero,
      measures: measures(of: conversation))
  }

  private func measures(of conversation: GuestConversation) -> RunMeasures {
    var measures = conversation.measures
    measures.machine = parts.evidence
    measures.provenance = parts.provenance
    if case .done(let done) = cause, let greetedAt, let doneAt {
      measures.usage = RunUsage(
        processorNanoseconds: Int(clamping: min(done.processorNanoseconds, 1 << 53)),
        memoryPeakBytes: Int(clamping: min(done.residentBytes, 1 << 53)),
        wallNanoseconds: Int(clamping: doneAt.nanoseconds - greetedAt.nanoseconds))
    }
    if let proxy {
      measures.findings.join(proxy.findings)
      measures.egress = proxy.meter.report
    }
    return measures
  }
}

extension MicroVM: ProxyChannel {
  func room(_ stream: UInt32) -> Int { conversation?.streams?.room(stream) ?? 0 }

  func send(_ bytes: [UInt8], on stream: UInt32) {
    conversation?.withStreams { $0.send(bytes, on: stream) }
    sendSoon()
  }

  func consumed(_ count: Int, of stream: UInt32) {
    conversation?.withStreams { $0.consumed(count, of: stream) }
    sendSoon()
  }

  func end(_ stream: UInt32) {
    conversation?.withStreams { $0.end(stream) }
    sendSoon()
  }

  func reset(_ stream: UInt32) {
    conversation?.withStreams { $0.reset(stream) }
    sendSoon()
  }
}
