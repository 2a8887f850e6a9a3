import Canonical
import Crypto
import Foundation
import Testing

/// What these tests need of this machine.
private enum Reaching {
  static var obstacle: String? {
    if let obstacle = Machines.obstacle ?? ReachableNet.obstacle { return obstacle }
    for path in ["/bin/busybox", "/usr/bin/cpio", "/usr/bin/containerd-shim-runc-v2"]
    where !FileManager.default.isExecutableFile(atPath: path) { return "\(path) is not installed" }
    return nil
  }
}

/// An action that reaches a server outside, and one that runs in a container, through a whole cluster each, to the
/// receipt in the ledger.
@Suite(.serialized, .enabled(if: Reaching.obstacle == nil, "\(Reaching.obstacle ?? "")"))
struct ReachClusterTests {
  private static let agent = "agents/agent-1"

  /// The built images with two more, of busybox: a machine's, and a container's.
  private static func images(at folder: String) throws {
    let manager = FileManager.default
    try manager.copyItem(atPath: Machines.images, toPath: folder)
    try manager.createDirectory(atPath: "\(folder)/tree/bin", withIntermediateDirectories: true)
    try manager.copyItem(atPath: "/bin/busybox", toPath: "\(folder)/tree/bin/busybox")
    let packed = try Programs.run(
      "/bin/sh", ["-c", "cd '\(folder)/tree' && find . | cpio --quiet -o -H newc >../busybox.cpio"])
    try #require(packed.code == 0, "\(packed.output)")
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder)/busybox.cpio")))
    let machine = "sha256:" + SHA256.hash(bytes).hex
    let manifest = "\(folder)/manifest.json"
    let entry = "{\"name\": \"busybox\", \"file\": \"busybox.cpio\", \"digest\": \"\(machine)\"}, "
    try String(contentsOfFile: manifest, encoding: .utf8)
      .replacingOccurrences(of: "\"images\": [", with: "\"images\": [" + entry)
      .write(toFile: manifest, atomically: true, encoding: .utf8)
    try
      #"[{"gzip": true, "entries": [{"path": "bin", "folder": true}, {"path": "bin/busybox", "copy": "/bin/busybox"}]}]"#
      .write(toFile: "\(folder)/entries.json", atomically: true, encoding: .utf8)
    let script = Programs.repository.appendingPathComponent("Tests/tools/oci-layout").path
    let made = try Programs.run(
      "/bin/sh", ["-c", "'\(script)' '\(folder)/layout' <'\(folder)/entries.json'"])
    let container = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
    let added = try Programs.run(
      "claw", ["image", "add", "\(folder)/layout", "--digest", container, "--images", folder])
    try #require(added.code == 0, "\(added.output)")
    let digests = "\(folder)/digests.json"
    guard case .object(var object) = try JSON.parse(String(contentsOfFile: digests, encoding: .utf8)) else {
      throw CocoaError(.fileReadCorruptFile)
    }
    object["fetch"] = .string(machine)
    object["fetch-own"] = .string(machine)
    object["boxed"] = .string(container)
    try JSON.object(object).canonical.write(toFile: digests, atomically: true, encoding: .utf8)
  }

  /// The default policy with two more actions.
  private static func policy(at folder: String) throws {
    try FileManager.default.copyItem(
      at: Programs.repository.appendingPathComponent("Deploy/policy"), to: URL(fileURLWithPath: folder))
    let path = "\(folder)/registry.json"
    guard case .object(var registry) = try JSON.parse(String(contentsOfFile: path, encoding: .utf8)) else {
      throw CocoaError(.fileReadCorruptFile)
    }
    func fetch(_ name: String, _ host: String) throws -> JSON {
      let arguments = ["/bin/busybox", "wget", "-q", "-O", "-", "http://\(host)/hello"]
      return try action(name, arguments, "microvm-tcg", ["http://\(host):80"])
    }
    let more = [
      try fetch("fetch", ReachableNet.name), try fetch("fetch-own", "own.example.org"),
      try action("boxed", ["/bin/busybox", "cat"], "container", []),
    ]
    registry["actions"] = .array((registry["actions"]?.array ?? []) + more)
    try JSON.object(registry).canonical.write(toFile: path, atomically: true, encoding: .utf8)
  }

  private static func action(
    _ name: String, _ arguments: [String], _ isolation: String, _ egress: [String]
  ) throws -> JSON {
    let scopes = ["compute"] + egress.map { "egress:" + $0.dropFirst(7) }
    guard
      case .object(var object) = try JSON.parse(
        """
        {"name":"\(name)","version":"1","description":"","parameters_schema":{"type":"object",
         "properties":{"text":{"type":"string"}},"additionalProperties":false},
         "image":"sha256:\(String(repeating: "0", count: 64))","risk":{"estimated_cost_usd":"0.0001",
         "data_classification":"public","impact_level":"low"},"maximum_cost_usd":"0.001","max_retries":0,
         "rate_limit_per_min":60,"limits":{"wall_seconds":60,"memory_mib":64,"processes":8,"output_bytes":4096,
         "disk_mib":8},"isolation_class":"\(isolation)","token_seconds":300}
        """)
    else { throw CocoaError(.fileReadCorruptFile) }
    object["arguments"] = .array(arguments.map(JSON.string))
    object["scopes"] = .array(scopes.sorted().map(JSON.string))
    object["egress"] = .array(egress.map(JSON.string))
    if !egress.isEmpty {
      object["egress_limits"] = [
        "sent_bytes": 10_000, "received_bytes": 10_000, "connections": 4, "connections_per_min": 4,
      ]
    }
    return .object(object)
  }

  @Test(
    "out to a server and back, and in a container: proposed, approved, run, proven by receipts with their evidence"
  )
  func reach() throws {
    let root = FileManager.default.temporaryDirectory.path + "/reach-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: "\(root)/www", withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    try "hello from outside\n".write(toFile: "\(root)/www/hello", atomically: true, encoding: .utf8)
    try ReachableNet.run { other in
      let server = try ReachableNet.serve("\(root)/www", on: other)
      defer {
        kill(server.processIdentifier, SIGKILL)
        server.waitUntilExit()
      }
      try Self.images(at: "\(root)/images")
      try Self.policy(at: "\(root)/policy")
      let cluster = try LoopbackCluster(
        nodes: 3, threshold: 2, executors: 1, port: 32_000, images: "\(root)/images",
        founding: ["--policy", "\(root)/policy", "--isolation", "microvm-tcg", "--isolation", "container"])
      try cluster.startExecutor(1)
      try Self.wait(for: "microvm-tcg", in: cluster)
      try Self.fetched(in: cluster)
      // An executor runs an action in the strongest class that it offers, and the image of this one is a container's.
      try cluster.configure(executor: 1, "isolation_classes", ["container"])
      try cluster.restartExecutor(1)
      try Self.wait(for: "container", in: cluster)
      try Self.boxed(in: cluster)
      let file = cluster.folder + "/ledger.txt"
      #expect(try cluster.claw(["ledger", "export", file], as: "auditors/auditor-1").code == 0)
      #expect(try cluster.claw(["ledger", "verify", file]).code == 0)
      let logged = cluster.log("executor-1")
      #expect(!logged.contains("hello from outside") && !logged.contains("in a box"))
    }
  }

  private static func wait(for isolation: String, in cluster: LoopbackCluster) throws {
    try cluster.waitUntil("the executor offers \(isolation)", seconds: 180) {
      let found = cluster.log("executor-1").split(separator: "\n").last {
        $0.contains("\"isolation_classes\"")
      }
      guard let found, let active = try JSON.parse(String(found))["active"]?.array else { return false }
      return active.contains(.string(isolation))
    }
  }

  /// What was run under a request's id, and its receipt.
  private static func propose(
    _ action: String, _ parameters: String, in cluster: LoopbackCluster, succeeds: Bool = true
  ) throws -> (Outcome, JSON) {
    let outcome = try cluster.claw(
      ["propose", action, "--params", parameters, "--wait", "--json", "--request-id", action], as: agent)
    #expect((outcome.code == 0) == succeeds, "\(outcome.output) \(cluster.log("executor-1").suffix(2_000))")
    let receipt = try cluster.claw(["receipt", action, "--json"], as: agent)
    return (outcome, try #require(try? JSON.parse(receipt.output)["receipt"], "\(receipt.output)"))
  }

  private static func fetched(in cluster: LoopbackCluster) throws {
    let (outcome, receipt) = try propose("fetch", "{}", in: cluster)
    #expect(outcome.output.contains("hello from outside"), "\(outcome.output)")
    #expect(receipt["status"]?.string == "succeeded" && receipt["isolation_class"]?.string == "microvm-tcg")
    let egress = try #require(receipt["evidence"]?["egress"], "\(receipt.canonical)")
    #expect(egress["connections"]?.integer == 1 && egress["refused"]?.integer == 0, "\(egress.canonical)")
    #expect((egress["received_bytes"]?.integer ?? 0) > 18 && (egress["sent_bytes"]?.integer ?? 0) > 18)
    #expect(receipt["exfiltration_risk"] == false)
    // A name that is granted and stands for this host itself is refused all the same, and that is in the receipt.
    let (_, own) = try propose("fetch-own", "{}", in: cluster, succeeds: false)
    #expect(own["status"]?.string == "failed" && own["exfiltration_risk"] == true, "\(own.canonical)")
    let refused = try #require(own["evidence"]?["egress"], "\(own.canonical)")
    #expect(refused["connections"]?.integer == 0 && refused["refused"]?.integer == 1, "\(refused.canonical)")
  }

  private static func boxed(in cluster: LoopbackCluster) throws {
    let (outcome, receipt) = try propose("boxed", #"{"text":"in a box"}"#, in: cluster)
    #expect(outcome.output.contains("in a box"), "\(outcome.output)")
    #expect(receipt["status"]?.string == "succeeded" && receipt["isolation_class"]?.string == "container")
    #expect(receipt["evidence"]?["egress"] == nil)
    #expect(
      receipt["evidence"]?["machine"]?["probe"]?.string?.contains("io.containerd.runc.v2") == true,
      "\(receipt.canonical)")
  }
}
