import Wire

/// What agents asked of their requests and were told, held against one specification: a request id names one
/// proposal for good, and what has ended stays ended (linearizability of the client history).
///
/// Every answer is given from what is final at its node, and says at which size: it counts from the moment when that
/// size became final somewhere, which is as old as it admits to be, if that is before its call.
struct ClientHistory: Sendable {
  private struct Operation: Sendable {
    let requestID: String
    let called: UInt64
    var returned: UInt64?
    var answer: RequestModel.Answer = .none
    /// The final size that the answer rests on; 0 where it names none.
    var size: UInt64 = 0
  }

  private var operations: [Operation] = []
  /// Counts calls, returns and growth of what is final: the clock of the history.
  private var clock: UInt64 = 0
  /// When each size became final somewhere, ascending.
  private var sizes: [(size: UInt64, at: UInt64)] = []
  private(set) var requests: [String] = []

  private mutating func tick() -> UInt64 {
    clock += 1
    return clock
  }

  /// Something became final.
  mutating func final(_ size: UInt64) { sizes.append((size, tick())) }

  mutating func called(_ requestID: String) -> Int {
    if !requests.contains(requestID) { requests.append(requestID) }
    operations.append(Operation(requestID: requestID, called: tick()))
    return operations.count - 1
  }

  mutating func returned(_ operation: Int, _ outcome: Outcome) {
    let known = operations[operation]
    let from = min(known.called, basis(outcome.finalSize))
    operations[operation] = Operation(
      requestID: known.requestID, called: from, returned: tick(),
      answer: .proposal(
        leaf: outcome.proposal,
        stage: RequestModel.Stage(outcome.status, hasReceipt: !outcome.receiptProof.isEmpty)),
      size: outcome.finalSize)
  }

  /// A read found no such proposal: it may be as old as the node was behind, and says nothing of how much.
  mutating func found(nothing operation: Int) {
    operations[operation] = Operation(
      requestID: operations[operation].requestID, called: 0, returned: tick(), answer: .nothing)
  }

  private func basis(_ size: UInt64) -> UInt64 {
    sizes.first { $0.size >= size }?.at ?? clock
  }

  /// What no order of its operations explains; nil where one does.
  func objection(to requestID: String) -> String? {
    let own = operations.filter { $0.requestID == requestID && $0.returned != nil }
    let history = own.map { HistoryOperation($0.answer, called: $0.called, returned: $0.returned) }
    switch LinearizabilityChecker(RequestModel(), budget: 1_000_000).check(history) {
    case .linearizable, .undecided: return nil
    case .violated(let stuck):
      let told = own.map { "\($0.answer) at size \($0.size)" }.joined(separator: ", then ")
      return "no order explains what was told of \(requestID): \(told); stuck at answer \(stuck + 1)"
    }
  }
}

/// One request as its agent may see it.
struct RequestModel: SequentialModel {
  /// How far a proposal is, as far as nothing goes back.
  enum Stage: Int, Hashable, Sendable {
    /// Undecided, or approved: which of the two a node says depends on the notes that it has seen.
    case open
    /// Made void by an incident; whether it ran, a receipt may say later.
    case void
    /// No receipt came in time; a late one supersedes that.
    case unknown
    case ended

    init(_ status: String, hasReceipt: Bool) {
      switch status {
      case "pending", "approved", "undecided": self = .open
      case "aborted" where !hasReceipt: self = .void
      case "unknown" where !hasReceipt: self = .unknown
      default: self = .ended
      }
    }
  }

  enum Answer: Hashable, Sendable, CustomStringConvertible {
    /// Nobody was told anything.
    case none
    case nothing
    case proposal(leaf: UInt64, stage: Stage)

    var description: String {
      switch self {
      case .none: "no answer"
      case .nothing: "no such proposal"
      case .proposal(let leaf, let stage): "leaf \(leaf), \(stage)"
      }
    }
  }

  struct State: Hashable {
    var leaf: UInt64?
    var stage = Stage.open
  }

  var initial: State { State() }

  func apply(_ answer: Answer, to state: State) -> State? {
    switch answer {
    case .none: return state
    case .nothing: return state.leaf == nil ? state : nil
    case .proposal(let leaf, let stage):
      guard state.leaf == nil || state.leaf == leaf, stage.rawValue >= state.stage.rawValue else {
        return nil
      }
      return State(leaf: leaf, stage: stage)
    }
  }
}
