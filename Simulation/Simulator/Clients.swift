import Canonical
import Crypto
import GovernanceNode
import Raft
import Records
import Wire

/// A call on its way to a node.
struct OutgoingCall {
  let node: UInt64
  let call: UInt64
  let method: Method
  let payload: [UInt8]
}

/// Someone who talks to the cluster; acts at its own pace.
protocol SimulatedClient: AnyObject {
  var principal: Principal { get }
  /// Nanoseconds between two acts.
  var pace: UInt64 { get }
  func act(at time: UInt64, wall: Timestamp, nodes: UInt64) -> [OutgoingCall]
  func take(_ answer: Answer, at time: UInt64, oracles: inout Oracles)
  /// The connection to this node broke.
  func lost(_ node: NodeID)
}

/// A signed statement as calls carry it.
func statement<Content: StatementContent>(_ signed: Signed<Content>, _ attachment: Attachment) -> [UInt8] {
  let json = JSON.object([
    ("content", signed.content.json), ("signatures", .array(signed.signatures.map(\.json))),
  ])
  return StatementRequest(statement: json.canonicalBytes(), attachment: attachment.bytes).encode()
}

/// An agent: proposes, and asks again with the same request id until it knows the outcome.
final class SimulatedAgent: SimulatedClient {
  private struct Open {
    let requestID: String
    let request: [UInt8]
    var call: UInt64
    var sentAt: UInt64
  }

  let principal: Principal
  let pace: UInt64 = 200_000_000
  let credentials: Credentials
  private var random: SeededRandom
  private var open: [Open] = []
  private var nextCall: UInt64 = 1
  private var nextRequest = 0
  /// What it was told of each request, by request id.
  private(set) var told: [String: String] = [:]
  private(set) var proposed = 0
  /// Whether it still makes new proposals.
  var isActive = true

  init(_ credentials: Credentials, random: SeededRandom) {
    self.credentials = credentials
    principal = credentials.principal
    self.random = random
  }

  var settled: Int { told.count }
  var waiting: Int { open.count }

  func act(at time: UInt64, wall: Timestamp, nodes: UInt64) -> [OutgoingCall] {
    var out: [OutgoingCall] = []
    for position in open.indices where open[position].sentAt + 2_000_000_000 < time {
      open[position].call = nextCall
      open[position].sentAt = time
      nextCall += 1
      out.append(
        OutgoingCall(
          node: 1 + random.below(nodes), call: open[position].call, method: .submit,
          payload: open[position].request))
    }
    guard isActive, open.count < 8, random.chance(700_000) else { return out }
    let fresh = propose(wall: wall, at: time)
    open.append(fresh)
    out.append(
      OutgoingCall(
        node: 1 + random.below(nodes), call: fresh.call, method: .submit, payload: fresh.request))
    return out
  }

  private func propose(wall: Timestamp, at time: UInt64) -> Open {
    guard case .agent(let tenant, let name) = principal else { preconditionFailure("an agent acts") }
    nextRequest += 1
    proposed += 1
    let (action, scope) =
      random.chance(700_000)
      ? ("echo", "text") : random.chance(600_000) ? ("deploy", "production") : ("shell", "root")
    let item = Attachment.Item(
      salt: random.bytes(16), value: .object([("text", .string("request \(nextRequest)"))]))
    let content = Proposal(
      traceID: "trace-\(name)-\(nextRequest)", requestID: "\(name)-\(nextRequest)", tenantID: tenant,
      workspaceID: "main", requestedBy: principal, action: action, parametersHash: item.hash,
      scopes: [scope],
      risk: RiskContext(estimatedCost: .zero, dataClassification: .internal, impactLevel: .low),
      validUntil: wall.advanced(by: .seconds(3600)))
    let signed = Signed.sign(
      content, cluster: credentials.cluster, as: principal, with: credentials.key)
    let call = nextCall
    nextCall += 1
    return Open(
      requestID: content.requestID, request: statement(signed, Attachment("parameters", item)),
      call: call, sentAt: time)
  }

