import Canonical
import Foundation
import Records
import Testing

/// What a program said when it ended.
struct Outcome {
  let code: Int32
  let output: String
}

/// The programs as this test run built them.
enum Programs {
  static let repository = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  /// The folder that holds the test bundle holds the programs too.
  static let folder: URL = {
    let bundle = CommandLine.arguments.first { $0.contains(".xctest") } ?? CommandLine.arguments[0]
    var path = URL(fileURLWithPath: bundle)
    while path.path != "/",
      !FileManager.default.isExecutableFile(atPath: path.appendingPathComponent("claw").path)
    {
      path.deleteLastPathComponent()
    }
    return path
  }()

  static func process(_ program: String, _ arguments: [String]) -> Process {
    let process = Process()
    process.executableURL =
      program.hasPrefix("/") ? URL(fileURLWithPath: program) : folder.appendingPathComponent(program)
    process.arguments = arguments
    process.currentDirectoryURL = repository
    return process
  }

  /// Runs a program to its end.
  static func run(_ program: String, _ arguments: [String]) throws -> Outcome {
    let process = process(program, arguments)
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let output = try pipe.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return Outcome(code: process.terminationStatus, output: String(decoding: output, as: UTF8.self))
  }
}

/// Why these tests cannot run here.
enum Host {
  static let isRoot = geteuid() == 0
}

/// What microVMs need.
enum Machines {
  /// Where `Tests/run` has the images built.
  static let images = Programs.repository.appendingPathComponent(".build/test-images").path
  static let emulator = "/usr/bin/qemu-system-x86_64"

  /// Why none can be booted here; nil where they can.
  static var obstacle: String? {
    if !Host.isRoot { return "machines are made by root" }
    for path in [emulator, images + "/manifest.json"] where !FileManager.default.fileExists(atPath: path) {
      return "\(path) is missing: run Tests/run, which makes it so"
    }
    return nil
  }
}

/// A cluster of real processes on loopback, founded in a folder of its own; it ends with its owner.
// Other threads only run `claw`, which touches nothing but the folder's name.
final class LoopbackCluster: @unchecked Sendable {
  let folder: String
  /// How many nodes it was founded with.
  let count: Int
  /// Node *i* takes clients at `port` + *i*, and peers at `port` + 100 + *i*. Below 32,768: from there on the kernel gives ports
  /// to outgoing connections, and a node whose port one of those has cannot begin.
  let port: Int
  private var nodes: [Int: Process] = [:]
  private var executors: [Int: Process] = [:]

  /// Founds a cluster. `images` nil leaves the actions' images unnamed; `options` are more of `claw init`; `people` are enrolled by the genesis
  /// besides those of `claw init`. With `semantics` the ledger
  /// begins with those, and the nodes say that they apply no newer ones. Executors boot machines ahead where `warm` says so alone:
  /// each costs seconds of a processor, and most tests run one job.
  init(
    nodes count: Int = 5, threshold: Int = 4, executors: Int = 0, port: Int, images: String? = nil,
    founding options: [String] = [], people: [Enrolment] = [], semantics: Int? = nil, warm: Bool = false
  ) throws {
    precondition(port + 200 <= 32_768, "expected ports that no outgoing connection gets")
    self.count = count
    self.port = port
    folder = FileManager.default.temporaryDirectory.path + "/cluster-\(UUID().uuidString.prefix(8))"
    var arguments = [
      "init", "--nodes", "\(count)", "--threshold", "\(threshold)", "--executors", "\(executors)",
      "--dir", folder, "--base-port", "\(port)",
    ]
    if 2 * threshold - count < 2 { arguments.append("--crash-only") }
    if let images { arguments += ["--images", images] }
    arguments += options
    if let semantics { arguments += ["--semantics", "\(semantics)"] }
    if let semantics, semantics < Semantics.rego { arguments += ["--policy", try Self.registryAlone()] }
    let founded = try Programs.run("claw", arguments)
    try #require(founded.code == 0, "\(founded.output)")
    if let semantics { for number in 1...count { try limit(node: number, to: semantics) } }
    if !people.isEmpty { try enrol(people) }
    if !warm {
      for number in 0..<executors { try configure(executor: number + 1, "warm_machines", .integer(0)) }
    }
    for number in 1...count { try start(node: number) }
    // Every answer from here on rests on a note.
    try waitUntil("the cluster signs", seconds: 40) {
      let status = try self.claw(["status", "--json"], as: "operators/operator-1")
      guard status.code == 0 else { return false }
      return try JSON.parse(status.output)["note_age_ms"]?.string != "-1"
    }
  }

