import Glibc
import Synchronization

/// A small preallocated file of two slots, written in turn and synced: a crash while one is written
/// leaves the other. Which slot is newer, and whether it is whole, is for the content to say.
public final class SlotFile: Sendable {
  private let descriptor: Int32
  private let path: String
  private let next: Mutex<Int>
  /// Bytes of a slot; a block, so that no slot shares one with the other.
  public static let slotBytes = 4096

  /// Opens the file, and preallocates it where it is new. `written` tells which slot was written last,
  /// from the contents of both; nil where neither was.
  public init(path: String, lastWritten: ([UInt8], [UInt8]) -> Int?) throws(FileError) {
    self.path = path
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw .last(path, "open") }
    self.descriptor = descriptor
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .last(path, "stat") }
    var next = 0
    if status.st_size < 2 * Self.slotBytes {
      try Files.writeAll([UInt8](repeating: 0, count: 2 * Self.slotBytes), to: descriptor, path: path)
      guard fsync(descriptor) == 0 else { throw .last(path, "fsync") }
      try Files.syncFolder(of: path)
    }
    func slot(_ number: Int) throws(FileError) -> [UInt8] {
      try SlotFile.read(slot: number, of: descriptor, path: path)
    }
    if let last = lastWritten(try slot(0), try slot(1)) { next = 1 - last }
    self.next = Mutex(next)
  }

  deinit { _ = close(descriptor) }

  /// The bytes of a slot.
  public func read(slot: Int) throws(FileError) -> [UInt8] {
    try SlotFile.read(slot: slot, of: descriptor, path: path)
  }

  private static func read(slot: Int, of descriptor: Int32, path: String) throws(FileError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: slotBytes)
    let got = pread(descriptor, &bytes, bytes.count, off_t(slot * slotBytes))
    guard got == bytes.count else { throw .last(path, "read") }
    return bytes
  }

  /// Writes the older slot and syncs it.
  public func write(_ bytes: [UInt8]) throws(FileError) {
    precondition(bytes.count <= Self.slotBytes)
    try next.withLock { next throws(FileError) in
      let got = pwrite(descriptor, bytes, bytes.count, off_t(next * Self.slotBytes))
      guard got == bytes.count else { throw .last(path, "write") }
      guard fdatasync(descriptor) == 0 else { throw .last(path, "fdatasync") }
      next = 1 - next
    }
  }
}
