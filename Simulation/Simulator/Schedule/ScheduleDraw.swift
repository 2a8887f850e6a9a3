import Records

// A schedule for a seed: each seed draws its own mix, so that most runs are extreme in something and calm in the
// rest. Each family of faults draws from a generator of its own.
extension Schedule {
  /// The schedule of a seed.
  public static func drawn(seed: UInt64, suite: Conditions.Suite = .real) -> Schedule {
    var draw = ScheduleDraw(seed: seed)
    draw.conditions.suite = suite
    return draw.run()
  }
}

private struct ScheduleDraw {
  var conditions: Conditions
  private var items: [Schedule.Item] = []
  private let second: UInt64 = 1_000_000_000
  /// A random number for each family, in the order of their use.
  private var family: UInt64 = 0

  init(seed: UInt64) { conditions = Conditions(seed: seed) }

  private mutating func generator() -> SeededRandom {
    family += 1
    return SeededRandom(seed: conditions.seed, for: .schedule, named: family, log: nil)
  }

  mutating func run() -> Schedule {
    drawConditions()
    drawLinks()
    drawPartitions()
    drawCrashes()
    drawDisks()
    drawClocks()
    drawLies()
    drawExecutors()
    drawOperators()
    drawAgents()
    drawLeft()
    drawUpgrade()
    drawChecks()
    drawContamination()
    drawMembers()
    drawExecutorLies()
    drawStates()
    drawReach()
    drawHidden()
    drawStops()
    return Schedule(conditions, items)
  }

  private mutating func add(_ at: UInt64, _ act: Act) {
    if at < conditions.safety { items.append(Schedule.Item(at: at, act)) }
  }

  /// Times that are on average `every` apart, from `first` on.
  private func times(_ random: inout SeededRandom, from first: UInt64, every: UInt64) -> [UInt64] {
    var out: [UInt64] = []
    var at = first + random.below(every)
    while at < conditions.safety, out.count < 64 {
      out.append(at)
      at += 1 + random.below(2 * every)
    }
    return out
  }

  private mutating func drawConditions() {
    var random = generator()
    switch random.below(10) {
    case 0: (conditions.nodes, conditions.threshold) = (4, 3)
    case 1: (conditions.nodes, conditions.threshold) = (3, 2)
    case 2: (conditions.nodes, conditions.threshold) = (7, 5)
    default: break
    }
    if random.chance(300_000) { conditions.meanDelay = 1_000_000 + random.below(40_000_000) }
    if random.chance(400_000) { conditions.journalDelay = 1_000_000 + random.below(100_000_000) }
    if random.chance(200_000) { conditions.syncDelay = 300_000 + random.below(20_000_000) }
  }

  private mutating func drawUpgrade() {
    var random = SeededRandom(seed: conditions.seed, for: .schedule, named: 100, log: nil)
    for item in conditions.drawUpgrade(using: &random) { add(item.at, item.act) }
  }

  /// Agents ask for what is committed by now.
  private mutating func drawChecks() {
    var random = SeededRandom(seed: conditions.seed, for: .schedule, named: 101, log: nil)
    guard random.chance(400_000) else { return }
    let every = second / 4 + random.below(2 * second)
    for at in times(&random, from: second, every: every) {
      add(at, .agent(1 + random.below(2), .check, at: 1 + random.below(nodes)))
    }
  }

  private mutating func drawStates() {
    var policies = SeededRandom(seed: conditions.seed, for: .schedule, named: 115, log: nil)
    for item in conditions.drawPolicies(using: &policies) { add(item.at, item.act) }
    var snapshots = SeededRandom(seed: conditions.seed, for: .schedule, named: 116, log: nil)
    for item in conditions.drawSnapshots(using: &snapshots) { add(item.at, item.act) }
    guard conditions.left == nil, Schedule(conditions, items).liars.isEmpty else { return }
    var vetoes = SeededRandom(seed: conditions.seed, for: .schedule, named: 117, log: nil)
    for item in conditions.drawVetoes(using: &vetoes) { add(item.at, item.act) }
  }

  private mutating func drawReach() {
    var random = SeededRandom(seed: conditions.seed, for: .schedule, named: 118, log: nil)
    for item in conditions.drawReach(using: &random) { add(item.at, item.act) }
  }

