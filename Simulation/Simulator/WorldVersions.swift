import FROST
import GovernanceNode
import Records

// Programs of several versions, and operators who put newer semantics in force.
extension World {
  /// The node's process ends, and a program takes its place that applies semantics up to `semantics`.
  func replaceProgram(of node: UInt64, by semantics: UInt64) {
    guard let host = host(node) else { return }
    oracles.count(
      fault: Int(semantics) < host.newestSemantics ? "program rolled back" : "program upgraded")
    if Int(semantics) < host.newestSemantics { host.wasRolledBack = true }
    host.newestSemantics = Int(semantics)
    let start = time + 300_000_000
    if host.isUp {
      stop(host, keeping: 0, until: start)
    } else {
      host.downUntil = min(host.downUntil, start)
      queue.schedule(.restart(host.id), at: start)
    }
  }

  func activate(_ semantics: UInt64) {
    oracles.count(fault: "semantics activated")
    operators.activate(Int(semantics), wall: wall())
  }

  /// Whether a node may stop, or not start, because its program cannot apply what operators have put in force.
  func isOutgrown(_ host: NodeHost<Suite>) -> Bool { host.newestSemantics < operators.newestSemantics }
}
