import Crypto
import Records

#if SIMULATION
import Mutants
#endif

extension ShieldState {
  // MARK: Admission

  /// A change of members: two distinct people, also while everything is halted; one change at a time, but an act that
  /// names it and the parties of now takes back one that has no key yet.
  func admit(_ signed: Signed<MembersAct>, at time: Timestamp) throws(Refusal) -> Admittance {
    let act = signed.content
    try requireOperators(2, of: signed, at: time)
    if let known = self.act(.members, act.actID) {
      guard known.contentHash == signed.contentHash else {
        throw Refusal(.alreadyExists, "act \(act.actID) has other content at leaf \(known.leaf.value)")
      }
      return .known(known.leaf)
    }
    try requireValidity(act.validUntil, at: time)
    guard act.takesBack == nil || semantics >= Semantics.namedReturns else {
      throw Refusal(
        .failedPrecondition, "acts that name what they take back need semantics \(Semantics.namedReturns)")
    }
    if let change = membership.change {
      try requireReturn(act, of: change)
      return .accept
    }
    if let other = act.takesBack {
      throw Refusal(.failedPrecondition, "there is nothing to take back: act \(other) is not on its way")
    }
    try checkSeats(act)
    guard !isReturn(act) || act.rotate else {
      throw Refusal(.failedPrecondition, "these are the parties and the threshold of now")
    }
    guard membership.epochs.count < MembersCell.maximumEpochs else {
      throw Refusal(.resourceExhausted, "the key has changed \(MembersCell.maximumEpochs) times")
    }
    return .accept
  }

  /// Beside a change that is on its way there is room for what takes it back alone.
  private func requireReturn(_ act: MembersAct, of change: MembersChange) throws(Refusal) {
    let onItsWay = "act \(change.actID) is on its way (\(change.stage.rawValue))"
    let isEarly = change.stage == .learning || change.stage == .joint
    // Before semantics 6 nothing names a change, and whatever names the parties of now takes back the one there is.
    let isNamed = semantics >= Semantics.namedReturns
    var isMeant = !isNamed || act.takesBack == change.actID
    #if SIMULATION
    if Mutant.returnUnnamed.isActive { isMeant = true }
    #endif
    if let other = act.takesBack, !isMeant {
      throw Refusal(.failedPrecondition, "\(onItsWay), and not act \(other)")
    }
    guard isMeant, isReturn(act) else {
      let how =
        isNamed
        ? "claw members cancel, an act whose takes_back is \(change.actID), with the parties and the threshold of now"
        : "claw members cancel, an act with the parties and the threshold of now"
      throw Refusal(
        .failedPrecondition,
        "\(onItsWay): wait for its end" + (isEarly ? ", or take it back first (\(how))" : ""))
    }
    guard isEarly else {
      throw Refusal(.failedPrecondition, "act \(change.actID) is too far on its way to be taken back")
    }
  }

  /// Whether an act names what is in force.
  private func isReturn(_ act: MembersAct) -> Bool {
    act.threshold == membership.threshold && act.parties.map(\.id) == membership.parties.map(\.id)
      && act.parties.map(\.key) == membership.parties.map(\.key)
  }

  /// Who stays is who it was; who comes was never there, under no id, name or key.
  private func checkSeats(_ act: MembersAct) throws(Refusal) {
    let added = act.parties.filter { seat in !membership.parties.contains { $0.id == seat.id } }
    for seat in act.parties {
      guard let party = membership.parties.first(where: { $0.id == seat.id }) else { continue }
      guard party.key == seat.key, party.name == seat.name else {
        throw Refusal(
          .invalidArgument,
          "party \(seat.id) is \(party.name); another name or key is another party, under a new id")
      }
    }
    for seat in added {
      let isTaken =
        membership.retired.contains { $0.id == seat.id || $0.name == seat.name }
        || membership.parties.contains { $0.name == seat.name || $0.key == seat.key }
      guard !isTaken else {
        throw Refusal(
          .alreadyExists, "party \(seat.id), \(seat.name): an id, name or key that was used is not used again"
        )
      }
      if let other = indexes.keys[seat.key] {
        throw Refusal(.alreadyExists, "the key of \(seat.name) is enrolled for \(other.path)")
      }
      guard !seat.address.isEmpty else {
        throw Refusal(.invalidArgument, "expected an address and an authority of \(seat.name)")
      }
    }
    guard membership.retired.count + membership.parties.count + added.count <= MembersCell.maximumRetired
    else {
      throw Refusal(.resourceExhausted, "more than \(MembersCell.maximumRetired) parties have come and gone")
    }
  }

