/// Files of one run or one image, as an archive of a machine's initramfs (cpio, "newc") after those that were built.
enum CpioArchive {
  struct Entry {
    var path: String
    /// The permission bits of a regular file.
    var permissions: Int
    var content: [UInt8]
  }

  /// The archive of regular files, whose folders are there already.
  static func bytes(_ entries: [Entry]) -> [UInt8] {
    // The archives before it may end anywhere; the kernel passes over zeros, and begins at a multiple of four.
    var archive: [UInt8] = [0, 0, 0, 0]
    for entry in entries {
      append(entry.path, mode: 0o100000 | entry.permissions, entry.content, to: &archive)
    }
    append("TRAILER!!!", mode: 0, [], to: &archive)
    return archive
  }

  private static func append(_ name: String, mode: Int, _ content: [UInt8], to archive: inout [UInt8]) {
    // Inode, mode, owner, group, links, time, size, device and its minor, the same of a special file, name's size, check.
    let fields = [1, mode, 0, 0, 1, 0, content.count, 0, 0, 0, 0, name.utf8.count + 1, 0]
    archive += Array(("070701" + fields.map { hexadecimal($0) }.joined() + name).utf8) + [0]
    pad(&archive)
    archive += content
    pad(&archive)
  }

  private static func hexadecimal(_ value: Int) -> String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.utf8.count) + digits
  }

  private static func pad(_ archive: inout [UInt8]) {
    archive += [UInt8](repeating: 0, count: (4 - archive.count % 4) % 4)
  }
}
