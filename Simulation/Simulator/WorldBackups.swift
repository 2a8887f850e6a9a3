import ClawLedger
import GovernanceNode
import Raft
import Wire

// A party that is to come may begin from a backup instead of from nothing.
extension World {
  private static var restorePause: UInt64 { 5_000_000 }

  var auditor: SimulatedAuditor? { clients.lazy.compactMap { $0 as? SimulatedAuditor }.first }

  /// A party that has joined begins from the newest backup, where there is one.
  func beginRestore(of host: NodeHost<Suite>) {
    guard let plan = auditor?.backup else { return }
    restoring.append((host.id, plan))
    queue.schedule(.restore(host.id), at: time)
  }

  /// The next run of leaves, where the node has taken the last one in. It hears from its peers meanwhile, and goes on
  /// after a crash; whichever is quicker brings it further.
  func restore(_ id: NodeID) {
    mix(.restore, id.rawValue)
    guard let (_, plan) = restoring.first(where: { $0.id == id }), let host = host(id) else { return }
    let reached = host.view?.finalSize
    guard reached ?? 0 < plan.size else {
      restoring.removeAll { $0.id == id }
      oracles.count(fault: "restored from a backup")
      return
    }
    if let reached, let run = plan.run(after: reached) {
      let shown = HistoryShown(first: run.first, payloads: run.payloads, note: run.note.encoded)
      step(id, .restored(shown))
    }
    queue.schedule(.restore(id), at: time + Self.restorePause)
  }
}
