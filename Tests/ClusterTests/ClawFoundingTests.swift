import Canonical
import Crypto
import Foundation
import Testing

/// `claw init` and the ceremony of real parties: what lands on whose disk, and what is refused.
struct ClawFoundingTests {
  private final class Folder {
    let path = FileManager.default.temporaryDirectory.path + "/founding-\(UUID().uuidString)"
    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(atPath: path) }

    func json(_ name: String) throws -> JSON {
      try JSON.parse(String(contentsOfFile: "\(path)/\(name)", encoding: .utf8))
    }

    var files: [String] {
      FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String }.sorted() ?? []
    }

    func mode(_ name: String) throws -> Int {
      let attributes = try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")
      return try #require(attributes[.posixPermissions] as? Int)
    }
  }

  private func claw(_ arguments: [String]) throws -> Outcome { try Programs.run("claw", arguments) }

  // MARK: init

  @Test("init founds what was asked for, says what it means, and keeps every secret to its owner")
  func founding() throws {
    let folder = try Folder()
    let dir = "\(folder.path)/c"
    let outcome = try claw([
      "init", "--nodes", "4", "--threshold", "3", "--executors", "1", "--dir", dir, "--base-port", "9000",
    ])
    #expect(outcome.code == 0, "\(outcome.output)")
    #expect(outcome.output.contains("n = 4, t = 3, f = 1"))
    let secrets = folder.files.filter { $0.hasSuffix(".key") }
    // Four keys a party, the clients' authority, two a person: 2 agents, 2 approvers and who answers for the
    // agents, 2 operators, 1 auditor, 1 executor; and a second signing key of each who votes or confirms.
    #expect(secrets.count == 4 * 4 + 1 + 2 * 9 + 3)
    for name in secrets { #expect(try folder.mode(name) == 0o600, "\(name)") }
    #expect(!folder.files.contains { $0.contains(".new") })

    let ceremony = try folder.json("c/ceremony.json")
    #expect(ceremony["threshold"]?.integer == 3)
    #expect(ceremony["seats"]?.array?.compactMap { $0["id"]?.integer } == [1, 2, 3, 4])
    let principals = ceremony["enrolments"]?.array?.compactMap { $0["principal"]?.string } ?? []
    #expect(principals == principals.sorted() && principals.count == 9)
    #expect(outcome.output.contains(ceremony.contentHash.hex))

    let node = try folder.json("c/nodes/node-2/node.json")
    #expect(node["listen"]?["clients"]?.string == "127.0.0.1:9002")
    #expect(node["listen"]?["peers"]?.string == "127.0.0.1:9102")
    #expect(node["peers"]?.array?.compactMap { $0["name"]?.string } == ["node-1", "node-3", "node-4"])
    #expect(try folder.json("c/executors/executor-1/executor.json")["incarnation"]?.integer == 1)
  }

  @Test("whoever comes to a cluster of init later is connected with the directory that it wrote")
  func later() throws {
    let folder = try Folder()
    #expect(try claw(["init", "--nodes", "3", "--dir", "\(folder.path)/c"]).code == 0)
    let made = try claw([
      "identity", "create", "agent", "late", "--tenant", "rival", "--owner", "rex", "--dir",
      "\(folder.path)/late",
    ])
    #expect(made.code == 0, "\(made.output)")
    let certified = try claw([
      "party", "certify", "--dir", "\(folder.path)/c/nodes/node-1", "--principal", "tenant/rival/agent/late",
      "--request", "\(folder.path)/late/client.csr", "--out", "\(folder.path)/late.crt",
    ])
    #expect(certified.code == 0, "\(certified.output)")
    let connected = try claw([
      "identity", "connect", "--dir", "\(folder.path)/late", "--certificate", "\(folder.path)/late.crt",
      "--directory", "\(folder.path)/c/directory.json",
    ])
    #expect(connected.code == 0, "\(connected.output)")
    let directory = try folder.json("c/directory.json")
    #expect(directory["nodes"]?.array?.compactMap { $0["name"]?.string } == ["node-1", "node-2", "node-3"])
  }

  @Test("init overwrites nothing, and a founding that fails leaves nothing")
  func nothingOverwritten() throws {
    let folder = try Folder()
    try "precious".write(toFile: "\(folder.path)/f", atomically: true, encoding: .utf8)
    let refused = try claw(["init", "--dir", folder.path])
    #expect(refused.code == 1 && refused.output.contains("nothing is overwritten"), "\(refused.output)")
    #expect(folder.files == ["f"])
    let failed = try claw(["init", "--dir", "\(folder.path)/c", "--nodes", "5", "--threshold", "2"])
    #expect(failed.code == 2 && failed.output.contains("expected a majority of 5"), "\(failed.output)")
    #expect(folder.files == ["f"])
  }

  @Test(
    "init, and check, refuse a bundle that nodes would refuse when everybody had signed for it, and say why",
    arguments: [
      (#""maxLength": 65536,"#, #""maxLength": -1,"#, "action echo: "),
      (#"["/action", "add"]"#, #"["/bin/bash", "-c", "add"]"#, "action add: raw shell is refused"),
      (
        #""approvals": ["#,
        #""approvals": [{"name":"x","actions":["gone"],"demands":[{"role":"approver","count":1}],"decision":"escalate","deadline_seconds":60},"#,
        "approval rule x: expected a registered action"
      ),
      (
        #""description": "Gives its text back.","#, #""description": "", "preview": "gone","#,
        "as preview, found \"gone\""
      ),
      (#""breakers": {"#, #""redaction": [{"name":"r","pattern":"("}], "breakers": {"#, "redaction r: "),
      (#""description": "Gives its text back.","#, "@", "at most 1048576 bytes"),
    ])
  func unenforceable(found: String, instead: String, reason: String) throws {
    let folder = try Folder()
    let standard = Programs.repository.appendingPathComponent("Deploy/policy").path
    try FileManager.default.copyItem(atPath: standard, toPath: "\(folder.path)/policy")
    if instead == "@" {
      let wide = "{\"wide\":\"" + String(repeating: "w", count: 1_040_000) + "\"}"
      try FileManager.default.createDirectory(
        atPath: "\(folder.path)/policy/x", withIntermediateDirectories: true)
      try wide.write(toFile: "\(folder.path)/policy/x/data.json", atomically: true, encoding: .utf8)
    } else {
      let path = "\(folder.path)/policy/registry.json"
      let text = try String(contentsOfFile: path, encoding: .utf8)
      #expect(text.contains(found))
      try text.replacing(found, with: instead).write(toFile: path, atomically: true, encoding: .utf8)
    }
    let failed = try claw(["init", "--dir", "\(folder.path)/c", "--policy", "\(folder.path)/policy"])
    #expect(failed.code == 2 && failed.output.contains(reason), "\(failed.output)")
    #expect(!folder.files.contains { $0.hasPrefix("c") }, "\(folder.files)")
    let checked = try claw(["policy", "check", "\(folder.path)/policy"])
    #expect(checked.code == 1 && checked.output.contains(reason), "\(checked.output)")
  }

  @Test("init refuses a genesis that would be too long for a record, and semantics that its bundle is above")
  func unfoundable() throws {
    let folder = try Folder()
    let registry = """
      {"bundle_version":"1","constitution_version":"1","actions":[],"approvals":[],"invariants":["INV-002"],
       "breakers":{"request_usd":"1","tenant_usd_per_day":"1","proposals_per_minute":1,"repeats_per_minute":1,
       "maximum_depth":1}}
      """
    try FileManager.default.createDirectory(
      atPath: "\(folder.path)/policy", withIntermediateDirectories: true)
    try registry.write(toFile: "\(folder.path)/policy/registry.json", atomically: true, encoding: .utf8)
    let older = try claw([
      "init", "--dir", "\(folder.path)/c", "--policy", "\(folder.path)/policy", "--semantics", "2",
    ])
    #expect(older.code == 2 && older.output.contains("semantics 3 or newer"), "\(older.output)")
    #expect(!folder.files.contains { $0.hasPrefix("c") }, "\(folder.files)")
  }

  @Test("a cluster whose ledger one liar could fork is founded where that is meant, and says so")
  func crashOnly() throws {
    let folder = try Folder()
    let founding = ["init", "--nodes", "3", "--threshold", "2", "--dir", "\(folder.path)/c", "--json"]
    let refused = try claw(founding)
    #expect(refused.code == 2 && refused.output.contains("one lying party could fork"), "\(refused.output)")
    #expect(folder.files == [])
    let outcome = try claw(founding + ["--crash-only"])
    #expect(outcome.output.contains("\"crash_only\":true"), "\(outcome.output)")
  }

  @Test("the digests of built images take the place of placeholders, and only of those")
  func images() throws {
    let folder = try Folder()
    let digest = "sha256:" + String(repeating: "ab", count: 32)
    try "{\"actions\": \"\(digest)\"}".write(
      toFile: "\(folder.path)/digests.json", atomically: true, encoding: .utf8)
    let outcome = try claw(["init", "--dir", "\(folder.path)/c", "--images", folder.path, "--json"])
    #expect(outcome.code == 0 && outcome.output.contains("\"actions_without_image\":[]"), "\(outcome.output)")
    let ceremony = try folder.json("c/ceremony.json")
    let registry = try JSON.parse(#require(ceremony["bundle"]?["registry.json"]?.string))
    let images = registry["actions"]?.array?.compactMap { $0["image"]?.string } ?? []
    #expect(!images.isEmpty && images.allSatisfy { $0 == digest })
  }

  // MARK: Parties

  /// Three parties, each in a folder of its own as on a host of its own, and a plan with two operators.
  private func parties(in folder: Folder) throws -> (invitations: [String], plan: [String]) {
    var invitations: [String] = []
    for (id, name) in [(1, "alpha"), (2, "beta"), (3, "gamma")] {
      let create = try claw([
        "party", "create", "--dir", "\(folder.path)/\(name)", "--name", name, "--id", "\(id)",
        "--trust-domain", "quorum.example", "--peers", "127.0.0.1:\(9300 + id)", "--clients",
        "127.0.0.1:\(9400 + id)",
      ])
      #expect(create.code == 0, "\(create.output)")
      let file = "\(folder.path)/\(name).invitation.json"
      #expect(
        try claw(["party", "invite", "--dir", "\(folder.path)/\(name)", "--out", file]).code == 0)
      invitations += ["--invitation", file]
    }
    var enrolments: [String] = []
    for name in ["m", "n"] {
      let made = try claw([
        "identity", "create", "operator", name, "--owner", name, "--dir", "\(folder.path)/id-\(name)",
      ])
      #expect(made.code == 0, "\(made.output)")
      enrolments += ["--enrolment", "\(folder.path)/id-\(name)/enrolment.json"]
    }
    let plan = "\(folder.path)/plan.json"
    let planned = try claw(
      ["party", "plan", "--name", "quorum", "--threshold", "3", "--out", plan] + enrolments)
    #expect(planned.code == 0, "\(planned.output)")
    return (invitations, ["--plan", plan])
  }

  @Test("parties that were given the same files come to the same fingerprint, the hash of the ceremony")
  func join() throws {
    let folder = try Folder()
    let (invitations, plan) = try parties(in: folder)
    var fingerprints: [String] = []
    for name in ["alpha", "beta", "gamma"] {
      let joined = try claw(
        ["party", "join", "--dir", "\(folder.path)/\(name)", "--json"] + plan + invitations)
      #expect(joined.code == 0, "\(joined.output)")
      fingerprints.append(try #require(try JSON.parse(joined.output)["fingerprint"]?.string))
      #expect(try folder.json("\(name)/ceremony.json").contentHash.hex == fingerprints.last)
      for secret in ["party.key", "storage.key", "ca.key", "node.key"] {
        #expect(try folder.mode("\(name)/\(secret)") == 0o600)
      }
    }
    #expect(Set(fingerprints).count == 1)
    // Each pins the others' authorities, under the names of their own.
    let peers = try #require(try folder.json("beta/node.json")["peers"]?.array)
    #expect(peers.compactMap { $0["name"]?.string } == ["alpha", "gamma"])
    // No secret has left its host: nothing of one is in what travels.
    for name in ["alpha", "beta", "gamma"] {
      let key = try String(contentsOfFile: "\(folder.path)/\(name)/party.key", encoding: .utf8).prefix(64)
      let bundle = try String(contentsOfFile: "\(folder.path)/\(name).invitation.json", encoding: .utf8)
      #expect(!bundle.contains(key) && !bundle.contains("PRIVATE"))
    }
  }

  @Test("another fingerprint than the expected one is refused before anything is written")
  func expectation() throws {
    let folder = try Folder()
    let (invitations, plan) = try parties(in: folder)
    let other = String(repeating: "0", count: 64)
    let joined = try claw(
      ["party", "join", "--dir", "\(folder.path)/alpha", "--expect", other] + plan + invitations)
    #expect(joined.code == 1 && joined.output.contains("not given the same files"), "\(joined.output)")
    #expect(!folder.files.contains("alpha/node.json") && !folder.files.contains("alpha/ceremony.json"))
  }

  @Test("an invitation whose address or authority was exchanged on its way is refused")
  func tampered() throws {
    let folder = try Folder()
    let (invitations, plan) = try parties(in: folder)
    let path = "\(folder.path)/beta.invitation.json"
    let honest = try String(contentsOfFile: path, encoding: .utf8)
    let authority = try #require(try folder.json("gamma.invitation.json")["authority"]?.string)
    for (name, value) in [("peers_address", "127.0.0.1:1"), ("authority", authority)] {
      guard case .object(var object) = try JSON.parse(honest) else { return }
      object[name] = .string(value)
      try JSON.object(object).canonical.write(toFile: path, atomically: true, encoding: .utf8)
      let joined = try claw(["party", "join", "--dir", "\(folder.path)/alpha"] + plan + invitations)
      #expect(joined.code == 1 && joined.output.contains("not signed by the party's own key"), "\(name)")
    }
  }

  @Test("a plan without two operators of distinct owners would lock everyone out, and is refused")
  func twoOperators() throws {
    let folder = try Folder()
    _ = try parties(in: folder)
    let planned = try claw([
      "party", "plan", "--name", "quorum", "--threshold", "3", "--out", "\(folder.path)/p2.json",
      "--enrolment", "\(folder.path)/id-m/enrolment.json",
    ])
    #expect(planned.code == 2 && planned.output.contains("at least two owners"), "\(planned.output)")
    // What no party could join is not carried to any.
    let twice = try claw([
      "party", "plan", "--name", "quorum", "--threshold", "3", "--out", "\(folder.path)/p2.json",
      "--enrolment", "\(folder.path)/id-m/enrolment.json", "--enrolment",
      "\(folder.path)/id-n/enrolment.json",
      "--enrolment", "\(folder.path)/id-n/enrolment.json",
    ])
    #expect(twice.code == 2 && twice.output.contains("stands for two"), "\(twice.output)")
    #expect(!folder.files.contains("p2.json"))
  }

  @Test(
    "a plan whose ledger one liar could fork is refused unless that is meant, where it is written and where it is joined"
  )
  func crashOnlyPlan() throws {
    let folder = try Folder()
    let (invitations, _) = try parties(in: folder)
    let enrolments = ["m", "n"].flatMap { ["--enrolment", "\(folder.path)/id-\($0)/enrolment.json"] }
    func plan(_ more: [String]) throws -> Outcome {
      try claw(
        ["party", "plan", "--name", "quorum", "--out", "\(folder.path)/p2.json", "--json"] + enrolments + more
      )
    }
    func join() throws -> Outcome {
      try claw(
        ["party", "join", "--dir", "\(folder.path)/alpha", "--plan", "\(folder.path)/p2.json", "--json"]
          + invitations)
    }
    // 2 of 3: f = 2t - n - 1 = 0. 3 of 4 is the first that bears a liar among four.
    for (threshold, parties) in [("2", "3"), ("3", "5"), ("1", "1")] {
      let refused = try plan(["--threshold", threshold, "--parties", parties])
      let isSafe = parties == "1"
      #expect(refused.code == (isSafe ? 0 : 2), "\(refused.output)")
      let words = "with \(threshold) of \(parties) one lying party could fork the ledger"
      #expect(refused.output.contains(words) != isSafe, "\(refused.output)")
      #expect(folder.files.contains("p2.json") == isSafe, "nothing is carried anywhere")
      try? FileManager.default.removeItem(atPath: "\(folder.path)/p2.json")
    }
    let minority = try plan(["--threshold", "2", "--parties", "4", "--crash-only"])
    #expect(minority.code == 2 && minority.output.contains("expected a majority of 4"), "\(minority.output)")
    let four = try plan(["--threshold", "3", "--parties", "4"])
    #expect(four.code == 0 && four.output.contains(#""crash_only":false"#), "\(four.output)")
    // How many there are to be was not said: it comes out when they join.
    #expect(try plan(["--threshold", "2"]).code == 0)
    let refused = try join()
    #expect(refused.code == 2, "\(refused.output)")
    for words in ["with 2 of 3 one lying party could fork the ledger", "at most 2 parties", "--crash-only"] {
      #expect(refused.output.contains(words), "\(refused.output)")
    }
    #expect(!folder.files.contains("alpha/node.json") && !folder.files.contains("alpha/ceremony.json"))
    let meant = try plan(["--threshold", "2", "--parties", "3", "--crash-only"])
    #expect(meant.code == 0 && meant.output.contains(#""crash_only":true"#), "\(meant.output)")
    let joined = try join()
    #expect(joined.code == 0 && joined.output.contains(#""crash_only":true"#), "\(joined.output)")
  }

  @Test("a party certifies a request, and an identity takes only a certificate of its own name")
  func certify() throws {
    let folder = try Folder()
    let (invitations, plan) = try parties(in: folder)
    let party = "\(folder.path)/alpha"
    _ = try claw(["party", "join", "--dir", party] + plan + invitations)
    func certify(_ principal: String) throws -> Outcome {
      try claw([
        "party", "certify", "--dir", party, "--principal", principal, "--request",
        "\(folder.path)/id-m/client.csr", "--out", "\(folder.path)/m.crt",
      ])
    }
    let connect = [
      "identity", "connect", "--dir", "\(folder.path)/id-m", "--certificate", "\(folder.path)/m.crt",
      "--directory", "\(party)/directory.json",
    ]
    #expect(try certify("operator/n").code == 0)
    let wrong = try claw(connect)
    #expect(wrong.code == 1 && wrong.output.contains("not for operator/m"), "\(wrong.output)")
    #expect(try certify("node/alpha").code == 2)
    #expect(try certify("operator/m").code == 0)
    #expect(try claw(connect).code == 0)
    let nodes = try #require(try folder.json("id-m/client.json")["nodes"]?.array)
    #expect(nodes.compactMap { $0["address"]?.string } == [9401, 9402, 9403].map { "127.0.0.1:\($0)" })
    // Nobody is there: the exit code says so.
    #expect(try claw(["status", "--as", "\(folder.path)/id-m"]).code == 6)
  }

  // MARK: Usage

  @Test("every command has help, and what it does not know is a usage error")
  func help() throws {
    let overview = try claw(["--help"])
    let commands = overview.output.components(separatedBy: "exit codes:")[0]
    let names = commands.split(separator: "\n").filter { $0.hasPrefix("  ") }.map {
      $0.trimmingCharacters(in: .whitespaces).components(separatedBy: "  ")[0]
    }.filter { !$0.contains(",") && !$0.contains(";") }
    #expect(names.count >= 30)
    for name in names {
      let help = try claw(name.split(separator: " ").map(String.init) + ["--help"])
      #expect(help.code == 0 && help.output.contains("usage: claw \(name)"), "\(name)")
      #expect(help.output.contains("exit codes:") && help.output.contains("--json"), "\(name)")
    }
    #expect(try claw(["nonsense"]).code == 2)
    #expect(try claw(["propose", "echo", "--nonsense"]).code == 2)
    let json = try claw(["propose", "--json"])
    #expect(json.code == 2 && json.output == "{\"error\":\"expected ACTION\",\"exit_code\":2}\n")
  }
}
