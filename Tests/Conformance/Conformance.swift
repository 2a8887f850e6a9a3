import Foundation

/// The published test data, read in place from the folder that `OPENEXEC_CONFORMANCE` names.
public enum Conformance {
  /// Why a test that needs the data is skipped.
  public static let reason = "OPENEXEC_CONFORMANCE is not set"

  /// Whether the data is there.
  public static var isPresent: Bool { root != nil }

  private static var root: String? { ProcessInfo.processInfo.environment["OPENEXEC_CONFORMANCE"] }

  /// The path of `name` below the data's folder.
  public static func path(_ name: String) -> String { (root ?? "") + "/" + name }

  /// The bytes of one file.
  public static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: URL(fileURLWithPath: path(name))))
  }

  /// The names in one folder, ascending.
  public static func list(_ folder: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path(folder)).sorted()
  }
}
