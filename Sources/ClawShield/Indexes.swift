import Crypto
import Records

/// A point in time at which something happens to a leaf's subject; ordered by time.
struct Due: Comparable, Sendable {
  let time: Timestamp
  let index: LeafIndex
  static func < (left: Due, right: Due) -> Bool {
    left.time == right.time ? left.index < right.index : left.time < right.time
  }
}

/// A derived record that nobody has written yet; ordered by cause.
struct OwedKey: Comparable, Sendable {
  /// `flag`: an incident that restricts nobody, which one leaf may cause beside a breaker's.
  enum Kind: Int, Sendable { case decision, breaker, unknownOutcome, flag, retention }

  let cause: LeafIndex
  /// The proposal that it is about.
  let about: LeafIndex
  let kind: Kind
  static func < (left: OwedKey, right: OwedKey) -> Bool {
    (left.cause.value, left.about.value, left.kind.rawValue)
      < (right.cause.value, right.about.value, right.kind.rawValue)
  }
}

/// A proposal within a group (an agent's, a trace's, repeats of one another); ordered by time in it.
struct Grouped: Comparable, Sendable {
  let group: Digest
  let at: Timestamp
  let index: LeafIndex
  static func < (left: Grouped, right: Grouped) -> Bool {
    if left.group != right.group { return left.group < right.group }
    return left.at == right.at ? left.index < right.index : left.at < right.at
  }
}

/// A restriction in force; ordered by its target.
struct TargetKey: Comparable, Sendable {
  let target: String
  let incidentID: String
  static func < (left: TargetKey, right: TargetKey) -> Bool {
    (left.target, left.incidentID) < (right.target, right.incidentID)
  }
}

/// A leaf that belongs to a tenant; ordered by leaf in it.
struct TenantLeaf: Comparable, Sendable {
  let tenant: String
  let leaf: LeafIndex
  static func < (left: TenantLeaf, right: TenantLeaf) -> Bool {
    (left.tenant, left.leaf) < (right.tenant, right.leaf)
  }
}

/// A governed act by its expiry.
struct ActKey: Comparable, Sendable {
  let validUntil: Timestamp
  let name: String
  static func < (left: ActKey, right: ActKey) -> Bool {
    left.validUntil == right.validUntil ? left.name < right.name : left.validUntil < right.validUntil
  }
}

/// An artifact in its workspace; ordered by leaf in it.
struct ArtifactPlace: Comparable, Sendable {
  let tenant: String
  let workspace: String
  let leaf: LeafIndex
  static func < (left: ArtifactPlace, right: ArtifactPlace) -> Bool {
    (left.tenant, left.workspace, left.leaf) < (right.tenant, right.workspace, right.leaf)
  }
}

/// An incident that restricts nobody; ordered by time.
struct Flag: Comparable, Sendable {
  let at: Timestamp
  let incidentID: String
  static func < (left: Flag, right: Flag) -> Bool {
    (left.at, left.incidentID) < (right.at, right.incidentID)
  }
}

/// An artifact by its content.
struct ContentPlace: Comparable, Sendable {
  let tenant: String
  let digest: Digest
  let workspace: String
  static func < (left: ContentPlace, right: ContentPlace) -> Bool {
    (left.tenant, left.digest, left.workspace) < (right.tenant, right.digest, right.workspace)
  }
}

