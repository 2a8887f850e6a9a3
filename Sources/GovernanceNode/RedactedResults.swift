import Canonical
import ClawShield
import Records

#if SIMULATION
import Mutants
#endif

/// Results as agents and approvers get them (INV-010): the ledger keeps what the executor signed, for auditors; what is
/// shown to others goes through the redaction of the bundle in force.
extension GovernanceNode {
  /// A receipt's attachment as it may be shown. Where something is covered it comes as `redacted`, a count of marks and
  /// the covered result, in the place of `result`: it is not what the receipt's hash is of, and says so.
  func shown(_ attachment: Attachment?) -> [UInt8] {
    guard let attachment, let result = attachment["result"] else { return attachment?.bytes ?? [] }
    #if SIMULATION
    if Mutant.outcomesUncovered.isActive { return Attachment("result", result).bytes }
    #endif
    let (value, marks) = overlay.final.redaction.covering(result.value)
    // What the run reached is auditors' to read: a guest chooses what it asks for, names of hosts among it.
    guard marks > 0 else { return Attachment("result", result).bytes }
    return Attachment(
      "redacted",
      Attachment.Item(salt: Attachment.noSalt, value: ["marks": .integer(marks), "result": value])
    ).bytes
  }

  /// What belongs to a leaf, for a caller: auditors get it as it is. A receipt's result in which something is covered is
  /// left out, since what is shown beside a leaf is held against its hash.
  func attachment(at index: LeafIndex, of body: RecordBody, for caller: Principal) -> [UInt8] {
    let attachment = raft.log.attachment(at: index)
    if case .auditor = caller { return attachment?.bytes ?? [] }
    guard case .receipt = body, let attachment else { return attachment?.bytes ?? [] }
    #if SIMULATION
    if Mutant.leavesUncovered.isActive { return attachment.bytes }
    #endif
    let isCovered = attachment["result"].map { overlay.final.redaction.covering($0.value).marks > 0 } ?? false
    return isCovered || attachment["egress"] != nil ? [] : attachment.bytes
  }

  /// Whether an agent gets a file: not one in which something looks like a secret. An executor that reads it as an input
  /// does, and an auditor.
  func isShown(_ content: [UInt8], to caller: Principal) -> Bool {
    if case .agent = caller { return !Redaction.hasSecrets(content) }
    return true
  }
}
