import Canonical
import Crypto
import Network
import Records
import Testing
import Wire

/// Statements that are well framed and wrong, from enrolled callers, on a live node.
@Suite(.serialized, .cluster { try LoopbackCluster(nodes: 3, threshold: 2, executors: 1, port: 22_700) })
struct BadStatementTests {
  let cluster: LoopbackCluster
  let agent: Caller
  let other: Caller
  let client: BlockingClient
  let proposals: Proposals

  init() throws {
    cluster = try LiveCluster.current
    agent = try Caller(founded: "agents/agent-1", of: cluster)
    other = try Caller(founded: "agents/agent-2", of: cluster)
    client = try agent.connect(to: cluster.clients(1))
    proposals = try Proposals(agent, client)
  }

  private func submit(_ request: StatementRequest) -> CallStatus {
    client.status("Governance/Submit", request)
  }

  private func expect(_ status: CallStatus, _ code: StatusCode, _ words: String) {
    #expect(status.code == code && status.message.contains(words), "\(status)")
  }

  // MARK: Signatures

  @Test("a proposal under the name of one and by the key of another")
  func anothersSignature() throws {
    let (content, item) = try proposals.content("echo", ["text": "x"], id: "sig-1")
    let signed = Signed.sign(
      content, cluster: proposals.cluster, as: agent.principal, with: try other.signingKey())
    let request = try Statement.request(.proposal(signed), Records.Attachment("parameters", item))
    expect(
      submit(request), .permissionDenied,
      "expected a signature by the key that is enrolled for tenant/acme/agent/agent-1")
  }

  @Test("a proposal that was signed, and changed after")
  func changedAfterSigning() throws {
    let (content, item) = try proposals.content("echo", ["text": "x"], id: "sig-2")
    var changed = content
    changed.workspaceID = "another"
    let signatures = try agent.sign(content, for: proposals.cluster).signatures
    let request = try Statement.request(
      .proposal(Signed(content: changed, signatures: signatures)), Records.Attachment("parameters", item))
    expect(submit(request), .permissionDenied, "the signature does not verify over this statement")
  }

  @Test("a proposal that was signed for another cluster")
  func otherCluster() throws {
    let (content, item) = try proposals.content("echo", ["text": "x"], id: "sig-3")
    let request = try Statement.request(
      .proposal(try agent.sign(content, for: SHA256.hash("another"))), Records.Attachment("parameters", item))
    expect(submit(request), .permissionDenied, "for cluster \(proposals.cluster.hex)")
  }

  @Test("a proposal that another agent brings")
  func anothersProposal() throws {
    let request = try proposals.request("echo", ["text": "x"], id: "sig-4")
    let status = try other.connect(to: cluster.clients(1)).status("Governance/Submit", request)
    expect(
      status, .permissionDenied,
      "the proposal is tenant/acme/agent/agent-1's, the certificate tenant/acme/agent/agent-2's")
  }

  // MARK: Content

  @Test("parameters that are not those of the hash that was signed")
  func otherParameters() throws {
    var request = try proposals.request("echo", ["text": "x"], id: "content-1")
    request.attachment =
      Records.Attachment("parameters", SampleLedger.salted(["text": "y"])).bytes
    expect(submit(request), .invalidArgument, "parameters")
  }

  @Test("a validity beyond a day, and one that has passed")
  func validity() throws {
    let long = try proposals.request("echo", ["text": "x"], id: "content-2", seconds: 2 * 86_400)
    expect(submit(long), .invalidArgument, "valid_until may be at most 24 hours ahead")
    let past = try proposals.request("echo", ["text": "x"], id: "content-3", seconds: -5)
    expect(submit(past), .permissionDenied, "valid until")
  }

  enum BadProposal: String, CaseIterable, CustomTestStringConvertible {
    case unknownAction = "for an action that there is not"
    case wrongType = "whose parameters have the wrong type"
    case surplus = "whose parameters have a member too many"
    case absent = "whose parameters lack a member"
    case otherTenant = "for another tenant"
    case scope = "for a scope that was not granted"
    case depth = "nested too deep"
    var testDescription: String { rawValue }

