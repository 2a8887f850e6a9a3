import Glibc

/// Why a file could not be read or written.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
  public let path: String
  /// What was tried, and what the system said.
  public let reason: String

  /// An error about a file.
  public init(path: String, reason: String) {
    self.path = path
    self.reason = reason
  }

  static func last(_ path: String, _ attempt: String) -> FileError {
    FileError(path: path, reason: "\(attempt): \(String(cString: strerror(errno)))")
  }

  public var description: String { "\(path): \(reason)" }
}

/// Whole files, read with a limit and written so that a crash leaves the old one or the new one.
public enum Files {
  /// Whether something of this name exists.
  public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// Reads a regular file of at most `limit` bytes.
  public static func read(_ path: String, limit: Int = 16 << 20) throws(FileError) -> [UInt8] {
    try read(path, limit: limit, isSecret: false)
  }

  private static func read(_ path: String, limit: Int, isSecret: Bool) throws(FileError) -> [UInt8] {
    // A pipe without a writer must not hold whoever asks for a file: it is refused below.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .last(path, "open") }
    defer { _ = close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .last(path, "stat") }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileError(path: path, reason: "expected a regular file")
    }
    // Of the very file that is read: what stands under its name may be another by now.
    guard !isSecret || status.st_mode & 0o077 == 0 else {
      throw FileError(
        path: path,
        reason: "expected a key that its owner alone may read, found permissions "
          + "0\(String(status.st_mode & 0o777, radix: 8)): others may have read it. Where that is ruled out: "
          + "chmod 600 \(path)")
    }
    guard status.st_size <= limit else {
      throw FileError(path: path, reason: "expected at most \(limit) bytes, found \(status.st_size)")
    }
    var bytes = [UInt8](repeating: 0, count: Int(status.st_size))
    var filled = 0
    while filled < bytes.count {
      let got = bytes.withUnsafeMutableBytes { buffer in
        Glibc.read(descriptor, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
      }
      if got < 0 && errno == EINTR { continue }
      guard got > 0 else { throw .last(path, "read") }
      filled += got
    }
    return bytes
  }

  /// Reads a file that its owner alone may read, and refuses one that others may: who had it may have been
  /// somebody else.
  public static func readSecret(_ path: String, limit: Int = 1 << 20) throws(FileError) -> [UInt8] {
    try read(path, limit: limit, isSecret: true)
  }

  /// Refuses to put a file where something else than a file is: a link, a device, a folder.
  static func requireReplaceable(_ path: String) throws(FileError) {
    var status = stat()
    guard lstat(path, &status) == 0 else {
      guard errno == ENOENT else { throw .last(path, "stat") }
      return
    }
    let kind =
      switch status.st_mode & S_IFMT {
      case S_IFREG: ""
      case S_IFLNK: "a symbolic link"
      case S_IFDIR: "a folder"
      default: "a device, pipe or socket"
      }
    guard kind.isEmpty else {
      throw FileError(
        path: path, reason: "expected a file or nothing under this name, found \(kind); it stays")
    }
  }

  /// Reads a file of UTF-8 text.
  public static func readText(_ path: String, limit: Int = 16 << 20) throws(FileError) -> String {
    guard let text = String(validating: try read(path, limit: limit), as: UTF8.self) else {
      throw FileError(path: path, reason: "expected UTF-8 text")
    }
    return text
  }

  /// A file that is to take another's place.
  public struct Replacement {
    let bytes: [UInt8]
    let path: String
    let mode: mode_t

    /// `mode`: permissions; 0o600 for secrets.
    public init(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) {
      self.bytes = bytes
      self.path = path
      self.mode = mode
    }

    /// Where it is written first.
    fileprivate var temporary: String { path + ".new" }
  }

  /// Replaces a file by a new one that is synced before it takes the old one's name.
  ///
  /// - Parameter mode: permissions; 0o600 for secrets.
  public static func write(_ bytes: [UInt8], to path: String, mode: mode_t = 0o644) throws(FileError) {
    try replace([Replacement(bytes, to: path, mode: mode)])
  }

