import Canonical
import Crypto
import Foundation
import Testing
import WasmBytes

/// What these tests need of this machine.
private enum Modules {
  static var obstacle: String? {
    if let obstacle = Machines.obstacle { return obstacle }
    guard FileManager.default.fileExists(atPath: Machines.images + "/wasm.cpio") else {
      return "this toolchain has no wasmkit"
    }
    return nil
  }
}

/// A WebAssembly module through a whole cluster: added as an image, pinned by the bundle, run in a machine with a file of the
/// workspace, to the receipt in the ledger.
@Suite(.serialized, .enabled(if: Modules.obstacle == nil, "\(Modules.obstacle ?? "")"))
struct ModuleClusterTests {
  private static let content = "a,b\n1,2\nGrüße\n"
  private static let agent = "agents/agent-1"

  private static func json(_ path: String, _ change: (inout JSONObject) -> Void) throws {
    guard case .object(var object) = try JSON.parse(String(contentsOfFile: path, encoding: .utf8)) else {
      throw CocoaError(.fileReadCorruptFile)
    }
    change(&object)
    try JSON.object(object).canonical.write(toFile: path, atomically: true, encoding: .utf8)
  }

  /// The built images with the module beside them; its digest.
  private static func images(at root: String) throws -> String {
    let copied = try Programs.run("/bin/cp", ["-a", Machines.images, "\(root)/images"])
    try #require(copied.code == 0, "\(copied.output)")
    // The first input's name in the action's folder.
    let module = WasmBytes.reader(of: "1-\(SHA256.hash(content).hex)")
    try #"[{"wasm": "\#(WasmBytes.hex(module))"}]"#
      .write(toFile: "\(root)/layer.json", atomically: true, encoding: .utf8)
    let script = Programs.repository.appendingPathComponent("Tests/tools/oci-layout").path
    let made = try Programs.run("/bin/sh", ["-c", "'\(script)' '\(root)/layout' <'\(root)/layer.json'"])
    let digest = made.output.trimmingCharacters(in: .whitespacesAndNewlines)
    let added = try Programs.run(
      "claw", ["image", "add", "\(root)/layout", "--digest", digest, "--images", "\(root)/images"])
    try #require(added.code == 0, "\(added.output)")
    try json("\(root)/images/digests.json") { $0["read"] = .string(digest) }
    return digest
  }

  /// The default policy with the module's action.
  private static func policy(at root: String) throws {
    try FileManager.default.copyItem(
      at: Programs.repository.appendingPathComponent("Deploy/policy"),
      to: URL(fileURLWithPath: "\(root)/policy"))
    let action = try JSON.parse(
      """
      {"name":"read","version":"1","description":"","parameters_schema":{"type":"object",
       "additionalProperties":false},"arguments":["/module.wasm"],"scopes":["compute"],"egress":[],
       "image":"sha256:\(String(repeating: "0", count: 64))","risk":{"estimated_cost_usd":"0.0001",
       "data_classification":"public","impact_level":"low"},"maximum_cost_usd":"0.001","max_retries":0,
       "rate_limit_per_min":60,"limits":{"wall_seconds":60,"memory_mib":16,"processes":4,"output_bytes":4096,
       "disk_mib":1},"inputs":{"minimum_count":1,"maximum_count":1,"maximum_bytes":4096},
       "isolation_class":"microvm-tcg","token_seconds":300}
      """)
    try json("\(root)/policy/registry.json") {
      $0["actions"] = .array(($0["actions"]?.array ?? []) + [action])
    }
  }

  @Test("a module is pinned, approved, run on a file of the workspace, and its receipt names what ran it")
  func module() throws {
    let root = FileManager.default.temporaryDirectory.path + "/module-\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: root) }
    let digest = try Self.images(at: root)
    try Self.policy(at: root)
    let cluster = try LoopbackCluster(
      nodes: 3, threshold: 2, executors: 1, port: 27_600, images: "\(root)/images",
      founding: ["--policy", "\(root)/policy"])
    try cluster.startExecutor(1)
    try cluster.waitUntil("the executor offers a class", seconds: 180) {
      cluster.log("executor-1").contains("\"active\":[\"microvm-tcg\"]")
    }
    let file = "\(root)/data.csv"
    try Self.content.write(toFile: file, atomically: true, encoding: .utf8)
    let put = try cluster.claw(["artifact", "put", file, "--json"], as: Self.agent)
    let input = try #require(try JSON.parse(put.output)["digest"]?.string, "\(put.output)")
    let outcome = try cluster.claw(
      ["propose", "read", "--params", "{}", "--input", input, "--request-id", "r", "--wait", "--json"],
      as: Self.agent)
    #expect(outcome.code == 0, "\(outcome.output) \(cluster.log("executor-1").suffix(2_000))")
    #expect(outcome.output.contains(#"a,b\n1,2\nGrüße\n"#), "\(outcome.output)")
    let shown = try cluster.claw(["receipt", "r", "--json"], as: Self.agent)
    let receipt = try #require(try? JSON.parse(shown.output), "\(shown.output)").canonical
    let runtime = SHA256.hash(
      Array(try Data(contentsOf: URL(fileURLWithPath: "\(root)/images/wasm.cpio")))
    ).hex
    #expect(receipt.contains(digest) && receipt.contains(runtime) && receipt.contains(input), "\(receipt)")
    let ledger = cluster.folder + "/ledger.txt"
    #expect(try cluster.claw(["ledger", "export", ledger], as: "auditors/auditor-1").code == 0)
    #expect(try cluster.claw(["ledger", "verify", ledger]).code == 0)
  }
}
