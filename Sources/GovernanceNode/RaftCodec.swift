import Raft
import Wire

/// Raft's messages as the peer protocol carries them.
enum RaftCodec {
  static func encode(_ message: Raft.Message) -> PeerMessage {
    switch message {
    case .voteRequest(let request):
      PeerMessage.voteCall(
        VoteCall(
          term: request.term.rawValue, lastIndex: request.lastIndex.rawValue,
          lastTerm: request.lastTerm.rawValue, preVote: request.preVote, isTransfer: request.isTransfer))
    case .voteResponse(let response):
      PeerMessage.voteAnswer(
        VoteAnswer(
          term: response.term.rawValue, granted: response.granted, preVote: response.preVote))
    case .appendRequest(let request):
      PeerMessage.appendCall(
        AppendCall(
          term: request.term.rawValue, previousIndex: request.previousIndex.rawValue,
          previousTerm: request.previousTerm.rawValue, previousRoot: request.previousRoot.bytes,
          entries: request.entries.map { LogEntry(term: $0.term.rawValue, payload: $0.payload) },
          leaderCommit: request.leaderCommit.rawValue, round: request.round,
          transferee: request.transferee?.rawValue ?? 0))
    case .appendResponse(let response): PeerMessage.appendAnswer(answer(response))
    case .timeoutNow(let request): PeerMessage.timeoutNow(TimeoutNowCall(term: request.term.rawValue))
    case .readRequest(let request):
      PeerMessage.readCall(ReadCall(term: request.term.rawValue, context: request.context))
    case .readResponse(let response):
      PeerMessage.readAnswer(
        ReadAnswer(
          term: response.term.rawValue, context: response.context, index: response.index?.rawValue ?? 0,
          isKnown: response.index != nil))
    }
  }

  private static func answer(_ response: AppendResponse) -> AppendAnswer {
    var answer = AppendAnswer(term: response.term.rawValue, round: response.round)
    switch response.outcome {
    case .matched(let index):
      answer.outcome = 1
      answer.index = index.rawValue
    case .rejected(let previous, let hint, let hintTerm):
      answer.outcome = 2
      answer.index = previous.rawValue
      answer.hint = hint.rawValue
      answer.outcomeTerm = hintTerm.rawValue
    case .ahead(let index):
      answer.outcome = 3
      answer.index = index.rawValue
    case .refused(let index):
      answer.outcome = 4
      answer.index = index.rawValue
    case .lost(let index):
      answer.outcome = 5
      answer.index = index.rawValue
    }
    return answer
  }

  /// The Raft message in `message`; nil where it holds none, or one that cannot be read.
  static func decode(_ message: PeerMessage) -> Raft.Message? {
    switch message {
    case .voteCall(let call):
      .voteRequest(
        VoteRequest(
          term: Term(rawValue: call.term), lastIndex: LogIndex(rawValue: call.lastIndex),
          lastTerm: Term(rawValue: call.lastTerm), preVote: call.preVote, isTransfer: call.isTransfer))
    case .voteAnswer(let answer):
      .voteResponse(
        VoteResponse(
          term: Term(rawValue: answer.term), granted: answer.granted, preVote: answer.preVote))
    case .appendCall(let call): append(call)
    case .appendAnswer(let answer): outcome(answer)
    case .timeoutNow(let call): .timeoutNow(TimeoutNow(term: Term(rawValue: call.term)))
    case .readCall(let call):
      .readRequest(ReadRequest(term: Term(rawValue: call.term), context: call.context))
    case .readAnswer(let answer):
      .readResponse(
        ReadResponse(
          term: Term(rawValue: answer.term), context: answer.context,
          index: answer.isKnown ? LogIndex(rawValue: answer.index) : nil))
    default: nil
    }
  }

  private static func append(_ call: AppendCall) -> Raft.Message? {
    guard let root = LogRoot(bytes: call.previousRoot), call.previousIndex <= LogIndex.limit.rawValue
    else { return nil }
    var entries: [Entry] = []
    entries.reserveCapacity(call.entries.count)
    for (offset, entry) in call.entries.enumerated() {
      entries.append(
        Entry(
          term: Term(rawValue: entry.term),
          index: LogIndex(rawValue: call.previousIndex + 1 + UInt64(offset)), payload: entry.payload))
    }
    return .appendRequest(
      AppendRequest(
        term: Term(rawValue: call.term), previousIndex: LogIndex(rawValue: call.previousIndex),
        previousTerm: Term(rawValue: call.previousTerm), previousRoot: root, entries: entries,
        leaderCommit: LogIndex(rawValue: call.leaderCommit), round: call.round,
        transferee: NodeID(rawValue: call.transferee)))
  }

  private static func outcome(_ answer: AppendAnswer) -> Raft.Message? {
    let index = LogIndex(rawValue: answer.index)
    let outcome: AppendResponse.Outcome
    switch answer.outcome {
    case 1: outcome = .matched(index)
    case 2:
      outcome = .rejected(
        previousIndex: index, hint: LogIndex(rawValue: answer.hint),
        hintTerm: Term(rawValue: answer.outcomeTerm))
    case 3: outcome = .ahead(index)
    case 4: outcome = .refused(index)
    case 5: outcome = .lost(after: index)
    default: return nil
    }
    return .appendResponse(
      AppendResponse(term: Term(rawValue: answer.term), outcome: outcome, round: answer.round))
  }
}
