import Canonical
import Records
import Wire

/// Something that somebody should look at.
public struct Finding: Equatable, Sendable {
  /// SEV-1 to SEV-3 (IR-1).
  public let severity: Int
  /// What kind of thing it is, for programs: the same finding has the same kind and subject each time.
  public let kind: String
  /// Whom or what it is about.
  public let subject: String
  /// In words for people.
  public let message: String

  /// For programs.
  public var json: JSON {
    .object([
      ("severity", .integer(severity)), ("kind", .string(kind)), ("subject", .string(subject)),
      ("message", .string(message)),
    ])
  }
}

/// What one node says of itself; nil in `status` where it does not answer.
public struct NodeStatus: Sendable {
  public let name: String
  public let status: JSON?
  /// Why it does not answer.
  public let reason: String
  /// This host's clock when the answer came.
  public let heardAt: Timestamp

  /// What a node said, or why it said nothing.
  public init(name: String, status: JSON?, reason: String = "", heardAt: Timestamp) {
    self.name = name
    self.status = status
    self.reason = reason
    self.heardAt = heardAt
  }
}

/// Reads what all nodes say (`StatusReport.swift`) for what is wrong.
public struct FindingReader: Sendable {
  /// Clocks further apart than this are named; the cluster stops following at two seconds.
  static let clockTolerance = Interval.seconds(1)
  static let noteAge = 30_000
  static let lag: UInt64 = 1000
  /// A disk that has less left is as good as full.
  static let leastFree: UInt64 = 256 << 20
  static let horizon = Interval.seconds(30 * 86_400)
  /// How long nodes have for an erasure before it is said who has not carried it out.
  static let erasureTime = Interval.seconds(60)

  let now: Timestamp
  /// Gravest first.
  public private(set) var findings: [Finding] = []

  /// `now` is the time of day here.
  public init(now: Timestamp) { self.now = now }

  private mutating func add(_ severity: Int, _ kind: String, _ subject: String, _ message: String) {
    let finding = Finding(severity: severity, kind: kind, subject: subject, message: message)
    if !findings.contains(where: { $0.kind == kind && $0.subject == subject }) { findings.append(finding) }
  }

  /// All that the nodes' answers hold; the identity's own certificate ends at `certificateEnds`.
  public mutating func read(_ nodes: [NodeStatus], certificateEnds: Timestamp?) {
    let newest = nodes.compactMap { Self.number($0.status, "final_size") }.max() ?? 0
    for node in nodes {
      guard let status = node.status else {
        add(2, "silent", node.name, "\(node.name) does not answer: \(node.reason)")
        continue
      }
      readNode(node.name, status, heardAt: node.heardAt, newest: newest)
    }
    expires("certificate", "this identity", certificateEnds)
    readErasures(ErasureProgress(nodes))
    // What the ledger holds is the same at every node: the one that is furthest tells it.
    let best = nodes.compactMap(\.status).max {
      (Self.number($0, "final_size") ?? 0) < (Self.number($1, "final_size") ?? 0)
    }
    if let best { readLedger(best) }
    findings.sort { ($0.severity, $0.kind, $0.subject) < ($1.severity, $1.kind, $1.subject) }
  }

  private static func number(_ status: JSON?, _ name: String) -> UInt64? {
    status?[name]?.string.flatMap { UInt64($0) }
  }

  /// Whether a node should have a note of just now: executors live by leases, and something waits to be final, or has
  /// nobody who could make it so. A cluster that nobody asks for anything, with no executors, makes none.
  private static func awaitsNotes(_ status: JSON, newest: UInt64) -> Bool {
    let final = number(status, "final_size") ?? 0
    let isIdle =
      status["executors"]?.array?.isEmpty == true && status["leader"]?.integer != nil
      && final == number(status, "log_size") && final == newest
    return !isIdle
  }