    /// The rule that denies it and what it says.
    var expected: (rule: String, words: String) {
      switch self {
      case .unknownAction: ("floor.action_registered", "shell is not in the registry")
      case .wrongType: ("floor.parameters", "expected")
      case .surplus: ("floor.parameters", "no members but those declared")
      case .absent: ("floor.parameters", "text")
      case .otherTenant: ("floor.tenant", "acme")
      case .scope: ("floor.scope_granted", "the agent's grant does not cover scope network")
      case .depth: ("breaker.depth", "4")
      }
    }

    func request(_ proposals: Proposals) throws -> StatementRequest {
      let id = "bad-\(self)"
      switch self {
      case .unknownAction: return try proposals.request("shell", ["command": "id"], id: id)
      case .wrongType: return try proposals.request("echo", ["text": 7], id: id)
      case .surplus: return try proposals.request("echo", ["text": "x", "more": 1], id: id)
      case .absent: return try proposals.request("echo", [:], id: id)
      case .otherTenant:
        return try proposals.request("echo", ["text": "x"], id: id) { $0.tenantID = "rival" }
      case .scope:
        return try proposals.request("echo", ["text": "x"], id: id) { $0.scopes.append("network") }
      case .depth: return try proposals.request("echo", ["text": "x"], id: id) { $0.depth = 5 }
      }
    }
  }

  @Test("a well signed proposal is denied on the record, with the rule", arguments: BadProposal.allCases)
  func denied(_ bad: BadProposal) throws {
    let outcome = try client.call(
      "Governance/Submit", try bad.request(proposals), of: Wire.Outcome.self)
    #expect(outcome.status == "denied")
    let rule = outcome.rules.first { $0.rule == bad.expected.rule }
    #expect(rule?.message.contains(bad.expected.words) == true, "\(outcome.rules)")
    #expect(outcome.message.contains("denied:") && !outcome.decisionProof.isEmpty)
  }

  @Test("a request id again: the first outcome for the same content, a refusal for other content")
  func duplicates() throws {
    let request = try proposals.request("shell", ["command": "id"], id: "twice")
    let first = try client.call("Governance/Submit", request, of: Wire.Outcome.self)
    // On another node as well.
    let elsewhere = try agent.connect(to: cluster.clients(2))
    for client in [client, elsewhere] {
      let again = try client.call("Governance/Submit", request, of: Wire.Outcome.self)
      #expect(again.proposal == first.proposal && again.decisionID == first.decisionID)
      let other = try proposals.request("shell", ["command": "ls"], id: "twice")
      expect(
        client.status("Governance/Submit", other), .alreadyExists,
        "request id twice is taken by other content at leaf \(first.proposal)")
    }
    // It is one agent's id, not another's.
    let neighbour = try other.connect(to: cluster.clients(1))
    let own = try Proposals(other, neighbour).request("shell", ["command": "ls"], id: "twice")
    #expect(neighbour.status("Governance/Submit", own) == .ok)
  }

  enum BadBytes: String, CaseIterable, CustomTestStringConvertible {
    case noProtobuf = "no protobuf", noJSON = "no JSON", notAnObject = "no object", typed =
      "with a type of its own"
    case unknownMember = "with a member that nobody knows"
    var testDescription: String { rawValue }

    var expected: String {
      switch self {
      case .noProtobuf: "expected 1 more bytes, but the message ends"
      case .noJSON: "JSON"
      case .notAnObject: "statement: expected an object, found an array"
      case .typed: "statement: expected content and signatures only"
      case .unknownMember: "surplus"
      }
    }
  }

  @Test("what is no statement", arguments: BadBytes.allCases)
  func bytes(_ bad: BadBytes) throws {
    let good = try proposals.request("shell", [:], id: "bytes")
    let text = String(decoding: good.statement, as: UTF8.self).dropFirst()
    let payload: [UInt8] =
      switch bad {
      case .noProtobuf: [0x0A, 0xFF]
      case .noJSON: StatementRequest(statement: Array("{".utf8)).encode()
      case .notAnObject: StatementRequest(statement: Array("[]".utf8)).encode()
      case .typed: StatementRequest(statement: Array("{\"type\":\"decision\",\(text)".utf8)).encode()
      case .unknownMember:
        StatementRequest(statement: Array("{\"surplus\":1,\(text)".utf8), attachment: good.attachment)
          .encode()
      }
    var status = CallStatus.ok
    do throws(CallStatus) {
      _ = try client.call("/openexec.v1.Governance/Submit", payload, timeout: .seconds(5))
    } catch {
      status = error
    }
    expect(status, .invalidArgument, bad.expected)
  }
}
