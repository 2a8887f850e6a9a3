import Canonical
import CSystem
import EventLoop
import Foundation
import OpenExec
import Records
import Testing

@testable import Sandbox

/// Walls that no action can try from inside, since they stand before it begins.
@Suite("Walls", .serialized, .enabled(if: geteuid() == 0, "walls are made by root"))
struct WallTests {
  private let folder = NSTemporaryDirectory() + "openexec-walls-\(UUID())"

  init() throws { try Folders.makeAll(folder, mode: 0o755) }

  private func end() { Folders.remove(folder) }

  @Test("links planted where a jail, a bundle, a FIFO or an image belongs are not followed")
  func links() throws {
    defer { end() }
    let outside = "\(folder)/outside"
    try Folders.make(outside, mode: 0o755)
    try Folders.create("\(outside)/kept", [Array("kept".utf8)], mode: 0o644)
    // A jail takes the link away, and what it pointed to stays.
    let place = "\(folder)/place"
    #expect(symlink(outside, place) == 0)
    let jail = try Jail(folder: place, program: "/bin/true", files: [], devices: [])
    #expect(!Folders.isLink(place) && Folders.exists("\(outside)/kept"))
    jail.remove()
    // A bundle is refused where anything is.
    #expect(symlink(outside, place) == 0)
    #expect(throws: SandboxError.self) { try TaskBundle(folder: place, spec: [:], program: "/bin/true") }
    #expect(Folders.names(outside) == ["kept"])
    unlink(place)
    let bundle = try TaskBundle(folder: place, spec: [:], program: "/bin/true")
    for path in [bundle.stdout, bundle.log] {
      unlink(path)
      #expect(symlink("\(outside)/kept", path) == 0)
      #expect(throws: SandboxError.self) { try TaskBundle.open(path) }
    }
    bundle.remove()
    #expect(throws: SandboxError.self) {
      try Folders.create("\(outside)/kept", [Array("other".utf8)], mode: 0o644)
    }
    #expect(symlink("\(outside)/kept", place) == 0)
    #expect(throws: SandboxError.self) { try Folders.read(place, limit: 100) }
    #expect(throws: SandboxError.self) { try Folders.make(place, mode: 0o755) }
    #expect(try Folders.read("\(outside)/kept", limit: 100) == Array("kept".utf8))
  }

  /// Runs a program in control groups of its own to its end.
  private func run(_ arguments: [String], in group: ControlGroup) throws -> ExitOutcome {
    let loop = try EventLoop()
    var plan = SpawnPlan(path: arguments[0], arguments: arguments)
    plan.confinement.controlGroups = group.folders
    var outcome: ExitOutcome?
    _ = try loop.spawn(plan) { outcome = $0 }
    while outcome == nil { try loop.turn() }
    loop.end()
    return try #require(outcome)
  }

  @Test(
    "the host's bound on memory ends what a guest's own did not, and a bound that cannot be joined begins nothing",
    .enabled(if: ControlGroup.usableControllers().contains("memory"), "there is no memory controller here"),
    .enabled(if: FileManager.default.isExecutableFile(atPath: "/bin/busybox"), "busybox is not installed"))
  func secondBound() throws {
    defer { end() }
    let group = ControlGroup(
      "walls-\(UUID())", ControlGroup.Bounds(memoryBytes: 32 << 20, processes: 4, processorPermille: 1_000))
    let hog = ["/bin/busybox", "tail", "-c", "500000000", "/dev/zero"]
    #expect(try run(hog, in: group) == .signalled(number: SIGKILL))
    #expect(try run(["/bin/busybox", "true"], in: group) == .exited(code: 0))
    // The group of the process itself, from inside: its namespace begins there.
    group.remove()
    for path in group.folders { #expect(!Folders.exists(path)) }
    #expect(throws: SpawnError.self) { try run(["/bin/busybox", "true"], in: group) }
  }

  // MARK: Shims

  private static let image = "[{\"gzip\": true, \"entries\": [ENTRIES]}]"

  @Test(
    "an image whose mount points lead elsewhere, or that has this program's own folder, has no root",
    .enabled(if: ShimBench.obstacle == nil, "\(ShimBench.obstacle ?? "")"),
    arguments: [
      #"{"path": "tmp", "link": "/etc"}"#, #"{"path": "proc", "link": "../../etc"}"#,
      #"{"path": "inputs", "text": "a file"}"#, #"{"path": ".openexec", "link": "/etc"}"#,
    ])
  func mountPoints(entry: String) throws {
    defer { end() }
    let images = try ShimBench.images.get().folder
    let place = "\(folder)/images"
    try FileManager.default.copyItem(atPath: images, toPath: place)
    let layout = "\(folder)/layout"
    let digest = try ShimBench.layout(Self.image.replacingOccurrences(of: "ENTRIES", with: entry), at: layout)
    let before = Folders.names("/etc")
    let isAdded = (try? ShimBench.add(digest, from: layout, to: place)) != nil
    let roots = try RootStore(images: place, folder: "\(folder)/roots")
    #expect(throws: SandboxError.self) { try roots.root(digest) }
    #expect(Folders.names("/etc") == before && !Folders.exists("/etc/guest"))
    // Refused already when it is taken in, or when its root is made; in no case is anything of it used.
    if isAdded { #expect(throws: SandboxError.self) { try roots.root(digest) } }
  }

  @Test("nothing of an image's own configuration, and no annotation, reaches a runtime")
  func specification() {
    let spec = ContainerSpec(
      isolationClass: .kata,
      limits: ActionLimits(wallSeconds: 1, memoryMiB: 8, processes: 1, outputBytes: 1, diskMiB: 1),
      inputMiB: 0,
      users: (3_000_000, 3_000_001), controlGroup: "/x")
    guard case .object(let members) = spec.json else {
      Issue.record("no object")
      return
    }
    #expect(
      members.members.map(\.name).sorted() == [
        "hostname", "linux", "mounts", "ociVersion", "process", "root",
      ])
    #expect(spec.json["process"]?["env"] == [] && spec.json["root"]?["readonly"] == true)
    for mount in spec.json["mounts"]?.array ?? [] {
      #expect(["proc", "tmpfs", "sysfs"].contains(mount["type"]?.string ?? ""), "\(mount.canonical)")
    }
  }

  @Test(
    "a shim's socket, its bundle and its FIFOs are in nobody else's reach",
    .enabled(if: ShimBench.obstacle == nil, "\(ShimBench.obstacle ?? "")"))
  func sockets() throws {
    defer { end() }
    let rig = try ShimRig()
    let order = rig.script("/bin/busybox sleep 1000")
    var reached: [String] = []
    var seen = 0
    _ = try rig.carryOut(order) { rig in
      let bundles = rig.host.bundles
      for name in Folders.names(bundles) {
        for file in Folders.names("\(bundles)/\(name)") where file != "rootfs" {
          var status = stat()
          guard lstat("\(bundles)/\(name)/\(file)", &status) == 0 else { continue }
          seen += 1
          // Listed by nobody: the folder can be passed through, not read.
          if status.st_mode & 0o077 != 0, status.st_mode & S_IFMT != S_IFREG { reached.append(file) }
        }
        var status = stat()
        if lstat("\(bundles)/\(name)", &status) == 0, status.st_mode & 0o066 != 0 { reached.append(name) }
        let written = (try? Folders.read("\(bundles)/\(name)/address", limit: 4_096)) ?? []
        for case .path(let path) in (try? ShimAddress.read(String(decoding: written, as: UTF8.self))) ?? [] {
          seen += 1
          reached += Self.connects(path) ? [path] : []
        }
      }
      rig.host.kill(order.id)
    }
    #expect(seen > 5 && reached == [], "\(seen) \(reached)")
    rig.expectNothingLeft()
  }

  /// Whether another user's process gets as far as a connection.
  private static func connects(_ path: String) -> Bool {
    let script = """
      import os, socket, sys
      os.setgid(65534); os.setuid(65534)
      socket.socket(socket.AF_UNIX).connect(sys.argv[1])
      """
    return (try? Bench.status("/usr/bin/python3", ["-c", script, path])) == 0
  }
}
