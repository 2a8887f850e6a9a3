import Canonical
import Glibc

/// Whole-buffer input and output.
enum StandardStreams {
  /// Longest standard input, in bytes.
  static let maximumInput = 2 << 20

  /// The JSON on standard input.
  static func readDocument() throws(ActionFailure) -> JSON {
    let input = try readAll(0, limit: maximumInput)
    do {
      return try JSON.parse(input)
    } catch {
      throw .parameters(error.description)
    }
  }

  /// Everything up to the end.
  static func readAll(_ descriptor: Int32, limit: Int) throws(ActionFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let count = read(descriptor, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .stream("read", errno) }
      if count == 0 { return bytes }
      guard bytes.count + count <= limit else {
        throw .parameters("expected at most \(limit) bytes")
      }
      bytes.append(contentsOf: piece[..<count])
    }
  }

  static func write(_ bytes: [UInt8]) throws(ActionFailure) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { buffer in
        Glibc.write(1, buffer.baseAddress.map { $0 + sent }, buffer.count - sent)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .stream("write standard output", errno) }
      sent += count
    }
  }

  static func complain(_ text: String) {
    let bytes = Array("\(text)\n".utf8)
    _ = Glibc.write(2, bytes, bytes.count)
  }
}

extension JSON {
  /// The member that must be a text.
  func text(_ name: String) throws(ActionFailure) -> String {
    guard let value = self[name]?.string else { throw .parameters("\(name): expected a text") }
    return value
  }
}
