import ClawShield
import Crypto
import Raft
import Records
import Wire

/// What an onlooker sees of a node after every step: numbers alone, since a copy of its state costs as much as a step.
public struct NodeView: Sendable {
  public let id: NodeID
  public let role: Role
  public let term: Term
  public let logSize: UInt64
  public let commitSize: UInt64
  public let finalSize: UInt64
}

extension GovernanceNode {
  /// This node as an onlooker sees it.
  public var view: NodeView {
    NodeView(
      id: raft.id, role: raft.role, term: raft.currentTerm, logSize: raft.log.size,
      commitSize: raft.commitIndex.rawValue, finalSize: finality.size)
  }

  /// Root of the final leaves; nil where it cannot tell.
  public var finalRoot: Digest? { raft.log.rootHash(ofSize: finality.size) }

  /// The governance state at the final size.
  public var finalState: ShieldState { overlay.final }

  /// The keys that the final state knows, oldest first.
  public var finalEpochs: [KeyChain.Epoch] { overlay.final.membership.epochs }

  /// How far this node knows the ledger to be final: what every reply carries.
  public var finalityMark: FinalityMark {
    FinalityMark(size: finality.size, time: finality.checkpoint?.time.text ?? "")
  }

  /// The root over the first `size` leaves of this node's log, final or not; nil where it cannot tell.
  public func logRoot(ofSize size: UInt64) -> Digest? { raft.log.rootHash(ofSize: size) }

  /// The term of the last of the first `size` entries.
  public func logTerm(ofSize size: UInt64) -> Term? { raft.log.term(at: LogIndex(rawValue: size)) }

  /// The leaf that approves a proposal, final or not; nil where none does.
  public func approval(of proposal: LeafIndex) -> LeafIndex? {
    overlay.head.proposalView(at: proposal)?.approval
  }

  /// Who takes part, by the newest configuration in its log.
  package var configuration: Configuration { raft.configuration }

  /// Whether it knows that this is committed.
  package var isConfigurationCommitted: Bool { raft.isConfigurationCommitted }

  /// Makes this node stand for election with the next tick.
  package mutating func runOutElectionTimer() { raft.runOutElectionTimer(at: now.monotonic) }

  /// A final leaf's record.
  public func finalRecord(at index: LeafIndex) -> Record? {
    index.value < finality.size ? raft.log.record(at: index) : nil
  }

  /// The newest note, as it was read; nil before the first.
  public var newestCheckpoint: CheckpointNote? { finality.checkpoint }

  /// Whether erasures that are final wait here until that is durable.
  public var isErasing: Bool { !erasing.isEmpty }

  /// Whether what stands beside a leaf can be read here.
  public func hasAttachment(at index: LeafIndex) -> Bool {
    raft.log.attachment(at: index)?.items.isEmpty == false
  }

  /// What is wrong with what this node keeps beside a final leaf; nil where that belongs to the record, or the node does
  /// not have it.
  public func attachmentFault(at index: LeafIndex) -> String? {
    guard index.value < finality.size, let record = raft.log.record(at: index),
      let attachment = raft.log.attachment(at: index)
    else { return nil }
    do {
      try attachment.check(against: record.body)
      return nil
    } catch {
      return error.description
    }
  }
}
