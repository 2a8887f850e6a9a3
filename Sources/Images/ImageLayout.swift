import Archive
import Canonical
import Crypto

/// A piece of content by its digest (OCI image specification, "Content Descriptors").
public struct ContentDescriptor: Equatable, Sendable {
  public let mediaType: String
  /// `sha256:<hex>`; no other function is taken.
  public let digest: String
  public let size: Int

  var hex: String { String(digest.dropFirst(7)) }

  init(_ json: JSON?, _ what: String) throws(ImageError) {
    guard let mediaType = json?["mediaType"]?.string, let digest = json?["digest"]?.string,
      let size = json?["size"]?.integer, size >= 0
    else { throw .layout("\(what): expected mediaType, digest and size") }
    guard ContentDescriptor.isDigest(digest) else {
      throw .layout("\(what): expected a sha256 digest, found \(digest.prefix(80))")
    }
    (self.mediaType, self.digest, self.size) = (mediaType, digest, size)
  }

  /// Whether a text is `sha256:` and 64 hexadecimal characters.
  public static func isDigest(_ text: String) -> Bool {
    text.hasPrefix("sha256:") && Digest(hex: String(text.dropFirst(7))) != nil
  }
}

/// What a layer's tar archive is packed by.
enum LayerPacking: Equatable, Sendable {
  case none, gzip
  /// By a program of the host, once, when the image is added: see ``ImageLibrary/add(from:digest:origin:unpackingZstd:)``.
  case zstd
}

/// A layer and what it is to unpack to.
public struct ImageLayer: Equatable, Sendable {
  public let blob: ContentDescriptor
  /// Of the tar archive that the blob packs (`diff_ids`).
  public let diffID: String
  let packing: LayerPacking
}

/// An image's manifest with its layers, lowest first.
public struct ImageManifest: Equatable, Sendable {
  /// Of the manifest itself: what a policy bundle pins.
  public let digest: String
  public let size: Int
  public let kind: ImageKind
  public let configuration: ContentDescriptor
  public let layers: [ImageLayer]
}

/// A folder with an OCI image layout. Everything is read by its digest, and held against it.
public struct ImageLayout: Sendable {
  public let folder: String

  /// Bounds against layouts made to hurt.
  static let longestDocument = 4 << 20
  static let mostLayers = 128
  /// Most bytes of a layer, packed or unpacked.
  static let longestLayer = 4 << 30

  /// A layout; its `oci-layout` file is looked at.
  public init(_ folder: String) throws(ImageError) {
    self.folder = folder
    let marker = try ImageLayout.parse(
      try FolderFiles.read("\(folder)/oci-layout", limit: 4_096), "oci-layout")
    guard marker["imageLayoutVersion"]?.string == "1.0.0" else {
      throw .layout("oci-layout: expected imageLayoutVersion 1.0.0")
    }
  }

  static func parse(_ bytes: [UInt8], _ what: String) throws(ImageError) -> JSON {
    do {
      return try JSON.parse(bytes)
    } catch {
      throw .layout("\(what): \(error)")
    }
  }

  func path(_ descriptor: ContentDescriptor) -> String { "\(folder)/blobs/sha256/\(descriptor.hex)" }

  /// Where a library keeps the tar archives of layers that were unpacked by a program, by their own digests.
  static let unpackedFolder = "unpacked"
  func unpackedPath(_ layer: ImageLayer) -> String {
    "\(folder)/\(ImageLayout.unpackedFolder)/\(layer.diffID.dropFirst(7))"
  }

  /// The manifest that `digest` names. It need not be in the index: what is pinned counts, not who lists it.
  public func manifest(_ digest: String) throws(ImageError) -> ImageManifest {
    guard ContentDescriptor.isDigest(digest) else {
      throw .layout("expected a digest sha256:<64 hexadecimal characters>, found \(digest.prefix(80))")
    }
    let path = "\(folder)/blobs/sha256/\(digest.dropFirst(7))"
    guard FolderFiles.exists(path) else { throw .missing(digest) }
    let bytes = try FolderFiles.read(path, limit: ImageLayout.longestDocument)
    let found = "sha256:" + SHA256.hash(bytes).hex
    guard found == digest else { throw .digest("manifest", expected: digest, found: found) }
    let json = try ImageLayout.parse(bytes, "manifest")
    let configuration = try ContentDescriptor(json["config"], "config")
    guard let list = json["layers"]?.array, list.count <= ImageLayout.mostLayers else {
      throw .layout("manifest: expected an array of at most \(ImageLayout.mostLayers) layers")
    }
    if configuration.mediaType == WasmImage.configuration {
      return ImageManifest(
        digest: digest, size: bytes.count, kind: .wasm, configuration: configuration,
        layers: [try module(configuration, list)])
    }
    let diffIDs = try self.diffIDs(configuration)
    guard diffIDs.count == list.count else {
      throw .layout("the manifest has \(list.count) layers, its configuration \(diffIDs.count)")
    }
    var layers: [ImageLayer] = []
    for (number, item) in list.enumerated() {
      let blob = try ContentDescriptor(item, "layers[\(number)]")
      layers.append(
        ImageLayer(blob: blob, diffID: diffIDs[number], packing: try ImageLayout.packing(blob)))
    }
    return ImageManifest(
      digest: digest, size: bytes.count, kind: .container, configuration: configuration, layers: layers)
  }

