import EventLoop
import Foundation
import Images
import OpenExec
import Records
import Testing

@testable import Sandbox

/// What the tests with real shims need of this machine.
enum ShimBench {
  /// Why they cannot run here; nil where they can.
  static let obstacle: String? = {
    if geteuid() != 0 { return "tasks are made by root" }
    for path in ["/usr/bin/containerd-shim-runc-v2", "/bin/busybox", "/usr/bin/python3"]
    where !FileManager.default.isExecutableFile(atPath: path) {
      return "\(path) is not installed"
    }
    return Bench.obstacle
  }()

  static let images: Result<Images, any Error> = Result { try Images() }

  /// The images that are built for production, and a library with one that holds busybox.
  struct Images {
    let folder: String
    let busybox: String

    init() throws {
      let built = try Bench.images.get()
      folder = built.folder + "-and-oci"
      try? FileManager.default.removeItem(atPath: folder)
      try FileManager.default.copyItem(atPath: built.folder, toPath: folder)
      let entries = """
        {"path": "bin", "folder": true}, {"path": "bin/busybox", "copy": "/bin/busybox"},
        {"path": "bin/sh", "link": "busybox"}, {"path": "tmp", "folder": true, "mode": 1023}
        """
      let layout = NSTemporaryDirectory() + "openexec-layout-\(UUID())"
      defer { try? FileManager.default.removeItem(atPath: layout) }
      busybox = try ShimBench.layout("[{\"gzip\": true, \"entries\": [\(entries)]}]", at: layout)
      try ShimBench.add(busybox, from: layout, to: folder)
    }
  }

  /// Takes an image of a layout into the library beside the images of a folder.
  static func add(_ digest: String, from layout: String, to images: String) throws {
    _ = try ImageLibrary("\(images)/oci").add(
      from: layout, digest: digest,
      origin: Provenance.Origin(source: layout, addedAt: "2026-01-01T00:00:00Z", addedBy: "a test"))
  }

  /// Makes an image layout; its manifest's digest.
  static func layout(_ description: String, at folder: String) throws -> String {
    let process = Process()
    process.executableURL = Bench.repository.appendingPathComponent("Tests/tools/oci-layout")
    process.arguments = [folder]
    let (input, output) = (Pipe(), Pipe())
    process.standardInput = input
    process.standardOutput = output
    try process.run()
    input.fileHandleForWriting.write(Data(description.utf8))
    try input.fileHandleForWriting.close()
    let said = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0)
    return String(decoding: said, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}

/// A host of shims on a loop of its own, in a folder of its own.
final class ShimRig: SandboxRig {
  let loop: EventLoop
  let host: ShimHost
  let images: ShimBench.Images
  let folder: String
  let roots: String

  init(
    folder: String = "/run/oe-\(UUID().uuidString.prefix(13))",
    adjust: (inout ShimSettings) -> Void = { _ in }
  ) throws {
    self.folder = folder
    roots = folder + "-roots"
    images = try ShimBench.images.get()
    loop = try EventLoop()
    var settings = ShimSettings(images: images.folder, folder: folder, roots: roots)
    adjust(&settings)
    host = try ShimHost(loop: loop, settings: settings)
  }

  private var isAbandoned = false

  /// Lets go of everything as a killed program would: what is on the machine stays.
  func abandon() {
    isAbandoned = true
    loop.end()
  }

  deinit {
    loop.end()
    guard !isAbandoned else { return }
    for path in [folder, roots] { try? FileManager.default.removeItem(atPath: path) }
  }

  static let limits = ActionLimits(
    wallSeconds: 60, memoryMiB: 64, processes: 16, outputBytes: 64 << 10, diskMiB: 8)

  func order(
    _ arguments: [String], image: String? = nil, parameters: String = "{}", inputs: [RunInput] = [],
    isolationClass: IsolationClass = .container, limits: ActionLimits = ShimRig.limits
  ) -> RunOrder {
    RunOrder(
      id: RunID(token: "token-\(UUID())", attempt: 1), isolationClass: isolationClass,
      imageDigest: image ?? images.busybox, arguments: arguments, parameters: Array(parameters.utf8),
      inputs: inputs, limits: limits, challenge: (0..<32).map { _ in UInt8.random(in: 0...255) })
  }

  func script(
    _ text: String, inputs: [RunInput] = [], limits: ActionLimits = ShimRig.limits
  ) -> RunOrder {
    order(["/bin/busybox", "sh", "-c", text], inputs: inputs, limits: limits)
  }

  func expectNothingLeft(_ location: SourceLocation = #_sourceLocation) {
    let traces = host.traces
    #expect(traces == [], sourceLocation: location)
  }
}
