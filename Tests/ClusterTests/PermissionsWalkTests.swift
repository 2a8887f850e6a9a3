import Crypto
import Foundation
import Network
import Records
import Testing
import Wire

/// A method as the published interface has it.
private struct Published {
  /// `Governance/Submit`.
  let name: String
  let request: String
  let isStream: Bool

  /// Every method of every service in Docs/Protocol.
  static func all() throws -> [Published] {
    let folder = Programs.repository.appendingPathComponent("Docs/Protocol")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".proto") }.sorted()
    var methods: [Published] = []
    for file in files {
      let text = try String(contentsOf: folder.appendingPathComponent(file), encoding: .utf8)
      var service = ""
      for line in text.split(separator: "\n") {
        if let match = line.firstMatch(of: /^service (\w+) \{/) { service = String(match.1) }
        guard let match = line.firstMatch(of: /^\s*rpc (\w+)\((\w+)\) returns \((stream )?\w+\);/) else {
          continue
        }
        methods.append(
          Published(
            name: "\(service)/\(match.1)", request: String(match.2), isStream: match.3 != nil))
      }
    }
    return methods
  }
}

/// Docs/Permissions.md, read.
private struct Table {
  /// By method: the kinds that may call it, in words, and whether it asks for an enrolment.
  private(set) var rows: [String: (kinds: Set<String>, isPublic: Bool)] = [:]

  init() throws {
    let file = Programs.repository.appendingPathComponent("Docs/Permissions.md")
    var header: [String] = []
    for line in try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
    where line.hasPrefix("| ") {
      let cells = line.split(separator: "|", omittingEmptySubsequences: false)
        .map { $0.trimmingCharacters(in: .whitespaces) }
      if cells[1] == "method" { header = cells }
      guard cells[1].contains("/") else { continue }
      let marked = Set(zip(header, cells).filter { $0.1 == "✓" }.map(\.0))
      rows[cells[1]] = (marked.subtracting(["not enrolled"]), marked.contains("not enrolled"))
    }
  }
}

/// Who calls.
enum WalkIdentity: String, CaseIterable, CustomTestStringConvertible {
  case node, partyNode = "node by its party's authority"
  case executor, agent, rival = "agent of another tenant", approver, `operator`, auditor
  case rivalApprover = "approver of another tenant", rivalExecutor = "executor of another tenant"
  case expiredExecutor = "executor, expired", expiredAgent = "agent, expired"
  case expiredApprover = "approver, expired", expiredOperator = "operator, expired"
  case expiredAuditor = "auditor, expired"
  case strangeExecutor = "executor, not enrolled", strangeAgent = "agent, not enrolled"
  case strangeApprover = "approver, not enrolled", strangeOperator = "operator, not enrolled"
  case strangeAuditor = "auditor, not enrolled"

  enum Standing { case enrolled, expired, unknown }

  var testDescription: String { rawValue }

  var kind: String {
    switch self {
    case .node, .partyNode: "node"
    case .rival: "agent"
    case .rivalApprover: "approver"
    case .rivalExecutor: "executor"
    default: String(rawValue.split(separator: ",")[0])
    }
  }

  var standing: Standing {
    if rawValue.hasSuffix(", expired") { return .expired }
    return rawValue.hasSuffix(", not enrolled") ? .unknown : .enrolled
  }

  /// The name in the certificate.
  var path: String {
    switch (self, standing) {
    case (.node, _), (.partyNode, _): "node/node-1"
    case (.rival, _): "tenant/rival/agent/r"
    case (.rivalApprover, _), (.rivalExecutor, _): "\(kind)/r"
    case (_, .enrolled): kind == "agent" ? "tenant/acme/agent/agent-1" : "\(kind)/\(kind)-1"
    case (_, .expired): kind == "agent" ? "tenant/acme/agent/late" : "\(kind)/late"
    case (_, .unknown): kind == "agent" ? "tenant/acme/agent/nobody" : "\(kind)/nobody"
    }
  }

  private var isAdded: Bool {
    switch self {
    case .rival, .rivalApprover, .rivalExecutor: true
    default: standing == .expired
    }
  }

