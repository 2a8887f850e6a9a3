/// What a machine whose time is counted is to run, as one more archive of its initramfs (cpio, "newc"): arriving over the
/// channel it would come at another instruction in each run.
enum RequestArchive {
  /// Where the guest looks for it.
  static let path = "request"

  /// The archive of a request's frame.
  static func bytes(_ request: [UInt8]) -> [UInt8] {
    // The archives before it may end anywhere; the kernel passes over zeros, and begins at a multiple of four.
    [0, 0, 0, 0] + entry(path, mode: 0o100400, request) + entry("TRAILER!!!", mode: 0, [])
  }

  private static func entry(_ name: String, mode: Int, _ content: [UInt8]) -> [UInt8] {
    // Inode, mode, owner, group, links, time, size, device and its minor, the same of a special file, name's size, check.
    let fields = [1, mode, 0, 0, 1, 0, content.count, 0, 0, 0, 0, name.utf8.count + 1, 0]
    let header = "070701" + fields.map { hexadecimal($0) }.joined()
    return padded(Array((header + name).utf8) + [0]) + padded(content)
  }

  private static func hexadecimal(_ value: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }

  private static func padded(_ bytes: [UInt8]) -> [UInt8] {
    bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
  }
}
