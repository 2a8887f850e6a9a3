import Archive
import Glibc

/// Writes an image's files as one folder.
///
/// The folder is new, and everything in it is made here: folders, then links, then files, each under a name that was not
/// there. No link is ever followed, so nothing an image says can reach outside. Owners are not taken over; of the modes
/// the bits that let others write or change their user are not.
public enum ImageUnpacking {
  /// An entry of a layer.
  private struct Place: Hashable {
    var layer: Int
    var entry: Int
  }

  private struct Writer {
    let layout: ImageLayout
    let folder: String
    /// The paths of each content; those after the first are further names of it.
    var places: [Place: [LayeredTree.Item]] = [:]

    func path(_ item: LayeredTree.Item) -> String { "\(folder)/\(item.path)" }

    mutating func write(_ tree: LayeredTree, _ manifest: ImageManifest) throws(ImageError) {
      try FolderFiles.makeFolder(folder)
      let items = tree.items
      for item in items {
        switch item.content {
        case .folder: try FolderFiles.makeFolder(path(item))
        case .symbolicLink(let target):
          guard symlink(target, path(item)) == 0 else { throw FolderFiles.failure(path(item)) }
        case .file(let source):
          places[Place(layer: source.layer, entry: source.entry), default: []].append(item)
        }
      }
      for (number, layer) in manifest.layers.enumerated() { try writeFiles(number, layer) }
      // Last, since a folder may forbid to write in it.
      for item in items.reversed() where item.content == .folder {
        guard chmod(path(item), mode_t(item.mode & 0o755)) == 0 else { throw FolderFiles.failure(path(item)) }
      }
    }

    private func writeFiles(_ number: Int, _ layer: ImageLayer) throws(ImageError) {
      var place = -1
      try layout.read(layer) { (entry, reader) throws(ImageError) in
        place += 1
        guard case .file = entry.kind, let items = places[Place(layer: number, entry: place)],
          let first = items.first
        else { return }
        let file = try FileSink(path(first), mode: mode_t(first.mode & 0o755))
        do {
          while let piece = try reader.content() { try file.write(piece) }
        } catch let error as ArchiveError {
          throw .archive(entry.path.description, error)
        } catch let error as ImageError {
          throw error
        } catch {
          throw .layout("\(error)")
        }
        for other in items.dropFirst() {
          guard link(path(first), path(other)) == 0 else { throw FolderFiles.failure(path(other)) }
        }
      }
    }
  }

  /// The files of an image without writing any: all layers read, checked and laid one upon the other.
  public static func tree(_ manifest: ImageManifest, of layout: ImageLayout) throws(ImageError) -> LayeredTree
  {
    var tree = LayeredTree()
    for layer in manifest.layers {
      tree.beginLayer()
      try layout.read(layer) { (entry, _) throws(ImageError) in
        do throws(ArchiveError) {
          try tree.take(entry)
        } catch {
          throw .archive("layer \(layer.blob.digest)", error)
        }
      }
    }
    return tree
  }

  /// Writes them to `folder`, which must not be there; where that fails nothing of it stays.
  public static func unpack(
    _ manifest: ImageManifest, of layout: ImageLayout, into folder: String
  ) throws(ImageError) {
    if manifest.kind == .wasm { return try writeModule(manifest, of: layout, into: folder) }
    let tree = try tree(manifest, of: layout)
    guard !FolderFiles.exists(folder) else { throw .layout("\(folder): expected nothing there") }
    var writer = Writer(layout: layout, folder: folder)
    do throws(ImageError) {
      try writer.write(tree, manifest)
    } catch {
      FolderFiles.remove(folder)
      throw error
    }
  }

  /// A folder with the module as its one file.
  private static func writeModule(
    _ manifest: ImageManifest, of layout: ImageLayout, into folder: String
  ) throws(ImageError) {
    let module = try layout.module(manifest.layers[0])
    guard !FolderFiles.exists(folder) else { throw .layout("\(folder): expected nothing there") }
    do throws(ImageError) {
      try FolderFiles.makeFolder(folder)
      try FolderFiles.create("\(folder)/\(WasmImage.fileName)", module)
    } catch {
      FolderFiles.remove(folder)
      throw error
    }
  }
}
