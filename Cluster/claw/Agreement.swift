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
    // As many as signed with an older key may be former members and liars by now.
    hasFollowed = false
    _ = try cluster(fromAll: true)
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
    if refusals.count >= threshold { throw refusal(answers) }
    func words(_ said: Value?) -> String {
      guard let said else { return "says nothing of it" }
      return "says what \(answers.count { value($0) == said }) of them say"
    }
    let heard = answers.map { answer in
      switch answer.result {
      case .success:
        "\(answer.node.name): \(words(value(answer)))"
      case .failure(let status): "\(answer.node.name): \(status)"
      }
    }
    throw Failure(
      .unreachable,
      "\(what): it takes \(threshold) nodes that say the same, since one may lie. "
        + (heard + strangers.map { "\($0): \(strangeness)" }).joined(separator: "; "))
  }

  /// Hands an act of operators in, to one node after the other until one proves that it is in the ledger: one that refuses it,
  /// or says that it is final without a proof, may lie. What is signed names itself, so that it does nothing twice.
  ///
  /// A recovery is what operators say where the parties' signatures decide nothing: no proof is asked of it, and the first
  /// answer is the answer.
  func handIn(_ draft: Acts.Draft, what: String) throws -> ActResponse {
    let request = Statements.request(draft.body, draft.attachment)
    if case .recovery = draft.body { return try call(draft.method, request) }
    var refusals: [Failure] = []
    var unbelieved: [String] = []
    // Who has it and has not said what became of it, and who could not be reached.
    var open: [Failure] = []
    var silent: [String] = []
    for node in nodes {
      do throws(CallStatus) {
        _ = try connection(to: node)
      } catch {
        silent.append("\(node.name): \(error.message)")
        continue
      }
      do {
        // Who comes after one that has not answered in time is asked whether it knows better.
        let answer = try ask(
          node, draft.method, request, of: ActResponse.self,
          timeout: open.isEmpty ? timeout : min(timeout, .seconds(5)))
        if isProven(draft.body, by: answer) { return answer }
        unbelieved.append(node.name)
        distrust(node, "it says that an act is final, and does not prove it")
      } catch let failure as Failure {
        if failure.isOverdue || failure.code == .unreachable {
          open.append(failure)
        } else {
          refusals.append(failure)
        }
        if refusals.count >= threshold { break }
      }
    }
    func supporters(_ failure: Failure) -> Int { refusals.count { $0.status == failure.status } }
    let most = refusals.max { supporters($0) < supporters($1) }
    if let most, open.isEmpty && unbelieved.isEmpty || refusals.count >= threshold { throw most }
    guard open.isEmpty, unbelieved.isEmpty else {
      let said =
        open.map(\.description) + refusals.map(\.description)
        + unbelieved.map { "\($0) says that it is final, and does not prove it" }
      throw Failure(
        .unconfirmed,
        "\(what): handed in, and nobody has proven that it is in the ledger: \(said.joined(separator: "; ")). It may take effect "
          + "until its statement ends: claw status says how the nodes are")
    }
    throw Failure(.unreachable, "no node answered: \(silent.joined(separator: "; "))")
  }

  /// Whether an answer proves that the ledger has an act. The act may itself have brought another key.
  private func isProven(_ body: RecordBody, by answer: ActResponse) -> Bool {
    guard let proof = try? LedgerProof(parsing: answer.proof), proof.index.value == answer.index else {
      return false
    }
    return (try? proven { try $0.chain.verify(proof).record.body.isAct(body) }) ?? false
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
