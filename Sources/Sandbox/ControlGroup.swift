import Crypto
import Glibc

/// The kernel's accounting of one machine: a second bound on memory, processes and processor time, and a
/// second way to find and kill what belongs to it. Versions 1 and 2; what a host does not offer is
/// reported by the preflight, not by failing.
struct ControlGroup {
  /// What is bounded.
  struct Bounds {
    var memoryBytes: Int
    var processes: Int
    /// Thousandths of one processor.
    var processorPermille: Int
  }

  private static let root = "/sys/fs/cgroup"
  private static let parent = "openexec"
  static let controllers = ["memory", "pids", "cpu"]

  /// The folders that were made, one a hierarchy.
  private(set) var folders: [String] = []

  private static var isUnified: Bool { Folders.exists("\(root)/cgroup.controllers") }

  /// The hierarchies' own folders, with the controllers that each offers.
  private static func hierarchies() -> [(folder: String, controllers: [String])] {
    if isUnified {
      let offered = (Folders.readKernelFile("\(root)/cgroup.controllers") ?? "")
        .split(whereSeparator: \.isWhitespace).map(String.init)
      return [(root, controllers.filter(offered.contains))]
    }
    return controllers.filter { Folders.exists("\(root)/\($0)/cgroup.procs") }.map {
      ("\(root)/\($0)", [$0])
    }
  }

  /// The controllers that can be used here, found out by making a group.
  static func usableControllers() -> [String] {
    let probe = ControlGroup(
      "preflight-\(getpid())",
      Bounds(memoryBytes: 64 << 20, processes: 8, processorPermille: 1_000))
    defer { probe.remove() }
    return probe.bounded
  }

  /// The controllers whose bounds were accepted.
  private(set) var bounded: [String] = []

  /// Makes the group; `bounded` says which of the bounds hold.
  init(_ name: String, _ bounds: Bounds) {
    for (root, controllers) in ControlGroup.hierarchies() {
      let parent = "\(root)/\(ControlGroup.parent)"
      let folder = "\(parent)/\(name)"
      mkdir(parent, 0o755)
      if ControlGroup.isUnified {
        for controller in controllers {
          _ = Folders.writeKernelFile("\(root)/cgroup.subtree_control", "+\(controller)")
          _ = Folders.writeKernelFile("\(parent)/cgroup.subtree_control", "+\(controller)")
        }
      }
      guard mkdir(folder, 0o755) == 0 || errno == EEXIST else { continue }
      folders.append(folder)
      for controller in controllers where ControlGroup.bound(controller, folder, bounds) {
        bounded.append(controller)
      }
    }
  }

  private static func bound(_ controller: String, _ folder: String, _ bounds: Bounds) -> Bool {
    func write(_ file: String, _ value: String) -> Bool {
      Folders.writeKernelFile("\(folder)/\(file)", value)
    }
    let quota = bounds.processorPermille * 100
    switch controller {
    case "memory":
      if isUnified {
        _ = write("memory.swap.max", "0")
        return write("memory.max", "\(bounds.memoryBytes)")
      }
      let done = write("memory.limit_in_bytes", "\(bounds.memoryBytes)")
      _ = write("memory.memsw.limit_in_bytes", "\(bounds.memoryBytes)")
      return done
    case "pids": return write("pids.max", "\(bounds.processes)")
    case "cpu":
      if isUnified { return write("cpu.max", "\(quota) 100000") }
      return write("cpu.cfs_period_us", "100000") && write("cpu.cfs_quota_us", "\(quota)")
    default: return false
    }
  }

  /// Kills whatever is in it.
  func kill() {
    for folder in folders { ControlGroup.kill(folder) }
  }

  private static func kill(_ folder: String) {
    if Folders.writeKernelFile("\(folder)/cgroup.kill", "1") { return }
    let members = Folders.readKernelFile("\(folder)/cgroup.procs") ?? ""
    for member in members.split(separator: "\n") {
      if let pid = Int32(member), pid > 1 { Glibc.kill(pid, SIGKILL) }
    }
  }

  /// Takes the group away; it must be empty.
  func remove() {
    for folder in folders { rmdir(folder) }
  }

  /// A name for a folder that fits into the names of its groups, and is the beginning of no other folder's: its digest
  /// ends with a character that is nowhere else in it.
  static func prefix(of folder: String) -> String {
    let readable = folder.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
    return String(readable.suffix(160)) + "-\(SHA256.hash(folder).hex.prefix(16))."
  }

  /// Ends and removes what an earlier run of the program left, of those whose name has the prefix, which is to end with
  /// a character that is in no other's. What was killed just now may still be on its way out; such a group is taken away
  /// at the next start.
  static func reap(prefix: String) {
    for (root, _) in hierarchies() {
      let parent = "\(root)/\(parent)"
      for name in Folders.names(parent) where name.hasPrefix(prefix) {
        let folder = "\(parent)/\(name)"
        guard Folders.isFolder(folder) else { continue }
        kill(folder)
        for _ in 0..<100 where rmdir(folder) != 0 && errno == EBUSY { usleep(5_000) }
      }
    }
  }
}
