import EventLoop
import Glibc

/// The folder that a machine's process has for its root, and what the process is deprived of.
///
/// Order of the jail: paths are made here and hold nothing else; descriptors are closed and the
/// environment is empty by the spawn; then its control groups, mount, process, network, host name, message and control
/// group namespaces of its own, the root changed, made read-only and the old one let go of, limits, a user of its own
/// without any capability, and no way to gain any. QEMU adds its own system call filter.
struct Jail {
  let folder: String
  private var root: String { "\(folder)/root" }
  private var mounts: [SpawnPlan.Confinement.Mount] = []

  /// What the process sees of the host, all read-only.
  private static let libraries = [
    "/usr/lib", "/usr/lib64", "/usr/share/qemu", "/usr/share/seabios", "/lib", "/lib64",
  ]

  /// Makes the folder anew. `files` are shown read-only under the given names; `devices` as they are. Where that fails
  /// nothing is left.
  init(
    folder: String, program: String, files: [(path: String, name: String)], devices: [String]
  ) throws(SandboxError) {
    self.folder = folder
    Folders.remove(folder)
    do throws(SandboxError) {
      try furnish(program: program, files: files, devices: devices)
    } catch {
      Folders.remove(folder)
      throw error
    }
  }

  private mutating func furnish(
    program: String, files: [(path: String, name: String)], devices: [String]
  ) throws(SandboxError) {
    try Folders.make(folder, mode: 0o711)
    try Folders.make(root, mode: 0o755)
    for library in Jail.libraries where Folders.exists(library) {
      if Folders.isLink(library) {
        try link(library)
      } else {
        try Folders.makeAll(root + library, mode: 0o755)
        show(library, at: root + library)
      }
    }
    try file(program, at: program)
    for (path, name) in files { try file(path, at: "/\(name)") }
    for device in devices {
      try placeholder(at: device)
      mounts.append(
        SpawnPlan.Confinement.Mount(
          source: device, target: root + device, type: "none", flags: .bind))
    }
  }

  /// A link on the host is the same link here; it points to what is shown.
  private func link(_ path: String) throws(SandboxError) {
    var target = [CChar](repeating: 0, count: 4_096)
    let count = readlink(path, &target, target.count - 1)
    guard count > 0 else { throw Folders.failure(path, "readlink") }
    guard symlink(&target, root + path) == 0 else { throw Folders.failure(root + path, "symlink") }
  }

  private mutating func file(_ path: String, at place: String) throws(SandboxError) {
    try placeholder(at: place)
    show(path, at: root + place)
  }

  private func placeholder(at place: String) throws(SandboxError) {
    let parent = place.split(separator: "/").dropLast().joined(separator: "/")
    if !parent.isEmpty { try Folders.makeAll("\(root)/\(parent)", mode: 0o755) }
    try Folders.create(root + place, [], mode: 0o444)
  }

  /// A file of this run alone, in the root itself. Where that fails nothing is left.
  func place(_ pieces: [[UInt8]], _ name: String) throws(SandboxError) {
    do throws(SandboxError) {
      try Folders.create("\(root)/\(name)", pieces, mode: 0o444)
    } catch {
      remove()
      throw error
    }
  }

  /// A bind mount is made read-only by a second call; the first ignores every other flag.
  private mutating func show(_ source: String, at target: String) {
    typealias Mount = SpawnPlan.Confinement.Mount
    mounts.append(Mount(source: source, target: target, type: "none", flags: .bind))
    mounts.append(
      Mount(
        source: source, target: target, type: "none",
        flags: [.bind, .remount, .readOnly, .noSetUser, .noDevices]))
  }

  /// The process's confinement, in the control groups of these folders.
  func confinement(user: UInt32, group: UInt32, controlGroups: [String]) -> SpawnPlan.Confinement {
    typealias Limit = SpawnPlan.Confinement.Limit
    var confinement = SpawnPlan.Confinement()
    confinement.namespaces = [.mount, .process, .network, .hostName, .interprocess, .controlGroup]
    confinement.hostName = "sandbox"
    confinement.mounts = mounts
    confinement.root = root
    confinement.rootIsReadOnly = true
    confinement.controlGroups = controlGroups
    confinement.limits = [
      Limit(resource: Resource.fileSize, soft: 0, hard: 0),
      Limit(resource: Resource.core, soft: 0, hard: 0),
      Limit(resource: Resource.processes, soft: 64, hard: 64),
      Limit(resource: Resource.openFiles, soft: 64, hard: 64),
      Limit(resource: Resource.lockedMemory, soft: 0, hard: 0),
      Limit(resource: Resource.messageQueues, soft: 0, hard: 0),
    ]
    confinement.identity = (user, group)
    confinement.dropsCapabilities = true
    confinement.noNewPrivileges = true
    return confinement
  }

  /// The kernel's RLIMIT_… numbers, not all of which Swift imports.
  enum Resource {
    static let fileSize: Int32 = 1
    static let core: Int32 = 4
    static let processes: Int32 = 6
    static let openFiles: Int32 = 7
    static let lockedMemory: Int32 = 8
    static let messageQueues: Int32 = 12
  }

  /// Removes the folder. Its mounts were in the process's namespace and went with it.
  func remove() { Folders.remove(folder) }
}
