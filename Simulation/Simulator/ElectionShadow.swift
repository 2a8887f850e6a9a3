import GovernanceNode
import Raft

/// Whether somebody leads: within 3 seconds in which so many nodes as decide and sign are free of every fault. An election
/// takes from 0.9 to 1.8 s after the leader was heard last, and seldom a second one.
struct ElectionShadow: Sendable {
  /// Since when nobody has led, though somebody could.
  private var since: UInt64?
  private var lookedAt: UInt64 = 0

  private static let limit: UInt64 = 3_000_000_000
  /// How often it is looked, and after how long without a look the world has slept.
  private static let interval: UInt64 = 50_000_000
  private static let pause: UInt64 = 500_000_000

  /// Whether it is time to look again.
  func isDue(at time: UInt64) -> Bool { lookedAt + Self.interval <= time }

  /// Takes a look; why it is too long, or nil. `isFree` says that no fault touches enough nodes.
  mutating func observe(isLed: Bool, isFree: Bool, at time: UInt64) -> String? {
    defer { lookedAt = time }
    guard isFree, !isLed, lookedAt + Self.pause >= time else {
      since = nil
      return nil
    }
    let start = since ?? time
    since = start
    guard start + Self.limit < time else { return nil }
    return "nobody leads, for \((time - start) / 1_000_000) ms"
  }
}

extension World {
  private static var elections: String { "somebody leads" }

  /// Holds the nodes to electing a leader.
  func observeElections() {
    guard isHeldToFinality, elections.isDue(at: time) else { return }
    let isLed = hosts.contains { $0.view?.role == .leader }
    // What a test takes away is a fault as well.
    let isFree =
      isIgnored == nil && tamper == nil && (isLed || freeParties(beside: nil).count >= neededParties)
    oracles.evaluated(Self.elections)
    if let objection = elections.observe(isLed: isLed, isFree: isFree, at: time) {
      oracles.fail(Self.elections, objection, at: time)
    }
  }
}
