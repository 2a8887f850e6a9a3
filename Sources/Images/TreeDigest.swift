import Archive
import Canonical
import Crypto
import Glibc

/// One digest for all that is in a folder: kinds, modes, names, contents and the targets of links, and neither times nor
/// owners.
///
/// SHA-256 over the line `openexec/v1/tree` and one line an entry, each the canonical JSON of
/// `[kind, mode, path, content]`, a folder before what it holds, names in the order of their bytes. Kinds are `folder`,
/// `file` and `link`; modes are four octal digits; content is empty, a SHA-256 in hexadecimal, or the target.
public enum TreeDigest {
  /// Deepest folder, and most entries.
  static let deepest = 256
  static let most = 1_000_000

  private struct Walk {
    var hash = SHA256()
    var count = 0

    mutating func take(_ kind: String, _ mode: mode_t, _ path: String, _ content: String) throws(ImageError) {
      count += 1
      guard count <= TreeDigest.most else { throw .limit("entries", TreeDigest.most) }
      let digits = String(mode & 0o7777, radix: 8)
      let padded = String(repeating: "0", count: max(0, 4 - digits.count)) + digits
      let line: JSON = [.string(kind), .string(padded), .string(path), .string(content)]
      hash.update(line.canonicalBytes() + [0x0A])
    }

    mutating func walk(_ folder: String, _ inside: String, depth: Int) throws(ImageError) {
      guard depth < TreeDigest.deepest else { throw .limit("folders in each other", TreeDigest.deepest) }
      for name in try FolderFiles.names(folder) {
        let path = "\(folder)/\(name)"
        let shown = inside.isEmpty ? name : "\(inside)/\(name)"
        var status = stat()
        guard lstat(path, &status) == 0 else { throw FolderFiles.failure(path) }
        switch status.st_mode & S_IFMT {
        case S_IFDIR:
          try take("folder", status.st_mode, shown, "")
          try walk(path, shown, depth: depth + 1)
        case S_IFREG: try take("file", status.st_mode, shown, try TreeDigest.content(path))
        case S_IFLNK: try take("link", 0o777, shown, try TreeDigest.target(path))
        default: throw .layout("\(shown): expected folders, files and links alone")
        }
      }
    }
  }

  /// Of what is in `folder`.
  public static func of(_ folder: String) throws(ImageError) -> Digest {
    guard FolderFiles.isFolder(folder) else { throw .layout("\(folder): expected a folder") }
    var walk = Walk()
    walk.hash.update("openexec/v1/tree\n")
    try walk.walk(folder, "", depth: 0)
    return walk.hash.finalize()
  }

  private static func content(_ path: String) throws(ImageError) -> String {
    var source = try FileSource(path)
    var hash = SHA256()
    do {
      while let piece = try source.next() { hash.update(piece) }
    } catch {
      throw .archive(path, error)
    }
    return hash.finalize().hex
  }

  private static func target(_ path: String) throws(ImageError) -> String {
    var bytes = [CChar](repeating: 0, count: 4_097)
    let count = readlink(path, &bytes, bytes.count - 1)
    guard count >= 0 else { throw FolderFiles.failure(path) }
    return String(decoding: bytes[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
