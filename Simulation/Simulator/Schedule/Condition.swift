/// A state of one node that an item of a schedule may wait for, as an onlooker sees it. An order of events that is said
/// with it survives what changes how long things take.
public enum Condition: Hashable, Sendable {
  case leads(UInt64)
  /// Decisions take two majorities, by the newest configuration in its log.
  case isJoint(UInt64)
  /// These vote, and nobody else, by the newest configuration in its log.
  case hasVoters(UInt64, [UInt64])
  /// Its log has at least so many entries.
  case holds(UInt64, size: UInt64)
  /// It knows at least so many entries to be committed.
  case commits(UInt64, size: UInt64)
  /// It knows at least so many entries to be final.
  case finalizes(UInt64, size: UInt64)

  /// Whose state it is.
  public var node: UInt64 {
    switch self {
    case .leads(let node), .isJoint(let node), .hasVoters(let node, _), .holds(let node, _),
      .commits(let node, _), .finalizes(let node, _):
      node
    }
  }
}

extension NodeHost {
  /// Whether its node is in that state; false while it is down.
  func fulfils(_ condition: Condition) -> Bool {
    guard let view, let configuration = node?.configuration else { return false }
    switch condition {
    case .leads: return view.role == .leader
    case .isJoint: return configuration.isJoint
    case .hasVoters(_, let voters):
      return !configuration.isJoint && configuration.voters.map(\.rawValue) == voters.sorted()
    case .holds(_, let size): return view.logSize >= size
    case .commits(_, let size): return view.commitSize >= size
    case .finalizes(_, let size): return view.finalSize >= size
    }
  }
}

// Items that wait for a state.
extension World {
  /// An item's time has come: it begins, or waits for its state from now on.
  func arm(_ item: Int) {
    guard let condition = schedule.items[item].when else {
      begin(item)
      return
    }
    armed.append(item)
    if let host = host(condition.node) { release(by: host) }
  }

  /// What waited for the state that this node is in begins.
  func release(by host: NodeHost<Suite>) {
    guard !armed.isEmpty, !isCalm else { return }
    let due = armed.filter { item in
      guard let condition = schedule.items[item].when, condition.node == host.id.rawValue else {
        return false
      }
      return host.fulfils(condition)
    }
    armed.removeAll { due.contains($0) }
    for item in due { queue.schedule(.due(item), at: time + schedule.items[item].after) }
  }
}
