import Canonical
import Crypto
import Host
import Records
import Wire

/// What agents do: propose, look, watch, take back, keep the receipt.
enum ProposalCommands {
  private static let about = [
    CommandOption("--agent", "PRINCIPAL", "whose request id it is; default one's own"),
    CommandOption("--proposal", "LEAF", "name the proposal by its leaf instead"),
  ]

  static let all: [Command] = [
    Command(
      "propose", "ask for an action", operands: ["ACTION"],
      options: [
        CommandOption("--params", "JSON", "the parameters, or @FILE, or @- for standard input; default {}"),
        CommandOption(flag: "--wait", "wait until it has run, or never will"),
        CommandOption("--request-id", "ID", "the same id with the same content names the first outcome"),
        CommandOption("--trace-id", "ID", "ties records of one piece of work together"),
        CommandOption("--workspace", "ID", "default main"),
        CommandOption(
          "--scope", "SCOPE", "a scope to ask for; default those of the action", isRepeated: true),
        CommandOption("--cost", "USD", "what it is expected to cost; default the registry's estimate"),
        CommandOption("--impact", "LEVEL", "low, moderate, high or critical; default the registry's"),
        CommandOption("--data", "CLASS", "public, internal, pii or restricted; default the registry's"),
        CommandOption("--input", "DIGEST", "an artifact that the action reads", isRepeated: true),
        CommandOption(
          "--from", "TENANT/WORKSPACE",
          "where inputs are that are not in the own workspace; an approver of each tenant must agree"),
        CommandOption(
          flag: "--inputs-from-workspace", "every artifact of the workspace, but for results of actions"),
        CommandOption(
          "--preview", "LEAF",
          "the proposal of the action's dry run, which has succeeded, for an action that has one"),
        CommandOption("--depth", "N", "how deep it is nested; default 0"), Statements.validityOption,
      ] + Command.session, run: propose),
    Command(
      "get", "where a proposal stands", operands: ["[REQUEST-ID]"], options: about + Command.session, run: get
    ),
    Command(
      "watch", "follow a proposal until it is settled", operands: ["[REQUEST-ID]"],
      options: about + Command.session, details: "With --json one object a line, one for each change.",
      run: watch),
    Command(
      "withdraw", "take one's own pending proposal back", operands: ["[REQUEST-ID]"],
      options: about + [Statements.validityOption] + Command.session, run: withdraw),
    Command(
      "receipt", "fetch and verify the proof of what ran", operands: ["[REQUEST-ID]"],
      options: about + [
        CommandOption("--out", "FILE", "keep the proof (C2SP tlog-proof)"),
        CommandOption("--verify", "FILE", "verify a kept proof instead, without a connection"),
        CommandOption("--cluster", "ID", "with --verify: the cluster, where no identity has pinned it"),
        CommandOption("--group-key", "KEY", "with --cluster: its group key"),
      ] + Command.session, run: receipt),
  ]

  // MARK: Propose

  private static func propose(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    guard case .agent(let tenant, _) = session.identity.principal else {
      throw Failure(.denied, "only agents propose; this identity is \(session.identity.principal.path)")
    }
    let action = try Operand.identifier(call.parsed.operand(0) ?? "", "ACTION")
    let parameters = Statements.salted(try Operand.json(call.parsed.value("--params") ?? "{}", "--params"))
    let key = try session.cluster()
    let proposal = try content(call.parsed, session, action, tenant, parameters.hash)
    let signed = try session.identity.sign(proposal, cluster: key.cluster)
    let request = Statements.request(.proposal(signed), Attachment("parameters", parameters))
    return try unlessUnknown(proposal.requestID) {
      try submit(request, proposal, session, key, call)
    }
  }

  /// What is not known of a request that a node may have: it is said under which id it can be asked for.
  private static func unlessUnknown(_ id: String, _ body: () throws -> ExitCode) throws -> ExitCode {
    do {
      return try body()
    } catch let failure as Failure where failure.status.map(isOpen) ?? (failure.code == .unreachable) {
      let isTaken = failure.status != nil
      throw Failure(
        isTaken ? .unconfirmed : failure.code,
        "\(failure.description)\n\(isTaken ? "request \(id) was handed in" : "a node may have request \(id) all the same"), "
          + "and what becomes of it is not known here: claw get \(id) says; a call with --request-id \(id) cannot "
          + "have it run twice", status: failure.status)
    }
  }

