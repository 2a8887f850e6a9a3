import Canonical
import Crypto
import Records

/// All that the state remembers of one proposal.
public struct ProposalCell: Equatable, Sendable {
  /// A vote that counts, or the one rejection.
  struct Vote: Equatable, Sendable {
    var voter: Principal
    /// The person; distinct people are distinct owners.
    var owner: String
    /// The voter's first key; in a confirmation the second.
    var key: PublicKey
    var role: String
    var vote: Records.Vote
    var leaf: LeafIndex
    /// Hash of the ballot, so that the same one is known again.
    var contentHash: Digest
  }

  /// A statement that has taken effect.
  struct Mark: Equatable, Sendable {
    var leaf: LeafIndex
    var contentHash: Digest
  }

  /// What an approval has set aside of its tenant's budget.
  struct Reservation: Equatable, Sendable {
    var amount: MicroUSD
    /// The day to which it is counted.
    var day: Int64
  }

  /// The receipt that counts.
  struct Outcome: Equatable, Sendable {
    var leaf: LeafIndex
    var contentHash: Digest
    var status: RunStatus
    /// Salted hash of the result, which a preview's readers bind; remembered since semantics 3.
    var resultHash: Digest?
    /// Of a dry run: what the action's own result will be compared with.
    var previewed: PreviewedResult?
  }

  /// That no receipt had come when one was due.
  struct UnknownOutcome: Equatable, Sendable {
    var cause: LeafIndex
    /// The derived record's leaf; nil while it is owed.
    var written: LeafIndex?
  }

  var index: LeafIndex
  var leafHash: Digest
  var content: Proposal
  /// Hash of the content, so that the same request is known again.
  var contentHash: Digest
  /// Log time of its leaf.
  var at: Timestamp
  /// The person who answers for the agent.
  var owner: String
  /// What makes two proposals repeats of each other: agent, action and parameters, unsalted.
  var repeatKey: Digest
  /// Hash of the parameters' schema that the parameters satisfy; nil where they satisfy none.
  var schemaHash: Digest?
  var verdict: Verdict
  /// Leaf of the record that wrote `verdict` down; nil while it is owed.
  var written: LeafIndex?
  /// Every written decision, ascending.
  var decisions: [LeafIndex] = []
  /// Other records about it, ascending: ballots, withdrawals, receipts, incidents.
  var related: [LeafIndex] = []
  var votes: [Vote] = []
  var withdrawal: Mark?
  var reservation: Reservation?
  /// The token's claims, once the approval is written.
  var grant: ApprovalGrant?
  /// Why the token is void, where an incident made it so.
  var voided: String?
  var receipt: Outcome?
  var unknown: UnknownOutcome?
  /// How many artifacts its approval has as results; counted since semantics 2.
  var results = 0
  /// The result of its preview, as ballots must bind it; nil where its action has none.
  var previewHash: Digest?
  /// What its own result is compared with; nil where its action has no preview.
  var previewed: PreviewedResult?
  /// Members of its result that may differ from that: what its action declared when it was decided.
  var mayDiffer: [String] = []
  /// Where its result comes from, beyond its tenant, its agent and its executor; ascending (INV-013).
  var resultLabels: [String] = []
  /// The labels of what it reads as they were when that was erased; ascending. Its result may still come.
  var erasedLabels: [String] = []
  /// Where several executors run it: how far they are.
  var verification: Verification?
  /// When nothing more was expected to happen to it.
  var settledAt: Timestamp?

  /// Most decisions and most other records that are remembered of one proposal.
  static let maximumRelated = 256
  /// How long after a token's expiry its receipt may still come before the outcome is unknown.
  static let receiptSkew = Interval.seconds(60)
  /// How long an unknown outcome waits for a late receipt.
  static let unknownRetention = Interval.seconds(30 * 86_400)

  /// The approving decision's leaf.
  var approval: LeafIndex? { grant == nil ? nil : written }
  /// Whether people are being asked right now.
  var isOpen: Bool { verdict.isOpen && withdrawal == nil }
  /// Whether its verdict has not been written down yet.
  var isOwed: Bool { written == nil && withdrawal == nil }
  /// Whether a receipt is still expected.
  var isOutstanding: Bool { grant != nil && receipt == nil && unknown == nil }

