import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

// From an offer to a burned nonce.
extension ExecutorInstance {
  mutating func take(_ offer: OfferedJob, at now: Uptime, into effects: inout ExecutorEffects) {
    if let lease = offer.lease { take(lease, isExtra: true, at: now, into: &effects) }
    let token: ProvenToken
    do {
      token = try TokenGate.prove(offer.token, for: identity)
    } catch {
      effects.notices.append(.offerRefused(error.reason))
      return
    }
    if queue.contains(where: { $0.token.id == token.id }) { return }
    if let position = position(of: token.id) {
      // Governance offers again what it has no receipt of.
      if case .pending(let report, let since, _) = jobs[position].phase {
        send(report.next, of: position, since: since, at: now, into: &effects)
      }
      return
    }
    guard !nonces.isUsed(token.grant.nonce) else {
      effects.notices.append(.offerRefused(.nonceUsed))
      return
    }
    // Whoever offers a good token with something else beside it must not use it up.
    switch Result(catching: { () throws(GateReason) in try TokenGate.parameters(of: offer, token) }) {
    case .failure(let reason) where reason.isOfTheOffer:
      effects.notices.append(.offerRefused(reason))
      return
    case .failure, .success: break
    }
    guard !isShuttingDown, queue.count < settings.maximumQueue else {
      effects.notices.append(.queueFull(limit: settings.maximumQueue))
      return
    }
    queue.append(QueuedJob(token: token, offer: offer))
  }

  /// Burns the nonces of queued jobs that may run and have their inputs, as far as there is room; refuses those
  /// that never may. A job that waits for its inputs lets others pass.
  mutating func startWhatMay(
    at now: Uptime, using random: inout some RandomNumberGenerator,
    into effects: inout ExecutorEffects
  ) {
    guard isPreflightDone else { return }
    var position = 0
    while position < queue.count, !isShuttingDown {
      guard jobs.count(where: { $0.isActive }) < settings.maximumRunning, !owesReceipt(at: now) else {
        return
      }
      let queued = queue[position]
      do throws(GateReason) {
        let admitted = try TokenGate.judge(
          queued.token, queued.offer, in: context(for: queued.token, at: now), nonces: nonces)
        guard try hasInputs(position, admitted, at: now, into: &effects) else {
          position += 1
          continue
        }
        var complete = admitted
        complete.inputs = queue.remove(at: position).gathering?.held ?? []
        burn(complete, at: now, into: &effects)
      } catch {
        if error.isTransient || nonces.isFull {
          // What was being fetched begins anew: the time in which nothing could run was not the inputs' fault.
          queue[position].gathering = nil
          position += 1
        } else {
          queue.remove(at: position)
          refuse(queued.token, error, at: now, using: &random, into: &effects)
        }
      }
    }
  }

  /// Whether governance has left a receipt unproven for too long: what it does not know of, it cannot
  /// answer for (DESIGN, "Execution").
  func owesReceipt(at now: Uptime) -> Bool {
    jobs.contains { job in
      if case .pending(_, let since, _) = job.phase {
        return now.since(since) > settings.receiptPatience
      }
      return false
    }
  }

  func context(for token: ProvenToken, at now: Uptime) -> GateContext {
    let minuteAgo = recentRuns.partitioningIndex { now.since($0.at) < .seconds(60) }
    let runs = recentRuns[minuteAgo...].count { $0.action == token.decision.action }
    return GateContext(
      identity: identity, lease: leases.live(at: now), registry: registry,
      activeClasses: activeClasses, images: images, now: now, runsInLastMinute: runs)
  }

  private mutating func burn(
    _ admitted: AdmittedJob, at now: Uptime, into effects: inout ExecutorEffects
  ) {
    let burned = BurnedToken(
      token: admitted.token, burnedAt: clock(now), imageDigest: admitted.action.imageDigest,
      isolationClass: admitted.isolationClass)
    enterNonce(of: admitted.token)
    #if SIMULATION
    // Something is written, and not this: what happened is known once it is over.
    let key = Mutant.nonceBurnedAfterRun.isActive ? "none" : TokenRecord.key(admitted.token.id)
    #else
    let key = TokenRecord.key(admitted.token.id)
    #endif
    let ticket = write(key, TokenRecord.burned(burned).bytes, into: &effects)
    recentRuns.removeAll { now.since($0.at) >= .seconds(60) }
    recentRuns.append((admitted.action.name, now))
    insert(Job(burned: burned, phase: .burning(ticket, admitted)))
  }

  /// A refusal is for good: its nonce is burned with the receipt, in one write.
  mutating func refuse(
    _ token: ProvenToken, _ reason: GateReason, at now: Uptime,
    using random: inout some RandomNumberGenerator, into effects: inout ExecutorEffects
  ) {
    guard !mayHaveHadReceipt(reason) else {
      effects.notices.append(.offerRefused(reason))
      return
    }
    let time = clock(now)
    let burned = BurnedToken(token: token, burnedAt: time, imageDigest: "", isolationClass: nil)
    let verdict = ReceiptWriter.Verdict(
      status: .refused, code: reason.code, explanation: reason.description)
    let draft = writer.draft(
      burned, verdict: verdict, outcome: nil, ran: false, executedAt: time, finishedAt: time,
      cost: .zero, salt: random.bytes(16))
    effects.notices.append(.jobRefused(draft.receipt, reason))
    enterNonce(of: token)
    conclude(burned, draft, into: &effects)
  }

  /// Whether the token may have been done with before: then a receipt for its refusal would contradict
  /// the one it had.
  private func mayHaveHadReceipt(_ reason: GateReason) -> Bool {
    switch reason {
    case .nonceUsed: true
    case .expired(let end, let now): end.advanced(by: NonceRegistry.retention) < now
    default: false
    }
  }

  private mutating func enterNonce(of token: ProvenToken) {
    let entered = nonces.burn(
      token.grant.nonce, token: token.id, expiresAt: token.grant.expiresAt)
    precondition(entered, "a nonce is burned once, and only while there is room")
  }
}
