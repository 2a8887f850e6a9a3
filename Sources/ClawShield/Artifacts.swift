import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// An artifact in a workspace of its tenant.
public struct ArtifactCell: Equatable, Sendable, JSONWritable {
  var tenantID: String
  var workspaceID: String
  var digest: Digest
  /// Bytes of its content: what it counts against its tenant's share.
  var size: Int
  /// Its first record.
  var leaf: LeafIndex
  /// Those of every record of it: what a later one adds is never taken away.
  var labels: [String]
  /// From when its retention counts: its last record, or the last proposal that named it. Nil where neither has been since
  /// semantics 3, and then it is kept.
  var countedFrom: Timestamp?

  init(_ note: ArtifactNote, leaf: LeafIndex) {
    tenantID = note.tenantID
    workspaceID = note.workspaceID
    digest = note.digest
    size = note.size
    self.leaf = leaf
    labels = note.labels
  }

  init(from fields: inout Fields) throws(RecordError) {
    tenantID = try fields.identifier("tenant_id")
    workspaceID = try fields.identifier("workspace_id")
    digest = try fields.digest("digest")
    size = try fields.integer("size", in: 0...(1 << 40))
    leaf = try fields.leafIndex("leaf")
    labels = try fields.list("labels", limit: Labels.maximumCount, of: "labels") { $0.string }
    countedFrom = try fields.optionalTime("counted_from")
  }

  public var members: [(String, JSON)] {
    present([
      ("tenant_id", .string(tenantID)), ("workspace_id", .string(workspaceID)),
      ("digest", .digest(digest)), ("size", .integer(size)), ("leaf", .index(leaf)),
      ("labels", .texts(labels)), ("counted_from", countedFrom.map(JSON.time)),
    ])
  }

  var place: ContentPlace { ContentPlace(tenant: tenantID, digest: digest, workspace: workspaceID) }
}

/// What is known of an artifact without its record.
public struct ArtifactView: Equatable, Sendable {
  public let tenantID: String
  public let workspaceID: String
  public let digest: Digest
  /// Bytes.
  public let size: Int
  /// Its first record.
  public let leaf: LeafIndex
  /// Of every record of it, ascending.
  public let labels: [String]

  init(_ cell: ArtifactCell) {
    tenantID = cell.tenantID
    workspaceID = cell.workspaceID
    digest = cell.digest
    size = cell.size
    leaf = cell.leaf
    labels = cell.labels
  }
}

/// Sets of labels as ascending lists.
enum Labels {
  /// Most labels of one artifact, in its record and joined.
  static let maximumCount = 256

  /// All of both, ascending, none twice.
  static func joined(_ left: [String], _ right: [String]) -> [String] {
    let all = (left + right).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
    return all.indices.filter { $0 == 0 || all[$0] != all[$0 - 1] }.map { all[$0] }
  }

  /// The first of `needed` that `labels` lacks.
  static func missing(_ needed: [String], in labels: [String]) -> String? {
    needed.first { !labels.contains($0) }
  }
}

extension ShieldState {
  // MARK: Admission

  /// Its owner says what it is; that a majority holds the content is the leader's word.
  func admit(_ signed: Signed<ArtifactNote>, at time: Timestamp) throws(Refusal) -> Admittance {
    let note = signed.content
    guard signed.signatures.count == 1 else {
      throw Refusal(.permissionDenied, "expected the owner's one signature, found \(signed.signatures.count)")
    }
    let owner = try signer(of: signed, expected: note.owner, at: time).enrolment
    switch note.owner {
    case .agent:
      guard owner.tenantID == note.tenantID else {
        throw Refusal(.permissionDenied, "the agent belongs to tenant \(owner.tenantID)")
      }
      guard note.decision == nil else {
        throw Refusal(.permissionDenied, "decision: an agent's file is no approved action's result")
      }
      #if SIMULATION
      if Mutant.memoryOpen.isActive { break }
      #endif
      guard !note.isMemory || semantics < Semantics.people else {
        throw Refusal(
          .permissionDenied,
          "name: \(ArtifactNote.memoryFolder) is written by an approved action with scope "
            + "\(ArtifactNote.memoryScope) alone")
      }
    case .executor: try checkResult(note)
    case .node, .approver, .operator, .auditor:
      throw Refusal(.permissionDenied, "agents and executors put artifacts, not \(note.owner.path)")
    }
    if let known = artifactCell(note.tenantID, note.workspaceID, note.digest) {
      // The same content by another way: where it comes from is all of both.
      let labels = allLabels(of: note)
      guard Labels.missing(labels, in: known.labels) != nil else { return .known(known.leaf) }
      guard Labels.joined(known.labels, labels).count <= Labels.maximumCount else {
        throw Refusal(
          .resourceExhausted, "the artifact would have more than \(Labels.maximumCount) labels")
      }
      try requireValidity(note.validUntil, at: time)
      try requireAnotherResult(note)
      return .accept
    }
    if let dropped = droppedCell(note.tenantID, note.workspaceID, note.digest), dropped.written == nil {
      throw Refusal(
        .failedPrecondition, "the file has just been let go of, which is not written down yet: try again")
    }
    try requireValidity(note.validUntil, at: time)
    try requireAnotherResult(note)
    try requireRoom(for: note)
    return .accept
  }

