import Canonical
import Crypto
import Host
import Records

/// A policy bundle as a folder of files, and the images that its actions name.
enum PolicyFolder {
  /// The digest that stands for an image which the deployer has not built yet.
  static let placeholder = "sha256:" + String(repeating: "0", count: 64)

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

  /// Reads a bundle: `registry.json`, and what is beside it as `.rego` or `.json`.
  ///
  /// - Parameter images: a folder with `digests.json`, `{"<image>": "sha256:…"}`, which the image build
  ///   writes; its digests take the place of placeholders. An action takes the digest under its own name,
  ///   else the one under `actions`.
  static func read(_ folder: String, images: String?) throws -> PolicyBundle {
    var files: [(path: String, text: String)] = []
    for name in try Files.list(folder) where name.hasSuffix(".json") || name.hasSuffix(".rego") {
      var text = try Files.readText("\(folder)/\(name)", limit: 1 << 20)
      if name == PolicyBundle.registryPath, let images { text = try fill(text, from: images) }
      files.append((name, text))
    }
    do {
      return try PolicyBundle(files: files)
    } catch {
      throw Failure(.usage, "\(folder): \(error)")
    }
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
