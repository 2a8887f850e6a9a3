import Canonical
import GovernanceNode
import Records
import Wire

/// What a liar offers to executors: jobs and leases with something of another in them, or old ones again.
struct SpoiledOffers {
  /// The first that it was to offer; bounded, 64 and 32.
  private var offers: [JobOffer] = []
  private var leases: [LeaseResponse] = []

  /// What goes out instead of `answer`, in order.
  mutating func spoil(
    _ answer: Answer, using random: inout SeededRandom, oracles: inout Oracles
  ) -> [Answer] {
    switch answer {
    case .item(let key, let payload):
      guard var offer = try? JobOffer(decoding: payload) else { return [answer] }
      if offers.count < 64 { offers.append(offer) }
      let old = offers[Int(random.below(UInt64(offers.count)))]
      oracles.count(fault: "lie: spoiled job")
      switch random.below(8) {
      case 0: offer.attachment = Self.parameters(using: &random)
      case 1: offer.attachment = old.attachment
      case 2:
        offer.proposal = old.proposal
        offer.attachment = old.attachment
      case 3: offer.token = old.token
      case 4:
        var bytes = Array(offer.token.utf8)
        Liar.spoil(&bytes, using: &random)
        offer.token = String(decoding: bytes, as: UTF8.self)
      case 5: offer.lease = leases.first ?? offer.lease
      case 6: offer.lease?.restrictions = Array("[]".utf8)
      default: break
      }
      let replayed = Answer.item(key, payload: old.encode())
      return [.item(key, payload: offer.encode()), replayed]
    case .respond(let key, let status, let payload):
      guard status.code == .ok, var lease = try? LeaseResponse(decoding: payload), !lease.note.isEmpty else {
        return [answer]
      }
      if leases.count < 32 { leases.append(lease) }
      switch random.below(4) {
      case 0: lease = leases[Int(random.below(UInt64(leases.count)))]
      case 1: lease.restrictions = Array("[]".utf8)
      case 2: lease.bundle = Array("{}".utf8)
      default: return [answer]
      }
      oracles.count(fault: "lie: spoiled lease")
      return [.respond(key, status, payload: lease.encode())]
    }
  }

  /// Parameters that no proposal names, as they are attached to one.
  static func parameters(using random: inout SeededRandom) -> [UInt8] {
    let item = Attachment.Item(salt: random.bytes(16), value: .object([("text", "something else")]))
    return Attachment("parameters", item).bytes
  }
}
