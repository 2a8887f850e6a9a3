import Canonical
import Foundation
import Records
import Testing

/// Parties come and go on live processes, while agents' actions are approved and run.
@Suite(.serialized)
struct MembersClusterTests {
  @Test(
    "three of four: a fifth comes, one goes and takes its key along; actions run before, between and after",
    .enabled(if: Machines.obstacle == nil, "\(Machines.obstacle ?? "")"))
  func comeAndGo() throws {
    let cluster = try LoopbackCluster(
      nodes: 4, threshold: 3, executors: 1, port: 25_200, images: Machines.images)
    try cluster.startExecutor(1)
    try cluster.waitUntil("the executor offers a class", seconds: 120) {
      cluster.log("executor-1").contains("\"isolation_classes\"")
    }
    try run("before", on: cluster)
    let id = try clusterID(cluster)
    let founding = try members(cluster)

    try join(5, id, on: cluster)
    let added = try change(["add", "--invitation", "\(cluster.folder)/node-5.invitation.json"], on: cluster)
    #expect(added.code == 0, "\(added.output)")
    // Who was there when it came knows where it is.
    #expect(added.output.contains("operators/operator-1 knows node-5 from now on"), "\(added.output)")
    #expect(!added.output.contains("not known to"), "\(added.output)")
    let fifth = try cluster.claw(["ledger", "checkpoint", "--node", "node-5"], as: "operators/operator-1")
    #expect(fifth.code == 0, "it is known, whomever it admits: \(fifth.output)")
    try run("between", on: cluster)
    let five = try members(cluster)
    #expect(five["parties"]?.array?.count == 5)
    #expect(five["group_key"] == founding["group_key"], "nobody left: the same key")
    #expect(five["voters"]?.array?.compactMap(\.integer) == [1, 2, 3, 4, 5])

    let removed = try change(["remove", "node-2"], on: cluster)
    #expect(removed.code == 0, "\(removed.output)")
    let four = try members(cluster)
    #expect(four["group_key"] != founding["group_key"], "whoever left knows a share of the old key")
    #expect(four["voters"]?.array?.compactMap(\.integer) == [1, 3, 4, 5])
    #expect(four["keys"]?.integer == 3)
    _ = cluster.stop(node: 2)
    try run("after", on: cluster)
    try expectFollowed(cluster, told: removed.output)

    // A restart finds the share of the key in force, and the founding one is gone.
    for node in [1, 3, 4, 5] {
      #expect(
        !FileManager.default.fileExists(atPath: "\(cluster.folder)/nodes/node-\(node)/data/share.sealed"))
    }
    for node in [1, 5] {
      cluster.kill(node: node)
      try cluster.start(node: node)
    }
    // Three of four sign: with one more down both of them must.
    cluster.kill(node: 3)
    try cluster.waitUntil("the executor has enlisted again, and its action runs", seconds: 60) {
      let outcome = try cluster.claw(
        ["propose", "echo", "--params", "{\"text\":\"restarted\"}", "--wait"], as: "agents/agent-1")
      return outcome.code == 0 && outcome.output.contains("restarted")
    }
    try cluster.start(node: 3)

