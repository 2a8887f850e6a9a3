import Canonical
import Crypto
import Glibc
import Images
import OpenExec
import Records
import Synchronization

/// What machines boot, as `Deploy/images/build` wrote it: every file is checked against its digest when
/// it is first used, and what boots is a copy that only this program could have made. Reading and hashing takes as long
/// as an image is large, on whichever thread asks for it.
public final class ImageStore: Sendable {
  /// Longest file of a store, in bytes.
  public static let maximumImageBytes = 512 << 20

  struct File: Sendable {
    var path: String
    /// `sha256:<hex>`.
    var digest: String
  }

  /// What a machine boots, ready to be given to it.
  struct Initramfs: Sendable {
    var path: String
    var size: Int
    /// SHA-256 over the whole of it.
    var contentHash: Digest
    /// What runs the action, where that is a WebAssembly module.
    var runtime: File?
    /// Bytes of that.
    var runtimeSize = 0
    /// Of the document that says where the action's image came from.
    var provenance: Digest?
  }

  let kernel: File
  let guest: File
  let images: [File]
  /// Where each action's image came from, by its digest, or why that is not to be believed; nothing of those that say nothing.
  private let provenances: [String: Result<MachineProvenance, SandboxError>]
  /// Why an action's image has no statement that is signed as this executor demands it, by its digest.
  private let unsigned: [String: SandboxError]
  private let signers: DemandedSigners
  /// What runs WebAssembly modules; nil where the images were built without.
  let runtime: File?
  /// The OCI images of this executor, whose modules run in machines.
  private let library: ImageLibrary
  /// Where what boots is kept; nobody else may write there.
  private let cache: String
  private let prepared = Mutex<[String: Initramfs]>([:])

  /// Reads `folder`/manifest.json. `cache` is made anew.
  init(folder: String, cache: String, signers: DemandedSigners = DemandedSigners()) throws(SandboxError) {
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
    var provenances: [String: Result<MachineProvenance, SandboxError>] = [:]
    for (entry, image) in zip(list, images) {
      provenances[image.digest] = ImageStore.provenance(
        entry["provenance"], image: image.digest, kernel: kernel.digest, guest: guest.digest, in: folder)
    }
    self.provenances = provenances
    self.signers = signers
    var unsigned: [String: SandboxError] = [:]
    for (entry, image) in zip(list, images) {
      unsigned[image.digest] = ImageStore.refusal(entry["statement"], image.digest, signers, in: folder)
    }
    self.unsigned = unsigned
    runtime = manifest["wasm"] == nil ? nil : try ImageStore.file(manifest["wasm"], "wasm", in: folder)
    library = ImageLibrary("\(folder)/oci")
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

  /// Reads what an image of the manifest names as its `provenance`, and holds it against what is installed; nil where it
  /// names none.
  private static func provenance(
    _ name: JSON?, image: String, kernel: String, guest: String, in folder: String
  ) -> Result<MachineProvenance, SandboxError>? {
    guard let name else { return nil }
    return Result { () throws(SandboxError) in
      guard let name = name.string, !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")) else {
        throw .manifest("provenance: expected a file's name")
      }
      let bytes = try Folders.read("\(folder)/\(name)", limit: MachineProvenance.maximumBytes)
      do throws(ImageError) {
        let provenance = try MachineProvenance(parsing: bytes)
        try provenance.check(image: image, kernel: kernel, guest: guest)
        return provenance
      } catch {
        throw .image(error)
      }
    }
  }

  /// Why the statement that an image of the manifest names is not what the executor demands; nil where it is.
  private static func refusal(
    _ name: JSON?, _ image: String, _ signers: DemandedSigners, in folder: String
  ) -> SandboxError? {
    guard !signers.keys.isEmpty else { return nil }
    do throws(SandboxError) {
      var statement: JSON?
      if let name {
        guard let name = name.string, !name.isEmpty, !name.utf8.contains(UInt8(ascii: "/")) else {
          throw .manifest("statement: expected a file's name")
        }
        let bytes = try Folders.read("\(folder)/\(name)", limit: MachineProvenance.maximumBytes)
        guard let parsed = try? JSON.parse(bytes, limits: .interchange) else {
          throw .manifest("\(name): expected a signed statement as JSON")
        }
        statement = parsed
      }
      do throws(ImageError) {
        try signers.check(statement, about: image)
      } catch {
        throw .image(error)
      }
      return nil
    } catch {
      return error
    }
  }

  /// Of the document that says where the image of a machine that was prepared came from.
  func provenance(of digest: String) -> Digest? {
    prepared.withLock { $0[initramfsKey(digest)]?.provenance }
  }

  /// Why it cannot be said of an image where it came from, as the executor demands it; nil where it can of all.
  var provenanceFault: String? {
    for image in images {
      if let refusal = unsigned[image.digest] { return "\(image.path): \(refusal)" }
      switch provenances[image.digest] {
      case .success: continue
      case .failure(let error): return "\(image.path): \(error)"
      case nil: return "\(image.path): the manifest names no provenance"
      }
    }
    return nil
  }

  /// Digests of the action images that are installed.
  public var digests: [String] { images.map(\.digest) }

