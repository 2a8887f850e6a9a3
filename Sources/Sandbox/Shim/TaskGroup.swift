import Glibc

/// The control groups of one task, which its runtime makes in every hierarchy: found, emptied and removed without
/// asking it.
enum TaskGroup {
  private static let root = "/sys/fs/cgroup"

  /// The folders of that path in all hierarchies, versions 1 and 2.
  static func folders(_ path: String) -> [String] {
    ([root] + Folders.names(root).map { "\(root)/\($0)" }).map { $0 + path }.filter(Folders.isFolder)
  }

  /// Whatever runs in them, in what they hold too.
  static func processes(_ path: String) -> [Int32] {
    var found: Set<Int32> = []
    for folder in folders(path).flatMap(tree) {
      for line in (Folders.readKernelFile("\(folder)/cgroup.procs") ?? "").split(separator: "\n") {
        if let pid = Int32(line), pid > 1 { found.insert(pid) }
      }
    }
    return found.sorted()
  }

  /// How often the kernel ended something in it for want of memory, by its own count (version 1, then 2).
  static func outOfMemoryKills(_ path: String) -> Int {
    folders(path).flatMap { ["\($0)/memory.oom_control", "\($0)/memory.events"] }
      .compactMap(Folders.readKernelFile).map(outOfMemoryKills(in:)).max() ?? 0
  }

  static func outOfMemoryKills(in text: String) -> Int {
    let line = text.split(separator: "\n").first { $0.hasPrefix("oom_kill ") }
    return line.flatMap { Int($0.dropFirst(9)) } ?? 0
  }

  static func kill(_ path: String) {
    for pid in processes(path) { Glibc.kill(pid, SIGKILL) }
  }

  /// Whether nothing of it is left.
  static func remove(_ path: String) -> Bool {
    for folder in folders(path).flatMap(tree) { rmdir(folder) }
    return folders(path).isEmpty
  }

  /// A group and those below it, the deepest first.
  private static func tree(_ folder: String) -> [String] { tree(folder, depth: 0) }

  private static func tree(_ folder: String, depth: Int) -> [String] {
    guard depth < 8 else { return [folder] }
    let below = Folders.names(folder).map { "\(folder)/\($0)" }.filter(Folders.isFolder)
    return below.flatMap { tree($0, depth: depth + 1) } + [folder]
  }
}
