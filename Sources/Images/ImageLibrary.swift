import Archive
import Canonical
import Crypto
import Glibc

/// The OCI images of an executor: a folder with one folder an image, named by its manifest's digest, each an image layout
/// of its own with the image's provenance beside it.
public struct ImageLibrary: Sendable {
  public let folder: String

  /// An image that is here.
  public struct Entry: Equatable, Sendable {
    public let digest: String
    public let kind: ImageKind
    public let provenance: Provenance
    /// Bytes of all layers as they are kept.
    public let size: Int
  }

  /// Unpacks a file, whose digest was checked, piece by piece; not more bytes than the limit.
  public typealias Unpacking = (
    _ packed: String, _ limit: Int, _ take: ([UInt8]) throws(ImageError) -> Void
  ) throws(ImageError) -> Void

  /// Most images.
  public static let most = 256
  private static let provenanceFile = "provenance.json"

  /// A library; the folder need not be there before something is added.
  public init(_ folder: String) { self.folder = folder }

  private func place(_ digest: String) -> String { "\(folder)/\(digest.dropFirst(7))" }

  // MARK: Adding

  /// Takes an image in from a layout folder or from a tar archive of one. Every byte is checked on its way; an image
  /// that is here already is checked again, and keeps its provenance.
  ///
  /// - Parameters:
  ///   - digest: the manifest's; nil for the only one that a layout lists.
  ///   - unpackingZstd: gives what a file unpacks to, at most so many bytes; nil where layers packed by zstd are not taken.
  public func add(
    from path: String, digest: String?, origin: Provenance.Origin, unpackingZstd: Unpacking? = nil
  ) throws(ImageError) -> Entry {
    try FolderFiles.makeFolders(folder)
    guard try names().count < ImageLibrary.most else { throw .limit("images", ImageLibrary.most) }
    let work = "\(folder)/.new-\(getpid())"
    FolderFiles.remove(work)
    try FolderFiles.makeFolder(work, mode: 0o700)
    defer { FolderFiles.remove(work) }
    var source = path
    if !FolderFiles.isFolder(path) {
      source = "\(work)/archive"
      try LayoutArchive.unpack(path, into: source)
    }
    let given = try ImageLayout(source)
    let wanted: String
    if let digest { wanted = digest } else { wanted = try given.onlyImage() }
    let manifest = try given.manifest(wanted)
    if FolderFiles.exists(place(manifest.digest)) { return try verify(manifest.digest) }
    let kept = "\(work)/kept"
    try copy(manifest, from: given, to: kept)
    let layout = try ImageLayout(kept)
    try unpackZstd(manifest, in: layout, by: unpackingZstd)
    let files = "\(work)/files"
    try ImageUnpacking.unpack(try layout.manifest(manifest.digest), of: layout, into: files)
    let provenance = try Provenance(manifest, tree: try TreeDigest.of(files), origin: origin)
    try FolderFiles.create("\(kept)/\(ImageLibrary.provenanceFile)", provenance.bytes)
    sync()
    guard rename(kept, place(manifest.digest)) == 0 else { throw FolderFiles.failure(place(manifest.digest)) }
    return try entry(manifest.digest)
  }

