import Crypto
import Records

/// Where results come from (INV-013). What is an artifact has labels of its own; what an agent is told with its receipt has
/// them too, and taints the piece of work that goes on with it: the trace.
extension ShieldState {
  /// Most tainted results of one trace, or of one agent, that are looked at; more are taken for outside text.
  private static var taintsLookedAt: Int { 256 }

  /// What goes into a run's result by its inputs as they are now, by those that were erased since, and by what it may
  /// reach; ascending.
  func originLabels(_ cell: ProposalCell) -> [String] {
    let present = Labels.joined(inputLabels(cell.content), lostLabels(cell.content))
    let labels = Labels.joined(present, cell.erasedLabels)
    guard semantics >= Semantics.people, cell.grant?.reachesOut == true else { return labels }
    return Labels.joined(labels, [Floor.untrusted])
  }

  /// The labels of a remembered result, its tenant's, its agent's and its executor's among them; nil where there is none.
  public func resultLabels(of index: LeafIndex) -> [String]? {
    guard let cell = proposal(index), cell.receipt?.status == .succeeded, let grant = cell.grant else {
      return nil
    }
    return Labels.joined(
      cell.resultLabels, [cell.content.tenantID, cell.content.requestedBy.path, grant.executorID.path])
  }

  /// The labels of all results that agents of the proposal's tenant were given in its trace; ascending.
  func traceLabels(_ proposal: Proposal) -> [String] {
    tainted(Indexes.group(trace: proposal.traceID), since: .epoch, tenant: proposal.tenantID)
  }

  /// How long ago an agent may have asked for what still counts as given to it, whatever it calls its traces.
  private static var agentMemory: Interval { .seconds(3600) }

  /// The labels of all results of what the proposal's agent has asked for in the last hour of `time`, in whichever trace;
  /// ascending.
  func agentLabels(_ proposal: Proposal, at time: Timestamp) -> [String] {
    let start = time.advanced(by: Interval(nanoseconds: -Self.agentMemory.nanoseconds))
    return tainted(Indexes.group(proposal.requestedBy), since: start, tenant: proposal.tenantID)
  }

  private func tainted(_ group: Digest, since start: Timestamp, tenant: String) -> [String] {
    guard !indexes.tainted.isEmpty else { return [] }
    var labels: [String] = []
    var seen = 0
    indexes.tainted.forEach(from: Grouped(group: group, at: start, index: LeafIndex(0))) { key, _ in
      guard key.group == group else { return false }
      seen += 1
      guard seen <= Self.taintsLookedAt else {
        labels = Labels.joined(labels, [Floor.untrusted])
        return false
      }
      if let cell = self.proposal(key.index), cell.content.tenantID == tenant {
        labels = Labels.joined(labels, cell.resultLabels)
      }
      return true
    }
    return labels
  }
}
