import Canonical
import Foundation
import Testing

/// The guide for more parties lost than may be (Docs/Operations.md), walked with the programs that it names.
struct LostPartiesTests {
  /// Parties as their operators make them, each with a folder of its own on this host.
  private final class Parties {
    let folder: String
    private static let port = 20_800
    private static let people = ["ada", "ben", "cid"]
    private var nodes: [Int: Process] = [:]

    init() throws {
      folder = FileManager.default.temporaryDirectory.path + "/parties-\(UUID().uuidString.prefix(8))"
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit {
      for process in nodes.values where process.isRunning { process.terminate() }
      for process in nodes.values { process.waitUntilExit() }
      try? FileManager.default.removeItem(atPath: folder)
    }

    /// Runs a program that must end well.
    @discardableResult
    func run(_ arguments: [String], with program: String = "claw") throws -> String {
      let outcome = try Programs.run(program, arguments)
      try #require(outcome.code == 0, "\(program) \(arguments): \(outcome.output)")
      return outcome.output
    }

    func path(_ name: String) -> String { "\(folder)/\(name)" }

    func move(_ name: String, to other: String) throws {
      try FileManager.default.moveItem(atPath: path(name), toPath: path(other))
    }

    func make(_ number: Int) throws {
      try run([
        "party", "create", "--dir", path("p\(number)"), "--name", "party-\(number)", "--id", "\(number)",
        "--trust-domain", "lost.example", "--peers", "127.0.0.1:\(Self.port + 50 + number)", "--clients",
        "127.0.0.1:\(Self.port + number)",
      ])
      try run(["party", "invite", "--dir", path("p\(number)"), "--out", path("\(number).invitation.json")])
    }

    func enrolments(make isNew: Bool) throws -> [String] {
      var files: [String] = []
      for (kind, name) in Self.people.map({ ("operator", $0) }) + [("auditor", "eve")] {
        if isNew { try run(["identity", "create", kind, name, "--dir", path(name), "--owner", name]) }
        files += ["--enrolment", path("\(name)/enrolment.json")]
      }
      return files
    }

    func plan(_ name: String, threshold: Int, _ enrolments: [String]) throws {
      let policy = Programs.repository.appendingPathComponent("Deploy/policy").path
      try run(
        ["party", "plan", "--name", name, "--threshold", "\(threshold)", "--policy", policy, "--out"]
          + [path("\(name).plan.json")] + enrolments)
    }

    func invitations(_ numbers: [Int]) -> [String] {
      numbers.flatMap { ["--invitation", path("\($0).invitation.json")] }
    }

    /// The people's certificates, of the first party, and where the nodes of `numbers` are.
    func connect(_ directory: String) throws {
      for (kind, name) in Self.people.map({ ("operator", $0) }) + [("auditor", "eve")] {
        if !FileManager.default.fileExists(atPath: path("\(name).crt")) {
          try run([
            "party", "certify", "--dir", path("p1"), "--principal", "\(kind)/\(name)", "--request",
            path("\(name)/client.csr"), "--out", path("\(name).crt"),
          ])
        }
        try run([
          "identity", "connect", "--dir", path(name), "--certificate", path("\(name).crt"), "--directory",
          path(directory),
        ])
      }
    }

    func start(_ number: Int) throws {
      let process = Programs.process("clawshield", ["run", "--config", path("p\(number)/node.json")])
      process.standardError = FileHandle.nullDevice
      process.standardOutput = FileHandle.nullDevice
      try process.run()
      nodes[number] = process
    }

    func stop(_ number: Int) {
      guard let process = nodes.removeValue(forKey: number) else { return }
      process.terminate()
      process.waitUntilExit()
    }

    /// What `claw status` says of one node; nil where that one does not answer.
    func status(_ number: Int) throws -> JSON? {
      let outcome = try Programs.run(
        "claw", ["status", "--json", "--node", "party-\(number)", "--as", path("ada"), "--timeout", "5"])
      guard outcome.code == 0 else { return nil }
      let status = try JSON.parse(outcome.output)
      return status["note_age_ms"]?.string == "-1" ? nil : status
    }

    func await(_ what: String, _ condition: () throws -> Bool) throws {
      try Patience.wait(for: what, seconds: 60, condition)
    }
  }