    try expectVerified(cluster, id)
    // The removed party's node is let in by nobody any more.
    try cluster.start(node: 2)
    try cluster.waitUntil("node-2 is refused", seconds: 30) {
      cluster.log("node-1").contains("node-2 is not") || cluster.log("node-1").contains("self-signed")
    }
    let again = try change(["add", "--invitation", try invitation(2, on: cluster)], on: cluster)
    #expect(again.code != 0 && again.output.contains("is not used again"), "\(again.output)")
    try expectStaleFollow(cluster, id)
  }

  @Test("one operator changes nothing, an agent neither, and what cannot be withstood is asked twice")
  func refused() throws {
    let cluster = try LoopbackCluster(nodes: 4, threshold: 3, port: 25_500)
    let alone = try cluster.claw(["members", "rotate"], as: "operators/operator-1")
    #expect(alone.code == 3 && alone.output.contains("2 distinct operators"), "\(alone.output)")
    let agent = try cluster.claw(["members", "rotate"], as: "agents/agent-1")
    #expect(agent.code == 3, "\(agent.output)")
    let few = try change(["remove", "node-2", "--threshold", "2"], on: cluster)
    #expect(few.code == 2 && few.output.contains("--crash-only"), "\(few.output)")
    let nobody = try change(["remove", "node-9"], on: cluster)
    #expect(nobody.code == 2 && nobody.output.contains("there is no party node-9"), "\(nobody.output)")
    let nothing = try change(["cancel"], on: cluster)
    #expect(nothing.code == 5 && nothing.output.contains("there is nothing to cancel"), "\(nothing.output)")
    // A party that never comes: the change waits, and is taken back.
    try cluster.makeParty(5)
    let waits = try change(
      ["add", "--invitation", "\(cluster.folder)/node-5.invitation.json"], wait: 4, on: cluster)
    #expect(waits.code == 4, "\(waits.output)")
    let status = try cluster.claw(["status"], as: "operators/operator-2")
    #expect(status.output.contains("is learning and waits for"), "\(status.output)")
    try expectLeaderNamed(cluster)
    let back = try change(["cancel"], on: cluster)
    #expect(back.code == 0, "\(back.output)")
    let rotated = try change(["rotate"], on: cluster)
    #expect(rotated.code == 0, "\(rotated.output)")
    #expect(try members(cluster)["keys"]?.integer == 2)
    let note = try cluster.claw(["ledger", "checkpoint"], as: "agents/agent-1")
    #expect(note.code == 0, "an agent follows the keys by itself: \(note.output)")
    // A rotation that waits for a party is not taken back by who asks for another; who waits for one that is taken back is told.
    cluster.kill(node: 4)
    let waiting = try begin(["members", "rotate", "--wait", "60"], log: "rotation", on: cluster)
    try cluster.waitUntil("the first rotation is on its way", seconds: 60) {
      try members(cluster)["change"]?["stage"]?.string == "joint"
    }
    let second = try change(["rotate"], on: cluster)
    #expect(
      second.code == 1 && second.output.contains("is on its way (joint): wait for its end"),
      "\(second.output)")
    let taken = try change(["cancel"], on: cluster)
    #expect(taken.code == 0, "\(taken.output)")
    waiting.waitUntilExit()
    let said = cluster.log("rotation")
    #expect(waiting.terminationStatus == 7 && said.contains("this one was taken back"), "\(said)")
    try cluster.start(node: 4)
    let third = try change(["rotate"], on: cluster)
    #expect(third.code == 0, "\(third.output)")
    #expect(try members(cluster)["keys"]?.integer == 3)
    try expectAllOrNone(cluster)
  }

  // MARK: Steps

  /// Identities that a new key has passed by are given the new party's node: they ask for the key, and are given it by hand where
  /// nobody is left whom they could ask.
  private func expectStaleFollow(_ cluster: LoopbackCluster, _ id: String) throws {
    let (known, stale, alone) = ("operators/operator-1", "operators/stale", "operators/alone")
    for copy in [stale, alone] {
      try FileManager.default.copyItem(
        atPath: "\(cluster.folder)/\(known)", toPath: "\(cluster.folder)/\(copy)")
    }
    func nodes(_ identity: String, _ arguments: [String]) throws -> Outcome {
      try Programs.run("claw", ["identity", "nodes", "--dir", "\(cluster.folder)/\(identity)"] + arguments)
    }
    #expect(try nodes(alone, ["node-1", "node-4", "node-5"].flatMap { ["--without", $0] }).code == 0)
    try join(6, id, on: cluster)
    let invitation = ["--invitation", "\(cluster.folder)/node-6.invitation.json"]
    let replaced = try change(["replace", "node-3"] + invitation, on: cluster)
    #expect(replaced.code == 0, "\(replaced.output)")
    _ = cluster.stop(node: 3)

    let told = try nodes(stale, invitation)
    #expect(told.code == 0 && told.output.contains("node-6 has the key "), "\(told.output)")
    let refused = try nodes(alone, invitation)
    #expect(refused.code == 1 && refused.output.contains("--keys takes them"), "\(refused.output)")
    let other = try nodes(alone, invitation + ["--keys", "\(cluster.folder)/\(known)/client.json"])
    #expect(other.code != 0 && other.output.contains("client.json"), "\(other.output)")
    let given = try nodes(alone, invitation + ["--keys", "\(cluster.folder)/\(known)/cluster.json"])
    #expect(given.code == 0, "\(given.output)")
    let reached = try cluster.claw(["ledger", "checkpoint"], as: alone)
    #expect(reached.code == 0, "\(reached.output)")
  }

  /// What a change waits for only the leader sees: it says it, and the others say who that is.
  private func expectLeaderNamed(_ cluster: LoopbackCluster) throws {
    func waitsFor() throws -> (leader: Int, said: [Int: String]) {
      var said: [Int: String] = [:]
      var leaders: Set<Int> = []
      for node in 1...4 {
        let answer = try cluster.claw(
          ["status", "--json", "--node", "node-\(node)"], as: "operators/operator-2")
        let status = try JSON.parse(answer.output)
        let id = try #require(status["node"]?.integer, "\(answer.output)")
        leaders.insert(status["leader"]?.integer ?? 0)
        said[id] = status["members"]?["change"]?["waits_for"]?.string
      }
      return (leaders.count == 1 ? leaders.first ?? 0 : 0, said)
    }
    // An election between two answers is no contradiction: they are asked again.
    var heard = try waitsFor()
    try cluster.waitUntil("all name one leader", seconds: 30) {
      heard = try waitsFor()
      return heard.leader != 0
    }
    for node in 1...4 {
      let expected =
        node == heard.leader
        ? "node 5 does not keep up with the log yet" : "what the leader alone knows: ask node-\(heard.leader)"
      #expect(heard.said[node] == expected, "node \(node) of leader \(heard.leader)")
    }
  }

  /// Of several bundles one is of nobody: it is named with its file, and the others are not written either.
  private func expectAllOrNone(_ cluster: LoopbackCluster) throws {
    let identity = "\(cluster.folder)/agents/agent-1"
    func files() throws -> [String] { try FileManager.default.subpathsOfDirectory(atPath: identity).sorted() }
    let (before, known) = (
      try files(), try String(contentsOfFile: "\(identity)/client.json", encoding: .utf8)
    )
    let stranger = "\(cluster.folder)/node-5.invitation.json"
    let refused = try Programs.run(
      "claw",
      [
        "identity", "nodes", "--dir", identity, "--invitation", try invitation(1, on: cluster),
        "--invitation",
        stranger, "--invitation", try invitation(2, on: cluster),
      ])
    #expect(refused.code == 1, "\(refused.output)")
    #expect(refused.output.contains("\(stranger): node-5 with the key "), "\(refused.output)")
    #expect(refused.output.contains("is no party of the newest key, which is of node-1"), "\(refused.output)")
    #expect(refused.output.contains("No node is written, of the other 2 neither"), "\(refused.output)")
    #expect(!refused.output.contains("node-1.invitation.json"), "\(refused.output)")
    #expect(try files() == before)
    #expect(try String(contentsOfFile: "\(identity)/client.json", encoding: .utf8) == known)
  }

  /// Who has left is asked and counted no more, and who came is made known to an identity by its bundle.
  private func expectFollowed(_ cluster: LoopbackCluster, told: String) throws {
    let operator1 = "operators/operator-1"
    #expect(told.contains("claw: node-2: not asked any more, as no member of the newest key"), "\(told)")
    #expect(!told.contains("not known to "), "\(told)")
    let other = try cluster.claw(["ledger", "checkpoint"], as: "operators/operator-2")
    #expect(
      other.output.contains("claw: node-5: of the newest key's members, and not known to "), "\(other.output)"
    )
    #expect(try !cluster.claw(["ledger", "checkpoint"], as: operator1).output.contains("claw:"), "said once")
    // An identity that has not heard of it yet hears of it before it asks all.
    let auditor = try cluster.claw(["alerts"], as: "auditors/auditor-1")
    #expect(auditor.code == 0 && !auditor.output.contains("\"subject\":\"node-2\""), "\(auditor.output)")
    func nodes(_ arguments: [String]) throws -> Outcome {
      try Programs.run("claw", ["identity", "nodes", "--dir", "\(cluster.folder)/\(operator1)"] + arguments)
    }
    let stranger = try nodes(["--invitation", try invitation(2, on: cluster)])
    #expect(
      stranger.code == 1
        && stranger.output.contains("is no party of the newest key, which is of node-1, node-3"),
      "\(stranger.output)")
    let added = try nodes(["--invitation", "\(cluster.folder)/node-5.invitation.json", "--without", "node-2"])
    #expect(
      added.code == 0 && added.output.contains("names node-1, node-3, node-4, node-5"), "\(added.output)")
    #expect(added.output.contains("node-5 has the key "), "\(added.output)")
    #expect(try nodes(["--without", "node-2"]).code == 2)
    #expect(try nodes([]).code == 2)
    let all = (["node-1", "node-3", "node-4", "node-5"]).flatMap { ["--without", $0] }
    #expect(try nodes(all).output.contains("knows at least one node"))
    let fifth = try cluster.claw(["ledger", "checkpoint", "--node", "node-5"], as: operator1)
    #expect(fifth.code == 0, "it is known, whomever it admits: \(fifth.output)")
    #expect(try cluster.claw(["ledger", "checkpoint", "--node", "node-2"], as: operator1).code == 2)
    let killed = try cluster.claw(["kill", "tenant/nobody", "--json"], as: operator1)
    let answer = try JSON.parse(killed.output)
    #expect(killed.code == 0 && answer["nodes"]?.integer == 4, "\(killed.output)")
    #expect(
      answer["message"]?.string?.contains("NOTE: nobody is enrolled in tenant/nobody") == true,
      "\(killed.output)")
    let known = try cluster.claw(["quarantine", "approver/approver-2", "--json"], as: operator1)
    #expect(known.code == 0 && !known.output.contains("NOTE"), "\(known.output)")
  }

  /// An action, from proposal to receipt.
  private func run(_ text: String, on cluster: LoopbackCluster) throws {
    let outcome = try cluster.claw(
      ["propose", "echo", "--params", "{\"text\":\"\(text)\"}", "--wait"], as: "agents/agent-1")
    #expect(outcome.code == 0 && outcome.output.contains(text), "\(text): \(outcome.output)")
  }

  private func clusterID(_ cluster: LoopbackCluster) throws -> String {
    let answer = try cluster.claw(["ledger", "checkpoint", "--json"], as: "agents/agent-1")
    return try #require(try JSON.parse(answer.output)["cluster"]?.string, "\(answer.output)")
  }

  private func members(_ cluster: LoopbackCluster) throws -> JSON {
    let answer = try cluster.claw(["status", "--json", "--node", "node-1"], as: "operators/operator-1")
    return try #require(try JSON.parse(answer.output)["members"], "\(answer.output)")
  }

  private func change(_ arguments: [String], wait: Int = 60, on cluster: LoopbackCluster) throws -> Outcome {
    try cluster.claw(
      ["members"] + arguments + [
        "--sign-with", "\(cluster.folder)/operators/operator-2", "--wait", "\(wait)",
      ], as: "operators/operator-1")
  }

  /// `claw` as two operators, which runs beside the test and writes into a file of this name.
  private func begin(_ arguments: [String], log: String, on cluster: LoopbackCluster) throws -> Process {
    let path = "\(cluster.folder)/\(log).log"
    try #require(FileManager.default.createFile(atPath: path, contents: nil))
    let output = try #require(FileHandle(forWritingAtPath: path))
    let process = Programs.process(
      "claw",
      arguments + [
        "--sign-with", "\(cluster.folder)/operators/operator-2", "--as",
        "\(cluster.folder)/operators/operator-1",
      ])
    process.standardOutput = output
    process.standardError = output
    try process.run()
    return process
  }

  private func invitation(_ number: Int, on cluster: LoopbackCluster) throws -> String {
    try cluster.invitation(number)
  }

  /// A new party joins, and its node starts.
  private func join(_ number: Int, _ id: String, on cluster: LoopbackCluster) throws {
    try cluster.joinParty(number, id)
    try cluster.start(node: number)
  }

  /// Strangers verify the whole ledger from the cluster's id.
  private func expectVerified(_ cluster: LoopbackCluster, _ id: String) throws {
    let file = cluster.folder + "/ledger.txt"
    let exported = try cluster.claw(["ledger", "export", file], as: "auditors/auditor-1")
    #expect(exported.code == 0, "\(exported.output)")
    let ours = try cluster.claw(["ledger", "verify", file, "--cluster", id])
    #expect(ours.code == 0 && ours.output.contains("keys      3"), "\(ours.output)")
    let theirs = try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py", file, "--cluster", id])
    #expect(theirs.code == 0 && theirs.output.contains("keys      3"), "\(theirs.output)")
    // Without the key's record nothing above it is anybody's word.
    let text = try String(contentsOfFile: file, encoding: .utf8)
    let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let key = try #require(
      lines.lastIndex { line in
        let parts = line.split(separator: " ")
        return parts.count == 4
          && Data(base64Encoded: String(parts[2])).map { String(decoding: $0, as: UTF8.self) }?
            .hasSuffix("\"type\":\"key\"}") == true
      })
    var forged = lines
    let parts = forged[key].split(separator: " ").map(String.init)
    let record = String(decoding: try #require(Data(base64Encoded: parts[2])), as: UTF8.self)
    let other = record.replacing("\"origin\":\"generation\"", with: "\"origin\":\"reshare\"")
    forged[key] = "leaf \(parts[1]) \(Data(other.utf8).base64EncodedString()) \(parts[3])"
    try forged.joined(separator: "\n").write(toFile: file, atomically: true, encoding: .utf8)
    #expect(try cluster.claw(["ledger", "verify", file]).code != 0)
    #expect(try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py", file]).code == 1)
  }
}