  /// The default bundle without its policy in Rego, in a folder of its own.
  private static func registryAlone() throws -> String {
    let folder = FileManager.default.temporaryDirectory.path + "/registry-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      at: Programs.repository.appendingPathComponent("Deploy/policy/registry.json"),
      to: URL(fileURLWithPath: "\(folder)/registry.json"))
    return folder
  }

  deinit {
    let processes = Array(executors.values) + nodes.values
    for process in processes where process.isRunning { process.terminate() }
    for process in processes { process.waitUntilExit() }
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// Adds to the ceremony's file, which every node reads before the key generation.
  private func enrol(_ people: [Enrolment]) throws {
    let file = "\(folder)/ceremony.json"
    guard case .object(var ceremony) = try JSON.parse(String(contentsOfFile: file, encoding: .utf8)) else {
      throw CocoaError(.fileReadCorruptFile)
    }
    ceremony["enrolments"] = .array((ceremony["enrolments"]?.array ?? []) + people.map(\.json))
    // So that an enrolment can have ended since.
    ceremony["created_at"] = .string(Timestamp.now.advanced(by: .seconds(-3600)).text)
    try JSON.object(ceremony).canonical.write(toFile: file, atomically: true, encoding: .utf8)
  }

  /// Tells a node to say that it applies no newer semantics; nil, that it applies what its program does.
  func limit(node number: Int, to semantics: Int?) throws {
    try configure(node: number, "newest_semantics", semantics.map(JSON.integer))
  }

  /// Sets, or with nil removes, a key of a node's configuration, which the node reads when it starts.
  func configure(node number: Int, _ key: String, _ value: JSON?) throws {
    try configure("\(folder)/nodes/node-\(number)/node.json", key, value)
  }

  /// The same of an executor.
  func configure(executor number: Int, _ key: String, _ value: JSON?) throws {
    try configure("\(folder)/executors/executor-\(number)/executor.json", key, value)
  }

  private func configure(_ file: String, _ key: String, _ value: JSON?) throws {
    guard case .object(var object) = try JSON.parse(String(contentsOfFile: file, encoding: .utf8)) else {
      throw CocoaError(.fileReadCorruptFile)
    }
    object[key] = value
    try JSON.object(object).canonical.write(toFile: file, atomically: true, encoding: .utf8)
  }

  /// The process of a node, while it runs.
  func process(node number: Int) -> Int32? { nodes[number]?.processIdentifier }

  /// What a node's process has ended with by itself; nil while it runs.
  func exitCode(node number: Int) throws -> Int32? {
    let process = try #require(nodes[number])
    guard !process.isRunning else { return nil }
    try #require(process.terminationReason == .exit, "ended by signal \(process.terminationStatus)")
    return process.terminationStatus
  }

  /// The log of a program of this cluster.
  func log(_ name: String) -> String {
    (try? String(contentsOfFile: "\(folder)/\(name).log", encoding: .utf8)) ?? ""
  }

  private func launch(_ program: String, _ arguments: [String], log name: String) throws -> Process {
    let path = "\(folder)/\(name).log"
    if !FileManager.default.fileExists(atPath: path) {
      _ = FileManager.default.createFile(atPath: path, contents: nil)
    }
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.seekToEnd()
    let process = Programs.process(program, arguments)
    process.standardError = handle
    process.standardOutput = handle
    try process.run()
    return process
  }

  func start(node number: Int) throws {
    nodes[number] = try launch(
      "clawshield", ["run", "--config", "\(folder)/nodes/node-\(number)/node.json"], log: "node-\(number)")
  }

  func startExecutor(_ number: Int) throws {
    let configuration = "\(folder)/executors/executor-\(number)/executor.json"
    _ = try Programs.run("openexec", ["begin", "--config", configuration])
    executors[number] = try launch("openexec", ["run", "--config", configuration], log: "executor-\(number)")
  }

  /// Ends an executor, and starts it again with what its configuration says now.
  func restartExecutor(_ number: Int) throws {
    executors[number]?.terminate()
    executors[number]?.waitUntilExit()
    let configuration = "\(folder)/executors/executor-\(number)/executor.json"
    executors[number] = try launch("openexec", ["run", "--config", configuration], log: "executor-\(number)")
  }

  /// Ends an executor.
  func stopExecutor(_ number: Int) {
    guard let process = executors.removeValue(forKey: number) else { return }
    process.terminate()
    process.waitUntilExit()
  }

  /// SIGKILL: no chance to write anything.
  func kill(node number: Int) {
    guard let process = nodes[number] else { return }
    Foundation.kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    nodes[number] = nil
  }

  /// SIGTERM, and what the process ended with.
  func stop(node number: Int) -> Int32? {
    guard let process = nodes.removeValue(forKey: number) else { return nil }
    process.terminate()
    process.waitUntilExit()
    return process.terminationReason == .exit ? process.terminationStatus : nil
  }

  /// Calls `claw` as one of the cluster's people.
  func claw(_ arguments: [String], as identity: String? = nil) throws -> Outcome {
    try Programs.run("claw", arguments + (identity.map { ["--as", "\(folder)/\($0)"] } ?? []))
  }

  /// Waits for something that the cluster's processes bring about.
  func waitUntil(_ what: String, seconds: Int, _ condition: () throws -> Bool) throws {
    try Patience.wait(for: what, seconds: seconds, condition)
  }
}
