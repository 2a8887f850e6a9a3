import Canonical
import Crypto
import OpenExec
import Records

/// One way in which an executor lies. It holds its own key and nobody else's; what it runs it runs as `OpenExec` has it, since
/// nobody outside can see that.
public enum ExecutorLie: String, Sendable, CaseIterable {
  /// Reports that it ran what nobody approved.
  case unapproved
  /// Reports one run twice, with other results.
  case twice
  /// Reports nothing of what it ran.
  case silent
  /// Says that it refused what it ran.
  case refuses
  /// Reports another executor's job, in that one's name and in its own.
  case claims
  /// Speaks for another incarnation.
  case incarnation
  /// Leaves the labels off of its results.
  case labels
  /// Charges something else.
  case cost
  /// Names other parameters, inputs and results.
  case digests
  /// Reports another result than came.
  case result

  /// What is counted when a lie is told.
  static let faultNames = allCases.map(\.fault)

  var fault: String { "executor lie: \(rawValue)" }
}

/// An adversarial shell around an executor: rewrites what it reports.
struct LyingExecutor {
  /// How it lies at the moment: each lie once for every item of the schedule that says so.
  private var lies: [ExecutorLie] = []
  /// Whether it has ever lied.
  private(set) var hasLied = false
  /// One for each kind of lie: that one is not told changes nothing about another.
  private var randoms: [SeededRandom]

  init(number: UInt64, seed: UInt64, log: DeterminismLog?) {
    randoms = ExecutorLie.allCases.indices.map { kind in
      SeededRandom(seed: seed, for: .liar, named: 1 << 32 | number << 8 | UInt64(kind), log: log)
    }
  }

  mutating func begin(_ lie: ExecutorLie) {
    lies.append(lie)
    hasLied = true
  }

  mutating func end(_ lie: ExecutorLie) {
    if let position = lies.firstIndex(of: lie) { lies.remove(at: position) }
  }

  mutating func endAll() { lies = [] }

  func tells(_ lie: ExecutorLie) -> Bool { lies.contains(lie) }

  private mutating func draw(_ lie: ExecutorLie, below bound: UInt64) -> UInt64 {
    randoms[ExecutorLie.allCases.firstIndex(of: lie) ?? 0].below(bound)
  }

  private mutating func digest(_ lie: ExecutorLie) -> Digest {
    SHA256.hash("\(draw(lie, below: .max))")
  }

  /// Another result for what was run, or for what was not.
  private mutating func other(_ draft: ReceiptDraft, _ lie: ExecutorLie) -> ReceiptDraft {
    var receipt = draft.receipt
    let value: JSON = ["text": .string("something else, \(draw(lie, below: 1_000_000))")]
    let item = Attachment.Item(salt: [UInt8](repeating: 9, count: 16), value: value)
    receipt.resultHash = item.hash
    receipt.resultArtifact = nil
    if draw(lie, below: 2) == 0, receipt.status == .succeeded {
      receipt.status = .failed
      receipt.errorCode = "EXIT_STATUS"
    }
    return ReceiptDraft(receipt: receipt, attachment: Attachment("result", item))
  }

  /// What it reports instead of `draft`; `overheard` is the approval under which the other executor started last.
  mutating func reports(
    _ draft: ReceiptDraft, as own: Principal, overheard: (decision: Decision, leaf: LeafIndex)?,
    oracles: inout Oracles
  ) -> [ReceiptDraft] {
    guard !lies.isEmpty else { return [draft] }
    var sent = [draft]
    for lie in ExecutorLie.allCases where tells(lie) {
      if let changed = rewrite(sent, lie, own, overheard) {
        oracles.count(fault: lie.fault)
        sent = changed
      }
    }
    return sent
  }

  /// Nil where this lie has nothing to say here.
  private mutating func rewrite(
    _ sent: [ReceiptDraft], _ lie: ExecutorLie, _ own: Principal,
    _ overheard: (decision: Decision, leaf: LeafIndex)?
  ) -> [ReceiptDraft]? {
    guard let draft = sent.first else { return nil }
    var receipt = draft.receipt
    switch lie {
    case .silent: return []
    case .labels: return nil
    case .unapproved:
      let leaf = receipt.decision.value
      receipt.decision = LeafIndex(draw(lie, below: 2) == 0 ? leaf + 1 : leaf - min(leaf, 1))
      receipt.tokenID = String(digest(lie).hex.prefix(32))
    case .twice:
      let second = other(draft, lie)
      return draw(lie, below: 2) == 0 ? [second] + sent : sent + [second]
    case .refuses:
      receipt.status = .refused
      receipt.errorCode = "REFUSED"
      receipt.inputs = []
      receipt.resultArtifact = nil
      receipt.isolationClass = nil
      receipt.guest = nil
      receipt.cost = .zero
      receipt.provenance = nil
      return [ReceiptDraft(receipt: receipt, attachment: draft.attachment)] + sent.dropFirst()
    case .claims:
      guard let overheard, let grant = overheard.decision.grant else { return nil }
      receipt = Receipt(
        receiptID: String(digest(lie).hex.prefix(32)), decision: overheard.decision,
        decisionIndex: overheard.leaf, grant: grant, executedAt: receipt.executedAt,
        finishedAt: receipt.finishedAt, status: .failed, errorCode: "EXIT_STATUS",
        resultHash: receipt.resultHash, truncated: false, isolationClass: receipt.isolationClass,
        guest: receipt.guest, imageDigest: receipt.imageDigest, cost: receipt.cost,
        exfiltrationRisk: false, piiDetected: false, loopGuardTriggered: false,
        approvalNote: receipt.approvalNote)
      if draw(lie, below: 2) == 0 { receipt.executorID = own }
      let stolen = ReceiptDraft(receipt: receipt, attachment: draft.attachment)
      return [other(stolen, lie)] + sent
    case .incarnation:
      let incarnation = receipt.executorIncarnation
      receipt.executorIncarnation = draw(lie, below: 2) == 0 ? incarnation + 1 : max(1, incarnation - 1)
    case .cost:
      let micros: [Int64] = [0, 1_000_000, 2_000_000, 1_000_000_000_000]
      receipt.cost = MicroUSD(micros: micros[Int(draw(lie, below: 4))]) ?? .zero
      return [ReceiptDraft(receipt: receipt, attachment: draft.attachment)] + sent.dropFirst()
    case .result:
      return [other(draft, lie)] + sent.dropFirst()
    case .digests:
      switch draw(lie, below: 4) {
      case 0: receipt.parametersHash = digest(lie)
      case 1: receipt.inputs = [digest(lie)]
      case 2: receipt.resultArtifact = digest(lie)
      default: return [other(draft, lie)] + sent.dropFirst()
      }
    }
    return [ReceiptDraft(receipt: receipt, attachment: draft.attachment)] + sent
  }

  /// What it says of a result.
  func says(_ note: ArtifactNote, for agent: Principal, oracles: inout Oracles) -> ArtifactNote {
    guard tells(.labels) else { return note }
    oracles.count(fault: ExecutorLie.labels.fault)
    return ArtifactNote(
      digest: note.digest, tenantID: note.tenantID, workspaceID: note.workspaceID, name: note.name,
      size: note.size, mediaType: note.mediaType, owner: note.owner, labels: [agent.path],
      decision: note.decision, validUntil: note.validUntil)
  }
}
