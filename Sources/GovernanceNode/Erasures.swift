import Canonical
import ClawLedger
import ClawShield
import Records

#if SIMULATION
import Mutants
#endif

/// An erasure that is final here. Its keys go once that is durable: a node that forgot them first, and crashed, would
/// find entries that it cannot read in a log that still counts on them.
struct Erasing: Sendable {
  /// The write that makes it durable.
  let after: WriteName
  let tenant: String
  /// The leaf of the erasure.
  let before: LeafIndex
}

extension GovernanceNode {
  /// Takes up the erasures that the final state has and the ledger has not carried out: they wait for the last of the
  /// writes.
  mutating func awaitErasures(in effects: inout NodeEffects) {
    guard let last = effects.writes.last?.name else { return }
    for (tenant, leaf) in overlay.final.erasures
    where !raft.log.isErased(tenant, through: leaf)
      && !erasing.contains(where: { $0.tenant == tenant && $0.before == leaf })
    {
      erasing.append(Erasing(after: last, tenant: tenant, before: leaf))
    }
  }

  mutating func carryOutErasures(after name: WriteName, into effects: inout NodeEffects) {
    guard let due = erasing.lastIndex(where: { $0.after == name }) else { return }
    let state = overlay.final
    for erasure in erasing[...due] {
      #if SIMULATION
      if Mutant.erasedKeyKept.isActive { continue }
      #endif
      raft.log.erase(erasure.tenant, before: erasure.before.value) { state.tenant(ofProposal: $0) }
      effects.notices.append(
        .warning(
          "what tenant \(erasure.tenant) had before leaf \(erasure.before.value) is erased here: its keys are destroyed"
        ))
    }
    erasing.removeSubrange(...due)
  }

  /// The part of `Admin/Status` that says how far this node has carried out what is erased: every erasure before
  /// `through` has cost the node its keys; and the last erasures that the ledger has, newest first.
  var erasuresStatus: JSON {
    let all = overlay.final.erasures.sorted { $0.leaf > $1.leaf }
    let open = all.last { !raft.log.isErased($0.tenant, through: $0.leaf) }
    return .object([
      ("through", .string(String(open?.leaf.value ?? finality.size))),
      (
        "all",
        .array(
          all.prefix(Self.statusEntries).map { erasure in
            .object([
              ("tenant_id", .string(erasure.tenant)), ("leaf", .string(String(erasure.leaf.value))),
              ("at", raft.log.record(at: erasure.leaf).map { .time($0.at) } ?? .null),
            ])
          })
      ),
    ])
  }

  /// The erasure by which a leaf's attachment went; nil where it did not.
  func erasure(of index: LeafIndex) -> LeafIndex? {
    guard raft.log.isErased(index), let tenant = raft.log.tenant(at: index) else { return nil }
    return overlay.final.erasure(of: tenant)
  }
}
