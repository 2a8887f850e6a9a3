import Archive
import Host
import Records

/// A policy bundle as one `.tar.gz`, as `opa build` writes it.
enum PolicyArchive {
  private static let mostPacked = 8 << 20
  private static let mostUnpacked = 16 << 20
  private static let mostEntries = 4096

  /// The files of an archive that `isWanted` takes, ascending by path. Links, devices and a path that comes twice are
  /// refused.
  static func files(of path: String, isWanted: (ArchivePath) -> Bool) throws -> [(path: String, text: String)]
  {
    let packed = try Files.read(path, limit: mostPacked)
    do {
      return try unpack(packed, isWanted: isWanted)
    } catch {
      throw Failure(.usage, "\(path): \(error)")
    }
  }

  private static func unpack(
    _ packed: [UInt8], isWanted: (ArchivePath) -> Bool
  ) throws(ArchiveError) -> [(path: String, text: String)] {
    var reader = TarReader(
      GzipSource(ByteArraySource(packed), limit: mostUnpacked),
      limits: .init(entries: mostEntries, bytes: mostUnpacked))
    var files: [(path: String, text: String)] = []
    while let entry = try reader.next() {
      let name = entry.path.description
      switch entry.kind {
      case .folder: continue
      case .symbolicLink, .hardLink, .device, .fifo:
        throw .kind(path: name, "expected files and folders alone in a bundle")
      case .file: break
      }
      guard isWanted(entry.path) else { continue }
      var bytes: [UInt8] = []
      while let piece = try reader.content() { bytes += piece }
      guard let text = String(validating: bytes, as: UTF8.self) else {
        throw .kind(path: name, "expected UTF-8 text")
      }
      guard !files.contains(where: { $0.path == name }) else { throw .path(name, "is there twice") }
      files.append((name, text))
    }
    // The checksum stands at the end.
    try reader.drain()
    return files.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
  }
}
