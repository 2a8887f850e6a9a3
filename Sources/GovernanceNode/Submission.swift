import Canonical
import ClawLedger
import ClawShield
import Crypto
import Raft
import Records
import Wire

#if SIMULATION
import Mutants
#endif

/// What someone wants in the log, and who waits for it.
struct Submission: Sendable {
  let body: RecordBody
  let attachment: Attachment
  /// What is answered when the record is final; nil where nobody waits.
  let purpose: Purpose?
}

/// Why a call waits for a record.
enum Purpose: Equatable, Sendable {
  /// Submit, CastBallot, Withdraw: the outcome of the proposal.
  case outcome(CallKey)
  /// Enrol, Policy, Lift: that the act is final.
  case act(CallKey)
  /// Report: the receipt's proof.
  case report(CallKey)
  /// Put: the artifact's leaf.
  case artifact(CallKey)

  var key: CallKey {
    switch self {
    case .outcome(let key), .act(let key), .report(let key), .artifact(let key): key
    }
  }
}

extension GovernanceNode {
  /// Brings a record into the log: appends it here, if this node leads, or forwards it.
  mutating func submit(_ submission: Submission, into effects: inout NodeEffects) {
    switch admits(submission.body, attachment: submission.attachment) {
    case .known(let index):
      wait(submission, at: index, into: &effects)
      return
    case .refuse(let refusal):
      if let purpose = submission.purpose {
        let status = told(refusal.code.status, refusal.message, of: submission)
        effects.answers.append(.respond(purpose.key, status, payload: []))
      }
      return
    case .accept: break
    }
    guard raft.mayPropose else {
      guard clients.forward(submission, at: now.monotonic) else {
        if let purpose = submission.purpose {
          refuse(
            purpose.key, .resourceExhausted,
            "\(ClientTable.maximumForwards) submissions wait here for a leader; try again", into: &effects)
        }
        return
      }
      sendForwards(into: &effects)
      return
    }
    switch append(submission.body, submission.attachment, into: &effects) {
    case .success(let index): wait(submission, at: index, into: &effects)
    case .failure(let status):
      if let purpose = submission.purpose {
        effects.answers.append(.respond(purpose.key, status, payload: []))
      }
    }
  }

  /// Appends a record as leader, and with it every record that it implies.
  mutating func append(_ body: RecordBody, _ attachment: Attachment, into effects: inout NodeEffects)
    -> Result<LeafIndex, CallStatus>
  {
    if case .members(let act, _) = body {
      let configuration = overlay.head.configuration(for: act.content)
      return appendMembers(.members(act, configuration), configuration, into: &effects)
    }
    #if SIMULATION
    let record = Record(
      at: Mutant.clockAlone.isActive ? now.wall : max(now.wall, raft.log.logTime), body: body)
    #else
    let record = Record(at: max(now.wall, raft.log.logTime), body: body)
    #endif
    let bytes = record.bytes
    guard bytes.count <= Record.maximumBytes else {
      return .failure(
        CallStatus(
          .invalidArgument,
          "expected a record of at most \(Record.maximumBytes) bytes, this one has \(bytes.count)"))
    }
    guard (try? Record(parsing: bytes)) != nil else {
      return .failure(CallStatus(.invalidArgument, "expected a record that every node can read"))
    }
    let payload = EntryPayload(record: bytes, attachment: attachment.bytes).bytes
    do {
      let indices = try raft.propose([payload], isHeld: true, at: now.monotonic, into: &raftEffects)
      for evidence in overlay.follow(raft.log) { effects.notices.append(.evidence(evidence)) }
      writeOwed(into: &effects)
      return .success(LeafIndex(indices.lowerBound.rawValue - 1))
    } catch {
      return .failure(status(of: error))
    }
  }

