import CSystem
import Crypto
import EventLoop
import Glibc
import OpenExec
import Records
import Wire

/// One run in a shim: carries out what its procedure says, and tells it what happened. Confined to its loop.
///
/// It ends in one way only: everything that was made for it is removed, or named where it could not be, and then, once,
/// its outcome is told.
final class ShimTask {
  /// What is made for a run before it starts.
  struct Parts {
    var call: ShimCommand.Call
    var bundle: TaskBundle
    var root: RootMount
    /// Holds the device that the root is on; −1 where it is on none.
    var device: Int32
    var controlGroup: String
    var state: String
    /// For the shim's start and for the task's creation; nil where the runtime takes none.
    var options: AnyMessage?
    var evidence: MachineEvidence
    /// Of the image.
    var provenance: Digest?
  }

  enum Progress {
    case greeted
    case started
    case finished(RunOutcome)
  }

  private let loop: EventLoop
  private let parts: Parts
  private let deadlines: ShimSettings.Deadlines
  private let waitSeconds: Int64
  private let tell: (Progress) -> Void
  private var procedure: TaskProcedure
  private var speech: TaskSpeech
  /// The shim's program, while it starts the shim.
  private var launcher: ShimCommand?
  private var bootstrap: ShimBootstrap?
  private var connection: ShimConnection?
  private var shimPID: Int32 = 0
  private var timer: TimerID?
  private var greetedAt: MonotonicInstant?
  private var doneAt: MonotonicInstant?
  private var stdin: Int32 = -1
  private var channels: [Channel] = []
  private var inputWatch: EventLoop.WatchID?
  private var outgoing: [UInt8] = []
  /// The end of what the task's first process, and the shim, complained of.
  private var complaint: [UInt8] = []
  private var shimLog: [UInt8] = []
  private static let complaintLimit = 2_048
  /// What the guest said before the shim had said that it runs.
  private var early: [UInt8] = []
  private static let earlyLimit = 64 << 10

  /// A FIFO that is read.
  private struct Channel {
    var descriptor: Int32
    var watch: EventLoop.WatchID
  }

  init(
    loop: EventLoop, parts: Parts, speech: TaskSpeech,
    allowances: TaskProcedure.Allowances, deadlines: ShimSettings.Deadlines,
    tell: @escaping (Progress) -> Void
  ) {
    self.loop = loop
    self.parts = parts
    self.tell = tell
    self.deadlines = deadlines
    waitSeconds = allowances.bootSeconds + allowances.wallSeconds + 60
    procedure = TaskProcedure(allowances)
    self.speech = speech
  }

  /// The shim's process, once it has said which it is; for tests that end it from outside.
  var shimProcess: Int32 { shimPID }

  func start() { step(.begun) }
  func kill() { step(.killed) }
  func ranOutOfMemory() { step(.outOfMemory) }

  private func step(_ event: TaskProcedure.Event) {
    for action in procedure.step(event) { carryOut(action) }
  }

  private func carryOut(_ action: TaskProcedure.Action) {
    switch action {
    case .launch: launch()
    case .stopLaunch: launcher?.stop()
    case .connect: connect()
    case .call(let call): self.call(call)
    case .converse:
      let said = early
      early = []
      hear(said)
      if speech.isModule { sendInput() }
    case .closeInput:
      closeInput()
      call(.closeInput)
    case .arm(let seconds): arm(seconds)
    case .tellStarted: tell(.started)
    case .reap(let clean): reap(clean: clean)
    case .tellFinished: tell(.finished(outcome()))
    }
  }

  // MARK: The shim

  private func launch() {
    do throws(SandboxError) {
      // The shim calls nobody before somebody reads what it logs.
      try listen(parts.bundle.log) { [unowned self] bytes in
        shimLog = Array((shimLog + bytes).suffix(ShimTask.complaintLimit))
      }
    } catch {
      return later(.failed(error.description))
    }
    launcher = ShimCommand.run(
      .start, parts.call, input: parts.options?.encode() ?? [], seconds: deadlines.launch, on: loop
    ) { [self] result in
      launcher = nil
      do throws(ShimError) {
        bootstrap = try ShimBootstrap(printed: try result.get())
        step(.launched)
      } catch {
        step(.failed(error.description))
      }
    }
  }

  private func connect() {
    guard let bootstrap else { return later(.failed("the shim named no address")) }
    do throws(ShimError) {
      let connection = try ShimConnection(loop: loop, to: bootstrap)
      connection.onEnd = { [unowned self] why in step(.connectionLost(why)) }
      self.connection = connection
      later(.connected)
    } catch {
      later(.failed(error.description))
    }
  }

