import Canonical
import Crypto
import Foundation
import Records
import Testing
import Wire

/// What parties, authors and operators can do about decisions, on real nodes of which three of four sign: a
/// party's veto and its own bundle, bundles that are signed, put in force, taken back and asked beside it,
/// and the cluster's own word on whether it is compliant.
@Suite(
  .serialized,
  .cluster { try LoopbackCluster(nodes: 4, threshold: 3, executors: 1, port: 29_000) })
struct GovernancePowersClusterTests {
  let cluster: LoopbackCluster

  init() throws { cluster = try LiveCluster.current }

  func path(_ name: String) -> String { "\(cluster.folder)/\(name)" }
  var both: [String] { ["--sign-with", path("operators/operator-2")] }

  func json(_ outcome: Outcome) throws -> JSON {
    try #require(try? JSON.parse(outcome.output), "\(outcome.output)")
  }

  /// No program runs here as an executor: the test holds its certificate.
  func enlist() throws {
    let executor = try Caller(founded: "executors/executor-1", of: cluster)
    for node in 1...4 where cluster.process(node: node) != nil {
      let status = try executor.connect(to: cluster.clients(node)).status(
        "Executor/Enlist",
        EnlistRequest(
          incarnation: 1, challenge: [UInt8](repeating: UInt8(node), count: 16),
          isolationClasses: ["microvm-tcg"]))
      if status.code == .ok { return }
    }
    Issue.record("no node took the executor")
  }

  func propose() throws -> String {
    let asked = try cluster.claw(
      ["propose", "report", "--params", #"{"files":[{"path":"a.txt","content":"one two"}]}"#, "--json"],
      as: "agents/agent-1")
    try #require(asked.code == 4, "\(asked.output)")
    return try #require(try json(asked)["proposal"]?.string)
  }

  /// Two people approve. An executor that has asked for nothing for ten seconds is not there any more.
  func approve(_ leaf: String) throws -> Outcome {
    _ = try cluster.claw(["approve", leaf], as: "approvers/approver-1")
    try enlist()
    return try cluster.claw(["approve", leaf, "--json"], as: "approvers/approver-2")
  }

  private func veto(_ leaf: String, party: Int, folder: Int? = nil) throws -> Outcome {
    try cluster.claw(
      ["veto", leaf, "--party", path("nodes/node-\(folder ?? party)"), "--reason", "not with our share"],
      as: "approvers/approver-1")
  }

  func status(of leaf: String) throws -> String? {
    try json(try cluster.claw(["get", "--proposal", leaf, "--json"], as: "agents/agent-1"))["status"]?.string
  }

  /// Another configuration takes a node a moment.
  private func restart(_ party: Int, localPolicy: JSON?) throws {
    try cluster.configure(node: party, "local_policy", localPolicy)
    _ = cluster.stop(node: party)
    try cluster.start(node: party)
    try cluster.waitUntil("node \(party) is back", seconds: 40) {
      try cluster.claw(["status", "--node", "node-\(party)"], as: "operators/operator-1").output.contains(
        "by node-\(party)")
    }
  }

  /// The leaves of an export, as text.
  func leaves(_ export: String) throws -> [String] {
    try String(contentsOfFile: export, encoding: .utf8).split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard words.first == "leaf", words.count > 2 else { return nil }
      return Data(base64Encoded: String(words[2])).map { String(decoding: $0, as: UTF8.self) }
    }
  }

  // MARK: Parties

  @Test("one party's veto binds its own share: the others consent")
  func oneVeto() throws {
    let leaf = try propose()
    let vetoed = try veto(leaf, party: 2)
    #expect(vetoed.code == 0 && vetoed.output.contains("party 2 gives no share"), "\(vetoed.output)")
    let approved = try approve(leaf)
    #expect(try json(approved)["status"]?.string == "approved", "\(approved.output)")
    // Too late by now.
    let late = try veto(leaf, party: 3)
    #expect(late.code != 0 && late.output.contains("consented to already"), "\(late.output)")
    let nothing = try veto("0", party: 3)
    #expect(nothing.code != 0, "\(nothing.output)")
  }

