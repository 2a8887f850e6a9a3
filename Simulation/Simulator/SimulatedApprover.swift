import Canonical
import Crypto
import GovernanceNode
import Records
import Wire

/// An approver: looks at what is pending and votes. What it thinks of a request depends on the request alone.
final class SimulatedApprover: SimulatedClient {
  let principal: Principal
  let number: UInt64
  let pace: UInt64 = 700_000_000
  private let credentials: Credentials
  private let seed: UInt64
  private let log: DeterminismLog?
  private var random: SeededRandom
  private var nextCall: UInt64 = 1
  private var pending: [PendingItem] = []
  /// What the schedule says of requests, by request id.
  private var decided: [(requestID: String, approves: Bool)] = []

  init(_ credentials: Credentials, number: UInt64, seed: UInt64, log: DeterminismLog?) {
    self.credentials = credentials
    self.number = number
    self.seed = seed
    self.log = log
    principal = credentials.principal
    random = SeededRandom(seed: seed, for: .approver, named: number, log: log)
  }

  func decide(_ approver: UInt64, agent: UInt64, request: UInt64, approves: Bool) {
    if approver == number { decided.append(("agent\(agent)-\(request)", approves)) }
  }

  private func approves(_ proposal: Proposal) -> Bool {
    if let known = decided.last(where: { $0.requestID == proposal.requestID }) { return known.approves }
    var name: UInt64 = number
    for byte in proposal.requestID.utf8 { name = (name ^ UInt64(byte)) &* 0x100_0000_01B3 }
    var own = SeededRandom(seed: seed, for: .approver, named: name, log: log)
    return own.chance(850_000)
  }

  func act(at time: UInt64, wall: Timestamp, nodes: UInt64) -> [OutgoingCall] {
    var out: [OutgoingCall] = []
    for item in pending.prefix(8) {
      guard let record = try? Record(parsing: item.leaf), case .proposal(let proposal) = record.body,
        let hash = Digest(hex: item.proposalHash), let bundle = Digest(hex: item.policyBundleHash)
      else { continue }
      let reason = Attachment.Item(salt: random.bytes(16), value: "looked at it")
      let ballot = Ballot(
        proposal: LeafIndex(item.proposal), proposalHash: hash,
        parametersHash: proposal.content.parametersHash, policyBundleHash: bundle, previewHash: nil,
        vote: approves(proposal.content) ? .approve : .reject, role: "approver", reasonHash: reason.hash,
        voter: principal, signedAt: wall, validUntil: wall.advanced(by: .seconds(600)))
      let signed = Signed.sign(
        ballot, cluster: credentials.cluster, as: principal, with: credentials.key)
      out.append(
        outgoing(.castBallot, statement(signed, Attachment("reason", reason)), nodes))
    }
    pending = []
    out.append(outgoing(.listPending, ListPendingRequest().encode(), nodes))
    return out
  }

  private func outgoing(_ method: Method, _ payload: [UInt8], _ nodes: UInt64) -> OutgoingCall {
    nextCall += 1
    return OutgoingCall(node: 1 + random.below(nodes), call: nextCall, method: method, payload: payload)
  }

  func take(_ answer: Answer, at time: UInt64, from node: UInt64, isLiar: Bool, oracles: inout Oracles) {
    guard case .respond(_, let status, let payload) = answer, status.code == .ok,
      let response = try? ListPendingResponse(decoding: payload), !response.items.isEmpty,
      response.items.allSatisfy({ !$0.leaf.isEmpty })
    else { return }
    pending = response.items
  }
}
