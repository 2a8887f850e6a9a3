import Foundation
import Testing

/// `claw image` on folders, with its exit codes.
struct ImageCommandTests {
  @Test(
    "an image is added, listed and verified by its digest; a spoiled one is named, an absent one is not found"
  )
  func images() throws {
    let root = FileManager.default.temporaryDirectory.path + "/image-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: root) }
    let images = root + "/images"
    try FileManager.default.createDirectory(atPath: images, withIntermediateDirectories: true)
    let entries = root + "/entries.json"
    try #"[{"gzip": true, "entries": [{"path": "hello", "text": "hi"}]}]"#
      .write(toFile: entries, atomically: true, encoding: .utf8)
    let script = Programs.repository.appendingPathComponent("Tests/tools/oci-layout").path
    let made = try Programs.run("/bin/sh", ["-c", "'\(script)' '\(root)/layout' <'\(entries)'"])
    let digest = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(made.code == 0)
    func claw(_ arguments: String...) throws -> Outcome {
      try Programs.run("claw", ["image"] + arguments + ["--images", images])
    }
    let empty = try claw("list")
    #expect(empty.code == 0 && empty.output.contains("no images"), "\(empty.output)")
    let added = try claw("add", root + "/layout", "--digest", digest, "--source", "a test")
    #expect(
      added.code == 0 && added.output.contains(digest) && added.output.contains("from a test"),
      "\(added.output)")
    let listed = try claw("list", "--json")
    #expect(listed.code == 0 && listed.output.contains("provenance_json"), "\(listed.output)")
    #expect(try claw("verify").code == 0)
    #expect(try claw("verify", digest).code == 0)
    let absent = try claw("verify", "sha256:" + String(repeating: "0", count: 64))
    #expect(absent.code == 5, "\(absent.output)")
    let blobs = "\(images)/oci/\(digest.dropFirst(7))/blobs/sha256"
    let layer = try #require(
      try FileManager.default.contentsOfDirectory(atPath: blobs).first { name in
        let bytes = try Data(contentsOf: URL(fileURLWithPath: "\(blobs)/\(name)"))
        return bytes.starts(with: [0x1F, 0x8B])
      })
    var bytes = try Data(contentsOf: URL(fileURLWithPath: "\(blobs)/\(layer)"))
    bytes[bytes.count - 1] ^= 1
    try bytes.write(to: URL(fileURLWithPath: "\(blobs)/\(layer)"))
    let spoiled = try claw("verify")
    #expect(spoiled.code == 1, "\(spoiled.output)")
    #expect(spoiled.output.contains("layer"), "\(spoiled.output)")
    // A WebAssembly module that begins and ends, and what is none.
    func module(_ bytes: String, at name: String) throws -> Outcome {
      let description = root + "/\(name).json"
      try #"[{"wasm": "\#(bytes)"}]"#.write(toFile: description, atomically: true, encoding: .utf8)
      _ = try Programs.run("/bin/sh", ["-c", "'\(script)' '\(root)/\(name)' <'\(description)'"])
      return try claw("add", "\(root)/\(name)")
    }
    let idle = "0061736d0100000001040160000003020100070a01065f737461727400000a040102000b"
    let taken = try module(idle, at: "module")
    #expect(taken.code == 0 && taken.output.contains("bytes of a WebAssembly module"), "\(taken.output)")
    let refused = try module("7f454c46", at: "program")
    #expect(refused.code == 1, "\(refused.output)")
    #expect(refused.output.contains("WebAssembly module: expected one that begins with"), "\(refused.output)")
    // A layer packed by zstd: the program is asked for it, and where it is not there that is said.
    let packed = root + "/packed.json"
    try #"[{"zstd": true, "entries": [{"path": "hello", "text": "packed"}]}]"#
      .write(toFile: packed, atomically: true, encoding: .utf8)
    _ = try Programs.run("/bin/sh", ["-c", "'\(script)' '\(root)/packed' <'\(packed)'"])
    let program = try #require(Programs.process("claw", []).executableURL?.path)
    let without = try Programs.run(
      "/bin/sh", ["-c", "PATH=/nonexistent '\(program)' image add '\(root)/packed' --images '\(images)'"])
    #expect(without.code == 1 && without.output.contains("install the package zstd"), "\(without.output)")
    let unpacked = try claw("add", root + "/packed")
    #expect(unpacked.code == 0 && unpacked.output.contains("bytes of layers"), "\(unpacked.output)")
    try #"[{"called": "zstd", "entries": [{"path": "hello", "text": "no zstd"}]}]"#
      .write(toFile: packed, atomically: true, encoding: .utf8)
    _ = try Programs.run("/bin/sh", ["-c", "'\(script)' '\(root)/lying' <'\(packed)'"])
    let lying = try claw("add", root + "/lying")
    #expect(lying.code == 1 && lying.output.contains("did not unpack a layer"), "\(lying.output)")
    let signer = try claw("add", root + "/packed", "--signer", String(repeating: "0", count: 63))
    #expect(signer.code == 2 && signer.output.contains("--signer: expected 64"), "\(signer.output)")
    let usage = try Programs.run("claw", ["image", "list"])
    #expect(usage.code == 2 && usage.output.contains("--images"), "\(usage.output)")
  }
}
