import Canonical
import Glibc

/// One line of JSON an event, on standard error: for machines first, readable by people.
///
/// Never parameters, results or secrets: callers pass names, hashes and states.
public struct StructuredLog: Sendable {
  /// How grave.
  public enum Level: String, Sendable { case info, warning, error }

  /// Which program, such as `clawshield`.
  public let program: String
  /// Which node or executor.
  public let instance: String

  /// A log.
  public init(program: String, instance: String) {
    self.program = program
    self.instance = instance
  }

  /// Writes a line. `time` is RFC 3339.
  public func write(_ level: Level, _ event: String, at time: String, _ fields: [(String, JSON)] = []) {
    var line = JSON.object(
      [
        ("time", .string(time)), ("level", .string(level.rawValue)), ("program", .string(program)),
        ("instance", .string(instance)), ("event", .string(event)),
      ] + fields
    ).canonicalBytes()
    line.append(0x0A)
    // One write a line, so that lines of several threads do not mix.
    line.withUnsafeBytes { _ = Glibc.write(2, $0.baseAddress, $0.count) }
  }
}
