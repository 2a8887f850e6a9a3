import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

// From a burned nonce to a proven receipt.
extension ExecutorInstance {
  mutating func persisted(
    _ ticket: Ticket, at now: Uptime, using random: inout some RandomNumberGenerator,
    into effects: inout ExecutorEffects
  ) {
    for position in jobs.indices {
      switch jobs[position].phase {
      case .burning(let awaited, let admitted) where awaited <= ticket:
        begin(position, admitted, at: now, using: &random, into: &effects)
      case .concluding(let awaited, let draft) where awaited <= ticket:
        #if SIMULATION
        if Mutant.receiptLost.isActive, draft.receipt.status != .succeeded { continue }
        #endif
        send(ReceiptReport(draft), of: position, since: now, at: now, into: &effects)
      case .burning, .concluding, .starting, .running, .stopping, .pending: break
      }
    }
  }

  /// The nonce is durable. What forbade the run in the meantime still counts, and a slow disk may have taken longer than
  /// the token lives.
  private mutating func begin(
    _ position: Int, _ admitted: AdmittedJob, at now: Uptime,
    using random: inout some RandomNumberGenerator, into effects: inout ExecutorEffects
  ) {
    let time = clock(now)
    let end = admitted.token.grant.expiresAt
    let expired = time < end ? nil : GateReason.expired(at: end, now: time).code
    if let reason = obstacle(admitted.token, at: now)?.rawValue ?? expired {
      let verdict = ReceiptWriter.Verdict(
        status: .aborted, code: reason, explanation: "stopped before it began")
      let draft = writer.draft(
        jobs[position].burned, verdict: verdict, outcome: nil, ran: false, executedAt: time,
        finishedAt: time, cost: .zero, salt: random.bytes(16))
      effects.notices.append(.jobEnded(draft.receipt))
      conclude(position, draft, into: &effects)
      return
    }
    start(
      position, admitted, attempt: 1, executedAt: time, costSoFar: .zero, measuresSoFar: nil, at: now,
      using: &random, into: &effects)
  }

  private mutating func start(
    _ position: Int, _ admitted: AdmittedJob, attempt: Int, executedAt: Timestamp,
    costSoFar: MicroUSD, measuresSoFar: RunMeasures?, at now: Uptime,
    using random: inout some RandomNumberGenerator,
    into effects: inout ExecutorEffects
  ) {
    let order = RunOrder(
      id: RunID(token: admitted.token.id, attempt: attempt),
      isolationClass: admitted.isolationClass, imageDigest: admitted.action.imageDigest,
      arguments: admitted.action.arguments, parameters: admitted.standardInput,
      inputs: admitted.inputs, limits: admitted.action.limits,
      egress: admitted.egress?.continued(after: measuresSoFar?.egress),
      secrets: admitted.action.secrets, oauth: admitted.action.oauth,
      tenantID: admitted.token.decision.tenantID, isReproducible: admitted.action.verification > 1,
      challenge: random.bytes(32))
    let allowed = Interval.seconds(Int64(admitted.action.limits.wallSeconds))
    jobs[position].phase = .starting(
      Job.Run(
        admitted: admitted, order: order, executedAt: executedAt, costSoFar: costSoFar,
        measuresSoFar: measuresSoFar, deadline: now.advanced(by: allowed).advanced(by: settings.sandboxGrace))
    )
    effects.starts.append(order)
    effects.notices.append(
      .jobStarted(
        order.id, admitted.token.decision, order.isolationClass, command: order.commandHash))
  }

  mutating func started(_ run: RunID) {
    guard let position = position(of: run.token),
      case .starting(let current) = jobs[position].phase, current.order.id == run
    else { return }
    jobs[position].phase = .running(current)
  }

  mutating func finished(
    _ id: RunID, _ outcome: RunOutcome, at now: Uptime,
    using random: inout some RandomNumberGenerator, into effects: inout ExecutorEffects
  ) {
    guard let position = position(of: id.token) else { return }
    let run: Job.Run
    var killed: KillReason?
    switch jobs[position].phase {
    case .starting(let current), .running(let current): run = current
    case .stopping(let current, let reason): (run, killed) = (current, reason)
    case .burning, .concluding, .pending: return
    }
    guard run.order.id == id else { return }
    var outcome = outcome
    let cost = run.costSoFar + price(of: outcome, run.admitted.action)
    if let earlier = run.measuresSoFar { outcome.measures.join(earlier: earlier) }
    var verdict = judge(outcome, run, killed: killed, cost: cost)
    if verdict.status == .failed, killed == nil {
      let retries = run.admitted.token.grant.constraints.maximumRetries
      if id.attempt <= retries, mayTryAgain(run.admitted.token, at: now) {
        start(
          position, run.admitted, attempt: id.attempt + 1, executedAt: run.executedAt,
          costSoFar: cost, measuresSoFar: outcome.measures, at: now, using: &random, into: &effects)
        return
      }
      if retries > 0, id.attempt > retries {
        verdict = .loopGuard("failed \(id.attempt) times; the last: \(verdict.explanation)")
      }
    }
    let draft = writer.draft(
      jobs[position].burned, verdict: verdict, outcome: outcome, ran: true, action: run.admitted.action,
      inputs: run.admitted.inputs, executedAt: run.executedAt, finishedAt: clock(now), cost: cost,
      salt: random.bytes(16))
    effects.notices.append(.jobEnded(draft.receipt))
    conclude(position, draft, into: &effects)
  }

