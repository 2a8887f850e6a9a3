import Canonical
import Crypto
import Foundation
import Glibc
import Images
import Records
import Testing
import WasmBytes

@testable import Sandbox

/// A folder of images as `Deploy/images/build` writes it, of a few bytes each: nothing of it boots.
private final class FakeImages {
  let folder = NSTemporaryDirectory() + "openexec-store-\(UUID())"
  var cache: String { folder + "/cache" }
  let action = "sha256:" + SHA256.hash("action").hex

  init() throws {
    try Folders.makeAll(folder, mode: 0o755)
    for name in ["kernel", "guest", "action", "wasm", "entry"] { try put(name, Array(name.utf8)) }
    try put("provenance", provenance(of: "action"))
    try manifest()
  }

  deinit { Folders.remove(folder) }

  func put(_ name: String, _ bytes: [UInt8]) throws {
    unlink("\(folder)/\(name)")
    try Folders.create("\(folder)/\(name)", [bytes], mode: 0o644)
  }

  static func entry(_ name: String, _ more: [String: JSON] = [:]) -> JSON {
    var members: [(String, JSON)] = [
      ("file", .string(name)), ("digest", .string("sha256:" + SHA256.hash(name).hex)),
    ]
    for (name, value) in more.sorted(by: { $0.key < $1.key }) { members.append((name, value)) }
    return .object(members)
  }

  /// Writes the manifest with one image, changed as is said.
  func manifest(
    image: [String: JSON] = ["provenance": "provenance"], _ change: (inout JSONObject) -> Void = { _ in }
  ) throws {
    let whole: JSON = [
      "kernel": Self.entry("kernel"), "guest": Self.entry("guest"), "wasm": Self.entry("wasm"),
      "entry": Self.entry("entry"), "images": [Self.entry("action", image)],
    ]
    guard case .object(var object) = whole else { return }
    change(&object)
    try put("manifest.json", JSON.object(object).canonicalBytes())
  }

  func provenance(of image: String) -> [UInt8] {
    let digest = { (name: String) in JSON.string("sha256:" + SHA256.hash(name).hex) }
    let document: JSON = [
      "type": "openexec/v1/machine-provenance", "image": digest(image), "kernel": digest("kernel"),
      "guest": digest("guest"), "source": "here", "built_with": "a compiler",
    ]
    return document.canonicalBytes()
  }

  func store(_ signers: [PublicKey] = []) throws(SandboxError) -> ImageStore {
    try ImageStore(folder: folder, cache: cache, signers: DemandedSigners(signers))
  }
}

/// Whose statement an image has.
private enum Builder {
  static func key(_ name: String) -> SigningKey {
    var seed = SHA256.hash(name).bytes
    if let key = SigningKey(seed: &seed) { return key }
    var random = SystemRandomNumberGenerator()
    return SigningKey.generate(using: &random)
  }

  static func publicKey(_ name: String) -> PublicKey { key(name).publicKey }

  /// In its envelope (DSSE 1.0).
  static func statement(about image: String, by signer: String) -> JSON {
    let payload = Array(
      #"{"_type":"https://in-toto.io/Statement/v1","subject":[{"digest":{"sha256":"\#(image.dropFirst(7))"}}]}"#
        .utf8)
    let type = "application/vnd.in-toto+json"
    let signed = Array("DSSEv1 \(type.utf8.count) \(type) \(payload.count) ".utf8) + payload
    return [
      "payloadType": .string(type), "payload": .string(Base64.encode(payload)),
      "signatures": [["sig": .string(key(signer).sign(signed).base64)]],
    ]
  }
}

@Suite("Image store")
struct ImageStoreTests {
  private func error<T>(_ work: () throws(SandboxError) -> T) -> SandboxError? {
    do throws(SandboxError) {
      _ = try work()
      return nil
    } catch {
      return error
    }
  }

