import Glibc
import Simulator

/// What a campaign writes down as it goes, so that a later one goes on where it was ended: a heading, and a line a seed.
///
/// A line counts once its newline is there. What stands after the last newline was being written when the process was
/// ended: it is cut off, and its seed is run again. Anything else that no campaign of this suite writes is refused, and
/// the file stays as it is.
final class CampaignFile {
  /// What an earlier campaign wrote down, in its order.
  let earlier: [(seed: UInt64, report: Report)]
  private let path: String
  private let file: UnsafeMutablePointer<FILE>

  /// The first line. Another program's seeds are others: their file is to be another one.
  static func heading(_ suite: Conditions.Suite) -> String {
    "seeds of clawsim campaign, suite \(suite.rawValue)"
  }

  /// Reads the file, and opens it for what follows. A file that is not there is an empty one.
  init(path: String, suite: Conditions.Suite) throws {
    self.path = path
    let written = access(path, F_OK) == 0 ? try bytes(of: path) : []
    let whole = written.prefix((written.lastIndex(of: 0x0A) ?? -1) + 1)
    let half = written[whole.endIndex...]
    earlier = try Self.read(whole, half, path, suite)
    guard let file = fopen(path, "a") else {
      throw UsageError(message: "\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
    self.file = file
    if !half.isEmpty, ftruncate(fileno(file), off_t(whole.count)) != 0 {
      throw UsageError(
        message:
          "\(path): its last line is half a line and cannot be cut off: \(String(cString: strerror(errno)))")
    }
    if whole.isEmpty { fputs(Self.heading(suite) + "\n", file) }
  }

  deinit { fclose(file) }

  /// Writes a seed's line, at once. Whether all of it was taken.
  func append(_ seed: UInt64, _ report: Report) -> Bool {
    fputs("\(seed)\t\(report.line)\n", file) >= 0 && fflush(file) == 0
  }

  private static func read(
    _ whole: ArraySlice<UInt8>, _ half: ArraySlice<UInt8>, _ path: String, _ suite: Conditions.Suite
  ) throws -> [(seed: UInt64, report: Report)] {
    let lines = whole.split(separator: 0x0A, omittingEmptySubsequences: false).dropLast()
    let heading = heading(suite)
    guard let first = lines.first else {
      // The process was ended before its first line was whole, or the file is somebody else's.
      guard heading.utf8.starts(with: half) else { throw refusal(path, 1, "'\(heading)'", half) }
      return []
    }
    guard heading.utf8.elementsEqual(first) else { throw refusal(path, 1, "'\(heading)'", first) }
    let line = "a seed and what its run said, as a campaign writes them"
    guard half.prefix(while: { $0 != 0x09 }).allSatisfy({ (0x30...0x39).contains($0) }) else {
      throw refusal(path, lines.count + 1, line, half)
    }
    return try zip(2..., lines.dropFirst()).map { number, bytes in
      guard let text = String(validating: bytes, as: UTF8.self), let tab = text.firstIndex(of: "\t"),
        let seed = UInt64(text[..<tab]), let report = Report(line: text[text.index(after: tab)...])
      else { throw refusal(path, number, line, bytes) }
      return (seed, report)
    }
  }

  private static func refusal(
    _ path: String, _ line: Int, _ expected: String, _ found: ArraySlice<UInt8>
  ) -> UsageError {
    let shown = String(decoding: found.prefix(60), as: UTF8.self)
    return UsageError(message: "\(path), line \(line): expected \(expected), found '\(shown)'")
  }
}