  var status: ProposalStatus {
    if withdrawal != nil { return .withdrawn }
    if let receipt {
      switch receipt.status {
      case .succeeded: return verification.map(\.isComplete) ?? true ? .completed : .failed
      case .failed, .refused: return .failed
      case .aborted: return .aborted
      case .unknown: return .unknown
      }
    }
    if unknown != nil { return .unknown }
    if voided != nil { return .aborted }
    let hasRun = verification?.runs.isEmpty == false
    // Between two executors' runs it is as approved as it was.
    if written == nil { return hasRun && verdict.type == .approve ? .approved : .pending }
    switch verdict.type {
    case .approve: return .approved
    case .deny: return hasRun ? .failed : .denied
    case .escalate, .requireMFA, .requireMultiSig: return .pending
    }
  }

  /// When something happens to it by itself: its deadline; the expiry of a token that nobody has written
  /// down; the moment at which a missing receipt means an unknown outcome.
  var due: Timestamp? {
    if isOpen { return verdict.deadline }
    if isOutstanding { return grant?.expiresAt.advanced(by: Self.receiptSkew) }
    return isOwed ? verdict.expiresAt : nil
  }

  /// From when on it may be forgotten; nil while something can still happen to it, or a derived record
  /// about it is owed. Never before a minute has passed, so that the breakers count it.
  var forgettableAt: Timestamp? {
    guard let settledAt, !isOwed, unknown.map({ $0.written != nil }) ?? true else { return nil }
    let minute = at.advanced(by: Breakers.window)
    let late = unknown != nil && receipt == nil ? settledAt.advanced(by: Self.unknownRetention) : settledAt
    return max(content.validUntil, minute, late)
  }
}

extension ProposalCell: JSONWritable {
  init(from fields: inout Fields) throws(RecordError) {
    index = try fields.leafIndex("index")
    leafHash = try fields.digest("leaf_hash")
    content = try fields.nested("content") { (inner) throws(RecordError) in try Proposal(from: &inner) }
    contentHash = try fields.digest("content_hash")
    at = try fields.time("at")
    owner = try fields.identifier("owner")
    repeatKey = try fields.digest("repeat_key")
    schemaHash = try fields.optionalDigest("schema_hash")
    verdict = try fields.nested("verdict") { (inner) throws(RecordError) in try Verdict(from: &inner) }
    written = try fields.optionalLeaf("written")
    decisions = try fields.leaves("decisions", limit: Self.maximumRelated)
    related = try fields.leaves("related", limit: Self.maximumRelated)
    votes = try fields.objects("votes", limit: Self.maximumRelated) { (inner) throws(RecordError) in
      try Vote(from: &inner)
    }
    withdrawal = try fields.optionalNested("withdrawal") { (inner) throws(RecordError) in
      Mark(leaf: try inner.leafIndex("leaf"), contentHash: try inner.digest("content_hash"))
    }
    reservation = try fields.optionalNested("reservation") { (inner) throws(RecordError) in
      Reservation(
        amount: try inner.micros("micros"), day: Int64(try inner.integer("day", in: 0...200_000)))
    }
    grant = try fields.optionalNested("grant") { (inner) throws(RecordError) in
      try ApprovalGrant(from: &inner)
    }
    voided = try fields.optionalValue("voided", "a reason") { $0.string }
    receipt = try fields.optionalNested("receipt") { (inner) throws(RecordError) in
      Outcome(
        leaf: try inner.leafIndex("leaf"), contentHash: try inner.digest("content_hash"),
        status: try inner.choice("status"), resultHash: try inner.optionalDigest("result_hash"),
        previewed: try inner.optionalNested("previewed") { (result) throws(RecordError) in
          try PreviewedResult(from: &result)
        })
    }
    unknown = try fields.optionalNested("unknown") { (inner) throws(RecordError) in
      UnknownOutcome(cause: try inner.leafIndex("cause"), written: try inner.optionalLeaf("written"))
    }
    previewHash = try fields.optionalDigest("preview_hash")
    previewed = try fields.optionalNested("previewed") { (inner) throws(RecordError) in
      try PreviewedResult(from: &inner)
    }
    mayDiffer =
      try fields.optionalValue("may_differ", "names of members of a result") { json in
        json.array.flatMap { values in
          let names = values.compactMap(\.string)
          return names.isEmpty || names.count != values.count ? nil : names
        }
      } ?? []
    resultLabels = try Self.labels("result_labels", from: &fields)
    erasedLabels = try Self.labels("erased_labels", from: &fields)
    verification = try fields.optionalNested("verification") { (inner) throws(RecordError) in
      try Verification(from: &inner)
    }
    settledAt = try fields.optionalTime("settled_at")
    results =
      try fields.optionalValue("results", "1 to \(Self.maximumRelated)") { json in
        json.integer.flatMap { (1...Self.maximumRelated).contains($0) ? $0 : nil }
      } ?? 0
  }

