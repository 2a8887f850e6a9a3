import ClawLedger
import ClawShield
import Crypto
import Merkle
import Records
import Wire

extension GovernanceNode {
  /// `held`: incidents by which the caller refuses certificates.
  func checkpoint(_ key: CallKey, held: [String] = [], into effects: inout NodeEffects) {
    let response = CheckpointResponse(
      note: finality.note?.encoded ?? "", cluster: cluster.hex, groupKey: anchorKey.hex,
      crashOnly: overlay.final.membership.faultsTolerated < 1, links: anchoredLinks(after: 0),
      refusedCertificates: overlay.final.nodeCertificates.compactMap { proof(of: $0.leaf)?.encoded },
      lifts: lifts(of: held).compactMap { proof(of: $0)?.encoded })
    effects.answers.append(.respond(key, .ok, payload: response.encode()))
  }

  /// The lifts of incidents, each once. That an incident is not in force any more is no lift: another may have taken its place.
  private func lifts(of incidents: [String]) -> [LeafIndex] {
    var found: [LeafIndex] = []
    for id in incidents.prefix(CheckpointRequest.maximumHeld) {
      guard let leaf = overlay.final.lift(of: id), !found.contains(leaf),
        case .incident(let act)? = raft.log.record(at: leaf)?.body, act.content.lifts.contains(id)
      else { continue }
      found.append(leaf)
    }
    return found
  }

  /// Refuses what needs leaves that this node still fetches; true where it did.
  private func refusesMissing(_ key: CallKey, _ index: UInt64, into effects: inout NodeEffects) -> Bool {
    guard let missing = raft.log.missing, missing.upperBound > index else { return false }
    refuse(
      key, .unavailable,
      "this node began with a snapshot and still fetches the leaves below \(missing.upperBound): ask another",
      into: &effects)
    return true
  }

  func entry(_ call: ClientCall, _ request: EntryRequest, into effects: inout NodeEffects) {
    let index = LeafIndex(request.index)
    if raft.log.missing?.contains(index.value) == true {
      _ = refusesMissing(call.key, index.value, into: &effects)
      return
    }
    guard index.value < finality.size, let record = raft.log.record(at: index),
      mayRead(call.caller, record.body)
    else {
      refuse(call.key, .notFound, "no such leaf is final here, or it is another tenant's", into: &effects)
      return
    }
    let response = EntryResponse(
      leaf: raft.log.leaf(at: index) ?? [],
      attachment: attachment(at: index, of: record.body, for: call.caller),
      proof: proof(of: index)?.encoded ?? "", erasedBy: erasure(of: index)?.value ?? 0)
    effects.answers.append(.respond(call.key, .ok, payload: response.encode()))
  }

  func inclusionProof(_ call: ClientCall, _ request: ProofRequest, into effects: inout NodeEffects) {
    guard request.size <= finality.size, request.index < request.size,
      let path = raft.log.inclusionProof(of: LeafIndex(request.index), size: request.size)
    else {
      if refusesMissing(call.key, request.index, into: &effects) { return }
      refuse(
        call.key, .outOfRange, "expected index < size ≤ \(finality.size), the final size", into: &effects)
      return
    }
    effects.answers.append(
      .respond(call.key, .ok, payload: ProofResponse(hashes: path.map(\.bytes)).encode()))
  }

  func consistencyProof(_ call: ClientCall, _ request: ProofRequest, into effects: inout NodeEffects) {
    guard request.size <= finality.size, request.index > 0, request.index <= request.size,
      let path = raft.log.consistencyProof(old: request.index, size: request.size)
    else {
      if refusesMissing(call.key, request.index, into: &effects) { return }
      refuse(
        call.key, .outOfRange, "expected 0 < old size ≤ size ≤ \(finality.size), the final size",
        into: &effects)
      return
    }
    effects.answers.append(
      .respond(call.key, .ok, payload: ProofResponse(hashes: path.map(\.bytes)).encode()))
  }

  /// Most decisions of a tenant that are looked at for one page.
  private static var decisionsPerPage: Int { 4096 }

  /// The final records of a trace, or a tenant's decisions, that the caller may read, a page at a time.
  func trace(_ call: ClientCall, _ request: TraceRequest, into effects: inout NodeEffects) throws {
    let leaves: [LeafIndex]
    if request.tenant.isEmpty {
      leaves = overlay.final.trace(request.traceID)
    } else {
      guard request.traceID.isEmpty else {
        throw RecordError.field("trace_id, tenant", expected: "one of them")
      }
      leaves =
        mayRead(call.caller, tenant: request.tenant)
        ? overlay.final.decisions(
          ofTenant: request.tenant, after: LeafIndex(request.after), limit: Self.decisionsPerPage) : []
    }
    var response = TraceResponse()
    var bytes = 0
    for index in leaves where index.value > request.after {
      guard let record = raft.log.record(at: index), let leaf = raft.log.leaf(at: index),
        mayRead(call.caller, record.body)
      else { continue }
      guard bytes < Self.pageBytes else {
        response.more = true
        break
      }
      bytes += leaf.count
      response.indices.append(index.value)
      response.leaves.append(leaf)
    }
    if !request.tenant.isEmpty, leaves.count == Self.decisionsPerPage { response.more = true }
    effects.answers.append(.respond(call.key, .ok, payload: response.encode()))
  }
}
