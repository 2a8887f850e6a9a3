import ClawShield
import Crypto
import GovernanceNode
import Raft
import Records

/// What must hold in every run. Each check counts how often it was made, and each fault how often it
/// fired: a run that checked nothing passes nothing.
///
/// Verified: one canonical final history and one state a size; one leader a term; nothing that a client
/// was told is lost; no token runs twice; nothing runs without a valid approval. Not verified here yet:
/// linearizability of client histories, contamination, lying parties.
public struct Oracles: Sendable {
  /// The first property that did not hold.
  public private(set) var violation: String?
  public private(set) var violatedAt: UInt64 = 0
  /// How often each oracle evaluated; ascending by name.
  public private(set) var evaluations: [(name: String, count: UInt64)] = []
  /// How often each fault fired; ascending by name.
  public private(set) var faults: [(name: String, count: UInt64)] = []
  /// Evidence that nodes reported; honest parties give none.
  public private(set) var evidence: [String] = []

  private var roots: [UInt64: Digest] = [:]
  private var states: [UInt64: Digest] = [:]
  private var leaders: [Term: NodeID] = [:]
  private var finalSizes: [NodeID: UInt64] = [:]
  private var executed: [String: Principal] = [:]
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

  private mutating func evaluated(_ name: String) { Self.count(name, in: &evaluations) }

  mutating func observe(_ host: NodeHost, at time: UInt64) {
    guard let view = host.view else { return }
    if view.role == .leader {
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
  }

  /// A node has crashed: what it had not made durable it may have to learn again.
  mutating func forget(_ id: NodeID) { finalSizes[id] = nil }

  mutating func note(_ notice: Notice, of id: NodeID, at time: UInt64) {
    guard case .evidence(let what) = notice else { return }
    evidence.append("\(id): \(what)")
    fail("\(id) found evidence against an honest peer: \(what)", at: time)
  }

  /// An executor begins to run a token.
  mutating func executing(_ token: String, by executor: Principal, at time: UInt64) {
    evaluated("single execution")
    if let first = executed[token] {
      fail("token \(token) ran twice, on \(first.path) and \(executor.path)", at: time)
    }
    executed[token] = executor
  }

  /// An executor was offered something that is not a valid approval.
  mutating func offered(isValid: Bool, _ what: String, at time: UInt64) {
    evaluated("valid approvals only")
    if !isValid { fail("an executor was offered what is no approval: \(what)", at: time) }
  }

  /// A client was told an outcome whose proof does not verify, or that contradicts an earlier one.
  mutating func told(isConsistent: Bool, _ what: String, at time: UInt64) {
    evaluated("acknowledged outcomes")
    if !isConsistent { fail(what, at: time) }
  }

  /// The largest token count that ran.
  public var executions: Int { executed.count }
}
