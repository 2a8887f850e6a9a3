import CSystem
import Foundation
import OwnThread
import Testing

/// A network of a test's own with two hosts: this one, where a cluster runs on its loopback, and another one that has an
/// address of the Internet and is reached over a cable. No packet leaves this machine.
enum ReachableNet {
  /// The other host's, and the name by which this one knows it.
  static let address = "93.184.216.34"
  static let name = "files.example.org"
  /// This one's at its end of the cable.
  static let own = "93.184.216.35"

  /// Why it cannot be made here; nil where it can.
  static var obstacle: String? {
    if let obstacle = Namespaces.obstacle { return obstacle }
    return FileManager.default.isExecutableFile(atPath: "/usr/sbin/ip") ? nil : "iproute2 is not installed"
  }

  /// Runs `body` on a thread in that network; what it starts is in it too.
  static func run(_ body: @escaping @Sendable (Namespaces) throws -> Void) throws {
    try onThreadOfItsOwn {
      let other = try Namespaces("ip link set lo up")
      defer { other.end() }
      try enter(with: other)
      try body(other)
    }
  }

  private static func enter(with other: Namespaces) throws {
    // CLONE_NEWNS and CLONE_NEWNET; then MS_REC and MS_PRIVATE, so that nothing of this reaches others, and MS_BIND.
    try #require(csystem_unshare(0x0002_0000 | 0x4000_0000) == 0)
    try #require(mount("none", "/", nil, 16_384 | 1 << 18, nil) == 0)
    let hosts = FileManager.default.temporaryDirectory.path + "/hosts-\(UUID())"
    try "127.0.0.1 localhost\n\(address) \(name)\n\(own) own.example.org\n".write(
      toFile: hosts, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: hosts) }
    try #require(mount(hosts, "/etc/hosts", nil, 4_096, nil) == 0)
    for command in [
      ["link", "set", "lo", "up"],
      ["link", "add", "cable", "type", "veth", "peer", "name", "eth0", "netns", "\(other.pid)"],
      ["address", "add", "\(own)/31", "dev", "cable"], ["link", "set", "cable", "up"],
    ] {
      let made = try Programs.run("/usr/sbin/ip", command)
      try #require(made.code == 0, "ip \(command): \(made.output)")
    }
    try other.run(["ip", "address", "add", "\(address)/31", "dev", "eth0"])
    try other.run(["ip", "link", "set", "eth0", "up"])
  }

  /// A web server on the other host, in a folder; the caller ends it.
  static func serve(_ folder: String, on other: Namespaces) throws -> Process {
    let server = Programs.process(
      "/usr/bin/nsenter",
      [
        "--target", "\(other.pid)", "--net", "/usr/bin/python3", "-m", "http.server", "80", "--bind", address,
        "--directory", folder,
      ])
    server.standardOutput = FileHandle.nullDevice
    server.standardError = FileHandle.nullDevice
    try server.run()
    return server
  }
}
