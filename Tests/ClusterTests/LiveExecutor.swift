import Canonical
import Foundation
import Testing

/// A live `openexec` on a ``ScriptedGovernanceNode``, and what it says.
final class LiveExecutor {
  let process: Process
  private let path: String

  /// Starts it; with `again` as one that has run before, whose journal is there.
  init(_ node: ScriptedGovernanceNode, again: Bool = false, environment: [String: String] = [:]) throws {
    path = "\(node.folder)/executor\(again ? "-again" : "").log"
    let configuration = node.configuration
    if !again { try #require(try Programs.run("openexec", ["begin", "--config", configuration]).code == 0) }
    _ = FileManager.default.createFile(atPath: path, contents: nil)
    process = Programs.process("openexec", ["run", "--config", configuration])
    if !environment.isEmpty {
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    }
    process.standardError = FileHandle(forWritingAtPath: path)
    process.standardOutput = FileHandle.nullDevice
    try process.run()
  }

  deinit {
    process.terminate()
    process.waitUntilExit()
  }

  /// Everything that it has logged.
  private var log: [JSON] {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").compactMap { try? JSON.parse(String($0)) }
  }

  /// The last that it has said, whether that is an event or not.
  var lastLine: String {
    let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
    return text.split(separator: "\n").last.map(String.init) ?? ""
  }

  /// Its events of one kind.
  func events(_ event: String) -> [JSON] { log.filter { $0["event"]?.string == event } }

  /// The events of these kinds, as they came.
  func order(of events: Set<String>) -> [String] {
    log.compactMap { $0["event"]?.string }.filter(events.contains)
  }

  func reasons(_ event: String) -> [String] { events(event).compactMap { $0["reason"]?.string } }

  /// Waits until its preflight has found a class that it may run in.
  func waitUntilReady() throws {
    try Patience.wait(for: "a class is active", seconds: 120) {
      events("isolation_classes").contains { $0["active"]?.array?.isEmpty == false }
    }
  }

  /// The tokens of the jobs that have begun, in order.
  var started: [String] { events("job_started").compactMap { $0["token_id"]?.string } }
}
