import Canonical
import Crypto
import Merkle
import Records

/// Replicated governance state after `size` leaves: a value; copies are cheap.
///
/// A pure function of the log. All of it is cells, to which `stateRoot` commits; the indexes follow from
/// the cells, so that a state restored from them is the state that made them. Nothing in it iterates a
/// `Dictionary` or `Set`, holds a floating-point number or reads a clock.
///
/// Like the Merkle map in it, a state and its copies belong to one thread at a time.
public struct ShieldState: Sendable {
  /// Hash of the genesis leaf.
  public let cluster: Digest
  /// Leaves applied.
  public private(set) var size: UInt64
  /// The highest `at` of them.
  public private(set) var logTime: Timestamp
  /// Everything, by name.
  public private(set) var cells: MerkleMap<Cell>

  var indexes: Indexes
  private(set) var genesis: GenesisCell
  /// Who the parties are, and the change that is on its way.
  public private(set) var membership: MembersCell
  private(set) var compiled: CompiledBundle
  /// The bundle that is asked beside it.
  private(set) var shadow: CompiledBundle?
  private(set) var activatedAt: LeafIndex
  /// The bundle under which dry runs count. The one in force: another that is only asked has had none run.
  private(set) var bundleOfPreviews: Digest
  let evaluator: any PolicyEvaluating
  /// Always the default, but in tests.
  var capacity = Capacity()

  /// Commits to every cell.
  public var stateRoot: Digest { cells.rootHash }

  // MARK: Beginning

  /// The state after leaf 0. Checks that `genesisLeaf` is the record's bytes, that the bundle is the one
  /// that the genesis names and can be enforced, and that every party has signed the leaf.
  public static func initial(
    genesisLeaf: [UInt8], record: Record, attachment: Attachment,
    policyEvaluator: any PolicyEvaluating = BundlePolicy()
  ) throws(ShieldError) -> ShieldState {
    guard case .genesis(let genesis) = record.body, record.bytes == genesisLeaf else {
      throw .genesis("the canonical bytes of a genesis record")
    }
    let cluster = TreeHash.leaf(genesisLeaf)
    let bundle: PolicyBundle
    do {
      try attachment.check(against: record.body)
      bundle = try PolicyBundle(attachment["bundle"]?.value ?? .null)
      try GenesisSignature.check(
        attachment["signatures"]?.value ?? .null, of: genesis, leafHash: cluster)
    } catch {
      throw .record(error)
    }
    return try begun(genesis, cluster: cluster, bundle: bundle, at: record.at, policyEvaluator)
  }

  /// The state after a genesis whose signatures are somebody else's to check.
  static func begun(
    _ genesis: Genesis, cluster: Digest, bundle: PolicyBundle, at time: Timestamp,
    _ policyEvaluator: any PolicyEvaluating
  ) throws(ShieldError) -> ShieldState {
    guard bundle.hash == genesis.policyBundleHash,
      bundle.constitutionVersion == genesis.constitutionVersion
    else { throw .genesis("the bundle and constitution whose hash and version it names") }
    guard bundle.leastSemantics <= genesis.semantics else {
      throw .genesis("semantics \(bundle.leastSemantics) or newer, which the bundle needs")
    }
    let compiled = try CompiledBundle(bundle, evaluator: policyEvaluator)
    if genesis.semantics >= Semantics.inferredKinds, let objection = policyEvaluator.objection(to: bundle) {
      throw .bundle(objection)
    }
    var state = ShieldState(
      cluster: cluster, genesis: GenesisCell(cluster: cluster, genesis: genesis), compiled: compiled,
      evaluator: policyEvaluator)
    state.cells[CellName.genesis] = .genesis(state.genesis)
    state.cells[CellName.bundle] = .bundle(BundleCell(activatedAt: LeafIndex(0), bundle: bundle))
    for enrolment in genesis.enrolments {
      if let refusal = state.objection(to: enrolment, at: time) { throw .genesis(refusal.message) }
      state.setEnrolment(
        EnrolmentCell(leaf: LeafIndex(0), enrolment: enrolment), of: enrolment.principal)
    }
    state.advance(to: 1, time: time)
    return state
  }

