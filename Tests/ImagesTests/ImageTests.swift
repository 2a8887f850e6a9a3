import Canonical
import Crypto
import Foundation
import Testing

@testable import Images

/// A folder of one's own with a library and layouts made by Python's tarfile.
final class Bench {
  let folder = NSTemporaryDirectory() + "openexec-images-\(UUID())"
  let library: ImageLibrary
  let origin = Provenance.Origin(source: "a test", addedAt: "2026-01-01T00:00:00Z", addedBy: "ann")
  private var count = 0

  init() throws {
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    library = ImageLibrary(folder + "/library")
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// What a program says; fails where it fails.
  func run(_ program: String, _ arguments: [String], input: String = "") throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let (given, said) = (Pipe(), Pipe())
    process.standardInput = given
    process.standardOutput = said
    try process.run()
    given.fileHandleForWriting.write(Data(input.utf8))
    try given.fileHandleForWriting.close()
    let bytes = said.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(program) \(arguments)")
    return String(decoding: bytes, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// A layout of layers, each a list of entries in JSON.
  func layout(_ layers: [String], gzip: Bool = false, called: String? = nil) throws -> (
    folder: String, digest: String
  ) {
    let form = called.map { ", \"called\": \"\($0)\"" } ?? ""
    let text = layers.map { "{\"gzip\": \(gzip), \"entries\": [\($0)]\(form)}" }.joined(separator: ",")
    return try layout(description: "[\(text)]")
  }

  /// A layout as the tool takes it.
  func layout(description: String) throws -> (folder: String, digest: String) {
    count += 1
    let place = "\(folder)/layout-\(count)"
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("../tools/oci-layout").standardizedFileURL.path
    return (place, try run("/usr/bin/python3", [script, place], input: description))
  }

  func bytes(_ path: String) throws -> [UInt8] { [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))) }

  func spoil(_ path: String) throws {
    var bytes = try bytes(path)
    bytes[bytes.count / 2] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  /// Why an image of these layers is not taken; `called` is another form than they have.
  func refusal(_ layers: [String], called: String? = nil) throws -> String {
    let (place, digest) = try layout(layers, called: called)
    do {
      _ = try library.add(from: place, digest: digest, origin: origin)
      return "it was taken"
    } catch {
      return "\(error)"
    }
  }
}

private let hello = #"{"path": "bin", "folder": true}, {"path": "bin/hello", "text": "hi\n", "mode": 493}"#

@Suite("OCI images")
struct ImageTests {
  @Test("layers in a form that nobody knows are refused with what to do")
  func forms() throws {
    let bench = try Bench()
    let unknown = try bench.refusal([hello], called: "lzma")
    #expect(unknown.contains("expected layers as tar, tar+gzip") && unknown.contains("+lzma"), "\(unknown)")
  }

  @Test("layers are laid one upon the other, packed or not", arguments: [false, true])
  func layers(gzip: Bool) throws {
    let bench = try Bench()
    let (place, digest) = try bench.layout(
      [
        hello
          + #", {"path": "old", "text": "x"}, {"path": "d", "folder": true}, {"path": "d/gone", "text": "y"}"#,
        #"{"path": ".wh.old", "text": ""}, {"path": "d/.wh..wh..opq", "text": ""}, {"path": "d/new", "text": "z"}"#
          + #", {"path": "bin/again", "hard": "bin/hello"}, {"path": "sh", "link": "/bin/hello"}"#,
      ], gzip: gzip)
    let entry = try bench.library.add(from: place, digest: digest, origin: bench.origin)
    #expect(entry.digest == digest)
    let out = bench.folder + "/out"
    _ = try bench.library.load(digest, into: out)
    // As Python finds it.
    let listed = try bench.run(
      "/usr/bin/python3",
      [
        "-c",
        """
        import os, sys, hashlib
        os.chdir(sys.argv[1])
        for folder, folders, files in os.walk("."):
            for name in sorted(folders + files):
                path = os.path.join(folder, name)[2:]
                state = os.lstat(path)
                link = os.readlink(path) if os.path.islink(path) else ""
                text = open(path).read() if os.path.isfile(path) and not link else ""
                print(path, oct(state.st_mode & 0o7777), state.st_nlink if text else 0, link, repr(text))
        """, out,
      ])
    let lines = Set(listed.split(separator: "\n").map(String.init))
    #expect(
      lines == [
        "bin 0o755 0  ''", "d 0o755 0  ''", "sh 0o777 0 /bin/hello ''", "bin/again 0o755 2  'hi\\n'",
        "bin/hello 0o755 2  'hi\\n'", "d/new 0o755 1  'z'",
      ])
  }

