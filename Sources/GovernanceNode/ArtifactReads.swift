import ClawLedger
import ClawShield
import Crypto
import Raft
import Records
import Wire

// What clients are told of artifacts. Agents and auditors read what is a tenant's; an executor gets the
// inputs of what it is about to run, and nothing else.
extension GovernanceNode {
  static var noSuchArtifact: String { "no such artifact of this tenant" }
  /// Most artifacts on one page of a list.
  static var artifactsPerPage: Int { 256 }

  func getArtifact(_ call: ClientCall, _ request: ArtifactRequest, into effects: inout NodeEffects) throws {
    let view: ArtifactView?
    if case .executor = call.caller {
      view = overlay.final.input(
        try digest(request), of: LeafIndex(request.decision), for: call.caller, at: now.wall)
      // What is asked for is the approval's tenant's, or what that may read of another's.
      let asking = overlay.final.proposalView(decision: LeafIndex(request.decision))?.proposal.tenantID
      guard view != nil, asking == request.tenant else {
        refuse(
          call.key, .notFound,
          "no input of a live approval at leaf \(request.decision) that names \(call.caller.path)",
          into: &effects)
        return
      }
    } else {
      view = try artifact(call, request)
    }
    guard let view, let stat = stat(view) else {
      refuse(call.key, .notFound, try absence(call, request), into: &effects)
      return
    }
    guard let content = content(tenant: view.tenantID, digest: view.digest) else {
      refuse(call.key, .unavailable, "this node does not hold the content; ask another", into: &effects)
      return
    }
    guard isShown(content, to: call.caller) else {
      refuse(
        call.key, .permissionDenied, "the file has what looks like a secret: an auditor can read it",
        into: &effects)
      return
    }
    var response = ArtifactContent(stat: stat, content: content)
    if case .executor = call.caller { response.proof = proof(of: view.leaf)?.encoded ?? "" }
    effects.answers.append(.respond(call.key, .ok, payload: response.encode()))
  }

  func statArtifact(_ call: ClientCall, _ request: ArtifactRequest, into effects: inout NodeEffects)
    throws
  {
    guard let view = try artifact(call, request), let stat = stat(view) else {
      guard let dropped = try dropped(call, request), var stat = stat(dropped.artifact) else {
        refuse(call.key, .notFound, Self.noSuchArtifact, into: &effects)
        return
      }
      stat.droppedAt = dropped.at.text
      stat.droppedIndex = dropped.record?.value ?? 0
      effects.answers.append(.respond(call.key, .ok, payload: stat.encode()))
      return
    }
    effects.answers.append(.respond(call.key, .ok, payload: stat.encode()))
  }

  /// One page of a workspace's artifacts: of another's tenant there are none.
  func listArtifacts(
    _ call: ClientCall, _ request: ArtifactListRequest, into effects: inout NodeEffects
  ) throws {
    guard Identifier.isValid(request.tenant), Identifier.isValid(request.workspace) else {
      throw RecordError.field("tenant, workspace", expected: "1 to 128 of A-Z a-z 0-9 . _ : @ - each")
    }
    var response = ArtifactListResponse()
    var bytes = 0
    if mayRead(call.caller, tenant: request.tenant) {
      let views = overlay.final.artifacts(
        tenant: request.tenant, workspace: request.workspace, after: LeafIndex(request.after),
        limit: Self.artifactsPerPage + 1)
      for view in views {
        guard response.items.count < Self.artifactsPerPage, bytes < Self.pageBytes else {
          response.more = true
          break
        }
        guard let stat = stat(view) else { continue }
        bytes += stat.encode().count
        response.items.append(stat)
      }
    }
    effects.answers.append(.respond(call.key, .ok, payload: response.encode()))
  }

  // MARK: Looking up

  private func digest(_ request: ArtifactRequest) throws(RecordError) -> Digest {
    guard let digest = Digest(hex: request.digest) else {
      throw .field("digest", expected: "a SHA-256 digest in hexadecimal")
    }
    return digest
  }

  private func artifact(_ call: ClientCall, _ request: ArtifactRequest) throws -> ArtifactView? {
    let digest = try digest(request)
    guard mayRead(call.caller, tenant: request.tenant) else { return nil }
    return overlay.final.artifact(
      tenant: request.tenant, workspace: request.workspace.isEmpty ? nil : request.workspace, digest: digest)
  }

  private func dropped(_ call: ClientCall, _ request: ArtifactRequest) throws -> DroppedView? {
    let digest = try digest(request)
    guard mayRead(call.caller, tenant: request.tenant) else { return nil }
    return overlay.final.droppedArtifact(
      tenant: request.tenant, workspace: request.workspace.isEmpty ? nil : request.workspace, digest: digest)
  }

  /// Why there is none: it was let go of, or there never was one.
  private func absence(_ call: ClientCall, _ request: ArtifactRequest) throws -> String {
    guard let dropped = try dropped(call, request) else { return Self.noSuchArtifact }
    let record = dropped.record.map { ", as leaf \($0.value) says" } ?? ""
    return "the file was let go of at \(dropped.at.text) by the rules of retention\(record)"
  }

  /// What its first record says, with the labels of all of them; nil where this node has no such record,
  /// whose log may begin after it.
  private func stat(_ view: ArtifactView) -> ArtifactStat? {
    guard let record = raft.log.record(at: view.leaf), case .artifact(let signed) = record.body else {
      return nil
    }
    var stat = ArtifactTable.stat(signed.content, at: view.leaf)
    stat.labels = view.labels
    return stat
  }

  /// The plain bytes, where this node holds them.
  public func content(tenant: String, digest: Digest) -> [UInt8]? {
    let key = ArtifactTable.key(tenant: tenant, digest: digest.hex)
    guard let sealed = try? raft.log.store.get(.artifacts, key) else { return nil }
    return raft.log.open(sealed, name: key)
  }
}