/// Ways to find cells. They follow from the cells alone: whatever changes a cell takes the old one's
/// entries out and puts the new one's in, and a restored state gets the same from its cells.
struct Indexes: Sendable {
  /// Proposals by agent and request id, and time; a forgotten id may have named several.
  var requests = OrderedSet<Grouped>()
  /// Proposals by their written decisions.
  var decisions = OrderedMap<LeafIndex, LeafIndex>()
  /// Written decisions by the tenant whose agent asked.
  var tenantDecisions = OrderedSet<TenantLeaf>()
  /// Proposals by their tokens.
  var tokens = OrderedMap<String, LeafIndex>()
  /// Proposals by agent and time.
  var agents = OrderedSet<Grouped>()
  /// Proposals by what makes them repeats, and time.
  var repeats = OrderedSet<Grouped>()
  /// Proposals by trace and time.
  var traces = OrderedSet<Grouped>()
  /// Proposals whose results have labels of their own, by trace and time, and by agent and time.
  var tainted = OrderedSet<Grouped>()
  /// Every remembered proposal.
  var proposals = OrderedSet<LeafIndex>()
  /// What happens by itself, and when.
  var dues = OrderedSet<Due>()
  /// Derived records to be written; the value names the incident, where it is one with a cell.
  var owed = OrderedMap<OwedKey, String>()
  /// Proposals that people are asked about.
  var open = OrderedSet<LeafIndex>()
  /// Proposals whose derived decision is not written.
  var unwritten = OrderedSet<LeafIndex>()
  /// Approvals without receipt: decision leaf to proposal.
  var outstanding = OrderedMap<LeafIndex, LeafIndex>()
  /// Proposals that may be forgotten, by when.
  var forgettable = OrderedSet<Due>()
  /// Principals by each of their keys.
  var keys = OrderedMap<PublicKey, Principal>()
  var executors = OrderedSet<Principal>()
  var operators = OrderedSet<Principal>()
  /// Log time at which each restriction in force began.
  var restrictions = OrderedMap<TargetKey, Timestamp>()
  var acts = OrderedSet<ActKey>()
  /// How many artifacts and incidents there are.
  var artifacts = 0
  /// Artifacts by workspace and leaf.
  var artifactPlaces = OrderedMap<ArtifactPlace, Digest>()
  /// Artifacts by content; the same content may be in several workspaces of its tenant.
  var contents = OrderedSet<ContentPlace>()
  /// Of each tenant, how many artifacts, and the bytes of their contents.
  var artifactUse: [String: (count: Int, bytes: Int)] = [:]
  /// The rules by which `retentionEnds` is kept: those of the bundle in force.
  var retention: [RetentionRule] = []
  /// Artifacts that a rule names, by the time at which they may be let go of.
  private(set) var retentionEnds = OrderedSet<RetentionEnd>()
  /// Places that proposals read which are not over, or of which late results may come.
  private var readings = OrderedSet<Reading>()
  /// Names of the cells of files that were let go of, by time and by the file's leaf.
  private(set) var dropped = OrderedMap<Due, String>()
  /// The same by content.
  private(set) var droppedContents = OrderedSet<ContentPlace>()
  /// Tenants that were erased, with the leaf of the last time.
  var erasures = OrderedMap<String, LeafIndex>()
  var incidents = 0
  /// Incidents that restrict nobody and that somebody should look at, by time.
  var flags = OrderedSet<Flag>()
  /// Incidents that will be forgotten, by time.
  var passing = OrderedSet<Flag>()
  var enrolments = 0

  static func group(_ agent: Principal, requestID: String) -> Digest {
    SHA256.hash("request\n\(agent.path)\n\(requestID)")
  }

  static func group(_ agent: Principal) -> Digest { SHA256.hash("agent\n\(agent.path)") }
  static func group(trace: String) -> Digest { SHA256.hash("trace\n\(trace)") }

  // MARK: Proposals

  /// What hangs on a proposal's content and never changes while it is remembered.
  mutating func add(_ cell: ProposalCell) { set(cell, true) }
  mutating func remove(_ cell: ProposalCell) { set(cell, nil) }

  private mutating func set(_ cell: ProposalCell, _ present: Bool?) {
    func grouped(_ group: Digest) -> Grouped { Grouped(group: group, at: cell.at, index: cell.index) }
    let agent = cell.content.requestedBy
    agents[grouped(Self.group(agent))] = present
    requests[grouped(Self.group(agent, requestID: cell.content.requestID))] = present
    repeats[grouped(cell.repeatKey)] = present
    traces[grouped(Self.group(trace: cell.content.traceID))] = present
    proposals[cell.index] = present
  }

  /// The newest remembered proposal of an agent under a request id.
  func request(_ agent: Principal, _ requestID: String) -> LeafIndex? {
    let group = Self.group(agent, requestID: requestID)
    let last = Grouped(group: group, at: .distantFuture, index: LeafIndex(.max))
    guard let found = requests.last(through: last), found.group == group else { return nil }
    return found.index
  }

