import CSystem
import Foundation
import Glibc
import Testing

@testable import EventLoop

/// Control groups, mounts and roots of a child: each call of `csystem_spawn` that makes them, and what its failure is.
extension ChildProcessTests {
  /// Why a plan's process could not be started; nil where it was.
  private func refusal(_ adjust: (inout SpawnPlan) -> Void) throws -> SpawnError? {
    do {
      _ = try run("/bin/true", [], adjust)
      return nil
    } catch let error as SpawnError {
      return error
    }
  }

  /// A folder of this test's alone.
  private func folder() throws -> String {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("confined-\(UUID())").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    return path
  }

  @Test("a child has joined each control group before it runs, or it does not run")
  func joined() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    // Any file will do: what is written is how a process names itself.
    for name in ["a", "b"] {
      try FileManager.default.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: false)
      try "".write(toFile: "\(folder)/\(name)/cgroup.procs", atomically: false, encoding: .utf8)
    }
    let read = "cat \(folder)/a/cgroup.procs \(folder)/b/cgroup.procs"
    let told = try run("/bin/sh", ["-c", read]) {
      $0.environment = ["PATH=/bin:/usr/bin"]
      $0.confinement.controlGroups = ["\(folder)/a", "\(folder)/b"]
    }
    #expect(told.output == "00")
    let missing = try refusal { $0.confinement.controlGroups = ["\(folder)/a", "\(folder)/c"] }
    #expect(missing == .refused(.controlGroup, SystemError(code: ENOENT, call: "spawn")))
    // A group that takes nobody more.
    try FileManager.default.createDirectory(atPath: "\(folder)/full", withIntermediateDirectories: false)
    try #require(symlink("/dev/full", "\(folder)/full/cgroup.procs") == 0)
    let full = try refusal { $0.confinement.controlGroups = ["\(folder)/a", "\(folder)/full"] }
    #expect(full == .refused(.controlGroup, SystemError(code: ENOSPC, call: "spawn")))
  }

  /// A hierarchy of control groups in which one can be made.
  private static let hierarchy = ["pids", "unified", "."].map { "/sys/fs/cgroup/\($0)" }.first {
    access("\($0)/cgroup.procs", W_OK) == 0
  }

  @Test(
    "a control group namespace begins at the child's own group, which it sees as the root",
    .enabled(if: getuid() == 0 && hierarchy != nil, "root makes control groups, where they are mounted"))
  func groupNamespace() throws {
    let name = "openexec-test-\(UUID())"
    let group = "\(try #require(Self.hierarchy))/\(name)"
    try #require(mkdir(group, 0o755) == 0)
    defer { rmdir(group) }
    func seen(_ namespaces: SpawnPlan.Namespaces) throws -> String {
      try run("/bin/cat", ["/proc/self/cgroup"]) {
        $0.confinement.controlGroups = [group]
        $0.confinement.namespaces = namespaces
      }.output
    }
    #expect(try seen([]).contains("/\(name)\n"))
    let inside = try seen([.controlGroup])
    #expect(!inside.contains(name) && inside.contains(":/\n"), "\(inside)")
  }

  private func mountpoints(in folder: String) throws -> Int {
    try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8).split(separator: "\n").count {
      $0.contains(folder)
    }
  }

  @Test(
    "what is mounted for a child appears nowhere else, also where the host shares its mounts",
    .enabled(if: getuid() == 0, "mounts are made by root"))
  func privateMounts() throws {
    let folder = try folder()
    try #require(mount("tmpfs", folder, "tmpfs", 0, nil) == 0)
    defer {
      umount2("\(folder)/inner", Int32(MNT_DETACH))
      umount2(folder, Int32(MNT_DETACH))
      rmdir(folder)
    }
    try #require(mount(nil, folder, nil, 1 << 20 /* MS_SHARED */, nil) == 0)
    try #require(mkdir("\(folder)/inner", 0o755) == 0)
    let result = try run("/bin/cat", ["/proc/self/mountinfo"]) {
      $0.confinement.namespaces = [.mount]
      $0.confinement.mounts = [
        .init(source: "tmpfs", target: "\(folder)/inner", type: "tmpfs", flags: [.readOnly])
      ]
    }
    #expect(result.output.contains("\(folder)/inner ro,"), "\(result.output)")
    #expect(try mountpoints(in: folder) == 1)
  }

  @Test(
    "a mount or a root that cannot be made is an error of its step, and nothing is mounted",
    .enabled(if: getuid() == 0, "mounts are made by root"))
  func refusedMounts() throws {
    let folder = try folder()
    defer { rmdir(folder) }
    for isSecond in [false, true] {
      let refused = try refusal {
        $0.confinement.namespaces = [.mount]
        $0.confinement.mounts = [
          .init(source: "/bin", target: folder, type: "none", flags: .bind),
          .init(source: "/bin", target: folder + "/none", type: "none", flags: .bind),
        ]
        if !isSecond { $0.confinement.mounts.removeFirst() }
      }
      #expect(refused == .refused(.mount, SystemError(code: ENOENT, call: "spawn")))
    }
    for namespaces in [SpawnPlan.Namespaces(), .mount] {
      let refused = try refusal {
        $0.confinement.namespaces = namespaces
        $0.confinement.root = folder + "/none"
      }
      #expect(refused == .refused(.root, SystemError(code: ENOENT, call: "spawn")))
    }
    #expect(try mountpoints(in: folder) == 0)
  }

  @Test(
    "a root that is to be read-only is, though its mount is not",
    .enabled(
      if: getuid() == 0 && FileManager.default.isExecutableFile(atPath: "/bin/busybox"),
      "only root can make namespaces, and busybox is needed"))
  func readOnlyRoot() throws {
    let folder = try folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.copyItem(
      atPath: URL(fileURLWithPath: "/bin/busybox").resolvingSymlinksInPath().path,
      toPath: "\(folder)/busybox")
    for isReadOnly in [true, false] {
      let script = "/busybox touch /new 2>&-; echo $?"
      let result = try run("/busybox", ["sh", "-c", script]) {
        $0.confinement.namespaces = [.mount]
        $0.confinement.root = folder
        $0.confinement.rootIsReadOnly = isReadOnly
      }
      #expect(result.output == (isReadOnly ? "1\n" : "0\n"))
      #expect(FileManager.default.fileExists(atPath: "\(folder)/new") == !isReadOnly)
    }
  }
}
