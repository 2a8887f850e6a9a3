import Records

// What a receipt says of its run, held against what was approved to run.
extension ShieldState {
  /// The first field of a receipt's evidence that the registry contradicts; nil where none does, and where the bundle
  /// that approved the run is not in force any more: what it said is then not at hand.
  ///
  /// It shows that the executor ran what was approved under the limits that were approved. That it did what it says
  /// is the executor's word, which nobody here can check.
  func contradiction(_ receipt: Receipt, _ cell: ProposalCell) -> String? {
    guard let evidence = receipt.evidence else { return nil }
    if receipt.status == .succeeded, evidence.exitStatus != 0 { return "evidence.exit_status" }
    if evidence.labels.first != cell.content.requestedBy.path { return "evidence.labels" }
    guard cell.verdict.policyBundleHash == compiled.bundle.hash,
      let registered = compiled.action(receipt.action)
    else { return nil }
    let action = registered.definition
    if evidence.manifestDigest != registered.manifestDigest { return "evidence.manifest_digest" }
    if evidence.limits != action.limits { return "evidence.limits" }
    if evidence.secrets != action.secretNames { return "evidence.secrets" }
    // The bytes are of all tries, the processor's time of the last one: what was charged is no less.
    if let prices = action.prices, let usage = evidence.usage,
      prices.cost(
        processorNanoseconds: usage.processorNanoseconds, sentBytes: evidence.egress?.sentBytes ?? 0)
        > receipt.cost
    {
      return "cost_usd"
    }
    if !receipt.imageDigest.isEmpty, receipt.imageDigest != action.imageDigest { return "image_digest" }
    guard let egress = evidence.egress else { return nil }
    guard let limits = action.egressLimits, !action.egress.isEmpty else { return "evidence.egress" }
    // The limits are of one try.
    let tries = 1 + action.maximumRetries
    let isWithin =
      egress.sentBytes <= tries * limits.sentBytes && egress.receivedBytes <= tries * limits.receivedBytes
      && egress.opaqueBytes <= egress.sentBytes && (egress.tokens == 0 || action.modelLimits != nil)
      && egress.connections <= tries * limits.connections
    return isWithin ? nil : "evidence.egress"
  }
}
