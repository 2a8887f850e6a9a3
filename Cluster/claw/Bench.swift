import Canonical
import EventLoop
import Host
import Network
import Records
import Wire

/// `claw bench`: how many governed approvals a second, and how long one takes.
enum Bench {
  static let commands = [
    Command(
      "bench", "measure final approvals: each a distinct signed request, its certificate verified here",
      options: [
        CommandOption("--clients", "N", "connections, each with one request at a time; default 32"),
        CommandOption("--requests", "N", "in all; default 2000"),
        CommandOption("--as", "DIR", "an agent's identity folder; clients take turns", isRepeated: true),
        CommandOption("--node", "NAME", "connect to this node alone; default all in turn"),
      ],
      details: """
        The clients run in this one process and propose echo. A request counts when its approving decision is final and the
        proof of it, with the parties' consent, verifies here. Latency is from sending to the answer, without
        signing before and verifying after; throughput is over everything. Breakers count: give the bundle
        limits above the load, or the agents are quarantined, as they should be.
        """, run: run)
  ]

  private static func run(_ call: Invocation) throws -> ExitCode {
    let parsed = call.parsed
    var folders = parsed.all("--as")
    if folders.isEmpty, let one = Environment.value("CLAW_IDENTITY") { folders = [one] }
    guard !folders.isEmpty else { throw UsageError("expected --as DIR or $CLAW_IDENTITY") }
    let agents = try folders.map { try BenchAgent(folder: $0, action: "echo") }
    let requests = try parsed.integer("--requests", in: 1...10_000_000, default: 2000)
    let clients = min(requests, try parsed.integer("--clients", in: 1...10_000, default: 32))
    let run = try BenchRun(
      agents: agents, clients: clients, requests: requests, node: parsed.value("--node"))
    let result = try run.run()
    call.say(result.report(clients: clients))
    return result.approved == requests ? .ok : .failed
  }
}

/// One agent that proposes, with what is the same in all its proposals.
private struct BenchAgent {
  let identity: ClientIdentity
  let key: ClusterKey
  let tls: TLSContext
  let action: ActionDefinition

  init(folder: String, action name: String) throws {
    let parsed = try Bench.session(folder)
    let session = try Session(parsed)
    identity = session.identity
    key = try session.cluster()
    tls = try identity.tls()
    guard let action = try Registry.actions(session).first(where: { $0.name == name }) else {
      throw Failure(.notFound, "\(name) is not in the active registry")
    }
    guard case .agent = identity.principal else {
      throw Failure(.usage, "only agents propose; \(folder) is \(identity.principal.path)")
    }
    self.action = action
  }

  /// A proposal that no other is equal to.
  func proposal(_ number: Int, _ run: String) throws -> (content: Proposal, request: StatementRequest) {
    let parameters = Statements.salted(.object([("text", .string("request \(number) of \(run)"))]))
    guard case .agent(let tenant, _) = identity.principal else {
      throw Failure(.usage, "only agents propose")
    }
    let content = Proposal(
      traceID: "bench-\(run)", requestID: "bench-\(run)-\(number)", tenantID: tenant, workspaceID: "main",
      requestedBy: identity.principal, action: action.name, parametersHash: parameters.hash,
      scopes: action.scopes, risk: action.risk,
      validUntil: Environment.now.advanced(by: .seconds(3600)))
    let signed = try identity.sign(content, cluster: key.cluster)
    return (content, Statements.request(.proposal(signed), Attachment("parameters", parameters)))
  }
}

extension Bench {
  /// The command line of a session as `folder`'s identity.
  fileprivate static func session(_ folder: String) throws -> ParsedCommand {
    try CommandSyntax("bench", "", options: Command.session).parse(["--as", folder])
  }
}

/// What was measured.
private struct BenchResult {
  var approved = 0
  /// Other answers by what they said, in order of appearance.
  var others: [(what: String, count: Int)] = []
  /// Nanoseconds, one a request that was approved.
  var latencies: [Int64] = []
  /// Notes that the certificates rest on.
  var notes: [UInt64] = []
  /// Nanoseconds.
  var elapsed: Int64 = 0

  mutating func count(_ what: String) {
    if let position = others.firstIndex(where: { $0.what == what }) {
      others[position].count += 1
    } else if others.count < 16 {
      others.append((what, 1))
    }
  }

  /// Milliseconds with two decimals.
  private static func milliseconds(_ nanoseconds: Int64) -> String {
    let hundredths = nanoseconds / 10_000
    let fraction = String(hundredths % 100)
    return "\(hundredths / 100).\(fraction.count == 1 ? "0" : "")\(fraction)"
  }