  private init(
    cluster: Digest, genesis: GenesisCell, compiled: CompiledBundle, evaluator: any PolicyEvaluating
  ) {
    self.cluster = cluster
    self.genesis = genesis
    membership = MembersCell(genesis)
    self.compiled = compiled
    self.evaluator = evaluator
    size = 0
    logTime = .epoch
    cells = MerkleMap()
    indexes = Indexes()
    indexes.retention = compiled.bundle.retention
    activatedAt = LeafIndex(0)
    bundleOfPreviews = compiled.bundle.hash
  }

  /// The state that these cells are: what `cells` visits, in any order.
  public init(
    restoring stored: [(name: String, bytes: [UInt8])],
    policyEvaluator: any PolicyEvaluating = BundlePolicy()
  ) throws(ShieldError) {
    var cells = MerkleMap<Cell>()
    for (name, bytes) in stored {
      guard cells[name] == nil else { throw .cell(name, expected: "no cell twice") }
      cells[name] = try Cell(name: name, bytes: bytes)
    }
    guard case .log(let log) = cells[CellName.log] else { throw .cell(CellName.log, expected: "a cell") }
    guard case .genesis(let genesis) = cells[CellName.genesis] else {
      throw .cell(CellName.genesis, expected: "a cell")
    }
    guard case .bundle(let bundle) = cells[CellName.bundle] else {
      throw .cell(CellName.bundle, expected: "a cell")
    }
    self.init(
      cluster: genesis.cluster, genesis: genesis,
      compiled: try CompiledBundle(bundle.bundle, evaluator: policyEvaluator), evaluator: policyEvaluator)
    size = log.size
    logTime = log.time
    activatedAt = bundle.activatedAt
    if case .members(let members) = cells[CellName.members] { membership = members }
    if case .shadow(let cell) = cells[CellName.shadow] {
      shadow = try CompiledBundle(cell.bundle, evaluator: policyEvaluator)
    }
    cells.markWritten()
    self.cells = cells
    indexAll()
  }

  private mutating func indexAll() {
    var indexes = Indexes()
    indexes.retention = compiled.bundle.retention
    cells.forEach { _, cell in
      switch cell {
      case .log, .genesis, .members, .version, .bundle, .shadow, .shadowed, .spend, .approvals, .voter,
        .constitution, .former:
        break
      case .enrolment(let cell): indexes.change(from: nil, to: cell)
      case .proposal(let cell):
        indexes.add(cell)
        indexes.change(cell.index, from: nil, to: ProposalFacts(cell))
      case .incident(let cell): indexes.change(from: nil, to: cell)
      case .act(let cell):
        indexes.acts[ActKey(validUntil: cell.validUntil, name: CellName.act(cell.type, cell.actID))] = true
      case .artifact(let cell): indexes.add(cell)
      case .dropped(let cell): indexes.change(from: nil, to: cell)
      case .erasure(let cell): indexes.add(cell)
      }
    }
    self.indexes = indexes
  }

  // MARK: Changing cells

  mutating func advance(to size: UInt64, time: Timestamp) {
    self.size = size
    logTime = time
    cells[CellName.log] = .log(LogCell(size: size, time: time))
  }

  mutating func setMembership(_ cell: MembersCell) {
    membership = cell
    cells[CellName.members] = .members(cell)
  }

  /// The semantics in force for the next leaf.
  public var semantics: Int {
    if case .version(let cell) = cells[CellName.version] { cell.semantics } else { genesis.semantics }
  }

  mutating func setVersion(_ cell: VersionCell) { cells[CellName.version] = .version(cell) }

