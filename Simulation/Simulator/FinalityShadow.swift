import GovernanceNode
import Raft

/// Whether what is committed becomes final as soon as it can: within 1.3 seconds in which one leader, and with it as many
/// parties as sign, are free of every fault. That is below the 1.5 s after which a round is given up: one that leads nowhere
/// is late even if the next does not. It counts from the end of a fault too: what that has lost is asked for again.
///
/// Liveness alone would not see a cluster that always gets there, and always late.
struct FinalityShadow: Sendable {
  /// The leader that was looked at last.
  private var leader: (id: NodeID, life: UInt64)?
  /// What was committed there and not final, and since when.
  private var waiting: (size: UInt64, since: UInt64)?
  private var lookedAt: UInt64 = 0
  /// The parties that were free then, where they were enough, and since when as many are beside the same leader.
  private var free: [NodeID] = []
  private var freeSince: UInt64 = 0

  private static let limit: UInt64 = 1_300_000_000
  /// How often it is looked, and how long a leader that takes no step has stood still.
  private static let interval: UInt64 = 50_000_000
  private static let pause: UInt64 = 500_000_000

  /// Whether it is time to look again.
  func isDue(at time: UInt64) -> Bool { lookedAt + Self.interval <= time }

  /// Whether `parties` are enough, and those of the last look are among them: one that went may have been asked.
  mutating func isFree(_ parties: [NodeID], at time: UInt64) -> Bool {
    let isFree = !parties.isEmpty && free.allSatisfy(parties.contains)
    if !isFree || free.isEmpty { freeSince = time }
    free = parties
    return isFree
  }

  /// Whether a node has led for `length`, with enough others beside it that no fault touched.
  func hasLed(_ id: NodeID, for length: UInt64, at time: UInt64) -> Bool {
    leader?.id == id && !free.isEmpty && freeSince + length <= time && time <= lookedAt + 2 * Self.interval
  }

  /// Looks at a leader; why it is late, or nil. `isFree` says that no fault touches it, nor enough others.
  mutating func observe(
    _ id: NodeID, life: UInt64, isFree: Bool, committed: UInt64, final: UInt64, at time: UInt64
  ) -> String? {
    let isSame = leader.map { $0 == (id, life) } ?? false
    if !isSame {
      leader = (id, life)
      freeSince = time
    }
    if !isSame || !isFree || lookedAt + Self.pause < time { waiting = nil }
    lookedAt = time
    guard isFree else { return nil }
    if let waited = waiting, final >= waited.size { waiting = nil }
    guard committed > final else { return nil }
    let waited = waiting ?? (committed, time)
    waiting = waited
    guard waited.since + Self.limit < time else { return nil }
    return
      "\(id) leads, and \(waited.size) entries are committed and only \(final) final, for \((time - waited.since) / 1_000_000) ms"
  }
}

extension World {
  private static var finality: String { "committed becomes final" }

  /// Whether nothing in this run makes signing late by right: parties that lie, forget, change or have other clocks or
  /// programs.
  static func isHeldToFinality(_ schedule: Schedule) -> Bool {
    guard schedule.liars.isEmpty, schedule.damaged.isEmpty, schedule.conditions.left?.fault != .lying else {
      return false
    }
    return !schedule.items.contains { item in
      switch item.act {
      case .members, .replace, .cancelMembers, .rotateMembers, .program, .activate, .backup: true
      case .clock(_, .drift): false
      case .clock: true
      default: false
      }
    }
  }

  /// Holds a leader to making final what it has committed.
  func observeFinality(_ host: NodeHost<Suite>, _ view: NodeView) {
    guard isHeldToFinality, view.role == .leader, finality.isDue(at: time) else { return }
    // What a test takes away is a fault as well.
    let free = isIgnored == nil && tamper == nil && isFree(host) ? freeParties(beside: host) : []
    let isFree = finality.isFree(free.count >= neededParties ? free : [], at: time)
    if isFree { oracles.evaluated(Self.finality) }
    if let objection = finality.observe(
      host.id, life: host.life, isFree: isFree, committed: view.commitSize, final: view.finalSize, at: time)
    {
      oracles.fail(Self.finality, objection, at: time)
    }
  }

  private func isFree(_ host: NodeHost<Suite>) -> Bool {
    host.isUp && host.catchesUpUntil <= time && host.diskFaults.isEmpty && host.diskFree <= time + 100_000_000
  }

  private func isFree(_ a: NodeHost<Suite>, _ b: NodeHost<Suite>) -> Bool {
    canTalk(a.id, b.id) && canTalk(b.id, a.id) && network.isFaultless(a.id, b.id)
      && network.isFaultless(b.id, a.id)
  }

  /// How many parties decide and sign.
  var neededParties: Int { max(conditions.threshold, hosts.count / 2 + 1) }

  /// Parties that no fault touches, each with each, and with a leader where there is one.
  func freeParties(beside leader: NodeHost<Suite>?) -> [NodeID] {
    var free = leader.map { [$0] } ?? []
    for host in hosts where host.id != leader?.id && isFree(host) {
      if free.allSatisfy({ isFree($0, host) }) { free.append(host) }
    }
    return free.map(\.id)
  }
}
