import Canonical
import Records
import Rego

/// The files of a bundle as OPA lays them out: modules, documents, and the manifest that says which paths are its own.
public struct RegoBundle: Sendable {
  static let manifestPath = ".manifest"
  static let dataName = "data.json"

  /// In the order of their paths.
  public private(set) var modules: [Module] = []
  /// What stands under `data` beside the modules.
  public private(set) var data = Value.object(ObjectValue())
  /// Paths that the bundle keeps to; nil where it does not say.
  private var roots: [[String]]?

  /// Reads the files of a bundle, the registry apart; refuses what nothing would enforce.
  public init(_ files: [(path: String, text: String)]) throws(ShieldError) {
    for file in files { try take(file.path, file.text) }
    for module in modules where !isWithinRoots(module.package) {
      throw .bundle(
        "\(module.file): expected a package below the roots of \(Self.manifestPath), found "
          + module.package.joined(separator: "."))
    }
    if let path = firstOutside(data, []) {
      throw .bundle(
        "\(Self.dataName): expected documents below the roots of \(Self.manifestPath), found "
          + path.joined(separator: "."))
    }
  }

  private mutating func take(_ path: String, _ text: String) throws(ShieldError) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count <= 16, parts.allSatisfy({ !["", ".", ".."].contains($0) }) else {
      throw .bundle("expected a relative path of at most 16 parts, found \"\(path.prefix(128))\"")
    }
    if [PolicyBundle.registryPath, BundleAuthor.path, Constitution.path].contains(path)
      || path.hasSuffix(".md")
    {
      return
    }
    if path.hasSuffix(".rego") {
      do {
        modules.append(try Module.parse(text, file: path))
      } catch {
        throw .bundle(error.description)
      }
    } else if parts.last == Self.dataName {
      try add(text, path, under: parts.dropLast())
    } else if path == Self.manifestPath {
      try readManifest(text)
    } else {
      throw .bundle(
        "expected \(PolicyBundle.registryPath), \(Constitution.path), \(Self.manifestPath), \(Self.dataName), .rego and .md files, "
          + "found \"\(path.prefix(128))\"")
    }
  }

  // MARK: Documents

  private mutating func add(_ text: String, _ path: String, under parts: ArraySlice<String>)
    throws(ShieldError)
  {
    guard let read = Value.parse(json: text) else {
      throw .bundle("\(path): expected JSON at most 128 deep, which ends at \(Value.endOfJSON(in: text))")
    }
    var value = read
    if parts.isEmpty, value.typeName != "object" { throw .bundle("\(path): expected an object") }
    for part in parts.reversed() { value = .object(ObjectValue([(.string(part), value)])) }
    guard let joined = Self.join(data, value) else {
      throw .bundle("\(path): expected no document that another \(Self.dataName) has at the same place")
    }
    data = joined
  }

  /// The members of both; nil where both have something else at one place.
  private static func join(_ left: Value, _ right: Value) -> Value? {
    guard case .object(var object) = left, case .object(let other) = right else { return nil }
    for member in other.members {
      guard let known = object[member.key] else {
        object[member.key] = member.value
        continue
      }
      guard let joined = join(known, member.value) else { return nil }
      object[member.key] = joined
    }
    return .object(object)
  }

  // MARK: Manifest

  private mutating func readManifest(_ text: String) throws(ShieldError) {
    guard case .object(let manifest)? = Value.parse(json: text) else {
      throw .bundle("\(Self.manifestPath): expected a JSON object")
    }
    for member in manifest.members {
      switch (member.key, member.value) {
      case (.string("revision"), .string), (.string("metadata"), .object): break
      case (.string("rego_version"), .number(let version)) where version.whole == 1: break
      case (.string("roots"), .array(let values)):
        var roots: [[String]] = []
        for value in values {
          guard case .string(let root) = value else {
            throw .bundle("\(Self.manifestPath): expected roots to be paths")
          }
          roots.append(root.split(separator: "/").map(String.init))
        }
        self.roots = roots
      default:
        throw .bundle(
          "\(Self.manifestPath): expected revision, roots, rego_version 1 and metadata, found "
            + "\(member.key.jsonText.prefix(128)): \(member.value.jsonText.prefix(128))")
      }
    }
  }

  /// The first document that is not below a root.
  private func firstOutside(_ value: Value, _ path: [String]) -> [String]? {
    if isWithinRoots(path) { return nil }
    guard case .object(let object) = value else { return path }
    for member in object.members {
      guard case .string(let name) = member.key else { continue }
      if let found = firstOutside(member.value, path + [name]) { return found }
    }
    return nil
  }

  private func isWithinRoots(_ path: [String]) -> Bool {
    roots?.contains { path.starts(with: $0) } ?? true
  }
}