  /// What runs in a machine: the archives, and the library's WebAssembly modules where there is something that runs
  /// them.
  var hostImages: [HostImage] {
    let machines: [IsolationClass] = [.microvmKVM, .microvmTCG]
    let archives = images.map { HostImage(digest: $0.digest, kind: "archive", classes: machines) }
    let modules = library.kinds().filter { $0.kind == .wasm }.map {
      HostImage(digest: $0.digest, kind: $0.kind.rawValue, classes: runtime == nil ? [] : machines)
    }
    return archives + modules
  }

  /// Why a file is not the one that its digest names; nil where each is. Reads all of them.
  var fault: String? {
    for file in [kernel, guest] + images + (runtime.map { [$0] } ?? []) {
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
    try prepare(kernel.digest) { () throws(SandboxError) in ([try ImageStore.verified(kernel)], nil, nil) }
      .path
  }

  /// The content of what was prepared, for a machine that gets more than that.
  func bytes(of prepared: String) throws(SandboxError) -> [UInt8] {
    try Folders.read(prepared, limit: 2 * ImageStore.maximumImageBytes)
  }

  /// Whether a machine of that image can be made without reading anything. One of a module never is: it is looked at
  /// anew before each run.
  func isPrepared(action digest: String?) -> Bool {
    prepared.withLock {
      $0[kernel.digest] != nil && $0[initramfsKey(digest)].map { $0.runtime == nil } == true
    }
  }

  private func initramfsKey(_ action: String?) -> String { "\(guest.digest)+\(action ?? "none")" }

  /// The verified initramfs of an action: the guest's archive, then the action's. The kernel unpacks one after the
  /// other. For a module the one of what runs it comes between.
  func preparedInitramfs(action digest: String?) throws(SandboxError) -> Initramfs {
    try prepare(initramfsKey(digest)) { () throws(SandboxError) in
      let guest = try ImageStore.verified(guest)
      guard let digest else { return ([guest], nil, nil) }
      if let image = images.first(where: { $0.digest == digest }) {
        if let refusal = unsigned[digest] { throw refusal }
        // One that is said to be something else is not what somebody vouched for.
        let provenance = try provenances[digest]?.get().hash
        return ([guest, try ImageStore.verified(image)], nil, provenance)
      }
      let (module, provenance) = try module(digest)
      guard let runtime else { throw .imageMissing("for WebAssembly modules: build the images with wasmkit") }
      let archive = CpioArchive.bytes([
        CpioArchive.Entry(path: WasmImage.fileName, permissions: 0o444, content: module)
      ])
      return ([guest, try ImageStore.verified(runtime), archive], runtime, provenance)
    }
  }

  /// Prepares what a machine of that image boots; what was prepared of a module before is checked again.
  func ready(action digest: String) throws(SandboxError) {
    _ = try preparedKernel()
    let isKnown = prepared.withLock { $0[initramfsKey(digest)] != nil }
    if isKnown { try check(digest) } else { _ = try preparedInitramfs(action: digest) }
  }

  /// Whether what is prepared of a module, and the module in the library, are what they were: asked before and after
  /// each of its runs. Other images are read once, and only their copies here are used.
  func check(_ digest: String) throws(SandboxError) {
    let key = initramfsKey(digest)
    guard let known = prepared.withLock({ $0[key] }), known.runtime != nil else { return }
    _ = try module(digest)
    let found = SHA256.hash(try bytes(of: known.path))
    guard found == known.contentHash else {
      throw .digest(path: known.path, expected: known.contentHash.hex, found: found.hex)
    }
  }

  /// A module of the library, held against its provenance, and that document's digest.
  private func module(_ digest: String) throws(SandboxError) -> (bytes: [UInt8], provenance: Digest) {
    let place = "\(cache)/module"
    Folders.remove(place)
    defer { Folders.remove(place) }
    do {
      guard try library.kind(of: digest) == .wasm else {
        throw SandboxError.unfit(
          path: digest, "expected an image of microVMs or a WebAssembly module, found a container's")
      }
      let provenance = try library.load(digest, into: place).provenance
      try signers.check(provenance)
      return (
        try Folders.read("\(place)/\(WasmImage.fileName)", limit: WasmImage.longestModule), provenance.hash
      )
    } catch let error as ImageError {
      if case .missing = error { throw .imageMissing(digest) }
      throw .image(error)
    } catch let error as SandboxError {
      throw error
    } catch {
      throw .manifest("\(error)")
    }
  }

  /// The lock is held all the while: who comes second finds what the first has made.
  private func prepare(
    _ key: String, _ pieces: () throws(SandboxError) -> ([[UInt8]], runtime: File?, provenance: Digest?)
  ) throws(SandboxError) -> Initramfs {
    let result: Result<Initramfs, SandboxError> = prepared.withLock { prepared in
      if let known = prepared[key] { return .success(known) }
      do throws(SandboxError) {
        let path = "\(cache)/\(SHA256.hash(key).hex)"
        let (pieces, runtime, provenance) = try pieces()
        do throws(SandboxError) {
          try Folders.create(path, pieces, mode: 0o444)
        } catch {
          // Half of a copy is none, and the next one needs the name.
          unlink(path)
          throw error
        }
        var hash = SHA256()
        for piece in pieces { hash.update(piece) }
        let made = Initramfs(
          path: path, size: pieces.reduce(0) { $0 + $1.count }, contentHash: hash.finalize(),
          runtime: runtime, runtimeSize: runtime == nil ? 0 : pieces[1].count, provenance: provenance)
        prepared[key] = made
        return .success(made)
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
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
}
