import Canonical
import Crypto
import Foundation
import Merkle
import Records
import Testing

/// The ceremony of five parties as their operators do it, each on a host of their own: what goes from one
/// to another goes through this object's hands, as text.
final class PartyCeremony {
  static let names = ["alpha", "beta", "gamma", "delta", "epsilon"]
  private static let clientsPort = 7101
  private static let peersPort = 7201

  let network: HostNetwork
  private(set) var hosts: [String: HostNetwork.Machine] = [:]
  /// What each party's operator carries to the others.
  private(set) var invitations: [String: String] = [:]
  /// What each party's operator read on the screen when the party was made.
  private(set) var keys: [String: String] = [:]
  private(set) var plan = ""
  /// What the first operator reads out to the others.
  private(set) var fingerprint = ""

  /// Makes the parties, their people and the plan. Nobody has joined yet.
  init() throws {
    network = try HostNetwork()
    for (index, name) in Self.names.enumerated() {
      let host = try network.machine(name, number: index + 1)
      hosts[name] = host
      keys[name] = try Self.createParty(name, id: index + 1, on: host)["key"]?.string
      invitations[name] = try Self.invite(on: host)
    }
    plan = try makePlan()
  }

  /// The host of a party.
  func host(_ name: String) throws -> HostNetwork.Machine { try #require(hosts[name]) }

  /// Switches a party's host on again: its files are there, nothing runs.
  func switchOn(_ name: String) throws {
    let number = try #require(Self.names.firstIndex(of: name)) + 1
    hosts[name] = try network.machine(name, number: number)
  }

  // MARK: Steps of the ceremony

  /// `claw party create`, by anyone who says to be `name`.
  static func createParty(_ name: String, id: Int, on host: HostNetwork.Machine) throws -> JSON {
    try answer(
      try host.claw([
        "party", "create", "--dir", host.local("party"), "--name", name, "--id", "\(id)",
        "--trust-domain", "quorum.example", "--peers", "\(host.address):\(peersPort)", "--clients",
        "\(host.address):\(clientsPort)", "--json",
      ]))
  }

  /// `claw party invite`: the party's public bundle.
  static func invite(on host: HostNetwork.Machine) throws -> String {
    let out = "own.invitation.json"
    _ = try answer(
      try host.claw(["party", "invite", "--dir", host.local("party"), "--out", host.local(out), "--json"]))
    return try host.text(out)
  }

  /// People make their keys where they work; their enrolments are carried to alpha, which writes the plan.
  private func makePlan() throws -> String {
    let planner = try host("alpha")
    var enrolments: [String] = []
    for (home, kind, name, more) in [
      ("alpha", "operator", "ada", ["--owner", "ada"]), ("beta", "operator", "ben", ["--owner", "ben"]),
      ("delta", "agent", "scout", ["--owner", "dora", "--tenant", "acme", "--scope", "text.read"]),
      ("epsilon", "auditor", "eve", ["--owner", "eve"]),
    ] {
      let host = try host(home)
      _ = try Self.answer(
        try host.claw(["identity", "create", kind, name, "--dir", host.local(name), "--json"] + more))
      let file = "\(name).enrolment.json"
      try planner.put(try host.text("\(name)/enrolment.json"), file)
      enrolments += ["--enrolment", planner.local(file)]
    }
    _ = try Self.answer(
      try planner.claw(
        [
          "party", "plan", "--name", "quorum", "--threshold", "4", "--policy",
          Programs.repository.appendingPathComponent("Deploy/policy").path, "--out",
          planner.local("plan.json"), "--json",
        ] + enrolments))
    return try planner.text("plan.json")
  }

  /// `claw party join` on a host that was carried the plan and the given bundles.
  static func join(
    on host: HostNetwork.Machine, plan: String, invitations: [String: String], expecting: String? = nil
  ) throws -> Outcome {
    try host.put(plan, "received.plan.json")
    var arguments = ["party", "join", "--dir", host.local("party"), "--json"]
    arguments += ["--plan", host.local("received.plan.json")]
    for (name, text) in invitations.sorted(by: { $0.key < $1.key }) {
      try host.put(text, "\(name).invitation.json")
      arguments += ["--invitation", host.local("\(name).invitation.json")]
    }
    if let expecting { arguments += ["--expect", expecting] }
    return try host.claw(arguments)
  }

  /// All parties join, and their operators compare what comes out with what the first one reads to them.
  func joinAll(but absent: Set<String> = []) throws {
    for name in Self.names where !absent.contains(name) {
      let joined = try Self.answer(
        try Self.join(
          on: try host(name), plan: plan, invitations: invitations,
          expecting: fingerprint.isEmpty ? nil : fingerprint))
      let came = try #require(joined["fingerprint"]?.string)
      if fingerprint.isEmpty { fingerprint = came }
      #expect(came == fingerprint)
    }
  }

  /// Each person's certificate comes from the party at whose host they work.
  func connectPeople() throws {
    for (home, name, principal) in [
      ("alpha", "ada", "operator/ada"), ("beta", "ben", "operator/ben"),
      ("delta", "scout", "tenant/acme/agent/scout"), ("epsilon", "eve", "auditor/eve"),
    ] {
      let host = try host(home)
      _ = try Self.answer(
        try host.claw([
          "party", "certify", "--dir", host.local("party"), "--principal", principal, "--request",
          host.local("\(name)/client.csr"), "--out", host.local("\(name).crt"), "--json",
        ]))
      _ = try Self.answer(
        try host.claw([
          "identity", "connect", "--dir", host.local(name), "--certificate", host.local("\(name).crt"),
          "--directory", host.local("party/directory.json"), "--json",
        ]))
    }
  }

  /// Starts the node of whoever is on this host.
  @discardableResult
  static func startNode(on host: HostNetwork.Machine) throws -> Process {
    try host.start("clawshield", ["run", "--config", host.local("party/node.json")])
  }

  /// What the auditor reads as the first leaf, and its hash, which is the cluster's id.
  func genesis() throws -> (cluster: Digest, genesis: Genesis) {
    let epsilon = try host("epsilon")
    let entry = try Self.answer(try epsilon.claw(["ledger", "entry", "0", "--json"], as: "eve"))
    let record = try Record(try #require(entry["record"]))
    guard case .genesis(let genesis) = record.body else { throw NoGenesis(record: record) }
    return (TreeHash.leaf(record.bytes), genesis)
  }
  private struct NoGenesis: Error { let record: Record }

  /// What a command printed with `--json`, which must have gone well.
  static func answer(_ outcome: Outcome) throws -> JSON {
    try #require(outcome.code == 0, "\(outcome.output)")
    return try JSON.parse(outcome.output)
  }
}

/// Lines of a log, read.
struct LogLines {
  let lines: [JSON]

  init(_ text: String) {
    lines = text.split(separator: "\n").compactMap { try? JSON.parse(String($0)) }
  }

  /// The lines of an event whose fields are the given ones.
  func events(_ event: String, _ fields: [String: String] = [:]) -> [JSON] {
    lines.filter { line in
      line["event"]?.string == event && fields.allSatisfy { line[$0.key]?.string == $0.value }
    }
  }

  func has(_ event: String, _ fields: [String: String] = [:]) -> Bool { !events(event, fields).isEmpty }
}
