import Canonical
import Crypto
import GovernanceNode
import OpenExec
import Records
import Wire

// What an executor says of its runs, honest or not.

extension ExecutorHost {
  /// Sends a receipt, after the artifact that its result is in, where it is in one.
  func send(_ report: ReceiptReport, _ nodes: [UInt64], at time: UInt64, oracles: inout Oracles) {
    let reachable = nodes.filter { !isCutOff(from: $0) }
    guard !reachable.isEmpty else { return }
    let node = reachable[report.node(of: reachable.count)]
    let draft = report.draft
    guard let artifact = draft.artifact else {
      send(draft, to: node, at: time, oracles: &oracles)
      return
    }
    if liar.tells(.silent) { return }
    let wall = Timestamp(nanoseconds: simulatedEpoch + Int64(time)) ?? .epoch
    var note = artifact.note(by: principal, validUntil: wall.advanced(by: .seconds(300)))
    if let agent = oracles.execution.decisions[draft.receipt.tokenID]?.requestedBy {
      note = liar.says(note, for: agent, oracles: &oracles)
    }
    let signed = Signed.sign(
      note, cluster: credentials.cluster, as: principal, with: credentials.key)
    let request = ArtifactPutRequest(statement: statementBytes(signed), content: artifact.content)
    calls.ask(.put(draft, node: node), by: call(.artifactPut, request.encode(), to: node))
  }

  /// Sends a receipt, or what a lying executor sends instead.
  func send(_ draft: ReceiptDraft, to node: UInt64, at time: UInt64, oracles: inout Oracles) {
    let overheard = oracles.execution.lastStart.first { $0.decision.grant?.executorID != principal }
    for draft in liar.reports(draft, as: principal, overheard: overheard, oracles: &oracles) {
      oracles.reported(draft, at: time)
      oracles.results(draft)
      let signed = Signed.sign(
        draft.receipt, cluster: credentials.cluster, as: principal, with: credentials.key)
      let number = call(.report, statement(signed, draft.attachment), to: node)
      calls.ask(.report(token: draft.receipt.tokenID, node: node), by: number)
    }
  }
}
