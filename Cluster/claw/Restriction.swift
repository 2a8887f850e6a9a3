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
  /// The leaf that holds it, proven; nil where enough nodes have said that it binds, or none has shown one.
  let leaf: UInt64?

  /// What a node says of the others' being bound is its own word, and one may lie.
  var isVouchedFor: Bool { answered.count >= threshold }
  /// Whether it is known that it binds: by the word of as many nodes as sign, or by a note of as many parties.
  var isBinding: Bool { isVouchedFor || leaf != nil }
  var exitCode: ExitCode { isBinding ? .ok : .unconfirmed }

  /// Lines for people.
  var text: String {
    var lines = [message]
    if !answered.isEmpty { lines.append("  so say \(answered.joined(separator: ", "))\(standing)") }
    if let leaf {
      lines.append("  final: leaf \(leaf) holds it, proven by a note that \(threshold) parties have signed")
    }
    lines += others.map { "  not from \($0.node): \($0.reason)" }
    if !isBinding {
      lines.append(
        "NOT CONFIRMED: \(answered.count) of \(count) nodes say that it binds, and \(threshold) sign. Whoever has taken "
          + "it is bound by it and brings it to the others: see claw status, and hand in another under another id "
          + "where in doubt"
      )
    }
    return lines.joined(separator: "\n")
  }

  private var count: Int { answered.count + others.count }

  private var standing: String {
    guard !isVouchedFor else { return ": \(answered.count) of \(count) nodes" }
    let whose = answered.count == 1 ? "its" : "their"
    return " alone: that others are bound is \(whose) word, until \(threshold) nodes say so"
  }

  /// The same for programs.
  var members: [(String, JSON)] {
    [
      ("acknowledged", .integer(acknowledged)), ("message", .string(message)),
      ("answered", .array(answered.map(JSON.string))), ("vouched_for", .bool(isVouchedFor)),
      ("binding", .bool(isBinding)), ("nodes", .integer(count)), ("threshold", .integer(threshold)),
      ("leaf", leaf.map { .string(String($0)) } ?? .null),
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
  ///
  /// It ends as soon as nodes show that another statement has its id and fewer are left than sign.
  ///
  /// - Throws: where nobody has taken it, or as many nodes refuse it as sign.
  func bind(_ draft: Acts.Draft) throws -> Binding {
    let request = Statements.request(draft.body, draft.attachment)
    let answers = try handToAll(draft.method, request)
    // The newest key says who of them counts, and how many sign. It is asked for now that the restriction is on its way.
    if !hasFollowed { _ = try? cluster(fromAll: true) }
    try dropFormer()
    return try judge(answers.filter { isMember($0.node.name) }, of: draft)
  }

  private func handToAll(_ method: String, _ request: StatementRequest) throws -> [NodeAnswer<ActResponse>] {
    let threshold = threshold
    let all = members.count
    return try everyNode(method, request, of: ActResponse.self, timeout: timeout) { answers in
      let taken = answers.count { $0.message != nil }
      // They have waited for the same, and are heard of together.
      if taken >= threshold { return .seconds(1) }
      let conflicts = answers.count(where: \.isConflict)
      // It binds no more than these now.
      if conflicts > 0, all - (answers.count - taken) < threshold { return .seconds(1) }
      let isRefused = answers.count(where: \.isRefusal) >= threshold
      return taken > 0 || conflicts > 0 || isRefused ? Self.patience : nil
    }
  }

  private func judge(_ answers: [NodeAnswer<ActResponse>], of draft: Acts.Draft) throws -> Binding {
    let threshold = threshold
    let taken = answers.compactMap { answer in answer.message.map { (name: answer.node.name, said: $0) } }
      .sorted { $0.said.acknowledged > $1.said.acknowledged }
    // What as many refuse as sign binds nobody, whatever leaf another shows: it may be of what was lifted. Those that hold
    // another statement of its id do not know what the log takes, where one has taken this.
    let refusals = answers.count { $0.isRefusal && (taken.isEmpty || !$0.isConflict) }
    guard taken.count >= threshold || refusals < threshold else { throw refusal(answers) }
    let leaf = taken.count < threshold ? provenLeaf(answers, of: draft.body) : nil
    // Who has the call and has not answered may be bound by it, and brings it to the others.
    let isOpen = !taken.isEmpty || answers.contains(where: \.isOverdue)
    guard isOpen || leaf != nil else { throw refusal(answers) }
    // One that exaggerates is no measure, as long as enough others answer.
    let measure = taken.isEmpty ? nil : taken[min(threshold, taken.count) - 1].said
    let names = taken.map(\.name)
    return Binding(
      acknowledged: Int(measure?.acknowledged ?? 0),
      message: measure?.message ?? "no node says that \(threshold) parties are bound",
      answered: members.map(\.name).filter(names.contains),
      others: answers.compactMap { answer in
        guard case .failure(let status) = answer.result else { return nil }
        return (answer.node.name, "\(status)")
      } + strangers.map { ($0, strangeness) }, threshold: threshold, leaf: leaf)
  }

  /// The leaf that holds the restriction, by a proof that one of the nodes has shown; nil where none has. It need not
  /// be believed: as many parties as sign have signed the note over it, and list it in every lease since.
  private func provenLeaf(_ answers: [NodeAnswer<ActResponse>], of body: RecordBody) -> UInt64? {
    let shown = answers.compactMap { answer in
      answer.message.flatMap { $0.proof.isEmpty ? nil : (answer.node, $0.proof) }
    }
    guard case .incident(let signed) = body, !shown.isEmpty, (try? cluster()) != nil else { return nil }
    for (node, text) in shown {
      if let proof = try? LedgerProof(parsing: text),
        let record = try? proven({ try $0.chain.verify(proof).record }),
        case .incident(let held) = record.body, held.contentHash == signed.contentHash
      {
        return proof.index.value
      }
      distrust(node, "it shows this restriction in a ledger that does not have it")
    }
    return nil
  }

  /// Why nobody took it, or says what was asked for: what most of those say who give a reason.
  func refusal<Answer: WireMessage>(_ answers: [NodeAnswer<Answer>]) -> Failure {
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
  /// Whether the node says that the id is another statement's, or that another goes further.
  var isConflict: Bool {
    if case .failure(let status) = result { status.code == .alreadyExists } else { false }
  }

  /// Whether the node was called and has said nothing.
  var isOverdue: Bool {
    if case .failure(let status) = result { status.code == .deadlineExceeded } else { false }
  }

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
