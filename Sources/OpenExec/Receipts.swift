import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// A receipt that waits for its executor's signature and for governance to know it. It is kept durably
/// and reported again until it is proven final. Ed25519 is deterministic: signing again changes nothing.
public struct ReceiptDraft: Equatable, Sendable {
  public let receipt: Receipt
  /// Holds the result, or says where it is.
  public let attachment: Attachment
  /// What the action wrote, where that is too long for the attachment: put before the receipt is reported.
  public let artifact: ResultArtifact?

  /// A draft.
  public init(receipt: Receipt, attachment: Attachment, artifact: ResultArtifact? = nil) {
    self.receipt = receipt
    self.attachment = attachment
    self.artifact = artifact
  }
}

/// Makes receipts: one for every proven token, whatever came of it (INV-015, ruling 8).
struct ReceiptWriter: Sendable {
  let identity: ExecutorIdentity
  /// Longest canonical result in bytes; what is longer is a failure that says so.
  static let maximumResultBytes = 512 << 10
  /// The result stands some levels deep in its attachment, which must itself be admitted.
  private static let outputLimits = JSONLimits(
    maximumBytes: maximumResultBytes, maximumDepth: 32, exactNumbers: true)

  /// How a token ended, as the receipt says it.
  struct Verdict: Equatable {
    var status: RunStatus
    /// Empty for success.
    var code: String
    /// For people; becomes part of the result.
    var explanation: String
    var loopGuard = false
  }

  func draft(
    _ burned: BurnedToken, verdict: Verdict, outcome: RunOutcome?, ran: Bool, action: ActionDefinition? = nil,
    inputs: [RunInput] = [], executedAt: Timestamp, finishedAt: Timestamp, cost: MicroUSD, salt: [UInt8]
  ) -> ReceiptDraft {
    var verdict = verdict
    var artifact = outcome.flatMap { ResultArtifact($0.output, of: burned.token, inputs: inputs) }
    var value = result(verdict, outcome, artifact)
    if value.canonicalBytes().count > ReceiptWriter.maximumResultBytes {
      verdict = Verdict(
        status: .failed, code: "RESULT_TOO_LARGE",
        explanation: "the result is longer than \(ResultArtifact.maximumBytes) bytes")
      artifact = nil
      value = result(verdict, nil, nil)
    }
    let item = Attachment.Item(salt: salt, value: value)
    #if SIMULATION
    let executedAt = Mutant.approvalTimeTold.isActive ? burned.token.grant.issuedAt : executedAt
    #endif
    var attachment = Attachment("result", item)
    // A salt of its own, so that showing one value says nothing about the other.
    let connections = outcome?.measures.egress.map { report in
      Attachment.Item(salt: SHA256.hash(salt + Array("egress".utf8)).bytes, value: report.json)
    }
    let evidence = action.flatMap { action in
      outcome.map { self.evidence(of: $0, action, burned.token, inputs) }
    }
    if let connections, evidence != nil { attachment["egress"] = connections }
    let receipt = Receipt(
      receiptID: receiptID(of: burned.token), decision: burned.token.decision,
      decisionIndex: burned.token.proof.index, grant: burned.token.grant, executedAt: executedAt,
      finishedAt: max(executedAt, finishedAt), status: verdict.status, errorCode: verdict.code,
      resultHash: item.hash, inputs: outcome?.guest == nil ? [] : inputs.map(\.digest),
      resultArtifact: artifact?.digest, truncated: outcome?.truncated ?? false,
      isolationClass: ran ? burned.isolationClass : nil, guest: ran ? outcome?.guest : nil,
      imageDigest: ran ? burned.imageDigest : "", provenance: ran ? outcome?.measures.provenance : nil,
      cost: cost,
      exfiltrationRisk: outcome?.measures.isExfiltrationRisk ?? false,
      piiDetected: outcome?.measures.findings.hasPersonalData ?? false, loopGuardTriggered: verdict.loopGuard,
      evidence: evidence, egressHash: evidence?.egress == nil ? nil : connections?.hash,
      approvalNote: burned.token.proof.note.encoded)
    return ReceiptDraft(receipt: receipt, attachment: attachment, artifact: artifact)
  }

  private func evidence(
    of outcome: RunOutcome, _ action: ActionDefinition, _ token: ProvenToken, _ inputs: [RunInput]
  ) -> RunEvidence {
    let measures = outcome.measures
    var exitStatus: Int?
    switch outcome.ending {
    case .completed(let status), .toldByShim(let status): exitStatus = status
    case .signalled, .wallClock, .killed, .outOfMemory, .sandboxFailed: break
    }
    var labels = [token.decision.requestedBy.path]
    for input in inputs { labels += input.labels.filter { !labels.contains($0) } }
    return RunEvidence(
      manifestDigest: action.manifestDigest, limits: action.limits, usage: measures.usage,
      machine: measures.machine, exitStatus: exitStatus, output: measures.output.evidence(outcome.output),
      errorOutput: measures.errorOutput.evidence(outcome.errorOutput),
      egress: measures.egress?.summary, secrets: action.secretNames,
      labels: Array(labels.prefix(RunEvidence.maximumLabels)))
  }

  /// The same run, whose result could not be kept.
  func withoutArtifact(_ draft: ReceiptDraft, _ why: String, salt: [UInt8]) -> ReceiptDraft {
    var members = draft.attachment["result"]?.value.object?.members.map { ($0.name, $0.value) } ?? []
    members.removeAll { $0.0 == "explanation" }
    members.append(("explanation", .string("the output was not kept: \(why.prefix(512))")))
    let item = Attachment.Item(salt: salt, value: .object(members))
    var receipt = draft.receipt
    receipt.resultHash = item.hash
    receipt.resultArtifact = nil
    receipt.truncated = true
    var attachment = draft.attachment
    attachment["result"] = item
    return ReceiptDraft(receipt: receipt, attachment: attachment)
  }

  /// One receipt a token, so its name derives from the token's.
  private func receiptID(of token: ProvenToken) -> String {
    let text =
      "openexec/v1/receipt\n\(identity.keys.cluster.hex)\n\(token.id)\n\(identity.incarnation)"
    return String(SHA256.hash(text).hex.prefix(32))
  }

  private func result(
    _ verdict: Verdict, _ outcome: RunOutcome?, _ artifact: ResultArtifact?
  ) -> JSON {
    var members: [(String, JSON)] = []
    if !verdict.explanation.isEmpty { members.append(("explanation", .string(verdict.explanation))) }
    guard let outcome else { return .object(members) }
    switch outcome.ending {
    case .completed(let status), .toldByShim(let status): members.append(("exit_status", .integer(status)))
    case .signalled, .wallClock, .killed, .outOfMemory, .sandboxFailed: break
    }
    #if SIMULATION
    if Mutant.outputLost.isActive { return .object(members) }
    #endif
    if let artifact {
      members.append(("output_artifact", artifact.told))
    } else if let output = try? JSON.parse(outcome.output, limits: ReceiptWriter.outputLimits) {
      members.append(("output", output))
    } else if !outcome.output.isEmpty {
      members.append(("output_text", .string(String(decoding: outcome.output, as: UTF8.self))))
    }
    if !outcome.errorOutput.isEmpty {
      let text = String(decoding: outcome.errorOutput, as: UTF8.self)
      members.append(("error_output", .string(text)))
    }
    return .object(members)
  }
}
