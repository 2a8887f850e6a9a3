import Glibc

/// A file that is written piece by piece and appears under its name, synced, only when it is whole.
public final class FileSink {
  private let path: String
  private let temporary: String
  private let descriptor: Int32
  private var isFinished = false

  /// Begins a file; what stands under `path` stays until `finish`.
  public init(path: String, mode: mode_t = 0o644) throws(FileError) {
    try Files.requireReplaceable(path)
    self.path = path
    temporary = path + ".new"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)
    guard descriptor >= 0 else { throw .last(temporary, "create") }
  }

  deinit {
    _ = close(descriptor)
    if !isFinished { _ = unlink(temporary) }
  }

  /// Appends bytes.
  public func write(_ bytes: [UInt8]) throws(FileError) {
    try Files.writeAll(bytes, to: descriptor, path: temporary)
  }

  /// Makes the file durable and gives it its name.
  public func finish() throws(FileError) {
    guard fsync(descriptor) == 0 else { throw .last(temporary, "fsync") }
    try Files.requireReplaceable(path)
    guard rename(temporary, path) == 0 else { throw .last(path, "rename") }
    isFinished = true
    try Files.syncFolder(of: path)
  }
}