  /// An executor's artifact is the result of an approval that names it. It cannot wash the labels off of what went
  /// into it (DESIGN, "Contamination"): those that it leaves out are added.
  private func checkResult(_ note: ArtifactNote) throws(Refusal) {
    guard let decision = note.decision else {
      throw Refusal(
        .permissionDenied, "decision: expected the approval that the executor's file is a result of")
    }
    guard let index = indexes.decisions[decision], let cell = proposal(index), let grant = cell.grant,
      cell.approval == decision, grant.executorID == note.owner
    else {
      throw Refusal(
        .permissionDenied, "leaf \(decision.value) is no approval that names \(note.owner.path)")
    }
    guard note.tenantID == cell.content.tenantID, note.workspaceID == cell.content.workspaceID else {
      throw Refusal(
        .permissionDenied,
        "the approval is for workspace \(cell.content.workspaceID) of tenant \(cell.content.tenantID)")
    }
    guard
      !note.isMemory || semantics < Semantics.people || grant.allowedScopes.contains(ArtifactNote.memoryScope)
    else {
      throw Refusal(
        .permissionDenied,
        "name: the approval does not cover \(ArtifactNote.memoryScope), which writes memory")
    }
    guard note.labels.contains(cell.content.requestedBy.path) else {
      throw Refusal(.permissionDenied, "labels: expected the agent's, \(cell.content.requestedBy.path), too")
    }
    guard allLabels(of: note).count <= Labels.maximumCount else {
      throw Refusal(.resourceExhausted, "the artifact would have more than \(Labels.maximumCount) labels")
    }
  }

  /// The labels that its record names, and for a result those of every input as they are now: an executor knows
  /// an input by its first record, and others may have said more of it since.
  private func allLabels(of note: ArtifactNote) -> [String] {
    guard let decision = note.decision, let index = indexes.decisions[decision], let cell = proposal(index)
    else { return note.labels }
    #if SIMULATION
    if Mutant.labelsDropped.isActive { return note.labels }
    #endif
    return Labels.joined(note.labels, originLabels(cell))
  }

  /// One approval has a bounded number of results, however often its executor tries.
  private func requireAnotherResult(_ note: ArtifactNote) throws(Refusal) {
    guard semantics >= Semantics.countedResults, let decision = note.decision,
      let index = indexes.decisions[decision], let cell = proposal(index)
    else { return }
    guard cell.results < capacity.resultsPerApproval else {
      throw Refusal(
        .resourceExhausted,
        "the approval at leaf \(decision.value) has \(cell.results) results, as many as one may have")
    }
  }

  private func requireRoom(for note: ArtifactNote) throws(Refusal) {
    guard indexes.artifacts < capacity.artifacts else {
      throw Refusal(.resourceExhausted, "more than \(capacity.artifacts) artifacts")
    }
    let used = artifactUse(of: note.tenantID)
    guard used.count < capacity.artifactsPerTenant else {
      throw Refusal(
        .resourceExhausted,
        "tenant \(note.tenantID) has \(used.count) artifacts, of at most \(capacity.artifactsPerTenant)")
    }
    guard used.bytes + note.size <= capacity.artifactBytesPerTenant else {
      throw Refusal(
        .resourceExhausted,
        "tenant \(note.tenantID) has artifacts of \(used.bytes) bytes, of at most "
          + "\(capacity.artifactBytesPerTenant): \(note.size) more do not fit")
    }
  }