  func status(of refusal: ProposalRefusal) -> CallStatus {
    switch refusal {
    case .notLeader, .termEntryPending, .termEntryAppended:
      CallStatus(.unavailable, "there is no leader at the moment; try again")
    case .transferPending:
      CallStatus(.unavailable, "leadership is being handed over; try again")
    case .termNotCommitted, .configurationPending:
      CallStatus(.unavailable, "an earlier change of members is not committed yet; try again")
    case .invalidChange(let fault): CallStatus(.failedPrecondition, "\(fault)")
    case .busy:
      CallStatus(.resourceExhausted, "too much is not yet durable; try again")
    case .tooLarge(_, let limit):
      CallStatus(.invalidArgument, "expected at most \(limit) bytes with the attachment")
    case .empty: CallStatus(.internal, "nothing was proposed")
    }
  }

  /// Writes down what follows from the log: decisions, breaker incidents, expiries. The leader's only
  /// choice is which eligible executor an approval names. They leave together, with what was held before them.
  ///
  mutating func writeOwed(into effects: inout NodeEffects) {
    defer { raft.sendHeld(at: now.monotonic, into: &raftEffects) }
    for _ in 0..<256 {
      guard raft.mayPropose, let body = nextOwed() else { return }
      let record = Record(at: max(now.wall, raft.log.logTime), body: body)
      let payload = EntryPayload(record: record.bytes, attachment: []).bytes
      let before = raft.log.size
      guard (try? raft.propose([payload], isHeld: true, at: now.monotonic, into: &raftEffects)) != nil
      else { return }
      for evidence in overlay.follow(raft.log) { effects.notices.append(.evidence(evidence)) }
      precondition(raft.log.size == before + 1, "a proposal appends one entry")
    }
  }

  /// The first of what is owed that can be written now.
  ///
  /// An approval for which no executor is here becomes a denial, and for good. A node that has just begun may not have heard of
  /// them yet: that decision waits, and nothing else with it; every pulse looks again.
  private mutating func nextOwed() -> RecordBody? {
    for owed in overlay.head.owed {
      switch owed {
      case .incident(let incident): return .derivedIncident(incident)
      case .decision(let decision):
        let eligible = overlay.head.eligibleExecutors(for: decision).map(\.principal)
        let executor = executors.choose(
          among: eligible, needing: overlay.head.isolationClass(for: decision), at: now.monotonic)
        let isApproval = decision.decisionType == .approve
        if isApproval, executor == nil, !eligible.isEmpty, !hasHeardOfExecutors { continue }
        return .decision(overlay.head.decision(for: decision, executor: executor))
      }
    }
    return nil
  }

  /// Whether this node has run for so long that an executor of which it has not heard is not there: executors ask for a lease
  /// with every third of one, and peers have connected to it by then.
  private var hasHeardOfExecutors: Bool {
    beganAt + Self.leaseInterval + Self.leaseInterval <= now.monotonic
  }

  // MARK: Forwarding

  /// Sends what waits for a leader to the one there is now.
  mutating func sendForwards(into effects: inout NodeEffects) {
    guard let leader = raft.leader else { return }
    if leader == raft.id {
      guard raft.mayPropose else { return }
      for forward in clients.takeForwards() { submit(forward.submission, into: &effects) }
      return
    }
    for forward in clients.unsent(to: leader, at: now.monotonic) {
      let call = ForwardCall(
        id: forward.id, type: forward.submission.body.type.rawValue,
        statement: forward.statement, attachment: forward.submission.attachment.bytes)
      effects.messages.append((leader, PeerMessage.forwardCall(call)))
    }
  }

  mutating func pursueForwards(
    using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    for purpose in clients.expireForwards(at: now.monotonic) {
      effects.answers.append(
        .respond(
          purpose.key,
          CallStatus(
            .unavailable,
            "no leader took this within thirty seconds; its outcome is unknown, ask again with the same request id"
          ),
          payload: []))
    }
    pursueCensorship(using: &random, into: &effects)
    sendForwards(into: &effects)
  }

