import Crypto
import EventLoop
import Foundation
import OpenExec
import Records
import Testing

@testable import Sandbox

/// What a host checks and leaves behind, with few machines or none.
@Suite(
  "Host of machines", .serialized, .enabled(if: Bench.obstacle == nil, "\(Bench.obstacle ?? "")"))
struct HostTests {
  @Test("an image that is not what its digest says never boots, nor one that is not installed")
  func digests() throws {
    let rig = try Rig()
    let missing = "sha256:" + String(repeating: "0", count: 64)
    let outcome = try rig.carryOut(rig.order(["/action", "echo"], image: missing))
    #expect(outcome.ending == .sandboxFailed("no image \(missing) is installed"))
    let images = NSTemporaryDirectory() + "openexec-spoiled-\(UUID())"
    try FileManager.default.copyItem(atPath: rig.images.folder, toPath: images)
    defer { try? FileManager.default.removeItem(atPath: images) }
    let path = "\(images)/actions.cpio"
    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    bytes[bytes.count / 2] ^= 1
    try Data(bytes).write(to: URL(fileURLWithPath: path))
    let folder = "/run/openexec-test-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let store = try ImageStore(folder: images, cache: "\(folder)/images")
    #expect(throws: SandboxError.self) { try store.preparedInitramfs(action: rig.images.actions) }
    #expect(throws: Never.self) { try store.preparedInitramfs(action: nil) }
    #expect(store.fault?.contains("actions.cpio") == true, "the preflight tells")
    #expect(rig.host.store.fault == nil)
  }

