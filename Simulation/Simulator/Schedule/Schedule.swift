import Records

/// Everything that a run does by itself: each fault and each operation of a client, as data. What is not an item of
/// the schedule follows from the items and the seed.
///
/// An item draws nothing from a generator that others share, so that one can be left out and the rest stay what
/// they are: that is what the shrinker rests on.
public struct Schedule: Hashable, Sendable {
  /// Under what the run stands.
  public var conditions: Conditions
  /// Ascending by time.
  public private(set) var items: [Item]
  /// Whether files may grow old: only then the bundle says for how long they are kept.
  var retains: Bool {
    conditions.semantics >= Semantics.retention
      && items.contains { if case .sleep = $0.act { true } else { false } }
  }

  /// One act at its time.
  public struct Item: Hashable, Sendable {
    /// Virtual nanoseconds.
    public var at: UInt64
    /// What it waits for from then on; nil where it begins at its time.
    public var when: Condition?
    /// How long after that it begins, in virtual nanoseconds.
    public var after: UInt64
    public var act: Act

    /// An item.
    public init(at: UInt64, when: Condition? = nil, after: UInt64 = 0, _ act: Act) {
      self.at = at
      self.when = when
      self.after = after
      self.act = act
    }

    /// The same at another time.
    public func at(_ time: UInt64) -> Item { Item(at: time, when: when, after: after, act) }
  }

  /// A schedule; items of one time keep their order.
  public init(_ conditions: Conditions, _ items: [Item] = []) {
    self.conditions = conditions
    self.items = Self.ordered(items)
  }

  private static func ordered(_ items: [Item]) -> [Item] {
    items.enumerated().sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
  }

  /// The same conditions with other items.
  public func with(_ items: [Item]) -> Schedule { Schedule(conditions, items) }

  /// Parties that lie at some time; all others are honest.
  public var liars: [UInt64] { parties { _ in true } }

  /// Those that tell two stories, ascending.
  var equivocators: [UInt64] { parties { $0 == .equivocate } }

  private func parties(telling isWanted: (Lie) -> Bool) -> [UInt64] {
    var out: [UInt64] = []
    for item in items {
      if case .lie(let party, let lie, _) = item.act, isWanted(lie), !out.contains(party) {
        out.append(party)
      }
    }
    return out.sorted()
  }

  /// What the bundle has for what the schedule holds.
  var policyParts: SimulatedPolicy.Parts {
    SimulatedPolicy.Parts(reaches: reaches, reveals: reveals, retains: retains)
  }

  /// Whether an action writes down what is to be covered: only then the bundle says what that is.
  public var reveals: Bool {
    conditions.semantics >= Semantics.people
      && items.contains { if case .sandbox(_, .reveals, _) = $0.act { true } else { false } }
  }

  /// Whether an agent proposes what reaches out, or what two executors run: only then the registry has both, and the agents
  /// their scopes.
  public var reaches: Bool {
    conditions.semantics >= Semantics.reach
      && items.contains { item in
        switch item.act {
        case .agent(_, .propose(SimulatedReach.action, _), _),
          .agent(_, .propose(SimulatedReach.verified, _), _):
          true
        default: false
        }
      }
  }

  /// Nodes whose stored entries are damaged: a node does not repair them yet, and may stop for good.
  public var damaged: [UInt64] {
    var out: [UInt64] = []
    for item in items {
      if case .flip(let node, _, _) = item.act, !out.contains(node) { out.append(node) }
    }
    return out.sorted()
  }
}

/// What stays the same throughout a run.
public struct Conditions: Hashable, Sendable {
  /// Where everything random that is not an item comes from.
  public var seed: UInt64
  public var nodes = 5
  public var threshold = 4
  /// The semantics that the ledger begins with; every node's first program applies no newer ones.
  public var semantics = Semantics.newest
  public var suite = Suite.real
  /// How long faults may happen, in virtual nanoseconds; then everything heals but what `left` says.
  public var safety: UInt64 = 20_000_000_000
  /// Every message takes at least so long, in nanoseconds.
  public var minimumDelay: UInt64 = 200_000
  /// And on average so much longer.
  public var meanDelay: UInt64 = 1_000_000
  /// A write takes from so long to twice as long to reach the disk, in nanoseconds.
  public var syncDelay: UInt64 = 300_000
  /// The same of an executor's journal.
  public var journalDelay: UInt64 = 300_000
  /// What one node is left in when everything else heals: progress is promised with it.
  public var left: Left?

  /// The group that the parties sign in.
  public enum Suite: String, Hashable, Sendable, CaseIterable {
    /// Ed25519, as the programs have it.
    case real
    /// A small group that anyone can break; the same protocol code.
    case tiny
  }

  /// A fault that never heals, of one node.
  public struct Left: Hashable, Sendable {
    public enum Fault: String, Hashable, Sendable, CaseIterable {
      case down
      /// Neither sends nor hears.
      case isolated
      /// Sends and does not hear.
      case deaf
      /// Hears and does not send.
      case mute
      /// Its disk finishes nothing any more.
      case hung
      /// Goes on with the lies that it told.
      case lying

      /// Whether nobody hears of the node any more.
      var silences: Bool {
        switch self {
        case .down, .isolated, .mute, .hung: true
        case .deaf, .lying: false
        }
      }
    }

    public var node: UInt64
    public var fault: Fault

    /// A node that stays as it is.
    public init(node: UInt64, _ fault: Fault) {
      self.node = node
      self.fault = fault
    }
  }

  /// Five nodes, threshold 4, nothing unusual.
  public init(seed: UInt64) { self.seed = seed }

  /// How many parties may lie: 2t − n − 1.
  public var faultsTolerated: Int { max(0, 2 * threshold - nodes - 1) }
}
