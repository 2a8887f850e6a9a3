import ClawShield
import Records

// What a tenant is charged: never above its cap, and to the cent what the leaves say, each approval with its receipt's cost
// or with what was set aside, whichever is less. Read from the leaves apart from ClawShield's sums.
extension Oracles {
  private static var charges: String { "tenants are charged what was approved" }
  /// How many leaves become final between two comparisons.
  private static var pace: UInt64 { 16 }

  mutating func holdCharges(_ state: ShieldState, at time: UInt64) {
    guard walked >= chargedUpTo + Self.pace, state.semantics >= Semantics.people,
      let audit, !audit.hasUpgraded
    else { return }
    chargedUpTo = walked
    for tenant in ["acme", "globex"] {
      evaluated("tenants are charged what was approved")
      let spent = state.spentToday(by: tenant)
      guard spent <= state.bundle.breakers.tenantCostPerDay else {
        fail(Self.charges, "\(tenant) is charged \(spent.text) USD, more than its cap", at: time)
        return
      }
      // A decision that is owed has set something aside that no leaf shows yet.
      guard state.owed.isEmpty else { continue }
      let expected = audit.charged(tenant, by: state)
      guard spent == expected else {
        fail(
          Self.charges, "\(tenant) is charged \(spent.text) USD, and its leaves come to \(expected.text)",
          at: time)
        return
      }
    }
  }
}

extension LedgerAudit {
  /// What the approvals of a tenant come to on the day of the state's log time: those that count by the state, each at its
  /// token's most, or at what its receipt says where that is less.
  func charged(_ tenant: String, by state: ShieldState) -> MicroUSD {
    var sum = MicroUSD.zero
    for (leaf, decision) in approvals
    where decision.tenantID == tenant && decision.decidedAt.day == state.logTime.day {
      guard let grant = decision.grant, let view = state.proposalView(at: decision.proposal) else { continue }
      let most = grant.constraints.maximumCost
      // Of what several executors run each is charged what it says; what is set aside for the others is, until it is over.
      if let run = view.runs.first(where: { $0.decision == LeafIndex(leaf) }) {
        sum = sum + min(receipts[run.receipt.value]?.content.cost ?? most, most)
        continue
      }
      guard view.approval == LeafIndex(leaf) else { continue }
      if view.receipt == nil, view.status == .approved || view.status == .aborted {
        for _ in 0..<(view.executors - view.runs.count - 1) { sum = sum + most }
      }
      let told = view.receipt.flatMap { receipts[$0.value]?.content.cost }
      sum = sum + min(told ?? most, most)
    }
    return sum
  }
}
