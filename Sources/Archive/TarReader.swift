/// One thing in a tar archive.
public struct TarEntry: Sendable, Equatable {
  /// What it is.
  public enum Kind: Sendable, Equatable {
    case file(size: Int)
    case folder
    /// As it stands there: relative or absolute, and not looked into.
    case symbolicLink(target: String)
    case hardLink(target: ArchivePath)
    case device
    case fifo
  }

  public let path: ArchivePath
  public let kind: Kind
  /// Permission bits with set-user, set-group and sticky: 0 to 0o7777.
  public let mode: UInt16
  public let user: UInt32
  public let group: UInt32
  /// Seconds since 1970.
  public let modified: Int64
  /// Names of the extended attributes that it brings; their values are not kept.
  public let attributes: [String]
}

/// Reads a tar archive entry by entry: ustar, pax, and GNU's long names and large numbers.
///
/// An archive ends with a block of zeros, or where its bytes do at the end of an entry. Files with holes, and entries that
/// continue from another volume, are refused.
public struct TarReader<Source: ByteSource> {
  /// Bounds against archives made to hurt.
  public struct Limits: Sendable {
    /// Entries.
    public var entries: Int
    /// Bytes of all files.
    public var bytes: Int
    /// Bytes of one extended header or long name.
    public var headerBytes: Int

    /// Limits.
    public init(entries: Int = 1_000_000, bytes: Int = 16 << 30, headerBytes: Int = 1 << 20) {
      self.entries = entries
      self.bytes = bytes
      self.headerBytes = headerBytes
    }
  }

  private var reader: ByteReader<Source>
  private let limits: Limits
  private var count = 0
  private var totalBytes = 0
  /// Of the entry at hand: content that is not read yet, and the blanks behind it.
  private var unread = 0
  private var padding = 0
  private var global = PaxRecords()
  private var isEnded = false

  /// The archive in `source`.
  public init(_ source: Source, limits: Limits = Limits()) {
    reader = ByteReader(source)
    self.limits = limits
  }

  /// The next entry; what is left of the one before is passed over. Nil at the end.
  public mutating func next() throws(ArchiveError) -> TarEntry? {
    guard !isEnded else { return nil }
    while try content() != nil {}
    var records = global
    while let header = try nextHeader() {
      switch header.kind {
      case UInt8(ascii: "x"): try records.take(try extended(header), entry: count)
      case UInt8(ascii: "g"):
        try global.take(try extended(header), entry: count)
        records = global
      case UInt8(ascii: "L"): records.path = Array(try extended(header).prefix { $0 != 0 })
      case UInt8(ascii: "K"): records.linkPath = Array(try extended(header).prefix { $0 != 0 })
      default: return try entry(header, records)
      }
    }
    isEnded = true
    return nil
  }

  /// The next piece of the entry's content, never empty; nil once there is no more.
  public mutating func content() throws(ArchiveError) -> [UInt8]? {
    guard unread > 0 else {
      if padding > 0 {
        _ = try reader.exactly(padding, of: "a file")
        padding = 0
      }
      return nil
    }
    guard let some = try reader.some(upTo: unread) else { throw .truncated("a file") }
    unread -= some.count
    return Array(some)
  }

  /// Reads on to the end of the source, so that what checks all of its bytes has seen them; what is there is no part of
  /// the archive.
  public mutating func drain() throws(ArchiveError) { while try reader.some(upTo: .max >> 1) != nil {} }

  private mutating func nextHeader() throws(ArchiveError) -> TarHeader? {
    guard let first = try reader.byte() else { return nil }
    let block = [first] + (try reader.exactly(TarHeader.size - 1, of: "a tar header"))
    guard block.contains(where: { $0 != 0 }) else { return nil }
    count += 1
    guard count <= limits.entries else { throw .limit("entries", limits.entries) }
    return try TarHeader(block, entry: count)
  }

  private mutating func extended(_ header: TarHeader) throws(ArchiveError) -> [UInt8] {
    guard header.length <= UInt64(limits.headerBytes) else {
      throw .limit("bytes in a header", limits.headerBytes)
    }
    let length = Int(header.length)
    let bytes = try reader.exactly(length, of: "an extended header")
    _ = try reader.exactly(Self.padding(length), of: "an extended header")
    return bytes
  }

  private static func padding(_ length: Int) -> Int {
    (TarHeader.size - length % TarHeader.size) % TarHeader.size
  }

  private mutating func entry(_ header: TarHeader, _ records: PaxRecords) throws(ArchiveError) -> TarEntry {
    let name = records.path ?? header.name
    let path = try ArchivePath(name)
    guard !records.isSparse, header.kind != UInt8(ascii: "S") else {
      throw .kind(path: path.description, "a file with holes; pack it without")
    }
    let linkName = records.linkPath ?? header.linkName
    let length = records.size ?? header.length
    guard length <= UInt64(limits.bytes - totalBytes) else { throw .limit("bytes of files", limits.bytes) }
    let kind = try kind(header, name: name, path: path, linkName: linkName, length: Int(length))
    if case .file(let size) = kind {
      totalBytes += size
      unread = size
      padding = Self.padding(size)
    }
    return TarEntry(
      path: path, kind: kind, mode: UInt16(header.mode & 0o7777),
      user: try owner(records.user ?? header.user, "user"),
      group: try owner(records.group ?? header.group, "group"),
      modified: records.modified ?? header.modified, attributes: records.attributes.map(\.name))
  }

  private func owner(_ id: UInt64, _ what: String) throws(ArchiveError) -> UInt32 {
    guard let id = UInt32(exactly: id), id < .max else { throw .tar(entry: count, "its \(what) is no id") }
    return id
  }

  private func kind(
    _ header: TarHeader, name: [UInt8], path: ArchivePath, linkName: [UInt8], length: Int
  ) throws(ArchiveError) -> TarEntry.Kind {
    switch header.kind {
    // Old archives name a folder as a file whose name ends with a slash.
    case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
      return name.last == UInt8(ascii: "/") ? .folder : .file(size: length)
    case UInt8(ascii: "1"): return .hardLink(target: try ArchivePath(linkName))
    case UInt8(ascii: "2"):
      guard let target = String(validating: linkName, as: UTF8.self), !target.isEmpty,
        linkName.count <= ArchivePath.longest
      else { throw .link(path: path.description, "a symbolic link to nothing, or to what is no path") }
      return .symbolicLink(target: target)
    case UInt8(ascii: "3"), UInt8(ascii: "4"): return .device
    case UInt8(ascii: "5"): return .folder
    case UInt8(ascii: "6"): return .fifo
    default:
      throw .kind(path: path.description, "an entry of kind \(header.kind), which is not known here")
    }
  }
}
