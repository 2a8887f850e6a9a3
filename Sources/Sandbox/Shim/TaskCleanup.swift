import CSystem
import EventLoop
import Glibc

/// Removes all that one task may have left, whatever its shim has said of it: the shim itself, the processes in the
/// task's control groups, mounts, sockets, FIFOs, folders. Confined to its loop; kept alive by it until it has told its
/// end, once.
final class TaskCleanup {
  struct Task {
    var call: ShimCommand.Call
    /// Such as `/openexec-…/ID`.
    var controlGroup: String
    /// Where the runtime keeps its own state of the task; empty where it is not known.
    var state: String
  }

  private let loop: EventLoop
  private let task: Task
  private let done: (String?) -> Void
  private var handles: [Int32] = []
  private static let pause = Duration.milliseconds(20)
  /// Ten seconds: a shim that finds no events service lingers for seven.
  private static let patience = 500
  /// How often the shim's processes are looked for, while there are some.
  private static let looks = 4

  private init(_ loop: EventLoop, _ task: Task, _ done: @escaping (String?) -> Void) {
    (self.loop, self.task, self.done) = (loop, task, done)
  }

  /// `clean`: the shim is expected to go by itself, and to have removed what it made. `done` is called with what could
  /// not be removed.
  static func run(_ task: Task, clean: Bool, on loop: EventLoop, done: @escaping (String?) -> Void) {
    let cleanup = TaskCleanup(loop, task, done)
    cleanup.handles = cleanup.openShims()
    if clean {
      cleanup.awaitShim(tries: patience) { gone in gone ? cleanup.sweep(tries: patience) : cleanup.force() }
    } else {
      cleanup.force()
    }
  }

  // MARK: The shim

  /// The processes that were called with the task's id, the shim among them: ids are never used twice, and a process id
  /// alone may be another's by now. Not every shim writes down which process it is.
  private func openShims() -> [Int32] {
    Folders.names("/proc").compactMap { Int32($0) }.compactMap { pid -> Int32? in
      guard pid > 1, isShim(pid) else { return nil }
      let handle = csystem_process_handle(pid)
      guard handle >= 0 else { return nil }
      // Looked at again, since it may have ended between the look and the handle.
      if isShim(pid) { return handle }
      _ = csystem_close(handle)
      return nil
    }
  }

  private func isShim(_ pid: Int32) -> Bool {
    (Folders.readKernelFile("/proc/\(pid)/cmdline") ?? "").split(separator: "\0").contains(
      Substring(task.call.id))
  }

  private var shimIsGone: Bool {
    handles.allSatisfy { handle in
      var entry = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
      return Glibc.poll(&entry, 1, 0) > 0
    }
  }

  private func awaitShim(tries: Int, _ then: @escaping (Bool) -> Void) {
    guard !shimIsGone, tries > 0 else { return then(shimIsGone) }
    later({ then(false) }) { [self] in awaitShim(tries: tries - 1, then) }
  }

  private func later(_ otherwise: @escaping () -> Void, _ work: @escaping () -> Void) {
    if (try? loop.schedule(after: TaskCleanup.pause, work)) == nil { otherwise() }
  }

  /// Without the shim: it is killed, and its program's `delete` action removes what it knows of.
  private func force(looks: Int = TaskCleanup.looks) {
    for handle in handles { _ = csystem_child_signal(handle, SIGKILL) }
    TaskGroup.kill(task.controlGroup)
    awaitShim(tries: TaskCleanup.patience) { [self] _ in
      // What it had started a moment before is looked for as well.
      let others = openShims()
      if !others.isEmpty, looks > 1 {
        for handle in handles { _ = csystem_close(handle) }
        handles = others
        return force(looks: looks - 1)
      }
      for handle in others { _ = csystem_close(handle) }
      // A second one fails, having nothing to do; what it leaves is looked for in any case.
      ShimCommand.run(.delete, task.call, seconds: 30, on: loop) { [self] _ in
        sweep(tries: TaskCleanup.patience)
      }
    }
  }

  // MARK: What is left

  private func sweep(tries: Int) {
    TaskGroup.kill(task.controlGroup)
    let isEmpty = TaskGroup.remove(task.controlGroup)
    if !isEmpty, tries > 0 {
      return later({ self.finish(isEmpty) }) { [self] in sweep(tries: tries - 1) }
    }
    finish(isEmpty)
  }

  private func finish(_ isEmpty: Bool) {
    var left: [String] = isEmpty ? [] : ["control group \(task.controlGroup)"]
    if !shimIsGone { left.append("the shim's process") }
    for handle in handles { _ = csystem_close(handle) }
    let bundle = task.call.bundle
    unlinkSocket()
    for mount in TaskCleanup.mounts(below: bundle) where csystem_unmount(mount, 2) != 0 {
      left.append("mount \(mount)")
    }
    // Never with something mounted in it: what is mounted there is an image.
    if TaskCleanup.mounts(below: bundle).isEmpty { Folders.remove(bundle) }
    if Folders.exists(bundle) { left.append(bundle) }
    if !task.state.isEmpty { Folders.remove(task.state) }
    for folder in ["/run/vc/sbs", "/run/vc/vm", "/run/kata-containers/shared/sandboxes"] {
      rmdir("\(folder)/\(task.call.id)")
    }
    done(left.isEmpty ? nil : "left behind: " + left.joined(separator: ", "))
  }

  /// A shim that was killed leaves its socket.
  private func unlinkSocket() {
    guard let written = try? Folders.read("\(task.call.bundle)/address", limit: 4_096),
      let addresses = try? ShimAddress.read(String(decoding: written, as: UTF8.self))
    else { return }
    for case .path(let path) in addresses {
      var status = stat()
      if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK { unlink(path) }
    }
  }

  /// Mount points at or below a folder, the deepest last mounted first.
  static func mounts(below folder: String) -> [String] {
    let descriptor = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return [] }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while bytes.count < 16 << 20 {
      let count = csystem_read(descriptor, &piece, piece.count)
      guard count > 0 else { break }
      bytes += piece[..<count]
    }
    return bytes.split(separator: 0x0A).compactMap { line -> String? in
      let fields = line.split(separator: 0x20)
      guard fields.count > 4 else { return nil }
      let point = String(decoding: fields[4], as: UTF8.self)
      return point == folder || point.hasPrefix(folder + "/") ? point : nil
    }.reversed()
  }
}
