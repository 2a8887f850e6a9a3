import Canonical
import Crypto

/// `{"files": [{"path": p, "content": c}, …]}` → a summary: how many, bytes, words, lines, the largest, by
/// extension, and each file's size and SHA-256.
enum Report {
  static let maximumFiles = 4_096

  static func run(_ parameters: JSON) throws(ActionFailure) -> JSON {
    guard let list = parameters["files"]?.array, list.count <= maximumFiles else {
      throw .parameters("files: expected an array of at most \(maximumFiles)")
    }
    var files: [(path: String, content: String)] = []
    for (number, file) in list.enumerated() {
      guard let path = file["path"]?.string, let content = file["content"]?.string else {
        throw .parameters("files[\(number)]: expected a path and a content")
      }
      files.append((path, content))
    }
    files.sort { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    for (left, right) in zip(files, files.dropFirst()) where left.path == right.path {
      throw .parameters("files: \(left.path) comes twice")
    }
    return summary(files)
  }

  private static func summary(_ files: [(path: String, content: String)]) -> JSON {
    // Of equals the first by path.
    let largest = files.reduce(nil as (path: String, content: String)?) { best, file in
      guard let best else { return file }
      return file.content.utf8.count > best.content.utf8.count ? file : best
    }
    var members: [(String, JSON)] = [
      ("count", .integer(files.count)),
      ("bytes", .integer(files.reduce(0) { $0 + $1.content.utf8.count })),
      ("words", .integer(files.reduce(0) { $0 + words($1.content) })),
      ("lines", .integer(files.reduce(0) { $0 + Transform.lineCount($1.content) })),
      ("by_extension", byExtension(files)),
      (
        "files",
        .array(
          files.map { file in
            [
              "path": .string(file.path), "bytes": .integer(file.content.utf8.count),
              "sha256": .string(SHA256.hash(file.content).hex),
            ]
          })
      ),
    ]
    if let largest {
      members.append(
        (
          "largest",
          ["path": .string(largest.path), "bytes": .integer(largest.content.utf8.count)]
        ))
    }
    return .object(members)
  }

  private static func byExtension(_ files: [(path: String, content: String)]) -> JSON {
    var counts = JSONObject()
    for file in files {
      let name = file.path.split(separator: "/").last ?? ""
      let parts = name.split(separator: ".", omittingEmptySubsequences: false)
      // A leading dot begins a hidden name, not an extension.
      let ending = parts.count > 1 && !parts[0].isEmpty ? String(parts.last ?? "") : ""
      counts[ending] = .integer((counts[ending]?.integer ?? 0) + 1)
    }
    return .object(counts)
  }

  private static func words(_ content: String) -> Int {
    var count = 0
    var isInside = false
    for byte in content.utf8 {
      let isSpace = byte == 0x20 || (0x09...0x0D).contains(byte)
      if !isSpace && !isInside { count += 1 }
      isInside = !isSpace
    }
    return count
  }
}
