import OpenExec
import Wire

/// One task in a shim, from its start to the removal of its last trace, as a value: what happened goes in, what is to
/// be done comes out.
///
/// Completion is the guest's own word on its channel. What the shim says of an exit ends the wait for that word and
/// never stands in for it: a shim whose hypervisor was killed has been seen to report status 0. Every call has a
/// deadline, and the clean-up at the end believes nothing of what the shim has said.
struct TaskProcedure {
  enum Phase: Equatable {
    /// The shim's program was started. Can transition to: connecting, abandoning, reaping.
    case launching
    /// It is of no more use, and has not ended yet: what it is about to start could not be found by a clean-up that ran
    /// before. Can transition to: reaping.
    case abandoning
    /// Who is it? Can transition to: creating, reaping.
    case connecting
    /// Can transition to: starting, reaping. A create without an answer leaves its machine running.
    case creating
    /// Can transition to: conversing, reaping.
    case starting
    /// The guest speaks. Can transition to: exiting, draining, reaping.
    case conversing
    /// The task has ended; what its guest said before may still be on its way. Can transition to: deleting.
    case draining
    /// Its end is waited for. Can transition to: deleting, reaping.
    case exiting
    /// Can transition to: shuttingDown, reaping.
    case deleting
    /// Can transition to: reaping.
    case shuttingDown
    /// The clean-up. Can transition to: ended.
    case reaping
    case ended
  }

  enum Call: String {
    case connect = "Connect"
    case create = "Create"
    case start = "Start"
    case wait = "Wait"
    case kill = "Kill"
    case closeInput = "CloseIO"
    case delete = "Delete"
    case shutdown = "Shutdown"
  }

  /// What is to be done, in this order.
  enum Action: Equatable {
    /// Run the shim's program.
    case launch
    /// End that program; that it has ended is told as `launched` or `failed`.
    case stopLaunch
    /// Connect to where it listens.
    case connect
    case call(Call)
    /// Listen to the guest, what it has said by now included, and speak to it.
    case converse
    /// Close the guest's input: first here, then by the call. The other order blocks some shims for good.
    case closeInput
    /// `elapsed` is expected once after so many seconds, and no earlier timer any more.
    case arm(seconds: Int64)
    /// The guest has proven itself.
    case tellStarted
    /// Remove everything. `clean`: the shim has said that it did so itself, and is given time to go.
    case reap(clean: Bool)
    case tellFinished
  }

  enum Event {
    case begun
    case launched
    case connected
    case answered(Call, Result<Void, TTRPCFailure>)
    case failed(String)
    case greeted
    case proven
    case finished(GuestDone)
    /// The guest said what no guest of ours says.
    case violated(String)
    /// The shim's word on how a module ended, before its answer counts.
    case told(UInt32)
    case connectionLost(String)
    case outOfMemory
    case killed
    case elapsed
    case reaped(String?)
  }

  enum Cause: Equatable {
    case running
    case done(GuestDone)
    /// By the shim's word alone.
    case told(UInt32)
    case killed
    case wallClock
    case failed(String)
  }

  struct Allowances: Equatable {
    var bootSeconds: Int64
    var wallSeconds: Int64
    /// For the task to end once its guest is done, or it was killed.
    var exitSeconds: Int64 = 10
    /// For what the guest said before its task ended.
    var drainSeconds: Int64 = 2
    /// Whether the first process is the guest of this program. A WebAssembly module is none: it runs as soon as the
    /// shim says so, and how it ended is the shim's word, told twice.
    var hasGuest = true
  }

  private(set) var phase = Phase.launching
  private(set) var cause = Cause.running
  private(set) var ranOutOfMemory = false
  /// What could not be removed; told with the outcome.
  private(set) var leftover: String?
  private var hasExited = false
  private var isGreeted = false
  private var told: [UInt32] = []
  private let allowances: Allowances

  init(_ allowances: Allowances) { self.allowances = allowances }

  mutating func step(_ event: Event) -> [Action] {
    switch event {
    case .begun: return [.launch]
    case .outOfMemory:
      ranOutOfMemory = true
      return []
    case .reaped(let left):
      guard phase == .reaping else { return [] }
      leftover = left
      phase = .ended
      return [.tellFinished]
    case .launched, .connected, .answered: return advance(event)
    case .greeted, .proven, .finished, .violated: return hear(event)
    case .told(let status):
      told.append(status)
      return []
    case .failed(let what), .connectionLost(let what): return lose(what)
    case .killed: return abandon(.killed)
    case .elapsed: return runOut()
    }
  }

  // MARK: The shim's answers

  private mutating func advance(_ event: Event) -> [Action] {
    switch (phase, event) {
    case (.launching, .launched):
      phase = .connecting
      return [.connect]
    case (.abandoning, .launched): return reap(clean: false)
    case (.connecting, .connected): return [.call(.connect)]
    case (_, .answered(let call, let result)): return answered(call, result)
    default: return []
    }
  }

