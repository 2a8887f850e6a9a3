import Canonical
import Crypto
import Host
import Merkle
import Records
import Wire

/// Rebuilds everything about one piece of work from proven records (IR-6).
enum TraceCommands {
  static let all: [Command] = [
    Command(
      "trace", "rebuild a trace: every record proven, every hash held against the others",
      operands: ["TRACE-ID"],
      options: [
        CommandOption("--out", "FILE", "keep all of it, with the proofs: one JSON object"),
        CommandOption("--from", "EXPORT", "from a verified export instead, without a connection"),
        CommandOption("--cluster", "ID", "with --from: the cluster that it must be of"),
      ] + Command.session,
      details: """
        Who asked for what, who decided by which rules, who voted, what ran and how it ended. Nodes remember
        the proposals that are not over and the last 16,384 that are; older ones stand in an export.
        Exit code 1: something does not fit, and the message says what.
        """, run: trace)
  ]

  /// A record of the trace, with what proves it.
  struct Row {
    let leaf: UInt64
    let bytes: [UInt8]
    let record: Record
    let attachment: Attachment
    /// Nil from an export, which is verified as a whole.
    let proof: String?
    /// The leaf by which what was kept beside it was erased; nil where it was not.
    let erasedBy: UInt64?
  }

  private static func trace(_ call: Invocation) throws -> ExitCode {
    let id = try Operand.identifier(call.parsed.operand(0) ?? "", "TRACE-ID")
    let rows: [Row]
    let cluster: Digest
    if call.parsed.has("--from") {
      (rows, cluster) = try exported(id, call)
    } else {
      let session = try Session(call.parsed)
      let key = try session.cluster()
      rows = try proven(id, session)
      cluster = key.cluster
    }
    guard !rows.isEmpty else { throw Failure(.notFound, "no record of trace \(id) may be read here") }
    var check = TraceCheck(cluster: cluster)
    for row in rows { try check.take(row) }
    let text = rows.map { "\($0.leaf)  \($0.record.at.text)  \(line($0))" }.joined(separator: "\n")
    let json = JSON.object([
      ("trace_id", .string(id)), ("cluster", .string(cluster.hex)), ("verified", true),
      ("records", .array(rows.map(json))), ("checks", .integer(check.count)),
    ])
    if let path = call.parsed.value("--out") { try Files.write(json.indented, to: path) }
    call.say(
      Report(
        "\(text)\n\(rows.count) records, \(check.count) hashes and signatures agree"
          + (call.parsed.value("--out").map { "\nkept in \($0)" } ?? ""),
        json.object?.members.map { ($0.name, $0.value) } ?? []))
    return .ok
  }

  private static func line(_ row: Row) -> String {
    var line = VisibleText.line("\(row.record.body.type.rawValue): \(LedgerTable.sentence(row.record.body))")
    for (name, item) in row.attachment.items {
      line += "\n            \(name): \(VisibleText.line(item.value.canonical))"
    }
    if let leaf = row.erasedBy { line += "\n            erased by leaf \(leaf)" }
    return line
  }

  private static func json(_ row: Row) -> JSON {
    var members: [(String, JSON)] = [
      ("leaf", .string(String(row.leaf))), ("record", row.record.json),
      ("attachment", .object(row.attachment.items.map { ($0.name, $0.item.value) })),
    ]
    if let proof = row.proof { members.append(("proof", .string(proof))) }
    if let leaf = row.erasedBy { members.append(("erased_by", .string(String(leaf)))) }
    return .object(members)
  }

  // MARK: Where the records come from

  private static func proven(_ id: String, _ session: Session) throws -> [Row] {
    var rows: [Row] = []
    var request = TraceRequest(traceID: id)
    while true {
      let page = try session.call("Ledger/Trace", request, of: TraceResponse.self)
      for index in page.indices { rows.append(try LedgerCommands.row(session, index)) }
      guard page.more, let last = page.indices.last, last > request.after else { return rows }
      request.after = last
    }
  }

