import Crypto
import EventLoop
import Foundation
import OpenExec
import Records
import Testing

@testable import Sandbox

/// What the tests on real machines need of this one.
enum Bench {
  /// Why they cannot run here; nil where they can.
  static let obstacle: String? = {
    if geteuid() != 0 { return "machines are made by root" }
    for path in ["/usr/bin/qemu-system-x86_64", "/usr/bin/cpio", "/bin/busybox"]
    where !FileManager.default.isExecutableFile(atPath: path) {
      return "\(path) is not installed"
    }
    return nil
  }()

  static let repository = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().appendingPathComponent("../..").standardizedFileURL

  /// The images, built once a test run by the script that builds them for production, beside the test
  /// build and apart from those that tests of clusters boot meanwhile, plus one that holds nothing but busybox: the worst that an action could bring along.
  static let images: Result<Images, any Error> = Result { try Images() }

  struct Images {
    let folder: String
    let actions: String
    let hostile: String

    init() throws {
      let built = Bench.repository.appendingPathComponent(".build/sandbox-images").path
      try Bench.run(
        "/bin/bash",
        [
          Bench.repository.appendingPathComponent("Deploy/images/build").path, built,
          "--scratch-path", Bench.repository.appendingPathComponent(".build/test-images-scratch").path,
        ])
      folder = built + "-with-busybox"
      try? FileManager.default.removeItem(atPath: folder)
      try FileManager.default.copyItem(atPath: built, toPath: folder)
      try FileManager.default.createDirectory(
        atPath: "\(folder)/hostile/bin", withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        atPath: "/bin/busybox", toPath: "\(folder)/hostile/bin/busybox")
      try Bench.run(
        "/bin/sh", ["-c", "cd '\(folder)/hostile' && find . | cpio --quiet -o -H newc >../hostile.cpio"])
      let manifestPath = "\(folder)/manifest.json"
      let manifest = try String(contentsOfFile: manifestPath, encoding: .utf8)
      actions = try Bench.digest("\(folder)/actions.cpio")
      hostile = try Bench.digest("\(folder)/hostile.cpio")
      let entry = "{\"name\": \"hostile\", \"file\": \"hostile.cpio\", \"digest\": \"\(hostile)\"}, "
      try manifest.replacingOccurrences(of: "\"images\": [", with: "\"images\": [" + entry)
        .write(toFile: manifestPath, atomically: true, encoding: .utf8)
    }
  }

  static func digest(_ path: String) throws -> String {
    "sha256:" + SHA256.hash(Array(try Data(contentsOf: URL(fileURLWithPath: path)))).hex
  }

  /// The exit status of a program that says nothing here.
  static func status(_ program: String, _ arguments: [String]) throws -> Int32 {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    (process.standardOutput, process.standardError) = (FileHandle.nullDevice, FileHandle.nullDevice)
    try process.run()
    process.waitUntilExit()
    return process.terminationStatus
  }

  static func run(_ program: String, _ arguments: [String]) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    #expect(process.terminationStatus == 0, "\(program) \(arguments)")
  }
}

extension Bench {
  /// Processes of whatever control group has this in its name.
  static func processes(inGroupNamed name: String) -> [pid_t] {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return all.compactMap { pid_t($0) }.filter { pid in
      let groups = (try? String(contentsOfFile: "/proc/\(pid)/cgroup", encoding: .utf8)) ?? ""
      return groups.contains(name)
    }
  }

  /// Ends children of this process that no loop waits for any more. One that nobody reaps would be what everybody who
  /// waits for whatever child comes first, as a test of an exit does, finds for ever.
  static func end(_ processes: [pid_t]) {
    for process in processes { kill(process, SIGKILL) }
    for process in processes { while waitpid(process, nil, 0) < 0, errno == EINTR {} }
  }
}

/// What tests drive a host of sandboxes with.
protocol SandboxRig: AnyObject {
  associatedtype Host: SandboxHost
  var loop: EventLoop { get }
  var host: Host { get }
}

extension SandboxRig {
  /// Runs to the end; `onStart` when the guest has proven itself.
  func carryOut(_ order: RunOrder, onStart: @escaping (Self) -> Void = { _ in }) throws -> RunOutcome {
    var outcome: RunOutcome?
    host.start(order) { [self] event in
      switch event {
      case .started: onStart(self)
      case .finished(_, let ended):
        #expect(outcome == nil)
        outcome = ended
      }
    }
    while outcome == nil { try loop.turn() }
    return try #require(outcome)
  }
}

