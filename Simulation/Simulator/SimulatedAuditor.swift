import ClawLedger
import Crypto
import GovernanceNode
import Raft
import Records
import Wire

/// An auditor who keeps backups: copies the ledger as one node has it, verifies the copy from the cluster's id alone,
/// and asks another node where it gets no whole one.
///
/// What an honest node gives away as whole must verify, and bring back what was final when it was asked for.
final class SimulatedAuditor: SimulatedClient {
  static let principal: Principal = .auditor("auditor1")

  private struct Copy {
    var node: UInt64
    var call: UInt64
    var sentAt: UInt64
    /// What was final at the node when it was asked.
    var finalThen: UInt64 = 0
    var text: [UInt8] = []
  }

  let principal: Principal = SimulatedAuditor.principal
  let pace: UInt64 = 250_000_000
  private let cluster: Digest
  private var random: SeededRandom
  /// Backups that are still to be made, and the one that is.
  private var wanted = 0
  private var copy: Copy?
  private var nextCall: UInt64 = 1
  /// The newest backup.
  private(set) var backup: RestorePlan?

  init(of cluster: Digest, random: SeededRandom) {
    self.cluster = cluster
    self.random = random
  }

  func makeBackup() { wanted = 1 }

  /// What is final at the node that is just being asked.
  func asks(with final: UInt64) { copy?.finalThen = final }

  func act(at time: UInt64, wall: Timestamp, nodes: UInt64) -> [OutgoingCall] {
    if let copy, copy.sentAt + 5_000_000_000 < time { self.copy = nil }
    guard wanted > 0, copy == nil else { return [] }
    nextCall += 1
    let node = 1 + random.below(nodes)
    copy = Copy(node: node, call: nextCall, sentAt: time)
    return [OutgoingCall(node: node, call: nextCall, method: .export, payload: ExportRequest().encode())]
  }

  func take(_ answer: Answer, at time: UInt64, from node: UInt64, isLiar: Bool, oracles: inout Oracles) {
    guard var taken = copy, answer.call == taken.call else { return }
    switch answer {
    case .item(_, let payload):
      guard let chunk = try? ExportChunk(decoding: payload) else { return }
      taken.text += chunk.text
      copy = taken
    case .respond(_, let status, _):
      copy = nil
      // A node that has nothing final but the genesis has nothing to back up; another is asked.
      guard status.code == .ok, !taken.text.starts(with: Self.beginning(cluster)) else { return }
      do {
        var verifier = ExportVerifier()
        let export = try verifier.verify(taken.text, cluster: cluster)
        if !isLiar { oracles.evaluated("backups are whole") }
        let plan = RestorePlan(export)
        if !isLiar, plan.size < taken.finalThen {
          oracles.fail(
            "backups are whole",
            "node \(node) exports \(plan.size) leaves, and had \(taken.finalThen) final when it was asked",
            at: time)
        }
        wanted = 0
        oracles.count(fault: "backup")
        if plan.size >= backup?.size ?? 0 { backup = plan }
      } catch {
        guard !isLiar else { return }
        oracles.fail("backups are whole", "what node \(node) exports does not verify: \(error)", at: time)
      }
    }
  }

  /// How the export of a ledger begins of which only the genesis is final.
  private static func beginning(_ cluster: Digest) -> [UInt8] {
    Array(ExportFormat.header(cluster: cluster, size: 1).utf8)
  }

  func lost(_ node: NodeID) {
    if copy?.node == node.rawValue { copy = nil }
  }
}
