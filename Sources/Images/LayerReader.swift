import Archive

/// The tar archive of one layer, packed or not.
enum LayerSource: ByteSource {
  case packed(GzipSource<HashedSource<FileSource>>)
  case plain(HashedSource<FileSource>)

  mutating func next() throws(ArchiveError) -> [UInt8]? {
    switch self {
    case .packed(var source):
      defer { self = .packed(source) }
      return try source.next()
    case .plain(var source):
      defer { self = .plain(source) }
      return try source.next()
    }
  }
}

extension ImageLayout {
  typealias LayerReader = TarReader<HashedSource<LayerSource>>

  /// Reads a layer's entries in order. That its bytes were those of its digests is known at the end, so nothing of it
  /// counts before this has returned.
  func read(
    _ layer: ImageLayer, _ take: (TarEntry, inout LayerReader) throws(ImageError) -> Void
  ) throws(ImageError) {
    let file = try FileSource(path(layer.blob))
    guard file.size == layer.blob.size else {
      throw .layout("layer \(layer.blob.digest): expected \(layer.blob.size) bytes, found \(file.size)")
    }
    let blob = HashedSource<FileSource>.Meter()
    let diff = HashedSource<LayerSource>.Meter()
    let hashed = HashedSource(file, blob, limit: ImageLayout.longestLayer)
    let source: LayerSource
    switch layer.packing {
    case .none: source = .plain(hashed)
    case .gzip: source = .packed(GzipSource(hashed, limit: ImageLayout.longestLayer))
    case .zstd:
      guard FolderFiles.exists(unpackedPath(layer)) else {
        throw .layout(
          "layer \(layer.blob.digest): it is packed by zstd, and not unpacked here: claw image add does that")
      }
      // What it is packed in still has to be what the manifest says.
      var packed = hashed
      try archive(layer) { () throws(ArchiveError) in while try packed.next() != nil {} }
      let unpacked = HashedSource<FileSource>.Meter()
      source = .plain(
        HashedSource(try FileSource(unpackedPath(layer)), unpacked, limit: ImageLayout.longestLayer))
    }
    var reader = LayerReader(
      HashedSource(source, diff, limit: ImageLayout.longestLayer),
      limits: LayerReader.Limits(bytes: ImageLayout.longestLayer))
    while let entry = try archive(layer, { () throws(ArchiveError) in try reader.next() }) {
      try take(entry, &reader)
    }
    try archive(layer) { () throws(ArchiveError) in try reader.drain() }
    try check("layer", blob.digest(), layer.blob.digest)
    try check("unpacked layer", diff.digest(), layer.diffID)
  }

  private func check(_ what: String, _ found: String, _ expected: String) throws(ImageError) {
    guard found == expected else { throw .digest(what, expected: expected, found: found) }
  }

  private func archive<T>(
    _ layer: ImageLayer, _ work: () throws(ArchiveError) -> T
  ) throws(ImageError) -> T {
    do {
      return try work()
    } catch {
      throw .archive("layer \(layer.blob.digest)", error)
    }
  }
}
