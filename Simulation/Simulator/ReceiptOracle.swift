import Canonical
import Crypto
import OpenExec
import Records

// What an honest executor's receipt says of a run that succeeded, against the run: when it was by its executor's leases, and what it gave.
extension Oracles {
  /// Why the times are not the run's by its executor's leases; nil where they are.
  func objection(toTimes receipt: Receipt, _ start: ExecutionKnowledge.Start) -> String? {
    if let began = start.began, receipt.executedAt != began {
      return "says that its run began at \(receipt.executedAt.text), and it did at \(began.text)"
    }
    if let ended = start.ended, receipt.finishedAt != max(ended, receipt.executedAt) {
      return "says that its run ended at \(receipt.finishedAt.text), and it did at \(ended.text)"
    }
    return nil
  }

  /// A result that is reported is the one that the run gave, whole in the receipt or as a file.
  mutating func holdResult(_ draft: ReceiptDraft, at time: UInt64) {
    let receipt = draft.receipt
    guard receipt.status == .succeeded, !execution.liars.contains(receipt.executorID),
      let start = execution.starts[receipt.tokenID], start.executor == receipt.executorID,
      let result = draft.attachment["result"]?.value
    else { return }
    evaluated("receipts tell what happened")
    let isTrue =
      if let output = result["output"] {
        output.canonicalBytes() == start.output
      } else if let artifact = receipt.resultArtifact {
        artifact == SHA256.hash(start.output)
      } else if let text = result["output_text"]?.string {
        text == String(decoding: start.output, as: UTF8.self)
      } else {
        start.output.isEmpty || receipt.truncated
      }
    guard !isTrue else { return }
    fail(
      "receipts tell what happened",
      "the receipt of \(receipt.tokenID) gives another result than its run on \(receipt.executorID.path)",
      at: time)
  }
}
