import Glibc

/// Processes of this same program that run tasks beside each other. One that crashes takes one task with it.
final class WorkerPool {
  private struct Process {
    let pid: pid_t
    let input: Int32
    let output: Int32
    var task: Task?
    var startedAt: UInt64 = 0
    var buffer: [UInt8] = []
  }

  private let arguments: [String]
  private var processes: [Process?]
  /// A task that takes longer is ended, in seconds of this machine.
  private let patience: UInt64

  /// A pool of `jobs` workers, each started with `arguments`.
  init(jobs: Int, arguments: [String], patience: UInt64 = 600) {
    self.arguments = arguments
    self.patience = patience
    processes = Array(repeating: nil, count: jobs)
    signal(SIGPIPE, SIG_IGN)
  }

  /// Runs tasks until `next` has none, and gives each report as it comes. Returning false ends it early.
  func run(next: () -> Task?, onReport: (Task, Report, _ milliseconds: UInt64) -> Bool) throws {
    var isOpen = true
    defer { stop() }
    while true {
      if isOpen {
        for slot in processes.indices where processes[slot]?.task == nil {
          guard let task = next() else {
            isOpen = false
            break
          }
          try give(task, to: slot)
        }
      }
      guard processes.contains(where: { $0?.task != nil }) else { return }
      for (task, report, time) in wait() where !onReport(task, report, time) { return }
    }
  }

  private func give(_ task: Task, to slot: Int) throws {
    if processes[slot] == nil { processes[slot] = try start() }
    processes[slot]?.task = task
    processes[slot]?.startedAt = milliseconds()
    if let input = processes[slot]?.input { write(task.line + "\n", to: input) }
  }

  private func start() throws -> Process {
    var toChild: [Int32] = [0, 0]
    var fromChild: [Int32] = [0, 0]
    guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else {
      throw UsageError(message: "no pipe for a worker: \(String(cString: strerror(errno)))")
    }
    // One worker does not hold another's pipes open.
    for descriptor in toChild + fromChild { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, toChild[0], 0)
    posix_spawn_file_actions_adddup2(&actions, fromChild[1], 1)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    let words = ["clawsim", "worker"] + arguments
    var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    pointers.append(nil)
    defer { for pointer in pointers { free(pointer) } }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, "/proc/self/exe", &actions, nil, pointers, environ)
    close(toChild[0])
    close(fromChild[1])
    guard code == 0 else {
      throw UsageError(message: "a worker could not be started: \(String(cString: strerror(code)))")
    }
    return Process(pid: pid, input: toChild[1], output: fromChild[0])
  }

  /// Waits until something is said or somebody has ended.
  private func wait() -> [(Task, Report, UInt64)] {
    let slots = processes.indices.filter { processes[$0]?.task != nil }
    var polled = slots.map { pollfd(fd: processes[$0]?.output ?? -1, events: Int16(POLLIN), revents: 0) }
    _ = poll(&polled, nfds_t(polled.count), 1_000)
    var out: [(Task, Report, UInt64)] = []
    for (position, slot) in slots.enumerated() {
      guard var process = processes[slot], let task = process.task else { continue }
      let elapsed = milliseconds() - process.startedAt
      guard polled[position].revents != 0 else {
        if elapsed > patience * 1_000 {
          end(slot, byForce: true)
          out.append((task, Report(crash: "did not end within \(patience) seconds"), elapsed))
        }
        continue
      }
      var bytes = [UInt8](repeating: 0, count: 1 << 16)
      let count = read(process.output, &bytes, bytes.count)
      guard count > 0 else {
        out.append((task, Report(crash: end(slot, byForce: false)), elapsed))
        continue
      }
      process.buffer += bytes[..<count]
      if process.buffer.last == 0x0A {
        let line = String(decoding: process.buffer.dropLast(), as: UTF8.self)
        process.buffer = []
        process.task = nil
        out.append((task, Report(line: line[...]) ?? Report(crash: "said \(line.prefix(200))"), elapsed))
      }
      processes[slot] = process
    }
    return out
  }

  @discardableResult
  private func end(_ slot: Int, byForce: Bool) -> String {
    guard let process = processes[slot] else { return "" }
    processes[slot] = nil
    close(process.input)
    close(process.output)
    if byForce { kill(process.pid, SIGKILL) }
    var status: Int32 = 0
    waitpid(process.pid, &status, 0)
    let number = status & 0x7F
    return number != 0 ? "the process was ended by signal \(number)" : "the process ended"
  }

  private func stop() {
    for slot in processes.indices { end(slot, byForce: processes[slot]?.task != nil) }
  }
}

/// A clock that only goes forward, in milliseconds.
func milliseconds() -> UInt64 {
  var now = timespec()
  clock_gettime(CLOCK_MONOTONIC, &now)
  return UInt64(now.tv_sec) * 1_000 + UInt64(now.tv_nsec) / 1_000_000
}
