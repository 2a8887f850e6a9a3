import Canonical
import GovernanceNode
import Host
import Network
import Records
import Wire

/// What somebody should look at: once, or as it comes and goes.
enum AlertCommands {
  static let all: [Command] = [
    Command(
      "alerts", "what somebody should look at, as JSON lines",
      options: [
        CommandOption(flag: "--follow", "stay, and say what comes and what is over"),
        CommandOption("--every", "SECONDS", "with --follow: how often to look; default 10"),
        CommandOption("--for", "SECONDS", "with --follow: how long; default until it is ended"),
      ] + Command.session,
      details: """
        Asks every node. A line is {"event": "raised" or "cleared", "severity": 1 to 3, "kind", "subject",
        "message", "at"}: certificates and enrolments that end within thirty days, clocks, disks, shares,
        consent that is withheld, parties that lag or are silent, restrictions and breakers in force.
        """, run: alerts)
  ]

  /// What every node says, and what follows from it.
  static func look(_ session: Session) throws -> [Finding] { try hear(session).findings }

  /// The answers themselves as well.
  static func hear(_ session: Session) throws -> (nodes: [NodeStatus], findings: [Finding]) {
    var nodes: [NodeStatus] = []
    var refusal: Failure?
    // Whoever is a member no more is not asked; where nobody says so, those that the identity knows are.
    session.hasFollowed = false
    _ = try? session.cluster()
    try session.dropFormer()
    for heard in try session.everyNode(
      "Admin/Status", StatusRequest(), of: StatusResponse.self, timeout: .seconds(5))
    {
      var status: JSON?
      var reason = ""
      do {
        status = try JSON.parse(try heard.result.get().json)
      } catch let error as CallStatus {
        let failure = Failure(error, node: heard.node.name)
        if heard.isRefusal { refusal = refusal ?? failure }
        reason = failure.description
      } catch {
        reason = "an answer that is none: \(error)"
      }
      nodes.append(
        NodeStatus(name: heard.node.name, status: status, reason: reason, heardAt: heard.heardAt))
    }
    for name in session.strangers {
      nodes.append(
        NodeStatus(name: name, status: nil, reason: session.strangeness, heardAt: Environment.now))
    }
    // Who may not ask is told so by all; what one node refuses is a finding about it.
    if let refusal, nodes.allSatisfy({ $0.status == nil }) { throw refusal }
    var reader = FindingReader(now: Environment.now)
    reader.read(nodes, certificateEnds: try session.identity.certificateEnds())
    return (nodes, reader.findings)
  }

  private static func alerts(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let every = try call.parsed.integer("--every", in: 1...86_400, default: 10)
    let seconds = try call.parsed.integer("--for", in: 1...31_536_000, default: 31_536_000)
    let end = Environment.now.advanced(by: .seconds(Int64(seconds)))
    var shown: [Finding] = []
    while true {
      let found = try look(session)
      for finding in found where !shown.contains(where: { Self.isSame($0, finding) }) {
        say("raised", finding)
      }
      for finding in shown where !found.contains(where: { Self.isSame($0, finding) }) {
        say("cleared", finding)
      }
      shown = found
      guard call.parsed.has("--follow") else { return .ok }
      let next = Environment.now.advanced(by: .seconds(Int64(every)))
      guard next < end else { return .ok }
      while Environment.now < next { Environment.pause(milliseconds: 200) }
    }
  }

  private static func isSame(_ left: Finding, _ right: Finding) -> Bool {
    left.kind == right.kind && left.subject == right.subject && left.severity == right.severity
  }

  private static func say(_ event: String, _ finding: Finding) {
    var members: [(String, JSON)] = [("event", .string(event)), ("at", .string(Environment.now.text))]
    members += finding.json.object?.members.map { ($0.name, $0.value) } ?? []
    Terminal.write(JSON.object(members).canonical + "\n", to: 1)
  }
}
