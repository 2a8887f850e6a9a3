/// WebAssembly modules made of single bytes (core specification 1.0, §5), since no toolchain here builds any.
public enum WasmBytes {
  /// Copies its standard input to its standard output and ends with status 0.
  public static var echo: [UInt8] {
    // The memory: an iovec at 0 and one at 16, the count of bytes at 8, the bytes at 4096.
    let buffer: [UInt8] = [0x80, 0x20]  // 4096
    let body: [UInt8] =
      [0x03, 0x40]  // loop
      + store(at: 0, [0x41] + buffer) + store(at: 4, [0x41, 0xC0, 0x00])  // 64 bytes at 4096
      + [0x41, 0, 0x41, 0, 0x41, 1, 0x41, 8, 0x10, 0, 0x1A]  // drop fd_read(0, iovec 0, one, count at 8)
      + [0x41, 8, 0x28, 2, 0, 0x45]  // is the count 0?
      + [0x04, 0x40, 0x41, 0, 0x10, 2, 0x0B]  // if so proc_exit(0)
      + store(at: 16, [0x41] + buffer) + store(at: 20, [0x41, 8, 0x28, 2, 0])  // as many bytes at 4096
      + [0x41, 1, 0x41, 16, 0x41, 1, 0x41, 8, 0x10, 1, 0x1A]  // drop fd_write(1, iovec 16, one, count at 8)
      + [0x0C, 0, 0x0B]  // again
    return module(
      imports: [(wasi, "fd_read", 0), (wasi, "fd_write", 0), (wasi, "proc_exit", 1)], body: body)
  }

  /// Copies the first 4,096 bytes of a file of one of its two folders to its standard output and ends with status 0; with the
  /// errno of WASI where it cannot be opened.
  public static func reader(of name: String) -> [UInt8] {
    // The memory: an iovec at 0, the count of bytes at 8, the descriptor at 24, the name at 64, the bytes at 4096.
    let buffer: [UInt8] = [0x80, 0x20]  // 4096
    let rights: [UInt8] = [0x42, 2]  // i64: fd_read
    // path_open(folder, no flags, the name, …, descriptor at 24); its errno stays.
    func open(_ folder: UInt8) -> [UInt8] {
      [0x41, folder, 0x41, 0, 0x41, 0xC0, 0x00, 0x41] + signed(name.utf8.count) + [0x41, 0] + rights + rights
        + [0x41, 0, 0x41, 24, 0x10, 3]
    }
    // In which order an interpreter numbers its folders is its own affair: 3, and where that fails 4, else proc_exit(errno).
    let opening: [UInt8] =
      open(3) + [0x22, 0, 0x04, 0x40] + open(4) + [0x22, 0, 0x04, 0x40, 0x20, 0, 0x10, 2, 0x0B, 0x0B]
    let reading: [UInt8] =
      store(at: 0, [0x41] + buffer) + store(at: 4, [0x41] + buffer)  // 4096 bytes at 4096
      + [0x41, 24, 0x28, 2, 0, 0x41, 0, 0x41, 1, 0x41, 8, 0x10, 0, 0x1A]  // drop fd_read(descriptor, …)
      + store(at: 4, [0x41, 8, 0x28, 2, 0])  // as many as were read
    let writing: [UInt8] =
      [0x41, 1, 0x41, 0, 0x41, 1, 0x41, 8, 0x10, 1, 0x1A]  // drop fd_write(1, …)
      + [0x41, 0, 0x10, 2]  // proc_exit(0)
    return module(
      imports: [(wasi, "fd_read", 0), (wasi, "fd_write", 0), (wasi, "proc_exit", 1), (wasi, "path_open", 3)],
      locals: 1, body: opening + reading + writing, data: (64, Array(name.utf8)))
  }

  /// Meets `unreachable`.
  public static var trap: [UInt8] { module(imports: [], body: [0x00]) }

  /// Goes round for ever.
  public static var loop: [UInt8] { module(imports: [], body: [0x03, 0x40, 0x0C, 0, 0x0B]) }

  /// Asks for 16 MiB more until it gets none, and then for nothing any more: an interpreter that gave it all ends it.
  public static var hog: [UInt8] {
    module(
      imports: [],
      body: [0x03, 0x40, 0x41, 0x80, 0x02, 0x40, 0]  // loop: memory.grow(256 pages)
        + [0x41, 0x7F, 0x46]  // was it −1?
        + [0x04, 0x40, 0x00, 0x0B, 0x0C, 0, 0x0B])  // if so unreachable, else again
  }

  /// Calls a function that is not WASI's.
  public static var stranger: [UInt8] { module(imports: [("env", "launch", 2)], body: [0x10, 0]) }

  /// Exports no `_start`.
  public static var library: [UInt8] { module(imports: [], body: [], start: "start") }

  public static let wasi = "wasi_snapshot_preview1"

  /// A module with one function of its own, exported as `start`, and one page of memory. Types by number: 0 is
  /// (i32, i32, i32, i32) → i32, 1 is (i32) → (), 2 is () → (), 3 is that of `path_open`.
  public static func module(
    imports: [(from: String, name: String, type: UInt8)], locals: UInt8 = 0, body: [UInt8],
    start: String = "_start", data: (address: Int, bytes: [UInt8])? = nil
  ) -> [UInt8] {
    let own = UInt8(imports.count)
    let code: [UInt8] = (locals == 0 ? [0] : [1, locals, 0x7F]) + body + [0x0B]  // locals, the body, end
    let opening: [UInt8] = [0x60, 9, 0x7F, 0x7F, 0x7F, 0x7F, 0x7F, 0x7E, 0x7E, 0x7F, 0x7F, 1, 0x7F]
    let contents = data.map { data in
      section(11, [[0, 0x41] + signed(data.address) + [0x0B] + number(data.bytes.count) + data.bytes])
    }
    return [0x00, 0x61, 0x73, 0x6D, 1, 0, 0, 0]
      + section(
        1, [[0x60, 4, 0x7F, 0x7F, 0x7F, 0x7F, 1, 0x7F], [0x60, 1, 0x7F, 0], [0x60, 0, 0], opening])
      + section(2, imports.map { text($0.from) + text($0.name) + [0, $0.type] })
      + section(3, [[2]])  // the function of its own has type 2
      + section(5, [[0, 1]])  // one page, no most
      + section(7, [text("memory") + [2, 0], text(start) + [0, own]])
      + section(10, [number(code.count) + code]) + (contents ?? [])
  }

  /// i32.store at a constant address.
  private static func store(at address: UInt8, _ value: [UInt8]) -> [UInt8] {
    [0x41, address] + value + [0x36, 2, 0]
  }

  private static func section(_ id: UInt8, _ items: [[UInt8]]) -> [UInt8] {
    let content = number(items.count) + items.flatMap { $0 }
    return [id] + number(content.count) + content
  }

  private static func text(_ text: String) -> [UInt8] { number(text.utf8.count) + Array(text.utf8) }

  /// Unsigned LEB128.
  private static func number(_ value: Int) -> [UInt8] {
    value < 0x80 ? [UInt8(value)] : [UInt8(value & 0x7F) | 0x80] + number(value >> 7)
  }

  /// Signed LEB128 of what is not negative.
  private static func signed(_ value: Int) -> [UInt8] {
    value < 0x40 ? [UInt8(value)] : [UInt8(value & 0x7F) | 0x80] + signed(value >> 7)
  }

  /// The bytes in hexadecimal, as Tests/tools/oci-layout takes them.
  public static func hex(_ bytes: [UInt8]) -> String {
    bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}
