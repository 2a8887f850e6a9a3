import Crypto
import Foundation
import Images
import OpenExec
import Records
import Testing
import WasmBytes

@testable import Sandbox

/// The images of the tests with a library of modules beside them.
enum WasmBench {
  /// Why modules cannot run here; nil where they can.
  static let obstacle: String? = {
    if let obstacle = Bench.obstacle { return obstacle }
    // Where the images' script finds it. That is not run here: whether a test can run is asked of each that there is, also where
    // others are wanted.
    let environment = ProcessInfo.processInfo.environment
    if let named = environment["OPENEXEC_WASMKIT"] {
      return FileManager.default.isExecutableFile(atPath: named) ? nil : "OPENEXEC_WASMKIT names no program"
    }
    let swift = (environment["PATH"] ?? "").split(separator: ":").map { "\($0)/swift" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
    guard let swift else { return "there is no toolchain" }
    let wasmkit = URL(fileURLWithPath: swift).resolvingSymlinksInPath().deletingLastPathComponent()
      .appendingPathComponent("wasmkit").path
    return FileManager.default.isExecutableFile(atPath: wasmkit) ? nil : "this toolchain has no wasmkit"
  }()

  /// A copy of the images' folder with these modules, and their digests in the same order.
  static func images(_ modules: [[UInt8]]) throws -> (folder: String, digests: [String]) {
    let built = try Bench.images.get().folder
    let folder = NSTemporaryDirectory() + "openexec-wasm-\(UUID())"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    // Symbolic links would be refused; a second name of the same file is that file, and far quicker made than a copy.
    for name in Folders.names(built) where !Folders.isFolder("\(built)/\(name)") {
      let (file, place) = ("\(built)/\(name)", "\(folder)/\(name)")
      if link(file, place) != 0 { try FileManager.default.copyItem(atPath: file, toPath: place) }
    }
    let digests = try modules.map { module in
      let layout = NSTemporaryDirectory() + "openexec-layout-\(UUID())"
      defer { try? FileManager.default.removeItem(atPath: layout) }
      let digest = try ShimBench.layout(#"[{"wasm": "\#(WasmBytes.hex(module))"}]"#, at: layout)
      try ShimBench.add(digest, from: layout, to: folder)
      return digest
    }
    return (folder, digests)
  }

  /// Changes the one blob that is these bytes, behind everybody's back.
  static func spoil(_ module: [UInt8], of digest: String, in images: String) throws {
    let blobs = "\(images)/oci/\(digest.dropFirst(7))/blobs/sha256"
    for name in Folders.names(blobs) where try Folders.read("\(blobs)/\(name)", limit: 1 << 20) == module {
      var bytes = module
      bytes[bytes.count - 2] ^= 1
      try Data(bytes).write(to: URL(fileURLWithPath: "\(blobs)/\(name)"))
    }
  }
}

/// WebAssembly modules in real machines. Of the suite of real machines, since these run one after the other.
extension MicroVMTests {
  private var echo: [UInt8] { WasmBytes.echo }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  @Test(
    "a module runs by the interpreter of its own archive, which the receipt's evidence names",
    .enabled(if: WasmBench.obstacle == nil, "\(WasmBench.obstacle ?? "")"))
  func module() throws {
    let (folder, digests) = try WasmBench.images([echo])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let rig = try Rig { $0.images = folder }
    var started: [UInt64] = []
    func timed(_ order: RunOrder) throws -> (RunOutcome, Double) {
      let begun = rig.loop.now.nanoseconds
      let outcome = try rig.carryOut(order) { started.append($0.loop.now.nanoseconds) }
      return (outcome, Double((started.last ?? begun) - begun) / 1e9)
    }
    let (plain, plainSeconds) = try timed(rig.order(["/action", "echo"], parameters: #"{"text":"x"}"#))
    #expect(plain.measures.machine?.runtimeDigest == nil)
    let limits = ActionLimits(wallSeconds: 60, memoryMiB: 16, processes: 4, outputBytes: 4_096, diskMiB: 1)
    let order = rig.order(
      ["/module.wasm", "an argument"], image: digests[0], parameters: #"{"text":"Grüße"}"#,
      inputs: [rig.input(Array("a file".utf8))], limits: limits)
    let (outcome, seconds) = try timed(order)
    #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending): \(text(outcome.errorOutput))")
    #expect(text(outcome.output) == #"{"text":"Grüße"}"#)
    #expect(outcome.guest?.answers(order.challenge) == true)
    let runtime = try Bench.digest("\(folder)/wasm.cpio")
    #expect(outcome.measures.machine?.runtimeDigest == runtime)
    #expect(outcome.measures.machine?.initramfsDigest == plain.measures.machine?.initramfsDigest)
    print("boot: plain \(plainSeconds) s, with the runtime \(seconds) s, ratio \(seconds / plainSeconds)")
    print("resident: \((outcome.measures.usage?.memoryPeakBytes ?? 0) >> 20) MiB")
    try rig.expectNothingLeft()
  }

  @Test(
    "a module reads its input, whole, and finds nothing outside of its folders",
    .enabled(if: WasmBench.obstacle == nil, "\(WasmBench.obstacle ?? "")"))
  func moduleInputs() throws {
    let content = Array("a,b\n1,2\nGrüße\n".utf8)
    let name = "1-\(SHA256.hash(content).hex)"
    let (folder, digests) = try WasmBench.images([
      WasmBytes.reader(of: name), WasmBytes.reader(of: "../module.wasm"),
    ])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let rig = try Rig { $0.images = folder }
    let limits = ActionLimits(wallSeconds: 60, memoryMiB: 16, processes: 4, outputBytes: 4_096, diskMiB: 1)
    func run(_ image: String) throws -> RunOutcome {
      try rig.carryOut(
        rig.order(["/module.wasm"], image: image, inputs: [rig.input(content)], limits: limits))
    }
    let outcome = try run(digests[0])
    #expect(outcome.ending == .completed(exitStatus: 0), "\(outcome.ending): \(text(outcome.errorOutput))")
    #expect(outcome.output == content)
    // Outside there is nothing for it: an errno, and no content.
    let stranger = try run(digests[1])
    #expect(stranger.output.isEmpty && stranger.ending != .completed(exitStatus: 0), "\(stranger.ending)")
    try rig.expectNothingLeft()
  }

  @Test(
    "a trap, a want of memory and an endless loop end as failures that say so",
    .enabled(if: WasmBench.obstacle == nil, "\(WasmBench.obstacle ?? "")"))
  func badModules() throws {
    let (folder, digests) = try WasmBench.images([WasmBytes.trap, WasmBytes.hog, WasmBytes.loop])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let rig = try Rig { $0.images = folder }
    let limits = ActionLimits(wallSeconds: 60, memoryMiB: 48, processes: 4, outputBytes: 4_096, diskMiB: 1)
    func run(_ image: String, wall: Int = 60) throws -> RunOutcome {
      var own = limits
      own.wallSeconds = wall
      return try rig.carryOut(rig.order(["/module.wasm"], image: image, limits: own))
    }
    let trapped = try run(digests[0])
    #expect(trapped.ending == .completed(exitStatus: 1), "\(trapped.ending)")
    #expect(text(trapped.errorOutput).contains("unreachable"), "\(text(trapped.errorOutput))")
    // The interpreter gives up with SIGABRT where the kernel gives it no more.
    let hungry = try run(digests[1])
    #expect(hungry.ending == .signalled(number: 6), "\(hungry.ending)")
    #expect(text(hungry.errorOutput).contains("failed to allocate"), "\(text(hungry.errorOutput))")
    let endless = try run(digests[2], wall: 2)
    #expect(endless.ending == .wallClock, "\(endless.ending)")
    try rig.expectNothingLeft()
  }

  @Test(
    "a module that is not what it was does not run, and one that changes while it runs does not count",
    .enabled(if: WasmBench.obstacle == nil, "\(WasmBench.obstacle ?? "")"))
  func spoiledModules() throws {
    let (folder, digests) = try WasmBench.images([WasmBytes.loop, echo])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let rig = try Rig { $0.images = folder }
    try WasmBench.spoil(echo, of: digests[1], in: folder)
    let never = try rig.carryOut(rig.order(["/module.wasm"], image: digests[1]))
    guard case .sandboxFailed(let why) = never.ending else {
      Issue.record("it ran: \(never.ending)")
      return
    }
    #expect(why.contains("module: expected sha256:"), "\(why)")
    let order = rig.order(["/module.wasm"], image: digests[0])
    let changed = try rig.carryOut(order) { rig in
      try? WasmBench.spoil(WasmBytes.loop, of: digests[0], in: folder)
      rig.host.kill(order.id)
    }
    guard case .sandboxFailed(let after) = changed.ending else {
      Issue.record("it counted: \(changed.ending)")
      return
    }
    #expect(after.hasPrefix("after the run: module: expected sha256:"), "\(after)")
    #expect(rig.host.running == 0)
    try rig.expectNothingLeft()
  }

  @Test("without an interpreter, or with another program than the module, nothing boots")
  func unfitModules() throws {
    let (folder, digests) = try WasmBench.images([echo])
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let rig = try Rig { $0.images = folder }
    func failure(_ arguments: [String], _ rig: Rig) throws -> String {
      let outcome = try rig.carryOut(rig.order(arguments, image: digests[0]))
      guard case .sandboxFailed(let why) = outcome.ending else { return "it ran: \(outcome.ending)" }
      return why
    }
    let manifest = "\(folder)/manifest.json"
    let whole = try String(contentsOfFile: manifest, encoding: .utf8)
    if WasmBench.obstacle == nil {
      #expect(try failure(["/action"], rig).contains("expected /module.wasm as the first argument"))
      #expect(
        rig.host.images.contains { $0.digest == digests[0] && $0.classes == [.microvmKVM, .microvmTCG] })
    }
    try whole.replacingOccurrences(of: "\"wasm\":", with: "\"other\":")
      .write(toFile: manifest, atomically: true, encoding: .utf8)
    let without = try Rig { $0.images = folder }
    #expect(try failure(["/module.wasm"], without).contains("build the images with wasmkit"))
    #expect(without.host.images.contains { $0.digest == digests[0] && $0.classes == [] })
    let report = PreflightReport(
      classes: [], controllers: [], missingControllers: [], imageFault: nil, warnings: [])
    #expect(report.table(of: without.host.images).contains("\(digests[0])  wasm  nothing here runs it"))
  }

  @Test("a machine has room for its archives twice, and never less than for the usual ones")
  func overhead() {
    let mebibyte = 1 << 20
    #expect(Machine.overheadMiB(initramfs: 0) == 112)
    #expect(Machine.overheadMiB(initramfs: 24 * mebibyte) == 112)
    #expect(Machine.overheadMiB(initramfs: 24 * mebibyte + 1) == 114)
    #expect(Machine.overheadMiB(initramfs: 82 * mebibyte) == 228)
    func isUnlimited(_ size: Int) -> Bool {
      let machine = Machine(accelerator: .tcg, memoryMiB: 256, timestampKilohertz: 1, initramfsSize: size)
      return machine.arguments(program: "q").contains { $0.contains("rootfstype=ramfs") }
    }
    // The kernel's usual root would take half of what is left beside the archives, and they would not fit.
    #expect(isUnlimited(82 * mebibyte) && !isUnlimited(24 * mebibyte))
    #expect(WasmRuntime.ownBytes(archive: 70 * mebibyte) == 94 * mebibyte)
  }

  @Test("what a module is run with: its inputs where it has some, one folder to write, nothing else")
  func command() throws {
    #expect(
      try WasmRuntime.arguments(["/module.wasm", "--dir", "/"], hasInputs: true) == [
        "/wasm/loader", "--library-path", "/wasm/lib", "/wasm/wasmkit", "run", "--dir", "/inputs", "--dir",
        "/tmp", "/module.wasm", "--dir", "/",
      ])
    #expect(try WasmRuntime.arguments(["/module.wasm"], hasInputs: false).contains("/inputs") == false)
    #expect(throws: SandboxError.self) { try WasmRuntime.arguments([], hasInputs: false) }
  }
}
