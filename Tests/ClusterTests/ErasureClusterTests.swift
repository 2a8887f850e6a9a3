import Canonical
import Foundation
import Testing

/// `claw erase` on live processes: what a tenant had is on no disk, before in plain and after at all.
struct ErasureClusterTests {
  private static let canary = "canary-9be1c07d"

  private func files(below folder: String) -> [String] {
    let names = FileManager.default.enumerator(atPath: folder)?.allObjects.compactMap { $0 as? String } ?? []
    return names.map { "\(folder)/\($0)" }
  }

  /// Files below a folder in which a text stands as it is.
  private func files(with text: String, below folder: String) -> [String] {
    files(below: folder).filter { path in
      FileManager.default.contents(atPath: path)?.range(of: Data(text.utf8)) != nil
    }
  }

  private func keys(_ cluster: LoopbackCluster, node: Int) -> [String] {
    files(below: "\(cluster.folder)/nodes/node-\(node)/data/tenant-keys").map {
      URL(fileURLWithPath: $0).lastPathComponent
    }.sorted()
  }

  private func propose(_ cluster: LoopbackCluster, _ id: String) throws {
    // No executor is there: it is denied, and its parameters are in the ledger all the same.
    let denied = try cluster.claw(
      [
        "propose", "echo", "--params", "{\"text\":\"\(Self.canary)\"}", "--request-id", id, "--trace-id",
        "trace-1",
      ],
      as: "agents/agent-1")
    try #require(denied.code == 3, "\(denied.output)")
  }

  @Test(
    "a tenant is erased on live nodes: no file has its parameters, the ledger verifies, a node that was away follows"
  )
  func erase() throws {
    let cluster = try LoopbackCluster(nodes: 4, threshold: 3, port: 28_000)
    try propose(cluster, "first")
    let backup = "\(cluster.folder)/backup"
    let file = "\(cluster.folder)/note.txt"
    try "a file's \(Self.canary)".write(toFile: file, atomically: true, encoding: .utf8)
    let put = try cluster.claw(["artifact", "put", file], as: "agents/agent-1")
    try #require(put.code == 0, "\(put.output)")
    let taken = try cluster.claw(["backup", backup], as: "auditors/auditor-1")
    try #require(taken.code == 0, "\(taken.output)")
    #expect(files(with: Self.canary, below: backup).count == 1, "the file; parameters stand in base64")
    let tenant = try #require(keys(cluster, node: 1).first { $0.hasSuffix(".0") }?.dropLast(2)).description
    for node in 1...4 {
      let data = "\(cluster.folder)/nodes/node-\(node)/data"
      #expect(files(with: Self.canary, below: data) == [], "sealed from the first")
      #expect(!files(with: "genesis", below: data).isEmpty, "the control: what is not sealed is found")
      #expect(keys(cluster, node: node) == ["\(tenant).0"])
    }
    let readable = try cluster.claw(["trace", "trace-1"], as: "auditors/auditor-1")
    #expect(readable.output.contains(Self.canary), "\(readable.output)")

    cluster.kill(node: 4)
    let alone = try cluster.claw(["erase", tenant, "--reason", "asked for"], as: "operators/operator-1")
    #expect(alone.code == 3 && alone.output.contains("2 distinct operators"), "\(alone.output)")
    let erased = try cluster.claw(
      [
        "erase", tenant, "--reason", "asked for", "--sign-with", "\(cluster.folder)/operators/operator-2",
        "--json",
      ], as: "operators/operator-1")
    try #require(erased.code == 0, "\(erased.output)")
    let leaf = try #require(try JSON.parse(erased.output)["leaf"]?.string)
    for node in 1...3 {
      try cluster.waitUntil("node \(node) has no key from before", seconds: 20) {
        keys(cluster, node: node) == ["\(tenant).\(leaf)"]
      }
    }
    try tells(cluster, leaf, open: true)
    try propose(cluster, "second")
    let trace = try cluster.claw(["trace", "trace-1"], as: "auditors/auditor-1")
    #expect(trace.code == 0 && trace.output.contains("erased by leaf \(leaf)"), "\(trace.output)")
    #expect(trace.output.contains(Self.canary), "what came after the erasure stays")

    // The party that was away: nobody has what it lacks, and it knows the ledger all the same.
    try cluster.start(node: 4)
    try cluster.waitUntil("node 4 has no key from before", seconds: 60) {
      !keys(cluster, node: 4).contains("\(tenant).0")
    }
    try tells(cluster, leaf, open: false)
    try verifies(cluster, backup, leaf)
  }

  /// `claw erasures` says who has destroyed its keys, and that nobody knows of the party that is away.
  private func tells(_ cluster: LoopbackCluster, _ leaf: String, open: Bool) throws {
    try cluster.waitUntil("the nodes tell what they have erased", seconds: 20) {
      let told = try cluster.claw(["erasures", "--json"], as: "auditors/auditor-1")
      let report = try JSON.parse(told.output)
      let entry = report["erasures"]?.array?.first
      let away: [JSON] = open ? ["node-4"] : []
      return told.code == (open ? 7 : 0) && entry?["leaf"]?.string == leaf
        && entry?["carried_out"]?.array?.count == (open ? 3 : 4) && entry?["unknown"]?.array == away
        && entry?["open"]?.array == [] && report["complete"]?.bool == !open
    }
    #expect(try cluster.claw(["erasures"], as: "agents/agent-1").code == 3)
  }

  private func verifies(_ cluster: LoopbackCluster, _ backup: String, _ leaf: String) throws {
    let again = try cluster.claw(["backup", backup], as: "auditors/auditor-1")
    #expect(
      again.code == 0 && again.output.contains("1 files of erased tenants were removed"), "\(again.output)")
    #expect(files(with: Self.canary, below: backup) == [])
    let export = "\(backup)/ledger.export"
    let ours = try Programs.run("claw", ["ledger", "verify", export, "--json"])
    let report = try JSON.parse(ours.output)
    #expect(ours.code == 0 && report["left_out"]?.array?.isEmpty == true, "\(ours.output)")
    #expect(report["erased"]?.array?.isEmpty == false)
    #expect(try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py", export]).code == 0)
    for node in 1...4 {
      let data = "\(cluster.folder)/nodes/node-\(node)/data"
      #expect(files(with: Self.canary, below: data) == [])
      cluster.kill(node: node)
      try cluster.start(node: node)
    }
    try cluster.waitUntil("the cluster signs again", seconds: 40) {
      try cluster.claw(["ledger", "entry", leaf], as: "auditors/auditor-1").code == 0
    }
  }
}
