import Canonical
import Crypto
import Glibc
import Images
import Synchronization

/// The roots that tasks have: an image's files, the places where a runtime mounts, and this program's own first process.
///
/// Each is unpacked when it is first used and measured then; before and after every run it is measured again, so that
/// what one run might have written never reaches the next. All of that takes as long as an image is large, and is done
/// for one after the other, on whichever thread asks for it.
final class RootStore: Sendable {
  struct Root: Equatable, Sendable {
    let path: String
    let digest: Digest
    /// Of the document that the image was held against; nil where it is none of the library.
    var provenance: Digest?
    let kind: ImageKind
  }

  struct State {
    var roots: [String: Root] = [:]
    var blocks: [String: BlockRoot] = [:]
  }

  private let library: ImageLibrary
  private let images: String
  private let folder: String
  private let signers: DemandedSigners
  private let state = Mutex(State())
  /// Where runtimes mount.
  private static let mountPoints = ["proc", "sys", "dev", "tmp", "inputs"]
  private static let reserved = ".openexec"

  /// `folder` is made anew.
  init(
    images: String, folder: String, signers: DemandedSigners = DemandedSigners()
  ) throws(SandboxError) {
    self.images = images
    self.signers = signers
    self.folder = folder
    library = ImageLibrary("\(images)/oci")
    Folders.remove(folder)
    try Folders.makeAll(folder, mode: 0o700)
  }

  /// The root of an image; nil for one that holds nothing but the first process.
  func root(_ image: String?) throws(SandboxError) -> Root {
    try locked { (state) throws(SandboxError) in try root(image, &state) }
  }

  /// The lock is held all the while: who comes second finds what the first has made.
  func locked<Value: Sendable>(
    _ work: (inout State) throws(SandboxError) -> Value
  ) throws(SandboxError) -> Value {
    let result: Result<Value, SandboxError> = state.withLock { state in
      do throws(SandboxError) {
        return .success(try work(&state))
      } catch {
        return .failure(error)
      }
    }
    return try result.get()
  }

  private func root(_ image: String?, _ state: inout State) throws(SandboxError) -> Root {
    let name = image ?? "none"
    if let known = state.roots[name] {
      try check(known, state)
      return known
    }
    let place = "\(folder)/\(SHA256.hash(name).hex)"
    // Of an attempt that failed half-way.
    Folders.remove(place)
    let kind: ImageKind
    var provenance: Digest?
    if let image {
      do throws(ImageError) {
        let loaded = try library.load(image, into: place)
        try signers.check(loaded.provenance)
        kind = loaded.kind
        provenance = loaded.provenance.hash
      } catch {
        throw .image(error)
      }
    } else {
      try Folders.make(place, mode: 0o755)
      kind = .container
    }
    return try finish(place, as: name, kind, provenance, &state)
  }

  /// A root of files that are given, for trials of a runtime.
  func root(
    named name: String, files: [(path: String, bytes: [UInt8])]
  ) throws(SandboxError) -> Root {
    let place = "\(folder)/\(SHA256.hash(name).hex)"
    Folders.remove(place)
    try Folders.make(place, mode: 0o755)
    for (path, bytes) in files {
      let above = path.split(separator: "/").dropLast().joined(separator: "/")
      if !above.isEmpty { try Folders.makeAll("\(place)/\(above)", mode: 0o755) }
      try Folders.create("\(place)/\(path)", [bytes], mode: 0o555)
    }
    return try locked { (state) throws(SandboxError) in try finish(place, as: name, .container, nil, &state) }
  }

  /// A root of a module that is given, for a trial.
  func module(_ bytes: [UInt8]) throws(SandboxError) -> Root {
    let place = "\(folder)/\(SHA256.hash("a module to try").hex)"
    Folders.remove(place)
    try Folders.make(place, mode: 0o755)
    try Folders.create("\(place)/\(WasmImage.fileName)", [bytes], mode: 0o444)
    return try locked { (state) throws(SandboxError) in
      try finish(place, as: "a module to try", .wasm, nil, &state)
    }
  }

  /// A module is its own first process: this program adds none.
  private func finish(
    _ place: String, as name: String, _ kind: ImageKind, _ provenance: Digest?,
    _ state: inout State
  ) throws(SandboxError) -> Root {
    for point in RootStore.mountPoints { try Folders.make("\(place)/\(point)", mode: 0o755) }
    if kind == .container { try addEntry(place) }
    for path in [place] + RootStore.mountPoints.map({ "\(place)/\($0)" }) { chmod(path, 0o755) }
    // A runtime gives what it mounts the mode of the place where it mounts it.
    chmod("\(place)/tmp", 0o1777)
    let root = Root(path: place, digest: try measure(place), provenance: provenance, kind: kind)
    state.roots[name] = root
    return root
  }

  private func addEntry(_ place: String) throws(SandboxError) {
    let own = "\(place)/\(RootStore.reserved)"
    guard !Folders.exists(own), !Folders.isLink(own) else {
      throw .unfit(path: "/\(RootStore.reserved)", "is in the image; the name is this program's own")
    }
    try Folders.make(own, mode: 0o755)
    try Folders.create("\(own)/guest", [try ImageStore.entryProgram(in: images)], mode: 0o555)
    // What is made above is subject to the umask.
    chmod(own, 0o755)
    chmod("\(own)/guest", 0o555)
  }

  /// The same root as a device.
  func block(_ root: Root) throws(SandboxError) -> BlockRoot {
    try locked { (state) throws(SandboxError) in
      if let known = state.blocks[root.path] { return known }
      let made = try BlockRoot(of: root.path, at: root.path + ".ext4")
      state.blocks[root.path] = made
      return made
    }
  }

  /// Whether it is what it was. One that is not is never used again.
  func check(_ root: Root) throws(SandboxError) {
    try locked { (state) throws(SandboxError) in try check(root, state) }
  }

  private func check(_ root: Root, _ state: State) throws(SandboxError) {
    let found = try measure(root.path)
    guard found == root.digest else {
      throw .digest(path: root.path, expected: root.digest.hex, found: found.hex)
    }
    if let block = state.blocks[root.path] { try block.check() }
  }

  private func measure(_ place: String) throws(SandboxError) -> Digest {
    do {
      return try TreeDigest.of(place)
    } catch {
      throw .image(error)
    }
  }

  /// The images of the library.
  var kinds: [(digest: String, kind: ImageKind)] { library.kinds() }

  /// Why an image of the library has no statement that is signed as this executor demands it; nil where each has.
  var provenanceFault: String? {
    do {
      for entry in try library.list() { try signers.check(entry.provenance) }
      return nil
    } catch {
      return error.description
    }
  }

  /// Why an image of the library is not what its provenance says; nil where each is.
  var fault: String? {
    do {
      for entry in try library.list() { _ = try library.verify(entry.digest) }
      return nil
    } catch {
      return error.description
    }
  }
}
