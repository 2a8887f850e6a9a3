import Canonical

/// Why a configuration file is not usable: which key, which line, what was expected.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
  public let path: String
  /// From 1; nil where the whole file is meant.
  public let line: Int?
  public let reason: String

  public var description: String { line.map { "\(path):\($0): \(reason)" } ?? "\(path): \(reason)" }
}

/// One object of a configuration file, read key by key; what nobody asked for is refused at `finish`.
///
/// Files are JSON. Paths in a file are relative to the folder that holds it.
public struct ConfigurationSection {
  private let object: JSONObject
  private let keyPath: String
  private let file: String
  private let text: String
  private var read: [String] = []

  /// Reads a file.
  public init(file: String) throws(ConfigurationError) {
    do {
      text = try Files.readText(file, limit: 4 << 20)
    } catch {
      throw ConfigurationError(path: file, line: nil, reason: error.reason)
    }
    self.file = file
    keyPath = ""
    do {
      guard case .object(let object) = try JSON.parse(text) else {
        throw ConfigurationError(path: file, line: 1, reason: "expected a JSON object")
      }
      self.object = object
    } catch let error as ConfigurationError {
      throw error
    } catch let error as JSONError {
      let line = 1 + text.utf8.prefix(error.offset).count { $0 == 0x0A }
      throw ConfigurationError(path: file, line: line, reason: error.description)
    } catch {
      throw ConfigurationError(path: file, line: nil, reason: "\(error)")
    }
  }

  private init(_ object: JSONObject, keyPath: String, of parent: ConfigurationSection) {
    self.object = object
    self.keyPath = keyPath
    file = parent.file
    text = parent.text
  }

  /// The folder of the file.
  public var folder: String { Files.parent(of: file) }

  private func fullName(_ key: String) -> String { keyPath.isEmpty ? key : "\(keyPath).\(key)" }

  private func fault(_ key: String, _ reason: String) -> ConfigurationError {
    let name = fullName(key)
    return ConfigurationError(path: file, line: line(of: key), reason: "\(name): \(reason)")
  }

  /// The first line on which the key stands in quotes.
  private func line(of key: String) -> Int? {
    let wanted = "\"\(key)\""
    for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated()
    where line.contains(wanted) { return number + 1 }
    return nil
  }

  /// Refuses keys that nobody asked for, and names the one that was probably meant.
  public func finish() throws(ConfigurationError) {
    for member in object.members where !read.contains(member.name) {
      let near = read.min { editDistance($0, member.name) < editDistance($1, member.name) }
      let hint = near.map { editDistance($0, member.name) <= 3 ? "; did you mean \($0)?" : "" } ?? ""
      throw fault(member.name, "there is no such key\(hint)")
    }
  }

  /// A value of any kind; nil where the key is absent.
  public mutating func optional(_ key: String) -> JSON? {
    read.append(key)
    return object[key]
  }

  /// A value, read by `convert`, which gives nil for what is not `expected`.
  public mutating func value<T>(
    _ key: String, _ expected: String, _ convert: (JSON) -> T?
  ) throws(ConfigurationError) -> T {
    guard let value = optional(key) else { throw missing(key, expected) }
    guard let converted = convert(value) else { throw fault(key, "expected \(expected)") }
    return converted
  }

  /// A key that must be there and is not: where one that nobody has asked for yet reads like it, that one and its
  /// line are named, since it is the likely typo.
  private func missing(_ key: String, _ expected: String) -> ConfigurationError {
    let reason = "missing; expected \(expected)"
    let unread = object.members.map(\.name).filter { !read.contains($0) }
    guard let near = unread.min(by: { editDistance($0, key) < editDistance($1, key) }),
      editDistance(near, key) <= 2
    else { return fault(key, reason) }
    let line = line(of: near)
    return ConfigurationError(
      path: file, line: line, reason: "\(fullName(key)): \(reason); is \(near) meant for it?")
  }

  /// Like `value`, `absent` where the key is not there.
  public mutating func value<T>(
    _ key: String, _ expected: String, default absent: T, _ convert: (JSON) -> T?
  ) throws(ConfigurationError) -> T {
    guard let value = optional(key) else { return absent }
    guard let converted = convert(value) else { throw fault(key, "expected \(expected)") }
    return converted
  }

  /// Text.
  public mutating func text(_ key: String) throws(ConfigurationError) -> String {
    try value(key, "text", \.string)
  }

  /// A path, resolved against the file's folder.
  public mutating func path(_ key: String) throws(ConfigurationError) -> String {
    Files.resolve(try value(key, "a path", \.string), in: folder)
  }

  /// A list of paths.
  public mutating func paths(_ key: String) throws(ConfigurationError) -> [String] {
    let folder = self.folder
    return try value(key, "a list of paths") { json in
      guard let array = json.array else { return nil }
      let texts = array.compactMap(\.string)
      return texts.count == array.count ? texts.map { Files.resolve($0, in: folder) } : nil
    }
  }

  /// A whole number.
  public mutating func integer(_ key: String, in range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
    try value(key, "a whole number from \(range.lowerBound) to \(range.upperBound)") { json in
      json.integer.flatMap { range.contains($0) ? $0 : nil }
    }
  }

  /// A nested object, read by `body`.
  public mutating func section<T>(
    _ key: String, _ body: (inout ConfigurationSection) throws(ConfigurationError) -> T
  ) throws(ConfigurationError) -> T {
    let object: JSONObject = try value(key, "an object", \.object)
    var inner = ConfigurationSection(object, keyPath: keyPath.isEmpty ? key : "\(keyPath).\(key)", of: self)
    let result = try body(&inner)
    try inner.finish()
    return result
  }

  /// A list of objects, each read by `body`.
  public mutating func sections<T>(
    _ key: String, _ body: (inout ConfigurationSection) throws(ConfigurationError) -> T
  ) throws(ConfigurationError) -> [T] {
    let array: [JSON] = try value(key, "a list of objects", \.array)
    var out: [T] = []
    for (position, element) in array.enumerated() {
      guard case .object(let object) = element else { throw fault(key, "expected objects in the list") }
      var inner = ConfigurationSection(object, keyPath: "\(key)[\(position)]", of: self)
      out.append(try body(&inner))
      try inner.finish()
    }
    return out
  }

  /// An error about a key that was read but cannot be used.
  public func unusable(_ key: String, _ reason: String) -> ConfigurationError { fault(key, reason) }
}
