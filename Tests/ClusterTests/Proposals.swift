import Canonical
import Crypto
import Merkle
import Network
import Records
import Testing
import Wire

/// What an agent proposes to a live cluster, and how a test spoils it before it is signed.
struct Proposals {
  let agent: Caller
  let cluster: Digest
  private let scopes: [String: [String]]

  init(_ agent: Caller, _ client: BlockingClient) throws {
    self.agent = agent
    let checkpoint = try client.call(
      "Ledger/Checkpoint", CheckpointRequest(), of: CheckpointResponse.self)
    cluster = try #require(Digest(hex: checkpoint.cluster))
    let listed = try client.call("Governance/ListActions", ListActionsRequest(), of: ListActionsResponse.self)
    var scopes: [String: [String]] = [:]
    for bytes in listed.actions {
      let action = try JSON.parse(bytes)
      scopes[action["name"]?.string ?? ""] = action["scopes"]?.array?.compactMap(\.string)
    }
    self.scopes = scopes
  }

  /// A signed proposal and its parameters.
  func request(
    _ action: String, _ parameters: JSON, id: String, seconds: Int64 = 3600,
    spoil: (inout Proposal) -> Void = { _ in }
  ) throws -> StatementRequest {
    let (content, item) = try content(action, parameters, id: id, seconds: seconds, spoil: spoil)
    return try Statement.request(
      .proposal(try agent.sign(content, for: cluster)), Records.Attachment("parameters", item))
  }

  /// A file and its signed note.
  func artifact(
    _ content: [UInt8], tenant: String = "acme", type: String = "text/plain", labels: [String] = [],
    spoil: (inout ArtifactNote) -> Void = { _ in }
  ) throws -> ArtifactPutRequest {
    var note = ArtifactNote(
      digest: SHA256.hash(content), tenantID: tenant, workspaceID: "main", size: content.count,
      mediaType: type,
      owner: agent.principal, labels: labels, validUntil: .now.advanced(by: .seconds(300)))
    spoil(&note)
    return ArtifactPutRequest(
      statement: try Statement.request(.artifact(try agent.sign(note, for: cluster))).statement,
      content: content)
  }

  func content(
    _ action: String, _ parameters: JSON, id: String, seconds: Int64 = 3600,
    spoil: (inout Proposal) -> Void = { _ in }
  ) throws -> (Proposal, Records.Attachment.Item) {
    let item = SampleLedger.salted(parameters)
    guard case .agent(let tenant, _) = agent.principal else { throw CallStatus(.internal, "no agent") }
    var content = Proposal(
      traceID: "trace-\(id)", requestID: id, tenantID: tenant, workspaceID: "main",
      requestedBy: agent.principal, action: action, parametersHash: item.hash,
      scopes: scopes[action] ?? [],
      risk: RiskContext(estimatedCost: .zero, dataClassification: .public, impactLevel: .low),
      validUntil: .now.advanced(by: .seconds(seconds)))
    spoil(&content)
    return (content, item)
  }
}