  /// Replaces files that belong together: all new ones are synced before the first takes an old one's name, in this order. What
  /// fails before that leaves everything as it was. Only a host that stops between two names leaves a part of them replaced.
  ///
  /// Who replaces the same file at the same time, in this process or another, waits: one after the other, the last one stays.
  public static func replace(_ files: [Replacement]) throws(FileError) {
    for file in files { try requireReplaceable(file.path) }
    var claimed: [(path: String, descriptor: Int32)] = []
    defer { for claim in claimed { _ = close(claim.descriptor) } }
    do throws(FileError) {
      for file in files {
        let descriptor = try claim(file, beside: claimed.map(\.descriptor))
        claimed.append((file.temporary, descriptor))
        try prepare(file, in: descriptor)
      }
    } catch {
      // Some of them may be secrets.
      for claim in claimed { _ = unlink(claim.path) }
      throw error
    }
    for file in files {
      guard rename(file.temporary, file.path) == 0 else { throw .last(file.path, "rename") }
      try syncFolder(of: file.path)
    }
  }

  /// The file that is written first, which is nobody else's until its descriptor is closed.
  private static func claim(_ file: Replacement, beside others: [Int32]) throws(FileError) -> Int32 {
    let temporary = file.temporary
    while true {
      let descriptor = open(temporary, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, file.mode)
      guard descriptor >= 0 else { throw .last(temporary, "create") }
      do throws(FileError) {
        guard !others.contains(where: { isSame($0, descriptor) }) else {
          // It would wait for itself.
          throw FileError(path: file.path, reason: "expected each file once, found it twice")
        }
        guard lock(descriptor) else { throw .last(temporary, "lock") }
      } catch {
        _ = close(descriptor)
        throw error
      }
      // Who had it before may have given it its name, or removed it, while this waited.
      if isNamed(descriptor, temporary) { return descriptor }
      _ = close(descriptor)
    }
  }

  private static func lock(_ descriptor: Int32) -> Bool {
    while flock(descriptor, LOCK_EX) != 0 {
      guard errno == EINTR else { return false }
    }
    return true
  }

  private static func isSame(_ one: Int32, _ other: Int32) -> Bool {
    var (first, second) = (stat(), stat())
    return fstat(one, &first) == 0 && fstat(other, &second) == 0 && isSame(first, second)
  }

  private static func isNamed(_ descriptor: Int32, _ path: String) -> Bool {
    var (held, named) = (stat(), stat())
    return fstat(descriptor, &held) == 0 && lstat(path, &named) == 0 && isSame(held, named)
  }

  private static func isSame(_ one: stat, _ other: stat) -> Bool {
    one.st_ino == other.st_ino && one.st_dev == other.st_dev
  }

  private static func prepare(_ file: Replacement, in descriptor: Int32) throws(FileError) {
    let temporary = file.temporary
    guard ftruncate(descriptor, 0) == 0 else { throw .last(temporary, "truncate") }
    guard fchmod(descriptor, file.mode) == 0 else { throw .last(temporary, "chmod") }
    try writeAll(file.bytes, to: descriptor, path: temporary)
    guard fsync(descriptor) == 0 else { throw .last(temporary, "fsync") }
  }

  /// Writes a file of UTF-8 text.
  public static func write(_ text: String, to path: String, mode: mode_t = 0o644) throws(FileError) {
    try write(Array(text.utf8), to: path, mode: mode)
  }

