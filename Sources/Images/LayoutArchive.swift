import Archive

/// A tar archive of an image layout, unpacked to a folder: `oci-layout`, `index.json` and the blobs, and nothing else of
/// what it may hold. What the files say is checked by who reads the layout.
enum LayoutArchive {
  static func unpack(_ path: String, into folder: String) throws(ImageError) {
    for path in [folder, "\(folder)/blobs", "\(folder)/blobs/sha256"] { try FolderFiles.makeFolder(path) }
    let file = try FileSource(path)
    guard file.size <= ImageLayout.longestLayer else {
      throw .limit("bytes in \(path)", ImageLayout.longestLayer)
    }
    var reader = TarReader(
      file, limits: TarReader<FileSource>.Limits(entries: 4_096, bytes: ImageLayout.longestLayer))
    do {
      while let entry = try reader.next() {
        guard case .file = entry.kind, let name = wanted(entry.path) else { continue }
        let sink = try FileSink("\(folder)/\(name)", mode: 0o600)
        while let piece = try reader.content() { try sink.write(piece) }
      }
    } catch let error as ArchiveError {
      throw .archive(path, error)
    } catch let error as ImageError {
      throw error
    } catch {
      throw .layout("\(error)")
    }
  }

  private static func wanted(_ path: ArchivePath) -> String? {
    let parts = path.components
    if parts == ["oci-layout"] || parts == ["index.json"] { return parts[0] }
    guard parts.count == 3, parts[0] == "blobs", parts[1] == "sha256",
      ContentDescriptor.isDigest("sha256:" + parts[2])
    else { return nil }
    return parts.joined(separator: "/")
  }
}
