import Crypto
import Merkle
import Records

/// A history that is gone through once more, and each proposal decided beside it by another bundle, at its own leaf and on the state that
/// was there: what came of the other decisions is not played on.
public struct PolicySimulation {
  /// What became of a proposal when it came.
  public struct Outcome: Equatable, Sendable {
    public let type: DecisionType
    public let demands: [ApprovalDemand]
    public let rules: [FiredRule]

    init(_ verdict: Verdict) {
      type = verdict.type
      demands = verdict.demands
      rules = verdict.rules
    }
  }

  /// A decision that would be another.
  public struct Change: Equatable, Sendable {
    public let leaf: LeafIndex
    public let proposal: Proposal
    public let before: Outcome
    public let after: Outcome
  }

  private var state: ShieldState
  private let candidate: CompiledBundle
  /// Proposals that were decided.
  public private(set) var decided = 0
  /// In order.
  public private(set) var changes: [Change] = []

  /// Begins with leaf 0.
  public init(genesis record: Record, attachment: Attachment, candidate: PolicyBundle) throws(ShieldError) {
    state = try ShieldState.initial(genesisLeaf: record.bytes, record: record, attachment: attachment)
    self.candidate = try CompiledBundle(candidate, evaluator: BundlePolicy())
  }

  /// Takes the next leaf.
  public mutating func apply(_ record: Record, attachment: Attachment) -> Applied {
    let index = LeafIndex(state.size)
    let hash = TreeHash.leaf(record.bytes)
    guard case .proposal(let signed) = record.body else {
      return state.apply(record, leafHash: hash, attachment: attachment, at: index)
    }
    var other = state.under(candidate)
    _ = other.apply(record, leafHash: hash, attachment: attachment, at: index)
    let applied = state.apply(record, leafHash: hash, attachment: attachment, at: index)
    guard applied == .effective, let before = state.proposal(index)?.verdict else { return applied }
    decided += 1
    // A bundle that lets fewer proposals a minute in may turn one away before it is one.
    guard let after = other.proposal(index)?.verdict else { return applied }
    let outcomes = (before: Outcome(before), after: Outcome(after))
    if outcomes.before.type != outcomes.after.type || outcomes.before.demands != outcomes.after.demands {
      changes.append(
        Change(leaf: index, proposal: signed.content, before: outcomes.before, after: outcomes.after))
    }
    return applied
  }
}