  func report(clients: Int) -> Report {
    let sorted = latencies.sorted()
    func quantile(_ percent: Int) -> Int64 {
      sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * percent / 100)]
    }
    let rate = elapsed > 0 ? Int64(approved) * 1_000_000_000 / elapsed : 0
    let distinct = Set(notes).count
    let batch = distinct > 0 ? approved / distinct : 0
    var text = """
      \(approved) approvals, each certificate verified here, \(clients) clients
      rate     \(rate) approvals/s over \(Self.milliseconds(elapsed)) ms
      latency  median \(Self.milliseconds(quantile(50))) ms, p99 \(Self.milliseconds(quantile(99))) ms
      batches  \(distinct) notes, \(batch) approvals a note

      """
    for other in others { text += "other    \(other.count) × \(other.what)\n" }
    return Report(
      text,
      [
        ("approvals", .integer(approved)), ("approvals_per_second", .integer(Int(rate))),
        ("elapsed_ns", .integer(Int(elapsed))), ("clients", .integer(clients)),
        ("median_ns", .integer(Int(quantile(50)))), ("p99_ns", .integer(Int(quantile(99)))),
        ("notes", .integer(distinct)), ("approvals_per_note", .integer(batch)),
        (
          "others",
          .array(
            others.map { .object([("what", .string($0.what)), ("count", .integer($0.count))]) })
        ),
      ])
  }
}

/// One measurement: connects everyone, then keeps one request under way on each connection.
private final class BenchRun {
  private let loop: EventLoop
  private let agents: [BenchAgent]
  private let requests: Int
  private let name = String(Environment.freshID().prefix(12))
  private var clients: [CallClient] = []
  private var started = 0
  private var finished = 0
  private var result = BenchResult()
  private var failure: (any Error)?

  init(agents: [BenchAgent], clients count: Int, requests: Int, node: String?) throws {
    self.agents = agents
    self.requests = requests
    loop = try EventLoop()
    for number in 0..<count {
      let identity = agents[number % agents.count].identity
      let nodes = identity.nodes.filter { node == nil || $0.name == node }
      guard !nodes.isEmpty else { throw UsageError("--node: there is no \(node ?? "")") }
      let target = nodes[number % nodes.count]
      guard let address = SocketAddress.resolve(target.address).first else {
        throw Failure(.unreachable, "\(target.address) names no address")
      }
      let client = CallClient(
        loop: loop, tls: agents[number % agents.count].tls, address: address,
        expecting: .exactly(.node(target.name)))
      client.connect()
      clients.append(client)
    }
  }

  deinit { close() }

  /// Ends every call that is still under way, while there is someone to hear of it.
  private func close() {
    for client in clients { client.close() }
    clients = []
    loop.end()
  }

  func run() throws -> BenchResult {
    defer { close() }
    try connect()
    let begin = MonotonicInstant.now
    for number in clients.indices { next(number) }
    while finished < requests, failure == nil { try loop.turn() }
    result.elapsed = Self.nanoseconds(since: begin)
    if let failure { throw failure }
    return result
  }

  /// Connections are not what is measured: all stand before the first request leaves.
  private func connect() throws {
    var isReady = false
    while !isReady {
      isReady = true
      for client in clients {
        switch client.state {
        case .connected: break
        case .connecting: isReady = false
        case .waiting(let end), .closed(let end):
          throw Failure(.unreachable, "\(client.place): \(end.status.message)")
        }
      }
      if !isReady { try loop.turn() }
    }
  }

  private static func nanoseconds(since begin: MonotonicInstant) -> Int64 {
    Int64(clamping: MonotonicInstant.now.nanoseconds - begin.nanoseconds)
  }

  private func next(_ number: Int) {
    guard started < requests, failure == nil else { return }
    started += 1
    let agent = agents[number % agents.count]
    do {
      let (proposal, request) = try agent.proposal(started, name)
      let begin = MonotonicInstant.now
      clients[number].call(
        "/openexec.v1.Governance/Submit", request.encode(), timeout: .seconds(60)
      ) { [weak self] answer in
        guard let self, failure == nil else { return }
        let latency = Self.nanoseconds(since: begin)
        take(answer, agent, proposal, latency)
        next(number)
      }
    } catch {
      failure = error
    }
  }

  private func take(
    _ answer: Result<[UInt8], CallStatus>, _ agent: BenchAgent, _ proposal: Proposal, _ latency: Int64
  ) {
    finished += 1
    do {
      let payload = try answer.get()
      let checked = try CheckedOutcome(
        try Outcome(decoding: payload), keys: agent.key, proposal: proposal)
      guard checked.decision?.decisionType == .approve, let checkpoint = checked.checkpoint else {
        result.count("\(checked.outcome.status): \(checked.outcome.message)")
        return
      }
      result.approved += 1
      result.latencies.append(latency)
      result.notes.append(checkpoint.size)
    } catch let status as CallStatus {
      result.count(status.description)
    } catch {
      failure = error
    }
  }
}