  @Test("links in place of images, manifests and folders are refused")
  func links() throws {
    let rig = try Rig()
    let folder = NSTemporaryDirectory() + "openexec-links-\(UUID())"
    let manager = FileManager.default
    try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
    defer { try? manager.removeItem(atPath: folder) }
    for name in ["manifest.json", "kernel", "guest.cpio", "actions.cpio", "hostile.cpio"] {
      try manager.createSymbolicLink(
        atPath: "\(folder)/\(name)", withDestinationPath: "\(rig.images.folder)/\(name)")
    }
    #expect(throws: SandboxError.self) {
      try ImageStore(folder: folder, cache: "\(folder)/cache")
    }
    try manager.removeItem(atPath: "\(folder)/manifest.json")
    try manager.copyItem(
      atPath: "\(rig.images.folder)/manifest.json", toPath: "\(folder)/manifest.json")
    let store = try ImageStore(folder: folder, cache: "\(folder)/cache")
    #expect(throws: SandboxError.self) { try store.preparedKernel() }
    try manager.createSymbolicLink(atPath: "\(folder)/run", withDestinationPath: "/run")
    #expect(throws: SandboxError.self) {
      try MicroVMHost(
        loop: rig.loop, settings: MicroVMSettings(images: rig.images.folder, folder: "\(folder)/run"))
    }
  }

  @Test("a folder has one host at a time")
  func lock() throws {
    let rig = try Rig()
    #expect(throws: SandboxError.folderInUse(rig.folder)) { try Rig(folder: rig.folder) }
  }

  @Test("what needs more than the host gives, or a class that it has not, is an error, not a run")
  func unfit() throws {
    let rig = try Rig()
    let large = ActionLimits(
      wallSeconds: 1, memoryMiB: 60_000, processes: 1, outputBytes: 1, diskMiB: 1)
    let outcome = try rig.carryOut(rig.order(["/action", "echo"], limits: large))
    guard case .sandboxFailed(let why) = outcome.ending else {
      Issue.record("it ran")
      return
    }
    #expect(why.contains("MiB"))
    try rig.expectNothingLeft()
  }

  @Test("machines go with the thread that made them, and the next host removes what is left")
  func death() throws {
    let images = try Bench.images.get()
    let name = "openexec-test-\(UUID())"
    let folder = "/run/\(name)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let up = DispatchSemaphore(value: 0)
    let thread = try LoopThread(name: "executor") { loop in
      let host = try MicroVMHost(
        loop: loop, settings: MicroVMSettings(images: images.folder, folder: folder))
      let order = RunOrder(
        id: RunID(token: "t", attempt: 1), isolationClass: .microvmTCG, imageDigest: images.hostile,
        arguments: ["/bin/busybox", "sleep", "1000"], parameters: [],
        limits: ActionLimits(
          wallSeconds: 600, memoryMiB: 32, processes: 8, outputBytes: 100, diskMiB: 1),
        challenge: [UInt8](repeating: 1, count: 32))
      host.start(order) { event in
        if case .started = event { up.signal() }
      }
      // The host lives as long as its loop does, and no longer.
      _ = try loop.schedule(after: .seconds(1_000)) { withExtendedLifetime(host) {} }
    }
    #expect(up.wait(timeout: .now() + 240) == .success)
    #expect(try !FileManager.default.contentsOfDirectory(atPath: "\(folder)/machines").isEmpty)
    // As sudden as a kill: nothing of the host's own clean-up runs.
    let machines = Bench.processes(inGroupNamed: name)
    #expect(!machines.isEmpty)
    try thread.stopAndJoin()
    let rig = try Rig(folder: folder)
    try rig.expectNothingLeft()
    Bench.end(machines)
  }

  @Test("a host ends and removes what was its own, and no group of a folder whose name begins like its")
  func groupNames() throws {
    let folder = "/run/openexec-test-\(UUID())"
    let bounds = ControlGroup.Bounds(memoryBytes: 64 << 20, processes: 4, processorPermille: 100)
    // A host of a folder that is gone again, and a group of its.
    func group(of folder: String) throws -> ControlGroup {
      let rig = try Rig(folder: folder)
      return ControlGroup(rig.host.groupPrefix + "9-9", bounds)
    }
    // The last one is called as the first one's groups begin.
    let digest = SHA256.hash(folder).hex.prefix(16)
    let others = try [
      folder + "-1", folder.replacingOccurrences(of: "test-", with: "test/"), "\(folder)-\(digest)1",
    ].map(group)
    defer { for other in others { other.remove() } }
    let own = try group(of: folder)
    let rig = try Rig(folder: folder)
    for path in others.flatMap(\.folders) { #expect(Folders.isFolder(path), "\(path)") }
    for path in own.folders { #expect(!Folders.isFolder(path), "\(path)") }
    #expect(rig.host.running == 0)
    try? FileManager.default.removeItem(atPath: "/run/openexec-test")
  }

  @Test("however long a folder's name is, a control group has room for what it is called after it")
  func longNames() throws {
    let above = "/run/openexec-test-\(UUID())"
    defer { try? FileManager.default.removeItem(atPath: above) }
    let long = above + "/" + String(repeating: "d", count: 200) + "/" + String(repeating: "e", count: 100)
    let prefixes = try ["1", "2"].map { try Rig(folder: long + $0).host.groupPrefix }
    #expect(Set(prefixes).count == 2)
    // What its end says is what people tell it by.
    #expect(prefixes.allSatisfy { $0.utf8.count < 200 } && prefixes[0].contains("eee1-"))
    let bounds = ControlGroup.Bounds(memoryBytes: 64 << 20, processes: 4, processorPermille: 100)
    let group = ControlGroup(try #require(prefixes.first) + "2147483647-4294967295", bounds)
    defer { group.remove() }
    #expect(!group.folders.isEmpty)
  }

  @Test("a jail, and a bundle, that cannot be finished are not there")
  func halves() throws {
    let folder = NSTemporaryDirectory() + "openexec-half-\(UUID())"
    #expect(throws: SandboxError.self) {
      // Two files of one name.
      try Jail(
        folder: folder, program: "/bin/true", files: [("/bin/true", "x"), ("/bin/true", "x")], devices: [])
    }
    #expect(!Folders.exists(folder))
    // Room for the root's name and not for the runtime's.
    var deep = folder
    while deep.utf8.count < 4_081 {
      let rest = 4_081 - deep.utf8.count
      deep += "/" + String(repeating: "d", count: rest == 202 ? 100 : min(200, rest - 1))
    }
    try Folders.makeAll(String(deep.prefix(upTo: try #require(deep.lastIndex(of: "/")))), mode: 0o755)
    defer { Folders.remove(folder) }
    #expect(throws: SandboxError.self) { try TaskBundle(folder: deep, spec: [:], program: "/bin/true") }
    #expect(!Folders.exists(deep))
    #expect(Folders.exists(String(deep.prefix(upTo: try #require(deep.lastIndex(of: "/"))))))
  }
}