  private func copy(_ manifest: ImageManifest, from given: ImageLayout, to kept: String) throws(ImageError) {
    for folder in [kept, "\(kept)/blobs", "\(kept)/blobs/sha256"] { try FolderFiles.makeFolder(folder) }
    try FolderFiles.create("\(kept)/oci-layout", Array(#"{"imageLayoutVersion":"1.0.0"}"#.utf8))
    let entry: JSON = [
      "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": .string(manifest.digest),
      "size": .integer(manifest.size),
    ]
    let index: JSON = ["schemaVersion": 2, "manifests": [entry]]
    try FolderFiles.create("\(kept)/index.json", index.canonicalBytes())
    let blobs = Set([manifest.digest, manifest.configuration.digest] + manifest.layers.map(\.blob.digest))
    for digest in blobs.sorted() {
      let name = "blobs/sha256/\(digest.dropFirst(7))"
      try copyFile("\(given.folder)/\(name)", to: "\(kept)/\(name)", digest: digest)
    }
  }

  /// Unpacks the layers that are packed by zstd, once: what comes of them is held against their digests each time that
  /// the image is read.
  private func unpackZstd(
    _ manifest: ImageManifest, in layout: ImageLayout, by unpack: Unpacking?
  ) throws(ImageError) {
    let layers = manifest.layers.filter { $0.packing == .zstd }
    guard !layers.isEmpty else { return }
    guard let unpack else { throw .layout("a layer is packed by zstd, which is not taken here") }
    try FolderFiles.makeFolder("\(layout.folder)/\(ImageLayout.unpackedFolder)")
    for layer in layers where !FolderFiles.exists(layout.unpackedPath(layer)) {
      let sink = try FileSink(layout.unpackedPath(layer), mode: 0o644)
      try unpack(layout.path(layer.blob), ImageLayout.longestLayer) { (piece) throws(ImageError) in
        try sink.write(piece)
      }
      try sink.sync()
    }
  }

  private func copyFile(_ from: String, to path: String, digest: String) throws(ImageError) {
    var source = try FileSource(from)
    guard source.size <= ImageLayout.longestLayer else {
      throw .limit("bytes in \(from)", ImageLayout.longestLayer)
    }
    let sink = try FileSink(path, mode: 0o644)
    var hash = SHA256()
    while true {
      let piece: [UInt8]?
      do {
        piece = try source.next()
      } catch {
        throw .archive(from, error)
      }
      guard let piece else { break }
      hash.update(piece)
      try sink.write(piece)
    }
    try sink.sync()
    let found = "sha256:" + hash.finalize().hex
    guard found == digest else { throw .digest(from, expected: digest, found: found) }
  }

  // MARK: What is here

  private func names() throws(ImageError) -> [String] {
    guard FolderFiles.exists(folder) else { return [] }
    return try FolderFiles.names(folder).filter { Digest(hex: $0) != nil }
  }

  /// All images, by digest. Provenance is read, contents are not.
  public func list() throws(ImageError) -> [Entry] {
    var entries: [Entry] = []
    for name in try names() { entries.append(try entry("sha256:" + name)) }
    return entries
  }

  /// What the images that are here are made of, by digest; those that cannot be read are left out. Neither provenance
  /// nor contents are read.
  public func kinds() -> [(digest: String, kind: ImageKind)] {
    ((try? names()) ?? []).compactMap { name in
      (try? kind(of: "sha256:" + name)).map { ("sha256:" + name, $0) }
    }
  }

  /// What an image is made of.
  public func kind(of digest: String) throws(ImageError) -> ImageKind {
    guard ContentDescriptor.isDigest(digest), FolderFiles.exists(place(digest)) else {
      throw .missing(digest)
    }
    return try ImageLayout(place(digest)).manifest(digest).kind
  }

  private func entry(_ digest: String) throws(ImageError) -> Entry {
    let path = "\(place(digest))/\(ImageLibrary.provenanceFile)"
    guard FolderFiles.exists(place(digest)) else { throw .missing(digest) }
    let provenance = try Provenance(parsing: try FolderFiles.read(path, limit: ImageLayout.longestDocument))
    guard provenance.image == digest else {
      throw .provenance("\(path): expected that of \(digest), found that of \(provenance.image)")
    }
    let manifest = try ImageLayout(place(digest)).manifest(digest)
    return Entry(
      digest: digest, kind: manifest.kind, provenance: provenance,
      size: manifest.layers.reduce(0) { $0 + $1.blob.size })
  }

  /// Writes an image's files to `into`, which must not be there, and holds them against its provenance.
  public func load(_ digest: String, into target: String) throws(ImageError) -> Entry {
    guard ContentDescriptor.isDigest(digest) else { throw .missing(digest) }
    let entry = try entry(digest)
    let layout = try ImageLayout(place(digest))
    let manifest = try layout.manifest(digest)
    try ImageUnpacking.unpack(manifest, of: layout, into: target)
    do throws(ImageError) {
      try entry.provenance.check(manifest, tree: try TreeDigest.of(target))
    } catch {
      FolderFiles.remove(target)
      throw error
    }
    return entry
  }

  /// Checks every byte of an image, and that its files are what they were when it was added.
  public func verify(_ digest: String) throws(ImageError) -> Entry {
    let work = "\(folder)/.check-\(getpid())"
    FolderFiles.remove(work)
    defer { FolderFiles.remove(work) }
    return try load(digest, into: work)
  }
}