  // MARK: Effect

  mutating func take(_ signed: Signed<ArtifactNote>, at index: LeafIndex) {
    let note = signed.content
    let labels = allLabels(of: note)
    var cell =
      artifactCell(note.tenantID, note.workspaceID, note.digest) ?? ArtifactCell(note, leaf: index)
    #if SIMULATION
    let isKept = Mutant.copyKeepsLabels.isActive
    #else
    let isKept = false
    #endif
    if !isKept { cell.labels = Labels.joined(cell.labels, labels) }
    if semantics >= Semantics.retention { cell.countedFrom = logTime }
    if let dropped = droppedCell(note.tenantID, note.workspaceID, note.digest) {
      // It comes back with the labels that it had.
      cell.labels = Labels.joined(cell.labels, dropped.artifact.labels)
      forgetDropped(dropped)
    }
    setArtifact(cell)
    guard semantics >= Semantics.countedResults, let decision = note.decision,
      let index = indexes.decisions[decision], let old = proposal(index)
    else { return }
    var new = old
    new.results += 1
    change(old, to: new)
  }

  // MARK: Questions

  /// How many artifacts a tenant has, and the bytes of their contents.
  func artifactUse(of tenant: String) -> (count: Int, bytes: Int) { indexes.artifactUse[tenant] ?? (0, 0) }

  func artifactCell(_ tenant: String, _ workspace: String, _ digest: Digest) -> ArtifactCell? {
    guard case .artifact(let cell) = cells[CellName.artifact(tenant, workspace, digest)] else { return nil }
    return cell
  }

  /// What is known of an artifact; with no workspace named, in the first that has it.
  public func artifact(tenant: String, workspace: String? = nil, digest: Digest) -> ArtifactView? {
    if let workspace { return artifactCell(tenant, workspace, digest).map(ArtifactView.init) }
    var found: ArtifactCell?
    indexes.contents.forEach(from: ContentPlace(tenant: tenant, digest: digest, workspace: "")) { key, _ in
      if key.tenant == tenant, key.digest == digest {
        found = artifactCell(tenant, key.workspace, digest)
      }
      return false
    }
    return found.map(ArtifactView.init)
  }

  /// The artifacts of a workspace whose records are after `leaf`, by leaf, at most `limit`.
  public func artifacts(
    tenant: String, workspace: String, after leaf: LeafIndex?, limit: Int
  ) -> [ArtifactView] {
    var found: [ArtifactView] = []
    var next: UInt64 = 0
    if let leaf {
      // The caller names it, and after the last number that there is comes none.
      guard leaf.value < .max else { return [] }
      next = leaf.value + 1
    }
    let first = ArtifactPlace(tenant: tenant, workspace: workspace, leaf: LeafIndex(next))
    indexes.artifactPlaces.forEach(from: first) { key, digest in
      guard key.tenant == tenant, key.workspace == workspace, found.count < limit else { return false }
      if let cell = artifactCell(tenant, workspace, digest) { found.append(ArtifactView(cell)) }
      return true
    }
    return found
  }

  /// The contents that nodes must hold, after one of them, by tenant and digest, at most `limit`.
  public func contents(
    after last: (tenant: String, digest: Digest)?, limit: Int
  ) -> [(tenant: String, digest: Digest)] {
    var found: [(tenant: String, digest: Digest)] = []
    // No workspace's name comes after this one.
    let first = last.map { ContentPlace(tenant: $0.tenant, digest: $0.digest, workspace: "\u{10FFFF}") }
    indexes.contents.forEach(from: first) { key, _ in
      guard found.count < limit else { return false }
      if found.last?.tenant != key.tenant || found.last?.digest != key.digest {
        found.append((key.tenant, key.digest))
      }
      return true
    }
    return found
  }

  /// The artifact that `executor` may fetch at `time`: an input of its own approval, which is live.
  public func input(
    _ digest: Digest, of decision: LeafIndex, for executor: Principal, at time: Timestamp
  ) -> ArtifactView? {
    guard isLiveApproval(at: decision, time: time), let index = indexes.decisions[decision],
      let cell = proposal(index), cell.grant?.executorID == executor, cell.content.inputs.contains(digest)
    else { return nil }
    return inputCell(cell.content, digest).map(ArtifactView.init)
  }
}
