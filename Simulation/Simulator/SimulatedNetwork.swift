import Raft

/// The links between nodes, one for each direction: what is cut, and what goes wrong with messages.
///
/// Each link draws from a generator of its own, equally often for every message, so that a fault on one link, or
/// its absence, changes nothing on another.
struct SimulatedNetwork {
  private struct Link {
    /// How many faults cut it at the moment.
    var cuts = 0
    /// In force, with the item that began each.
    var faults: [(item: Int, fault: LinkFault, kind: MessageKind?, until: UInt64)] = []
    var random: SeededRandom
  }

  /// What becomes of one message.
  enum Fate {
    case lost
    /// Arrives at these times: once, or twice.
    case arrives([UInt64])
    /// The channel's check fails when it arrives, and the connection breaks.
    case corrupted(UInt64)
  }

  /// Most nodes of a world, those that come later included.
  static let mostNodes = 32
  private let conditions: Conditions
  private var links: [Link] = []

  init(_ conditions: Conditions, log: DeterminismLog?) {
    self.conditions = conditions
    let first = UInt64(conditions.nodes)
    for from in 0..<UInt64(Self.mostNodes) {
      for to in 0..<UInt64(Self.mostNodes) {
        // A link of the beginning has the same name however many nodes may come.
        let name = from < first && to < first ? from * first + to : (1 << 32) + from << 8 + to
        links.append(
          Link(random: SeededRandom(seed: conditions.seed, for: .network, named: name, log: log)))
      }
    }
  }

  private func position(_ from: NodeID, _ to: NodeID) -> Int {
    Int(from.rawValue - 1) * Self.mostNodes + Int(to.rawValue - 1)
  }

  /// Whether anything goes from one to the other.
  func isOpen(_ from: NodeID, _ to: NodeID) -> Bool { links[position(from, to)].cuts == 0 }

  /// Whether no fault of the schedule touches what goes from one to the other.
  func isFaultless(_ from: NodeID, _ to: NodeID) -> Bool { links[position(from, to)].faults.isEmpty }

  mutating func cut(_ from: NodeID, _ to: NodeID) { links[position(from, to)].cuts += 1 }

  /// Ends one cut; true where the link is open again.
  mutating func mend(_ from: NodeID, _ to: NodeID) -> Bool {
    let link = position(from, to)
    guard links[link].cuts > 0 else { return false }
    links[link].cuts -= 1
    return links[link].cuts == 0
  }

  /// Begins a fault; with a kind, messages of that kind alone meet it.
  mutating func begin(
    _ fault: LinkFault, of kind: MessageKind?, item: Int, from: NodeID, to: NodeID, until: UInt64
  ) {
    links[position(from, to)].faults.append((item, fault, kind, until))
  }

  mutating func end(item: Int) {
    for link in links.indices { links[link].faults.removeAll { $0.item == item } }
  }

  /// Everything flows again.
  mutating func heal() {
    for link in links.indices {
      links[link].cuts = 0
      links[link].faults = []
    }
  }

  /// What becomes of a message that is sent now.
  mutating func send(
    _ kind: MessageKind?, from: NodeID, to: NodeID, at time: UInt64, fired: (StaticString) -> Void
  ) -> Fate {
    let link = position(from, to)
    var random = links[link].random
    let fateWord = random.next()
    let first = delay(using: &random)
    let second = delay(using: &random)
    let extra = random.next()
    links[link].random = random
    var times = [time + first]
    var isCorrupted = false
    var after: UInt64 = 0
    for (_, fault, only, until) in links[link].faults where only == nil || only == kind {
      switch fault {
      case .loss(let chance):
        if fateWord % 1_000_000 < chance {
          fired("loss")
          return .lost
        }
      case .duplication(let chance):
        if (fateWord >> 20) % 1_000_000 < chance, times.count == 1 {
          fired("duplication")
          times.append(time + second)
        }
      case .corruption(let chance):
        if (fateWord >> 40) % 1_000_000 < chance {
          fired("corruption")
          isCorrupted = true
        }
      case .delay(let most):
        fired("delay")
        after += extra % (most + 1) + (extra >> 32) % (most + 1)
      case .late(let span):
        fired("delay")
        after += span
      case .clog:
        fired("clog")
        times = times.map { max($0, until) }
      }
    }
    times = times.map { $0 + after }
    return isCorrupted ? .corrupted(times[0]) : .arrives(times)
  }

  private func delay(using random: inout SeededRandom) -> UInt64 {
    // A sum of two uniform draws: most near the mean, none below the minimum.
    let most = conditions.meanDelay + 1
    return conditions.minimumDelay + random.below(most) / 2 + random.below(most) / 2 + random.below(most) / 2
  }
}