  mutating func onForwardCall(
    _ call: ForwardCall, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    var answer = ForwardAnswer(id: call.id)
    defer { effects.messages.append((sender, PeerMessage.forwardAnswer(answer))) }
    guard raft.mayPropose else {
      answer.code = StatusCode.unavailable.rawValue
      return
    }
    guard let (body, attachment) = forwarded(call) else {
      answer.code = StatusCode.invalidArgument.rawValue
      answer.message = "expected a signed statement and its attachment"
      return
    }
    switch admits(body, attachment: attachment) {
    case .known(let index): answer.index = index.value
    case .refuse(let refusal):
      answer.code = refusal.code.status.rawValue
      answer.message = refusal.message
    case .accept:
      switch append(body, attachment, into: &effects) {
      case .success(let index): answer.index = index.value
      case .failure(let status):
        answer.code = status.code.rawValue
        answer.message = status.message
      }
    }
    takeUp(using: &random, into: &effects)
  }

  /// What a peer forwards, if it can be read and may be forwarded.
  func forwarded(_ call: ForwardCall) -> (RecordBody, Attachment)? {
    guard let type = RecordType(rawValue: call.type), Self.isForwardable(type),
      let body = try? Statements.body(type, call.statement),
      let attachment = try? Attachment(parsing: call.attachment),
      (try? attachment.check(against: body)) != nil
    else { return nil }
    return (body, attachment)
  }

  /// What may enter the log from outside a leader: what its originator signed, and artifacts.
  private static func isForwardable(_ type: RecordType) -> Bool {
    switch type {
    case .proposal, .ballot, .withdrawal, .receipt, .incident, .enrol, .policy, .version, .members, .artifact,
      .recovery:
      true
    case .genesis, .term, .tick, .key, .decision: false
    }
  }

  mutating func onForwardAnswer(
    _ answer: ForwardAnswer, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard let submission = clients.forwarded(answer.id, to: sender) else { return }
    guard let code = StatusCode(rawValue: answer.code) else { return }
    switch code {
    case .ok:
      let index = LeafIndex(answer.index)
      // Its word is kept when the log reaches there.
      if index.value < raft.log.size {
        clients.endForward(answer.id)
      } else {
        clients.change(answer.id) { $0.promised = index }
      }
      wait(submission, at: index, into: &effects)
    case .unavailable: clients.resend(answer.id)
    default:
      // Back-pressure is an answer; another refusal is one if this node's own state confirms it.
      if code != .resourceExhausted,
        case .accept = admits(submission.body, attachment: submission.attachment)
      {
        return
      }
      clients.endForward(answer.id)
      guard let purpose = submission.purpose else { return }
      let status = told(code, answer.message, of: submission)
      effects.answers.append(.respond(purpose.key, status, payload: []))
    }
  }

  /// A refusal as its caller hears it. That a receipt is taken no more ends an executor's waiting: it is said of what is
  /// final here alone.
  private func told(_ code: StatusCode, _ message: String, of submission: Submission) -> CallStatus {
    guard [.notFound, .alreadyExists].contains(code), case .receipt(let signed) = submission.body else {
      return CallStatus(code, message)
    }
    let decision = signed.content.decision.value
    if decision < finality.size,
      case .refuse(let refusal) = overlay.final.admits(
        submission.body, attachment: submission.attachment, at: now.wall),
      refusal.code.status == code
    {
      return CallStatus(code, message)
    }
    return CallStatus(.unavailable, "this is not final here yet (\(message)); try again, or ask another node")
  }
}

extension Refusal.Code {
  /// The gRPC status of a refusal.
  var status: StatusCode {
    switch self {
    case .invalidArgument: .invalidArgument
    case .permissionDenied: .permissionDenied
    case .alreadyExists: .alreadyExists
    case .failedPrecondition: .failedPrecondition
    case .resourceExhausted: .resourceExhausted
    case .notFound: .notFound
    }
  }
}