  /// Those of them whom `claw init` does not enrol.
  static func people() throws -> [Enrolment] {
    var people: [Enrolment] = []
    for (position, who) in allCases.enumerated() where who.isAdded {
      let isExecutor = who.kind == "executor"
      let principal = try SampleLedger.principal(who.path)
      var tenant = ""
      if case .agent(let own, _) = principal { tenant = own }
      if who == .rivalApprover || who == .rivalExecutor { tenant = "rival" }
      let ends = Timestamp.now.advanced(by: .seconds(who.standing == .expired ? -60 : 3600))
      people.append(
        Enrolment(
          principal: principal, key: try SampleLedger.key(UInt8(100 + position)).publicKey,
          roles: isExecutor || who.kind == "agent" ? [] : [who.kind], tenantID: tenant,
          owner: "owner-\(position)", expiresAt: ends, incarnation: isExecutor ? 1 : 0,
          isolationClasses: isExecutor ? [.microvmTCG] : []))
    }
    return people
  }

  func caller(of cluster: LoopbackCluster) throws -> Caller {
    guard self != .partyNode else {
      let folder = "\(cluster.folder)/nodes/node-1"
      return Caller(
        .node("node-1"), certificate: "\(folder)/node.crt", key: "\(folder)/node.key", of: cluster)
    }
    return try Caller(path, of: cluster)
  }
}

/// Every published method, called on a live node by every kind of identity, against Docs/Permissions.md.
@Suite(
  .serialized,
  .cluster {
    try LoopbackCluster(nodes: 3, threshold: 2, executors: 1, port: 22_100, people: WalkIdentity.people())
  })
struct PermissionsWalkTests {
  /// Calls a method with nothing in it, or the least that makes it wait for what it is for.
  private func call(_ method: Published, _ client: BlockingClient) -> CallStatus {
    let path = "/openexec.v1.\(method.name)"
    var payload: [UInt8] = []
    if method.request == "EnlistRequest" {
      payload = EnlistRequest(incarnation: 1, challenge: [UInt8](repeating: 7, count: 32)).encode()
    }
    if method.request == "JobsRequest" { payload = JobsRequest(incarnation: 1).encode() }
    do throws(CallStatus) {
      if method.isStream {
        try client.stream(path, payload, timeout: .milliseconds(400)) { _ in true }
      } else {
        _ = try client.call(path, payload, timeout: .seconds(15))
      }
      return .ok
    } catch {
      return error
    }
  }

  @Test("no published method is missing in the table, and none stands there that is not published")
  func complete() throws {
    let published = Set(try Published.all().map(\.name))
    #expect(published.count > 25)
    #expect(published.subtracting(["Peer/Tell"]) == Set(try Table().rows.keys))
  }

  @Test("every method answers each identity as the table says", arguments: WalkIdentity.allCases)
  func walk(_ who: WalkIdentity) throws {
    let cluster = try LiveCluster.current
    let caller = try who.caller(of: cluster)
    let table = try Table()
    var client = try? caller.connect(to: cluster.clients(1))
    var walked = 0
    for method in try Published.all() {
      // A node's connection is closed after each answer.
      if who.kind == "node" { client = try? caller.connect(to: cluster.clients(1)) }
      let status = client.map { call(method, $0) }
      try check(status, client?.finality, of: method, for: who, table)
      walked += 1
    }
    #expect(walked > 25)
  }