  private func later(_ event: TaskProcedure.Event) { loop.atEndOfTurn { [self] in step(event) } }

  private func call(_ call: TaskProcedure.Call) {
    let id = parts.call.id
    switch call {
    case .connect: send(call, TaskID(id), deadlines.brief, reply: connected)
    case .create: create()
    case .start: send(call, TaskID(id), deadlines.start)
    case .wait: send(call, TaskID(id), waitSeconds, reply: exited)
    case .kill: send(call, KillTask(id, signal: SIGKILL), deadlines.brief)
    case .closeInput: send(call, CloseTaskInput(id), deadlines.brief)
    case .delete: send(call, TaskID(id), deadlines.brief, reply: deleted)
    case .shutdown: send(call, ShutdownShim(id), deadlines.brief)
    }
  }

  private func send(
    _ call: TaskProcedure.Call, _ message: some WireMessage, _ seconds: Int64,
    reply: @escaping ([UInt8]) throws(ProtobufError) -> Void = { _ in }
  ) {
    guard let connection else { return later(.answered(call, .failure(.connectionLost("closed")))) }
    connection.call(call.rawValue, message, timeout: .seconds(seconds)) { [self] result in
      switch result {
      case .failure(let failure): step(.answered(call, .failure(failure)))
      case .success(let payload):
        do throws(ProtobufError) {
          try reply(payload)
          step(.answered(call, .success(())))
        } catch {
          step(.answered(call, .failure(.malformedReply(error))))
        }
      }
    }
  }

  private func create() {
    do throws(SandboxError) {
      // Before the shim looks for them: with one missing some say that the task runs, and it never ends.
      try listen(parts.bundle.stdout) { [unowned self] in hear($0) }
      try listen(parts.bundle.stderr) { [unowned self] bytes in
        speech.receiveError(bytes)
        complaint = Array((complaint + bytes).suffix(ShimTask.complaintLimit))
      }
      let input = try TaskBundle.open(parts.bundle.stdin)
      // What cannot be watched is closed there, and never was this task's.
      inputWatch = try watch(input, for: .none) { [unowned self] in sendInput() }
      stdin = input
    } catch {
      return later(.failed(error.description))
    }
    var request = CreateTask()
    request.id = parts.call.id
    request.bundle = parts.bundle.folder
    request.stdin = parts.bundle.stdin
    request.stdout = parts.bundle.stdout
    request.stderr = parts.bundle.stderr
    request.options = parts.options
    request.rootfs = [parts.root]
    send(.create, request, deadlines.create) { payload throws(ProtobufError) in
      let process = try TaskProcess(decoding: payload)
      guard process.pid > 0 else { throw .refused(field: 1, expected: "a process") }
    }
  }

  /// The shim's event may be late, or not come: the kernel's own count is there until the task is deleted.
  private func countOutOfMemory() {
    if TaskGroup.outOfMemoryKills(parts.controlGroup) > 0 { step(.outOfMemory) }
  }

  private func connected(_ payload: [UInt8]) throws(ProtobufError) {
    shimPID = Int32(clamping: try ShimConnected(decoding: payload).shimPID)
  }

  /// A reply without its time may be one that was cut off, and says nothing.
  private func exited(_ payload: [UInt8]) throws(ProtobufError) {
    let exit = try TaskExit(decoding: payload)
    guard exit.exitedAt != nil else { throw .refused(field: 2, expected: "when the task ended") }
    countOutOfMemory()
    if speech.isModule { step(.told(exit.exitStatus)) }
  }

  /// A second word on how a module ended, which has to be the first one's.
  private func deleted(_ payload: [UInt8]) throws(ProtobufError) {
    if speech.isModule { step(.told(try TaskDeleted(decoding: payload).exitStatus)) }
  }

  // MARK: The guest

  private func hear(_ bytes: [UInt8]) {
    if speech.isModule {
      _ = try? speech.receive(bytes)
      return
    }
    if procedure.phase == .starting {
      // A guest is often quicker than the shim's answer to the start. It has no more to say yet than one frame.
      early = Array((early + bytes).prefix(ShimTask.earlyLimit))
      return
    }
    // What comes after the guest's last word is read, so that nobody waits for it to be, and not listened to.
    guard procedure.phase == .conversing || procedure.phase == .draining else { return }
    do {
      for said in try speech.receive(bytes) {
        switch said {
        case .send(let reply):
          outgoing += reply
          sendInput()
        case .greeted:
          greetedAt = loop.now
          tell(.greeted)
          step(.greeted)
        case .started: step(.proven)
        // Nothing here has a proxy, so a guest that opens a stream was not told that it may.
        case .stream: step(.violated("the guest opened a stream that its run has not"))
        case .finished(let done):
          doneAt = loop.now
          countOutOfMemory()
          step(.finished(done))
        }
      }
    } catch {
      step(.violated(error.description))
    }
  }

