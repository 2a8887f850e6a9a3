#if SIMULATION
import Mutants
#endif

// Reads that see everything committed before they were asked for, without writing (read index, dissertation
// §6.4).

/// What became of a read.
public struct ReadOutcome: Hashable, Sendable {
  /// What the owner gave to ``RaftInstance/requestRead(_:at:into:)``.
  public let ticket: UInt64
  /// The read may be served from state that is applied through here; nil where nobody could vouch for one:
  /// ask again.
  public let index: LogIndex?

  public init(ticket: UInt64, index: LogIndex?) {
    self.ticket = ticket
    self.index = index
  }
}

/// Reads under way.
struct Reads: Sendable {
  /// As leader: waits until a quorum has answered a heartbeat that was sent after the question.
  struct Confirming: Sendable {
    /// Nil for this node's own.
    let asker: NodeID?
    /// The asker's context, or this node's own ticket.
    let context: UInt64
    let index: LogIndex
    let round: UInt64
  }

  /// As follower: waits for the leader's answer.
  struct Asked: Sendable {
    let context: UInt64
    let ticket: UInt64
    let deadline: Instant
  }

  /// Ascending by round.
  var confirming: [Confirming] = []
  /// In the order of asking.
  var asked: [Asked] = []
  /// Begins at random in each life of the node and only counts up: an answer to a question of an earlier life
  /// is not taken for one to this.
  var nextContext: UInt64

  static var limit: Int { 4_096 }
}

extension RaftInstance {
  /// Asks from which index on a read is linearizable. The outcome comes in ``Effects/reads``, maybe at once.
  ///
  /// `ticket` is the owner's; it may reuse one after its outcome.
  public mutating func requestRead(_ ticket: UInt64, at now: Instant, into effects: inout Effects) {
    if role == .leader {
      confirm(asker: nil, context: ticket, at: now, into: &effects)
      flush(at: now, into: &effects)
      return
    }
    guard let leader, reads.asked.count < Reads.limit else {
      effects.reads.append(ReadOutcome(ticket: ticket, index: nil))
      return
    }
    let context = reads.nextContext
    #if SIMULATION
    if !Mutant.readIDReused.isActive { reads.nextContext &+= 1 }
    #else
    reads.nextContext &+= 1
    #endif
    reads.asked.append(
      Reads.Asked(context: context, ticket: ticket, deadline: now + settings.electionTimeout))
    say(.readRequest(ReadRequest(term: currentTerm, context: context)), to: leader)
    flush(at: now, into: &effects)
  }

  /// A leader that has not committed an entry of its own term does not know what is committed, and one that
  /// hands over may have a successor: neither says anything.
  private mutating func confirm(
    asker: NodeID?, context: UInt64, at now: Instant, into effects: inout Effects
  ) {
    #if SIMULATION
    if Mutant.readBeforeFirstCommit.isActive, leading.transfer == nil {
      reads.confirming.append(
        Reads.Confirming(asker: asker, context: context, index: commitIndex, round: leading.round + 1))
      heartbeat(at: now, into: &effects)
      return
    }
    if Mutant.readWhileTransferring.isActive, leading.transfer != nil {
      conclude(asker: asker, context: context, index: commitIndex, into: &effects)
      return
    }
    #endif
    guard let opened = leading.termRecord, opened <= commitIndex, leading.transfer == nil,
      reads.confirming.count < Reads.limit
    else {
      conclude(asker: asker, context: context, index: nil, into: &effects)
      return
    }
    reads.confirming.append(
      Reads.Confirming(asker: asker, context: context, index: commitIndex, round: leading.round + 1))
    // A round that is already to come serves all who ask before it.
    heartbeat(at: now, into: &effects)
    confirmReads(into: &effects)
  }

  /// Concludes the reads whose round a quorum has answered.
  mutating func confirmReads(into effects: inout Effects) {
    guard !reads.confirming.isEmpty else { return }
    #if SIMULATION
    if Mutant.readQuorumTooSmall.isActive {
      let rounds = leading.progress.map(\.answeredRound).sorted(by: >)
      let needed = configuration.voters.count / 2 - 1
      concludeReads(through: needed == 0 ? .max : rounds[needed - 1], into: &effects)
      return
    }
    #endif
    let answered = configuration.quorum.reached { voter in
      if voter == id { return UInt64.max }
      return leading.position(of: voter).map { leading.progress[$0].answeredRound }
    }
    concludeReads(through: answered, into: &effects)
  }

  private mutating func concludeReads(through answered: UInt64, into effects: inout Effects) {
    let done = reads.confirming.prefix { $0.round <= answered }
    reads.confirming.removeFirst(done.count)
    for read in done {
      conclude(asker: read.asker, context: read.context, index: read.index, into: &effects)
    }
  }

  private mutating func conclude(
    asker: NodeID?, context: UInt64, index: LogIndex?, into effects: inout Effects
  ) {
    if let asker {
      say(.readResponse(ReadResponse(term: currentTerm, context: context, index: index)), to: asker)
    } else {
      effects.reads.append(ReadOutcome(ticket: context, index: index))
    }
  }

  mutating func onReadRequest(
    _ request: ReadRequest, from peer: NodeID, at now: Instant, into effects: inout Effects
  ) {
    guard role == .leader, request.term == currentTerm else { return }
    confirm(asker: peer, context: request.context, at: now, into: &effects)
  }

  mutating func onReadResponse(
    _ response: ReadResponse, from sender: NodeID, into effects: inout Effects
  ) {
    guard sender == leader, response.term == currentTerm,
      let position = reads.asked.firstIndex(where: { $0.context == response.context })
    else { return }
    let asked = reads.asked.remove(at: position)
    let isSane = response.index.map { $0 <= .limit } ?? true
    effects.reads.append(ReadOutcome(ticket: asked.ticket, index: isSane ? response.index : nil))
  }

  /// What waits for somebody who may no longer answer is given back.
  mutating func failReads(into effects: inout Effects) {
    for read in reads.confirming where read.asker == nil {
      effects.reads.append(ReadOutcome(ticket: read.context, index: nil))
    }
    for read in reads.asked { effects.reads.append(ReadOutcome(ticket: read.ticket, index: nil)) }
    reads.confirming.removeAll()
    reads.asked.removeAll()
  }

  mutating func expireReads(at now: Instant, into effects: inout Effects) {
    let late = reads.asked.prefix { $0.deadline <= now }
    for read in late { effects.reads.append(ReadOutcome(ticket: read.ticket, index: nil)) }
    reads.asked.removeFirst(late.count)
  }
}