  func take(_ answer: Answer, at time: UInt64, oracles: inout Oracles) {
    guard case .respond(let key, let status, let payload) = answer,
      let position = open.firstIndex(where: { $0.call == key.call })
    else { return }
    guard status.code == .ok else {
      // Refused for a while; it is asked again. A refusal for good would show as a lack of liveness.
      return
    }
    guard let outcome = try? Outcome(decoding: payload) else { return }
    let requestID = open[position].requestID
    open.remove(at: position)
    let isProven: Bool
    if let proof = try? LedgerProof(parsing: outcome.decisionProof),
      let verified = try? proof.verify(cluster: credentials.cluster, groupKey: credentials.groupKey),
      case .decision(let decision) = verified.record.body
    {
      isProven = decision.requestID == requestID && decision.requestedBy == principal
    } else {
      isProven = false
    }
    oracles.told(
      isConsistent: isProven, "\(principal.path) was told \(outcome.status) of \(requestID) without proof",
      at: time)
    told[requestID] = outcome.status
  }

  func lost(_ node: NodeID) {}
}

/// An approver: looks at what is pending and votes.
final class SimulatedApprover: SimulatedClient {
  let principal: Principal
  let pace: UInt64 = 700_000_000
  private let credentials: Credentials
  private var random: SeededRandom
  private var nextCall: UInt64 = 1
  private var pending: [PendingItem] = []

  init(_ credentials: Credentials, random: SeededRandom) {
    self.credentials = credentials
    principal = credentials.principal
    self.random = random
  }

  func act(at time: UInt64, wall: Timestamp, nodes: UInt64) -> [OutgoingCall] {
    var out: [OutgoingCall] = []
    for item in pending.prefix(8) {
      guard let record = try? Record(parsing: item.leaf), case .proposal(let proposal) = record.body,
        let hash = Digest(hex: item.proposalHash), let bundle = Digest(hex: item.policyBundleHash)
      else { continue }
      let reason = Attachment.Item(salt: random.bytes(16), value: "looked at it")
      let ballot = Ballot(
        proposal: LeafIndex(item.proposal), proposalHash: hash,
        parametersHash: proposal.content.parametersHash, policyBundleHash: bundle, previewHash: nil,
        vote: random.chance(850_000) ? .approve : .reject, role: "approver", reasonHash: reason.hash,
        voter: principal, signedAt: wall, validUntil: wall.advanced(by: .seconds(600)))
      let signed = Signed.sign(
        ballot, cluster: credentials.cluster, as: principal, with: credentials.key)
      out.append(
        outgoing(.castBallot, statement(signed, Attachment("reason", reason)), nodes))
    }
    pending = []
    out.append(outgoing(.listPending, ListPendingRequest().encode(), nodes))
    return out
  }

  private func outgoing(_ method: Method, _ payload: [UInt8], _ nodes: UInt64) -> OutgoingCall {
    nextCall += 1
    return OutgoingCall(node: 1 + random.below(nodes), call: nextCall, method: method, payload: payload)
  }

  func take(_ answer: Answer, at time: UInt64, oracles: inout Oracles) {
    guard case .respond(_, let status, let payload) = answer, status.code == .ok,
      let response = try? ListPendingResponse(decoding: payload), !response.items.isEmpty,
      response.items.allSatisfy({ !$0.leaf.isEmpty })
    else { return }
    pending = response.items
  }

  func lost(_ node: NodeID) {}
}

/// A double of an executor, not `OpenExec`: enlists for leases, takes jobs from every node, runs each token
/// once by a list in memory, reports. It never dies and checks no lease.
final class SimulatedExecutor: SimulatedClient {
  private struct Report {
    let tokenID: String
    let payload: [UInt8]
    var call: UInt64
    var sentAt: UInt64
  }

  let principal: Principal
  let pace: UInt64 = 500_000_000
  private let credentials: Credentials
  private var random: SeededRandom
  private var nextCall: UInt64 = 1
  /// Streams of jobs by node; nil where none is open.
  private var streams: [UInt64: UInt64] = [:]
  private var lastEnlisted: UInt64 = 0
  private var burned: [String] = []
  private var reports: [Report] = []