  private func sendInput() {
    guard stdin >= 0 else { return }
    while true {
      if outgoing.isEmpty { outgoing = speech.nextPiece() ?? [] }
      guard !outgoing.isEmpty else { break }
      let count = csystem_write(stdin, outgoing, outgoing.count)
      guard count > 0 else { break }
      outgoing.removeFirst(count)
    }
    if let inputWatch { try? loop.change(inputWatch, to: outgoing.isEmpty ? .none : .write) }
    // A module reads its parameters to their end.
    if speech.isModule, outgoing.isEmpty { carryOut(.closeInput) }
  }

  private func closeInput() {
    if let inputWatch { loop.unwatch(inputWatch) }
    inputWatch = nil
    if stdin >= 0 { _ = csystem_close(stdin) }
    stdin = -1
  }

  // MARK: Descriptors and time

  /// Reads a FIFO whenever there is something in it. It never ends, since both of its ends are held: a shim that opens
  /// it for a moment and lets go again is not taken for one that has gone.
  private func listen(_ path: String, _ take: @escaping ([UInt8]) -> Void) throws(SandboxError) {
    let descriptor = try TaskBundle.open(path)
    let watch = try watch(descriptor, for: .read) {
      var bytes = [UInt8](repeating: 0, count: 64 << 10)
      let count = csystem_read(descriptor, &bytes, bytes.count)
      if count > 0 { take(Array(bytes[..<count])) }
    }
    channels.append(Channel(descriptor: descriptor, watch: watch))
  }

  private func watch(
    _ descriptor: Int32, for interest: EventLoop.Interest, _ work: @escaping () -> Void
  ) throws(SandboxError) -> EventLoop.WatchID {
    do {
      return try loop.watch(descriptor, for: interest) { _ in work() }
    } catch {
      _ = csystem_close(descriptor)
      throw .spawn("\(error)")
    }
  }

  private func arm(_ seconds: Int64) {
    if let timer { loop.cancel(timer) }
    timer = try? loop.schedule(after: .seconds(seconds)) { [self] in
      timer = nil
      step(.elapsed)
    }
    if timer == nil { later(.failed("no timer for its wall clock")) }
  }

  // MARK: End

  private func reap(clean: Bool) {
    if let timer { loop.cancel(timer) }
    timer = nil
    connection?.onEnd = { _ in }
    connection?.close()
    connection = nil
    closeInput()
    let task = TaskCleanup.Task(
      call: parts.call, controlGroup: parts.controlGroup, state: parts.state)
    TaskCleanup.run(task, clean: clean, on: loop) { [self] left in
      for channel in channels {
        loop.unwatch(channel.watch)
        _ = csystem_close(channel.descriptor)
      }
      channels = []
      if parts.device >= 0 { _ = csystem_close(parts.device) }
      step(.reaped(left))
    }
  }

  /// What could not be removed, once it has ended.
  var leftover: String? { procedure.leftover }

  private func outcome() -> RunOutcome {
    var ending = procedure.ending
    if case .sandboxFailed(let what) = ending {
      let said = String(decoding: complaint + shimLog, as: UTF8.self)
        .split(whereSeparator: \.isNewline).suffix(3).joined(separator: "; ")
      ending = .sandboxFailed(said.isEmpty ? what : "\(what) (\(said))")
    }
    speech.close()
    return RunOutcome(
      ending: ending, output: speech.output.bytes, errorOutput: speech.errorOutput.bytes,
      truncated: speech.output.isCut || speech.errorOutput.isCut, guest: speech.evidence,
      measures: measures())
  }

  private func measures() -> RunMeasures {
    var measures = speech.measures
    measures.machine = parts.evidence
    measures.provenance = parts.provenance
    if case .done(let done) = procedure.cause, let greetedAt, let doneAt {
      measures.usage = RunUsage(
        processorNanoseconds: Int(clamping: min(done.processorNanoseconds, 1 << 53)),
        memoryPeakBytes: Int(clamping: min(done.residentBytes, 1 << 53)),
        wallNanoseconds: Int(clamping: doneAt.nanoseconds - greetedAt.nanoseconds))
    }
    return measures
  }
}
