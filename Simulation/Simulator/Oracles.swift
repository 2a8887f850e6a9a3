import ClawShield
import Crypto
import GovernanceNode
import Raft
import Records

/// What must hold in every run. Each check counts how often it was made, and each fault how often it
/// fired: a run that checked nothing passes nothing.
///
/// Verified: one canonical final history and one state a size; one leader a term; nothing that a client
/// was told is lost; no token runs twice; nothing runs without a valid approval or a live lease; receipts tell
/// what happened; nobody honest is named as a liar. Not verified here yet: linearizability of client
/// histories, contamination.
public struct Oracles: Sendable {
  /// Every oracle, as it is counted.
  public static let names = [
    "acknowledged outcomes", "acknowledged restrictions hold", "byte-equal state", "canonical final history",
    "election safety", "every run has an outcome", "executed as proposed", "no run past a lease",
    "no start without a lease", "only liars are named", "receipts tell what happened", "single execution",
    "valid approvals only",
  ]

  /// The first property that did not hold.
  public private(set) var violation: String?
  public private(set) var violatedAt: UInt64 = 0
  /// How often each oracle evaluated; ascending by name.
  public private(set) var evaluations: [(name: String, count: UInt64)] = []
  /// How often each fault fired; ascending by name.
  public private(set) var faults: [(name: String, count: UInt64)] = []
  /// Evidence that nodes reported; honest parties give none.
  public private(set) var evidence: [String] = []
  /// Whether some node's disk does not give back what was written.
  var hasDamage = false

  /// Parties that lie. What crashes alone cannot break holds only where there are none.
  var liars: [UInt64] = []
  /// The executors' own keys.
  var executorKeys: [(principal: Principal, key: PublicKey)] = []

  private var roots: [UInt64: Digest] = [:]
  private var states: [UInt64: Digest] = [:]
  private var leaders: [Term: NodeID] = [:]
  private var finalSizes: [NodeID: UInt64] = [:]
  /// What is known of executions.
  var execution = ExecutionKnowledge()
  /// How many leaves of the final history were looked at.
  private var walked: UInt64 = 0
  /// The largest final size that any node has shown.
  public private(set) var finalSize: UInt64 = 0

  mutating func fail(_ what: String, at time: UInt64) {
    guard violation == nil else { return }
    violation = what
    violatedAt = time
  }

  mutating func count(fault: String) { Self.count(fault, in: &faults) }

  private static func count(_ name: String, in counters: inout [(name: String, count: UInt64)]) {
    if let position = counters.firstIndex(where: { $0.name == name }) {
      counters[position].count += 1
    } else {
      counters.append((name, 1))
      counters.sort { $0.name < $1.name }
    }
  }

  mutating func evaluated(_ name: String) { Self.count(name, in: &evaluations) }

  mutating func observe(_ host: NodeHost, at time: UInt64) {
    guard let view = host.view else { return }
    if view.role == .leader, liars.isEmpty {
      evaluated("election safety")
      if let leader = leaders[view.term], leader != view.id {
        fail("term \(view.term.rawValue) has two leaders, \(leader) and \(view.id)", at: time)
      }
      leaders[view.term] = view.id
    }
    let seen = finalSizes[view.id] ?? 0
    guard view.finalSize != seen else { return }
    if view.finalSize < seen {
      fail("\(view.id) took back what was final: \(seen) to \(view.finalSize)", at: time)
    }
    finalSizes[view.id] = view.finalSize
    finalSize = max(finalSize, view.finalSize)
    evaluated("canonical final history")
    guard let root = view.finalRoot else {
      fail("\(view.id) has no root for its final size \(view.finalSize)", at: time)
      return
    }
    if let known = roots[view.finalSize], known != root {
      fail("two final histories of size \(view.finalSize)", at: time)
    }
    roots[view.finalSize] = root
    evaluated("byte-equal state")
    let state = view.finalState.stateRoot
    if let known = states[view.finalSize], known != state {
      fail("two states at final size \(view.finalSize)", at: time)
    }
    states[view.finalSize] = state
    walk(host, to: view.finalSize, at: time)
  }

  /// A node has crashed: what it had not made durable it may have to learn again.
  mutating func forget(_ id: NodeID) { finalSizes[id] = nil }

  mutating func note(_ notice: Notice, of id: NodeID, at time: UInt64) {
    guard case .evidence(let what) = notice else { return }
    evidence.append("\(id): \(what)")
    // That a disk lost what it had is a fault, not a lie.
    if hasDamage, what.hasPrefix("acknowledgedAndLost") { return }
    guard !liars.isEmpty else {
      fail("\(id) found evidence against an honest peer: \(what)", at: time)
      return
    }
    evaluated("only liars are named")
    let words = what.split(whereSeparator: { $0 == " " || $0 == ":" })
    if words.first == "party", words.count > 1, let named = UInt64(words[1]), !liars.contains(named) {
      fail("\(id) names an honest party: \(what)", at: time)
    }
  }

  /// Looks at every leaf of the final history once, from the first node that has it.
  private mutating func walk(_ host: NodeHost, to size: UInt64, at time: UInt64) {
    while walked < size, let record = host.record(at: walked) {
      walked += 1
      guard case .receipt(let signed) = record.body,
        let key = executorKeys.first(where: { $0.principal == signed.content.executorID })?.key,
        signed.verifiedSignatures(cluster: host.cluster).contains(where: { $0.key == key })
      else { continue }
      final(signed.content, at: time)
    }
  }

  /// A client was told an outcome whose proof does not verify, or that contradicts an earlier one.
  mutating func told(isConsistent: Bool, _ what: String, at time: UInt64) {
    evaluated("acknowledged outcomes")
    if !isConsistent { fail(what, at: time) }
  }

  /// Tokens that ran.
  public var executions: Int { execution.starts.count }
}