  /// The one layer of a WebAssembly module's image, which is packed in nothing.
  private func module(_ configuration: ContentDescriptor, _ list: [JSON]) throws(ImageError) -> ImageLayer {
    let json = try ImageLayout.parse(try document(configuration, "config"), "config")
    guard json["architecture"]?.string == WasmImage.architecture, json["os"]?.string == WasmImage.system
    else {
      let found = [json["architecture"]?.string, json["os"]?.string].map { $0?.prefix(40) ?? "nothing" }
      throw .layout(
        "config: expected a module for \(WasmImage.architecture) and \(WasmImage.system), "
          + "found \(found.joined(separator: " and "))")
    }
    guard list.count == 1 else {
      throw .layout("manifest: expected the one layer of a WebAssembly module, found \(list.count)")
    }
    let blob = try ContentDescriptor(list[0], "layers[0]")
    guard blob.mediaType == WasmImage.layer else {
      throw .layout("layers[0]: expected \(WasmImage.layer), found \(blob.mediaType.prefix(80))")
    }
    // Older tools leave it out; what is there must be true.
    if let digests = json["layerDigests"] {
      guard digests.array?.compactMap(\.string) == [blob.digest] else {
        throw .layout("config: expected the digest of the manifest's layer in layerDigests")
      }
    }
    return ImageLayer(blob: blob, diffID: blob.digest, packing: .none)
  }

  /// A WebAssembly module's bytes, held against the digest of its layer and looked through.
  func module(_ layer: ImageLayer) throws(ImageError) -> [UInt8] {
    guard layer.blob.size <= WasmImage.longestModule else {
      throw .limit("bytes in a WebAssembly module", WasmImage.longestModule)
    }
    let bytes = try FolderFiles.read(path(layer.blob), limit: WasmImage.longestModule)
    let found = "sha256:" + SHA256.hash(bytes).hex
    guard found == layer.blob.digest else {
      throw .digest("module", expected: layer.blob.digest, found: found)
    }
    guard bytes.count == layer.blob.size else {
      throw .layout("module: expected \(layer.blob.size) bytes, found \(bytes.count)")
    }
    _ = try WasmModule(parsing: bytes)
    return bytes
  }

  /// The one image of a layout that has one for this machine, for who did not say which.
  public func onlyImage() throws(ImageError) -> String {
    let index = try ImageLayout.parse(
      try FolderFiles.read("\(folder)/index.json", limit: ImageLayout.longestDocument), "index.json")
    guard let list = index["manifests"]?.array else { throw .layout("index.json: expected manifests") }
    guard list.count == 1 else {
      let all = list.prefix(8).compactMap { $0["digest"]?.string }.joined(separator: ", ")
      throw .layout("\(list.count) images are listed; name one by its digest: \(all)")
    }
    let only = try ContentDescriptor(list[0], "manifests[0]")
    guard !only.mediaType.contains("index"), !only.mediaType.contains("manifest.list") else {
      throw .layout("an index of several machines is listed; name the manifest of this one by its digest")
    }
    return only.digest
  }

  private func diffIDs(_ configuration: ContentDescriptor) throws(ImageError) -> [String] {
    let json = try ImageLayout.parse(
      try document(configuration, "config"), "config")
    guard json["os"]?.string == "linux" else { throw .layout("config: expected an image for linux") }
    guard json["architecture"]?.string == ImageLayout.architecture else {
      throw .layout("config: expected an image for \(ImageLayout.architecture)")
    }
    guard let list = json["rootfs"]?["diff_ids"]?.array else { throw .layout("config: expected diff_ids") }
    var ids: [String] = []
    for item in list {
      guard let id = item.string, ContentDescriptor.isDigest(id) else {
        throw .layout("config: expected sha256 diff_ids")
      }
      ids.append(id)
    }
    return ids
  }

  /// A small blob, checked.
  private func document(_ descriptor: ContentDescriptor, _ what: String) throws(ImageError) -> [UInt8] {
    let bytes = try FolderFiles.read(path(descriptor), limit: ImageLayout.longestDocument)
    let found = "sha256:" + SHA256.hash(bytes).hex
    guard found == descriptor.digest else { throw .digest(what, expected: descriptor.digest, found: found) }
    guard bytes.count == descriptor.size else {
      throw .layout("\(what): expected \(descriptor.size) bytes, found \(bytes.count)")
    }
    return bytes
  }

  private static func packing(_ blob: ContentDescriptor) throws(ImageError) -> LayerPacking {
    switch blob.mediaType {
    case "application/vnd.oci.image.layer.v1.tar": .none
    case "application/vnd.oci.image.layer.v1.tar+gzip",
      "application/vnd.docker.image.rootfs.diff.tar.gzip":
      .gzip
    case "application/vnd.oci.image.layer.v1.tar+zstd": .zstd
    case WasmImage.layer:
      throw .layout("a layer is a WebAssembly module: expected a config of type \(WasmImage.configuration)")
    default:
      throw .layout("expected layers as tar, tar+gzip or tar+zstd, found \(blob.mediaType.prefix(80))")
    }
  }

  static var architecture: String {
    #if arch(arm64)
    "arm64"
    #else
    "amd64"
    #endif
  }
}
