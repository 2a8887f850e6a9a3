import Crypto
import OpenExec
import Records

// What two executors run has succeeded only where both have, with one result: read from the leaves and from what executors
// have sent, apart from ClawShield's comparison.
extension Oracles {
  private static var verification: String { "verified results agree" }

  /// An executor reports a result.
  mutating func results(_ draft: ReceiptDraft) {
    guard draft.receipt.action == SimulatedReach.verified, let item = draft.attachment["result"] else {
      return
    }
    execution.results[item.hash] = SHA256.hash(item.value.canonicalBytes())
  }

  /// A proposal of what two executors run is completed.
  mutating func agree(about proposal: LeafIndex, at time: UInt64) {
    guard let audit else { return }
    evaluated("verified results agree")
    var given: [(executor: Principal, result: Digest)] = []
    for leaf in audit.receipts.keys.sorted() {
      guard let receipt = audit.receipts[leaf]?.content, receipt.status == .succeeded,
        audit.objection(toReceipt: leaf, of: proposal.value) == nil,
        !given.contains(where: { $0.executor == receipt.executorID }),
        let result = execution.results[receipt.resultHash]
      else { continue }
      given.append((receipt.executorID, result))
    }
    guard given.count >= 2 else {
      return fail(
        Self.verification,
        "the proposal at leaf \(proposal) is completed, and \(given.count) executors have run it",
        at: time)
    }
    if given.contains(where: { $0.result != given[0].result }) {
      fail(
        Self.verification,
        "the proposal at leaf \(proposal) is completed with results that differ: "
          + given.map(\.executor.path).joined(separator: ", "), at: time)
    }
  }
}
