import CSystem

/// Why a process could not be started. Nothing of it is left.
public enum SpawnError: Error, Equatable, Sendable {
  /// A text of the plan holds a zero byte, which no system call can carry.
  case zeroByte(in: String)
  /// The kernel refused that step.
  case refused(Stage, SystemError)
  case loop(EventLoopError)

  /// The step of a spawn.
  public enum Stage: UInt32, Sendable, CaseIterable {
    case clone = 1
    case session, hostName, mount, root, directory, limit, descriptor, identity, capability
    case deathSignal, privilege, filter, execute, controlGroup
  }
}

/// What a child process is to be. Everything not said is this process's own, save the environment,
/// which is empty, and the descriptors, which are closed.
public struct SpawnPlan: Sendable {
  /// The program's path as the child sees it, after `root`.
  public var path: String
  /// The argument vector, with the program's name first. No shell is involved.
  public var arguments: [String]
  /// `NAME=value`.
  public var environment: [String] = []
  /// The child's descriptors 0, 1, 2, …; nil is /dev/null. At most 64.
  public var descriptors: [Int32?] = [nil, nil, nil]
  public var directory: String?
  public var newSession = false
  /// The signal that the child gets when the loop's thread ends; 0 for none.
  public var deathSignal: Int32 = 0
  public var confinement = Confinement()

  public init(path: String, arguments: [String]) {
    self.path = path
    self.arguments = arguments
  }

  /// The kernel's CLONE_NEW… flags.
  public struct Namespaces: OptionSet, Sendable {
    public let rawValue: UInt64
    public init(rawValue: UInt64) { self.rawValue = rawValue }
    public static let mount = Namespaces(rawValue: 0x0002_0000)
    public static let controlGroup = Namespaces(rawValue: 0x0200_0000)
    public static let hostName = Namespaces(rawValue: 0x0400_0000)
    public static let interprocess = Namespaces(rawValue: 0x0800_0000)
    public static let process = Namespaces(rawValue: 0x2000_0000)
    public static let network = Namespaces(rawValue: 0x4000_0000)
  }

  /// The kernel's MS_… flags.
  public struct MountFlags: OptionSet, Sendable {
    public let rawValue: UInt
    public init(rawValue: UInt) { self.rawValue = rawValue }
    public static let readOnly = MountFlags(rawValue: 1)
    public static let noSetUser = MountFlags(rawValue: 2)
    public static let noDevices = MountFlags(rawValue: 4)
    public static let noExecution = MountFlags(rawValue: 8)
    public static let remount = MountFlags(rawValue: 32)
    public static let bind = MountFlags(rawValue: 4_096)
    public static let recursive = MountFlags(rawValue: 16_384)
    public static let isPrivate = MountFlags(rawValue: 1 << 18)
  }

  /// What takes power away from a child. Applied in the order of `csystem_spawn`.
  public struct Confinement: Sendable {
    public struct Mount: Sendable {
      public var source: String
      public var target: String
      public var type: String
      public var flags: MountFlags
      public var data: String

      public init(source: String, target: String, type: String, flags: MountFlags, data: String = "") {
        self.source = source
        self.target = target
        self.type = type
        self.flags = flags
        self.data = data
      }
    }

    public struct Limit: Sendable {
      /// The kernel's RLIMIT_… number.
      public var resource: Int32
      public var soft: UInt64
      public var hard: UInt64

      public init(resource: Int32, soft: UInt64, hard: UInt64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
      }
    }

    /// What the child has a kernel namespace of its own for.
    public var namespaces: Namespaces = []
    public var hostName: String?
    public var mounts: [Mount] = []
    public var root: String?
    /// Nothing can be written to the root itself, which takes a mount namespace.
    public var rootIsReadOnly = false
    /// Folders of control groups that the child is in before it runs anything.
    public var controlGroups: [String] = []
    public var limits: [Limit] = []
    /// Supplementary groups are dropped with it.
    public var identity: (user: UInt32, group: UInt32)?
    public var dropsCapabilities = false
    public var noNewPrivileges = false
    /// Classic BPF for seccomp: eight bytes an instruction.
    public var filter: [UInt64] = []

    public init() {}
  }
}