/// A host of machines on a loop of its own, in a folder of its own.
final class Rig: SandboxRig {
  let loop: EventLoop
  let host: MicroVMHost
  let images: Bench.Images
  let folder: String

  init(
    folder: String = "/run/openexec-test-\(UUID())", on loop: EventLoop? = nil,
    _ change: (inout MicroVMSettings) -> Void = { _ in }
  ) throws {
    self.folder = folder
    images = try Bench.images.get()
    self.loop = try loop ?? EventLoop()
    var settings = MicroVMSettings(images: images.folder, folder: folder)
    // The Internet's addresses of these tests are this machine's own.
    settings.egress.ownAddresses = { [] }
    // On a machine that does much else besides.
    settings.bootSeconds = 240
    change(&settings)
    host = try MicroVMHost(loop: self.loop, settings: settings)
  }

  deinit {
    // Those that have ended are reaped by their loop, and those that stand ready go with it.
    for _ in 0..<3 { try? loop.turn(waitingAtMost: .zero) }
    let left = machineProcesses()
    loop.end()
    Bench.end(left)
    try? FileManager.default.removeItem(atPath: folder)
  }

  func order(
    _ arguments: [String], image: String? = nil, parameters: String = "{}", inputs: [RunInput] = [],
    limits: ActionLimits = ActionLimits(
      wallSeconds: 60, memoryMiB: 64, processes: 16, outputBytes: 64 << 10, diskMiB: 8),
    egress: EgressGrant? = nil, secrets: [String] = [], oauth: [OAuthGrant] = [], isReproducible: Bool = false
  ) -> RunOrder {
    RunOrder(
      id: RunID(token: "token-\(UUID())", attempt: 1), isolationClass: .microvmTCG,
      imageDigest: image ?? images.actions, arguments: arguments,
      parameters: Array(parameters.utf8), inputs: inputs, limits: limits, egress: egress, secrets: secrets,
      oauth: oauth, tenantID: "acme", isReproducible: isReproducible,
      challenge: (0..<32).map { _ in UInt8.random(in: 0...255) })
  }

  /// A script in the hostile image.
  func hostile(
    _ script: String, inputs: [RunInput] = [], limits: ActionLimits? = nil, egress: EgressGrant? = nil,
    secrets: [String] = [], oauth: [OAuthGrant] = []
  ) -> RunOrder {
    let arguments = ["/bin/busybox", "sh", "-c", script]
    guard let limits else {
      return order(
        arguments, image: images.hostile, inputs: inputs, egress: egress, secrets: secrets, oauth: oauth)
    }
    return order(
      arguments, image: images.hostile, inputs: inputs, limits: limits, egress: egress, secrets: secrets,
      oauth: oauth)
  }

  /// A file as an executor has fetched it.
  func input(_ content: [UInt8], name: String = "", type: String = "text/plain") -> RunInput {
    RunInput(
      digest: SHA256.hash(content), name: name, mediaType: type, labels: ["acme"], content: content)
  }

  /// What a built-in action is told of its inputs.
  func document(_ parameters: String, _ inputs: [RunInput]) -> String {
    let told = inputs.enumerated().map { position, input in
      """
      {"digest":"\(input.digest.hex)","labels":["acme"],"media_type":"\(input.mediaType)",\
      "name":"\(input.name)","path":"/inputs/\(input.fileName(at: position))","size":\(input.content.count)}
      """
    }
    return "{\"inputs\":[\(told.joined(separator: ","))],\"parameters\":\(parameters)}"
  }

  /// The processes of this host's machines, found by their control group.
  func machineProcesses() -> [pid_t] { Bench.processes(inGroupNamed: host.groupPrefix) }

  /// Nothing of a machine is left: no process, folder, mount or control group.
  func expectNothingLeft(_ location: SourceLocation = #_sourceLocation) throws {
    let machines = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/machines")
    #expect(machines == [], sourceLocation: location)
    let mounts = try String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8)
    #expect(!mounts.contains(folder), sourceLocation: location)
    let name = folder.split(separator: "/").last.map(String.init) ?? folder
    for group in try FileManager.default.contentsOfDirectory(atPath: "/sys/fs/cgroup") {
      let path = "/sys/fs/cgroup/\(group)/openexec"
      let left = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
      #expect(!left.contains { $0.contains(name) }, sourceLocation: location)
    }
    #expect(machineProcesses() == [], sourceLocation: location)
  }
}
