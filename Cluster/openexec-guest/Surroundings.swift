import CSystem
import Glibc

/// Where this program is the first process.
enum Surroundings {
  /// In a built-in microVM, whose kernel it has to itself: it mounts, and it ends the machine.
  case machine(port: Int32)
  /// In a container, or in another hypervisor's guest: what there is to mount is mounted, its channel is its standard
  /// input and output, and its end is the task's.
  case task

  /// What the executor says is read from here.
  var input: Int32 {
    switch self {
    case .machine(let port): port
    case .task: STDIN_FILENO
    }
  }

  /// What the executor is told is written there.
  var output: Int32 {
    switch self {
    case .machine(let port): port
    case .task: STDOUT_FILENO
    }
  }

  /// Makes the task's channel one that nobody else can reach: its descriptors wait for nobody, the action does not
  /// inherit them, and no process of another user finds them in /proc.
  static func enterTask() throws(GuestFailure) -> Surroundings {
    try Boot.check(csystem_set_undumpable(), "forbid tracing")
    for descriptor in [STDIN_FILENO, STDOUT_FILENO] {
      try Boot.check(csystem_set_nonblocking(descriptor, 1), "open the channel")
    }
    return .task
  }

  /// The only place to write, and no other.
  func limitDisk(to bytes: UInt64) throws(GuestFailure) {
    if case .machine = self { try Boot.limitDisk(to: bytes) }
  }

  /// Ends the machine, or the task.
  func end() {
    switch self {
    case .machine: _ = csystem_restart()
    case .task: exit(0)
    }
  }
}