  @Test(
    "what boots is a copy of the guest's archive and the image's, in a place that is this program's alone")
  func prepared() throws {
    let images = try FakeImages()
    try Folders.makeAll(images.cache + "/old", mode: 0o755)
    let store = try images.store()
    #expect(Folders.names(images.cache) == [])
    #expect(!store.isPrepared(action: images.action))
    try store.ready(action: images.action)
    let made = try store.preparedInitramfs(action: images.action)
    #expect(try store.bytes(of: made.path) == Array("guestaction".utf8) && made.size == 11)
    #expect(made.contentHash == SHA256.hash("guestaction") && made.runtime == nil)
    #expect(store.isPrepared(action: images.action) && !store.isPrepared(action: nil))
    #expect(made.provenance == SHA256.hash(images.provenance(of: "action")))
    #expect(store.provenance(of: images.action) == made.provenance && store.provenanceFault == nil)
    #expect(try store.preparedInitramfs(action: nil).contentHash == SHA256.hash("guest"))
    #expect(try Folders.read(try store.preparedKernel(), limit: 99) == Array("kernel".utf8))
    var status = stat()
    #expect(lstat(images.cache, &status) == 0 && status.st_mode & 0o777 == 0o700)
    #expect(lstat(made.path, &status) == 0 && status.st_mode & 0o777 == 0o444)
    // Whatever becomes of the installed file: what was checked is what boots, until this program ends.
    try images.put("action", Array("other!".utf8))
    #expect(try store.bytes(of: store.preparedInitramfs(action: images.action).path).count == 11)
    #expect(store.fault?.contains("/action: expected") == true)
    #expect(error { () throws(SandboxError) in try images.store().ready(action: images.action) } != nil)
    #expect(
      error { () throws(SandboxError) in
        try store.ready(action: "sha256:" + String(repeating: "1", count: 64))
      }
        == .imageMissing("sha256:" + String(repeating: "1", count: 64)))
  }

  @Test("a manifest that names no files of its folder by their digests is none")
  func manifests() throws {
    let images = try FakeImages()
    let file = { (name: String) in "image manifest: \(name): expected a file's name and its digest" }
    let hex = String(repeating: "a", count: 64)
    for (value, name) in [
      (nil, "kernel"), (["file": "kernel"], "kernel"),
      (["file": "", "digest": .string("sha256:" + hex)], "guest"),
      (["file": "../kernel", "digest": .string("sha256:" + hex)], "guest"),
      (["file": "kernel", "digest": .string(hex)], "kernel"),
      (["file": "kernel", "digest": .string("sha512:" + hex)], "wasm"),
      (["file": "kernel", "digest": .string("sha256:" + hex.dropLast())], "kernel"),
    ] as [(JSON?, String)] {
      if value == nil, name == "wasm" { continue }
      try images.manifest { $0[name] = value }
      #expect(error { () throws(SandboxError) in try images.store() }?.description == file(name))
    }
    try images.manifest { $0["images"] = [["file": "action"]] }
    #expect(error { () throws(SandboxError) in try images.store() }?.description == file("images[0]"))
    for (count, isTaken) in [(256, true), (257, false)] {
      try images.manifest {
        $0["images"] = .array([JSON](repeating: FakeImages.entry("action"), count: count))
      }
      #expect((error { () throws(SandboxError) in try images.store() } == nil) == isTaken, "\(count)")
    }
    try images.manifest { $0["images"] = nil }
    #expect(
      error { () throws(SandboxError) in try images.store() }
        == .manifest("images: expected an array of at most 256"))
    try images.put("manifest.json", [0x7B])
    #expect(error { () throws(SandboxError) in try images.store() } != nil)
    #expect(error { () throws(SandboxError) in try ImageStore.entryProgram(in: images.folder) } != nil)
    try images.manifest()
    #expect(try ImageStore.entryProgram(in: images.folder) == Array("entry".utf8))
    try images.put("entry", [1])
    #expect(error { () throws(SandboxError) in try ImageStore.entryProgram(in: images.folder) } != nil)
  }

  @Test(
    "an image whose provenance is another's, or is in no file of the folder, does not boot; one without any does"
  )
  func provenance() throws {
    let images = try FakeImages()
    for name in ["./provenance", "../provenance", "", 7, "none"] as [JSON] {
      try images.manifest(image: ["provenance": name])
      let store = try images.store()
      #expect(error { () throws(SandboxError) in try store.preparedInitramfs(action: images.action) } != nil)
      #expect(store.provenanceFault?.hasPrefix("\(images.folder)/action: ") == true)
      #expect(store.provenance(of: images.action) == nil)
    }
    try images.manifest()
    try images.put("provenance", images.provenance(of: "kernel"))
    let other = try images.store()
    #expect(
      error { () throws(SandboxError) in try other.preparedInitramfs(action: images.action) }?.description
        .contains("provenance: image: expected") == true)
    try images.manifest(image: [:])
    let silent = try images.store()
    #expect(try silent.preparedInitramfs(action: images.action).provenance == nil)
    #expect(silent.provenanceFault?.contains("names no provenance") == true)
  }

  @Test(
    "where the executor names signers, an image boots with a statement that one of them has signed, and no other"
  )
  func signers() throws {
    let images = try FakeImages()
    let keys = ["ann", "ben"].map(Builder.publicKey)
    let other = "sha256:" + SHA256.hash("kernel").hex
    let expected = "this executor runs only images of which a statement is signed by one of "
    let cases: [(JSON?, String?)] = [
      (nil, "there is none"), (Builder.statement(about: images.action, by: "ann"), nil),
      (Builder.statement(about: images.action, by: "ben"), nil),
      (Builder.statement(about: images.action, by: "cas"), "signed by none of them"),
      (Builder.statement(about: other, by: "ann"), "no subject with the digest"),
      (["subject": [["digest": ["sha256": .string(String(images.action.dropFirst(7)))]]]], "no envelope"),
      ("text", "no envelope"),
    ]
    for (statement, refusal) in cases {
      try images.manifest(
        image: ["provenance": "provenance"].merging(statement == nil ? [:] : ["statement": "statement"]) {
          left, _ in left
        })
      try images.put("statement", (statement ?? .null).canonicalBytes())
      // Who demands nobody's word takes the image as it is.
      #expect(try images.store().preparedInitramfs(action: images.action).size == 11)
      let store = try images.store(keys)
      let found = error { () throws(SandboxError) in try store.ready(action: images.action) }?.description
      #expect(store.provenanceFault.map { _ in true } == refusal.map { _ in true })
      guard let refusal else {
        #expect(found == nil, "\(found ?? "")")
        continue
      }
      #expect(found?.contains(refusal) == true, "\(found ?? "it boots")")
      if refusal != "no subject with the digest" {
        #expect(found?.contains("\(images.action): \(expected)\(keys[0].hex), \(keys[1].hex)") == true)
      }
      // A machine without an image is none of theirs.
      #expect(error { () throws(SandboxError) in try store.preparedInitramfs(action: nil) } == nil)
    }
    for (name, content) in [
      ("./statement", Builder.statement(about: images.action, by: "ann").canonical), ("statement", "{"),
      ("none", ""),
    ] {
      try images.manifest(image: ["provenance": "provenance", "statement": .string(name)])
      try images.put("statement", Array(content.utf8))
      let store = try images.store(keys)
      #expect(error { () throws(SandboxError) in try store.ready(action: images.action) } != nil, "\(name)")
    }
  }

  /// Adds an image of one layer, or of one module, with a statement by `signer`.
  private func add(_ description: String, to images: FakeImages, signedBy signer: String?) throws -> String {
    let layout = "\(images.folder)/layout-\(UUID())"
    let digest = try ShimBench.layout(description, at: layout)
    var origin = Provenance.Origin(source: "a test", addedAt: "2026-01-01T00:00:00Z", addedBy: "ann")
    origin.statement = signer.map { Builder.statement(about: digest, by: $0) }
    _ = try ImageLibrary("\(images.folder)/oci").add(from: layout, digest: digest, origin: origin)
    return digest
  }

  @Test(
    "modules and containers of the library as well, whoever was named as their signer when they were added",
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/python3"), "python3 makes the images")
  )
  func library() throws {
    let images = try FakeImages()
    let wasm = WasmBytes.hex(WasmBytes.echo)
    for (number, signer) in ["ann", "cas", nil].enumerated() {
      // Each another image.
      let entries = #"{"path": "file", "text": "\#(number)"}"#
      let container = try add(#"[{"entries": [\#(entries)]}]"#, to: images, signedBy: signer)
      let roots = try RootStore(
        images: images.folder, folder: "\(images.folder)/roots",
        signers: DemandedSigners([Builder.publicKey("ann")]))
      let refused = error { () throws(SandboxError) in try roots.root(container) }
      #expect((refused == nil) == (signer == "ann"), "\(refused?.description ?? "it runs")")
      #expect((roots.provenanceFault == nil) == (number == 0))
      if refused != nil {
        #expect(
          refused?.description.contains(
            "\(container): this executor runs only images of which a statement is") == true)
        #expect(error { () throws(SandboxError) in try roots.root(container) } == refused, "it stays refused")
      }
      let open = try RootStore(images: images.folder, folder: "\(images.folder)/roots")
      #expect(error { () throws(SandboxError) in try open.root(container) } == nil)
      #expect(open.provenanceFault == nil)
    }
    let module = try add(#"[{"wasm": "\#(wasm)"}]"#, to: images, signedBy: "ann")
    for (signer, isTaken) in [("ann", true), ("ben", false)] {
      let store = try images.store([Builder.publicKey(signer)])
      let refused = error { () throws(SandboxError) in try store.ready(action: module) }
      #expect((refused == nil) == isTaken, "\(refused?.description ?? "it runs")")
    }
  }
}
