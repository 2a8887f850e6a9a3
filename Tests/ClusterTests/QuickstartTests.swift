import Foundation
import Testing

/// `Deploy/quickstart` where it cannot do what it says: it must end, with another code than 0, say what
/// did not happen, and leave nothing running. It runs in namespaces of its own, so that what it starts,
/// mounts and listens on can be told from everybody else's.
@Suite(.serialized, .enabled(if: Namespaces.obstacle == nil, "\(Namespaces.obstacle ?? "")"))
struct QuickstartTests {
  private let script = Programs.repository.appendingPathComponent("Deploy/quickstart").path

  /// A folder for one run, outside of the repository, removed at the end.
  private final class Folder {
    let path = FileManager.default.temporaryDirectory.path + "/quickstart-\(UUID().uuidString.prefix(8))"
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }
    /// What the script is to make.
    var run: String { path + "/run" }
  }

  /// What a shell does in a namespace so that QEMU is not there, as far as anyone in it can see.
  private let withoutEmulator =
    FileManager.default.fileExists(atPath: Machines.emulator)
    ? "mount --bind /dev/null \(Machines.emulator)" : "true"

  /// What `nsenter` is told so that the script runs on the programs of this build, for five minutes at
  /// most: longer than any wait of its own, so that what hangs is told from what fails.
  private func entry(_ namespaces: Namespaces, _ options: [String]) -> [String] {
    namespaces.entry(
      asFromShell: "/usr/bin/timeout",
      [
        "--foreground", "--kill-after=5", "300", script, "--programs", Programs.folder.path, "--images",
        Machines.images,
      ]
        + options)
  }

  // MARK: QEMU

  @Test("without QEMU, and told to install nothing, it says that QEMU is missing and begins nothing")
  func emulatorMissing() throws {
    let folder = try Folder()
    let namespaces = try Namespaces(withoutEmulator)
    let outcome = try Programs.run(
      "/usr/bin/nsenter", entry(namespaces, ["--dir", folder.run, "--no-install"]))
    #expect(outcome.code == 1, "\(outcome.output)")
    #expect(outcome.output.contains("QEMU is missing"), "\(outcome.output)")
    #expect(outcome.output.contains("FAILED. This did not happen: Looking for what this needs"))
    #expect(!FileManager.default.fileExists(atPath: folder.run))
    namespaces.end()
  }

  @Test("without QEMU, where apt cannot bring it, it says what could not be installed")
  func emulatorNotInstallable() throws {
    let folder = try Folder()
    // The database of packages without QEMU's; a host that reaches no archive and has none cached.
    let known = try String(contentsOfFile: "/var/lib/dpkg/status", encoding: .utf8)
    let others = known.components(separatedBy: "\n\n").filter { !$0.hasPrefix("Package: qemu-system-x86\n") }
    let status = folder.path + "/status"
    try others.joined(separator: "\n\n").write(toFile: status, atomically: true, encoding: .utf8)
    let namespaces = try Namespaces(
      withoutEmulator + " && mount --bind \(status) /var/lib/dpkg/status"
        + " && mount -t tmpfs none /var/lib/apt && mount -t tmpfs none /var/cache/apt")
    let outcome = try Programs.run("/usr/bin/nsenter", entry(namespaces, ["--dir", folder.run]))
    #expect(outcome.code == 1, "\(outcome.output)")
    #expect(
      outcome.output.contains("apt-get could not install:") && outcome.output.contains("qemu-system-x86"),
      "\(outcome.output)")
    #expect(outcome.output.contains("FAILED. This did not happen: Looking for what this needs"))
    #expect(!FileManager.default.fileExists(atPath: folder.run))
    namespaces.end()
  }

  // MARK: Too few nodes

  @Test(
    "with two more nodes killed than it kills itself, it ends, says what did not happen, and leaves nothing",
    .enabled(if: Machines.obstacle == nil, "\(Machines.obstacle ?? "")"))
  func tooFewNodes() throws {
    let folder = try Folder()
    let namespaces = try Namespaces("ip link set lo up")
    let mounts = try inside(namespaces, ["/bin/cat", "/proc/self/mounts"])
    let process = Programs.process(
      "/usr/bin/nsenter", entry(namespaces, ["--dir", folder.run, "--no-install"]))
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    var output = ""
    var killed = false
    while case let data = pipe.fileHandleForReading.availableData, !data.isEmpty {
      output += String(decoding: data, as: UTF8.self)
      if !killed, output.contains("4. One node is killed") {
        killed = true
        try kill(["node-2", "node-3"], of: folder, in: namespaces)
      }
    }
    process.waitUntilExit()
    #expect(killed && process.terminationStatus == 1, "\(process.terminationStatus): \(output)")
    #expect(
      output.contains("FAILED. This did not happen: 4. One node is killed: four of five still consent"))
    #expect(output.contains("Not running any more: node-2 node-3\n"), "\(output)")
    #expect(!output.contains("5. The ledger is exported"))
    try expectNothingLeft(of: folder, in: namespaces, mounts: mounts)
    namespaces.end()
  }

  /// Kills programs of a run by the ids that its folder names.
  private func kill(_ names: [String], of folder: Folder, in namespaces: Namespaces) throws {
    let lines = try String(contentsOfFile: folder.run + "/pids", encoding: .utf8).split(separator: "\n")
    for name in names {
      let line = try #require(lines.first { $0.hasPrefix("\(name) ") })
      _ = try inside(namespaces, ["/bin/kill", "-9", String(line.dropFirst(name.count + 1))])
    }
  }

  /// No process but the namespaces' own first, no other mount than before, no control group of a machine.
  private func expectNothingLeft(of folder: Folder, in namespaces: Namespaces, mounts: String) throws {
    // The first process here waits for no children, as a host's does: what has ended stays a zombie of it.
    let processes = try inside(namespaces, ["/bin/ps", "-e", "-o", "stat=,pid=,comm="])
      .split(separator: "\n").filter { !$0.hasPrefix("Z") }
      .map { $0.drop { !$0.isWhitespace }.trimmingCharacters(in: .whitespaces) }
    #expect(
      processes.count == 2 && processes.allSatisfy { $0 == "1 cat" || $0.hasSuffix(" ps") }, "\(processes)")
    // Tests of tasks come and go beside this one, and mount what these namespaces see.
    let others = ["/run/oe-", "/run/oec-", "/run/oed-"]
    let known = mounts.split(separator: "\n")
    let left = try inside(namespaces, ["/bin/cat", "/proc/self/mounts"]).split(separator: "\n")
    #expect(left.filter { line in !known.contains(line) && !others.contains(where: line.contains) } == [])
    let name = (folder.path as NSString).lastPathComponent
    let groups = try Programs.run("/usr/bin/find", ["/sys/fs/cgroup", "-name", "*\(name)*"])
    #expect(groups.code == 0 && groups.output.isEmpty, "\(groups.output)")
  }

  private func inside(_ namespaces: Namespaces, _ command: [String]) throws -> String {
    let outcome = try Programs.run(
      "/usr/bin/nsenter", namespaces.entry(command[0], Array(command.dropFirst())))
    try #require(outcome.code == 0, "\(command.joined(separator: " ")): \(outcome.output)")
    return outcome.output
  }

  // MARK: What it is told

  @Test("its help names every option; what it does not know, and folders that are not its own, it refuses")
  func usage() throws {
    let help = try Programs.run(script, ["--help"])
    #expect(help.code == 0)
    for option in ["--keep", "--dir", "--base-port", "--no-install", "--programs", "--images"] {
      #expect(help.output.contains("  \(option)"), "\(option)")
    }
    #expect(try Programs.run(script, ["--nonsense"]).code == 2)
    #expect(try Programs.run(script, ["--dir"]).code == 2)
    let folder = try Folder()
    try "precious".write(toFile: folder.path + "/file", atomically: true, encoding: .utf8)
    let refused = try Programs.run(script, ["--dir", folder.path, "--no-install", "--programs", "/nowhere"])
    #expect(refused.code == 1 && refused.output.contains("nothing is removed"), "\(refused.output)")
    #expect(try String(contentsOfFile: folder.path + "/file", encoding: .utf8) == "precious")
  }
}