  static func writeAll(_ bytes: [UInt8], to descriptor: Int32, path: String) throws(FileError) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written)
      }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { throw .last(path, "write") }
      written += count
    }
  }

  /// Makes the names in a file's folder durable.
  static func syncFolder(of path: String) throws(FileError) {
    let folder = parent(of: path)
    let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .last(folder, "open") }
    defer { _ = close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .last(folder, "fsync") }
  }

  /// Creates a folder and those above it; one that exists is left alone.
  public static func createFolder(_ path: String, mode: mode_t = 0o755) throws(FileError) {
    if exists(path) { return }
    let above = parent(of: path)
    if above != path && above != "." { try createFolder(above, mode: mode) }
    guard mkdir(path, mode) == 0 || errno == EEXIST else { throw .last(path, "mkdir") }
  }

  /// Whether a folder is there, or a link to one.
  public static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The names in a folder, ascending, without `.` and `..`.
  public static func list(_ path: String) throws(FileError) -> [String] {
    guard let folder = opendir(path) else { throw .last(path, "opendir") }
    defer { closedir(folder) }
    var names: [String] = []
    while let entry = readdir(folder) {
      let name = withUnsafeBytes(of: entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted()
  }

  /// The files below a folder whose names are wanted, by their paths in it, ascending; refuses folders more
  /// than `depth` below each other.
  public static func tree(
    _ folder: String, depth: Int, where isWanted: (String) -> Bool
  ) throws(FileError) -> [String] {
    var found: [String] = []
    var rest = [""]
    while let prefix = rest.popLast() {
      for name in try list(prefix.isEmpty ? folder : "\(folder)/\(prefix)") {
        let path = prefix.isEmpty ? name : "\(prefix)/\(name)"
        guard isFolder("\(folder)/\(path)") else {
          if isWanted(name) { found.append(path) }
          continue
        }
        guard path.split(separator: "/").count < depth else {
          throw FileError(path: folder, reason: "expected folders no deeper than \(depth), found \(path)")
        }
        rest.append(path)
      }
    }
    return found.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// The folder that holds `path`.
  public static func parent(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// `path`, seen from `folder` where it is relative.
  public static func resolve(_ path: String, in folder: String) -> String {
    path.hasPrefix("/") ? path : "\(folder)/\(path)"
  }
}

extension Files {
  /// Removes a file and makes that durable; one that is not there is no fault.
  public static func remove(_ path: String) throws(FileError) {
    guard unlink(path) == 0 || errno == ENOENT else { throw .last(path, "unlink") }
    try syncFolder(of: path)
  }

  /// Overwrites a file with zeroes, syncs it and removes it; one that is not there is no fault. On a file system that
  /// writes elsewhere than it has read, or a disk that does, the old bytes stay until something takes their place.
  public static func destroy(_ path: String) throws(FileError) {
    let descriptor = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else {
      guard errno == ENOENT else { throw .last(path, "open") }
      return
    }
    defer { _ = close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .last(path, "stat") }
    try writeAll([UInt8](repeating: 0, count: Int(status.st_size)), to: descriptor, path: path)
    guard fsync(descriptor) == 0 else { throw .last(path, "fsync") }
    try remove(path)
  }

  /// Whether a folder has nothing in it; false where it cannot be read.
  public static func isEmptyFolder(_ path: String) -> Bool { (try? list(path))?.isEmpty == true }

  /// Gives a folder that was made whole under a temporary name its own; an empty folder may stand there.
  public static func moveFolder(_ from: String, to path: String) throws(FileError) {
    guard rename(from, path) == 0 else { throw .last(path, "rename") }
    try syncFolder(of: path)
  }

  /// Removes a folder and all that is in it; links are removed, not followed.
  public static func removeFolder(_ path: String) throws(FileError) {
    for name in try list(path) {
      let entry = "\(path)/\(name)"
      var status = stat()
      guard lstat(entry, &status) == 0 else { throw .last(entry, "stat") }
      if status.st_mode & S_IFMT == S_IFDIR {
        try removeFolder(entry)
      } else {
        guard unlink(entry) == 0 else { throw .last(entry, "unlink") }
      }
    }
    guard rmdir(path) == 0 else { throw .last(path, "rmdir") }
  }
}
