/// A line of a program's structured log, before it is told when and where: what pure code has to say to an operator.
///
/// Nothing of an agent's stands in one but digests, names and codes; the simulator looks into each for what is an
/// agent's alone.
public struct LogLine: Equatable, Sendable {
  /// How grave.
  public enum Level: String, Sendable { case info, warning, error }

  public var level: Level
  /// What happened, a word for programs to look for.
  public var event: String
  public var fields: JSONObject

  /// A line. No field may be named twice.
  public init(_ level: Level, _ event: String, _ fields: [(String, JSON)] = []) {
    self.level = level
    self.event = event
    self.fields = JSONObject(fields)
  }
}