  private mutating func drawHidden() {
    var revelations = SeededRandom(seed: conditions.seed, for: .schedule, named: 119, log: nil)
    for item in conditions.drawRevelations(using: &revelations) { add(item.at, item.act) }
    var sleep = SeededRandom(seed: conditions.seed, for: .schedule, named: 121, log: nil)
    for item in conditions.drawSleep(using: &sleep) { add(item.at, item.act) }
    var certificates = SeededRandom(seed: conditions.seed, for: .schedule, named: 122, log: nil)
    for item in conditions.drawCertificates(using: &certificates) { add(item.at, item.act) }
    var late = SeededRandom(seed: conditions.seed, for: .schedule, named: 123, log: nil)
    for item in conditions.drawLateRestrictions(liars: Schedule(conditions, items).liars, using: &late) {
      add(item.at, item.act)
    }
    // Who lacks an erased entry needs somebody who has the state: no seed has much else that takes entries away.
    let schedule = Schedule(conditions, items)
    guard conditions.left == nil, schedule.damaged.isEmpty, schedule.liars.isEmpty,
      !items.contains(where: { $0.act == .backup })
    else { return }
    var erasures = SeededRandom(seed: conditions.seed, for: .schedule, named: 120, log: nil)
    for item in conditions.drawErasures(using: &erasures) { add(item.at, item.act) }
  }

  /// Processes that are asked to end, as when hosts are maintained one after the other.
  private mutating func drawStops() {
    var random = SeededRandom(seed: conditions.seed, for: .schedule, named: 124, log: nil)
    guard random.chance(150_000) else { return }
    let pause = second / 10 + random.below(3 * second)
    for at in times(&random, from: second, every: 4 * second) {
      add(at, .stop(1 + random.below(nodes), restartAfter: pause))
    }
  }

  private mutating func drawExecutorLies() {
    var random = SeededRandom(seed: conditions.seed, for: .schedule, named: 114, log: nil)
    for item in conditions.drawExecutorLies(using: &random) { add(item.at, item.act) }
  }

  private mutating func drawMembers() {
    var random = SeededRandom(seed: conditions.seed, for: .schedule, named: 113, log: nil)
    // A change ends when every new party has proven its share, and withstands one lie at least.
    let schedule = Schedule(conditions, items)
    guard conditions.left == nil, schedule.damaged.isEmpty, schedule.liars.count <= 1 else { return }
    let changes = conditions.drawMembers(using: &random)
    var cancels = SeededRandom(seed: conditions.seed, for: .schedule, named: 125, log: nil)
    for item in changes + conditions.drawCancels(of: changes, using: &cancels) { add(item.at, item.act) }
  }

  private mutating func drawContamination() {
    var random = SeededRandom(seed: conditions.seed, for: .schedule, named: 111, log: nil)
    for item in conditions.drawContamination(using: &random) { add(item.at, item.act) }
  }

  private var nodes: UInt64 { UInt64(conditions.nodes) }

  private mutating func drawLinks() {
    var random = generator()
    let all = conditions.safety
    if random.chance(400_000) {
      add(0, .link(from: [], to: [], .loss(1 + random.below(150_000)), length: all))
    }
    if random.chance(400_000) {
      add(0, .link(from: [], to: [], .duplication(1 + random.below(100_000)), length: all))
    }
    if random.chance(150_000) {
      add(0, .link(from: [], to: [], .corruption(1 + random.below(2_000)), length: all))
    }
    guard random.chance(400_000) else { return }
    for at in times(&random, from: second, every: 3 * second) {
      let from = 1 + random.below(nodes)
      let to = 1 + random.below(nodes)
      guard from != to else { continue }
      let length = second / 10 + random.below(5 * second)
      let fault: LinkFault =
        switch random.below(4) {
        case 0: .clog
        case 1: .delay(1 + random.below(300_000_000))
        case 2: .loss(200_000 + random.below(600_000))
        default: .duplication(100_000 + random.below(500_000))
        }
      add(at, .link(from: [from], to: [to], fault, length: length))
    }
  }

  private mutating func drawPartitions() {
    var random = generator()
    guard random.chance(500_000) else { return }
    let every = 4 * second + random.below(8 * second)
    let longest = second / 2 + random.below(6 * second)
    for at in times(&random, from: second, every: every) {
      let length = second / 4 + random.below(longest)
      let one = 1 + random.below(nodes)
      let two = 1 + random.below(nodes)
      switch random.below(5) {
      case 0: add(at, .cut(from: [one], to: [], isBothWays: true, length: length))
      case 1: add(at, .cut(from: [one], to: [], isBothWays: false, length: length))
      case 2 where one != two: add(at, .cut(from: [one], to: [two], isBothWays: true, length: length))
      case 3: add(at, .cut(from: [], to: [one], isBothWays: false, length: length))
      default:
        var sides: [[UInt64]] = [[], []]
        for node in 1...nodes { sides[random.chance(400_000) ? 0 : 1].append(node) }
        if sides.allSatisfy({ !$0.isEmpty }) { add(at, .partition(sides, length: length)) }
      }
    }
  }

