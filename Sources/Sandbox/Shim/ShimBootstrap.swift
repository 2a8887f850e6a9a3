import Canonical
import Wire

/// Where a shim listens, and in which version of the task service it speaks: what it prints at its start, in any of
/// the three forms that shims print.
struct ShimBootstrap: Equatable {
  var service: TaskService
  /// In the order in which they are to be tried.
  var addresses: [ShimAddress]

  /// Most bytes that are looked at.
  static let maximumCount = 16 << 10

  /// Reads what was printed: a protobuf `BootstrapResult`, JSON, or the bare address, in that order.
  init(printed bytes: [UInt8]) throws(ShimError) {
    guard bytes.count <= ShimBootstrap.maximumCount else {
      throw .bootstrap("printed more than \(ShimBootstrap.maximumCount) bytes")
    }
    if let result = try? BootstrapResult(decoding: bytes), result.isOne {
      try self.init(result)
    } else if let json = try? JSON.parse(bytes), let object = json.object {
      var result = BootstrapResult()
      result.version = Int32(clamping: object["version"]?.integer ?? 2)
      result.address = object["address"]?.string ?? ""
      result.transport = object["protocol"]?.string ?? "ttrpc"
      try self.init(result)
    } else {
      var result = BootstrapResult()
      (result.version, result.transport) = (2, "ttrpc")
      result.address = String(decoding: bytes, as: UTF8.self)
      try self.init(result)
    }
  }

  private init(_ result: BootstrapResult) throws(ShimError) {
    guard let service = TaskService(version: Int(result.version)) else {
      throw .bootstrap("expected version 2 or 3 of the task service, found \(result.version)")
    }
    guard result.transport == "ttrpc" else {
      throw .bootstrap("expected a shim that speaks ttrpc, found \(result.transport.prefix(32))")
    }
    self.service = service
    addresses = try ShimAddress.read(result.address)
  }
}

/// `containerd.runtime.bootstrap.v1.BootstrapResult`.
struct BootstrapResult: WireMessage {
  var version: Int32 = 0
  var address = ""
  var transport = ""

  /// Bytes of another form may happen to be a message; they are none that says all three.
  var isOne: Bool { version > 0 && !address.isEmpty && !transport.isEmpty }

  mutating func read(field: UInt32, from reader: inout ProtobufReader) throws(ProtobufError) {
    switch field {
    case 1: version = try reader.int32()
    case 2: address = try reader.string()
    case 3: transport = try reader.string()
    default: break
    }
  }

  func write(into writer: inout ProtobufWriter) {
    writer.int32(1, version)
    writer.string(2, address)
    writer.string(3, transport)
  }
}

/// The name of a Unix socket.
enum ShimAddress: Equatable, CustomStringConvertible {
  case path(String)
  /// Without the zero byte that begins it in the kernel; some builds end the name with one of their own.
  case abstract(String, trailingZero: Bool)

  /// Longest name, in bytes, as containerd has it.
  static let longest = 106

  /// Both spellings of an abstract name, or the one of a path.
  static func read(_ text: String) throws(ShimError) -> [ShimAddress] {
    let bytes = Array(text.utf8)
    let trimmed = String(
      decoding: bytes.reversed().drop { $0 == 0 || $0 == 0x0A || $0 == 0x0D || $0 == 0x20 }.reversed(),
      as: UTF8.self)
    let scheme = "unix://"
    let isPath = trimmed.hasPrefix(scheme)
    let name = isPath ? String(trimmed.dropFirst(scheme.count)) : trimmed
    guard name.hasPrefix("/"), (2...longest).contains(name.utf8.count),
      name.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
      !name.split(separator: "/").contains("..")
    else {
      throw .bootstrap(
        "expected unix:///PATH or /NAME of at most \(longest) bytes, found \"\(name.prefix(120))\"")
    }
    if isPath { return [.path(name)] }
    return [.abstract(name, trailingZero: false), .abstract(name, trailingZero: true)]
  }

  /// As the kernel takes it.
  var socketName: [UInt8] {
    switch self {
    case .path(let path): Array(path.utf8)
    case .abstract(let name, let trailingZero): [0] + Array(name.utf8) + (trailingZero ? [0] : [])
    }
  }

  var description: String {
    switch self {
    case .path(let path): path
    case .abstract(let name, let trailingZero): "@\(name)" + (trailingZero ? "@" : "")
    }
  }
}
