import Canonical
import Crypto
import Merkle
import Records
import Wire

/// What a node said of a proposal, checked against the cluster's keys: a node can withhold an outcome,
/// it cannot invent one.
struct CheckedOutcome {
  let outcome: Outcome
  /// The proven decision; nil where none is final yet.
  let decision: Decision?
  /// The proven receipt; nil where there is none yet.
  let receipt: Receipt?
  /// The result, held against the hash in the receipt; nil where there is none, or it was erased.
  let result: JSON?
  /// The result with marks in it, where the policy covers something: not what the receipt's hash is of, and so this
  /// node's word.
  let redacted: JSON?
  /// The note that proves the newest of them.
  let checkpoint: CheckpointNote?

  /// Checks every proof of an outcome, and that they are about the same proposal.
  ///
  /// - Parameter proposal: what was asked; nil where the caller only names it.
  init(_ outcome: Outcome, keys: some ProofKeys, proposal: Proposal?) throws {
    self.outcome = outcome
    var checkpoint: CheckpointNote?
    var decision: Decision?
    var receipt: Receipt?
    var result: JSON?
    var redacted: JSON?
    if !outcome.decisionProof.isEmpty {
      let proven = try Self.verify(outcome.decisionProof, keys)
      guard case .decision(let found) = proven.record.body, found.proposal.value == outcome.proposal else {
        throw Self.lie("the decision that it shows is not this proposal's")
      }
      try Self.match(found, proposal)
      decision = found
      checkpoint = proven.checkpoint
    }
    if !outcome.receiptProof.isEmpty {
      let proven = try Self.verify(outcome.receiptProof, keys)
      guard case .receipt(let signed) = proven.record.body, let decision,
        signed.content.decisionID == decision.decisionID || decision.grant == nil
      else { throw Self.lie("the receipt that it shows is not this proposal's") }
      try Receipts.check(signed, approval: decision.grant == nil ? nil : decision, keys)
      receipt = signed.content
      result = try Receipts.result(outcome.result, of: signed.content)
      redacted = try Attachment(parsing: outcome.result)["redacted"]?.value["result"]
      checkpoint = proven.checkpoint
    }
    try Self.supports(outcome.status, decision, receipt)
    self.decision = decision
    self.receipt = receipt
    self.result = result
    self.redacted = redacted
    self.checkpoint = checkpoint
  }

  private static func lie(_ what: String) -> Failure { Failure(.other, "do not trust this answer: \(what)") }

  private static func verify(_ text: String, _ keys: some ProofKeys) throws -> (
    record: Record, checkpoint: CheckpointNote
  ) {
    do {
      let proof = try LedgerProof(parsing: text)
      return try keys.proven { try $0.chain.verify(proof) }
    } catch let error as LedgerProofError {
      // Whatever else keeps it from being checked says nothing of the proof.
      throw lie("\(error)")
    }
  }

  private static func match(_ decision: Decision, _ proposal: Proposal?) throws {
    guard let proposal else { return }
    guard decision.requestedBy == proposal.requestedBy, decision.requestID == proposal.requestID,
      decision.action == proposal.action, decision.parametersHash == proposal.parametersHash
    else { throw lie("the decision that it shows is about another request") }
  }

  /// A claim that needs a proof has one.
  private static func supports(_ status: String, _ decision: Decision?, _ receipt: Receipt?) throws {
    switch status {
    case "approved":
      guard decision?.decisionType == .approve else { throw lie("it says approved, without the token") }
    case "denied":
      guard decision?.decisionType == .deny else { throw lie("it says denied, without the decision") }
    case "completed":
      guard receipt?.status == .succeeded else { throw lie("it says completed, without the receipt") }
    default: break
    }
  }

  /// How a command that waits for the outcome ends.
  var exitCode: ExitCode {
    switch outcome.status {
    case "approved", "completed": .ok
    case "denied": .denied
    case "pending", "undecided": .pending
    default: .failed
    }
  }

  /// Whether everyone who was asked has approved, and the decision is still to come.
  var isMet: Bool {
    outcome.status == "undecided"
      || outcome.status == "pending" && !outcome.unconfirmed
        && outcome.demands.allSatisfy { $0.approved >= $0.count }
  }

  /// Whether nothing more will happen.
  var isSettled: Bool { !["approved", "pending", "undecided"].contains(outcome.status) }
}

/// What can be checked of a receipt with the cluster's keys alone.
enum Receipts {
  /// The executor's signature, and that the parties consented to the decision it rests on.
  static func check(_ signed: Signed<Receipt>, approval: Decision?, _ keys: some ProofKeys) throws {
    let receipt = signed.content
    let signatures = try keys.proven { signed.verifiedSignatures(cluster: $0.cluster) }
    guard signatures.contains(where: { $0.by == receipt.executorID })
    else { throw Failure(.other, "the receipt is not signed by \(receipt.executorID.path)") }
    if let approval {
      guard approval.grant?.tokenID == receipt.tokenID, approval.grant?.executorID == receipt.executorID,
        approval.parametersHash == receipt.parametersHash
      else { throw Failure(.other, "the receipt is not for the token of its decision") }
    }
    guard receipt.status != .refused else { return }
    let note = try SignedNote(parsing: Array(receipt.approvalNote.utf8))
    let checkpoint = try keys.proven { try $0.chain.verified(note) }
    guard checkpoint.consent?.covers(receipt.decision) == true else {
      throw Failure(.other, "the receipt's note does not consent to decision \(receipt.decision.value)")
    }
  }

  /// The attachment's result, if it is the one whose salted hash the receipt holds; nil where there is
  /// none.
  static func result(_ attachment: [UInt8], of receipt: Receipt) throws -> JSON? {
    guard let item = try Attachment(parsing: attachment)["result"] else { return nil }
    guard item.hash == receipt.resultHash else {
      throw Failure(.other, "the result is not the one that the receipt is for")
    }
    return item.value
  }
}