  /// Takes the entries of a proposal's old state out and puts those of its new state in.
  mutating func change(_ index: LeafIndex, from old: ProposalFacts?, to new: ProposalFacts?) {
    if old?.due != new?.due {
      if let time = old?.due { dues[Due(time: time, index: index)] = nil }
      if let time = new?.due { dues[Due(time: time, index: index)] = true }
    }
    if old?.forgettable != new?.forgettable {
      if let time = old?.forgettable { forgettable[Due(time: time, index: index)] = nil }
      if let time = new?.forgettable { forgettable[Due(time: time, index: index)] = true }
    }
    if old?.owed != new?.owed {
      if let cause = old?.owed { owed[OwedKey(cause: cause, about: index, kind: .decision)] = nil }
      if let cause = new?.owed { owed[OwedKey(cause: cause, about: index, kind: .decision)] = "" }
      unwritten[index] = new?.owed == nil ? nil : true
    }
    if old?.owedUnknown != new?.owedUnknown {
      if let cause = old?.owedUnknown {
        owed[OwedKey(cause: cause, about: index, kind: .unknownOutcome)] = nil
      }
      if let cause = new?.owedUnknown {
        owed[OwedKey(cause: cause, about: index, kind: .unknownOutcome)] = ""
      }
    }
    if old?.reading != new?.reading {
      for reading in old?.readings(of: index) ?? [] { readings[reading] = nil }
      for reading in new?.readings(of: index) ?? [] { readings[reading] = true }
    }
    if old?.isOpen != new?.isOpen { open[index] = new?.isOpen == true ? true : nil }
    if old?.outstanding != new?.outstanding {
      if let leaf = old?.outstanding { outstanding[leaf] = nil }
      if let leaf = new?.outstanding { outstanding[leaf] = index }
    }
    if old?.token != new?.token {
      if let token = old?.token { tokens[token] = nil }
      if let token = new?.token { tokens[token] = index }
    }
    if old?.taints != new?.taints {
      for taint in old?.taints ?? [] { tainted[taint] = nil }
      for taint in new?.taints ?? [] { tainted[taint] = true }
    }
    let before = old?.decisions ?? []
    let after = new?.decisions ?? []
    if before != after {
      let tenant = new?.tenant ?? old?.tenant ?? ""
      for leaf in before where !after.contains(leaf) {
        decisions[leaf] = nil
        tenantDecisions[TenantLeaf(tenant: tenant, leaf: leaf)] = nil
      }
      for leaf in after where !before.contains(leaf) {
        decisions[leaf] = index
        tenantDecisions[TenantLeaf(tenant: tenant, leaf: leaf)] = true
      }
    }
  }

  // MARK: Others

  mutating func change(from old: EnrolmentCell?, to new: EnrolmentCell?) {
    if let enrolment = old?.enrolment {
      keys[enrolment.key] = nil
      if let second = enrolment.secondKey { keys[second] = nil }
      executors[enrolment.principal] = nil
      operators[enrolment.principal] = nil
      enrolments -= 1
    }
    if let enrolment = new?.enrolment {
      keys[enrolment.key] = enrolment.principal
      if let second = enrolment.secondKey { keys[second] = enrolment.principal }
      if case .executor = enrolment.principal { executors[enrolment.principal] = true }
      if case .operator = enrolment.principal { operators[enrolment.principal] = true }
      enrolments += 1
    }
  }

  mutating func change(from old: IncidentCell?, to new: IncidentCell?) {
    if let old {
      if let target = old.target {
        restrictions[TargetKey(target: target.text, incidentID: old.incidentID)] = nil
      }
      if let incident = old.owed { owed[key(incident)] = nil }
      if old.isFlag { flags[Flag(at: old.at, incidentID: old.incidentID)] = nil }
      if old.isPassing { passing[Flag(at: old.at, incidentID: old.incidentID)] = nil }
      incidents -= 1
    }
    if let new {
      if let target = new.target, new.isInForce {
        restrictions[TargetKey(target: target.text, incidentID: new.incidentID)] = new.at
      }
      if let incident = new.owed { owed[key(incident)] = new.incidentID }
      if new.isFlag { flags[Flag(at: new.at, incidentID: new.incidentID)] = true }
      if new.isPassing { passing[Flag(at: new.at, incidentID: new.incidentID)] = true }
      incidents += 1
    }
  }

  mutating func add(_ cell: ArtifactCell) {
    artifacts += 1
    let used = artifactUse[cell.tenantID] ?? (0, 0)
    artifactUse[cell.tenantID] = (used.count + 1, used.bytes + cell.size)
    artifactPlaces[ArtifactPlace(tenant: cell.tenantID, workspace: cell.workspaceID, leaf: cell.leaf)] =
      cell.digest
    contents[cell.place] = true
    if let end = retentionEnd(of: cell) { retentionEnds[end] = true }
  }

  mutating func remove(_ cell: ArtifactCell) {
    artifacts -= 1
    let used = artifactUse[cell.tenantID] ?? (0, 0)
    artifactUse[cell.tenantID] = used.count <= 1 ? nil : (used.count - 1, used.bytes - cell.size)
    artifactPlaces[ArtifactPlace(tenant: cell.tenantID, workspace: cell.workspaceID, leaf: cell.leaf)] = nil
    contents[cell.place] = nil
    if let end = retentionEnd(of: cell) { retentionEnds[end] = nil }
  }

