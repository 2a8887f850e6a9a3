import Wire

// What a liar says of where it stands: of its term, of its log and of its state.
extension Liar {
  /// Mostly some terms ahead, now and then as far as numbers go.
  mutating func raiseTerm(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard randoms[.higherTerms].chance(10_000) else { return }
    let step =
      randoms[.higherTerms].chance(100_000)
      ? randoms[.higherTerms].next() >> 1 : 1 + randoms[.higherTerms].below(20)
    func raised(_ term: UInt64) -> UInt64 { term.addingReportingOverflow(step).partialValue }
    switch message {
    case .voteCall(var call):
      call.term = raised(call.term)
      call.preVote = randoms[.higherTerms].chance(500_000)
      call.isTransfer = randoms[.higherTerms].chance(500_000)
      message = .voteCall(call)
    case .voteAnswer(var answer):
      answer.term = raised(answer.term)
      message = .voteAnswer(answer)
    case .appendCall(var call):
      call.term = raised(call.term)
      message = .appendCall(call)
    case .appendAnswer(var answer):
      answer.term = raised(answer.term)
      message = .appendAnswer(answer)
    case .signCall(var call):
      call.term = raised(call.term)
      message = .signCall(call)
    case .durable(var durable):
      durable.term = raised(durable.term)
      message = .durable(durable)
    default: return
    }
    oracles.count(fault: "lie: higher term")
  }

  /// An answer or a receipt of the log that says more or less than it holds, or another root.
  mutating func acknowledgeFalsely(_ message: inout PeerMessage, _ oracles: inout Oracles) {
    guard randoms[.falseAcknowledgements].chance(50_000) else { return }
    if var answer = message.appendAnswer {
      answer.outcome = UInt32(1 + randoms[.falseAcknowledgements].below(5))
      let shift = randoms[.falseAcknowledgements].below(8)
      answer.index =
        randoms[.falseAcknowledgements].chance(500_000)
        ? answer.index + shift : answer.index - min(answer.index, shift)
      answer.hint = randoms[.falseAcknowledgements].below(answer.index + 8)
      message = .appendAnswer(answer)
    } else if var durable = message.durable {
      durable.size += randoms[.falseAcknowledgements].below(8)
      if randoms[.falseAcknowledgements].chance(500_000) {
        durable.root = randoms[.falseAcknowledgements].bytes(32)
      }
      message = .durable(durable)
    } else {
      return
    }
    oracles.count(fault: "lie: false acknowledgement")
  }

  /// The first proposal of a piece of the state is not in it.
  func spoilState(_ message: inout PeerMessage) {
    guard var piece = message.snapshotPiece,
      let position = piece.names.firstIndex(where: { $0.hasPrefix("proposal/") })
    else { return }
    piece.names.remove(at: position)
    piece.cells.remove(at: position)
    message = .snapshotPiece(piece)
  }
}