  private func check(
    _ status: CallStatus?, _ finality: FinalityMark?, of method: Published, for who: WalkIdentity,
    _ table: Table
  ) throws {
    let said = Comment(rawValue: "\(method.name): \(status.map { "\($0)" } ?? "no connection")")
    let status = try #require(status, said)
    // Whoever has issued it: a node's certificate lets nobody call.
    if who == .node || who == .partyNode {
      #expect(status.code == .unauthenticated && status.message.contains("expected"), said)
      return
    }
    if method.name == "Peer/Tell" {
      #expect(status.code == .unimplemented && status.message.contains("there is no method"), said)
      return
    }
    let row = try #require(table.rows[method.name], said)
    guard row.kinds.contains(who.kind) else {
      #expect(status.code == .permissionDenied, said)
      for kind in row.kinds { #expect(status.message.contains(kind), said) }
      #expect(status.message.contains(who.path), said)
      return
    }
    // Finality in every reply, refusals included.
    let mark = try #require(finality, said)
    #expect(mark.size > 0 && Timestamp(text: mark.time) != nil, said)
    guard who.standing == .enrolled || row.isPublic else {
      #expect(status.code == .permissionDenied, said)
      #expect(status.message.contains("expected an enrolment") && status.message.contains(who.path), said)
      return
    }
    #expect(status.code != .permissionDenied && status.code != .unauthenticated, said)
    #expect(status.code != .unimplemented, said)
    #expect(status.code != .unavailable && status.code != .internal && status.code != .unknown, said)
  }

  // MARK: Tenants

  @Test("an agent reads nothing and withdraws nothing of another tenant's")
  func tenants() throws {
    let cluster = try LiveCluster.current
    let agent = try Caller(founded: "agents/agent-2", of: cluster)
    let own = try agent.connect(to: cluster.clients(1))
    let proposals = try Proposals(agent, own)
    let outcome = try own.call(
      "Governance/Submit", try proposals.request("echo", ["text": "ours"], id: "tenants"),
      of: Wire.Outcome.self)
    let stat = try own.call(
      "Artifact/Put", try proposals.artifact([1, 2, 3]),
      of: ArtifactStat.self)

    let place = try #require(WalkIdentity.allCases.firstIndex(of: .rival))
    let number = UInt8(100 + place)
    let rival = try Caller(WalkIdentity.rival.path, of: cluster, keyNumber: number)
    let client = try rival.connect(to: cluster.clients(1))
    let named = ProposalRequest(requestID: "tenants", agent: agent.principal.path)
    let numbered = ProposalRequest(proposal: outcome.proposal)
    for request in [named, numbered] {
      for method in ["Governance/Get", "Governance/Watch"] {
        let status = client.status(method, request)
        #expect(
          status == CallStatus(.notFound, "no such proposal is final here"), "\(method): \(status)")
      }
    }
    let entry = client.status("Ledger/Entry", EntryRequest(index: outcome.proposal))
    #expect(entry.code == .notFound && entry.message.contains("another tenant's"), "\(entry)")
    let trace = try client.call(
      "Ledger/Trace", TraceRequest(traceID: outcome.traceID), of: TraceResponse.self)
    #expect(trace.leaves.isEmpty)
    for method in ["Artifact/Get", "Artifact/Stat"] {
      let status = client.status(method, ArtifactRequest(tenant: "acme", digest: stat.digest))
      #expect(status == CallStatus(.notFound, "no such artifact of this tenant"), "\(method): \(status)")
    }
    let listed = try client.call(
      "Artifact/List", ArtifactListRequest(tenant: "acme", workspace: "main"), of: ArtifactListResponse.self)
    #expect(listed.items.isEmpty)
    let put = client.status("Artifact/Put", try Proposals(rival, client).artifact([1]))
    #expect(put.code == .permissionDenied && put.message.contains("the agent's own tenant, rival"), "\(put)")
    let withdrawal = Withdrawal(
      proposal: LeafIndex(outcome.proposal), requestedBy: rival.principal,
      validUntil: .now.advanced(by: .seconds(60)))
    let signed = try rival.sign(withdrawal, for: proposals.cluster)
    let withdrawn = client.status("Governance/Withdraw", try Statement.request(.withdrawal(signed)))
    #expect(
      withdrawn == CallStatus(.permissionDenied, "only its agent withdraws a proposal"), "\(withdrawn)")

    // Nor does anyone else who is another tenant's, or nobody's.
    for who in [WalkIdentity.rivalApprover, .operator] {
      let client = try who.caller(of: cluster).connect(to: cluster.clients(1))
      for method in ["Governance/Get", "Governance/Watch"] {
        let status = client.status(method, numbered)
        #expect(status == CallStatus(.notFound, "no such proposal is final here"), "\(who): \(status)")
      }
      #expect(client.status("Ledger/Entry", EntryRequest(index: outcome.proposal)).code == .notFound)
      let trace = try client.call(
        "Ledger/Trace", TraceRequest(traceID: outcome.traceID), of: TraceResponse.self)
      #expect(trace.leaves.isEmpty)
    }
    let stranger = try WalkIdentity.rivalExecutor.caller(of: cluster).connect(to: cluster.clients(1))
    #expect(
      stranger.status("Artifact/Get", ArtifactRequest(tenant: "acme", digest: stat.digest)).code == .notFound)
    #expect(
      try WalkIdentity.operator.caller(of: cluster).connect(to: cluster.clients(1)).status(
        "Ledger/Entry", EntryRequest(index: 0)
      ).code == .ok)

    // All of it is there for those whose it is.
    #expect(own.status("Governance/Get", named).code == .ok)
    #expect(own.status("Ledger/Entry", EntryRequest(index: outcome.proposal)).code == .ok)
    #expect(own.status("Artifact/Get", ArtifactRequest(tenant: "acme", digest: stat.digest)).code == .ok)
    let mine = try own.call(
      "Artifact/List", ArtifactListRequest(tenant: "acme", workspace: "main"), of: ArtifactListResponse.self)
    #expect(mine.items.contains(stat))
  }
}