  /// Labels that are left out where there are none.
  private static func labels(_ name: String, from fields: inout Fields) throws(RecordError) -> [String] {
    try fields.optionalValue(name, "labels") { json in
      json.array.flatMap { values in
        let labels = values.compactMap(\.string)
        return labels.isEmpty || labels.count != values.count ? nil : labels
      }
    } ?? []
  }

  /// As canonical JSON has them.
  public var members: [(String, JSON)] {
    present([
      ("index", .index(index)), ("leaf_hash", .digest(leafHash)), ("content", content.json),
      ("content_hash", .digest(contentHash)), ("at", .time(at)), ("owner", .string(owner)),
      ("repeat_key", .digest(repeatKey)), ("schema_hash", schemaHash.map(JSON.digest)),
      ("verdict", verdict.json), ("written", written.map(JSON.index)),
      ("decisions", .array(decisions.map(JSON.index))), ("related", .array(related.map(JSON.index))),
      ("votes", .array(votes.map(\.json))),
      (
        "withdrawal",
        withdrawal.map {
          .object([("leaf", .index($0.leaf)), ("content_hash", .digest($0.contentHash))])
        }
      ),
      (
        "reservation",
        reservation.map {
          .object([("micros", .string(String($0.amount.micros))), ("day", .integer(Int($0.day)))])
        }
      ), ("grant", grant?.json), ("voided", voided.map(JSON.string)),
      (
        "receipt",
        receipt.map {
          .object(
            present([
              ("leaf", .index($0.leaf)), ("content_hash", .digest($0.contentHash)),
              ("status", .string($0.status.rawValue)), ("result_hash", $0.resultHash.map(JSON.digest)),
              ("previewed", $0.previewed?.json),
            ]))
        }
      ),
      (
        "unknown",
        unknown.map {
          .object(present([("cause", .index($0.cause)), ("written", $0.written.map(JSON.index))]))
        }
      ), ("preview_hash", previewHash.map(JSON.digest)), ("previewed", previewed?.json),
      ("may_differ", mayDiffer.isEmpty ? nil : .texts(mayDiffer)),
      ("result_labels", resultLabels.isEmpty ? nil : .texts(resultLabels)),
      ("erased_labels", erasedLabels.isEmpty ? nil : .texts(erasedLabels)),
      ("verification", verification?.json), ("settled_at", settledAt.map(JSON.time)),
      ("results", results > 0 ? .integer(results) : nil),
    ])
  }
}

extension ProposalCell.Vote: JSONWritable {
  init(from fields: inout Fields) throws(RecordError) {
    voter = try fields.principal("voter")
    owner = try fields.identifier("owner")
    key = try fields.publicKey("key")
    role = try fields.identifier("role")
    vote = try fields.choice("vote")
    leaf = try fields.leafIndex("leaf")
    contentHash = try fields.digest("content_hash")
  }

  var members: [(String, JSON)] {
    [
      ("voter", .string(voter.path)), ("owner", .string(owner)), ("key", .string(key.hex)),
      ("role", .string(role)), ("vote", .string(vote.rawValue)), ("leaf", .index(leaf)),
      ("content_hash", .digest(contentHash)),
    ]
  }
}
