import Foundation
import Testing

/// Hosts of their own for parties that share nothing but a cable: each has its own network, mount and
/// process namespaces, and of the folder in which all hosts' files lie it sees only its own.
///
/// What one host is to know of another's files, the test carries over as text. Each namespace is held by
/// a `cat` on a pipe from this process: when this process ends, in whichever way, the namespaces end, and
/// with them every program in them, every address and every mount.
final class HostNetwork {
  /// A machine that can be switched off.
  final class Machine {
    let name: String
    /// Where its files are; nobody else's processes see them.
    let folder: String
    let address: String
    private let root: String
    private let holder: Namespaces
    /// Those that were started and have not been ended.
    private(set) var programs: [Process] = []

    fileprivate init(name: String, number: Int, root: String, hub: Namespaces, port: String) throws {
      self.name = name
      self.root = root
      address = "10.77.0.\(number)"
      folder = "\(root)/hosts/\(name)"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      holder = try Namespaces(
        "mount --bind \(folder) \(root)/here && mount -t tmpfs none \(root)/hosts && ip link set lo up")
      try hub.run([
        "ip", "link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", "\(holder.pid)",
      ])
      try hub.run(["ip", "link", "set", port, "master", "hub", "up"])
      // The address decides the hardware's address too: who takes one over takes both.
      try holder.run(["ip", "link", "set", "eth0", "address", "02:00:00:00:00:0\(number)"])
      try holder.run(["ip", "address", "add", "\(address)/24", "dev", "eth0"])
      try holder.run(["ip", "link", "set", "eth0", "up"])
    }

    /// A file of this host, seen from here.
    func path(_ file: String) -> String { "\(folder)/\(file)" }
    /// A file of this host, as its own programs see it.
    func local(_ file: String) -> String { "\(root)/here/\(file)" }

    /// What is in a file of this host: to be carried to another one.
    func text(_ file: String) throws -> String { try String(contentsOfFile: path(file), encoding: .utf8) }

    /// Puts a file on this host.
    func put(_ text: String, _ file: String) throws {
      try text.write(toFile: path(file), atomically: true, encoding: .utf8)
      // A key that others may read is not taken.
      try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path(file))
    }

    /// Runs a program on this host to its end.
    func run(_ program: String, _ arguments: [String]) throws -> Outcome {
      try Programs.run("/usr/bin/nsenter", holder.entry(program, arguments))
    }

    func claw(_ arguments: [String], as identity: String? = nil) throws -> Outcome {
      try run("claw", arguments + (identity.map { ["--as", local($0)] } ?? []))
    }

    /// Starts a program that stays; it ends with this host.
    func start(_ program: String, _ arguments: [String]) throws -> Process {
      let process = Programs.process("/usr/bin/nsenter", holder.entry(program, arguments))
      let path = "\(root)/hosts/\(name).log"
      if !FileManager.default.fileExists(atPath: path) {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
      }
      let log = try #require(FileHandle(forWritingAtPath: path))
      try log.seekToEnd()
      process.standardOutput = log
      process.standardError = log
      try process.run()
      programs.append(process)
      return process
    }

    /// SIGKILL to a program that was started here.
    func end(_ program: Process) throws {
      kill(try Namespaces.child(of: program), SIGKILL)
      program.waitUntilExit()
      programs.removeAll { $0 === program }
    }

    /// What its programs that stay have said, whichever machine of this name they ran on.
    var log: String { (try? String(contentsOfFile: "\(root)/hosts/\(name).log", encoding: .utf8)) ?? "" }

    /// Pulls the plug: no program of this host runs on, and nobody has its address.
    func switchOff() {
      holder.end()
      for program in programs { program.waitUntilExit() }
      programs = []
    }
  }

  let root: String
  private let hub: Namespaces
  private var machines: [Machine] = []
  private var ports = 0

  init() throws {
    root = FileManager.default.temporaryDirectory.path + "/hosts-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: "\(root)/here", withIntermediateDirectories: true)
    try FileManager.default.createDirectory(atPath: "\(root)/hosts", withIntermediateDirectories: true)
    hub = try Namespaces("ip link add name hub type bridge && ip link set hub up")
  }

  deinit {
    for machine in machines { machine.switchOff() }
    hub.end()
    try? FileManager.default.removeItem(atPath: root)
  }

  /// Switches a host on, whose address is 10.77.0.`number`, 1 to 9. A name that was there before has its
  /// files still.
  func machine(_ name: String, number: Int) throws -> Machine {
    ports += 1
    let machine = try Machine(name: name, number: number, root: root, hub: hub, port: "port\(ports)")
    machines.append(machine)
    return machine
  }
}

/// Waiting for what other processes bring about.
enum Patience {
  struct Overdue: Error, CustomStringConvertible { let description: String }

  /// Looks ten times a second, for at most so many seconds.
  static func wait(for what: String, seconds: Int, _ condition: () throws -> Bool) throws {
    for _ in 0..<(seconds * 10) {
      if try condition() { return }
      usleep(100_000)
    }
    throw Overdue(description: "\(what): not within \(seconds) seconds")
  }
}