  private mutating func readNode(_ name: String, _ status: JSON, heardAt: Timestamp, newest: UInt64) {
    if let conflict = status["conflict"]?.string {
      add(1, "conflict", name, "\(name) has halted: \(conflict)")
    }
    if let time = status["time"]?.string.flatMap(Timestamp.init(text:)) {
      let skew = time.since(heardAt).nanoseconds
      if abs(skew) > Self.clockTolerance.nanoseconds {
        add(2, "clock", name, "\(name)'s clock is \(skew / 1_000_000) ms off from this host's")
      }
    }
    if let size = Self.number(status, "final_size"), size + Self.lag < newest {
      add(2, "lagging", name, "\(name) has \(size) final records, others \(newest)")
    }
    if let age = status["note_age_ms"]?.string.flatMap({ Int($0) }),
      age < 0 || age > Self.noteAge && Self.awaitsNotes(status, newest: newest)
    {
      add(
        2, "not_final", name,
        age < 0 ? "\(name) holds no note yet" : "\(name)'s newest note is \(age / 1000) s old")
    }
    if status["members"]?["holds_share"]?.bool == false {
      add(2, "no_share", name, "\(name) holds no share of the key: claw key repair \(name)")
    }
    for entry in status["refused_certificates"]?.array ?? [] where entry["replaced"]?.bool == false {
      let whose = entry["node"]?.string ?? "?"
      let before = entry["before"]?.string ?? "?"
      add(
        2, "certificate_refused", whose,
        entry["own"]?.bool == true
          ? "\(name) still has a certificate from before \(before), which all refuse: claw party renew"
          : "\(whose)'s certificates from before \(before) are refused, and \(name) has no connection with a newer one"
      )
    }
    for id in status["unreadable_restrictions"]?.array?.compactMap(\.string) ?? [] {
      add(
        1, "restriction_unreadable", "\(name) \(id)",
        "\(name) gives no share: its store does not give back the restriction \(id), which it may have acknowledged. "
          + "Sign it anew under its id, or two people lift it: claw lift \(id) --unseen")
    }
    let host = status["host"]
    for row in host?["oversized"]?.array ?? [] {
      let (kind, peer) = (row["kind"]?.string ?? "?", row["peer"]?.string ?? "?")
      add(
        2, "message_too_large", "\(name) \(kind) \(peer)",
        "\(name) could not send \(row["count"]?.string ?? "?") messages of kind \(kind) to \(peer): the last has "
          + "\(row["bytes"]?.string ?? "?") bytes, and a message at most \(PeerMessage.maximumCount)")
    }
    if let reason = host?["certificate_refused"]?.string {
      add(
        2, "certificate_not_taken", name,
        "\(name) does not take up what lies in its certificate's files, and goes on with what it has: \(reason)"
      )
    }
    expires("certificate", name, host?["certificate_ends"]?.string.flatMap(Timestamp.init(text:)))
    if let free = host?["disk_free"]?.string.flatMap(UInt64.init), free < Self.leastFree {
      add(
        1, "disk", name,
        "\(name)'s disk has \(free >> 20) MiB left: the node stops at the first write that fails")
    } else if let full = host?["disk_full"]?.string.flatMap(Timestamp.init(text:)),
      full <= now.advanced(by: Self.horizon)
    {
      add(2, "disk", name, "\(name)'s disk is full at \(full.text) if it goes on like this")
    }
    for leaf in status["withheld"]?.array?.compactMap(\.string) ?? [] {
      add(3, "withheld", "leaf \(leaf)", "the parties do not consent to the approval at leaf \(leaf)")
    }
  }

  private mutating func readLedger(_ status: JSON) {
    if status["halted"]?.bool == true {
      add(1, "halted", "all", "everything is halted until two operators lift it")
    }
    for entry in status["in_force"]?.array ?? [] { readRestriction(entry) }
    if let count = status["in_force_left_out"]?.integer, count > 0 {
      add(2, "restrictions_left_out", "all", "\(count) more restrictions are in force than a status names")
    }
    for entry in status["flags"]?.array ?? [] {
      let kind = entry["kind"]?.string ?? "?"
      let grave: [DerivedIncident.Kind] = [.previewDiffers, .verificationDiffers]
      let isGrave = grave.contains { $0.rawValue == kind }
      add(isGrave ? 2 : 3, kind, entry["incident_id"]?.string ?? "?", entry["message"]?.string ?? "?")
    }
    for entry in status["expiring"]?.array ?? [] {
      expires(
        "enrolment", entry["principal"]?.string ?? "?",
        entry["expires_at"]?.string.flatMap(Timestamp.init(text:)))
    }
    for entry in status["readiness"]?.array ?? [] where entry["compliant"]?.bool != true {
      let name = entry["executor"]?.string ?? "?"
      add(3, "non_compliant", name, "\(name) declares itself NON-COMPLIANT")
    }
  }

  /// What operators forbid is SEV-1, what a breaker does SEV-2; that a tenant took its consent back is its right.
  private mutating func readRestriction(_ entry: JSON) {
    let id = entry["incident_id"]?.string ?? "?"
    // Whose earlier certificates are refused has newer ones, or is named by the nodes that it does not reach.
    if case .certificates? = (entry["target"]?.string).flatMap(IncidentTarget.init(text:)) { return }
    let what = "\(entry["target"]?.string ?? "?") is restricted since \(entry["at"]?.string ?? "?") by \(id)"
    guard let derived = entry["derived"]?.string else { return add(1, "restriction", id, what) }
    add(derived == DerivedIncident.Kind.crossingRevoked.rawValue ? 3 : 2, derived, id, what)
  }

  /// A node that still has what was erased, and one of which nobody knows: each once, with the oldest such erasure.
  private mutating func readErasures(_ progress: ErasureProgress) {
    let latest = now.advanced(by: Interval(nanoseconds: -Self.erasureTime.nanoseconds))
    let due = progress.erasures.filter { $0.at ?? .epoch <= latest }
    for (name, through) in progress.nodes {
      let missing = due.filter { ErasureProgress.standing(through, $0) != .carriedOut }
      guard let oldest = missing.last else { continue }
      let what = "what tenant \(oldest.tenant) had before leaf \(oldest.leaf)"
      let more = missing.count > 1 ? ", nor of \(missing.count - 1) later erasures" : ""
      if through == nil {
        add(
          3, "erasure_unknown", name,
          "nobody can say whether \(name) has destroyed its keys of \(what)\(more): it was not heard")
      } else {
        add(2, "erasure_open", name, "\(name) has not destroyed its keys of \(what)\(more)")
      }
    }
  }

  private mutating func expires(_ kind: String, _ subject: String, _ end: Timestamp?) {
    guard let end, end <= now.advanced(by: Self.horizon) else { return }
    let days = end.since(now).nanoseconds / 86_400_000_000_000
    add(
      end <= now ? 2 : 3, "\(kind)_expires", subject,
      end <= now
        ? "the \(kind) of \(subject) has ended"
        : "the \(kind) of \(subject) ends in \(days) days, \(end.text)")
  }
}
