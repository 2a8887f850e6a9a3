import Simulator

/// A run as lines: time, then a column for each node, then what happened to the world.
struct TransitionColumns {
  private let nodes: Int
  private let width = 16

  init(nodes: Int) { self.nodes = nodes }

  private func padded(_ text: String, _ width: Int) -> String {
    let text = text.prefix(width)
    return text + String(repeating: " ", count: width - text.count)
  }

  var head: String {
    padded("ms", 8) + (1...nodes).map { padded("node \($0)", width) }.joined()
  }

  /// One transition; nil for what is not shown.
  func line(_ event: Timeline.Event, at time: UInt64) -> String? {
    let start = padded("\(time / 1_000_000)", 8)
    switch event {
    case .state(let node, let role, let term, _, _, let final):
      let state: String
      switch role {
      case "leader": state = "LEAD \(term) \(final)"
      case "follower": state = "foll \(term) \(final)"
      case "candidate": state = "cand \(term) \(final)"
      case "preCandidate": state = "pre  \(term) \(final)"
      default: state = "down"
      }
      return start
        + (1...nodes).map { padded(UInt64($0) == node ? state : ".", width) }.joined()
    case .fault(let what): return start + "-- " + what
    case .faultEnded(let what): return start + "-- over: " + what
    case .notice(let node, let what): return start + "node \(node): " + what.prefix(160)
    case .execution(let executor, let what): return start + "\(executor): \(what)"
    case .healed: return start + "== everything heals"
    }
  }
}