  /// Whether a status leaves open whether the node has taken what it was given.
  private static func isOpen(_ status: CallStatus) -> Bool {
    switch status.code {
    case .deadlineExceeded, .aborted, .unavailable, .cancelled, .unknown, .internal, .dataLoss: true
    case .ok, .invalidArgument, .notFound, .alreadyExists, .permissionDenied, .resourceExhausted,
      .failedPrecondition, .outOfRange, .unimplemented, .unauthenticated:
      false
    }
  }

  private static func submit(
    _ request: StatementRequest, _ proposal: Proposal, _ session: Session, _ key: ClusterKey,
    _ call: Invocation
  ) throws -> ExitCode {
    let outcome = try session.call("Governance/Submit", request, of: Outcome.self)
    var checked = try CheckedOutcome(outcome, keys: session, proposal: proposal)
    if call.parsed.has("--wait"), !checked.isSettled {
      if outcome.status == "pending" {
        call.remark("request \(proposal.requestID): pending; waiting for people until \(outcome.deadline)")
      }
      checked = try follow(session, ProposalRequest(proposal: outcome.proposal), proposal, from: checked) {
        _ in
      }
    }
    call.say(checked.report("request \(proposal.requestID)"))
    return checked.exitCode
  }

  private static func content(
    _ parsed: ParsedCommand, _ session: Session, _ action: String, _ tenant: String, _ hash: Digest
  ) throws -> Proposal {
    let registered = try registered(session, action)
    var scopes = parsed.all("--scope")
    if scopes.isEmpty { scopes = registered?.scopes ?? [] }
    let risk = RiskContext(
      estimatedCost: try parsed.value("--cost").map { try Operand.money($0, "--cost") }
        ?? registered?.risk.estimatedCost ?? .zero,
      dataClassification: try choice(parsed, "--data") ?? registered?.risk.dataClassification ?? .public,
      impactLevel: try choice(parsed, "--impact") ?? registered?.risk.impactLevel ?? .low)
    let workspace = try Operand.identifier(parsed.value("--workspace") ?? "main", "--workspace")
    return Proposal(
      traceID: try parsed.value("--trace-id").map { try Operand.identifier($0, "--trace-id") }
        ?? Environment.freshID(),
      requestID: try parsed.value("--request-id").map { try Operand.identifier($0, "--request-id") }
        ?? Environment.freshID(),
      tenantID: tenant, workspaceID: workspace,
      requestedBy: session.identity.principal, action: action, parametersHash: hash,
      scopes: try scopes.map { try Operand.identifier($0, "--scope") }, risk: risk,
      inputs: try inputs(parsed, session, tenant, workspace),
      depth: try parsed.integer("--depth", in: 0...64, default: 0),
      validUntil: try Statements.validity(parsed),
      preview: try parsed.value("--preview").map { LeafIndex(try Operand.leaf($0, "--preview")) },
      crossing: try parsed.value("--from").map { try crossing($0, own: tenant) })
  }

  private static func crossing(_ text: String, own: String) throws -> Crossing {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, parts[0] != own else {
      throw UsageError("--from: expected TENANT/WORKSPACE of another tenant, found \"\(text)\"")
    }
    return Crossing(
      tenantID: try Operand.identifier(parts[0], "--from"),
      workspaceID: try Operand.identifier(parts[1], "--from"))
  }

  private static func inputs(
    _ parsed: ParsedCommand, _ session: Session, _ tenant: String, _ workspace: String
  ) throws -> [Digest] {
    var inputs = try parsed.all("--input").map { text in
      guard let digest = Digest(hex: text) else {
        throw UsageError("--input: expected a SHA-256 digest in hexadecimal, found \"\(text)\"")
      }
      return digest
    }
    guard parsed.has("--inputs-from-workspace") else { return inputs }
    for stat in try ArtifactCommands.artifacts(session, tenant: tenant, workspace: workspace) {
      // What executors put is made of other files: a report would soon be one over earlier reports.
      if case .executor? = Principal(path: stat.owner) { continue }
      guard let digest = Digest(hex: stat.digest) else {
        throw Failure(.other, "\(session.answering) lists \"\(stat.digest)\", which is no digest")
      }
      if !inputs.contains(digest) { inputs.append(digest) }
    }
    guard inputs.count <= Proposal.maximumInputs else {
      throw UsageError(
        "--inputs-from-workspace: \(workspace) has \(inputs.count) files, and a proposal names at most "
          + "\(Proposal.maximumInputs); name them with --input")
    }
    return inputs
  }

