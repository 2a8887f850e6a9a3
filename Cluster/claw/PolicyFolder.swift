import Canonical
import ClawShield
import Crypto
import Host
import Records

/// A policy bundle as a folder of files or one archive of them, and the images that its actions name.
enum PolicyFolder {
  /// Of every command that reads a bundle which is to be put in force.
  static let imagesOption = CommandOption(
    "--images", "DIR", "built images with digests.json; they fill the bundle's placeholders")
  /// The digest that stands for an image which the deployer has not built yet.
  static let placeholder = "sha256:" + String(repeating: "0", count: 64)

  private static let maximumDepth = 16

  /// Where the default bundle lies: below the current folder, or beside the installed program.
  static func standard() throws -> String {
    let candidates = ["Deploy/policy", "/usr/local/share/openexec/policy", "/usr/share/openexec/policy"]
    guard let found = candidates.first(where: { Files.exists("\($0)/\(PolicyBundle.registryPath)") }) else {
      throw UsageError(
        "expected --policy DIR: there is no \(PolicyBundle.registryPath) in \(candidates.joined(separator: ", "))"
      )
    }
    return found
  }

  /// Reads a bundle: `registry.json`, `.manifest`, and the `.json` and `.rego` files of the folder and those below it.
  ///
  /// - Parameter images: a folder with `digests.json`, `{"<image>": "sha256:…"}`, which the image build
  ///   writes; its digests take the place of placeholders. An action takes the digest under its own name,
  ///   else the one under `actions`.
  static func read(_ folder: String, images: String?) throws -> PolicyBundle {
    let files = try self.files(of: folder, images: images)
    do {
      let bundle = try PolicyBundle(files: files)
      try bundle.requireEnforceable()
      return bundle
    } catch {
      throw Failure(.usage, "\(folder): \(error)")
    }
  }

  /// The files that a bundle has, in a folder or in a `.tar.gz`, ascending by path. Tests (`*_test.rego`) are no part of
  /// a bundle.
  ///
  /// - Parameters:
  ///   - isForTests: with those too.
  ///   - images: as for `read`.
  static func files(of folder: String, isForTests: Bool = false, images: String?) throws -> [(
    path: String, text: String
  )] {
    var files = try files(of: folder, isForTests: isForTests)
    for position in files.indices where files[position].path == PolicyBundle.registryPath {
      if let images { files[position].text = try fill(files[position].text, from: images) }
    }
    return files
  }

  /// The same, as they are.
  static func files(of folder: String, isForTests: Bool = false) throws -> [(path: String, text: String)] {
    guard Files.isFolder(folder) || !Files.exists(folder) else {
      return try PolicyArchive.files(of: folder) { isPart($0.description, $0.name, isForTests: isForTests) }
    }
    var files: [(path: String, text: String)] = []
    var rest = [""]
    while let prefix = rest.popLast() {
      for name in try Files.list(prefix.isEmpty ? folder : "\(folder)/\(prefix)") {
        let path = prefix.isEmpty ? name : "\(prefix)/\(name)"
        if Files.isFolder("\(folder)/\(path)") {
          guard path.split(separator: "/").count < maximumDepth else {
            throw Failure(.usage, "\(folder): expected folders no deeper than \(maximumDepth), found \(path)")
          }
          rest.append(path)
        } else if isPart(path, name, isForTests: isForTests) {
          files.append((path, try Files.readText("\(folder)/\(path)", limit: 1 << 20)))
        }
      }
    }
    return files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
  }

  private static func isPart(_ path: String, _ name: String, isForTests: Bool) -> Bool {
    path == ".manifest" || path == PolicyBundle.registryPath || name.hasSuffix(".json")
      || name.hasSuffix(".rego") && (isForTests || !name.hasSuffix("_test.rego"))
  }

  private static func fill(_ registry: String, from images: String) throws -> String {
    let path = "\(images)/digests.json"
    guard let digests = try JSON.parse(try Files.readText(path, limit: 1 << 20)).object,
      digests.members.allSatisfy({ isDigest($0.value.string) })
    else { throw Failure(.usage, "\(path): expected an object of sha256:<64 hexadecimal characters>") }
    guard case .object(var object) = try JSON.parse(registry), case .array(let actions)? = object["actions"]
    else { return registry }
    object["actions"] = .array(
      actions.map { action in
        guard case .object(var members) = action, members["image"]?.string == placeholder,
          let digest = digests[members["name"]?.string ?? ""] ?? digests["actions"]
        else { return action }
        members["image"] = digest
        return .object(members)
      })
    return JSON.object(object).canonical + "\n"
  }

  private static func isDigest(_ text: String?) -> Bool {
    guard let text, text.hasPrefix("sha256:") else { return false }
    return Digest(hex: String(text.dropFirst(7))) != nil
  }

  /// Actions whose image nobody has named: their executor refuses them.
  static func unnamedImages(_ bundle: PolicyBundle) -> [String] {
    bundle.actions.filter { $0.imageDigest == placeholder }.map(\.name)
  }

  /// Every scope that some action needs, ascending.
  static func scopes(_ bundle: PolicyBundle) -> [String] {
    var all: [String] = []
    for scope in bundle.actions.flatMap(\.scopes) where !all.contains(scope) { all.append(scope) }
    return all.sorted()
  }
}
