import CSystem
import Crypto
import EventLoop
import Glibc
import Images

/// A root as a file system in one file, which is shown as a block device that can only be read.
struct BlockRoot: Equatable, Sendable {
  let file: String
  let digest: Digest

  static let program = "/sbin/mke2fs"

  /// Makes the file of a root's folder.
  init(of folder: String, at file: String) throws(SandboxError) {
    self.file = file
    unlink(file)
    // What files take, and room for what the file system itself needs.
    let mebibytes = (BlockRoot.size(folder) * 5 / 4) >> 20 + 16
    let isMade = Folders.run(
      [
        BlockRoot.program, "-q", "-t", "ext4", "-m", "0", "-O", "^has_journal", "-E", "nodiscard", "-d",
        folder, file,
        "\(mebibytes)m",
      ], seconds: 120)
    guard isMade else { throw .shim("\(BlockRoot.program) made no file system of \(folder)") }
    chmod(file, 0o400)
    digest = try BlockRoot.measure(file)
  }

  /// Bytes of whole blocks that a folder's content takes.
  private static func size(_ folder: String) -> Int {
    Folders.names(folder).reduce(4_096) { sum, name in
      let path = "\(folder)/\(name)"
      var status = stat()
      guard lstat(path, &status) == 0 else { return sum }
      return sum + (Folders.isFolder(path) ? size(path) : (Int(status.st_size) + 8_191) & ~4_095)
    }
  }

  private static func measure(_ file: String) throws(SandboxError) -> Digest {
    var hash = SHA256()
    do {
      var source = try FileSource(file)
      while let piece = try source.next() { hash.update(piece) }
    } catch {
      throw .unfit(path: file, "\(error)")
    }
    return hash.finalize()
  }

  /// Whether it is what it was.
  func check() throws(SandboxError) {
    let found = try BlockRoot.measure(file)
    guard found == digest else { throw .digest(path: file, expected: digest.hex, found: found.hex) }
  }

  /// The file as a device, while the descriptor is held; it goes with its last user.
  func attach() throws(SandboxError) -> (descriptor: Int32, path: String) {
    let opened = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard opened >= 0 else { throw Folders.failure(file, "open") }
    defer { close(opened) }
    var path = [CChar](repeating: 0, count: 32)
    let device = csystem_loop_attach(opened, &path, path.count)
    guard device >= 0 else {
      throw .file("/dev/loop-control", SystemError(code: -device, call: "LOOP_CONFIGURE"))
    }
    return (device, String(decoding: path.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
  }
}