  private static func choice<T: RawRepresentable & CaseIterable>(_ parsed: ParsedCommand, _ name: String)
    throws
    -> T? where T.RawValue == String
  {
    guard let text = parsed.value(name) else { return nil }
    guard let value = T(rawValue: text) else {
      let known = T.allCases.map(\.rawValue).joined(separator: ", ")
      throw UsageError("\(name): expected one of \(known), found \"\(text)\"")
    }
    return value
  }

  /// What the active registry says of an action; nil for one that it does not know, which governance
  /// denies on the record.
  private static func registered(_ session: Session, _ action: String) throws -> ActionDefinition? {
    try Registry.actions(session).first { $0.name == action }
  }

  // MARK: Look

  private static func request(_ call: Invocation) throws -> (name: String, request: ProposalRequest) {
    if let text = call.parsed.value("--proposal") {
      let leaf = try Operand.leaf(text, "--proposal")
      return ("proposal \(leaf)", ProposalRequest(proposal: leaf))
    }
    guard let id = call.parsed.operand(0) else { throw UsageError("expected REQUEST-ID or --proposal") }
    let agent = try call.parsed.value("--agent").map { try Operand.principal($0, "--agent").path } ?? ""
    return ("request \(id)", ProposalRequest(requestID: id, agent: agent))
  }

  private static func get(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let (name, request) = try request(call)
    try session.keepUp()
    let checked = try CheckedOutcome(
      try session.call("Governance/Get", request, of: Outcome.self), keys: session, proposal: nil)
    call.say(checked.report(name))
    return checked.exitCode
  }

  private static func watch(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let (name, request) = try request(call)
    try session.keepUp()
    let last = try follow(session, request, nil) { call.say($0.report(name)) }
    return last.exitCode
  }

  /// Follows a proposal until nothing more will happen, or `isEnough` says so; over nodes that end, and for days. `known` is what
  /// a node has said of it already: that one may be gone, and the next may not know of the proposal yet.
  static func follow(
    _ session: Session, _ request: ProposalRequest, _ proposal: Proposal?, from known: CheckedOutcome? = nil,
    isEnough: (CheckedOutcome) -> Bool = \.isSettled, onChange: (CheckedOutcome) -> Void
  ) throws -> CheckedOutcome {
    var last = known
    var breaks = 0
    var hasHeard = false
    // Of all nodes together: who goes on with a watch has the time that is left.
    let end = session.streamEnd
    while true {
      do {
        try session.stream("Governance/Watch", request, of: Outcome.self, until: end) { outcome in
          let checked = try CheckedOutcome(outcome, keys: session, proposal: proposal)
          hasHeard = true
          // A node that is behind says what was so before: it is waited for.
          if let last, outcome.finalSize < last.outcome.finalSize { return true }
          // Where a watch goes on it begins with what was shown last: that is no change, and no progress.
          if last.map({ hasChanged($0.outcome, outcome) }) ?? true {
            breaks = 0
            onChange(checked)
          }
          last = checked
          return !isEnough(checked)
        }
        break
      } catch let failure as Failure
        where last != nil && breaks < 20 && isBreak(failure)
      {
        // A watch begins with where things stand: any node may go on with it, and others before the one that has just ended it.
        // Who the nodes are, and which certificates of theirs are refused, may be another matter than when the watch began.
        breaks += 1
        Environment.pause(milliseconds: 500)
        session.goOnElsewhere()
        session.hasFollowed = false
        do { try session.keepUp() } catch { if session.nodes.isEmpty { throw error } }
      }
    }
    guard let last, hasHeard else { throw Failure(.other, "the node ended the watch without a word") }
    return last
  }

  /// Whether an outcome says more than the one before it; newer notes prove what older ones proved.
  private static func hasChanged(_ before: Outcome, _ now: Outcome) -> Bool {
    var (before, now) = (before, now)
    (before.decisionProof, before.receiptProof) = (now.decisionProof, now.receiptProof)
    (before.finalSize, before.finalTime) = (now.finalSize, now.finalTime)
    return before != now
  }

  /// Whether another node may go on with a watch that had begun. One that has just started again knows nothing yet of what came
  /// while it was away; whom --timeout has ended has no time left.
  private static func isBreak(_ failure: Failure) -> Bool {
    guard !failure.isOverdue else { return false }
    return failure.code == .unreachable || failure.status?.code == .aborted
      || failure.status?.code == .notFound
  }

