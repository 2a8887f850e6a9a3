import CSystem
import Glibc
import Wire

/// The action's process, as nobody, with nothing but its three pipes.
struct ActionProcess {
  let pid: Int32
  /// Readable once it has ended.
  let handle: Int32
  /// Ours of its standard input, output and error; non-blocking; −1 once closed.
  var input: Int32
  var output: Int32
  var error: Int32

  /// `nobody` of every distribution; no file in the image is its own.
  static let user: uid_t = 65_534

  /// Starts it; the failure says which step the kernel refused.
  init(_ run: GuestRun) throws(GuestFailure) {
    guard let program = run.arguments.first else {
      throw .protocolViolation("no program to run")
    }
    let stdin = try ActionProcess.pipe()
    let stdout = try ActionProcess.pipe()
    let stderr = try ActionProcess.pipe()
    // Its own ends behave as programs expect.
    for descriptor in [stdin.read, stdout.write, stderr.write] {
      csystem_set_nonblocking(descriptor, 0)
    }
    let child = ActionProcess.spawn(
      program, run.arguments, environment: run.hasProxy ? Forwarder.environment : [],
      limits: ActionProcess.limits(run),
      descriptors: [stdin.read, stdout.write, stderr.write])
    for descriptor in [stdin.read, stdout.write, stderr.write] { close(descriptor) }
    guard child.result == 0 else {
      throw .system("start \(program) (step \(child.value.stage))", -child.result)
    }
    pid = child.value.pid
    handle = child.value.descriptor
    (input, output, error) = (stdin.write, stdout.read, stderr.read)
  }

  private static func pipe() throws(GuestFailure) -> (read: Int32, write: Int32) {
    var ends: [Int32] = [-1, -1]
    try Boot.check(csystem_pipe(&ends), "make a pipe")
    return (ends[0], ends[1])
  }

  private static func limits(_ run: GuestRun) -> [csystem_limit] {
    func limit(_ resource: Int32, _ value: UInt64) -> csystem_limit {
      csystem_limit(resource: resource, soft: value, hard: value)
    }
    return [
      limit(Resource.addressSpace, run.memoryBytes),
      limit(Resource.processes, UInt64(run.processes)),
      limit(Resource.openFiles, 256), limit(Resource.core, 0), limit(Resource.lockedMemory, 0),
      limit(Resource.messageQueues, 0),
    ]
  }

  /// The kernel's RLIMIT_… numbers, not all of which Swift imports.
  private enum Resource {
    static let core: Int32 = 4
    static let processes: Int32 = 6
    static let openFiles: Int32 = 7
    static let lockedMemory: Int32 = 8
    static let addressSpace: Int32 = 9
    static let messageQueues: Int32 = 12
  }

  private static func spawn(
    _ program: String, _ arguments: [String], environment variables: [String], limits: [csystem_limit],
    descriptors: [Int32]
  ) -> (result: Int32, value: csystem_child) {
    var strings: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
    strings.append(nil)
    var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) }
    environment.append(nil)
    defer { for string in strings + environment { free(string) } }
    var child = csystem_child()
    let result = program.withCString { path in
      "/tmp".withCString { folder in
        var plan = csystem_spawn()
        plan.path = path
        plan.directory = folder
        plan.new_session = 1
        plan.changes_identity = 1
        plan.user = user
        plan.group = user
        plan.drops_capabilities = 1
        plan.no_new_privileges = 1
        return strings.withUnsafeMutableBufferPointer { strings in
          environment.withUnsafeMutableBufferPointer { environment in
            limits.withUnsafeBufferPointer { limits in
              descriptors.withUnsafeBufferPointer { descriptors in
                plan.arguments = UnsafePointer(strings.baseAddress)
                plan.environment = UnsafePointer(environment.baseAddress)
                plan.limits = limits.baseAddress
                plan.limit_count = limits.count
                plan.descriptors = descriptors.baseAddress
                plan.descriptor_count = descriptors.count
                return csystem_spawn(&plan, &child)
              }
            }
          }
        }
      }
    }
    return (result, child)
  }

  /// Reaps it and whatever was orphaned to us; how it ended, once it has.
  func reap() -> GuestDone? {
    var done: GuestDone?
    var status: Int32 = 0
    while true {
      let reaped = waitpid(-1, &status, WNOHANG)
      guard reaped > 0 else { return done }
      guard reaped == pid else { continue }
      var ending = GuestDone()
      if status & 0x7F == 0 {
        ending.exitStatus = status >> 8 & 0xFF
      } else {
        ending.signal = UInt32(status & 0x7F)
      }
      done = ending
    }
  }

  /// Ends everything but this process, which is the first, and waits until it is gone.
  func sweep() {
    kill(-1, SIGKILL)
    var status: Int32 = 0
    while waitpid(-1, &status, 0) > 0 || errno == EINTR { continue }
  }

  /// What all that ran used.
  static func usage() -> (processorNanoseconds: UInt64, residentBytes: UInt64) {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_CHILDREN.rawValue), &usage)
    let seconds = UInt64(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
    let micros = UInt64(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec)
    return (seconds * 1_000_000_000 + micros * 1_000, UInt64(usage.ru_maxrss) * 1_024)
  }
}
