import Foundation

/// The programs as this test run built them.
enum Built {
  /// The folder that holds the test bundle holds the programs too.
  static let folder: URL = {
    let bundle = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
    var folder = URL(fileURLWithPath: bundle)
    while folder.pathComponents.count > 1,
      !FileManager.default.fileExists(atPath: folder.appendingPathComponent("clawshield").path)
    {
      folder.deleteLastPathComponent()
    }
    return folder
  }()

  /// Runs `clawsim` to its end: its exit code, and what it said on both outputs.
  static func clawsim(_ arguments: [String]) throws -> (code: Int32, output: String) {
    let process = Process()
    process.executableURL = folder.appendingPathComponent("clawsim")
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: output, as: UTF8.self))
  }
}

/// A folder of one test, which goes with it.
final class TestFolder {
  let path = FileManager.default.temporaryDirectory.path + "/clawsim-\(UUID().uuidString.prefix(8))"

  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(atPath: path) }
}
