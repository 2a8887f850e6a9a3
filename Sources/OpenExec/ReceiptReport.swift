import Records

/// A receipt on its way to governance, with the artifact that it names before it.
public struct ReceiptReport: Equatable, Sendable {
  /// To be signed for each try anew.
  public let draft: ReceiptDraft
  /// Counted from 0.
  let attempt: Int

  init(_ draft: ReceiptDraft, attempt: Int = 0) {
    self.draft = draft
    self.attempt = attempt
  }

  /// The next try of the same receipt.
  var next: ReceiptReport { ReceiptReport(draft, attempt: attempt + 1) }

  /// Which of `count` connected nodes gets all of this try, artifact and receipt; `count` is at least 1. Each try of
  /// one receipt goes to another node, whatever is sent between: one rotation for all calls can come back to the same
  /// mute node for ever.
  public func node(of count: Int) -> Int {
    Int((draft.receipt.decision.value &+ UInt64(attempt)) % UInt64(count))
  }
}
