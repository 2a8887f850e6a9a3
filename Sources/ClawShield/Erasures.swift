import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// That what a tenant had before a leaf is erased.
public struct ErasureCell: Equatable, Sendable, JSONWritable {
  var tenantID: String
  /// The last erasure: what stands before it is gone.
  var leaf: LeafIndex

  init(tenantID: String, leaf: LeafIndex) {
    self.tenantID = tenantID
    self.leaf = leaf
  }

  init(from fields: inout Fields) throws(RecordError) {
    tenantID = try fields.identifier("tenant_id")
    leaf = try fields.leafIndex("leaf")
  }

  public var members: [(String, JSON)] { [("tenant_id", .string(tenantID)), ("leaf", .index(leaf))] }
}

// An erasure destroys what a tenant has in attachments and files, at one leaf on every node
// (Docs/Decisions/023-erasure.md). What is erased is for the nodes to destroy, each its own keys; the state says since when.
extension ShieldState {
  /// It destroys, and nothing brings back what it destroys: two distinct people, as for every relaxation.
  func admitErasure(_ act: IncidentAct, hash: Digest) throws(Refusal) -> LeafIndex? {
    guard semantics >= Semantics.erasure else {
      throw Refusal(.failedPrecondition, "erasures need semantics \(Semantics.erasure): see claw version")
    }
    if let leaf = try knownAct(.incident, act.incidentID, hash) { return leaf }
    guard incident(act.incidentID) == nil else {
      throw Refusal(.alreadyExists, "\(act.incidentID) names a restriction already")
    }
    guard case .tenant(let tenant) = act.target else {
      throw Refusal(.invalidArgument, "target: expected tenant/<t>, found \(act.target.text)")
    }
    guard indexes.erasures.count < capacity.erasures || indexes.erasures[tenant] != nil else {
      throw Refusal(.resourceExhausted, "more than \(capacity.erasures) tenants have been erased")
    }
    return nil
  }

  /// What the tenant asked for and did not get yet ends, since nobody has its parameters any more; its files are
  /// forgotten, and may be put again.
  mutating func erase(_ act: IncidentAct, contentHash: Digest, at index: LeafIndex) {
    guard case .tenant(let tenant) = act.target else { return }
    restrict(act.target, because: "erase \(act.incidentID)", cause: index)
    rememberLabels(of: tenant)
    forgetArtifacts(of: tenant)
    forgetLabels(of: tenant)
    setErasure(ErasureCell(tenantID: tenant, leaf: index))
    addAct(
      ActCell(
        type: .incident, actID: act.incidentID, contentHash: contentHash, leaf: index,
        validUntil: act.validUntil))
  }

  /// A run that has read the tenant's files may end after they are gone, and its result comes from them still: every
  /// approval that reads one keeps the labels that they have now (Docs/Decisions/033-erased-inputs.md).
  private mutating func rememberLabels(of tenant: String) {
    guard semantics >= Semantics.erasedInputs else { return }
    #if SIMULATION
    if Mutant.erasureWashesLabels.isActive { return }
    #endif
    var readers: [LeafIndex] = []
    indexes.decisions.forEach { _, proposal in
      readers.append(proposal)
      return true
    }
    for reader in readers {
      guard let old = proposal(reader), old.grant != nil, !old.content.inputs.isEmpty,
        old.content.tenantID == tenant || old.content.crossing?.tenantID == tenant
      else { continue }
      var cell = old
      cell.erasedLabels = originLabels(old)
      if cell.erasedLabels != old.erasedLabels { change(old, to: cell) }
    }
  }

  private mutating func forgetArtifacts(of tenant: String) {
    var gone: [ArtifactCell] = []
    let first = ArtifactPlace(tenant: tenant, workspace: "", leaf: LeafIndex(0))
    indexes.artifactPlaces.forEach(from: first) { place, digest in
      guard place.tenant == tenant else { return false }
      if let cell = artifactCell(tenant, place.workspace, digest) { gone.append(cell) }
      return true
    }
    for cell in gone { forgetArtifact(cell) }
  }

  /// What was let go of before comes back without the labels that it had: it is said anew what it is.
  private mutating func forgetLabels(of tenant: String) {
    guard semantics >= Semantics.erasedInputs else { return }
    #if SIMULATION
    if Mutant.droppedLabelsKept.isActive { return }
    #endif
    var names: [String] = []
    indexes.dropped.forEach { _, name in
      names.append(name)
      return true
    }
    for name in names {
      guard var cell = droppedCell(named: name), cell.artifact.tenantID == tenant else { continue }
      cell.artifact.labels = []
      putDropped(cell)
    }
  }

  /// Whose a remembered proposal is; nil where it is not remembered.
  public func tenant(ofProposal index: LeafIndex) -> String? {
    guard case .agent(let tenant, _)? = proposal(index)?.content.requestedBy else { return nil }
    return tenant
  }

  /// The leaf of a tenant's last erasure; nil where there was none.
  public func erasure(of tenant: String) -> LeafIndex? { indexes.erasures[tenant] }

  /// Every tenant that was erased, with the leaf of its last erasure; ascending by name.
  public var erasures: [(tenant: String, leaf: LeafIndex)] {
    var all: [(tenant: String, leaf: LeafIndex)] = []
    indexes.erasures.forEach { tenant, leaf in
      all.append((tenant, leaf))
      return true
    }
    return all
  }
}
