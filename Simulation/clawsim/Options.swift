import Glibc
import Simulator

/// What was asked for, and cannot be done as it was said. The exit code is 2.
struct UsageError: Error {
  let message: String
}

/// The words of one command line after the command: options with their values, flags, and operands.
struct Options {
  private var values: [(name: String, value: String)] = []
  private var flags: [String] = []
  /// The operands, in order.
  private(set) var rest: [String] = []

  /// Reads `arguments`. What is not among the names, what is given twice and operands beyond `mostOperands` are refused:
  /// nothing that was said is left out of what runs.
  init(
    _ arguments: [String], values names: [String], flags flagNames: [String] = [], mostOperands: Int = 0
  ) throws {
    var position = 0
    while position < arguments.count {
      let word = arguments[position]
      position += 1
      guard !has(word), value(word) == nil else {
        throw UsageError(message: "\(word) is given twice, expected it once")
      }
      if flagNames.contains(word) {
        flags.append(word)
      } else if names.contains(word) {
        guard position < arguments.count else { throw UsageError(message: "\(word) needs a value") }
        values.append((word, arguments[position]))
        position += 1
      } else if word.hasPrefix("--") || word.hasPrefix("-") && word.count > 1 {
        throw UsageError(message: "there is no option \(word)")
      } else {
        rest.append(word)
      }
    }
    guard rest.count <= mostOperands else {
      let expected = mostOperands == 0 ? "options alone" : "one file"
      throw UsageError(message: "expected \(expected), found \(rest[mostOperands]) as well")
    }
  }

  func has(_ flag: String) -> Bool { flags.contains(flag) }

  func value(_ name: String) -> String? { values.first { $0.name == name }?.value }

  func number(_ name: String) throws -> UInt64? {
    guard let text = value(name) else { return nil }
    guard let number = UInt64(text) else {
      throw UsageError(message: "\(name) needs a whole number, found \(text)")
    }
    return number
  }

  func seed() throws -> UInt64 {
    guard let seed = try number("--seed") else { throw UsageError(message: "expected --seed N") }
    return seed
  }

  /// `A..B`, both included.
  func seeds(default usual: ClosedRange<UInt64>? = nil) throws -> ClosedRange<UInt64> {
    guard let text = value("--seeds") else {
      if let usual { return usual }
      throw UsageError(message: "expected --seeds A..B")
    }
    let bounds = text.split(separator: ".", omittingEmptySubsequences: true).map { UInt64($0) }
    guard bounds.count == 2, let first = bounds[0], let last = bounds[1], first <= last, last < .max else {
      throw UsageError(message: "--seeds needs a range such as 1..300, found \(text)")
    }
    return first...last
  }

  func suite(default usual: Conditions.Suite = .real) throws -> Conditions.Suite {
    guard let text = value("--suite") else { return usual }
    guard let suite = Conditions.Suite(rawValue: text) else {
      throw UsageError(message: "--suite is real or tiny, found \(text)")
    }
    return suite
  }

  /// How many processes work beside each other.
  func jobs() throws -> Int {
    let jobs = try number("--jobs") ?? 1
    guard (1...256).contains(jobs) else { throw UsageError(message: "--jobs is from 1 to 256") }
    return Int(jobs)
  }
}

/// Says something on standard error.
func complain(_ text: String) { write(text + "\n", to: 2) }

/// Says something on standard output, at once.
func say(_ text: String) { write(text + "\n", to: 1) }

/// Writes all of a text.
func write(_ text: String, to descriptor: Int32) {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
    guard count > 0 else { return }
    rest = rest.dropFirst(count)
  }
}

/// Reads a whole file; at most 64 MiB.
func bytes(of path: String) throws -> [UInt8] {
  guard let file = fopen(path, "r") else {
    throw UsageError(message: "\(path) cannot be read: \(String(cString: strerror(errno)))")
  }
  defer { fclose(file) }
  var bytes: [UInt8] = []
  var buffer = [UInt8](repeating: 0, count: 1 << 16)
  while true {
    let count = fread(&buffer, 1, buffer.count, file)
    if count == 0 { break }
    bytes += buffer[..<count]
    guard bytes.count <= 64 << 20 else { throw UsageError(message: "\(path) is larger than 64 MiB") }
  }
  return bytes
}

/// Reads a whole file of text; at most 64 MiB.
func contents(of path: String) throws -> String {
  guard let text = String(validating: try bytes(of: path), as: UTF8.self) else {
    throw UsageError(message: "\(path) is not UTF-8")
  }
  return text
}

/// Refuses a file that cannot be written before what it is to hold takes minutes to find.
func requireWritable(_ path: String) throws {
  guard let file = fopen(path, "a") else {
    throw UsageError(message: "\(path) cannot be written: \(String(cString: strerror(errno)))")
  }
  fclose(file)
}

/// Writes a whole file.
func save(_ text: String, to path: String) throws {
  guard let file = fopen(path, "w") else {
    throw UsageError(message: "\(path) cannot be written: \(String(cString: strerror(errno)))")
  }
  let bytes = Array(text.utf8)
  let count = fwrite(bytes, 1, bytes.count, file)
  guard fclose(file) == 0, count == bytes.count else {
    throw UsageError(message: "\(path) could not be written to its end")
  }
}
