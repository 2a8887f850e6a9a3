#if SIMULATION
import Mutants
#endif

/// How often each peer may raise the term of a node that has a live leader.
///
/// Among honest nodes it happens now and then: a candidate whose requests were lost is ahead of the leader, and
/// must be let back in. A liar would end one leadership after another with it. So each peer may do it once, and
/// again after a while that doubles each time; after a quiet time twice as long it starts over. Whoever is not let
/// in meanwhile waits until the leader is gone, which with a majority on its side is within its lease.
struct TermCredits: Sendable {
  private struct Account: Sendable {
    let peer: NodeID
    var spentAt: Instant
    /// In election timeouts.
    var patience: UInt64
  }

  /// One for each peer that ever did it.
  private var accounts: [Account] = []

  private static var leastPatience: UInt64 { 10 }
  private static var mostPatience: UInt64 { 640 }

  /// Whether `peer` may raise the term now; if so, it is counted.
  mutating func spend(_ peer: NodeID, at now: Instant, _ settings: Settings) -> Bool {
    #if SIMULATION
    if Mutant.termsUnlimited.isActive { return true }
    #endif
    guard let position = accounts.firstIndex(where: { $0.peer == peer }) else {
      accounts.append(Account(peer: peer, spentAt: now, patience: Self.leastPatience))
      return true
    }
    let account = accounts[position]
    func passed(_ timeouts: UInt64) -> Bool {
      account.spentAt + Nanoseconds(rawValue: settings.electionTimeout.rawValue * timeouts) <= now
    }
    guard passed(account.patience) else { return false }
    accounts[position].patience =
      passed(3 * account.patience) ? Self.leastPatience : min(2 * account.patience, Self.mostPatience)
    accounts[position].spentAt = now
    return true
  }
}