  private static func withdraw(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let (name, request) = try request(call)
    let key = try session.cluster()
    let current = try session.call("Governance/Get", request, of: Outcome.self)
    let content = Withdrawal(
      proposal: LeafIndex(current.proposal), requestedBy: session.identity.principal,
      validUntil: try Statements.validity(call.parsed))
    let signed = try session.identity.sign(content, cluster: key.cluster)
    let outcome = try session.call(
      "Governance/Withdraw", Statements.request(.withdrawal(signed)), of: Outcome.self)
    let checked = try CheckedOutcome(outcome, keys: session, proposal: nil)
    call.say(checked.report(name))
    return outcome.status == "withdrawn" ? .ok : checked.exitCode
  }

  // MARK: Receipt

  private static func receipt(_ call: Invocation) throws -> ExitCode {
    if let path = call.parsed.value("--verify") {
      let key = try pinnedKey(call.parsed)
      return try show(try Files.readText(path, limit: 1 << 20), result: nil, key, call)
    }
    let session = try Session(call.parsed)
    let (name, request) = try request(call)
    try session.keepUp()
    let outcome = try session.call("Governance/Get", request, of: Outcome.self)
    let checked = try CheckedOutcome(outcome, keys: session, proposal: nil)
    guard !outcome.receiptProof.isEmpty else {
      call.say(checked.report(name))
      return checked.isSettled ? .notFound : .pending
    }
    if let path = call.parsed.value("--out") { try Files.write(outcome.receiptProof, to: path) }
    return try show(outcome.receiptProof, result: checked.result, session, call)
  }

  private static func pinnedKey(_ parsed: ParsedCommand) throws -> ClusterKey {
    if let cluster = parsed.value("--cluster") {
      guard let id = Digest(hex: cluster), let key = PublicKey(hex: try parsed.required("--group-key")) else {
        throw UsageError("--cluster, --group-key: expected 64 hexadecimal characters each")
      }
      return ClusterKey(cluster: id, groupKey: key)
    }
    guard let key = try ClusterKey(folder: try ClientIdentity(parsed).folder) else {
      throw UsageError("this identity has not pinned the cluster's key yet; give --cluster and --group-key")
    }
    return key
  }

  private static func show(_ proof: String, result: JSON?, _ keys: some ProofKeys, _ call: Invocation) throws
    -> ExitCode
  {
    let parsed = try LedgerProof(parsing: proof)
    let (record, checkpoint) = try keys.proven { try $0.chain.verify(parsed) }
    guard case .receipt(let signed) = record.body else {
      throw Failure(.other, "leaf \(parsed.index.value) is a \(record.body.type.rawValue), not a receipt")
    }
    try Receipts.check(signed, approval: nil, keys)
    let receipt = signed.content
    let signer = signed.signatures.first { $0.by == receipt.executorID }?.key.hex ?? ""
    var text = """
      receipt \(receipt.receiptID): \(receipt.status.rawValue)
        action    \(receipt.action) \(receipt.actionVersion), request \(receipt.requestID), trace \(receipt.traceID)
        ran       on \(receipt.executorID.path) from \(receipt.executedAt.text) to \(receipt.finishedAt.text)
        isolation \(receipt.isolationClass?.rawValue ?? "nothing ran")\(receipt.guest.map { ", guest kernel \($0.kernel)" } ?? "")
        image     \(receipt.imageDigest)
        read      \(receipt.inputs.isEmpty ? "no artifact" : receipt.inputs.map(\.hex).joined(separator: "\n            "))
        signed    by \(receipt.executorID.path) with key \(signer)
        approved  decision \(receipt.decision.value), by the parties' consent in the note it carries
        proven    leaf \(parsed.index.value) of \(checkpoint.size), note of \(checkpoint.time.text)

      """
    if let artifact = receipt.resultArtifact { text += "  output    artifact \(artifact.hex)\n" }
    if let result { text += "  result    \(result.canonical)\n" }
    var json: [(String, JSON)] = [
      ("verified", true), ("receipt", receipt.json), ("leaf", .string(String(parsed.index.value))),
      ("size", .string(String(checkpoint.size))), ("note_time", .string(checkpoint.time.text)),
      ("executor_key", .string(signer)), ("proof", .string(proof)),
    ]
    if let result { json.append(("result", result)) }
    call.say(Report(text, json))
    return .ok
  }
}
