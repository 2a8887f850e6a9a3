import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// Breakers (INV-021): limits counted from the log, any of which trips once.
enum Breakers {
  /// The window over which proposals and repeats are counted; open at its older end.
  static let window = Interval.seconds(60)
  /// Above this many times its limit of proposals an agent is turned away at the door, so that not every
  /// proposal of a runaway loop becomes a record.
  static let doorFactor = 2

  /// Within which runs that failed are counted as tries of one thing.
  static let retryWindow = Interval.seconds(3600)
  static let retriesLookedAt = 1024

  /// The rule of the one breaker that is the whole tenant's.
  static let tenantCost = "breaker.tenant_cost"

  /// What makes two proposals repeats of each other. The salted hash in the leaf differs each time.
  static func repeatKey(_ proposal: Proposal, canonicalParameters: [UInt8]) -> Digest {
    var hash = SHA256()
    hash.update("openexec/v1/repeat\n\(proposal.requestedBy.path)\n\(proposal.action)\n")
    // Of a fixed length each, so that they end where the parameters begin.
    for input in proposal.inputs { hash.update("\(input.hex)\n") }
    hash.update(canonicalParameters)
    return hash.finalize()
  }
}

extension ShieldState {
  /// How many remembered proposals of a group came within the window that ends at `time`.
  func recent(_ set: OrderedSet<Grouped>, _ group: Digest, at time: Timestamp) -> Int {
    let start = time.advanced(by: Interval(nanoseconds: 1 - Breakers.window.nanoseconds))
    let low = set.rank(of: Grouped(group: group, at: start, index: LeafIndex(0)))
    let high = set.rank(of: Grouped(group: group, at: time, index: LeafIndex(.max)))
    return high - low
  }

  /// Fires a denying rule for each limit that this proposal exceeds. `isNew` says that it is not among
  /// the remembered ones yet; a decision that is made again counts no proposal a second time.
  func checkBreakers(
    _ proposal: Proposal, repeatKey: Digest, action: ActionDefinition?, risk: RiskContext, isNew: Bool,
    at time: Timestamp, _ rules: inout FiredRules
  ) {
    let limits = compiled.bundle.breakers
    if isNew {
      let count = recent(indexes.agents, Indexes.group(proposal.requestedBy), at: time) + 1
      if count > limits.proposalsPerMinute {
        rules.fire(
          "breaker.rate", .deny,
          "\(count) proposals within a minute, at most \(limits.proposalsPerMinute) are allowed")
      }
      let repeats = recent(indexes.repeats, repeatKey, at: time) + 1
      if repeats > limits.repeatsPerMinute {
        rules.fire(
          "breaker.repeats", .deny,
          "the same action with the same parameters \(repeats) times within a minute, at most "
            + "\(limits.repeatsPerMinute) are allowed")
      }
    }
    if let limit = limits.retriesPerHour {
      let failures = failedRuns(repeatKey, before: time, atMost: limit + 1)
      if failures > limit {
        rules.fire(
          "breaker.retries", .deny,
          "this failed \(failures) times within an hour; at most \(limit) retries are allowed")
      }
    }
    if proposal.depth > limits.maximumDepth {
      rules.fire(
        "breaker.depth", .deny, "nesting depth \(proposal.depth), at most \(limits.maximumDepth) is allowed")
    }
    guard let action else { return }
    let cost = max(risk.estimatedCost, action.reservedCost)
    if cost > limits.requestCost {
      rules.fire(
        "breaker.request_cost", .deny,
        "may cost \(cost.text) USD, at most \(limits.requestCost.text) is allowed a request")
    }
    #if SIMULATION
    let spent =
      Mutant.breakerByConnection.isActive
      ? spentByConnection(of: proposal.requestedBy, at: time) : spentToday(proposal.tenantID, at: time)
    #else
    let spent = spentToday(proposal.tenantID, at: time)
    #endif
    if spent + action.reservedCost > limits.tenantCostPerDay {
      rules.fire(
        Breakers.tenantCost, .deny,
        "the tenant has spent or set aside \(dollars(spent)) USD today; \(action.reservedCost.text) more "
          + "would exceed \(limits.tenantCostPerDay.text)")
    }
  }

  /// How many of the remembered proposals of a repeat key within the hour before `time` ran and did not succeed;
  /// counts no further than `limit`, and looks at no more than `Breakers.retriesLookedAt`.
  private func failedRuns(_ repeatKey: Digest, before time: Timestamp, atMost limit: Int) -> Int {
    let start = time.advanced(by: Interval(nanoseconds: -Breakers.retryWindow.nanoseconds))
    var failures = 0
    var seen = 0
    indexes.repeats.forEach(from: Grouped(group: repeatKey, at: start, index: LeafIndex(0))) { key, _ in
      guard key.group == repeatKey, seen < Breakers.retriesLookedAt, failures < limit else { return false }
      seen += 1
      switch proposal(key.index)?.status {
      case .failed, .aborted, .unknown: failures += 1
      case .pending, .approved, .denied, .withdrawn, .completed, .none: break
      }
      return true
    }
    return failures
  }

  #if SIMULATION
  /// What an agent, which has one connection, has set aside within the window.
  private func spentByConnection(of agent: Principal, at time: Timestamp) -> MicroUSD {
    var sum = MicroUSD.zero
    let group = Indexes.group(agent)
    let start = time.advanced(by: Interval(nanoseconds: -Breakers.window.nanoseconds))
    indexes.agents.forEach(from: Grouped(group: group, at: start, index: LeafIndex(0))) { key, _ in
      guard key.group == group else { return false }
      sum = sum + (proposal(key.index)?.reservation?.amount ?? .zero)
      return true
    }
    return sum
  }
  #endif

  private func dollars(_ amount: MicroUSD) -> String { amount.text }

  /// What a tenant has spent and set aside on the day of `time`.
  func spentToday(_ tenant: String, at time: Timestamp) -> MicroUSD {
    guard let cell = spend(tenant), cell.day == time.day else { return .zero }
    return cell.amount
  }

  /// Sets `amount` aside on the day of `time`; that day's sum replaces an earlier day's.
  mutating func reserve(_ amount: MicroUSD, tenant: String, at time: Timestamp) -> ProposalCell.Reservation {
    let sum = spentToday(tenant, at: time) + amount
    setSpend(SpendCell(tenantID: tenant, day: time.day, amount: sum))
    return ProposalCell.Reservation(amount: amount, day: time.day)
  }

  /// Replaces what was set aside by what it came to, where its day is still being counted.
  mutating func settle(_ reservation: ProposalCell.Reservation, tenant: String, cost: MicroUSD) {
    guard let cell = spend(tenant), cell.day == reservation.day else { return }
    setSpend(
      SpendCell(tenantID: tenant, day: cell.day, amount: cell.amount - reservation.amount + cost))
  }
}