  @Test(
    "two of four parties are lost, and three sign: operators take the ledger to a key of new parties, by the guide"
  )
  func wholeWay() throws {
    let parties = try Parties()
    let enrolments = try parties.enrolments(make: true)
    for number in 1...4 { try parties.make(number) }
    try parties.plan("first", threshold: 3, enrolments)
    for number in 1...4 {
      try parties.run(
        ["party", "join", "--dir", parties.path("p\(number)"), "--plan", parties.path("first.plan.json")]
          + parties.invitations([1, 2, 3, 4]))
    }
    try parties.connect("p1/directory.json")
    for number in 1...4 { try parties.start(number) }
    try parties.await("the cluster signs") { try parties.status(1) != nil }
    // A backup as one is made every day: whoever makes it knows the cluster from then on.
    try parties.run(["backup", parties.path("daily"), "--as", parties.path("eve")])
    for number in [3, 4] { parties.stop(number) }

    // 1: what is left.
    let backup = parties.path("left")
    try parties.run(["backup", backup, "--as", parties.path("eve"), "--node", "party-1"])
    let ledger = backup + "/ledger.export"
    for number in [1, 2] { parties.stop(number) }
    // 2: a founding of those who are left and two others, for its key.
    for number in [5, 6] { try parties.make(number) }
    let all = [1, 2, 5, 6]
    try parties.plan("second", threshold: 3, enrolments)
    for number in [1, 2] { try parties.move("p\(number)/data", to: "p\(number)/data.ledger") }
    for number in all {
      try parties.run(
        ["party", "join", "--dir", parties.path("p\(number)"), "--plan", parties.path("second.plan.json")]
          + parties.invitations(all))
      try parties.start(number)
    }
    try FileManager.default.copyItem(
      atPath: parties.path("p1/directory.json"), toPath: parties.path("directory.json"))
    try FileManager.default.copyItem(atPath: parties.path("eve"), toPath: parties.path("founder"))
    try FileManager.default.removeItem(atPath: parties.path("founder/cluster.json"))
    try parties.run([
      "identity", "connect", "--dir", parties.path("founder"), "--certificate", parties.path("eve.crt"),
      "--directory", parties.path("directory.json"),
    ])
    try parties.await("the founding") {
      try Programs.run(
        "claw", ["ledger", "export", parties.path("founded.export"), "--as", parties.path("founder")]
      ).code == 0
    }
    for number in all {
      parties.stop(number)
      try parties.move("p\(number)/data", to: "p\(number)/data.founding")
    }
    // 3: those who are left have the ledger, the others take it in.
    let id = try #require(
      try String(contentsOfFile: ledger, encoding: .utf8).split(separator: "\n")[1].split(separator: " ").last
    )
    for number in [1, 2] { try parties.move("p\(number)/data.ledger", to: "p\(number)/data") }
    for number in [5, 6] {
      try parties.run(
        ["party", "join", "--dir", parties.path("p\(number)"), "--cluster", String(id)]
          + parties.invitations(all))
      try parties.run(["restore", backup, "--party", parties.path("p\(number)")])
    }
    // 4: the key, and the approval of each.
    try parties.run([
      "recover", "key", "--ledger", ledger, "--founded", parties.path("founded.export"), "--out",
      parties.path("key.json"), "--as", parties.path("ada"),
    ])
    var approvals: [String] = []
    for number in all {
      let approval = try parties.run(
        [
          "approve", "--config", parties.path("p\(number)/node.json"), "--share",
          parties.path("p\(number)/data.founding/share.sealed"), parties.path("key.json"),
        ], with: "clawshield")
      try approval.write(toFile: parties.path("\(number).approval"), atomically: true, encoding: .utf8)
      approvals += ["--approval", parties.path("\(number).approval")]
    }
    // 5: each node runs; nothing becomes final until operators have said so to each.
    for number in all { try parties.start(number) }
    try parties.connect("directory.json")
    try parties.await("the ledger is everywhere") {
      try all.allSatisfy { try parties.status($0) != nil }
    }
    // 6: as many operators as sign, and no more.
    let draft = parties.path("go-on.json")
    try parties.run(
      ["recover", "continue", "--ledger", ledger, "--key", parties.path("key.json"), "--draft", draft]
        + ["--as", parties.path("ada")] + approvals)
    try parties.run(["cosign", draft, "--as", parties.path("ben")])
    let few = try Programs.run(
      "claw", ["recover", "hand", draft, "--at", "party-1", "--as", parties.path("ada")])
    #expect(few.code != 0 && few.output.contains("exactly 3 distinct operators"), "\(few.output)")
    try parties.run(["cosign", draft, "--as", parties.path("cid")])
    for number in all {
      try parties.await("party \(number) takes it") {
        try Programs.run(
          "claw", ["recover", "hand", draft, "--at", "party-\(number)", "--as", parties.path("ada")]
        ).code == 0
      }
    }
    // 7: more becomes final, under the new key; both verifiers say how it came to that.
    // Who has pinned the old key pins the new one.
    try FileManager.default.removeItem(atPath: parties.path("eve/cluster.json"))
    try parties.await("the new parties sign") {
      _ = try Programs.run(
        "claw", ["ledger", "export", parties.path("after.export"), "--as", parties.path("eve")])
      let verified = try Programs.run("claw", ["ledger", "verify", parties.path("after.export")])
      return verified.code == 0 && verified.output.contains("continued leaf")
    }
    let verified = try parties.run([
      "ledger", "verify", parties.path("after.export"), "--cluster", String(id),
    ])
    #expect(verified.contains("by the word of ada, ben, cid alone"), "\(verified)")
    let audited = try parties.run(
      ["Docs/Protocol/verify.py", parties.path("after.export"), "--cluster", String(id)],
      with: "/usr/bin/python3")
    #expect(audited.contains("by the word of operators alone"), "\(audited)")
    // Over a restart of one who was left and one who came.
    for number in [1, 5] {
      parties.stop(number)
      try parties.start(number)
    }
    try parties.await("both are back") { try parties.status(1) != nil && parties.status(5) != nil }
  }
}
