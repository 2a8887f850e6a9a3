import Raft

/// What must hold in every run (Raft figure 3). It records rather than stops, so that a test can say
/// which property broke.
///
/// It checks election safety, log matching, leader completeness and state machine safety. It does not check
/// liveness, nor that clients are answered: see the property tests.
struct Oracle {
  private(set) var leaders: [Term: NodeID] = [:]
  /// Everything that any node ever took for committed, from index 1.
  private(set) var committed: [Entry] = []
  private(set) var violations: [String] = []
  private(set) var checks = 0
  private var seen: [NodeID: LogIndex] = [:]

  /// Raft §5.2: at most one leader a term; §5.4: it has every committed entry.
  mutating func noteLeader(_ id: NodeID, of term: Term, log: MemoryLog) {
    checks += 1
    if let other = leaders[term], other != id {
      violations.append("election safety: \(other), \(id) in \(term)")
    }
    leaders[term] = id
    for entry in committed where entry.index >= log.firstIndex {
      if log.entries(from: entry.index, through: entry.index, maxBytes: 0).first != entry {
        violations.append("leader completeness: \(id) of \(term) lacks \(entry.index)")
        return
      }
    }
  }

  /// Raft §5.4.3: no two nodes commit different entries at an index.
  mutating func noteCommit(_ raft: RaftInstance<MemoryLog>) {
    checks += 1
    let from = max(raft.log.firstIndex, (seen[raft.id] ?? .zero).next)
    seen[raft.id] = raft.commitIndex
    for entry in raft.log.entries(from: from, through: raft.commitIndex, maxBytes: .max) {
      let position = Int(entry.index.rawValue) - 1
      if position < committed.count {
        if committed[position] != entry {
          violations.append("state machine safety: \(raft.id) has another entry at \(entry.index)")
        }
      } else if position == committed.count {
        committed.append(entry)
      } else {
        violations.append("a gap: \(raft.id) committed \(entry.index) after \(committed.count)")
      }
    }
  }

  /// Dissertation §6.4: a read that was asked for after a client was told of an entry sees it.
  mutating func noteStaleRead(at index: LogIndex, floor: LogIndex) {
    violations.append("stale read: \(index), though \(floor) was acknowledged before it was asked for")
  }

  private(set) var isStuck = false

  /// A shell would spin on a deadline that a tick does not move.
  mutating func noteStuckDeadline(of id: NodeID) {
    if !isStuck { violations.append("the deadline of \(id) did not move") }
    isStuck = true
  }

  /// A node that restarts commits again from what it knows to be final.
  mutating func noteRestart(of id: NodeID) { seen[id] = .zero }

  /// Raft §5.3: logs that agree on the term at an index agree on everything through it.
  mutating func checkLogMatching(_ logs: [MemoryLog]) {
    checks += 1
    for (position, left) in logs.enumerated() {
      for right in logs[(position + 1)...] {
        var index = min(left.lastIndex, right.lastIndex)
        let end = max(left.firstIndex, right.firstIndex).previous
        while index >= end, index > .zero {
          if left.term(at: index) == right.term(at: index) {
            if left.root(at: index) != right.root(at: index) { violations.append("log matching at \(index)") }
            break
          }
          index = index.previous
        }
      }
    }
  }
}