extension LoopbackCluster {
  /// A party's public bundle, in a file.
  func invitation(_ number: Int) throws -> String {
    let path = "\(folder)/node-\(number).invitation.json"
    let made = try claw(["party", "invite", "--dir", "\(folder)/nodes/node-\(number)", "--out", path])
    try #require(made.code == 0, "\(made.output)")
    return path
  }

  /// A new party's folder, told of the cluster and of its parties' bundles; nothing runs yet.
  func joinParty(_ number: Int, _ id: String) throws {
    try makeParty(number)
    var arguments = [
      "party", "join", "--dir", "\(folder)/nodes/node-\(number)", "--cluster", id, "--client-authority",
      "\(folder)/clients/ca.crt",
    ]
    for other in 1...count { arguments += ["--invitation", try invitation(other)] }
    let joined = try claw(arguments)
    try #require(joined.code == 0, "\(joined.output)")
  }

  /// A further party's folder and its public bundle; nothing runs yet.
  func makeParty(_ number: Int) throws {
    let folder = "\(folder)/nodes/node-\(number)"
    let made = try claw([
      "party", "create", "--dir", folder, "--name", "node-\(number)", "--id", "\(number)", "--trust-domain",
      "openexec.local", "--peers", "127.0.0.1:\(port + 100 + number)", "--clients",
      "127.0.0.1:\(port + number)",
    ])
    try #require(made.code == 0, "\(made.output)")
    let invited = try claw([
      "party", "invite", "--dir", folder, "--out", "\(self.folder)/node-\(number).invitation.json",
    ])
    try #require(invited.code == 0, "\(invited.output)")
  }
}
