import Archive

/// Why an image is not taken, or is not what it was.
public enum ImageError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A file operation that the kernel refused.
  case file(String, errno: Int32)
  /// Not what the OCI image layout has there.
  case layout(String)
  /// Bytes that are not those of their digest.
  case digest(String, expected: String, found: String)
  case archive(String, ArchiveError)
  /// More than is taken.
  case limit(String, Int)
  case provenance(String)
  /// No WebAssembly module that can run.
  case module(String)
  /// No image of that digest is there.
  case missing(String)

  public var description: String {
    switch self {
    case .file(let path, let code): "\(path): errno \(code) (\(SystemText.of(code)))"
    case .layout(let what): "image layout: \(what)"
    case .digest(let what, let expected, let found): "\(what): expected \(expected), found \(found)"
    case .archive(let what, let error): "\(what): \(error)"
    case .limit(let what, let most): "more than \(most) \(what)"
    case .provenance(let what): "provenance: \(what)"
    case .module(let what): "WebAssembly module: \(what)"
    case .missing(let digest): "no image \(digest) is here"
    }
  }
}