extension SpawnPlan {
  /// Lays the plan out for C, which copies nothing, and starts the process.
  func start() throws(SpawnError) -> csystem_child {
    let strings = CStrings()
    var plan = csystem_spawn()
    plan.path = UnsafePointer(try strings.add(path, "path"))
    plan.arguments = try strings.array(arguments, "arguments")
    plan.environment = try strings.array(environment, "environment")
    plan.directory = UnsafePointer(try strings.add(directory, "directory"))
    plan.new_session = newSession ? 1 : 0
    plan.death_signal = deathSignal
    plan.namespaces = confinement.namespaces.rawValue
    plan.host_name = UnsafePointer(try strings.add(confinement.hostName, "host name"))
    plan.root = UnsafePointer(try strings.add(confinement.root, "root"))
    plan.root_is_read_only = confinement.rootIsReadOnly ? 1 : 0
    if !confinement.controlGroups.isEmpty {
      plan.control_groups = try strings.array(
        confinement.controlGroups.map { "\($0)/cgroup.procs" }, "control groups")
    }
    if let identity = confinement.identity {
      plan.changes_identity = 1
      plan.user = identity.user
      plan.group = identity.group
    }
    plan.drops_capabilities = confinement.dropsCapabilities ? 1 : 0
    plan.no_new_privileges = confinement.noNewPrivileges ? 1 : 0
    var mounts: [csystem_mount] = []
    for mount in confinement.mounts {
      mounts.append(
        csystem_mount(
          source: UnsafePointer(try strings.add(mount.source, "mount source")),
          target: UnsafePointer(try strings.add(mount.target, "mount target")),
          type: UnsafePointer(try strings.add(mount.type, "mount type")), flags: mount.flags.rawValue,
          data: UnsafePointer(try strings.add(mount.data, "mount data"))))
    }
    let limits = confinement.limits.map {
      csystem_limit(resource: $0.resource, soft: $0.soft, hard: $0.hard)
    }
    var child = csystem_child()
    let result = start(&plan, mounts, limits, &child)
    withExtendedLifetime(strings) {}
    guard result == 0 else {
      let stage = SpawnError.Stage(rawValue: UInt32(child.stage)) ?? .clone
      throw .refused(stage, SystemError(code: -result, call: "spawn"))
    }
    return child
  }

  private func start(
    _ plan: inout csystem_spawn, _ mounts: [csystem_mount], _ limits: [csystem_limit],
    _ child: inout csystem_child
  ) -> Int32 {
    descriptors.map { $0 ?? -1 }.withUnsafeBufferPointer { descriptors in
      mounts.withUnsafeBufferPointer { mounts in
        limits.withUnsafeBufferPointer { limits in
          confinement.filter.withUnsafeBufferPointer { filter in
            plan.descriptors = descriptors.baseAddress
            plan.descriptor_count = descriptors.count
            plan.mounts = mounts.baseAddress
            plan.mount_count = mounts.count
            plan.limits = limits.baseAddress
            plan.limit_count = limits.count
            plan.filter = filter.isEmpty ? nil : UnsafeRawPointer(filter.baseAddress)
            plan.filter_count = UInt16(clamping: filter.count)
            return csystem_spawn(&plan, &child)
          }
        }
      }
    }
  }
}

/// Zero-terminated copies of strings that live until their owner goes.
private final class CStrings {
  private var strings: [UnsafeMutablePointer<CChar>] = []
  private var arrays: [UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>] = []

  deinit {
    for string in strings { string.deallocate() }
    for array in arrays { array.deallocate() }
  }

  func add(_ text: String?, _ what: String) throws(SpawnError) -> UnsafeMutablePointer<CChar>? {
    guard let text else { return nil }
    let bytes = Array(text.utf8)
    guard !bytes.contains(0) else { throw .zeroByte(in: what) }
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count + 1)
    for (offset, byte) in bytes.enumerated() {
      (copy + offset).initialize(to: CChar(bitPattern: byte))
    }
    (copy + bytes.count).initialize(to: 0)
    strings.append(copy)
    return copy
  }

  func array(
    _ texts: [String], _ what: String
  ) throws(SpawnError) -> UnsafePointer<UnsafeMutablePointer<CChar>?> {
    let array = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>.allocate(capacity: texts.count + 1)
    array.initialize(repeating: nil, count: texts.count + 1)
    arrays.append(array)
    for (index, text) in texts.enumerated() { array[index] = try add(text, what) }
    return UnsafePointer(array)
  }
}
