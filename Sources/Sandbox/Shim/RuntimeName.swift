import Glibc

/// A runtime as an operator names it, and the program that its name means, by containerd's rule:
/// `io.containerd.kata.v2` is `containerd-shim-kata-v2`.
struct RuntimeName: Equatable, CustomStringConvertible {
  let description: String
  /// What is looked for: a program's name, or the whole path.
  let program: String

  /// Where programs are looked for. Not the environment's PATH, which is whose who starts the executor.
  static let folders = [
    "/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin", "/opt/kata/bin",
  ]

  /// The PATH that shims get, to find what they run themselves.
  static var searchPath: String { "PATH=" + folders.joined(separator: ":") }

  /// `io.containerd.NAME.VERSION`, or an absolute path.
  init(_ text: String) throws(ShimError) {
    description = text
    guard text.utf8.count <= 128, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw .runtime("runtime: expected a name of at most 128 characters, found \(text.utf8.count)")
    }
    if text.hasPrefix("/") {
      guard !text.split(separator: "/").contains("..") else {
        throw .runtime("runtime \(text): expected a path without ..")
      }
      program = text
      return
    }
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    let isPlain = parts.allSatisfy { part in
      !part.isEmpty
        && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
    }
    guard parts.count >= 2, isPlain else {
      throw .runtime("runtime \(text): expected io.containerd.NAME.VERSION or an absolute path")
    }
    program = "containerd-shim-\(parts[parts.count - 2])-\(parts[parts.count - 1])"
  }

  /// The program's path. It runs as root, so nobody but root may be able to change it.
  func resolve(in folders: [String] = RuntimeName.folders) throws(ShimError) -> String {
    let candidates = program.hasPrefix("/") ? [program] : folders.map { "\($0)/\(program)" }
    for path in candidates where access(path, X_OK) == 0 {
      var status = stat()
      guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
      guard status.st_uid == 0 || status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
        throw .runtime("\(path): others than its owner may change it, so it is not run")
      }
      return path
    }
    throw .runtime("runtime \(description): there is no program \(program)")
  }
}

/// Names of tasks and namespaces, by containerd's rule.
enum ShimIdentifier {
  static let longest = 76

  /// Letters and digits, with single `.`, `_` or `-` between them.
  static func check(_ text: String, _ what: String) throws(ShimError) {
    let parts = text.split(omittingEmptySubsequences: false) { $0 == "." || $0 == "_" || $0 == "-" }
    let isOne =
      (1...longest).contains(text.utf8.count)
      && parts.allSatisfy { part in
        !part.isEmpty && part.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) }
      }
    guard isOne else {
      throw .identifier(
        "\(what): expected 1 to \(longest) letters and digits with single . _ - between them, "
          + "found \"\(text.prefix(80))\"")
    }
  }
}
