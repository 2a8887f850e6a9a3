import Foundation
import Testing

/// `Deploy/quickstart` where an earlier one's cluster, or anybody else, is in its way.
@Suite(.serialized)
struct QuickstartAgainTests {
  private let folder = FileManager.default.temporaryDirectory.path + "/again-\(UUID().uuidString.prefix(8))"

  private func run(_ options: [String]) throws -> Outcome {
    let script = Programs.repository.appendingPathComponent("Deploy/quickstart").path
    return try Programs.run(
      "/usr/bin/timeout",
      ["--foreground", "--kill-after=5", "120", script, "--dir", folder, "--no-install"] + options)
  }

  /// SIGKILL: a child of the tests may have inherited a mask that holds SIGTERM back.
  private func end(_ process: Process) {
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
  }

  @Test("while a kept cluster runs, nothing of it is touched, and it is said how to stop it")
  func kept() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: "\(folder)/logs", withIntermediateDirectories: true)
    _ = FileManager.default.createFile(atPath: "\(folder)/logs/quickstart", contents: nil)
    // What a node looks like from outside: a process of that name.
    let node = "\(folder)/clawshield"
    try FileManager.default.copyItem(atPath: "/usr/bin/sleep", toPath: node)
    let running = try (0..<2).map { _ in
      let process = Programs.process(node, ["60"])
      try process.run()
      return process
    }
    defer {
      for process in running { end(process) }
    }
    let pids = running.map { "\($0.processIdentifier)" }
    try "node-1 \(pids[0])\nnode-2 \(pids[1])\nnode-3 \(Int32.max)\n".write(
      toFile: "\(folder)/pids", atomically: true, encoding: .utf8)
    // The second time as the first: what was refused has forgotten nothing that runs.
    for _ in 0..<2 {
      let outcome = try run([])
      #expect(outcome.code == 1, "\(outcome.output)")
      #expect(outcome.output.contains("still running in \(folder)"), "\(outcome.output)")
      #expect(
        outcome.output.contains("stop it with: kill \(pids.joined(separator: " "))\n"), "\(outcome.output)")
    }
    #expect(FileManager.default.fileExists(atPath: "\(folder)/logs/quickstart"))
    #expect(running.filter(\.isRunning).count == 2)
  }

  @Test("in a folder that is somebody else's nothing is removed")
  func foreign() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try "mine".write(toFile: "\(folder)/pids", atomically: true, encoding: .utf8)
    let outcome = try run([])
    #expect(outcome.code == 1 && outcome.output.contains("nothing is removed"), "\(outcome.output)")
    #expect(FileManager.default.contents(atPath: "\(folder)/pids") == Data("mine".utf8))
  }

  @Test(
    "a node whose port is taken ends it at once, with the node's last word",
    .enabled(if: Machines.obstacle == nil, "\(Machines.obstacle ?? "")"))
  func portTaken() throws {
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let port = 24_300
    let squatter = Programs.process(
      "/usr/bin/python3",
      [
        "-c",
        "import socket, sys\ns = socket.create_server(('127.0.0.1', \(port + 103)))\nprint(flush=True)\nsys.stdin.read()",
      ])
    let ready = Pipe()
    squatter.standardOutput = ready
    squatter.standardInput = Pipe()
    try squatter.run()
    defer {
      end(squatter)
    }
    _ = ready.fileHandleForReading.availableData
    let begun = Date.now
    let outcome = try run([
      "--programs", Programs.folder.path, "--images", Machines.images, "--base-port", "\(port)",
    ])
    #expect(outcome.code == 1, "\(outcome.output)")
    #expect(outcome.output.contains("Not running any more: node-3\n"), "\(outcome.output)")
    let words = outcome.output.split(separator: "\n").first { $0.hasPrefix("The last word of node-3: ") }
    #expect(words?.contains("in use") == true, "\(outcome.output)")
    #expect(Date.now.timeIntervalSince(begun) < 30, "it waited for what could not come")
  }
}