  /// When a file may be let go of; nil where no rule says so.
  private func retentionEnd(of cell: ArtifactCell) -> RetentionEnd? {
    guard let start = cell.countedFrom, let days = retention.days(of: cell.tenantID) else { return nil }
    return RetentionEnd(time: Retention.end(start, days: days), place: cell.place)
  }

  /// Other rules are in force; `files` are all that there are.
  mutating func keep(_ files: [ArtifactCell], by rules: [RetentionRule]) {
    retention = rules
    retentionEnds = OrderedSet<RetentionEnd>()
    for cell in files { if let end = retentionEnd(of: cell) { retentionEnds[end] = true } }
  }

  /// Whether a proposal may still need what a place holds after `time`.
  func isRead(_ place: ContentPlace, at time: Timestamp) -> Bool {
    let last = Reading(place: place, until: .distantFuture, proposal: LeafIndex(.max))
    guard let found = readings.last(through: last), found.place == place else { return false }
    return found.until > time
  }

  mutating func change(from old: DroppedCell?, to new: DroppedCell?) {
    func owing(_ cell: DroppedCell) -> OwedKey {
      OwedKey(cause: cell.cause, about: cell.artifact.leaf, kind: .retention)
    }
    if let old {
      dropped[Due(time: old.at, index: old.artifact.leaf)] = nil
      droppedContents[old.artifact.place] = nil
      owed[owing(old)] = nil
    }
    if let new {
      dropped[Due(time: new.at, index: new.artifact.leaf)] = new.name
      droppedContents[new.artifact.place] = true
      if new.written == nil { owed[owing(new)] = new.name }
    }
  }

  mutating func add(_ cell: ErasureCell) { erasures[cell.tenantID] = cell.leaf }

  private func key(_ incident: DerivedIncident) -> OwedKey {
    let kind: OwedKey.Kind =
      switch incident.kind {
      case .breaker, .unknownOutcome, .withheld, .crossingRevoked: .breaker
      case .retentionEnded: .retention
      case .ballotRate, .policyDifference, .previewDiffers, .verificationDiffers: .flag
      }
    return OwedKey(cause: incident.cause, about: incident.about, kind: kind)
  }
}

/// Those facts about a proposal that indexes hang on and that change.
struct ProposalFacts: Sendable {
  let due: Timestamp?
  let forgettable: Timestamp?
  let owed: LeafIndex?
  let owedUnknown: LeafIndex?
  let isOpen: Bool
  let outstanding: LeafIndex?
  let token: String?
  let decisions: [LeafIndex]
  /// The agent's own, and never another.
  let tenant: String
  let taints: [Grouped]
  /// Until when it, or a late result of it, needs its inputs; nil where it has none, or was denied.
  let reading: Timestamp?
  private let places: [ContentPlace]

  func readings(of proposal: LeafIndex) -> [Reading] {
    guard let reading else { return [] }
    return places.map { Reading(place: $0, until: reading, proposal: proposal) }
  }

  init(_ cell: ProposalCell) {
    due = cell.due
    forgettable = cell.forgettableAt
    owed = cell.isOwed ? cell.verdict.cause : nil
    owedUnknown = cell.unknown.flatMap { $0.written == nil ? $0.cause : nil }
    isOpen = cell.isOpen
    outstanding = cell.isOutstanding ? cell.approval : nil
    token = cell.grant?.tokenID
    decisions = cell.decisions
    let groups =
      cell.resultLabels.isEmpty
      ? [] : [Indexes.group(trace: cell.content.traceID), Indexes.group(cell.content.requestedBy)]
    taints = groups.map { Grouped(group: $0, at: cell.at, index: cell.index) }
    if case .agent(let own, _) = cell.content.requestedBy { tenant = own } else { tenant = "" }
    let content = cell.content
    let isDenied = content.inputs.isEmpty || cell.verdict.type == .deny
    reading = isDenied ? nil : cell.forgettableAt ?? .distantFuture
    var workspaces = [(tenant: content.tenantID, name: content.workspaceID)]
    if let crossing = content.crossing { workspaces.append((crossing.tenantID, crossing.workspaceID)) }
    places =
      isDenied
      ? []
      : workspaces.flatMap { workspace in
        content.inputs.map {
          ContentPlace(tenant: workspace.tenant, digest: $0, workspace: workspace.name)
        }
      }
  }
}
