import Canonical
import OpenExec
import Records

/// What a runtime is told of one run: the OCI runtime configuration (config.json), made by this program alone. Nothing
/// of an image's own configuration goes into it, and no annotation: those reach a hypervisor's command line.
struct ContainerSpec {
  /// Where this program's own first process lies in every root.
  static let entry = "/.openexec/guest"
  /// Memory that the first process needs beside the action's own.
  static let overheadMiB = 48
  /// Processes, or threads, of the first process.
  static let overheadProcesses = 8

  var isolationClass: IsolationClass
  var limits: ActionLimits
  /// Whole MiB that the inputs take off the disk.
  var inputMiB: Int
  /// Host users of root and of nobody inside, where the class has a user namespace.
  var users: (root: UInt32, nobody: UInt32)
  /// Such as `/openexec-…/ID`.
  var controlGroup: String
  /// A module and its arguments, which is the first process itself; nil for a container.
  var module: [String]?

  /// Memory of the whole: what the action may have, what it may write, and the first process.
  var memoryBytes: Int {
    (limits.memoryMiB + limits.diskMiB + ContainerSpec.overheadMiB) << 20
  }

  var json: JSON {
    [
      "ociVersion": "1.0.2", "process": process, "root": ["path": "rootfs", "readonly": true],
      "hostname": "sandbox", "mounts": .array(mounts), "linux": linux,
    ]
  }

  /// The first process may change to the action's user and end what it leaves behind, and nothing else; the action
  /// has no capability at all.
  private var process: JSON {
    if let module { return process(module, user: 65_534, capabilities: []) }
    return process(
      [ContainerSpec.entry, "entry"], user: 0,
      capabilities: ["CAP_KILL", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID"])
  }

  private func process(_ arguments: [String], user: Int, capabilities: JSON) -> JSON {
    [
      "terminal": false, "user": ["uid": .integer(user), "gid": .integer(user)],
      "args": .array(arguments.map(JSON.string)),
      "env": [], "cwd": "/", "noNewPrivileges": true,
      "capabilities": [
        "bounding": capabilities, "effective": capabilities, "permitted": capabilities, "inheritable": [],
        "ambient": [],
      ],
      "rlimits": [
        ContainerSpec.limit("RLIMIT_NOFILE", 256), ContainerSpec.limit("RLIMIT_CORE", 0),
        ContainerSpec.limit("RLIMIT_MEMLOCK", 0), ContainerSpec.limit("RLIMIT_MSGQUEUE", 0),
      ],
    ]
  }

  private static func limit(_ type: String, _ value: Int) -> JSON {
    ["type": .string(type), "soft": .integer(value), "hard": .integer(value)]
  }

  private var mounts: [JSON] {
    let closed = ["nosuid", "noexec", "nodev"]
    let disk = limits.diskMiB - inputMiB
    var mounts = [
      ContainerSpec.mount("/proc", "proc", closed),
      ContainerSpec.mount("/dev", "tmpfs", ["nosuid", "noexec", "strictatime", "mode=755", "size=64k"]),
      ContainerSpec.mount("/tmp", "tmpfs", closed + ["mode=1777", "size=\(disk)m", "nr_inodes=16384"]),
      ContainerSpec.mount(
        "/inputs", "tmpfs", closed + ["mode=755", "size=\(max(1, inputMiB))m", "nr_inodes=128"]),
    ]
    // A guest of Kata executes nothing without it; a container has no need to see the host's devices.
    if isolationClass == .kata {
      mounts.append(ContainerSpec.mount("/sys", "sysfs", closed + ["ro"]))
    }
    return mounts
  }

  private static func mount(_ target: String, _ type: String, _ options: [String]) -> JSON {
    [
      "destination": .string(target), "type": .string(type), "source": .string(type),
      "options": .array(options.map(JSON.string)),
    ]
  }

  private var linux: JSON {
    var namespaces = ["pid", "network", "ipc", "uts", "mount", "cgroup"]
    var members: [(String, JSON)] = [
      ("cgroupsPath", .string(controlGroup)), ("resources", resources), ("seccomp", SystemCallProfile.json),
      ("maskedPaths", .array(ContainerSpec.maskedPaths.map(JSON.string))),
      ("readonlyPaths", .array(ContainerSpec.readOnlyPaths.map(JSON.string))),
    ]
    if isolationClass == .container {
      namespaces.append("user")
      let mappings: JSON = .array(
        [(0, users.root), (65_534, users.nobody)].map { inside, outside in
          ["containerID": .integer(inside), "hostID": .integer(Int(outside)), "size": 1]
        })
      members += [("uidMappings", mappings), ("gidMappings", mappings)]
    }
    members.append(("namespaces", .array(namespaces.map { ["type": .string($0)] })))
    return .object(members)
  }

  private var resources: JSON {
    [
      "memory": ["limit": .integer(memoryBytes), "swap": .integer(memoryBytes)],
      "pids": ["limit": .integer(limits.processes + ContainerSpec.overheadProcesses)],
      "cpu": ["period": 100_000, "quota": 100_000],
      "devices": [["allow": false, "access": "rwm"]],
    ]
  }

  static let maskedPaths = [
    "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
    "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware", "/sys/devices/virtual/powercap",
  ]
  static let readOnlyPaths = [
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
  ]
}