  /// What a try costs: by what it used where the registry prices that and it was measured, beside the calls of models;
  /// otherwise at least what the registry says of it, so that a sandbox that meters nothing gives nothing away.
  private func price(of outcome: RunOutcome, _ action: ActionDefinition) -> MicroUSD {
    let usage = outcome.measures.usage
    let sent = outcome.measures.egress?.summary.sentBytes ?? 0
    let priced = action.prices?.cost(
      processorNanoseconds: usage?.processorNanoseconds ?? 0, sentBytes: sent)
    guard let priced, usage != nil else {
      return max(outcome.cost + (priced ?? .zero), action.risk.estimatedCost)
    }
    return outcome.cost + priced
  }

  /// What a run's end means. Success takes the guest's own word and its evidence; a module in a
  /// shim's task alone has no guest, and its shim's word is taken.
  private func judge(
    _ outcome: RunOutcome, _ run: Job.Run, killed: KillReason?, cost: MicroUSD
  ) -> ReceiptWriter.Verdict {
    if cost > run.admitted.token.grant.constraints.maximumCost {
      return .loopGuard("cost \(cost.text) USD, more than the token allows")
    }
    switch outcome.ending {
    case .completed(let status):
      guard outcome.guest?.answers(run.order.challenge) == true else {
        return .failed("EVIDENCE", "the guest did not prove what it is")
      }
      guard status == 0 else { return .failed("EXIT_STATUS", "exit status \(status)") }
      return ReceiptWriter.Verdict(status: .succeeded, code: "", explanation: "")
    case .toldByShim(let status):
      // No other class has sandboxes without a guest.
      guard run.order.isolationClass == .container else {
        return .failed("EVIDENCE", "the guest did not prove what it is")
      }
      guard status == 0 else { return .failed("EXIT_STATUS", "exit status \(status), by the shim's word") }
      return ReceiptWriter.Verdict(status: .succeeded, code: "", explanation: "")
    case .signalled(let number): return .failed("SIGNALLED", "ended by signal \(number)")
    case .outOfMemory:
      return .failed("OUT_OF_MEMORY", "needed more than its \(run.order.limits.memoryMiB) MiB of memory")
    case .wallClock:
      return .loopGuard("ran longer than \(run.order.limits.wallSeconds) seconds")
    case .killed:
      guard let killed, killed != .wallClock else { return .loopGuard("did not end in time") }
      return ReceiptWriter.Verdict(
        status: .aborted, code: killed.rawValue, explanation: "stopped while it ran")
    case .sandboxFailed(let what):
      if let killed {
        return ReceiptWriter.Verdict(
          status: .aborted, code: killed.rawValue, explanation: "stopped while it ran: \(what)")
      }
      return .failed("SANDBOX_FAILED", what)
    }
  }

  private func mayTryAgain(_ token: ProvenToken, at now: Uptime) -> Bool {
    obstacle(token, at: now) == nil && clock(now) < token.grant.expiresAt
  }

  // MARK: Stopping

  /// Why a token that was admitted may not run now; nil where it may.
  func obstacle(_ token: ProvenToken, at now: Uptime) -> KillReason? {
    if isShuttingDown { return .shutdown }
    do throws(GateReason) {
      _ = try TokenGate.standing(token, in: context(for: token, at: now))
      return nil
    } catch {
      switch error {
      case .halted: return .halted
      case .restricted: return .restricted
      default: return .leaseLapsed
      }
    }
  }

  mutating func stopWhatMayNotRun(at now: Uptime, into effects: inout ExecutorEffects) {
    for position in jobs.indices {
      guard let run = jobs[position].stoppable else { continue }
      if let reason = obstacle(run.admitted.token, at: now) {
        stop(position, reason, into: &effects)
      } else if now >= run.deadline {
        stop(position, .wallClock, into: &effects)
      }
    }
  }

  mutating func stop(
    _ position: Int, _ reason: KillReason, into effects: inout ExecutorEffects
  ) {
    guard let run = jobs[position].stoppable else { return }
    jobs[position].phase = .stopping(run, reason)
    // Never a run that was asked for in this same step: what forbids it was looked at before.
    effects.kills.append((run.order.id, reason))
  }

  // MARK: Receipts

  mutating func conclude(
    _ burned: BurnedToken, _ draft: ReceiptDraft, into effects: inout ExecutorEffects
  ) {
    let ticket = write(
      TokenRecord.key(burned.token.id), TokenRecord.reported(burned, draft).bytes, into: &effects)
    insert(Job(burned: burned, phase: .concluding(ticket, draft)))
  }

