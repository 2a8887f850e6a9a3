import Foundation
import Testing

@testable import Images

/// Layers packed by zstd: who adds the image has them unpacked, once, and what comes of it is held against its digest.
struct ZstdImageTests {
  private let entries =
    #"{"path": "bin", "folder": true}, {"path": "bin/hello", "text": "hi\n", "mode": 493}"#

  private func layout(_ bench: Bench) throws -> (folder: String, digest: String) {
    try bench.layout(
      description:
        #"[{"zstd": true, "entries": [\#(entries)]}, {"entries": [{"path": "more", "text": "m"}]}]"#)
  }

  /// What the layer's blob unpacks to, as Python's tool packed it; asked with the bench's own program.
  private func unpacking(_ bench: Bench) -> ImageLibrary.Unpacking {
    { (packed, limit, take) throws(ImageError) in
      let plain = packed + ".plain"
      do {
        _ = try bench.run("/usr/bin/zstd", ["-q", "-d", packed, "-o", plain])
        try take(try bench.bytes(plain))
        try FileManager.default.removeItem(atPath: plain)
      } catch let error as ImageError {
        throw error
      } catch {
        throw .layout("\(error)")
      }
    }
  }

  @Test("its files are those of the layers, and reading them again runs no program")
  func added() throws {
    let bench = try Bench()
    let (place, digest) = try layout(bench)
    let entry = try bench.library.add(
      from: place, digest: digest, origin: bench.origin, unpackingZstd: unpacking(bench))
    #expect(entry.digest == digest)
    let out = bench.folder + "/out"
    _ = try bench.library.load(digest, into: out)
    #expect(String(decoding: try bench.bytes(out + "/bin/hello"), as: UTF8.self) == "hi\n")
    #expect(String(decoding: try bench.bytes(out + "/more"), as: UTF8.self) == "m")
    #expect(try bench.library.verify(digest) == entry)
  }

  @Test("where nobody unpacks them the image is not taken, and nothing of it stays")
  func nobody() throws {
    let bench = try Bench()
    let (place, digest) = try layout(bench)
    #expect(throws: ImageError.layout("a layer is packed by zstd, which is not taken here")) {
      try bench.library.add(from: place, digest: digest, origin: bench.origin)
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: bench.library.folder).isEmpty)
  }

  @Test("a program that says something else, or more than it may, brings nothing in")
  func lies() throws {
    let bench = try Bench()
    let (place, digest) = try layout(bench)
    let lying: ImageLibrary.Unpacking = { (packed, limit, take) throws(ImageError) in
      try unpacking(bench)(packed, limit) { (bytes) throws(ImageError) in
        var other = bytes
        other[600] ^= 1
        try take(other)
      }
    }
    #expect(throws: ImageError.self) {
      try bench.library.add(from: place, digest: digest, origin: bench.origin, unpackingZstd: lying)
    }
    let longer: ImageLibrary.Unpacking = { (packed, limit, take) throws(ImageError) in
      try unpacking(bench)(packed, limit, take)
      try take([UInt8](repeating: 0, count: 1024))
    }
    do {
      _ = try bench.library.add(from: place, digest: digest, origin: bench.origin, unpackingZstd: longer)
      Issue.record("it was taken")
    } catch {
      guard case .digest("unpacked layer", _, _) = error else {
        Issue.record("expected another digest, found \(error)")
        return
      }
    }
    #expect(try FileManager.default.contentsOfDirectory(atPath: bench.library.folder).isEmpty)
  }

  @Test("packed bytes that are not those of their digest are given to no program")
  func spoiled() throws {
    let bench = try Bench()
    let (place, digest) = try layout(bench)
    let manifest = try ImageLayout(place).manifest(digest)
    try bench.spoil(try ImageLayout(place).path(manifest.layers[0].blob))
    var asked = 0
    #expect(throws: ImageError.self) {
      try bench.library.add(from: place, digest: digest, origin: bench.origin) {
        (_, _, _) throws(ImageError) in asked += 1
      }
    }
    #expect(asked == 0)
  }

  @Test("what was kept is held against the digests each time: packed and unpacked")
  func kept() throws {
    for isPacked in [true, false] {
      let bench = try Bench()
      let (place, digest) = try layout(bench)
      _ = try bench.library.add(
        from: place, digest: digest, origin: bench.origin, unpackingZstd: unpacking(bench))
      let layout = try ImageLayout("\(bench.library.folder)/\(digest.dropFirst(7))")
      let layer = try layout.manifest(digest).layers[0]
      try bench.spoil(isPacked ? layout.path(layer.blob) : layout.unpackedPath(layer))
      #expect(throws: ImageError.self) { try bench.library.verify(digest) }
      try FileManager.default.removeItem(atPath: layout.unpackedPath(layer))
      #expect(throws: ImageError.self) { try bench.library.verify(digest) }
    }
  }
}
