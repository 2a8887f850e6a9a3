import Canonical
import ClawShield
import Records
import Wire

/// How things stand, for operators: what is final here, and what this node and its host say of themselves.
extension GovernanceNode {
  /// How long before its end an enrolment or certificate is named.
  static var expiryHorizon: Interval { .seconds(30 * 86_400) }
  /// Most entries of each list in a status.
  static var statusEntries: Int { 256 }

  func status(_ call: ClientCall, _ request: StatusRequest, into effects: inout NodeEffects) throws {
    let members = overlay.final.membership
    let age = finality.checkpoint.map { now.wall.since($0.time).nanoseconds / 1_000_000 } ?? -1
    var value: [(String, JSON)] = [
      ("cluster", .string(cluster.hex)), ("cluster_name", .string(genesis.clusterName)),
      ("node", .integer(Int(raft.id.rawValue))),
      ("role", .string("\(raft.role)")), ("term", .string(String(raft.currentTerm.rawValue))),
      ("leader", raft.leader.map { .integer(Int($0.rawValue)) } ?? .null),
      ("parties", .integer(members.parties.count)), ("threshold", .integer(members.threshold)),
      ("faults_tolerated", .integer(max(0, members.faultsTolerated))),
      ("crash_only", .bool(members.faultsTolerated < 1)), ("members", membersStatus),
      ("semantics", semanticsStatus), ("conflict", conflict.map { .string($0.reason) } ?? .null),
      (
        "history_from", raft.log.missing.map { .string(String($0.upperBound)) } ?? .string("0")
      ),
      ("log_size", .string(String(raft.log.size))),
      ("commit_size", .string(String(raft.commitIndex.rawValue))),
      ("final_size", .string(String(finality.size))),
      ("note_age_ms", .string(String(age))),
      ("policy_bundle_hash", .string(overlay.final.bundle.hash.hex)),
      ("halted", .bool(restrictions.list(with: overlay.final, at: now.wall).isHalted)),
      ("restrictions", restrictions.list(with: overlay.final, at: now.wall).json),
      ("executors", .array(executors.declared.map { .string($0.executor.path) })),
      (
        "readiness",
        .array(
          executors.declared.map { executor, readiness in
            [
              "executor": .string(executor.path), "compliant": .bool(readiness.isCompliant),
              "shortcomings": .array(readiness.shortcomings.map(JSON.string)),
            ]
          })
      ), ("time", .time(now.wall)), ("log_time", .time(overlay.final.logTime)),
      ("host", host.json),
      (
        "withheld",
        .array(
          finality.declined(at: now.monotonic).suffix(Self.statusEntries).map { .string(String($0.value)) })
      ), ("pending", .integer(overlay.final.pendingCount)),
      ("in_force", .array(overlay.final.inForce(limit: Self.statusEntries).map(Self.inForce))),
      (
        "expiring",
        .array(
          overlay.final.enrolments(endingWithin: Self.expiryHorizon, limit: Self.statusEntries).map(
            Self.expiring))
      ),
    ]
    if !request.principal.isEmpty {
      guard let principal = Principal(path: request.principal),
        let enrolment = overlay.final.enrolment(of: principal)
      else {
        refuse(call.key, .notFound, "\(request.principal.prefix(128)) is not enrolled", into: &effects)
        return
      }
      value.append(("enrolment", enrolment.json))
    }
    effects.answers.append(
      .respond(call.key, .ok, payload: StatusResponse(json: JSON.object(value).canonicalBytes()).encode()))
  }

  private static func inForce(_ entry: InForce) -> JSON {
    .object([
      ("incident_id", .string(entry.incidentID)), ("target", .string(entry.target.text)),
      ("at", .time(entry.at)), ("is_breaker", .bool(entry.isBreaker)),
    ])
  }

  private static func expiring(_ enrolment: Enrolment) -> JSON {
    .object([
      ("principal", .string(enrolment.principal.path)), ("expires_at", .time(enrolment.expiresAt)),
    ])
  }
}