  func proposal(_ index: LeafIndex) -> ProposalCell? {
    guard indexes.proposals[index] != nil, case .proposal(let cell) = cells[CellName.proposal(index)] else {
      return nil
    }
    return cell
  }

  mutating func addProposal(_ cell: ProposalCell) {
    indexes.add(cell)
    indexes.change(cell.index, from: nil, to: ProposalFacts(cell))
    cells[CellName.proposal(cell.index)] = .proposal(cell)
  }

  mutating func change(_ old: ProposalCell, to new: ProposalCell) {
    indexes.change(new.index, from: ProposalFacts(old), to: ProposalFacts(new))
    cells[CellName.proposal(new.index)] = .proposal(new)
  }

  mutating func forget(_ cell: ProposalCell) {
    indexes.change(cell.index, from: ProposalFacts(cell), to: nil)
    indexes.remove(cell)
    cells[CellName.proposal(cell.index)] = nil
  }

  mutating func setEnrolment(_ new: EnrolmentCell?, of principal: Principal) {
    indexes.change(from: enrolmentCell(of: principal), to: new)
    cells[CellName.enrolment(principal)] = new.map(Cell.enrolment)
  }

  func enrolmentCell(of principal: Principal) -> EnrolmentCell? {
    guard case .enrolment(let cell) = cells[CellName.enrolment(principal)] else { return nil }
    return cell
  }

  mutating func setIncident(_ new: IncidentCell) {
    indexes.change(from: incident(new.incidentID), to: new)
    cells[CellName.incident(new.incidentID)] = .incident(new)
  }

  mutating func forgetIncident(_ old: IncidentCell) {
    indexes.change(from: old, to: nil)
    cells[CellName.incident(old.incidentID)] = nil
  }

  func incident(_ id: String) -> IncidentCell? {
    guard case .incident(let cell) = cells[CellName.incident(id)] else { return nil }
    return cell
  }

  mutating func addAct(_ cell: ActCell) {
    let name = CellName.act(cell.type, cell.actID)
    indexes.acts[ActKey(validUntil: cell.validUntil, name: name)] = true
    cells[name] = .act(cell)
  }

  func act(_ type: RecordType, _ id: String) -> ActCell? {
    guard case .act(let cell) = cells[CellName.act(type, id)] else { return nil }
    return cell
  }

  mutating func forgetAct(_ key: ActKey) {
    indexes.acts[key] = nil
    cells[key.name] = nil
  }

  mutating func setArtifact(_ new: ArtifactCell) {
    if let old = artifactCell(new.tenantID, new.workspaceID, new.digest) { indexes.remove(old) }
    indexes.add(new)
    cells[CellName.artifact(new.tenantID, new.workspaceID, new.digest)] = .artifact(new)
  }

  mutating func forgetArtifact(_ old: ArtifactCell) {
    indexes.remove(old)
    cells[CellName.artifact(old.tenantID, old.workspaceID, old.digest)] = nil
  }

  mutating func putDropped(_ cell: DroppedCell) {
    indexes.change(from: droppedCell(named: cell.name), to: cell)
    cells[cell.name] = .dropped(cell)
  }

  /// It is forgotten, or was put again.
  mutating func forgetDropped(_ cell: DroppedCell) {
    indexes.change(from: cell, to: nil)
    cells[cell.name] = nil
  }

  func droppedCell(named name: String) -> DroppedCell? {
    guard case .dropped(let cell) = cells[name] else { return nil }
    return cell
  }

  mutating func setErasure(_ cell: ErasureCell) {
    indexes.add(cell)
    cells[CellName.erasure(cell.tenantID)] = .erasure(cell)
  }

  mutating func setSpend(_ cell: SpendCell) { cells[CellName.spend(cell.tenantID)] = .spend(cell) }

  func spend(_ tenant: String) -> SpendCell? {
    guard case .spend(let cell) = cells[CellName.spend(tenant)] else { return nil }
    return cell
  }

  mutating func setVoter(_ cell: VoterCell) { cells[CellName.voter(cell.owner)] = .voter(cell) }

