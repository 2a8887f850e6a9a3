import Records

// Other bundles, and states that come as a whole instead of entry by entry.
extension Conditions {
  /// One to three changes of the bundle, in one seed of five.
  func drawPolicies(using random: inout SeededRandom) -> [Schedule.Item] {
    let second: UInt64 = 1_000_000_000
    guard random.chance(200_000) else { return [] }
    return (0..<(1 + random.below(3))).map { step in
      Schedule.Item(at: 2 * second + random.below(16 * second), .policy(2 + 10 * step + random.below(10)))
    }
  }

  /// Actions that write down what nobody is to be shown, in one seed of sixteen whose first bundle says what that is.
  func drawRevelations(using random: inout SeededRandom) -> [Schedule.Item] {
    let second: UInt64 = 1_000_000_000
    guard random.chance(60_000), semantics >= Semantics.people else { return [] }
    return (1...2).map { executor in
      Schedule.Item(
        at: second / 2 + random.below(2 * second),
        .sandbox(executor, .reveals, length: 8 * second + random.below(10 * second)))
    }
  }

  /// The agents' tenant is erased once, in one seed of sixteen that begin with the semantics for it.
  func drawErasures(using random: inout SeededRandom) -> [Schedule.Item] {
    let second: UInt64 = 1_000_000_000
    guard random.chance(60_000), semantics >= Semantics.erasure else { return [] }
    return [Schedule.Item(at: 4 * second + random.below(8 * second), .erase("acme"))]
  }

  /// All hosts sleep once or twice, for a day or two, in one seed of sixteen that begin with the semantics for it.
  func drawSleep(using random: inout SeededRandom) -> [Schedule.Item] {
    let second: UInt64 = 1_000_000_000
    guard random.chance(60_000), semantics >= Semantics.retention else { return [] }
    return (0..<(1 + random.below(2))).map { _ in
      Schedule.Item(at: 4 * second + random.below(14 * second), .sleep(hours: 10 + random.below(40)))
    }
  }

  /// A node's or an agent's earlier certificates are refused, or both, in one seed of sixteen that begin with the semantics
  /// for it.
  func drawCertificates(using random: inout SeededRandom) -> [Schedule.Item] {
    let second: UInt64 = 1_000_000_000
    guard random.chance(60_000), semantics >= Semantics.certificates else { return [] }
    var holders: [Principal] = [.node("node\(1 + random.below(UInt64(nodes)))")]
    if random.chance(500_000) { holders.append(.agent(tenant: "acme", name: "agent1")) }
    let before = Timestamp(nanoseconds: simulatedEpoch - 100_000_000_000) ?? .epoch
    return holders.map { holder in
      Schedule.Item(
        at: second + random.below(12 * second),
        .restrict(
          .revoke, .certificates(of: holder, before: before), length: 2 * second + random.below(30 * second)))
    }
  }

  /// Restrictions that some parties hear of when their statements are over, since they are cut off or down; that an
  /// operator signs whom the others remove at once; and refusals of certificates that liars forge, in one seed of twelve
  /// that begin with the semantics for it.
  func drawLateRestrictions(liars: [UInt64], using random: inout SeededRandom) -> [Schedule.Item] {
    let second: UInt64 = 1_000_000_000
    guard random.chance(80_000), semantics >= Semantics.lateRestrictions else { return [] }
    let before = Timestamp(nanoseconds: simulatedEpoch - 100_000_000_000) ?? .epoch
    let targets: [IncidentTarget] = [
      .tenant("acme"), .principal(.agent(tenant: "acme", name: "agent1")), .principal(.executor("executor1")),
      .certificates(of: .node("node\(1 + random.below(UInt64(nodes)))"), before: before),
    ]
    var items: [Schedule.Item] = []
    for _ in 0..<(1 + random.below(2)) {
      let at = 2 * second + random.below(10 * second)
      let target = targets[Int(random.below(UInt64(targets.count)))]
      let away = 1 + random.below(UInt64(nodes))
      let length = 2 * second + random.below(8 * second)
      switch random.below(3) {
      case 0:
        items.append(
          Schedule.Item(at: at - second / 5, .cut(from: [away], to: [], isBothWays: true, length: length)))
      case 1: items.append(Schedule.Item(at: at - second / 5, .crash(away, kept: 0, restartAfter: length)))
      default:
        let two = [away, away % UInt64(nodes) + 1]
        let others = (1...UInt64(nodes)).filter { !two.contains($0) }
        items.append(Schedule.Item(at: at - second / 5, .partition([two, others], length: length)))
      }
      var isRefusal = false
      if case .certificates = target { isRefusal = true }
      let manner: SigningManner =
        random.chance(300_000) && !isRefusal ? .leaver : .brief(second / 2 + random.below(3 * second))
      let kind: IncidentKind = isRefusal || random.chance(500_000) ? .revoke : .kill
      items.append(
        Schedule.Item(at: at, .restrict(kind, target, manner, length: second + random.below(8 * second))))
    }
    for liar in liars {
      items.append(Schedule.Item(at: second + random.below(8 * second), .lie(liar, .lockOut, length: second)))
    }
    return items
  }

  /// One party vetoes up to four requests, in one seed of five: not where somebody is left behind or lies, since the others
  /// must remain as many as sign.
  func drawVetoes(using random: inout SeededRandom) -> [Schedule.Item] {
    let second: UInt64 = 1_000_000_000
    guard random.chance(200_000) else { return [] }
    let party = 1 + random.below(UInt64(nodes))
    return (0..<(1 + random.below(4))).map { _ in
      Schedule.Item(
        at: second / 2 + random.below(2 * second),
        .veto(party, agent: 1 + random.below(2), request: 1 + random.below(40)))
    }
  }

  /// A node that is away for a while and is sent a state when it comes back, in one seed of four.
  func drawSnapshots(using random: inout SeededRandom) -> [Schedule.Item] {
    let second: UInt64 = 1_000_000_000
    guard random.chance(250_000) else { return [] }
    var items: [Schedule.Item] = []
    for _ in 0..<(1 + random.below(3)) {
      let node = 1 + random.below(UInt64(nodes))
      let at = 2 * second + random.below(12 * second)
      let length = second + random.below(4 * second)
      items.append(Schedule.Item(at: at, .cut(from: [node], to: [], isBothWays: true, length: length)))
      items.append(Schedule.Item(at: at + length - 1_000_000, .snapshot(to: node)))
    }
    return items
  }
}