  private mutating func conclude(
    _ position: Int, _ draft: ReceiptDraft, into effects: inout ExecutorEffects
  ) {
    let burned = jobs[position].burned
    let ticket = write(
      TokenRecord.key(burned.token.id), TokenRecord.reported(burned, draft).bytes, into: &effects)
    jobs[position].phase = .concluding(ticket, draft)
  }

  mutating func reportAgain(at now: Uptime, into effects: inout ExecutorEffects) {
    for position in jobs.indices {
      guard case .pending(let report, let since, let last) = jobs[position].phase,
        now.since(last) >= settings.reportInterval
      else { continue }
      send(report.next, of: position, since: since, at: now, into: &effects)
    }
  }

  mutating func send(
    _ report: ReceiptReport, of position: Int, since: Uptime, at now: Uptime,
    into effects: inout ExecutorEffects
  ) {
    effects.reports.append(report)
    jobs[position].phase = .pending(report, since: since, reportedAt: now)
  }

  /// As many as it takes to sign now: what is proven of that, where anything is, and otherwise what this executor's file says.
  private var believedRefusals: Int { identity.keys.threshold ?? settings.believedRefusals }

  /// Governance does not take the artifact of a result, for good or for too long: the receipt then says
  /// that the result was not kept. One node's word is not governance's: it may lie, and another may have had the
  /// artifact, and the receipt that names it, put into the ledger. Where as many refuse as it takes to sign, one of
  /// them is honest, and what the receipt names is not there.
  mutating func resultRefused(
    of token: String, by node: String, _ why: String, isFinal: Bool, at now: Uptime,
    using random: inout some RandomNumberGenerator, into effects: inout ExecutorEffects
  ) {
    guard let position = position(of: token),
      case .pending(let report, let since, _) = jobs[position].phase, report.draft.artifact != nil
    else { return }
    jobs[position].refusals.removeAll { $0.node == node }
    jobs[position].refusals.append((node, isFinal))
    let isLate = now.since(since) >= settings.resultPatience
    guard jobs[position].refusals.count(where: { $0.isFinal || isLate }) >= believedRefusals else {
      return
    }
    conclude(position, writer.withoutArtifact(report.draft, why, salt: random.bytes(16)), into: &effects)
  }

  /// A receipt is in the ledger for good (RT-12). Its nonce stays used.
  mutating func settle(_ proof: LedgerProof, into effects: inout ExecutorEffects) {
    guard let known = identity.keys.signer(of: proof.note) else {
      effects.notices.append(.proofRefused("signed by no known group key"))
      return
    }
    let record: Record
    let checkpoint: CheckpointNote
    do {
      (record, checkpoint) = try proof.verify(cluster: identity.keys.cluster, groupKey: known.key)
    } catch {
      effects.notices.append(.proofRefused(error.description))
      return
    }
    guard known.signs(size: checkpoint.size), case .receipt(let signed) = record.body,
      let position = position(of: signed.content.tokenID),
      case .pending(let report, _, _) = jobs[position].phase, report.draft.receipt == signed.content
    else {
      effects.notices.append(.proofRefused("not a receipt that is waited for"))
      return
    }
    letGo(of: position, into: &effects)
    effects.notices.append(.receiptProven(token: signed.content.tokenID))
  }

  /// A node takes a receipt no more (Docs/Decisions/029-late-receipts.md). Where as many say so as it takes to sign, one of
  /// them is honest; then the ledger has a receipt of this executor's for the token, or takes none any more, and to wait for
  /// a proof would be to wait for ever.
  mutating func receiptRefused(of token: String, by node: String, into effects: inout ExecutorEffects) {
    guard let position = position(of: token), case .pending(let report, _, _) = jobs[position].phase else {
      return
    }
    if !jobs[position].refusers.contains(node) { jobs[position].refusers.append(node) }
    guard jobs[position].refusers.count >= believedRefusals else { return }
    letGo(of: position, into: &effects)
    effects.notices.append(.receiptGivenUp(report.draft.receipt))
  }

  private mutating func letGo(of position: Int, into effects: inout ExecutorEffects) {
    let grant = jobs[position].burned.token.grant
    let settled = TokenRecord.settled(
      id: grant.tokenID, nonce: grant.nonce, expiresAt: grant.expiresAt)
    _ = write(TokenRecord.key(grant.tokenID), settled.bytes, into: &effects)
    jobs.remove(at: position)
  }
}

extension ReceiptWriter.Verdict {
  static func failed(_ code: String, _ explanation: String) -> Self {
    Self(status: .failed, code: code, explanation: explanation)
  }

  /// RT-11: a limit on retries, wall time or cost was exceeded.
  static func loopGuard(_ explanation: String) -> Self {
    Self(status: .aborted, code: "LOOP_GUARD", explanation: explanation, loopGuard: true)
  }
}
