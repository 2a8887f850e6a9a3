/// A path inside an archive, relative to its root: what is left of it once it is known to stay there.
public struct ArchivePath: Hashable, Sendable, Comparable, CustomStringConvertible {
  /// Longest path, in bytes, and longest component: what Linux takes.
  public static let longest = 4095
  public static let longestComponent = 255

  /// None is empty, "." or "..".
  public let components: [String]

  /// The root itself.
  public static let root = ArchivePath(components: [])

  init(components: [String]) { self.components = components }

  /// `bytes` as an entry of an archive names itself: "." and a leading "/" stand for the root.
  public init(_ bytes: [UInt8]) throws(ArchiveError) {
    let shown = String(decoding: bytes.prefix(200), as: UTF8.self)
    guard bytes.count <= Self.longest else { throw .path(shown, "longer than \(Self.longest) bytes") }
    guard let text = String(validating: bytes, as: UTF8.self) else { throw .path(shown, "is no UTF-8") }
    guard !bytes.contains(0) else { throw .path(shown, "holds a zero byte") }
    var components: [String] = []
    for part in text.utf8.split(separator: UInt8(ascii: "/")) {
      let component = String(Substring(part))
      if component == "." { continue }
      guard component != ".." else { throw .path(shown, "leads out of its folder by '..'") }
      guard component.utf8.count <= Self.longestComponent else {
        throw .path(shown, "has a name of more than \(Self.longestComponent) bytes")
      }
      components.append(component)
    }
    self.components = components
  }

  /// Without a slash at either end; "." for the root.
  public var description: String { components.isEmpty ? "." : components.joined(separator: "/") }

  /// The name in its folder; empty for the root.
  public var name: String { components.last ?? "" }

  /// The folder that holds it; the root holds itself.
  public var folder: ArchivePath { ArchivePath(components: Array(components.dropLast())) }

  /// What is called `name` in this folder.
  func appending(_ name: String) -> ArchivePath { ArchivePath(components: components + [name]) }

  /// By the bytes of the components, a folder before what it holds.
  public static func < (a: ArchivePath, b: ArchivePath) -> Bool {
    for (one, other) in zip(a.components, b.components) where one != other {
      return one.utf8.lexicographicallyPrecedes(other.utf8)
    }
    return a.components.count < b.components.count
  }
}
