import Foundation
import Testing

/// Network, mount and process namespaces of their own. They live as long as this object or this process
/// does, whichever ends first: a `cat` on a pipe from here holds them, and with it ends all that is in them.
final class Namespaces {
  /// Why they cannot be made here; nil where they can.
  static var obstacle: String? {
    if !Host.isRoot { return "namespaces are made by root" }
    for program in ["/usr/bin/unshare", "/usr/bin/nsenter"]
    where !FileManager.default.isExecutableFile(atPath: program) { return "\(program) is missing" }
    guard let tried = try? Programs.run("/usr/bin/unshare", ["--net", "--mount", "--pid", "--fork", "true"])
    else { return "unshare does not run" }
    return tried.code == 0 ? nil : "this machine allows no namespaces: \(tried.output)"
  }

  private let process: Process
  private let input = Pipe()
  /// Of the first process inside, seen from here.
  let pid: Int32

  /// Makes the namespaces; `setup` is run in them by the shell.
  init(_ setup: String) throws {
    process = Programs.process(
      "/usr/bin/unshare",
      [
        "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private",
        "sh", "-c", "\(setup) && echo ready && exec cat",
      ])
    let output = Pipe()
    process.standardInput = input
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    try #require(said == "ready\n", "the namespaces could not be made: \(said)")
    pid = try Self.child(of: process)
  }

  /// The one child of `unshare` or `nsenter`: what runs inside.
  static func child(of process: Process) throws -> Int32 {
    let pid = process.processIdentifier
    let children = try String(contentsOfFile: "/proc/\(pid)/task/\(pid)/children", encoding: .utf8)
    return try #require(Int32(children.trimmingCharacters(in: .whitespacesAndNewlines)))
  }

  /// What `nsenter` is to be given so that a program runs inside.
  func entry(_ program: String, _ arguments: [String]) -> [String] {
    let path = program.contains("/") ? program : Programs.folder.appendingPathComponent(program).path
    return ["--target", "\(pid)", "--net", "--mount", "--pid", path] + arguments
  }

  /// The same for a shell script, which is to find things as a shell leaves them: threads of this process
  /// block most signals, and what they start inherits that, along with the socket by which `Process`
  /// learns of an end; programs that a script leaves behind would keep it open.
  func entry(asFromShell program: String, _ arguments: [String]) -> [String] {
    let tidy =
      "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, []); os.closerange(3, 1024); "
      + "os.execv(sys.argv[1], sys.argv[1:])"
    return entry("/usr/bin/python3", ["-c", tidy, program] + arguments)
  }

  /// Runs a command of the system in the network, which must succeed.
  func run(_ command: [String]) throws {
    let outcome = try Programs.run("/usr/bin/nsenter", ["--target", "\(pid)", "--net"] + command)
    try #require(outcome.code == 0, "\(command.joined(separator: " ")): \(outcome.output)")
  }

  /// Ends the first process inside, and so all that are inside.
  func end() {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }
}
