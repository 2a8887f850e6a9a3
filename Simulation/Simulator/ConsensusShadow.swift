import Crypto
import FROST
import GovernanceNode
import Raft

/// Raft's properties as an onlooker sees them, where nobody lies: one committed history, logs that match, and leaders
/// that have everything committed (Raft figure 3).
struct ConsensusShadow: Sendable {
  /// The root over each committed prefix, by size.
  private var committed: [UInt64: Digest] = [:]
  /// The largest committed size that anyone showed in a term: committed in it, or before.
  private var largest: [(term: Term, size: UInt64)] = []
  /// The size and term that each node showed last, so that nothing is looked at twice.
  private var seen: [NodeID: (commit: UInt64, log: UInt64, term: Term, role: Role)] = [:]
  /// The root of a log that ends in an entry of this term, at this size: one leader writes one history.
  private var tails: [Tail: Digest] = [:]

  private struct Tail: Hashable, Sendable {
    let term: Term
    let size: UInt64
  }

  /// The largest size that anyone showed as committed.
  var committedSize: UInt64 { largest.map(\.size).max() ?? 0 }

  mutating func forget(_ id: NodeID) { seen[id] = nil }

  /// Operators have said that no more than `size` entries stand: what was committed above is nobody's any more.
  mutating func cut(to size: UInt64) {
    seen.removeAll()
    committed = committed.filter { $0.key <= size }
    tails = tails.filter { $0.key.size <= size }
    for position in largest.indices { largest[position].size = min(largest[position].size, size) }
  }

  /// Looks at a node; returns the oracle that objects, and why.
  mutating func observe<Suite: CipherSuite>(
    _ host: NodeHost<Suite>, _ view: NodeView, counting counters: inout [(name: String, count: UInt64)]
  ) -> (oracle: String, objection: String)? {
    let last = seen[view.id]
    guard
      last?.commit != view.commitSize || last?.log != view.logSize || last?.term != view.term
        || last?.role != view.role
    else { return nil }
    seen[view.id] = (view.commitSize, view.logSize, view.term, view.role)
    if let last, view.commitSize < last.commit {
      return (
        "committed history", "\(view.id) takes back what was committed: \(last.commit) to \(view.commitSize)"
      )
    }
    if last?.commit != view.commitSize, let root = host.logRoot(ofSize: view.commitSize) {
      Oracles.count("committed history", in: &counters)
      if let known = committed[view.commitSize], known != root {
        return ("committed history", "two histories of \(view.commitSize) entries are committed")
      }
      committed[view.commitSize] = root
      if let position = largest.firstIndex(where: { $0.term == view.term }) {
        largest[position].size = max(largest[position].size, view.commitSize)
      } else {
        largest.append((view.term, view.commitSize))
      }
    }
    if last?.log != view.logSize, let term = host.logTerm(ofSize: view.logSize),
      let root = host.logRoot(ofSize: view.logSize)
    {
      Oracles.count("log matching", in: &counters)
      let tail = Tail(term: term, size: view.logSize)
      if let known = tails[tail], known != root {
        return (
          "log matching",
          "two logs end in entry \(view.logSize) of term \(term.rawValue), and differ"
        )
      }
      tails[tail] = root
    }
    if view.role == .leader, last?.role != .leader || last?.term != view.term {
      Oracles.count("leader completeness", in: &counters)
      // What a later term's leader has committed meanwhile, one that hears late of its votes need not have.
      let size = largest.filter { $0.term < view.term }.map(\.size).max() ?? 0
      if view.logSize < size || (committed[size].map { host.logRoot(ofSize: size) != $0 } ?? false) {
        return (
          "leader completeness",
          "\(view.id) leads term \(view.term.rawValue) without the \(size) entries that are committed"
        )
      }
    }
    return nil
  }
}