  @Test("as many vetoes as sign are a record in the ledger, with every party's reason, and end the request")
  func withheld() throws {
    let leaf = try propose()
    for party in 2...4 { #expect(try veto(leaf, party: party).code == 0) }
    _ = try approve(leaf)
    try cluster.waitUntil("the request ends", seconds: 30) { try status(of: leaf) == "aborted" }
    let export = path("withheld.export")
    #expect(try cluster.claw(["ledger", "export", export], as: "auditors/auditor-1").code == 0)
    let verified = try cluster.claw(["ledger", "verify", export])
    #expect(verified.code == 0, "\(verified.output)")
    let record = try #require(try leaves(export).first { $0.contains(#""derived":"withheld""#) })
    for party in 2...4 { #expect(record.contains(#""party":\#(party),"reason":"not with our share""#)) }
  }

  @Test("a party's own bundle withholds what it objects to, and its node says so")
  func localBundle() throws {
    let folder = path("local-bundle")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    try """
    package openexec

    withhold contains "two words are too many" if contains(input.parameters.files[_].content, "two")
    """.write(toFile: "\(folder)/local.rego", atomically: true, encoding: .utf8)
    for party in 2...4 { try restart(party, localPolicy: .string(folder)) }
    defer { for party in 2...4 { try? restart(party, localPolicy: nil) } }
    let leaf = try propose()
    _ = try approve(leaf)
    try cluster.waitUntil("the request ends", seconds: 40) { try status(of: leaf) == "aborted" }
    let entry = try cluster.claw(["get", "--proposal", leaf, "--json"], as: "agents/agent-1")
    #expect(entry.output.contains("two words are too many"), "\(entry.output)")
  }

  // MARK: Bundles

  /// The bundle in force at the beginning, under another version.
  func bundle(_ version: String, _ change: (inout JSONObject) -> Void = { _ in }) throws -> String {
    let folder = path("bundle-\(version)")
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let standard = Programs.repository.appendingPathComponent("Deploy/policy").path
    for name in ["policy.rego", "data.json"] {
      try FileManager.default.copyItem(atPath: "\(standard)/\(name)", toPath: "\(folder)/\(name)")
    }
    guard
      case .object(var registry) = try JSON.parse(
        String(contentsOfFile: "\(standard)/registry.json", encoding: .utf8))
    else { throw CocoaError(.fileReadCorruptFile) }
    registry["bundle_version"] = .string(version)
    change(&registry)
    try JSON.object(registry).canonical.write(
      toFile: "\(folder)/registry.json", atomically: true, encoding: .utf8)
    return folder
  }

  func inForce() throws -> String? {
    try json(try cluster.claw(["status", "--json"], as: "operators/operator-1"))["policy_bundle_hash"]?.string
  }

  @Test("a bundle comes into force with its author's signature, and an earlier one comes back")
  func bundles() throws {
    let before = try inForce()
    let folder = try bundle("signed-1")
    let unsigned = try cluster.claw(["policy", "activate", folder] + both, as: "operators/operator-1")
    #expect(unsigned.code == 3 && unsigned.output.contains("claw policy sign"), "\(unsigned.output)")
    let signed = try cluster.claw(["policy", "sign", folder, "--json"], as: "approvers/approver-1")
    #expect(signed.code == 0, "\(signed.output)")
    let check = try cluster.claw(["policy", "check", folder])
    #expect(check.output.contains("signed by approver/approver-1"), "\(check.output)")
    // One operator is not enough, and what is changed is not the author's any more.
    let alone = try cluster.claw(["policy", "activate", folder], as: "operators/operator-1")
    #expect(alone.code == 3, "\(alone.output)")
    let registry = try String(contentsOfFile: "\(folder)/registry.json", encoding: .utf8)
    try registry.replacingOccurrences(of: "signed-1", with: "signed-2").write(
      toFile: "\(folder)/registry.json", atomically: true, encoding: .utf8)
    let changed = try cluster.claw(["policy", "activate", folder] + both, as: "operators/operator-1")
    #expect(changed.code == 1 && changed.output.contains("other contents"), "\(changed.output)")
    #expect(try cluster.claw(["policy", "check", folder]).code == 1)
    try registry.write(toFile: "\(folder)/registry.json", atomically: true, encoding: .utf8)
    let activated = try cluster.claw(["policy", "activate", folder] + both, as: "operators/operator-1")
    #expect(activated.code == 0, "\(activated.output)")
    #expect(try inForce() == json(signed)["policy_bundle_hash"]?.string)

    let export = path("policies.export")
    #expect(try cluster.claw(["ledger", "export", export], as: "auditors/auditor-1").code == 0)
    let back = try cluster.claw(
      ["policy", "rollback", "--from", export] + both, as: "operators/operator-1")
    #expect(back.code == 0, "\(back.output)")
    #expect(try inForce() == before)
    #expect(try cluster.claw(["ledger", "verify", export]).code == 0)
    // What the ledger's decisions would be under the other bundle: the same.
    let simulated = try cluster.claw(["policy", "simulate", folder, "--from", export, "--json"])
    #expect(simulated.code == 0, "\(simulated.output)")
  }

  @Test("a bundle in shadow decides nothing, and the ledger says what it would have decided")
  func shadow() throws {
    let folder = try bundle("stricter") { registry in
      registry["breakers"] = [
        "request_usd": "0.000001", "tenant_usd_per_day": "1000", "proposals_per_minute": 600,
        "repeats_per_minute": 60, "maximum_depth": 4,
      ]
    }
    #expect(try cluster.claw(["policy", "sign", folder], as: "operators/operator-1").code == 0)
    let before = try inForce()
    let begun = try cluster.claw(["policy", "shadow", folder] + both, as: "operators/operator-1")
    #expect(begun.code == 0, "\(begun.output)")
    let leaf = try propose()
    let differences = try cluster.claw(["policy", "differences"], as: "operators/operator-1")
    #expect(
      differences.code == 0 && differences.output.contains("proposal \(leaf)")
        && differences.output.contains("deny under bundle stricter"), "\(differences.output)")
    #expect(try inForce() == before && status(of: leaf) == "pending")
    // The same by the export and the simulation: it denies what was asked here.
    let export = path("shadow.export")
    #expect(try cluster.claw(["ledger", "export", export], as: "auditors/auditor-1").code == 0)
    let simulated = try cluster.claw(["policy", "simulate", folder, "--from", export, "--json"])
    #expect(simulated.output.contains(leaf), "\(simulated.output)")
    let ended = try cluster.claw(["policy", "unshadow"] + both, as: "operators/operator-1")
    #expect(ended.code == 0, "\(ended.output)")
    #expect(try cluster.claw(["policy", "differences"], as: "operators/operator-1").code == 5)
    #expect(try cluster.claw(["reject", leaf], as: "approvers/approver-1").code == 0)
  }

  // MARK: People

  @Test("on a cluster as claw init founds it, require_mfa is answered by the agents' owner and an approver")
  func mfa() throws {
    let asked = try cluster.claw(
      ["propose", "echo", "--params", #"{"text":"x"}"#, "--data", "restricted", "--json"],
      as: "agents/agent-1")
    let leaf = try #require(try json(asked)["proposal"]?.string, "\(asked.output)")
    // Who answers for the agents approves nothing of theirs.
    let own = try cluster.claw(["approve", leaf, "--role", "approver"], as: "owners/owner-1")
    #expect(own.code == 3, "\(own.output)")
    try enlist()
    let approved = try cluster.claw(["approve", leaf], as: "approvers/approver-1")
    #expect(approved.code == 4, "\(approved.output)")
    let confirmed = try cluster.claw(["confirm", leaf, "--json"], as: "owners/owner-1")
    #expect(try json(confirmed)["status"]?.string == "approved", "\(confirmed.output)")
  }

  /// The executor says, signed by its key or by another's, that this is off with its host.
  private func declare(
    _ shortcomings: [String], challenge: UInt8, after seconds: Int64 = 0, forged: Bool = false
  ) throws {
    let executor = try Caller(founded: "executors/executor-1", of: cluster)
    let signer = forged ? try Caller(founded: "agents/agent-1", of: cluster) : executor
    let client = try executor.connect(to: cluster.clients(1))
    let checkpoint = try client.call("Ledger/Checkpoint", CheckpointRequest(), of: CheckpointResponse.self)
    let now = Timestamp(nanoseconds: (Int64(Date().timeIntervalSince1970) + seconds) * 1_000_000_000)
    let declaration = HostDeclaration(
      executor: executor.principal, incarnation: 1, challenge: [UInt8](repeating: challenge, count: 16),
      isolationClasses: ["microvm-tcg"], isCompliant: shortcomings.isEmpty, shortcomings: shortcomings,
      declaredAt: now)
    let signed = PartySigned(
      declaration, cluster: try #require(Digest(hex: checkpoint.cluster)), with: try signer.signingKey())
    let status = client.status(
      "Executor/Enlist",
      EnlistRequest(
        incarnation: 1, challenge: declaration.challenge, isolationClasses: declaration.isolationClasses,
        compliant: declaration.isCompliant, shortcomings: shortcomings, signature: signed.signature.bytes,
        declaredAt: now?.text ?? ""))
    #expect(status.code == (forged ? .permissionDenied : .ok), "\(status)")
  }

  @Test(
    "what an executor signs of its host is what the cluster's compliance says of it, by the key it is enrolled with"
  )
  func declarations() throws {
    func reasons() throws -> [String]? {
      let items = try json(try cluster.claw(["compliance", "--json"], as: "operators/operator-1"))["items"]?
        .array
      let item = items?.first { $0["rows"]?.string == "HF-9" }
      return item?["reasons"]?.array?.compactMap(\.string)
    }
    let off = "journal: it is in memory"
    try declare([off], challenge: 201)
    #expect(try reasons() == ["executor/executor-1: \(off)"])
    try declare([], challenge: 202, forged: true)
    #expect(try reasons() == ["executor/executor-1: \(off)"])
    try declare([], challenge: 203, after: 5)
    #expect(try reasons() == [])
  }

  @Test("the cluster says whether it is compliant, and why not")
  func compliance() throws {
    let said = try cluster.claw(["compliance", "--json"], as: "operators/operator-1")
    #expect(said.code == 7, "\(said.output)")
    let value = try json(said)
    #expect(value["declaration"]?.string == "NON-COMPLIANT")
    let items = value["items"]?.array ?? []
    func reasons(_ rows: String) -> [String]? {
      items.first { $0["rows"]?.string?.contains(rows) == true }?["reasons"]?.array?.compactMap(\.string)
    }
    // No image was named when it was founded; all that concerns people is in order.
    #expect(reasons("INV-023")?.contains { $0.contains("echo") } == true)
    #expect(reasons("INV-002") == [] && reasons("API-4") == [] && reasons("INV-019, INV-020") == [])
    #expect(reasons("INV-016") == [])
    let text = try cluster.claw(["compliance"], as: "auditors/auditor-1")
    #expect(text.output.contains("NON-COMPLIANT: ") && text.output.contains("INV-023"), "\(text.output)")
    #expect(try cluster.claw(["compliance"], as: "agents/agent-1").code == 3)
  }
}
