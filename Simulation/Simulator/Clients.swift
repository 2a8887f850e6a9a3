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
  StatementRequest(statement: statementBytes(signed), attachment: attachment.bytes).encode()
}

/// A signed statement as it travels.
func statementBytes<Content: StatementContent>(_ signed: Signed<Content>) -> [UInt8] {
  JSON.object([
    ("content", signed.content.json), ("signatures", .array(signed.signatures.map(\.json))),
  ]).canonicalBytes()
}

/// An agent: puts one file, proposes, some of it over that file, and asks again with the same request id until it knows the outcome.
final class SimulatedAgent: SimulatedClient {
  private struct Open {
    let requestID: String
    let request: [UInt8]
    var call: UInt64
    var sentAt: UInt64
    var lastAnswer = "no answer"
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
  /// Its one file, and the call that puts it; nil once it is there.
  private let file: [UInt8]
  private var filePut: (call: UInt64, sentAt: UInt64)? = (0, 0)

  init(_ credentials: Credentials, random: SeededRandom) {
    self.credentials = credentials
    principal = credentials.principal
    file = Array("the file of \(credentials.principal.path)".utf8)
    self.random = random
  }

  var settled: Int { told.count }
  var waiting: Int { open.count }
  /// The last answer to each open request, in words.
  var waitingFor: [String] { open.map { "\($0.requestID) (\($0.lastAnswer))" } }

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
    if isActive, let put = filePut, put.call == 0 || put.sentAt + 2_000_000_000 < time {
      out.append(
        OutgoingCall(
          node: 1 + random.below(nodes), call: nextCall, method: .artifactPut, payload: putRequest(wall)))
      filePut = (nextCall, time)
      nextCall += 1
    }
    guard isActive, open.count < 8, random.chance(700_000) else { return out }
    let fresh = propose(wall: wall, at: time)
    open.append(fresh)
    out.append(
      OutgoingCall(
        node: 1 + random.below(nodes), call: fresh.call, method: .submit, payload: fresh.request))
    return out
  }

  private func putRequest(_ wall: Timestamp) -> [UInt8] {
    guard case .agent(let tenant, let name) = principal else { preconditionFailure("an agent acts") }
    let note = ArtifactNote(
      digest: SHA256.hash(file), tenantID: tenant, workspaceID: "main", name: "\(name).txt",
      size: file.count, mediaType: "text/plain", owner: principal, labels: [],
      validUntil: wall.advanced(by: .seconds(300)))
    let signed = Signed.sign(note, cluster: credentials.cluster, as: principal, with: credentials.key)
    return ArtifactPutRequest(statement: statementBytes(signed), content: file).encode()
  }

  private func propose(wall: Timestamp, at time: UInt64) -> Open {
    guard case .agent(let tenant, let name) = principal else { preconditionFailure("an agent acts") }
    nextRequest += 1
    proposed += 1
    let reads = filePut == nil && nextRequest.isMultiple(of: 4)
    let (action, scope) =
      reads
      ? ("digest", "text")
      : random.chance(700_000)
        ? ("echo", "text") : random.chance(600_000) ? ("deploy", "production") : ("shell", "root")
    let item = Attachment.Item(
      salt: random.bytes(16), value: .object([("text", .string("request \(nextRequest)"))]))
    let content = Proposal(
      traceID: "trace-\(name)-\(nextRequest)", requestID: "\(name)-\(nextRequest)", tenantID: tenant,
      workspaceID: "main", requestedBy: principal, action: action, parametersHash: item.hash,
      scopes: [scope],
      risk: RiskContext(estimatedCost: .zero, dataClassification: .internal, impactLevel: .low),
      inputs: reads ? [SHA256.hash(file)] : [], validUntil: wall.advanced(by: .seconds(3600)))
    let signed = Signed.sign(
      content, cluster: credentials.cluster, as: principal, with: credentials.key)
    let call = nextCall
    nextCall += 1
    return Open(
      requestID: content.requestID, request: statement(signed, Attachment("parameters", item)),
      call: call, sentAt: time)
  }

  func take(_ answer: Answer, at time: UInt64, oracles: inout Oracles) {
    if case .respond(let key, let status, _) = answer, key.call == filePut?.call, key.call != 0 {
      if status.code == .ok { filePut = nil }
      return
    }
    guard case .respond(let key, let status, let payload) = answer,
      let position = open.firstIndex(where: { $0.call == key.call })
    else { return }
    guard status.code == .ok else {
      open[position].lastAnswer = "\(status)"
      // Refused for a while; it is asked again. A refusal for good would show as a lack of liveness.
      return
    }
    guard let outcome = try? Outcome(decoding: payload) else { return }
    let requestID = open[position].requestID
    open.remove(at: position)
    let isProven: Bool
    if let proof = try? LedgerProof(parsing: outcome.decisionProof),
      let verified = try? credentials.keys.chain.verify(proof),
      case .decision(let decision) = verified.record.body
    {
      isProven = decision.requestID == requestID && decision.requestedBy == principal
    } else {
      // What ended before it was approved has no approval to prove.
      isProven = outcome.decisionProof.isEmpty && ["aborted", "unknown"].contains(outcome.status)
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
