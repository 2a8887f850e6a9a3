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
    let inForce = overlay.final.inForce(limit: Self.statusEntries)
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
      ("halted", .bool(restrictions.list(with: overlay.final).isHalted)),
      ("restrictions", restrictions.list(with: overlay.final).json),
      ("unreadable_restrictions", .texts(unreadableRestrictions)),
      ("executors", .array(executors.declared.map { .string($0.executor.path) })),
      (
        "readiness",
        .array(
          executors.declared.map { executor, readiness, declaration in
            .object(
              present([
                ("executor", .string(executor.path)), ("compliant", .bool(readiness.isCompliant)),
                ("shortcomings", .array(readiness.shortcomings.map(JSON.string))),
                ("declaration", declaration?.json),
              ]))
          })
      ), ("time", .time(now.wall)), ("log_time", .time(overlay.final.logTime)),
      ("host", host.json),
      (
        "withheld",
        .array(
          finality.declined(at: now.monotonic).suffix(Self.statusEntries).map { .string(String($0.value)) })
      ), ("pending", .integer(overlay.final.pendingCount)),
      ("vetoes", .array(vetoes.standing.suffix(Self.statusEntries).map(Self.veto))),
      ("declines", .array(vetoes.declines.suffix(Self.statusEntries).map(\.json))),
      ("local_policy", .bool(vetoes.policy != nil)), ("policy", policyStatus), ("people", peopleStatus),
      ("flags", .array(overlay.final.flags(limit: Self.statusEntries).map(Self.flag))),
      ("shadow", overlay.final.shadowView.map(Self.shadow) ?? .null),
      ("erasures", erasuresStatus),
      ("in_force", .array(inForce.entries.map(Self.inForce))),
      ("in_force_left_out", .integer(inForce.leftOut)), ("refused_certificates", refusedCertificatesStatus),
      (
        "expiring",
        .array(
          overlay.final.enrolments(endingWithin: Self.expiryHorizon, limit: Self.statusEntries).map(
            Self.expiring))
      ),
    ]
    guard request.incidents.count <= StatusRequest.maximumIncidents else {
      refuse(
        call.key, .invalidArgument,
        "expected at most \(StatusRequest.maximumIncidents) incidents, found \(request.incidents.count)",
        into: &effects)
      return
    }
    if !request.incidents.isEmpty {
      value.append(("incidents", .array(request.incidents.map { incidentStatus($0) })))
    }
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

  /// What this node knows of an incident, by its id.
  private func incidentStatus(_ id: String) -> JSON {
    let state =
      if overlay.final.isLifted(id) || overlay.head.isLifted(id) {
        "lifted"
      } else if overlay.final.hasIncident(id) || overlay.head.hasIncident(id) {
        "in_force"
      } else if restrictions.contains(id) || restrictions.unreadable.contains(id) {
        "binding"
      } else {
        "unknown"
      }
    return .object([("incident_id", .string(id)), ("state", .string(state))])
  }

  /// The bundle in force, as far as people have to do with it.
  private var policyStatus: JSON {
    let bundle = overlay.final.bundle
    let asked = bundle.actions.map { action in
      // Whatever a rule asks of any tenant.
      let rules = bundle.approvals.filter {
        $0.matches(action, risk: action.risk, tenant: $0.tenants.first ?? "")
      }
      let people = rules.map { $0.demands.reduce(0) { $0 + $1.count } } + action.classes.map(\.people)
      return (action.name, JSON.integer(people.max() ?? 0))
    }
    return .object([
      ("bundle_version", .string(bundle.bundleVersion)),
      ("constitution_version", .string(bundle.constitutionVersion)),
      ("evaluator_version", .string(bundle.evaluatorVersion)),
      ("author", bundle.author.map { .string($0.by.path) } ?? .null),
      ("is_first", .bool(bundle.hash == genesis.policyBundleHash)), ("asked", .object(asked)),
    ])
  }

  private var peopleStatus: JSON {
    let staffing = overlay.final.staffing(limit: Self.statusEntries)
    return .object([
      ("operators", .integer(staffing.operators)), ("approvers", .integer(staffing.approvers)),
      ("unconfirmable", .texts(staffing.unconfirmable.map(\.path))),
    ])
  }

  private static func veto(_ order: VetoOrder) -> JSON {
    .object([
      ("proposal", .index(order.proposal)), ("reason", .string(order.reason)),
      ("signed_at", .time(order.signedAt)),
    ])
  }

  private static func flag(_ incident: DerivedIncident) -> JSON {
    .object([
      ("incident_id", .string(incident.incidentID)), ("kind", .string(incident.kind.rawValue)),
      ("about", .index(incident.about)), ("tenant_id", .string(incident.tenantID)),
      ("message", .string(incident.message)),
    ])
  }

  private static func shadow(_ view: ShadowView) -> JSON {
    .object([
      ("policy_bundle_hash", .string(view.bundle.hash.hex)),
      ("bundle_version", .string(view.bundle.bundleVersion)),
      ("constitution_version", .string(view.bundle.constitutionVersion)),
      ("since", .index(view.since)), ("decided", .integer(view.decided)),
      ("differing", .integer(view.differing)),
      (
        "differences",
        .array(
          view.differences.suffix(statusEntries).map { entry in
            .object([
              ("proposal", .index(entry.proposal)), ("leaf", entry.record.map(JSON.index) ?? .null),
              ("message", .string(entry.message)),
            ])
          })
      ),
    ])
  }

  private static func inForce(_ entry: InForce) -> JSON {
    .object([
      ("incident_id", .string(entry.incidentID)), ("target", .string(entry.target.text)),
      ("at", .time(entry.at)), ("derived", entry.derived.map { .string($0.rawValue) } ?? .null),
    ])
  }

  private static func expiring(_ enrolment: Enrolment) -> JSON {
    .object([
      ("principal", .string(enrolment.principal.path)), ("expires_at", .time(enrolment.expiresAt)),
    ])
  }
}
