import ClawShield
import Host

/// The bundle by which this party alone withholds its share, from a folder of its host.
enum LocalBundle {
  private static let maximumDepth = 16

  /// Reads `.rego` and `data.json` files; tests (`*_test.rego`) are no part of it.
  static func read(_ folder: String) throws -> LocalPolicy {
    let files = try Files.tree(folder, depth: maximumDepth) { name in
      name == "data.json" || name == ".manifest" || name.hasSuffix(".rego") && !name.hasSuffix("_test.rego")
    }
    do {
      return try LocalPolicy(
        files: try files.map { (path: $0, text: try Files.readText("\(folder)/\($0)", limit: 1 << 20)) })
    } catch let error as ShieldError {
      throw Fault(description: "\(folder): \(error)")
    }
  }

  /// Why the folder holds no bundle that could be evaluated.
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }
}
