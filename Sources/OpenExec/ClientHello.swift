/// The first message of a TLS client (RFC 8446 §4.1.2), as far as a proxy reads it: which server it asks for.
///
/// A tunnel to a granted name on a shared front would reach every site behind that front; so the name in the clear
/// must be the granted one. Whoever encrypts it shows another name there, and is refused.
public enum ClientHello {
  public enum Reading: Equatable, Sendable {
    /// Not all of it is here.
    case incomplete
    /// The name, in lower case.
    case name(String)
    /// Not a client's hello, or one without a name; why.
    case none(String)
  }

  /// Most bytes of the first record.
  public static let maximumBytes = (16 << 10) + 5

  /// Reads what has come so far.
  public static func read(_ bytes: [UInt8]) -> Reading {
    guard let type = bytes.first else { return .incomplete }
    guard type == 22 else { return .none("the first record is no handshake") }
    guard bytes.count >= 5 else { return .incomplete }
    let length = Int(bytes[3]) << 8 | Int(bytes[4])
    guard bytes[1] == 3, (4...(16 << 10)).contains(length) else { return .none("no record of TLS") }
    guard bytes.count >= 5 + length else { return .incomplete }
    var reader = ByteReader(bytes[5..<5 + length])
    guard reader.number(1) == 1, let size = reader.number(3), let body = reader.take(size) else {
      return .none("expected a client's hello in one record")
    }
    guard let name = name(in: body) else { return .none("it names no server") }
    return .name(name)
  }

  private static func name(in body: ArraySlice<UInt8>) -> String? {
    var reader = ByteReader(body)
    guard reader.take(34) != nil, reader.vector(1) != nil, reader.vector(2) != nil, reader.vector(1) != nil,
      let extensions = reader.vector(2)
    else { return nil }
    var rest = ByteReader(extensions)
    var found: String?
    while let type = rest.number(2) {
      guard let content = rest.vector(2) else { return nil }
      guard type == 0 else { continue }
      var list = ByteReader(content)
      guard found == nil, let names = list.vector(2), list.isEmpty else { return nil }
      var entry = ByteReader(names)
      // RFC 6066 §3: one name of type host_name.
      guard entry.number(1) == 0, let name = entry.vector(2), entry.isEmpty else { return nil }
      guard name.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
      found = String(decoding: name, as: UTF8.self).lowercased()
    }
    return found
  }
}

/// Reads numbers and vectors with a length in front, never beyond the end.
private struct ByteReader {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  var isEmpty: Bool { rest.isEmpty }

  mutating func take(_ count: Int) -> ArraySlice<UInt8>? {
    guard count <= rest.count else { return nil }
    defer { rest.removeFirst(count) }
    return rest.prefix(count)
  }

  /// Big-endian.
  mutating func number(_ width: Int) -> Int? {
    take(width)?.reduce(0) { $0 << 8 | Int($1) }
  }

  mutating func vector(_ width: Int) -> ArraySlice<UInt8>? {
    number(width).flatMap { take($0) }
  }
}
