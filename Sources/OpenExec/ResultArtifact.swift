import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// What an action wrote, where it is too long to travel with its receipt: a file of the same workspace, with
/// the labels of all that went into it.
public struct ResultArtifact: Equatable, Sendable {
  /// What is longer than this many bytes becomes an artifact.
  public static let threshold = 32 << 10
  /// Longest artifact in bytes, as governance takes it.
  public static let maximumBytes = 3 << 20

  /// Most labels of one artifact.
  private static let maximumLabels = 256

  public let digest: Digest
  public let content: [UInt8]
  public let mediaType: String
  /// The agent's, and those of every input.
  public let labels: [String]
  private let tenantID: String
  private let workspaceID: String
  private let name: String
  private let decision: LeafIndex

  /// What writes memory writes a file, however short. Nil for what else is short enough for the receipt, and for what is too long to be kept.
  init?(_ output: [UInt8], of token: ProvenToken, inputs: [RunInput]) {
    let isMemory = token.grant.allowedScopes.contains(ArtifactNote.memoryScope)
    guard output.count > Self.threshold || isMemory, output.count <= Self.maximumBytes else { return nil }
    digest = SHA256.hash(output)
    content = output
    // Of any length and depth: the text is only named, never hashed as a value.
    mediaType = (try? JSON.parse(output, limits: .interchange)) == nil ? "text/plain" : "application/json"
    var all = [token.decision.requestedBy.path]
    #if SIMULATION
    let inputs = Mutant.labelsDropped.isActive ? [] : inputs
    #endif
    for input in inputs { all += input.labels.filter { !all.contains($0) } }
    // With the tenant's and the executor's own there are two more.
    guard all.count <= Self.maximumLabels - 2 else { return nil }
    labels = all
    tenantID = token.decision.tenantID
    workspaceID = token.decision.workspaceID
    name = ResultArtifact.name(token, mediaType)
    decision = token.proof.index
  }

  private static func name(_ token: ProvenToken, _ mediaType: String) -> String {
    let isMemory = token.grant.allowedScopes.contains(ArtifactNote.memoryScope)
    let folder = isMemory ? ArtifactNote.memoryFolder : "results/"
    return "\(folder)\(token.decision.requestID).\(mediaType == "text/plain" ? "txt" : "json")"
  }

  /// What its executor says of it, to be signed afresh for each try.
  public func note(by executor: Principal, validUntil: Timestamp) -> ArtifactNote {
    ArtifactNote(
      digest: digest, tenantID: tenantID, workspaceID: workspaceID, name: name, size: content.count,
      mediaType: mediaType, owner: executor, labels: labels, decision: decision, validUntil: validUntil)
  }

  /// What stands in the result instead of the content.
  var told: JSON {
    [
      "digest": .string(digest.hex), "media_type": .string(mediaType), "name": .string(name),
      "size": .integer(content.count),
    ]
  }

  // MARK: In the journal

  var json: JSON {
    [
      "content": .string(Base64.encode(content)), "media_type": .string(mediaType),
      "labels": .array(labels.map(JSON.string)),
    ]
  }

  init(from fields: inout Fields, of token: ProvenToken) throws(RecordError) {
    content = try fields.value("content", "bytes in base64") { $0.string.flatMap(Base64.decode) }
    mediaType = try fields.text("media_type", limit: 128)
    labels = try fields.list("labels", limit: 256, of: "labels") { $0.string }
    digest = SHA256.hash(content)
    tenantID = token.decision.tenantID
    workspaceID = token.decision.workspaceID
    name = ResultArtifact.name(token, mediaType)
    decision = token.proof.index
  }
}