  private static func exported(_ id: String, _ call: Invocation) throws -> ([Row], Digest) {
    let export = try LedgerCommands.verified(call, path: call.parsed.value("--from") ?? "")
    let links = TraceLinks(id, export.records.map(\.body))
    let rows = links.leaves.map { leaf in
      let record = export.records[Int(leaf)]
      return Row(
        leaf: leaf, bytes: record.bytes, record: record, attachment: export.attachments[Int(leaf)],
        proof: nil,
        erasedBy: export.erased.first { $0.leaf.value == leaf }?.by.value)
    }
    return (rows, export.cluster)
  }
}

/// Which leaves of a ledger belong to a trace: its proposals, and what is about them.
struct TraceLinks {
  private(set) var leaves: [UInt64] = []

  init(_ id: String, _ bodies: [RecordBody]) {
    var proposals: Set<UInt64> = []
    var decisions: Set<UInt64> = []
    for (position, body) in bodies.enumerated() {
      let leaf = UInt64(position)
      switch body {
      case .proposal(let signed) where signed.content.traceID == id: proposals.insert(leaf)
      case .decision(let decision) where decision.traceID == id: decisions.insert(leaf)
      case .receipt(let signed) where signed.content.traceID == id: break
      case .ballot(let signed) where proposals.contains(signed.content.proposal.value): break
      case .withdrawal(let signed) where proposals.contains(signed.content.proposal.value): break
      case .derivedIncident(let incident)
      where proposals.contains(incident.about.value) || decisions.contains(incident.about.value):
        break
      default: continue
      }
      leaves.append(leaf)
    }
  }
}

/// Holds the records of a trace against each other.
struct TraceCheck {
  let cluster: Digest
  /// How many hashes and signatures were compared.
  private(set) var count = 0
  private var proposals: [UInt64: (proposal: Proposal, hash: Digest)] = [:]
  private var decisions: [UInt64: Decision] = [:]

  init(cluster: Digest) { self.cluster = cluster }

  private mutating func hold(_ holds: Bool, _ leaf: UInt64, _ what: String) throws {
    count += 1
    guard holds else { throw Failure(.other, "leaf \(leaf): \(what)") }
  }

  private mutating func signed<Content>(_ signed: Signed<Content>, by principal: Principal, _ leaf: UInt64)
    throws
  {
    let isSigned = signed.verifiedSignatures(cluster: cluster).contains { $0.by == principal }
    try hold(isSigned, leaf, "expected a signature of \(principal.path) that verifies")
  }

  mutating func take(_ row: TraceCommands.Row) throws {
    let leaf = row.leaf
    if !row.attachment.items.isEmpty {
      try hold(
        (try? row.attachment.check(against: row.record.body)) != nil, leaf,
        "what is kept beside it is not what its hashes name")
    }
    switch row.record.body {
    case .proposal(let proposal):
      try signed(proposal, by: proposal.content.requestedBy, leaf)
      proposals[leaf] = (proposal.content, TreeHash.leaf(row.bytes))
    case .ballot(let ballot):
      let content = ballot.content
      try signed(ballot, by: content.voter, leaf)
      guard let asked = proposals[content.proposal.value] else { break }
      try hold(
        content.proposalHash == asked.hash && content.parametersHash == asked.proposal.parametersHash, leaf,
        "the ballot binds another proposal than the one at leaf \(content.proposal.value)")
    case .withdrawal(let withdrawal): try signed(withdrawal, by: withdrawal.content.requestedBy, leaf)
    case .decision(let decision):
      if let asked = proposals[decision.proposal.value] {
        try hold(
          decision.proposalHash == asked.hash && decision.parametersHash == asked.proposal.parametersHash
            && decision.requestedBy == asked.proposal.requestedBy, leaf,
          "the decision is about another proposal than the one at leaf \(decision.proposal.value)")
      }
      decisions[leaf] = decision
    case .receipt(let receipt):
      let content = receipt.content
      try signed(receipt, by: content.executorID, leaf)
      guard let decision = decisions[content.decision.value] else { break }
      try hold(
        content.decisionID == decision.decisionID && content.parametersHash == decision.parametersHash
          && content.tokenID == decision.grant?.tokenID, leaf,
        "the receipt is for another token than that of leaf \(content.decision.value)")
    case .genesis, .term, .tick, .members, .derivedMembers, .key, .version, .policy, .enrol, .artifact,
      .incident,
      .derivedIncident, .recovery:
      break
    }
  }
}