  private mutating func answered(_ call: Call, _ result: Result<Void, TTRPCFailure>) -> [Action] {
    switch (phase, call, result) {
    case (.connecting, .connect, .success):
      phase = .creating
      return [.call(.create)]
    case (.creating, .create, .success):
      phase = .starting
      return [.call(.start)]
    case (.starting, .start, .success):
      phase = .conversing
      guard allowances.hasGuest else {
        isGreeted = true
        return [.call(.wait), .arm(seconds: allowances.wallSeconds), .tellStarted, .converse]
      }
      return [.call(.wait), .arm(seconds: allowances.bootSeconds), .converse]
    case (.conversing, .wait, .success):
      hasExited = true
      phase = .draining
      return [.arm(seconds: allowances.drainSeconds)]
    case (.exiting, .wait, .success):
      hasExited = true
      return delete()
    case (.deleting, .delete, .success):
      judgeModule()
      phase = .shuttingDown
      return [.call(.shutdown)]
    // When it works, the connection ends without an answer.
    case (.shuttingDown, .shutdown, .success), (.shuttingDown, .shutdown, .failure(.connectionLost)):
      return reap(clean: true)
    case (.shuttingDown, .shutdown, .failure): return reap(clean: false)
    case (.connecting, .connect, .failure(let failure)), (.creating, .create, .failure(let failure)),
      (.starting, .start, .failure(let failure)), (.conversing, .wait, .failure(let failure)),
      (.exiting, .wait, .failure(let failure)), (.deleting, .delete, .failure(let failure)):
      return lose("\(call.rawValue): \(failure)")
    // The answer to a kill, or to the end of the input, changes nothing: the wait's does.
    default: return []
    }
  }

  // MARK: The guest's words

  private mutating func hear(_ event: Event) -> [Action] {
    guard phase == .conversing || phase == .draining else { return [] }
    switch event {
    case .greeted:
      isGreeted = true
      return phase == .conversing ? [.arm(seconds: allowances.wallSeconds)] : []
    case .proven: return [.tellStarted]
    case .finished(let done):
      cause = .done(done)
      guard !hasExited else { return delete() }
      phase = .exiting
      return [.closeInput, .arm(seconds: allowances.exitSeconds)]
    case .violated(let what): return abandon(.failed(what))
    default: return []
    }
  }

  private mutating func unfinished() -> [Action] {
    if case .running = cause, allowances.hasGuest {
      cause = .failed("the task ended before its guest had said how the action did")
    }
    return delete()
  }

  /// How a module ended, once its shim has said so of a wait and of a delete: one that says two things is believed in
  /// neither.
  private mutating func judgeModule() {
    guard case .running = cause, !allowances.hasGuest else { return }
    if let status = told.first, told.count == 2, told[1] == status {
      cause = .told(status)
    } else {
      cause = .failed("the shim told of its end \(told.map(String.init).joined(separator: " and "))")
    }
  }

  // MARK: Ends

  /// Ends it on purpose. The first cause counts.
  private mutating func abandon(_ why: Cause) -> [Action] {
    if case .running = cause { cause = why } else { return [] }
    switch phase {
    case .conversing:
      phase = .exiting
      return [.call(.kill), .arm(seconds: allowances.exitSeconds)]
    case .draining: return delete()
    case .launching:
      phase = .abandoning
      return [.stopLaunch]
    // Nobody's end could be waited for yet; and with some shims a delete of what has not run leaves its machine.
    case .connecting, .creating, .starting: return reap(clean: false)
    case .abandoning, .exiting, .deleting, .shuttingDown, .reaping, .ended: return []
    }
  }

  private mutating func runOut() -> [Action] {
    switch phase {
    case .conversing:
      let late = "the guest did not answer within \(allowances.bootSeconds) seconds"
      return abandon(isGreeted ? .wallClock : .failed(late))
    case .draining: return unfinished()
    case .exiting: return lose("the task did not end within \(allowances.exitSeconds) seconds")
    case .launching, .abandoning, .connecting, .creating, .starting, .deleting, .shuttingDown, .reaping,
      .ended:
      return []
    }
  }

  /// The shim is of no more use: what is left is removed without it.
  private mutating func lose(_ what: String) -> [Action] {
    switch phase {
    case .reaping, .ended: return []
    case .shuttingDown: return reap(clean: true)
    case .launching, .abandoning, .connecting, .creating, .starting, .conversing, .draining, .exiting,
      .deleting:
      if case .running = cause { cause = .failed(what) }
      return reap(clean: false)
    }
  }

  private mutating func delete() -> [Action] {
    phase = .deleting
    return [.call(.delete)]
  }

  private mutating func reap(clean: Bool) -> [Action] {
    phase = .reaping
    return [.reap(clean: clean)]
  }

  // MARK: What came of it

  /// How it ended, in the words of an outcome.
  var ending: RunEnding {
    switch cause {
    case .running: return .sandboxFailed("the task ended")
    case .killed: return .killed
    case .wallClock: return .wallClock
    case .failed(let what): return ranOutOfMemory ? .outOfMemory : .sandboxFailed(what)
    case .told(let status):
      if ranOutOfMemory, status == 137 { return .outOfMemory }
      return .toldByShim(exitStatus: Int(status))
    case .done(let done):
      // 137 is how a shell tells of a child that SIGKILL ended.
      if ranOutOfMemory, done.signal == 9 || done.exitStatus == 137 { return .outOfMemory }
      if !done.failure.isEmpty { return .sandboxFailed("the guest: \(done.failure)") }
      if done.signal > 0 { return .signalled(number: Int(done.signal)) }
      return .completed(exitStatus: Int(done.exitStatus))
    }
  }
}
