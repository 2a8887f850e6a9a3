import Records

/// Who is there to decide: what no rule about people can do without.
public struct Staffing: Equatable, Sendable {
  /// Distinct people who can act as operators; a relaxation takes two (INV-020).
  public var operators = 0
  /// Distinct people who can approve in the role that the floor asks.
  public var approvers = 0
  /// Agents for whom nobody could confirm a request: no identity of the person who answers for them has a
  /// second key.
  public var unconfirmable: [Principal] = []
}

extension ShieldState {
  /// Counts everyone who is enrolled at log time; of the agents that nobody answers for at most `limit`.
  public func staffing(limit: Int) -> Staffing {
    var operators: [String] = []
    var approvers: [String] = []
    var confirming: [String] = []
    var agents: [(principal: Principal, owner: String)] = []
    indexes.keys.forEach { key, principal in
      guard let known = enrolment(of: principal, at: logTime), known.key == key else { return true }
      switch principal {
      case .operator: operators.append(known.owner)
      case .approver: if known.roles.contains(Floor.role) { approvers.append(known.owner) }
      case .agent: agents.append((principal, known.owner))
      case .executor, .node, .auditor: break
      }
      switch principal {
      case .operator, .approver: if known.secondKey != nil { confirming.append(known.owner) }
      case .agent, .executor, .node, .auditor: break
      }
      return true
    }
    let people = Labels.joined(confirming, [])
    let left = agents.filter { agent in !Self.contains(people, agent.owner) }.map(\.principal)
    return Staffing(
      operators: Labels.joined(operators, []).count, approvers: Labels.joined(approvers, []).count,
      unconfirmable: Array(left.sorted().prefix(limit)))
  }

  /// Whether an ascending list has it.
  private static func contains(_ sorted: [String], _ text: String) -> Bool {
    var low = 0
    var high = sorted.count
    while low < high {
      let middle = (low + high) / 2
      if sorted[middle] == text { return true }
      if sorted[middle].utf8.lexicographicallyPrecedes(text.utf8) { low = middle + 1 } else { high = middle }
    }
    return false
  }
}
