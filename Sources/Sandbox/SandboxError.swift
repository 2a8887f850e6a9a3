import CSystem
import Canonical
import EventLoop
import Images

/// Why a sandbox cannot be had.
public enum SandboxError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A file operation that the kernel refused.
  case file(String, SystemError)
  /// Not a regular file, a link where none may be, or longer than it may be.
  case unfit(path: String, String)
  case manifest(String)
  /// An image's bytes are not those of its digest.
  case digest(path: String, expected: String, found: String)
  /// No image of that digest is installed.
  case imageMissing(String)
  /// Another executor uses the folder.
  case folderInUse(String)
  /// More than this host may give to one run.
  case tooLarge(String)
  case spawn(String)
  case image(ImageError)
  /// A shim that cannot be used, or what it did.
  case shim(String)
  /// No secret of that name, or none that can be used.
  case secret(String)

  public var description: String {
    switch self {
    case .file(let path, let error): "\(path): \(error)"
    case .unfit(let path, let what): "\(path): \(what)"
    case .manifest(let what): "image manifest: \(what)"
    case .digest(let path, let expected, let found): "\(path): expected \(expected), found \(found)"
    case .imageMissing(let digest): "no image \(digest) is installed"
    case .folderInUse(let path): "\(path): in use by another executor"
    case .tooLarge(let what), .secret(let what): what
    case .spawn(let what): "the machine could not be started: \(what)"
    case .image(let error): error.description
    case .shim(let what): what
    }
  }
}
