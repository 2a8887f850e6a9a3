import Canonical
import Crypto

/// The files of a workspace, or `{"files": [{"path": p, "content": c}, …]}` → what there is: how many files,
/// bytes, words and lines, by extension and media type, every label, the largest, which have the same content or
/// the same name, and each file with its size, digest, type and labels. The same files give the same report.
enum Report {
  static let maximumFiles = 4_096

  static func run(_ task: Task) throws(ActionFailure) -> JSON {
    let given = task.parameters["files"]
    guard task.files.isEmpty != (given == nil) else {
      throw .parameters("expected files of the workspace, or files in the parameters, and not both")
    }
    var entries = task.files.map(Entry.init)
    if let given { entries = try listed(given) }
    entries.sort { left, right in
      left.name == right.name
        ? left.digest < right.digest : left.name.utf8.lexicographicallyPrecedes(right.name.utf8)
    }
    return summary(entries)
  }

  /// One file and what was counted in it.
  struct Entry {
    let name: String
    let digest: String
    let mediaType: String
    let labels: [String]
    let bytes: Int
    /// Nil where the content is no text.
    let lines: Int?
    let words: Int?

    init(_ file: Task.File) {
      name = file.name
      digest = file.digest
      mediaType = file.mediaType
      labels = file.labels
      bytes = file.content.count
      let text = file.text
      lines = text.map(Transform.lineCount)
      words = text.map(Report.words)
    }

    init(path: String, content: String) {
      name = path
      digest = SHA256.hash(content).hex
      mediaType = ""
      labels = []
      bytes = content.utf8.count
      lines = Transform.lineCount(content)
      words = Report.words(content)
    }

    var json: JSON {
      var members: [(String, JSON)] = [
        ("path", .string(name)), ("bytes", .integer(bytes)), ("sha256", .string(digest)),
        ("is_text", .bool(lines != nil)),
      ]
      if let lines, let words {
        members += [("lines", .integer(lines)), ("words", .integer(words))]
      }
      if !mediaType.isEmpty { members.append(("media_type", .string(mediaType))) }
      if !labels.isEmpty { members.append(("labels", .array(labels.map(JSON.string)))) }
      return .object(members)
    }
  }

  private static func listed(_ parameter: JSON) throws(ActionFailure) -> [Entry] {
    guard let list = parameter.array, list.count <= maximumFiles else {
      throw .parameters("files: expected an array of at most \(maximumFiles)")
    }
    var entries: [Entry] = []
    for (number, file) in list.enumerated() {
      guard let path = file["path"]?.string, let content = file["content"]?.string else {
        throw .parameters("files[\(number)]: expected a path and a content")
      }
      entries.append(Entry(path: path, content: content))
    }
    let names = entries.map(\.name).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    for (left, right) in zip(names, names.dropFirst()) where left == right {
      throw .parameters("files: \(left) comes twice")
    }
    return entries
  }

  private static func summary(_ entries: [Entry]) -> JSON {
    let labels = entries.flatMap(\.labels)
    var members: [(String, JSON)] = [
      ("count", .integer(entries.count)), ("bytes", .integer(entries.reduce(0) { $0 + $1.bytes })),
      ("words", .integer(entries.reduce(0) { $0 + ($1.words ?? 0) })),
      ("lines", .integer(entries.reduce(0) { $0 + ($1.lines ?? 0) })),
      ("by_extension", counted(entries.map { fileExtension(of: $0.name) })),
      ("by_media_type", counted(entries.map(\.mediaType).filter { !$0.isEmpty })),
      ("labels", counted(labels)),
      ("same_content", groups(entries, by: \.digest, showing: \.name)),
      ("same_name", groups(entries, by: \.name, showing: \.digest)),
      ("files", .array(entries.map(\.json))),
    ]
    // Of equals the first by name.
    if let most = entries.map(\.bytes).max(), let largest = entries.first(where: { $0.bytes == most }) {
      members.append(
        ("largest", ["path": .string(largest.name), "bytes": .integer(largest.bytes)]))
    }
    return .object(members)
  }

  private static func counted(_ names: [String]) -> JSON {
    var counts = JSONObject()
    for name in names { counts[name] = .integer((counts[name]?.integer ?? 0) + 1) }
    return .object(counts)
  }

  /// What several files have in common, with what they do not, in the order of the files.
  private static func groups(
    _ entries: [Entry], by key: KeyPath<Entry, String>, showing other: KeyPath<Entry, String>
  ) -> JSON {
    var groups = JSONObject()
    for entry in entries where !entry[keyPath: key].isEmpty {
      let members = groups[entry[keyPath: key]]?.array ?? []
      groups[entry[keyPath: key]] = .array(members + [.string(entry[keyPath: other])])
    }
    return .object(groups.members.filter { ($0.value.array?.count ?? 0) > 1 }.map { ($0.name, $0.value) })
  }

  private static func fileExtension(of path: String) -> String {
    let name = path.split(separator: "/").last ?? ""
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    // A leading dot begins a hidden name, not an extension.
    return parts.count > 1 && !parts[0].isEmpty ? String(parts.last ?? "") : ""
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
