import GovernanceNode
import Raft

/// A process that was asked to end, and whether its node owes somebody a handover.
struct Parting: Sendable {
  /// How long it is away once it has ended.
  let pause: UInt64
  /// It led when it was asked, beside others of whom no fault touched any.
  let owesHandover: Bool
}

extension World {
  private static var oracle: String { "who is stopped hands over" }

  /// A process is asked to end. One that is asked again does not wait.
  func part(_ host: NodeHost<Suite>, pause: UInt64) {
    if let parting = host.parting {
      stop(host, keeping: .max, until: time + parting.pause)
      return
    }
    let leads = host.view?.role == .leader
    oracles.count(fault: leads ? "leader stopped" : "stop")
    host.parting = Parting(pause: pause, owesHandover: leads && couldHandOver(host))
    step(host.id, .parting)
  }

  /// A process that was asked to end ends once its node lets it, with all on the disk that it was writing. One that led beside
  /// others of whom each could lead leads no more by then.
  func endIfItMay(_ host: NodeHost<Suite>) {
    guard let parting = host.parting, host.node?.mayEnd ?? true else { return }
    if parting.owesHandover {
      oracles.evaluated(Self.oracle)
      if host.view?.role == .leader, couldHandOver(host) {
        oracles.fail(Self.oracle, "\(host.id) leads to its end, beside parties that could", at: time)
      }
    }
    stop(host, keeping: .max, until: time + parting.pause)
  }

  /// Whether it has led for a second beside so many that no fault touched as it takes, and none touches any now: whom it would
  /// choose is its own affair.
  private func couldHandOver(_ host: NodeHost<Suite>) -> Bool {
    finality.hasLed(host.id, for: 1_000_000_000, at: time) && freeParties(beside: host).count == hosts.count
  }
}
