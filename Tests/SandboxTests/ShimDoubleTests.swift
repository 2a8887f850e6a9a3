import Canonical
import EventLoop
import Foundation
import OpenExec
import Records
import Testing
import WasmBytes
import Wire

@testable import Sandbox

/// What other shims than runc's do, by a program that does so: see Tests/tools/shim-double.
private final class Double {
  let folder = "/run/oed-\(UUID().uuidString.prefix(8))"
  let rig: ShimRig

  /// `wasmImages`: it is a shim for modules, of that folder's.
  init(
    _ words: [String], wasmImages: String? = nil, _ change: (inout ShimSettings) -> Void = { _ in }
  ) throws {
    let manager = FileManager.default
    try manager.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let program = folder + "/containerd-shim-double-v2"
    try manager.copyItem(
      atPath: Bench.repository.appendingPathComponent("Tests/tools/shim-double").path, toPath: program)
    try JSONSerialization.data(withJSONObject: ["words": words, "guest": Int(GuestHello.currentVersion)])
      .write(
        to: URL(fileURLWithPath: folder + "/behaviour.json"))
    rig = try ShimRig {
      $0.container = ShimSettings.Runtime(program)
      if let wasmImages { ($0.images, $0.wasm) = (wasmImages, ShimSettings.Runtime(program)) }
      $0.bootSeconds = 3
      $0.deadlines = ShimSettings.Deadlines(launch: 4, create: 2, start: 2, brief: 2)
      change(&$0)
    }
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  /// Whether the clean-up asked the program to delete.
  var wasDeleted: Bool { FileManager.default.fileExists(atPath: folder + "/deleted") }

  /// Processes of the double that are still there.
  var processes: [String] {
    ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).filter { name in
      Int32(name) != nil && (Folders.readKernelFile("/proc/\(name)/cmdline") ?? "").contains(folder)
    }
  }

  func run(
    _ arguments: [String] = ["/action"], onStart: @escaping (ShimRig) -> Void = { _ in }
  ) throws -> RunOutcome {
    let limits = ActionLimits(wallSeconds: 20, memoryMiB: 16, processes: 4, outputBytes: 1_000, diskMiB: 1)
    let outcome = try rig.carryOut(rig.order(arguments, limits: limits), onStart: onStart)
    rig.expectNothingLeft()
    #expect(processes == [])
    return outcome
  }
}

@Suite(
  "Shims of other kinds", .serialized, .enabled(if: ShimBench.obstacle == nil, "\(ShimBench.obstacle ?? "")"))
struct ShimDoubleTests {
  @Test(
    "a run is carried out with every form of the address, both versions, and every harmless habit",
    arguments: [
      ["form-plain"], ["form-json"], ["form-protobuf"], ["form-abstract"], ["form-abstract-zero"],
      ["version-3"], ["version-3", "form-protobuf"], ["year-1"], ["shutdown-silent"], ["strangers"],
      ["wait-until-drained"], ["closeio-locks"],
      ["closeio-locks", "form-abstract", "year-1", "shutdown-silent"],
    ])
  func harmless(words: [String]) throws {
    let double = try Double(words)
    let outcome = try double.run()
    #expect(outcome.ending == .completed(exitStatus: 0), "\(words): \(outcome.ending)")
    #expect(String(decoding: outcome.output, as: UTF8.self) == "double\n")
    #expect(!double.wasDeleted, "nothing was left to delete")
  }

  @Test(
    "what never answers, or answers with nonsense, ends at a deadline, is a failure, and is cleaned up without it",
    arguments: [
      (["hang-Connect"], "Connect: no answer"), (["hang-Create"], "Create: no answer"),
      (["hang-Start"], "Start: no answer"), (["deaf"], "Connect: no answer"),
      (["hang-Create", "orphan"], "Create: no answer"), (["start-hangs"], "did not end within 4 seconds"),
      (["start-fails"], "there is no configuration"), (["start-garbage"], "expected unix:///PATH"),
      (["exit-0-unsaid"], "before its guest had said"),
      (["exit-0-unsaid", "year-1"], "before its guest had said"),
      (["exit-0-unsaid", "wait-without-time"], "Wait: the reply is malformed"),
      (["garbage"], "expected a message of at most"), (["forged-hello"], "out of turn"),
      (["forged-done"], "out of turn"),
    ])
  func failures(words: [String], why: String) throws {
    let double = try Double(words)
    let begun = ContinuousClock.now
    let outcome = try double.run()
    guard case .sandboxFailed(let said) = outcome.ending else {
      Issue.record("\(words) counted: \(outcome.ending)")
      return
    }
    #expect(said.contains(why), "\(words): \(said)")
    #expect(ContinuousClock.now - begun < .seconds(25))
  }

  @Test(
    "what the guest said stays said, however its shim behaves afterwards",
    arguments: [["hang-Delete"], ["hang-Shutdown"], ["hang-Wait"], ["hang-CloseIO"], ["shutdown-lingers"]])
  func afterwards(words: [String]) throws {
    let double = try Double(words)
    let outcome = try double.run()
    #expect(outcome.ending == .completed(exitStatus: 0), "\(words): \(outcome.ending)")
  }

