/// Why an archive cannot be read. Nothing of it that came before is to be relied upon.
public enum ArchiveError: Error, Equatable, Sendable, CustomStringConvertible {
  /// It ends in the middle of what is named.
  case truncated(String)
  /// Not gzip at all, or a kind of it that nobody writes.
  case gzip(String)
  /// Compressed data that no compressor wrote (RFC 1951).
  case deflate(String)
  /// What was unpacked is not what was packed.
  case checksum(String)
  /// Not a tar header, or a field of one that says nothing.
  case tar(entry: Int, String)
  /// A path that leads out of its folder, or that no file system should hold.
  case path(String, String)
  /// A link that leads out of its root or nowhere, or a path below what is no folder.
  case link(path: String, String)
  /// A kind of entry that is not taken.
  case kind(path: String, String)
  /// More than the reader was told to take.
  case limit(String, Int)
  /// The source of the bytes failed.
  case source(String)

  public var description: String {
    switch self {
    case .truncated(let what): "the archive ends in the middle of \(what)"
    case .gzip(let what): "gzip: \(what)"
    case .deflate(let what): "compressed data: \(what)"
    case .checksum(let what): "checksum: \(what)"
    case .tar(let entry, let what): "tar, entry \(entry): \(what)"
    case .path(let path, let what): "path '\(path)': \(what)"
    case .link(let path, let what): "'\(path)': \(what)"
    case .kind(let path, let what): "'\(path)': \(what)"
    case .limit(let what, let most): "more than \(most) \(what)"
    case .source(let what): what
    }
  }
}
