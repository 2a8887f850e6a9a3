import Canonical
import Crypto
import Glibc
import OpenExec

/// What machines boot, as `Deploy/images/build` wrote it: every file is checked against its digest when
/// it is first used, and what boots is a copy that only this program could have made.
public final class ImageStore {
  /// Longest file of a store, in bytes.
  public static let maximumImageBytes = 512 << 20

  struct File {
    var path: String
    /// `sha256:<hex>`.
    var digest: String
  }

  let kernel: File
  let guest: File
  let images: [File]
  /// Where what boots is kept; nobody else may write there.
  private let cache: String
  private var prepared: [String: String] = [:]

  /// Reads `folder`/manifest.json. `cache` is made anew.
  init(folder: String, cache: String) throws(SandboxError) {
    let bytes = try Folders.read("\(folder)/manifest.json", limit: 1 << 20)
    let manifest: JSON
    do {
      manifest = try JSON.parse(bytes)
    } catch {
      throw .manifest(error.description)
    }
    kernel = try ImageStore.file(manifest["kernel"], "kernel", in: folder)
    guest = try ImageStore.file(manifest["guest"], "guest", in: folder)
    guard let list = manifest["images"]?.array, list.count <= 256 else {
      throw .manifest("images: expected an array of at most 256")
    }
    var images: [File] = []
    for (number, image) in list.enumerated() {
      images.append(try ImageStore.file(image, "images[\(number)]", in: folder))
    }
    self.images = images
    self.cache = cache
    Folders.remove(cache)
    try Folders.makeAll(cache, mode: 0o700)
  }

  /// The guest's program alone, for tasks whose kernel is not ours to boot: `entry` of the manifest in `folder`.
  static func entryProgram(in folder: String) throws(SandboxError) -> [UInt8] {
    let bytes = try Folders.read("\(folder)/manifest.json", limit: 1 << 20)
    guard let manifest = try? JSON.parse(bytes) else { throw .manifest("\(folder)/manifest.json is no JSON") }
    return try verified(try file(manifest["entry"], "entry", in: folder))
  }

  /// The digest of that program.
  static func entryDigest(in folder: String) throws(SandboxError) -> String {
    let bytes = try Folders.read("\(folder)/manifest.json", limit: 1 << 20)
    return try file((try? JSON.parse(bytes))?["entry"], "entry", in: folder).digest
  }

  private static func file(
    _ value: JSON?, _ name: String, in folder: String
  ) throws(SandboxError) -> File {
    guard let file = value?["file"]?.string, !file.isEmpty, !file.utf8.contains(UInt8(ascii: "/")),
      let digest = value?["digest"]?.string, digest.hasPrefix("sha256:"),
      Digest(hex: String(digest.dropFirst(7))) != nil
    else { throw .manifest("\(name): expected a file's name and its digest") }
    return File(path: "\(folder)/\(file)", digest: digest)
  }

  /// Digests of the action images that are installed.
  public var digests: [String] { images.map(\.digest) }

  /// Why a file is not the one that its digest names; nil where each is. Reads all of them.
  var fault: String? {
    for file in [kernel, guest] + images {
      do throws(SandboxError) {
        _ = try ImageStore.verified(file)
      } catch {
        return error.description
      }
    }
    return nil
  }

  /// The path of the verified kernel.
  func preparedKernel() throws(SandboxError) -> String {
    if let path = prepared[kernel.digest] { return path }
    let bytes = try ImageStore.verified(kernel)
    return try keep([bytes], as: kernel.digest)
  }

  /// The path of the verified initramfs of an action: the guest's archive, then the action's. The kernel
  /// unpacks one after the other.
  func preparedInitramfs(action digest: String?) throws(SandboxError) -> String {
    let key = "\(guest.digest)+\(digest ?? "none")"
    if let path = prepared[key] { return path }
    var pieces = [try ImageStore.verified(guest)]
    if let digest {
      guard let image = images.first(where: { $0.digest == digest }) else {
        throw .imageMissing(digest)
      }
      pieces.append(try ImageStore.verified(image))
    }
    return try keep(pieces, as: key)
  }

  private static func verified(_ file: File) throws(SandboxError) -> [UInt8] {
    let bytes = try Folders.read(file.path, limit: ImageStore.maximumImageBytes)
    do {
      try PinnedImage.check(bytes, against: file.digest)
    } catch {
      throw .digest(path: file.path, expected: file.digest, found: error.found)
    }
    return bytes
  }

  private func keep(_ pieces: [[UInt8]], as key: String) throws(SandboxError) -> String {
    let path = "\(cache)/\(SHA256.hash(key).hex)"
    try Folders.create(path, pieces, mode: 0o444)
    prepared[key] = path
    return path
  }
}
