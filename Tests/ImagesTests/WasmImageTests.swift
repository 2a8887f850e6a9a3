import Foundation
import Testing
import WasmBytes

@testable import Images

/// What an image of a WebAssembly module is, and why one is not taken.
@Suite("WebAssembly images")
struct WasmImageTests {
  private func description(_ module: [UInt8], config: String = "{}") -> String {
    #"[{"wasm": "\#(WasmBytes.hex(module))", "config": \#(config)}]"#
  }

  /// Why a layout is not taken.
  private func refusal(_ description: String) throws -> String {
    let bench = try Bench()
    let (place, digest) = try bench.layout(description: description)
    do {
      _ = try bench.library.add(from: place, digest: digest, origin: bench.origin)
      return "it was taken"
    } catch {
      return "\(error)"
    }
  }

  @Test("a module is taken in under its manifest's digest, is told from a container, and is verified")
  func module() throws {
    let bench = try Bench()
    let (place, digest) = try bench.layout(description: description(WasmBytes.echo))
    let entry = try bench.library.add(from: place, digest: nil, origin: bench.origin)
    #expect(entry.digest == digest && entry.kind == .wasm && entry.size == WasmBytes.echo.count)
    #expect(try bench.library.kind(of: digest) == .wasm)
    #expect(bench.library.kinds().map(\.digest) == [digest])
    let target = bench.folder + "/out"
    _ = try bench.library.load(digest, into: target)
    #expect(try FileManager.default.contentsOfDirectory(atPath: target) == [WasmImage.fileName])
    #expect(try bench.bytes("\(target)/\(WasmImage.fileName)") == WasmBytes.echo)
    // Its one blob, changed behind the library's back.
    let blobs = "\(bench.library.folder)/\(digest.dropFirst(7))/blobs/sha256"
    for name in try FileManager.default.contentsOfDirectory(atPath: blobs)
    where try bench.bytes("\(blobs)/\(name)") == WasmBytes.echo {
      try bench.spoil("\(blobs)/\(name)")
    }
    let spoiled = #expect(throws: ImageError.self) { try bench.library.verify(digest) }
    #expect(spoiled?.description.hasPrefix("module: expected sha256:") == true, "\(spoiled as Any)")
    let container = try bench.layout([#"{"path": "hello", "text": "hi"}"#])
    #expect(
      try bench.library.add(from: container.folder, digest: nil, origin: bench.origin).kind == .container)
  }

  @Test("what is no module that could run here is refused when it is added, and says what was expected")
  func refusals() throws {
    let component: [UInt8] = [0x00, 0x61, 0x73, 0x6D, 0x0D, 0, 1, 0]
    let cases: [([UInt8], String)] = [
      (Array("#!/bin/sh\n".utf8), "begins with 00 61 73 6d, found 23 21 2f 62"), ([], "found nothing"),
      (component, "found a component"), (Array(WasmBytes.echo.dropLast(3)), "in the middle of a section"),
      (WasmBytes.stranger, "imports env.launch: expected functions of wasi_snapshot_preview1 alone"),
      (
        WasmBytes.module(imports: [(WasmBytes.wasi, "fd_fly", 2)], body: []),
        "imports wasi_snapshot_preview1.fd_fly"
      ),
      (WasmBytes.library, "exports the function _start"),
    ]
    for (bytes, why) in cases {
      let said = try refusal(description(bytes))
      #expect(said.contains(why), "\(said)")
    }
  }

  @Test("a configuration that is for something else, or lies about its layer, is refused")
  func configurations() throws {
    let zero = "sha256:" + String(repeating: "0", count: 64)
    for (config, why) in [
      (#"{"os": "wasip2"}"#, "expected a module for wasm and wasip1, found wasm and wasip2"),
      (#"{"architecture": "amd64", "os": "linux"}"#, "found amd64 and linux"),
      (#"{"layerDigests": ["\#(zero)"]}"#, "the digest of the manifest's layer in layerDigests"),
    ] {
      let said = try refusal(description(WasmBytes.echo, config: config))
      #expect(said.contains(why), "\(said)")
    }
    let two = #"[{"wasm": "00"}, {"wasm": "01"}]"#
    #expect(try refusal(two).contains("expected the one layer of a WebAssembly module, found 2"))
  }

  @Test("bytes of any kind are refused or taken, and never end the program")
  func hostileBytes() {
    // Every prefix, and every byte changed to the values that lengths come to grief on.
    let whole = WasmBytes.echo
    for count in whole.indices { _ = try? WasmModule(parsing: Array(whole[..<count])) }
    for index in whole.indices {
      for value: UInt8 in [0x00, 0x7F, 0x80, 0xFF] {
        var bytes = whole
        bytes[index] = value
        _ = try? WasmModule(parsing: bytes)
      }
    }
    #expect((try? WasmModule(parsing: whole))?.imports == ["fd_read", "fd_write", "proc_exit"])
    let endless: [UInt8] = [0x00, 0x61, 0x73, 0x6D, 1, 0, 0, 0, 2, 5, 0xFF, 0xFF, 0xFF, 0xFF, 0x0F]
    #expect(throws: ImageError.self) { try WasmModule(parsing: endless) }
  }
}
