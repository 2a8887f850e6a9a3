import ClawShield
import Crypto
import GovernanceNode
import Raft
import Records

// Operators who add, remove and replace parties while everything else goes wrong.
extension World {
  /// Parties that there are at most and at least at a time.
  private static var mostParties: Int { 7 }
  private static var leastParties: Int { 4 }

  /// The members by the newest final state that an honest node has.
  private var newestMembers: MembersCell? {
    hosts.filter(isHonest).compactMap(\.view).max { $0.finalSize < $1.finalSize }?.finalState.membership
  }

  /// Whether a host's node is one of the parties of now: others are left behind with what they have.
  func isParty(_ host: NodeHost) -> Bool {
    newestMembers?.parties.contains { UInt64($0.id) == host.id.rawValue } ?? true
  }

  /// Whether a change of members is on its way.
  var isChangingMembers: Bool { newestMembers?.change != nil }

  /// The least t that withstands a lie and still lets one party be down.
  static func threshold(of parties: Int) -> Int {
    parties == 5 ? 4 : min(parties, max(parties / 2 + 1, (parties + 3) / 2))
  }

  /// Two operators change who the parties are, at random.
  func changeMembers() {
    guard !isCalm else { return }
    queue.schedule(.members, at: time + 1 + faultRandom.below(2 * faults.membersEvery))
    guard let members = newestMembers, members.change == nil, !operators.isChangingMembers else { return }
    var seats = members.parties.map { PartySeat(id: $0.id, name: $0.name, key: $0.key) }
    let draw = faultRandom.below(4)
    var rotate = false
    if draw != 0, seats.count > World.leastParties || draw == 2 {
      seats.remove(at: Int(faultRandom.below(UInt64(seats.count))))
    }
    if draw != 1, seats.count < World.mostParties, hosts.count < 2 * World.mostParties {
      guard let seat = try? join(using: &faultRandom) else { return }
      seats.append(seat)
    }
    if seats.map(\.id) == members.parties.map(\.id) { rotate = true }
    oracles.count(fault: "membership change")
    operators.change(
      seats, threshold: World.threshold(of: seats.count), rotate: rotate,
      wall: Timestamp(nanoseconds: World.epoch + Int64(time)) ?? .epoch)
  }
}
