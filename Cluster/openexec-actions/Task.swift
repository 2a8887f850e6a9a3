import Canonical
import Glibc

/// What an action is given: its parameters, and the files that it may read.
struct Task {
  /// A file that was approved, as the ledger describes it.
  struct File {
    /// As its owner called it; may be empty.
    let name: String
    let mediaType: String
    let digest: String
    let labels: [String]
    let content: [UInt8]

    /// The content as text; nil where it is none.
    var text: String? { String(validating: content, as: UTF8.self) }
  }

  let parameters: JSON
  let files: [File]

  /// Longest file, in bytes.
  static let maximumFile = 4 << 20

  /// Reads `{"inputs": […], "parameters": …}` and the files that it names.
  init(_ document: JSON) throws(ActionFailure) {
    guard let inputs = document["inputs"]?.array, let parameters = document["parameters"] else {
      throw .parameters("expected an object of inputs and parameters")
    }
    self.parameters = parameters
    var files: [File] = []
    for input in inputs {
      files.append(
        File(
          name: try input.text("name"), mediaType: try input.text("media_type"),
          digest: try input.text("digest"), labels: input["labels"]?.array?.compactMap(\.string) ?? [],
          content: try Task.read(try input.text("path"))))
    }
    self.files = files
  }

  private static func read(_ path: String) throws(ActionFailure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .stream("open \(path)", errno) }
    defer { close(descriptor) }
    return try StandardStreams.readAll(descriptor, limit: maximumFile)
  }
}
