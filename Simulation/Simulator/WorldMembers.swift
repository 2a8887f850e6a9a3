import ClawShield
import Crypto
import FROST
import GovernanceNode
import Raft
import Records

// Operators who add, remove and replace parties while everything else goes wrong.
extension World {
  /// Parties that there are at most and at least at a time.
  private static var mostParties: Int { 7 }
  private static var leastParties: Int { 4 }

  /// A party that is to come: its node runs, with nothing but the genesis, and knows the others by hand.
  @discardableResult
  func join(using random: inout SeededRandom) throws -> PartySeat {
    let number = hosts.count + 1
    guard number <= SimulatedNetwork.mostNodes else { throw SimulationError.setup("room for one more node") }
    let seed = random.bytes(32)
    var consumed = seed
    guard let id = NodeID(rawValue: UInt64(number)), let key = SigningKey(seed: &consumed) else {
      throw SimulationError.setup("a party's key")
    }
    let host = try NodeHost<Suite>(
      id: id, keySeed: seed, share: nil, genesis: genesisShown,
      random: SeededRandom(seed: conditions.seed, for: .node, named: id.rawValue, log: log),
      diskRandom: SeededRandom(seed: conditions.seed, for: .disk, named: id.rawValue, log: log))
    host.contacts = hosts.map(\.id)
    hosts.append(host)
    try host.start(at: time)
    queue.schedule(.tick(id, life: host.life), at: time)
    for peer in hosts where peer.id != id && peer.isUp {
      step(id, .connected(peer.id))
      step(peer.id, .connected(id))
    }
    beginRestore(of: host)
    return PartySeat(
      id: number, name: "node\(number)", key: key.publicKey, address: "node\(number):7201",
      authority: "PEM")
  }

  /// The newest final state that an honest node has.
  private var newestState: ShieldState? {
    hosts.filter { isHonest($0) && $0.isUp }.max { $0.finalSize < $1.finalSize }?.node?.finalState
  }

  /// The members by it.
  private var newestMembers: MembersCell? { newestState?.membership }

  /// Whether a host's node is one of the parties of now: others are left behind with what they have.
  func isParty(_ host: NodeHost<Suite>) -> Bool {
    newestMembers?.parties.contains { UInt64($0.id) == host.id.rawValue } ?? true
  }

  /// Whether a change of members is on its way.
  var isChangingMembers: Bool { newestMembers?.change != nil }

  /// The least t that withstands a lie and still lets one party be down.
  static func threshold(of parties: Int) -> Int {
    parties == 5 ? 4 : min(parties, max(parties / 2 + 1, (parties + 3) / 2))
  }

  /// Two operators change who the parties are, as `draw` has it: from a million on, so many millions of
  /// those that came last are replaced at once.
  func changeMembers(_ draw: UInt64) {
    var random = SeededRandom(seed: draw)
    guard let members = newestMembers, members.change == nil, !operators.isChangingMembers else { return }
    var seats = members.seatsOfNow
    let replaced = min(Int(clamping: draw / 1_000_000), seats.count - 1)
    if replaced > 0 {
      seats.removeLast(replaced)
      for _ in 0..<replaced {
        guard hosts.count < 2 * World.mostParties, let seat = try? join(using: &random) else { return }
        seats.append(seat)
      }
      propose(seats, rotate: false)
      return
    }
    let kind = random.below(4)
    if kind != 0, seats.count > World.leastParties || kind == 2 {
      seats.remove(at: Int(random.below(UInt64(seats.count))))
    }
    if kind != 1, seats.count < World.mostParties, hosts.count < 2 * World.mostParties {
      guard let seat = try? join(using: &random) else { return }
      seats.append(seat)
    }
    propose(seats, rotate: seats.map(\.id) == members.parties.map(\.id))
  }

  /// Two operators replace these parties by so many new ones, whatever the bounds of drawn changes are.
  func replaceParties(_ leaving: [UInt64], by count: UInt64) {
    guard let members = newestMembers, members.change == nil, !operators.isChangingMembers else { return }
    var random = SeededRandom(
      seed: conditions.seed, for: .schedule, named: UInt64(hosts.count) << 32, log: nil)
    var seats = members.seatsOfNow
    seats.removeAll { leaving.contains(UInt64($0.id)) }
    for _ in 0..<count {
      guard let seat = try? join(using: &random) else { return }
      seats.append(seat)
    }
    propose(seats, rotate: false)
  }

  /// Two operators take back the change that is on its way: whoever was to come stays away.
  func cancelMembers() {
    guard let members = newestMembers, let change = members.change else { return }
    let isNamed = newestState?.semantics ?? 0 >= Semantics.namedReturns
    operators.change(
      members.seatsOfNow, threshold: members.threshold, takesBack: isNamed ? change.actID : nil, wall: wall())
  }

  /// Two operators want another key, and do not look whether a change is on its way: it is not to end that one.
  func rotateMembers() {
    guard let members = newestMembers, !operators.isChangingMembers else { return }
    oracles.count(fault: members.change == nil ? "membership change" : "rotation beside a change")
    operators.change(members.seatsOfNow, threshold: members.threshold, rotate: true, wall: wall())
  }

  private func propose(_ seats: [PartySeat], rotate: Bool) {
    oracles.count(fault: "membership change")
    operators.change(
      seats, threshold: World.threshold(of: seats.count), rotate: rotate, wall: wall())
  }
}

extension MembersCell {
  /// The parties of now, as an act names those that stay.
  fileprivate var seatsOfNow: [PartySeat] {
    parties.map { PartySeat(id: $0.id, name: $0.name, key: $0.key) }
  }
}
