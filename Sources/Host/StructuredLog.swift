import Canonical
import Glibc

/// One line of JSON an event, on standard error: for machines first, readable by people.
///
/// Never parameters, results or secrets: callers pass names, hashes and states.
public struct StructuredLog: Sendable {
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
  public func write(_ line: LogLine, at time: String) {
    var whole = line.fields
    for (name, text) in [
      ("time", time), ("level", line.level.rawValue), ("program", program), ("instance", instance),
      ("event", line.event),
    ] { whole[name] = .string(text) }
    var bytes = JSON.object(whole).canonicalBytes()
    bytes.append(0x0A)
    // One write a line, so that lines of several threads do not mix.
    bytes.withUnsafeBytes { _ = Glibc.write(2, $0.baseAddress, $0.count) }
  }
}
