/// Decides whether a concurrent history is linearizable (Herlihy and Wing, "Linearizability", 1990).
///
/// The search is Wing and Gong's ("Testing and Verifying Concurrent Objects", 1993) with Lowe's memory of
/// configurations ("Testing for Linearizability", 2017): of two orders that have placed the same operations and
/// come to the same state, only the first is followed. The worst case is exponential; `budget` bounds it.
///
/// An object made of independent parts is checked part by part: see ``partitioned(_:by:)``.
public struct LinearizabilityChecker<Model: SequentialModel> {
  public let model: Model
  /// The most steps of one search.
  public let budget: Int

  /// A checker of one object.
  public init(_ model: Model, budget: Int = 20_000_000) {
    self.model = model
    self.budget = budget
  }

  /// Holds a history against the model.
  public func check(_ history: [HistoryOperation<Model.Operation>]) -> LinearizabilityVerdict {
    var search = Search(model: model, history: history)
    return search.run(budget: budget)
  }

  /// Holds a history of independent parts against the model: one violated part decides, so that a hard part is only
  /// searched to its end where no other has decided. Positions are those of the history given.
  public func check<Key: Comparable>(
    _ history: [HistoryOperation<Model.Operation>], by key: (Model.Operation) -> Key
  ) -> LinearizabilityVerdict {
    var open = Self.partitioned(history, by: key)
    var steps = min(budget, 20_000)
    while true {
      let checker = LinearizabilityChecker(model, budget: steps)
      var undecided: [[(position: Int, operation: HistoryOperation<Model.Operation>)]] = []
      for part in open {
        switch checker.check(part.map(\.operation)) {
        case .linearizable: break
        case .violated(let stuck): return .violated(stuck: part[stuck].position)
        case .undecided: undecided.append(part)
        }
      }
      guard !undecided.isEmpty else { return .linearizable }
      guard steps < budget else { return .undecided }
      open = undecided
      steps = min(budget, 10 * steps)
    }
  }

  /// Splits a history by what its operations touch, in ascending order of the keys, and keeps the positions.
  public static func partitioned<Key: Comparable>(
    _ history: [HistoryOperation<Model.Operation>], by key: (Model.Operation) -> Key
  ) -> [[(position: Int, operation: HistoryOperation<Model.Operation>)]] {
    let keyed = history.indices.map { (key: key(history[$0].operation), position: $0) }
      .sorted { ($0.key, $0.position) < ($1.key, $1.position) }
    var parts: [[(position: Int, operation: HistoryOperation<Model.Operation>)]] = []
    var last: Key?
    for (key, position) in keyed {
      if key != last { parts.append([]) }
      last = key
      parts[parts.count - 1].append((position, history[position]))
    }
    return parts
  }
}

/// One search: a doubly linked list of calls and returns in the order of time, from which what has been placed is
/// lifted out, and put back when the search turns around.
private struct Search<Model: SequentialModel> {
  private struct Mark {
    /// The operation, by position in the history.
    let operation: Int
    let isCall: Bool
    /// For a call: the node of its return.
    var partner: Int
    var previous: Int
    var next: Int
  }

  private struct Configuration: Hashable {
    let placed: [UInt64]
    let state: Model.State
  }

  private let model: Model
  private let history: [HistoryOperation<Model.Operation>]
  /// Node 0 is the head; the list ends with -1.
  private var marks: [Mark] = []

  init(model: Model, history: [HistoryOperation<Model.Operation>]) {
    self.model = model
    self.history = history
    var events: [(time: UInt64, isCall: Bool, operation: Int)] = []
    for (position, operation) in history.enumerated() {
      events.append((operation.called, true, position))
      events.append((operation.returned ?? .max, false, position))
    }
    // At one time, calls come first: operations that touch are concurrent.
    events.sort { ($0.time, $0.isCall ? 0 : 1, $0.operation) < ($1.time, $1.isCall ? 0 : 1, $1.operation) }
    marks = [Mark(operation: -1, isCall: false, partner: -1, previous: -1, next: events.isEmpty ? -1 : 1)]
    var calls = [Int](repeating: 0, count: history.count)
    for (position, event) in events.enumerated() {
      let node = position + 1
      marks.append(
        Mark(
          operation: event.operation, isCall: event.isCall, partner: -1, previous: node - 1,
          next: node < events.count ? node + 1 : -1))
      if event.isCall { calls[event.operation] = node } else { marks[calls[event.operation]].partner = node }
    }
  }

  /// Takes a call and its return out of the list.
  private mutating func lift(_ call: Int) {
    for node in [call, marks[call].partner] {
      marks[marks[node].previous].next = marks[node].next
      if marks[node].next >= 0 { marks[marks[node].next].previous = marks[node].previous }
    }
  }

  /// Puts back what was lifted last.
  private mutating func lower(_ call: Int) {
    for node in [marks[call].partner, call] {
      marks[marks[node].previous].next = node
      if marks[node].next >= 0 { marks[marks[node].next].previous = node }
    }
  }

  mutating func run(budget: Int) -> LinearizabilityVerdict {
    var placed = [UInt64](repeating: 0, count: (history.count + 63) / 64)
    var seen: Set<Configuration> = []
    var state = model.initial
    var trail: [(call: Int, state: Model.State)] = []
    var node = marks[0].next
    var furthest = (depth: -1, operation: 0)
    for _ in 0..<budget {
      // Nothing is left that anyone was told of: what stays open may never have happened.
      guard node >= 0, !isDone() else { return .linearizable }
      let mark = marks[node]
      if mark.isCall {
        if let next = model.apply(history[mark.operation].operation, to: state) {
          placed[mark.operation / 64] |= 1 << UInt64(mark.operation % 64)
          if seen.insert(Configuration(placed: placed, state: next)).inserted {
            trail.append((node, state))
            state = next
            lift(node)
            node = marks[0].next
            continue
          }
          placed[mark.operation / 64] &= ~(1 << UInt64(mark.operation % 64))
        }
        node = mark.next
        continue
      }
      // A return that nothing explains yet: turn around.
      if trail.count > furthest.depth { furthest = (trail.count, mark.operation) }
      guard let (call, before) = trail.popLast() else { return .violated(stuck: furthest.operation) }
      let operation = marks[call].operation
      placed[operation / 64] &= ~(1 << UInt64(operation % 64))
      state = before
      lower(call)
      node = marks[call].next
    }
    return .undecided
  }

  /// Whether every operation that returned has been placed.
  private func isDone() -> Bool {
    var node = marks[0].next
    while node >= 0 {
      // Returns stand in order of time, those that never came last: the first one found decides.
      if !marks[node].isCall { return history[marks[node].operation].returned == nil }
      node = marks[node].next
    }
    return true
  }
}