  private mutating func drawCrashes() {
    var random = generator()
    if random.chance(500_000) {
      let every = 3 * second + random.below(12 * second)
      let longest = second / 10 + random.below(5 * second)
      for at in times(&random, from: second, every: every) {
        let kept: UInt64 = random.chance(500_000) ? 0 : 1 + random.below(4)
        add(at, .crash(1 + random.below(nodes), kept: kept, restartAfter: 1 + random.below(longest)))
      }
    }
    guard random.chance(250_000) else { return }
    for at in times(&random, from: second, every: 6 * second) {
      add(at, .pause(1 + random.below(nodes), length: second / 10 + random.below(5 * second)))
    }
  }

  private mutating func drawDisks() {
    var random = generator()
    if random.chance(350_000) {
      for at in times(&random, from: second, every: 5 * second) {
        let node = 1 + random.below(nodes)
        let length = second / 5 + random.below(5 * second)
        let fault: DiskFault =
          switch random.below(5) {
          case 0: .hang
          case 1: .full
          case 2: .failedSync
          default: .slow(1_000_000 + random.below(400_000_000))
          }
        add(at, .disk(node, fault, length: length))
      }
    }
    guard random.chance(60_000) else { return }
    // One node's store only: no more than may be down, since a node does not repair itself.
    let node = 1 + random.below(nodes)
    for _ in 0..<(1 + random.below(3)) {
      let at = 3 * second + random.below(12 * second)
      add(at, .flip(node, entry: 1 + random.below(60), bit: random.below(4_096)))
      add(at + random.below(3 * second), .crash(node, kept: 0, restartAfter: 1 + random.below(second)))
    }
  }

  private mutating func drawClocks() {
    var random = generator()
    if random.chance(300_000) {
      for node in 1...nodes where random.chance(700_000) {
        add(0, .clock(node, .offset(Int64(random.below(1_600_000_000)) - 800_000_000)))
      }
    }
    if random.chance(200_000) {
      for node in 1...nodes where random.chance(700_000) {
        add(0, .clock(node, .drift(millionths: Int64(random.below(1_000)) - 500)))
      }
    }
    guard random.chance(150_000) else { return }
    for at in times(&random, from: second, every: 8 * second) {
      let step = Int64(random.below(1_600_000_000)) - 800_000_000
      add(at, .clock(1 + random.below(nodes), .step(step)))
    }
  }

  private mutating func drawLies() {
    var random = generator()
    guard random.chance(450_000), conditions.faultsTolerated > 0 else { return }
    var candidates = Array(1...nodes)
    for _ in 0..<(1 + random.below(UInt64(conditions.faultsTolerated))) {
      let party = candidates.remove(at: Int(random.below(UInt64(candidates.count))))
      for lie in Lie.drawn where random.chance(250_000) {
        let from = random.chance(500_000) ? 0 : random.below(8 * second)
        let length = random.chance(500_000) ? conditions.safety : second + random.below(10 * second)
        add(from, .lie(party, lie, length: length))
      }
    }
  }

  private mutating func drawExecutors() {
    var random = generator()
    if random.chance(400_000) {
      for executor in 1...2 as ClosedRange<UInt64> {
        add(0, .executorDrift(executor, millionths: Int64(random.below(1_000)) - 500))
      }
    }
    if random.chance(500_000) {
      let every = 2 * second + random.below(6 * second)
      let loses = random.chance(400_000)
      for at in times(&random, from: 2 * second, every: every) {
        var crash = ExecutorCrash(isBetweenEffects: random.chance(400_000), kept: random.below(3))
        if loses, random.chance(300_000) {
          crash.journal = random.chance(500_000) ? .lost : .flipped(random.below(1 << 20))
        }
        add(
          at,
          .executorCrash(1 + random.below(2), crash, restartAfter: second / 20 + random.below(4 * second)))
      }
    }
    if random.chance(400_000) {
      for at in times(&random, from: 2 * second, every: 5 * second) {
        var from: [UInt64] = []
        if !random.chance(300_000) {
          for node in 1...nodes where random.chance(500_000) { from.append(node) }
        }
        // Some cuts outlast a lease.
        add(at, .executorCut(1 + random.below(2), from: from, length: 1 + random.below(16 * second)))
      }
    }
    for at in times(&random, from: 2 * second, every: 5 * second) {
      let fault = SandboxFault.plain[Int(random.below(UInt64(SandboxFault.plain.count)))]
      add(at, .sandbox(1 + random.below(2), fault, length: second / 2 + random.below(2 * second)))
    }
  }