  @Test("a kill that the shim does not answer, or that the task ignores, ends in the clean-up")
  func deafToKills() throws {
    for words in [["hang-Kill"], ["hang-Kill", "orphan"], ["hang-Wait"]] {
      let double = try Double(words)
      let outcome = try double.run(["/action", "sleep"]) { $0.host.killAll() }
      #expect(outcome.ending == .killed, "\(words): \(outcome.ending)")
      #expect(double.wasDeleted)
    }
  }

  @Test("an orphan that only the delete action knows of is ended by it")
  func orphan() throws {
    let double = try Double(["orphan", "hang-Start"])
    var orphan: pid_t = 0
    let order = double.rig.order(["/action"])
    var ended = false
    double.rig.host.start(order) { event in if case .finished = event { ended = true } }
    while !ended {
      try double.rig.loop.turn()
      for name in Folders.names(double.rig.folder + "/bundles") where orphan == 0 {
        orphan = Int32(Folders.readKernelFile("\(double.rig.folder)/bundles/\(name)/orphan.pid") ?? "") ?? 0
      }
    }
    #expect(orphan > 1)
    // Reaped by whoever adopted it, perhaps not yet.
    let state = Folders.readKernelFile("/proc/\(orphan)/stat") ?? ""
    #expect(state.isEmpty || state.contains(") Z "), "\(state)")
    double.rig.expectNothingLeft()
  }

  @Test("a module in a shim for modules is its own first process, and counts by the shim's word, told twice")
  func modules() throws {
    let (folder, digests) = try WasmBench.images([WasmBytes.echo])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    func run(_ words: [String], _ arguments: [String] = ["/module.wasm", "x"]) throws -> RunOutcome {
      let double = try Double(["module"] + words, wasmImages: folder)
      let limits = ActionLimits(wallSeconds: 3, memoryMiB: 16, processes: 4, outputBytes: 1_000, diskMiB: 1)
      let order = double.rig.order(
        arguments, image: digests[0], parameters: #"{"text":"hi"}"#, limits: limits)
      let outcome = try double.rig.carryOut(order)
      double.rig.expectNothingLeft()
      #expect(double.processes == [])
      return outcome
    }
    let outcome = try run([])
    #expect(outcome.ending == .toldByShim(exitStatus: 0), "\(outcome.ending)")
    #expect(String(decoding: outcome.output, as: UTF8.self) == #"{"text":"hi"}"#)
    #expect(String(decoding: outcome.errorOutput, as: UTF8.self) == "a module was here\n")
    #expect(outcome.guest == nil && outcome.measures.machine?.initramfsDigest == "none")
    #expect(try run(["status-3"]).ending == .toldByShim(exitStatus: 3))
    for (words, why) in [
      (["delete-differs"], "told of its end 0 and 9"), (["wait-without-time"], "the reply is malformed"),
      (["hang-Delete"], "Delete: no answer"),
    ] {
      let outcome = try run(words)
      guard case .sandboxFailed(let said) = outcome.ending else {
        Issue.record("\(words) counted: \(outcome.ending)")
        continue
      }
      #expect(said.contains(why), "\(words): \(said)")
    }
    #expect(try run(["hang-Wait"]).ending == .wallClock)
    guard case .sandboxFailed(let said) = try run([], ["/bin/sh"]).ending else {
      Issue.record("another program than the module ran")
      return
    }
    #expect(said.contains("expected /module.wasm as the first argument"), "\(said)")
  }

  @Test("the preflight runs a module where there is a shim for it, and says where there is none")
  func modulePreflight() throws {
    func finding(_ double: Double) throws -> (ModuleFinding, [HostImage]) {
      var found: ModuleFinding?
      double.rig.host.probeModules { found = $0 }
      while found == nil { try double.rig.loop.turn() }
      double.rig.expectNothingLeft()
      return (try #require(found), double.rig.host.images)
    }
    let (folder, digests) = try WasmBench.images([WasmBytes.echo])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let (works, images) = try finding(Double(["module"], wasmImages: folder))
    #expect(works.isActive && works.remedy.isEmpty, "\(works)")
    #expect(images.first { $0.digest == digests[0] }?.classes == [.container])
    let (fails, without) = try finding(Double(["module", "status-1"], wasmImages: folder))
    #expect(!fails.isActive && !fails.remedy.isEmpty, "\(fails)")
    #expect(without.first { $0.digest == digests[0] }?.classes == [])
    let absent = try Double(["module"], wasmImages: folder) {
      $0.wasm = ShimSettings.Runtime("io.none.none.v1")
    }
    let (nothing, _) = try finding(absent)
    #expect(!nothing.isActive && nothing.finding.contains("there is no program containerd-shim-none-v1"))
  }

  @Test("a shim that others could be is not spoken to")
  func stranger() throws {
    let double = try Double(["form-plain"])
    let path = double.folder + "/socket"
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
    process.arguments = [
      "-c",
      """
      import os, socket, sys
      listener = socket.socket(socket.AF_UNIX)
      listener.bind(sys.argv[1])
      os.setgid(65534)
      listener.listen()
      print("up", flush=True)
      listener.accept()[0].recv(1)
      """, path,
    ]
    let said = Pipe()
    process.standardOutput = said
    try process.run()
    _ = said.fileHandleForReading.readData(ofLength: 3)
    #expect(throws: ShimError.stranger(path, user: 0, group: 65_534)) {
      try ShimConnection.connect([.path(path)])
    }
    process.waitUntilExit()
  }
}
