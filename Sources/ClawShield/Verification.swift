import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// How far the executors are that all run one approved proposal, each under a token of its own, one after the other.
///
/// The first result is what the others are compared with, member by member as a preview's is. What differs ends it.
struct Verification: Equatable, Sendable {
  /// A run that has succeeded.
  struct Run: Equatable, Sendable {
    var executor: Principal
    var decision: LeafIndex
    var receipt: LeafIndex
    /// Hash of the receipt, so that the same one is known again.
    var contentHash: Digest
  }

  /// How many executors must agree.
  let needed: Int
  /// At most `needed`, in their order.
  var runs: [Run] = []
  /// What the first one's result was; nil before it is there.
  var first: PreviewedResult?
  /// In what a later one's differs; nil where none does.
  var difference: String?

  init(needed: Int) { self.needed = needed }

  /// Whether as many as are needed have succeeded, with one result.
  var isComplete: Bool { difference == nil && runs.count >= needed }

  func hasRun(on executor: Principal) -> Bool {
    #if SIMULATION
    if Mutant.oneExecutorAgrees.isActive { return false }
    #endif
    return runs.contains { $0.executor == executor }
  }
}

extension Verification: JSONWritable {
  init(from fields: inout Fields) throws(RecordError) {
    needed = try fields.integer("needed", in: 2...ActionDefinition.maximumVerification)
    runs = try fields.objects("runs", limit: ActionDefinition.maximumVerification) {
      (inner) throws(RecordError) in
      Run(
        executor: try inner.principal("executor"), decision: try inner.leafIndex("decision"),
        receipt: try inner.leafIndex("receipt"), contentHash: try inner.digest("content_hash"))
    }
    first = try fields.optionalNested("first") { (inner) throws(RecordError) in
      try PreviewedResult(from: &inner)
    }
    difference = try fields.optionalValue("difference", "text") { $0.string }
  }

  var members: [(String, JSON)] {
    present([
      ("needed", .integer(needed)),
      (
        "runs",
        .array(
          runs.map {
            .object([
              ("executor", .string($0.executor.path)), ("decision", .index($0.decision)),
              ("receipt", .index($0.receipt)), ("content_hash", .digest($0.contentHash)),
            ])
          })
      ), ("first", first?.json), ("difference", difference.map(JSON.string)),
    ])
  }
}

extension ShieldState {
  /// The leaf of a receipt of a run that others have followed, where this is that receipt.
  func earlierRun(_ signed: Signed<Receipt>) throws(Refusal) -> LeafIndex? {
    guard let index = indexes.decisions[signed.content.decision], let cell = proposal(index),
      cell.approval != signed.content.decision,
      let run = cell.verification?.runs.first(where: { $0.decision == signed.content.decision })
    else { return nil }
    guard run.contentHash == signed.contentHash else {
      throw Refusal(.alreadyExists, "the receipt at leaf \(run.receipt.value) counts")
    }
    return run.receipt
  }

  /// Takes up that one more executor has succeeded. A result that is another than the first one's is an incident; which of
  /// the two is right nobody here can know.
  mutating func verify(
    _ cell: inout ProposalCell, _ verification: Verification, _ run: Verification.Run,
    _ result: Attachment.Item?
  ) {
    var verification = verification
    verification.runs.append(run)
    defer { cell.verification = verification }
    guard let first = verification.first else {
      verification.first = result.map(PreviewedResult.init)
      return
    }
    #if SIMULATION
    if Mutant.resultsUncompared.isActive { return }
    #endif
    guard let difference = first.difference(from: result?.value ?? .null, allowed: []) else { return }
    verification.difference = difference
    guard hasRoomForFlags else { return }
    let id = DerivedID.make("verification_differs", cluster: cluster, cause: run.receipt, about: cell.index)
    let others = verification.runs.map(\.executor.path).joined(separator: ", ")
    let incident = DerivedIncident(
      incidentID: id, kind: .verificationDiffers, cause: run.receipt, about: cell.index,
      tenantID: cell.content.tenantID, target: .principal(cell.content.requestedBy),
      message: plain(
        "the results of \(cell.content.action) on \(others) differ: \(difference)",
        limit: FiredRules.maximumMessage))
    setIncident(
      IncidentCell(
        incidentID: id, origin: .breaker(incident, written: nil), target: nil, leaf: run.receipt, at: logTime)
    )
  }

  /// Has the next executor run it, where one is needed: another approval is owed, with a token of its own. False where it is
  /// over: all agree, or one does not, or an outcome was told, or another bundle is in force.
  mutating func goesOn(
    _ cell: inout ProposalCell, _ old: ProposalCell, cost: MicroUSD, cause: LeafIndex
  ) -> Bool {
    guard let verification = cell.verification, verification.difference == nil, !verification.isComplete,
      old.unknown == nil, old.voided == nil, cell.verdict.policyBundleHash == compiled.bundle.hash,
      let action = compiled.action(cell.content.action)?.definition, let reservation = cell.reservation,
      let grant = cell.grant
    else { return false }
    let most = min(action.maximumCost, reservation.amount)
    let ran = ProposalCell.Reservation(amount: most, day: reservation.day)
    settle(ran, tenant: cell.content.tenantID, cost: min(cost, most))
    cell.reservation?.amount = reservation.amount - most
    cell.receipt = nil
    cell.settledAt = nil
    cell.grant = nil
    cell.written = nil
    cell.results = 0
    cell.verdict.cause = cause
    cell.verdict.decidedAt = logTime
    cell.verdict.expiresAt = logTime.advanced(by: grant.expiresAt.since(grant.issuedAt))
    return true
  }

  /// Gives back what was set aside for runs that will not come; what is not known to have ended keeps its own.
  mutating func releaseUnrun(_ cell: inout ProposalCell) {
    guard cell.verification != nil, let reservation = cell.reservation, let grant = cell.grant else { return }
    let rest = reservation.amount - grant.constraints.maximumCost
    settle(
      ProposalCell.Reservation(amount: rest, day: reservation.day), tenant: cell.content.tenantID, cost: .zero
    )
    cell.reservation?.amount = reservation.amount - rest
  }
}
