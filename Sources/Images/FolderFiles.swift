import Archive
import CSystem
import Crypto
import Glibc

/// What an errno means.
enum SystemText {
  static func of(_ code: Int32) -> String {
    var text = [CChar](repeating: 0, count: 128)
    csystem_error_text(code, &text, text.count)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// The file operations of an image store; none follows a link at the path's end.
enum FolderFiles {
  static func failure(_ path: String) -> ImageError { .file(path, errno: errno) }

  static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  static func makeFolder(_ path: String, mode: mode_t = 0o755) throws(ImageError) {
    guard mkdir(path, mode) == 0 else { throw failure(path) }
    // The mode above is subject to the umask.
    guard chmod(path, mode) == 0 else { throw failure(path) }
  }

  static func makeFolders(_ path: String) throws(ImageError) {
    if isFolder(path) { return }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try makeFolders(String(path[..<slash]))
    }
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failure(path) }
  }

  /// The names in a folder in the order of their bytes, without the two dots.
  static func names(_ path: String) throws(ImageError) -> [String] {
    guard let stream = opendir(path) else { throw failure(path) }
    defer { closedir(stream) }
    var names: [String] = []
    while let entry = readdir(stream) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Removes a file, a link, or a folder with all in it.
  static func remove(_ path: String) {
    guard isFolder(path) else {
      unlink(path)
      return
    }
    for name in (try? names(path)) ?? [] { remove("\(path)/\(name)") }
    rmdir(path)
  }

  /// A small file whole.
  static func read(_ path: String, limit: Int) throws(ImageError) -> [UInt8] {
    var source = try FileSource(path)
    guard source.size <= limit else { throw .limit("bytes in \(path)", limit) }
    var bytes: [UInt8] = []
    do {
      while let piece = try source.next() { bytes += piece }
    } catch {
      throw .archive(path, error)
    }
    return bytes
  }

  /// A new file.
  static func create(_ path: String, _ bytes: [UInt8], mode: mode_t = 0o644) throws(ImageError) {
    let file = try FileSink(path, mode: mode)
    try file.write(bytes)
  }
}

/// A regular file, read piece by piece.
public struct FileSource: ByteSource {
  private let file: OpenFile
  /// Bytes when it was opened.
  public let size: Int

  /// Opens a file that is no link.
  public init(_ path: String) throws(ImageError) {
    file = try OpenFile(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK, mode: 0)
    var status = stat()
    guard fstat(file.descriptor, &status) == 0 else { throw FolderFiles.failure(path) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .layout("\(path): expected a regular file") }
    size = Int(status.st_size)
  }

  public mutating func next() throws(ArchiveError) -> [UInt8]? {
    var piece = [UInt8](repeating: 0, count: 256 << 10)
    let count = csystem_read(file.descriptor, &piece, piece.count)
    guard count >= 0 else { throw .source("\(file.path): \(SystemText.of(Int32(-count)))") }
    return count == 0 ? nil : Array(piece[..<count])
  }
}

/// A new file that is written piece by piece.
struct FileSink {
  private let file: OpenFile

  init(_ path: String, mode: mode_t) throws(ImageError) {
    file = try OpenFile(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    guard fchmod(file.descriptor, mode) == 0 else { throw FolderFiles.failure(path) }
  }

  func write(_ bytes: [UInt8]) throws(ImageError) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        csystem_write(file.descriptor, buffer.baseAddress.map { $0 + written }, buffer.count - written)
      }
      guard count > 0 else { throw .file(file.path, errno: Int32(-count)) }
      written += count
    }
  }

  func sync() throws(ImageError) {
    guard fsync(file.descriptor) == 0 else { throw FolderFiles.failure(file.path) }
  }
}

/// A descriptor that closes when nobody has it any more.
final class OpenFile: Sendable {
  let path: String
  let descriptor: Int32

  init(_ path: String, _ flags: Int32, mode: mode_t) throws(ImageError) {
    self.path = path
    descriptor = open(path, flags | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw FolderFiles.failure(path) }
  }

  deinit { close(descriptor) }
}

/// Hashes what passes through, and holds it to a limit.
struct HashedSource<Source: ByteSource>: ByteSource {
  /// What has passed.
  final class Meter {
    private var hash = SHA256()
    fileprivate(set) var count = 0

    fileprivate func take(_ piece: [UInt8]) {
      hash.update(piece)
      count += piece.count
    }

    /// Of all that has passed, once there is no more.
    func digest() -> String { "sha256:" + hash.finalize().hex }
  }

  private var source: Source
  private let meter: Meter
  private let limit: Int

  init(_ source: Source, _ meter: Meter, limit: Int) {
    (self.source, self.meter, self.limit) = (source, meter, limit)
  }

  mutating func next() throws(ArchiveError) -> [UInt8]? {
    guard let piece = try source.next() else { return nil }
    meter.take(piece)
    guard meter.count <= limit else { throw .limit("bytes", limit) }
    return piece
  }
}
