import Canonical
import Records

/// A call of a language model (RT-9): an outside execution whose length is bounded before it is made.
public enum ModelCall {
  /// Longest body in bytes.
  public static let maximumBytes = 256 << 10
  /// Bytes of text that make at least a token, in any language and model that is known.
  private static let bytesPerToken = 2

  /// What the usual interfaces call the longest answer.
  private static let limitNames = ["max_tokens", "max_completion_tokens", "max_output_tokens"]

  /// The most tokens that a call can take: what its body can be at most, and the longest answer that it asks for.
  static func tokens(_ body: [UInt8], secrets: [RunSecret]) throws(EgressRefusal) -> Int {
    guard let json = try? JSON.parse(body, limits: .interchange), case .object = json else {
      throw .modelCall("one object of JSON")
    }
    let limits = limitNames.compactMap { json[$0] }
    guard limits.count == 1, let longest = limits[0].integer, (1...10_000_000).contains(longest) else {
      throw .modelCall("one of \(limitNames.joined(separator: ", ")), a whole number")
    }
    // How many answers it asks for.
    let answers = json["n"].map { $0.integer ?? 0 } ?? 1
    guard (1...64).contains(answers) else { throw .modelCall("n from 1 to 64") }
    var redactor = Redactor(secrets)
    _ = redactor.pass(body)
    var scan = ContentScan()
    scan.pass(body)
    scan.finish()
    guard redactor.count == 0, !scan.findings.hasCredential else { throw .secretInPrompt }
    return body.count / bytesPerToken + 1 + answers * longest
  }
}

/// What a model's answer says that it took, in whatever pieces the answer comes: the greatest number under each of the
/// names that the usual interfaces have, since a streamed answer counts up.
public struct ModelUsage: Sendable {
  private static let read = ["input_tokens", "prompt_tokens"]
  private static let written = ["output_tokens", "completion_tokens"]

  private var readTokens = 0
  private var writtenTokens = 0
  /// The text in quotes that is under way, or has just ended; longer ones are none of the names.
  private var name: [UInt8] = []
  private var isQuoted = false
  private var isEscaped = false
  /// After a name and its colon: the number so far.
  private var number: Int?
  private var awaitsNumber = false

  /// Nothing read.
  public init() {}

  /// Tokens; nil where the answer said nothing of them.
  public var tokens: Int? {
    readTokens + writtenTokens > 0 ? readTokens + writtenTokens : nil
  }

  /// Takes the next bytes.
  public mutating func pass(_ bytes: [UInt8]) {
    for byte in bytes { take(byte) }
  }

  private mutating func take(_ byte: UInt8) {
    if isQuoted {
      if byte == UInt8(ascii: "\""), !isEscaped {
        isQuoted = false
      } else if name.count <= 32 {
        name.append(byte)
      }
      isEscaped = byte == UInt8(ascii: "\\") && !isEscaped
      return
    }
    if awaitsNumber, (0x30...0x39).contains(byte) {
      number = min((number ?? 0) * 10 + Int(byte - 0x30), 1 << 40)
      return
    }
    if let number { note(number) }
    number = nil
    switch byte {
    case UInt8(ascii: "\""):
      isQuoted = true
      awaitsNumber = false
      name.removeAll(keepingCapacity: true)
    case UInt8(ascii: ":"): awaitsNumber = true
    case 0x20, 0x09, 0x0A, 0x0D: break
    default: awaitsNumber = false
    }
  }

  private mutating func note(_ number: Int) {
    awaitsNumber = false
    let name = String(decoding: name, as: UTF8.self)
    if Self.read.contains(name) { readTokens = max(readTokens, number) }
    if Self.written.contains(name) { writtenTokens = max(writtenTokens, number) }
  }
}