  @Test("an archive of a layout gives the same image as its folder")
  func archive() throws {
    let bench = try Bench()
    let (place, digest) = try bench.layout([hello])
    let tar = bench.folder + "/layout.tar"
    _ = try bench.run("/bin/tar", ["-cf", tar, "-C", place, "."])
    let entry = try bench.library.add(from: tar, digest: nil, origin: bench.origin)
    #expect(entry.digest == digest)
    #expect(try bench.library.list().map(\.digest) == [digest])
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: bench.library.folder) == [
        String(digest.dropFirst(7))
      ])
  }

  @Test("the digest of the files is what the documentation says, by an independent program")
  func treeDigest() throws {
    let bench = try Bench()
    let (place, digest) = try bench.layout([hello + #", {"path": "sh", "link": "bin/hello"}"#])
    let entry = try bench.library.add(from: place, digest: digest, origin: bench.origin)
    let out = bench.folder + "/out"
    _ = try bench.library.load(digest, into: out)
    let found = try bench.run(
      "/usr/bin/python3",
      [
        "-c",
        """
        import os, sys, json, hashlib
        total = hashlib.sha256(b"openexec/v1/tree\\n")
        def walk(folder, inside):
            for name in sorted(os.listdir(folder), key=os.fsencode):
                path, shown = os.path.join(folder, name), inside + name
                mode = "%04o" % (os.lstat(path).st_mode & 0o7777)
                if os.path.islink(path):
                    line = ["link", "0777", shown, os.readlink(path)]
                elif os.path.isdir(path):
                    line = ["folder", mode, shown, ""]
                else:
                    line = ["file", mode, shown, hashlib.sha256(open(path, "rb").read()).hexdigest()]
                total.update(json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode() + b"\\n")
                if line[0] == "folder":
                    walk(path, shown + "/")
        walk(sys.argv[1], "")
        print(total.hexdigest())
        """, out,
      ])
    #expect(found == entry.provenance.tree)
  }

  @Test("a byte that is another, anywhere, is found: when an image is added, verified or loaded")
  func digests() throws {
    let bench = try Bench()
    let (place, digest) = try bench.layout([hello])
    let entry = try bench.library.add(from: place, digest: digest, origin: bench.origin)
    #expect(try bench.library.verify(digest) == entry)
    let names = try FileManager.default.contentsOfDirectory(atPath: place + "/blobs/sha256")
    #expect(names.count == 3)
    for name in names {
      let (spoiled, same) = try bench.layout([hello])
      #expect(same == digest)
      try bench.spoil("\(spoiled)/blobs/sha256/\(name)")
      let fresh = ImageLibrary(bench.folder + "/fresh-\(name)")
      #expect(throws: ImageError.self, "\(name)") {
        try fresh.add(from: spoiled, digest: digest, origin: bench.origin)
      }
      #expect(try fresh.list().isEmpty)
      let kept = "\(bench.library.folder)/\(digest.dropFirst(7))/blobs/sha256/\(name)"
      let before = try bench.bytes(kept)
      try bench.spoil(kept)
      #expect(throws: ImageError.self, "\(name)") { try bench.library.verify(digest) }
      #expect(throws: ImageError.self) { try bench.library.load(digest, into: bench.folder + "/never") }
      #expect(!FileManager.default.fileExists(atPath: bench.folder + "/never"))
      try Data(before).write(to: URL(fileURLWithPath: kept))
    }
    #expect(try bench.library.verify(digest) == entry)
  }

  @Test("what leads out of the root, or is no file, is refused with its name")
  func escapes() throws {
    let bench = try Bench()
    let outside = bench.folder + "/outside"
    try FileManager.default.createDirectory(atPath: outside, withIntermediateDirectories: true)
    let refusals = try [
      #"{"path": "../evil", "text": "x"}"#: "..", #"{"path": "a/../../evil", "text": "x"}"#: "..",
      #"{"path": "up", "link": "../.."}, {"path": "up/evil", "text": "x"}"#: "leads out",
      #"{"path": "h", "hard": "../../etc/passwd"}"#: "..",
      #"{"path": "h", "hard": "etc/passwd"}"#: "not there", #"{"path": "dev", "device": true}"#: "device",
      #"{"path": "pipe", "fifo": true}"#: "named pipe",
      #"{"path": "f", "text": "x"}, {"path": "f/evil", "text": "x"}"#: "is a file",
    ].map { (try bench.refusal([$0]), $1) }
    for (said, expected) in refusals { #expect(said.contains(expected), "\(said)") }
    // An absolute link stays below the root.
    let (place, digest) = try bench.layout(
      [#"{"path": "abs", "link": "\#(outside)"}, {"path": "abs/evil", "text": "x"}"#])
    _ = try bench.library.add(from: place, digest: digest, origin: bench.origin)
    #expect(try FileManager.default.contentsOfDirectory(atPath: outside).isEmpty)
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: bench.library.folder).count == 1,
      "nothing half done")
  }

  @Test("no file may change its user, and no other may write it")
  func modes() throws {
    let bench = try Bench()
    let (place, digest) = try bench.layout([#"{"path": "su", "text": "x", "mode": 4095}"#])
    _ = try bench.library.add(from: place, digest: digest, origin: bench.origin)
    let out = bench.folder + "/out"
    _ = try bench.library.load(digest, into: out)
    let mode = try FileManager.default.attributesOfItem(atPath: out + "/su")[.posixPermissions] as? Int
    #expect(mode == 0o755)
  }

  @Test("provenance is what the image was when it was added, and a statement is about it")
  func provenance() throws {
    let bench = try Bench()
    let (place, digest) = try bench.layout([hello])
    var origin = bench.origin
    origin.statement = ["subject": [["digest": ["sha256": .string(String(repeating: "0", count: 64))]]]]
    #expect(throws: ImageError.self) { try bench.library.add(from: place, digest: digest, origin: origin) }
    origin.statement = ["subject": [["digest": ["sha256": .string(String(digest.dropFirst(7)))]]]]
    let entry = try bench.library.add(from: place, digest: digest, origin: origin)
    #expect(entry.provenance.origin == origin)
    let path = "\(bench.library.folder)/\(digest.dropFirst(7))/provenance.json"
    let written = try bench.bytes(path)
    #expect(written == entry.provenance.bytes)
    #expect(SHA256.hash(written) == entry.provenance.hash)
    let text = String(decoding: written, as: UTF8.self)
    let other = text.replacingOccurrences(of: entry.provenance.tree, with: String(repeating: "1", count: 64))
    try Data(other.utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: ImageError.self) { try bench.library.verify(digest) }
    try Data("{}".utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: ImageError.self) { try bench.library.list() }
  }

  @Test("what is not pinned, not listed, or not for this machine is refused with a reason")
  func layouts() throws {
    let bench = try Bench()
    let (place, _) = try bench.layout([hello])
    let absent = "sha256:" + String(repeating: "a", count: 64)
    #expect(throws: ImageError.missing(absent)) {
      try bench.library.add(from: place, digest: absent, origin: bench.origin)
    }
    #expect(throws: ImageError.self) {
      try bench.library.add(from: place, digest: "sha512:00", origin: bench.origin)
    }
    #expect(throws: ImageError.self) {
      try bench.library.add(from: place + "/nothing", digest: absent, origin: bench.origin)
    }
    try Data("{}".utf8).write(to: URL(fileURLWithPath: place + "/oci-layout"))
    #expect(throws: ImageError.self) { try ImageLayout(place) }
  }
}
