import CSystem
import Canonical
import EventLoop
import Glibc

/// The folder that a shim works in, and the FIFOs by which it is heard: made new for one task, and no path in it is
/// anybody's choice but this program's.
struct TaskBundle {
  let folder: String
  var rootfs: String { "\(folder)/rootfs" }
  var stdin: String { "\(folder)/stdin" }
  var stdout: String { "\(folder)/stdout" }
  var stderr: String { "\(folder)/stderr" }
  var log: String { "\(folder)/log" }

  /// Kept beside the bundle: which shim is to clean it up, should this program not live to do so.
  static let runtimeFile = "openexec-runtime"

  /// Makes it; where that fails nothing is left. The folder may be passed through, since a container's root is not the
  /// host's, and not looked into.
  init(folder: String, spec: JSON, program: String) throws(SandboxError) {
    self.folder = folder
    guard mkdir(folder, 0o711) == 0 else { throw Folders.failure(folder, "mkdir") }
    do throws(SandboxError) {
      try fill(spec, program)
    } catch {
      remove()
      throw error
    }
  }

  /// Takes it away again, before a shim has seen it.
  func remove() { Folders.remove(folder) }

  private func fill(_ spec: JSON, _ program: String) throws(SandboxError) {
    try Folders.make(rootfs, mode: 0o755)
    try Folders.create("\(folder)/config.json", [spec.canonicalBytes()], mode: 0o600)
    try Folders.create("\(folder)/\(TaskBundle.runtimeFile)", [Array(program.utf8)], mode: 0o600)
    for path in [stdin, stdout, stderr, log] {
      guard mkfifo(path, 0o600) == 0 else { throw Folders.failure(path, "mkfifo") }
    }
  }

  /// Both ends of a FIFO, so that it neither waits for the other side nor ends with it.
  static func open(_ path: String) throws(SandboxError) -> Int32 {
    let descriptor = Glibc.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw Folders.failure(path, "open") }
    return descriptor
  }
}
