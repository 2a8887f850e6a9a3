import Canonical
import Records
import Wire

/// What became of a restriction that was handed to all nodes.
struct Binding {
  /// The parties that are bound, as `answered` say; where that is enough nodes, as many of them say no less as sign.
  let acknowledged: Int
  let message: String
  /// Who said so.
  let answered: [String]
  /// Of the others, what kept them from it.
  let others: [(node: String, reason: String)]
  /// How many nodes must say so before one of them is honest.
  let threshold: Int

  /// What a node says of the others' being bound is its own word, and one may lie.
  var isVouchedFor: Bool { answered.count >= threshold }

  /// Lines for people.
  var text: String {
    var lines = [message, "  so say \(answered.joined(separator: ", "))"]
    if !isVouchedFor {
      lines[1] +=
        answered.count == 1
        ? " alone: that others are bound is its word" : " alone: that others are bound is their word"
      lines[1] += ", until \(threshold) nodes say so"
    }
    lines += others.map { "  not from \($0.node): \($0.reason)" }
    return lines.joined(separator: "\n")
  }

  /// The same for programs.
  var members: [(String, JSON)] {
    [
      ("acknowledged", .integer(acknowledged)), ("message", .string(message)),
      ("answered", .array(answered.map(JSON.string))), ("vouched_for", .bool(isVouchedFor)),
      (
        "not_answered",
        .array(others.map { .object([("node", .string($0.node)), ("reason", .string($0.reason))]) })
      ),
    ]
  }
}

extension Session {
  /// Once one node has said that enough parties are bound, or enough have refused: how long the others have to say so
  /// themselves. An honest one needs the lease lifetime that the restriction waits for, and a moment.
  private static let patience = Duration.seconds(LeaseLine.standardSeconds + 5)

  /// Hands a restriction to every node at the same time and waits until parties are bound by it. Any of them binds the
  /// others, so that a node that is cut off, dead or lying neither hides it nor holds it up.
  func bind(_ method: String, _ request: StatementRequest) throws -> Binding {
    let threshold = threshold
    let answers = try everyNode(method, request, of: ActResponse.self, timeout: timeout) { answers in
      let taken = answers.count { $0.message != nil }
      // They have waited for the same, and are heard of together.
      if taken >= threshold { return .seconds(1) }
      return taken > 0 || answers.count(where: \.isRefusal) >= threshold ? Self.patience : nil
    }
    let taken = answers.compactMap { answer in answer.message.map { (name: answer.node.name, said: $0) } }
      .sorted { $0.said.acknowledged > $1.said.acknowledged }
    // One that exaggerates is no measure, as long as enough others answer.
    guard !taken.isEmpty else { throw refusal(answers) }
    let measure = taken[min(threshold, taken.count) - 1].said
    let names = taken.map(\.name)
    return Binding(
      acknowledged: Int(measure.acknowledged), message: measure.message,
      answered: identity.nodes.map(\.name).filter(names.contains),
      others: answers.compactMap { answer in
        guard case .failure(let status) = answer.result else { return nil }
        return (answer.node.name, "\(status)")
      }, threshold: threshold)
  }

  /// Why nobody took it: what most of those say who give a reason.
  private func refusal(_ answers: [NodeAnswer<ActResponse>]) -> Failure {
    let reasons = answers.compactMap { answer in
      if case .failure(let status) = answer.result { (answer, status) } else { nil }
    }
    let refusals = reasons.filter(\.0.isRefusal)
    func supporters(_ status: CallStatus) -> Int { refusals.count { $0.1 == status } }
    guard let most = refusals.max(by: { supporters($0.1) < supporters($1.1) }) else {
      return Failure(
        .unreachable,
        "no node answered: " + reasons.map { "\($0.node.name): \($1.message)" }.joined(separator: "; "))
    }
    let names = refusals.filter { $0.1 == most.1 }.map(\.0.node.name)
    return Failure(most.1, node: names.joined(separator: ", "))
  }
}

extension NodeAnswer {
  /// Whether the node has answered, and not with what was asked for.
  var isRefusal: Bool {
    guard case .failure(let status) = result else { return false }
    switch status.code {
    case .unavailable, .deadlineExceeded, .resourceExhausted, .cancelled, .dataLoss, .ok: return false
    case .permissionDenied, .unauthenticated, .notFound, .aborted, .unknown, .invalidArgument, .alreadyExists,
      .failedPrecondition, .outOfRange, .unimplemented, .internal:
      return true
    }
  }
}