  private mutating func drawOperators() {
    var random = generator()
    if random.chance(350_000) {
      let targets: [IncidentTarget] = [
        .all, .tenant("acme"), .principal(.executor("executor1")), .principal(.executor("executor2")),
        .principal(.agent(tenant: "acme", name: "agent1")),
      ]
      for at in times(&random, from: 3 * second, every: 5 * second) {
        let target = targets[Int(random.below(UInt64(targets.count)))]
        let kinds: [IncidentKind] = [.kill, .quarantine, .revoke]
        let kind = target == .all ? .kill : kinds[Int(random.below(3))]
        add(at, .restrict(kind, target, length: second + random.below(8 * second)))
      }
    }
    guard random.chance(200_000) else { return }
    for at in times(&random, from: 3 * second, every: 8 * second) {
      add(at, .transfer(to: 1 + random.below(nodes)))
    }
  }

  private mutating func drawAgents() {
    var random = generator()
    let isHostile = random.chance(400_000)
    for agent in 1...3 as ClosedRange<UInt64> {
      let every = second / 3 + random.below(2 * second)
      add(second / 2 + random.below(second), .agent(agent, .put, at: 1 + random.below(nodes)))
      for (position, at) in times(&random, from: second / 2, every: every).enumerated() {
        let request = UInt64(position) + 1
        let node = 1 + random.below(nodes)
        let action =
          random.chance(150_000)
          ? "digest" : random.chance(650_000) ? "echo" : random.chance(800_000) ? "deploy" : "shell"
        add(at, .agent(agent, .propose(action, request: request), at: node))
        let after = at + second / 10 + random.below(6 * second)
        let other = 1 + random.below(nodes)
        switch random.below(20) {
        case 0, 1, 2, 3: add(after, .agent(agent, .read(request: request), at: other))
        case 4, 5: add(after, .agent(agent, .repeat_(request: request), at: other))
        case 6: add(after, .agent(agent, .withdraw(request: request), at: other))
        case 7 where isHostile: add(after, .agent(agent, .mutate(request: request), at: other))
        case 8 where isHostile:
          add(after, .agent(agent, .forge(as: 1 + agent % 2, request: request), at: other))
        case 9 where isHostile: add(after, .agent(agent, .inject(request: 500 + request), at: other))
        case 10 where isHostile: add(after, .agent(agent, .trespass(request: 600 + request), at: other))
        default: break
        }
      }
    }
    if isHostile, random.chance(200_000) {
      add(
        second + random.below(10 * second), .agent(2, .flood(30, request: 900), at: 1 + random.below(nodes)))
    }
  }

  /// What one node is left in: at most n − t are unwilling, and none is left where a disk is damaged. Liars heal and are
  /// willing again, but for who told two stories: those who believed one are parted from it for as long as it leads, so it
  /// counts, and where no other may be left it is the one.
  private mutating func drawLeft() {
    var random = generator()
    let schedule = Schedule(conditions, items)
    guard random.chance(300_000), conditions.nodes > conditions.threshold else { return }
    if let liar = schedule.liars.first, random.chance(600_000), schedule.damaged.isEmpty {
      conditions.left = Conditions.Left(node: liar, .lying)
      return
    }
    let equivocators = schedule.equivocators
    let spare = conditions.nodes - conditions.threshold
    guard schedule.damaged.isEmpty, equivocators.count <= spare else { return }
    let faults: [Conditions.Left.Fault] = [.down, .isolated, .deaf, .mute, .hung]
    let fault = faults[Int(random.below(UInt64(faults.count)))]
    let node =
      equivocators.count < spare
      ? 1 + random.below(nodes) : equivocators[Int(random.below(UInt64(equivocators.count)))]
    conditions.left = Conditions.Left(node: node, fault)
  }
}
