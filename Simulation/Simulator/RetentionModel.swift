import ClawShield
import Crypto
import Records

/// For how long files must be kept, and when they must be gone, as it follows from the leaves apart from ClawShield
/// (Docs/Decisions/027-retention.md): a day in these worlds, since a file's last record, or since the last proposal that
/// named it and that policy did not deny at once.
struct RetentionModel: Sendable {
  private struct File: Sendable {
    let tenant: String
    let workspace: String
    let digest: Digest
    /// Log times at which its record came, or a proposal named it, each with that proposal's leaf.
    var words: [(at: Timestamp, proposal: UInt64?)]
  }

  private var files: [File] = []
  /// Log times at which proposals were over: taken back, denied or reported on. An executor's report that it does not
  /// know the outcome is its last word as well.
  private var ends: [UInt64: Timestamp] = [:]
  /// Proposals that policy denied as they came. Those for which no executor was there had been approved before.
  private var deniedAtOnce: [UInt64] = []
  private var approvals: [UInt64: UInt64] = [:]
  /// Records that say that a file is kept no longer, by their leaves.
  private var said: [UInt64: DerivedIncident] = [:]

  /// How long files are kept, and how much longer at most.
  private static let rule = Interval.seconds(86_400)
  private static let precision = Interval.seconds(3_600)

  /// Takes the next leaf up. `isTaken` says of a proposal whether its agent signed it and asks for the first time.
  mutating func take(_ record: Record, at index: UInt64, isTaken: Bool) {
    switch record.body {
    case .artifact(let signed):
      let note = signed.content
      if let position = position(note.tenantID, note.workspaceID, note.digest) {
        files[position].words.append((record.at, nil))
      } else {
        files.append(
          File(
            tenant: note.tenantID, workspace: note.workspaceID, digest: note.digest,
            words: [(record.at, nil)]))
      }
    case .proposal(let signed) where isTaken:
      for digest in signed.content.inputs {
        guard let position = position(signed.content.tenantID, signed.content.workspaceID, digest) else {
          continue
        }
        files[position].words.append((record.at, index))
      }
    case .withdrawal(let signed): ends[signed.content.proposal.value] = record.at
    case .decision(let decision):
      let proposal = decision.proposal.value
      if decision.decisionType == .approve { approvals[index] = proposal }
      guard decision.decisionType == .deny else { return }
      ends[proposal] = record.at
      let lacksExecutor = decision.rulesFired.contains {
        $0.rule == "execution.no_executor" && $0.effect == .deny
      }
      if decision.cause.value == proposal, !lacksExecutor { deniedAtOnce.append(proposal) }
    case .receipt(let signed):
      if let proposal = approvals[signed.content.decision.value] { ends[proposal] = record.at }
    case .derivedIncident(let incident) where incident.kind == .retentionEnded: said[index] = incident
    case .incident(let act):
      guard act.content.kind == .erase, case .tenant(let tenant) = act.content.target else { return }
      files.removeAll { $0.tenant == tenant }
    case .genesis, .term, .tick, .proposal, .enrol, .policy, .version, .ballot, .derivedIncident, .members,
      .derivedMembers, .key, .recovery:
      break
    }
  }

  private func position(_ tenant: String, _ workspace: String, _ digest: Digest) -> Int? {
    files.firstIndex { $0.tenant == tenant && $0.workspace == workspace && $0.digest == digest }
  }

  /// How many files there were.
  var count: Int { files.count }

  /// Why a final state cannot be that of these leaves; nil where it can. `holds` says whether the node has a content.
  func objection(to state: ShieldState, holds: (String, Digest) -> Bool) -> String? {
    for file in files {
      let name = "file \(file.digest.hex.prefix(16)) of \(file.tenant)"
      let words = file.words.filter { word in word.proposal.map { !deniedAtOnce.contains($0) } ?? true }
      guard let last = words.map(\.at).max() else { continue }
      let dropped = state.droppedArtifact(
        tenant: file.tenant, workspace: file.workspace, digest: file.digest)
      if let dropped {
        if dropped.at.since(last) < Self.rule {
          return "\(name) is kept no longer at \(dropped.at.text), and was spoken of at \(last.text)"
        }
        guard let record = dropped.record, let incident = said[record.value],
          incident.about == dropped.artifact.leaf
        else {
          return "\(name) is kept no longer, and no leaf says so"
        }
        let before = words.compactMap(\.proposal).filter { $0 < incident.cause.value }
        if let reader = before.first(where: { isRead(by: $0, at: dropped.at, state) }) {
          return
            "\(name) is kept no longer, and nobody knows yet what became of the proposal at leaf \(reader), which reads it"
        }
        if holds(file.tenant, file.digest) { return "\(name) is kept no longer, and its content is there" }
        continue
      }
      guard state.artifact(tenant: file.tenant, workspace: file.workspace, digest: file.digest) != nil else {
        return "\(name) is in the ledger and not in the state, and no leaf says why"
      }
      if !holds(file.tenant, file.digest) { return "\(name) is kept, and its content is gone" }
      let end = last.advanced(by: Self.rule).advanced(by: Self.precision)
      let isAwaited = words.compactMap(\.proposal).contains { isRead(by: $0, at: end, state) }
      if state.logTime > end, !isAwaited {
        return "\(name) is kept at \(state.logTime.text), and was spoken of last at \(last.text)"
      }
    }
    return nil
  }

  /// Whether a proposal was not over at a time: the state says of those that no leaf ends whether anybody still waits.
  private func isRead(by proposal: UInt64, at time: Timestamp, _ state: ShieldState) -> Bool {
    switch state.proposalView(at: LeafIndex(proposal))?.status {
    case .pending, .approved: true
    case .unknown: ends[proposal].map { $0 > time } ?? true
    case .denied, .withdrawn, .aborted, .completed, .failed, nil: ends[proposal].map { $0 > time } ?? false
    }
  }

  /// Whether a node has still to destroy what its state has let go of, or to fetch what that has: both in slow rounds.
  /// Where parties lie, one of them may have kept a content for itself: then nobody waits for any.
  func isBehind(_ state: ShieldState, fetches: Bool, holds: (String, Digest) -> Bool) -> Bool {
    files.contains { file in
      let isKept =
        state.artifact(tenant: file.tenant, workspace: file.workspace, digest: file.digest) != nil
      let isDropped =
        state.droppedArtifact(tenant: file.tenant, workspace: file.workspace, digest: file.digest) != nil
      return holds(file.tenant, file.digest) ? isDropped && !isKept : isKept && fetches
    }
  }
}

extension Oracles {
  private static var retention: String { "files are kept as the bundle says" }

  /// Whether an honest node has still to fetch contents or to destroy them.
  func awaitsContents<Suite>(_ host: NodeHost<Suite>) -> Bool {
    guard let state = host.node?.finalState else { return false }
    return files.isBehind(state, fetches: liars.isEmpty, holds: host.holds)
  }

  /// Once everything has come to rest, in runs whose bundle lets go of files.
  mutating func checkRetention<Suite>(_ hosts: [NodeHost<Suite>], at time: UInt64) {
    guard liars.isEmpty else { return }
    for host in hosts {
      guard let state = host.node?.finalState else { continue }
      for _ in 0..<files.count { evaluated(Self.retention) }
      if let objection = files.objection(to: state, holds: host.holds) {
        fail(Self.retention, "\(host.id): \(objection)", at: time)
      }
    }
  }
}

extension NodeHost {
  fileprivate func holds(_ tenant: String, _ digest: Digest) -> Bool {
    node?.content(tenant: tenant, digest: digest) != nil
  }
}
