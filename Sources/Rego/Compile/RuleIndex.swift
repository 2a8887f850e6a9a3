/// Which rules of a group can hold, by one member of the input: rules that begin with its equality to a constant, or with rules that do,
/// are found by the constant. What is not found could not have held, and is not looked at.
final class RuleIndex: Sendable {
  let path: InputPath
  /// Ascending by constant; the positions of rules ascending too, those that ask for nothing there among them.
  private let entries: [(constant: Value, rules: [Int])]
  private let others: [Int]

  /// Positions of rules that an index may hold in all.
  private static let maximumSize = 1 << 16

  /// Nil where an index would tell nothing, or be too large.
  fileprivate init?(_ path: InputPath, _ needs: [[Value]?]) {
    let constants = SetValue(needs.flatMap { $0 ?? [] }).elements
    others = needs.indices.filter { needs[$0] == nil }
    guard constants.count * (others.count + 1) <= Self.maximumSize else { return nil }
    var rules = [[Int]](repeating: [], count: constants.count)
    for (position, need) in needs.enumerated() {
      guard let need else {
        for index in rules.indices { rules[index].append(position) }
        continue
      }
      for constant in SetValue(need).elements {
        rules[constants.position(of: constant).position].append(position)
      }
    }
    self.path = path
    entries = Array(zip(constants, rules))
  }

  func rules(where value: Value?) -> [Int] {
    guard let value else { return others }
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low + high) / 2
      let order = Value.compare(entries[middle].constant, value)
      if order == 0 { return entries[middle].rules }
      if order < 0 { low = middle + 1 } else { high = middle }
    }
    return others
  }
}

/// Finds out what of the input rules need, through the rules that they begin with.
struct Indexing {
  /// A member of the input is one of some constants.
  private struct Need {
    let path: InputPath
    var constants: [Value]
  }

  private let groups: [RuleGroup]
  /// What each group needs to have a value; nil where it is not known yet.
  private var known: [[Need]?]

  private static let maximumDepth = 32
  private static let maximumConstants = 1024

  init(_ groups: [RuleGroup]) {
    self.groups = groups
    known = Array(repeating: nil, count: groups.count)
  }

  /// By the numbers of groups.
  mutating func indexes() -> [RuleIndex?] {
    var out: [RuleIndex?] = []
    for group in groups { out.append(index(group)) }
    return out
  }

  private mutating func index(_ group: RuleGroup) -> RuleIndex? {
    guard group.rules.count > 1 else { return nil }
    var needs: [[Need]] = []
    for rule in group.rules { needs.append(self.needs(rule, depth: 0)) }
    // The member that most rules ask for; of several the first.
    var best: (path: InputPath, count: Int)?
    var counts: [Int: Int] = [:]
    for need in needs.flatMap(\.self) {
      guard let number = need.path.number else { continue }
      let count = counts[number, default: 0] + 1
      counts[number] = count
      if count > best?.count ?? 1 { best = (need.path, count) }
    }
    guard let best else { return nil }
    return RuleIndex(best.path, needs.map { own in own.first { $0.path === best.path }?.constants })
  }

  private mutating func needs(_ group: Int, depth: Int) -> [Need] {
    if let found = known[group] { return found }
    let own = groups[group]
    guard depth < Self.maximumDepth, case .complete = own.kind, own.fallback == nil, !own.rules.isEmpty else {
      return []
    }
    var all: [[Need]] = []
    for rule in own.rules { all.append(needs(rule, depth: depth + 1)) }
    let found = Self.any(all)
    known[group] = found
    return found
  }

  private mutating func needs(_ rule: PlannedRule, depth: Int) -> [Need] {
    var all: [[Need]] = []
    for (clause, _) in rule.clauses {
      var own: [Need] = []
      for condition in clause.guards {
        switch condition {
        case .input(let path, let constant): own.append(Need(path: path, constants: [constant]))
        case .group(let number): own += needs(number, depth: depth)
        }
      }
      all.append(own)
    }
    return Self.any(all)
  }

  /// What is needed where one of several has to hold.
  private static func any(_ all: [[Need]]) -> [Need] {
    guard var out = all.first else { return [] }
    for others in all.dropFirst() {
      out = out.compactMap { need in
        guard let other = others.first(where: { $0.path === need.path }) else { return nil }
        let joined = Need(path: need.path, constants: need.constants + other.constants)
        return joined.constants.count <= maximumConstants ? joined : nil
      }
    }
    return out
  }
}
