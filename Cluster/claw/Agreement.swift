import Canonical
import Records
import Wire

// What operators sign, and what they are told of what they have signed, rests on no one node's word: a party may lie. What is in
// the ledger is proven; of the rest as many nodes must say the same as sign, of which at least one is honest.

extension Session {
  /// What as many nodes say as sign, asked all at once, for at most five seconds. Nodes that are on different leaves for a moment
  /// are asked again.
  ///
  /// - Parameters:
  ///   - what: in words, for who reads that they do not agree.
  ///   - read: what an answer says; throws or is nil where it says nothing.
  /// - Throws: what as many nodes refuse with as sign, or that too few say the same.
  func agreed<Answer: WireMessage, Value: Equatable>(
    _ method: String, _ request: some WireMessage, of _: Answer.Type, on what: String,
    _ read: (Answer) throws -> Value?
  ) throws -> Value {
    let threshold = threshold
    func value(_ answer: NodeAnswer<Answer>) -> Value? { answer.message.flatMap { try? read($0) } }
    func common(_ answers: [NodeAnswer<Answer>]) -> Value? {
      let said = answers.compactMap(value)
      return said.first { one in said.count { $0 == one } >= threshold }
    }
    func isDecided(_ answers: [NodeAnswer<Answer>]) -> Bool {
      common(answers) != nil || answers.count(where: \.isRefusal) >= threshold
    }
    var answers: [NodeAnswer<Answer>] = []
    for attempt in 0..<3 {
      if attempt > 0 { Environment.pause(milliseconds: 300) }
      answers = try everyNode(method, request, of: Answer.self, timeout: .seconds(5)) { answers in
        isDecided(answers) ? .zero : nil
      }
      if let value = common(answers) { return value }
      guard answers.count(where: { $0.message != nil }) >= threshold else { break }
    }
    let refusals = answers.filter(\.isRefusal)
    if refusals.count >= threshold, case .failure(let status) = refusals[0].result {
      throw Failure(status, node: refusals.map(\.node.name).joined(separator: ", "))
    }
    let heard = answers.map { answer in
      switch answer.result {
      case .success:
        "\(answer.node.name): \(value(answer) == nil ? "says nothing of it" : "says what too few say")"
      case .failure(let status): "\(answer.node.name): \(status)"
      }
    }
    throw Failure(
      .unreachable,
      "\(what): it takes \(threshold) nodes that say the same, since one may lie. "
        + (heard + strangers.map { "\($0): \(strangeness)" }).joined(separator: "; "))
  }

  /// Hands an act of operators in, to one node after the other until one proves that it is in the ledger. What is signed names
  /// itself, so that it does nothing twice.
  ///
  /// A recovery is what operators say where the parties' signatures decide nothing: no proof is asked of it.
  func handIn(_ draft: Acts.Draft, what: String) throws -> ActResponse {
    let request = Statements.request(draft.body, draft.attachment)
    var unbelieved: [String] = []
    while true {
      let answer: ActResponse
      do {
        answer = try call(draft.method, request)
      } catch let failure as Failure where failure.isOverdue {
        throw Failure(
          .unconfirmed,
          "\(what): handed in, and not final yet: \(failure.description). It takes effect once enough nodes are there to "
            + "make it final; claw status says how they are")
      }
      if case .recovery = draft.body { return answer }
      if isProven(draft.body, by: answer) { return answer }
      guard let node = nodes.first(where: { $0.name == answering }) else { return answer }
      unbelieved.append(node.name)
      distrust(node, "it says that an act is final, and does not prove it")
      guard nodes.contains(where: { !unbelieved.contains($0.name) }) else {
        throw Failure(
          .unconfirmed,
          "\(what): handed in, and nobody has proven that it is in the ledger: \(unbelieved.joined(separator: ", ")) said so"
        )
      }
    }
  }

  /// Whether an answer proves that the ledger has an act. The act may itself have brought another key.
  private func isProven(_ body: RecordBody, by answer: ActResponse) -> Bool {
    guard let proof = try? LedgerProof(parsing: answer.proof), proof.index.value == answer.index else {
      return false
    }
    func isProven() -> Bool {
      guard let key = try? cluster(), let record = try? key.chain.verify(proof).record else { return false }
      return record.body.isAct(body)
    }
    if isProven() { return true }
    hasFollowed = false
    return isProven()
  }
}

extension RecordBody {
  /// Whether both are the same act of operators; who signed it, and what the leader writes beside it, may differ.
  fileprivate func isAct(_ other: RecordBody) -> Bool {
    switch (self, other) {
    case (.enrol(let one), .enrol(let other)): one.content == other.content
    case (.policy(let one), .policy(let other)): one.content == other.content
    case (.version(let one), .version(let other)): one.content == other.content
    case (.members(let one, _), .members(let other, _)): one.content == other.content
    case (.incident(let one), .incident(let other)): one.content == other.content
    default: false
    }
  }
}