  func voter(_ owner: String) -> VoterCell? {
    guard case .voter(let cell) = cells[CellName.voter(owner)] else { return nil }
    return cell
  }

  /// Remembers the constitution in force, which the amendment at `leaf` is about to replace.
  mutating func keepConstitution(until leaf: LeafIndex) {
    guard semantics >= Semantics.keptConstitutions else { return }
    let cell = ConstitutionCell(constitution: compiled.bundle.constitution, leaf: leaf)
    cells[CellName.constitution(cell.constitution.version)] = .constitution(cell)
  }

  /// A constitution that was in force before, by its version.
  func formerConstitution(_ version: String) -> ConstitutionCell? {
    guard case .constitution(let cell) = cells[CellName.constitution(version)] else { return nil }
    return cell
  }

  /// Remembers the bundle in force, which the act at `leaf` is about to replace, where nobody could propose it any more.
  mutating func keepBundle(until leaf: LeafIndex) {
    let bundle = compiled.bundle
    guard semantics >= Semantics.inferredKinds, !wasInForce(bundle.hash),
      evaluator.objection(to: bundle) != nil
    else { return }
    cells[CellName.former(bundle.hash)] = .former(FormerBundleCell(bundleHash: bundle.hash, leaf: leaf))
  }

  /// Whether the state knows that a bundle was in force before. Of those that can be proposed it does not say so.
  func wasInForce(_ hash: Digest) -> Bool {
    hash == genesis.policyBundleHash || cells[CellName.former(hash)] != nil
  }

  mutating func markApproval(_ index: LeafIndex) {
    let chunk = index.value / ApprovalBits.length
    var bits = approvalBits(chunk) ?? ApprovalBits(chunk: chunk)
    bits.insert(index.value)
    cells[CellName.approvals(chunk)] = .approvals(bits)
  }

  func approvalBits(_ chunk: UInt64) -> ApprovalBits? {
    guard case .approvals(let bits) = cells[CellName.approvals(chunk)] else { return nil }
    return bits
  }

  /// The same state with another bundle in force, which no leaf has said: for what it would decide. The dry runs of the
  /// one in force count under it.
  func under(_ bundle: CompiledBundle) -> ShieldState {
    var other = self
    other.compiled = bundle
    return other
  }

  /// Has a bundle asked beside the one in force, or none.
  mutating func setShadow(_ bundle: CompiledBundle?, at index: LeafIndex) {
    shadow = bundle
    cells[CellName.shadow] = bundle.map { .shadow(BundleCell(activatedAt: index, bundle: $0.bundle)) }
    cells[CellName.shadowed] = bundle.map { _ in .shadowed(ShadowedCell()) }
  }

  var shadowed: ShadowedCell? {
    guard case .shadowed(let cell) = cells[CellName.shadowed] else { return nil }
    return cell
  }

  mutating func setShadowed(_ cell: ShadowedCell) { cells[CellName.shadowed] = .shadowed(cell) }

  /// The leaf since which a bundle is asked beside the one in force.
  var shadowedSince: LeafIndex? {
    guard case .shadow(let cell) = cells[CellName.shadow] else { return nil }
    return cell.activatedAt
  }

  /// Puts a bundle in force.
  mutating func activate(_ bundle: CompiledBundle, at index: LeafIndex) {
    compiled = bundle
    activatedAt = index
    bundleOfPreviews = bundle.bundle.hash
    if indexes.retention != bundle.bundle.retention {
      // When each file's time ends is another for all of them.
      var files: [ArtifactCell] = []
      indexes.contents.forEach { place, _ in
        if let cell = artifactCell(place.tenant, place.workspace, place.digest) { files.append(cell) }
        return true
      }
      indexes.keep(files, by: bundle.bundle.retention)
    }
    cells[CellName.bundle] = .bundle(BundleCell(activatedAt: index, bundle: bundle.bundle))
  }
}
