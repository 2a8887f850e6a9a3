/// A WebAssembly module as far as it is looked at before it is taken: its sections fit into each other, it begins
/// with `_start`, and it imports functions of WASI preview 1 alone. Nothing of its code is checked; what runs it does
/// that (WebAssembly core specification 1.0, §5 "Binary Format").
///
/// So that an image that cannot run is refused with a reason when it is added, and not after a machine was booted.
public struct WasmModule: Equatable, Sendable {
  /// Names of the functions of WASI that it imports, in its order.
  public let imports: [String]

  /// Where WASI preview 1 has its functions.
  static let interface = "wasi_snapshot_preview1"
  /// Most imports, and longest name in bytes.
  static let mostNames = 100_000
  static let longestName = 1_024

  /// Reads a module; throws `ImageError.module` with what was expected.
  public init(parsing bytes: [UInt8]) throws(ImageError) {
    var reader = Reader(bytes[...])
    guard bytes.count >= 8, bytes[..<4].elementsEqual([0x00, 0x61, 0x73, 0x6D]) else {
      throw .module("expected one that begins with 00 61 73 6d, found \(WasmModule.beginning(of: bytes))")
    }
    guard bytes[4..<8].elementsEqual([0x01, 0x00, 0x00, 0x00]) else {
      // A component has version 13 and layer 1 in the same place.
      throw .module(
        bytes[6] == 1
          ? "expected a core module, found a component: build for wasm32-wasip1"
          : "expected version 1 of the format")
    }
    reader.skip(8)
    var imports: [String] = []
    var isCommand = false
    while !reader.isAtEnd {
      let kind = try reader.byte()
      var section = try reader.part(Int(try reader.number()))
      switch kind {
      case 2: imports += try WasmModule.imports(&section)
      case 7: isCommand = try WasmModule.hasStart(&section) || isCommand
      default: break
      }
    }
    guard isCommand else {
      throw .module("expected a command, which exports the function _start; a library has nothing to run")
    }
    self.imports = imports
  }

  /// Throws at the first import that is no function of WASI; of other kinds no more needs to be read.
  private static func imports(_ section: inout Reader) throws(ImageError) -> [String] {
    let count = try section.count()
    var names: [String] = []
    for _ in 0..<count {
      let (from, name) = (try section.name(), try section.name())
      guard try section.byte() == 0 else {
        throw .module("imports \(from).\(name), which is no function: nothing is linked with it")
      }
      guard from == interface, functions.contains(name) else {
        throw .module("imports \(from).\(name): expected functions of \(interface) alone")
      }
      _ = try section.number()
      names.append(name)
    }
    return names
  }

  private static func hasStart(_ section: inout Reader) throws(ImageError) -> Bool {
    for _ in 0..<(try section.count()) {
      let (name, kind) = (try section.name(), try section.byte())
      _ = try section.number()
      if name == "_start", kind == 0 { return true }
    }
    return false
  }

  private static func beginning(of bytes: [UInt8]) -> String {
    guard !bytes.isEmpty else { return "nothing" }
    return bytes.prefix(4).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: " ")
  }

  /// What WASI preview 1 has (snapshot `wasi_snapshot_preview1`, with `sock_accept`).
  private static let functions: Set<String> = [
    "args_get", "args_sizes_get", "clock_res_get", "clock_time_get", "environ_get", "environ_sizes_get",
    "fd_advise", "fd_allocate", "fd_close", "fd_datasync", "fd_fdstat_get", "fd_fdstat_set_flags",
    "fd_fdstat_set_rights", "fd_filestat_get", "fd_filestat_set_size", "fd_filestat_set_times", "fd_pread",
    "fd_prestat_dir_name", "fd_prestat_get", "fd_pwrite", "fd_read", "fd_readdir", "fd_renumber", "fd_seek",
    "fd_sync", "fd_tell", "fd_write", "path_create_directory", "path_filestat_get",
    "path_filestat_set_times", "path_link", "path_open", "path_readlink", "path_remove_directory",
    "path_rename", "path_symlink", "path_unlink_file", "poll_oneoff", "proc_exit", "proc_raise",
    "random_get", "sched_yield", "sock_accept", "sock_recv", "sock_send", "sock_shutdown",
  ]

  /// The bytes that are still to be read.
  private struct Reader {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ count: Int) { rest = rest.dropFirst(count) }

    mutating func byte() throws(ImageError) -> UInt8 {
      guard let byte = rest.popFirst() else { throw .module("ends in the middle of a section") }
      return byte
    }

    /// Unsigned LEB128 of at most 32 bits.
    mutating func number() throws(ImageError) -> UInt32 {
      var value: UInt64 = 0
      for shift in stride(from: 0, to: 35, by: 7) {
        let byte = try byte()
        value |= UInt64(byte & 0x7F) << UInt64(shift)
        guard byte & 0x80 != 0 else {
          guard value <= UInt64(UInt32.max) else { break }
          return UInt32(value)
        }
      }
      throw .module("expected a number of at most 32 bits")
    }

    mutating func part(_ count: Int) throws(ImageError) -> Reader {
      guard count <= rest.count else { throw .module("ends in the middle of a section") }
      let part = Reader(rest.prefix(count))
      skip(count)
      return part
    }

    /// Of a vector; each of its items takes bytes.
    mutating func count() throws(ImageError) -> Int {
      let count = Int(try number())
      guard count <= WasmModule.mostNames else { throw .limit("imports or exports", WasmModule.mostNames) }
      return count
    }

    mutating func name() throws(ImageError) -> String {
      let count = Int(try number())
      guard count <= WasmModule.longestName else {
        throw .limit("bytes in a name of a module", WasmModule.longestName)
      }
      guard let name = String(validating: try part(count).rest, as: UTF8.self) else {
        throw .module("expected names in UTF-8")
      }
      return name
    }
  }
}