  // MARK: Effect

  /// The configuration that the leader writes beside an act.
  public func configuration(for act: MembersAct) -> MemberList {
    guard let change = membership.change else { return membership.learning(act.parties) }
    return change.stage == .learning
      ? MemberList(voters: membership.configuration.voters) : membership.configuration
  }

  mutating func take(
    _ signed: Signed<MembersAct>, _ configuration: MemberList, at index: LeafIndex
  ) -> Applied {
    let act = signed.content
    let expected = self.configuration(for: act)
    guard configuration == expected else {
      return .divergent(expected: "configuration \(expected.json.canonical)")
    }
    var cell = membership
    switch cell.change?.stage {
    case nil: cell.change = MembersChange(act, at: index, parties: known(act.parties))
    case .learning:
      cell.retire(cell.change?.parties ?? [], staying: cell.parties.map(\.id))
      cell.change = nil
    case .joint:
      cell.change?.stage = .returning
      cell.change?.since = index
    case .keyed, .returning: return .void(reason: "the change is too far on its way to be taken back")
    }
    cell.configuration = configuration
    cell.configuredAt = index
    cell.lastAct = index
    setMembership(cell)
    addAct(
      ActCell(
        type: .members, actID: act.actID, contentHash: signed.contentHash, leaf: index,
        validUntil: act.validUntil))
    return .effective
  }

  /// The seats of an act, with the addresses of those that it does not repeat.
  private func known(_ seats: [PartySeat]) -> [PartySeat] {
    seats.map { seat in
      seat.address.isEmpty ? membership.seats.first { $0.id == seat.id } ?? seat : seat
    }
  }

  mutating func take(_ step: DerivedMembers, at index: LeafIndex) -> Applied {
    guard let change = membership.change, let next = membership.next, next.step == step.step,
      step.cause == change.act, step.configuration == next.configuration
    else {
      return .divergent(
        expected: membership.next.map { "\($0.step.rawValue) \($0.configuration.json.canonical)" }
          ?? "no step of a change of members")
    }
    var cell = membership
    cell.configuration = step.configuration
    cell.configuredAt = index
    switch step.step {
    case .joint:
      cell.change?.stage = .joint
      cell.change?.since = index
    case .left:
      if change.stage == .returning { cell.retire(change.parties, staying: cell.parties.map(\.id)) }
      cell.change = nil
    }
    setMembership(cell)
    return .effective
  }

  mutating func take(_ record: KeyRecord, at index: LeafIndex) -> Applied {
    if let objection = objection(to: record) { return .divergent(expected: objection) }
    guard let change = membership.change else { return .divergent(expected: "no key") }
    var cell = membership
    cell.retire(membership.seats, staying: change.parties.map(\.id))
    cell.parties = record.content.parties
    cell.threshold = record.content.threshold
    cell.seats = change.parties
    cell.epochs.append(KeyChain.Epoch(key: record.content.groupKey, firstSize: index.value + 2))
    cell.change?.stage = .keyed
    cell.change?.since = index
    setMembership(cell)
    return .effective
  }

  /// What a key record should be and is not; nil where it is right.
  private func objection(to record: KeyRecord) -> String? {
    guard let change = membership.change, change.stage == .joint, let origin = membership.origin else {
      return "no key: no change of members waits for one"
    }
    let content = record.content
    guard content.cause == change.act, content.threshold == change.threshold, content.origin == origin,
      content.parties.map(\.id) == change.parties.map(\.id),
      content.parties.map(\.name) == change.parties.map(\.name),
      content.parties.map(\.key) == change.parties.map(\.key)
    else {
      return "a key of the parties of act \(change.actID), \(change.threshold) of them, by \(origin.rawValue)"
    }
    guard (content.groupKey == membership.groupKey) == (origin == .reshare) else {
      return origin == .reshare ? "the same key, shared anew" : "another key than before"
    }
    if let party = record.unsigned(cluster: cluster) { return "party \(party.id)'s own signature" }
    return nil
  }
}

extension MembersCell {
  /// Those of `seats` that `staying` does not name never come back.
  mutating func retire(_ seats: [PartySeat], staying: [Int]) {
    for seat in seats where !staying.contains(seat.id) && !retired.contains(where: { $0.id == seat.id }) {
      retired.append(RetiredParty(id: seat.id, name: seat.name))
    }
  }
}