  init(_ credentials: Credentials, random: SeededRandom) {
    self.credentials = credentials
    principal = credentials.principal
    self.random = random
  }

  var unreported: Int { reports.count }

  func act(at time: UInt64, wall: Timestamp, nodes: UInt64) -> [OutgoingCall] {
    var out: [OutgoingCall] = []
    if lastEnlisted == 0 || lastEnlisted + 3_000_000_000 <= time {
      lastEnlisted = time
      let request = EnlistRequest(
        incarnation: 1, challenge: random.bytes(16), isolationClasses: ["microvm-tcg"])
      out.append(outgoing(.enlist, request.encode(), to: 1 + random.below(nodes)).call)
    }
    for node in 1...nodes where streams[node] == nil {
      let (call, number) = outgoing(.jobs, JobsRequest(incarnation: 1).encode(), to: node)
      streams[node] = number
      out.append(call)
    }
    for position in reports.indices where reports[position].sentAt + 2_000_000_000 < time {
      let (call, number) = outgoing(.report, reports[position].payload, to: 1 + random.below(nodes))
      reports[position].call = number
      reports[position].sentAt = time
      out.append(call)
    }
    return out
  }

  private func outgoing(_ method: Method, _ payload: [UInt8], to node: UInt64) -> (
    call: OutgoingCall, number: UInt64
  ) {
    nextCall += 1
    return (OutgoingCall(node: node, call: nextCall, method: method, payload: payload), nextCall)
  }

  func take(_ answer: Answer, at time: UInt64, oracles: inout Oracles) {
    switch answer {
    case .item(_, let payload):
      guard let offer = try? JobOffer(decoding: payload) else { return }
      run(offer, at: time, oracles: &oracles)
    case .respond(let key, let status, let payload):
      for node in streams.keys.sorted() where streams[node] == key.call { streams[node] = nil }
      if status.code == .ok, let position = reports.firstIndex(where: { $0.call == key.call }),
        let response = try? ReportResponse(decoding: payload),
        let proof = try? LedgerProof(parsing: response.proof),
        (try? proof.verify(cluster: credentials.cluster, groupKey: credentials.groupKey)) != nil
      {
        reports.remove(at: position)
      }
    }
  }

  private func run(_ offer: JobOffer, at time: UInt64, oracles: inout Oracles) {
    guard let proof = try? LedgerProof(parsing: offer.token),
      let verified = try? proof.verify(cluster: credentials.cluster, groupKey: credentials.groupKey),
      case .decision(let decision) = verified.record.body, let grant = decision.grant
    else {
      oracles.offered(isValid: false, "to \(principal.path)", at: time)
      return
    }
    oracles.offered(isValid: grant.executorID == principal, "another executor's token", at: time)
    guard !burned.contains(grant.tokenID) else { return }
    burned.append(grant.tokenID)
    oracles.executing(grant.tokenID, by: principal, at: time)
    let result = Attachment.Item(salt: random.bytes(16), value: .object([("text", "done")]))
    let now = grant.issuedAt
    let receipt = Receipt(
      receiptID: "receipt-\(grant.tokenID)", decision: decision, decisionIndex: proof.index, grant: grant,
      executedAt: now, finishedAt: now, status: .succeeded, errorCode: "", resultHash: result.hash,
      truncated: false, isolationClass: .microvmTCG, guest: nil, imageDigest: "", cost: .zero,
      exfiltrationRisk: false, piiDetected: false, loopGuardTriggered: false,
      approvalNote: proof.note.encoded)
    let signed = Signed.sign(
      receipt, cluster: credentials.cluster, as: principal, with: credentials.key)
    reports.append(
      Report(
        tokenID: grant.tokenID, payload: statement(signed, Attachment("result", result)), call: 0,
        sentAt: 0))
  }

  func lost(_ node: NodeID) { streams[node.rawValue] = nil }
}
