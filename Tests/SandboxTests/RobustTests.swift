import Crypto
import CSystem
import EventLoop
import Foundation
import OpenExec
import Records
import Testing

@testable import Sandbox

/// A host on which something is missing or broken: each run is told what, nothing is left, and the next one is as good as
/// the host.
@Suite(
  "Broken hosts", .serialized, .enabled(if: Bench.obstacle == nil, "\(Bench.obstacle ?? "")"))
struct RobustTests {
  /// A copy of the images, in which `change` breaks something.
  private func images(_ change: (String) throws -> Void) throws -> String {
    let place = NSTemporaryDirectory() + "openexec-broken-\(UUID())"
    try FileManager.default.copyItem(atPath: try Bench.images.get().folder, toPath: place)
    try change(place)
    return place
  }

  /// Puts other bytes in an image's place, with the digest that they have: whoever built it meant it so.
  private func replace(_ name: String, _ bytes: [UInt8], in images: String) throws {
    let path = "\(images)/\(name)"
    let manifest = "\(images)/manifest.json"
    let old = try Bench.digest(path)
    for file in [manifest, "\(images)/actions.provenance.json"] {
      try String(contentsOfFile: file, encoding: .utf8)
        .replacingOccurrences(of: old, with: "sha256:" + SHA256.hash(bytes).hex)
        .write(toFile: file, atomically: true, encoding: .utf8)
    }
    try Data(bytes).write(to: URL(fileURLWithPath: path))
  }

  private func failure(_ rig: Rig, _ order: RunOrder? = nil) throws -> String {
    let outcome = try rig.carryOut(order ?? rig.order(["/action", "echo"], parameters: #"{"text":"x"}"#))
    try rig.expectNothingLeft()
    guard case .sandboxFailed(let why) = outcome.ending else {
      Issue.record("it ran: \(outcome.ending)")
      return ""
    }
    #expect(outcome.guest == nil)
    return why
  }

  @Test("without a kernel nothing boots, and the error names the file; the preflight says it too")
  func noKernel() throws {
    let place = try images { try FileManager.default.removeItem(atPath: "\($0)/kernel") }
    defer { Folders.remove(place) }
    let rig = try Rig { $0.images = place }
    #expect(try failure(rig).contains("\(place)/kernel: "))
    var report: PreflightReport?
    rig.host.preflight { report = $0 }
    while report == nil { try rig.loop.turn() }
    #expect(report?.active == [] && report?.imageFault?.contains("/kernel") == true, "\(report?.table ?? "")")
  }

  @Test(
    "an initramfs that is no archive, or whose guest is no program, ends its machine long before the boot's deadline"
  )
  func brokenInitramfs() throws {
    for bytes in [[UInt8](repeating: 7, count: 100_000), RequestArchive.bytes([1, 2, 3])] {
      let place = try images { try replace("guest.cpio", bytes, in: $0) }
      defer { Folders.remove(place) }
      let rig = try Rig {
        $0.images = place
        $0.bootSeconds = 100
      }
      #expect(try failure(rig).contains("the machine ended before the guest had said"))
    }
  }

  @Test("an image of which its provenance says another thing does not run, and the preflight says so")
  func otherProvenance() throws {
    let place = try images { place in
      let path = "\(place)/actions.provenance.json"
      try String(contentsOfFile: path, encoding: .utf8)
        .replacingOccurrences(
          of: try Bench.digest("\(place)/actions.cpio"), with: try Bench.digest("\(place)/hostile.cpio")
        )
        .write(toFile: path, atomically: true, encoding: .utf8)
    }
    defer { Folders.remove(place) }
    let rig = try Rig { $0.images = place }
    #expect(try failure(rig).contains("provenance: image: expected"))
    #expect(rig.host.store.provenanceFault != nil)
    #expect(rig.host.store.provenance(of: try Bench.images.get().actions) == nil)
  }

  @Test("a guest that hangs is ended at the boot's deadline")
  func silentGuest() throws {
    // A kernel that is none: QEMU does not start it, and says so.
    let place = try images { try replace("kernel", [UInt8](repeating: 0, count: 4_096), in: $0) }
    defer { Folders.remove(place) }
    let rig = try Rig {
      $0.images = place
      $0.bootSeconds = 5
    }
    let why = try failure(rig)
    #expect(why.contains("ended before") || why.contains("within 5 seconds"), "\(why)")
  }

  @Test("a host without the memory for a machine says so in QEMU's words")
  func noMemory() throws {
    let rig = try Rig { $0.maximumMemoryMiB = .max }
    let limits = ActionLimits(
      wallSeconds: 10, memoryMiB: 100_000_000, processes: 4, outputBytes: 100, diskMiB: 1)
    let why = try failure(rig, rig.order(["/action", "echo"], limits: limits))
    #expect(why.lowercased().contains("memory"), "\(why)")
    let next = try rig.carryOut(rig.order(["/action", "echo"], parameters: #"{"text":"x"}"#))
    #expect(next.ending == .completed(exitStatus: 0))
  }

  @Test(
    "a full disk is an error that names the file, and no half of an image is used when there is room again")
  func diskFull() throws {
    let folder = "/run/openexec-test-\(UUID())"
    try Folders.makeAll(folder, mode: 0o711)
    func mount(_ flags: UInt, _ size: String) -> Int32 {
      folder.withCString { path in
        "tmpfs".withCString { type in
          size.withCString { size in
            var plan = csystem_mount(source: type, target: path, type: type, flags: flags, data: size)
            return csystem_mount(&plan)
          }
        }
      }
    }
    try #require(mount(0, "size=4m") == 0)
    defer {
      _ = csystem_unmount(folder, 2)
      rmdir(folder)
    }
    let rig = try Rig(folder: folder)
    let order = rig.order(["/action", "echo"], parameters: #"{"text":"x"}"#)
    let full = try rig.carryOut(order)
    guard case .sandboxFailed(let why) = full.ending else {
      Issue.record("it ran: \(full.ending)")
      return
    }
    #expect(why.contains("\(folder)/images/") && why.contains("write"), "\(why)")
    #expect(Folders.names("\(folder)/images") == [] && Folders.names("\(folder)/machines") == [])
    // MS_REMOUNT.
    try #require(mount(32, "size=256m") == 0)
    let next = try rig.carryOut(order)
    #expect(next.ending == .completed(exitStatus: 0), "\(next.ending)")
  }
}
