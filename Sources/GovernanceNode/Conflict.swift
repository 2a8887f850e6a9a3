import Canonical
import ClawLedger
import ClawShield
import Crypto
import Merkle
import Raft
import Records
import Wire

// Two notes that conflict, or one root with two states: somebody whose lies the threshold does not bear has signed
// both. This party halts: it keeps both as evidence, over restarts, says what is final here and takes part in nothing,
// until as many operators as the threshold names parties say what stands.

/// Why a party has halted.
public struct Conflict: Equatable, Sendable {
  public let size: UInt64
  public let reason: String
  /// What this party holds, and what contradicts it: notes, or the state root that it derives.
  public let first: String
  public let second: String

  static let key = Array("conflict".utf8)

  /// What has halted this party, over a restart; nil where nothing has.
  static func stored(in ledger: Ledger) throws(NodeFault) -> Conflict? {
    let stored = StoredRows(what: "what has halted this party", prefix: key)
    guard let row = try stored.read(ledger).first else { return nil }
    guard row.name.isEmpty, let conflict = Conflict(parsing: row.value) else {
      throw stored.damaged(row.name)
    }
    return conflict
  }

  var bytes: [UInt8] {
    JSON.object([
      ("size", .string(String(size))), ("reason", .string(reason)), ("first", .string(first)),
      ("second", .string(second)),
    ]).canonicalBytes()
  }

  init(size: UInt64, reason: String, first: String, second: String) {
    (self.size, self.reason, self.first, self.second) = (size, reason, first, second)
  }

  init?(parsing bytes: [UInt8]) {
    guard let json = try? JSON.parse(bytes), let size = json["size"]?.string.flatMap({ UInt64($0) }),
      let reason = json["reason"]?.string, let first = json["first"]?.string,
      let second = json["second"]?.string
    else { return nil }
    self.init(size: size, reason: reason, first: first, second: second)
  }
}

/// What operators have said to stand: what contradicts it is void here, from the moment at which it was handed over.
struct Rulings: Sendable {
  struct Ruling: Sendable {
    let size: UInt64
    let root: Digest
    let stateRoot: Digest
  }

  private(set) var rulings: [Ruling] = []

  private static let prefix = Array("ruling/".utf8)
  private static let stored = StoredRows(what: "what operators have said to stand", prefix: prefix)
  private static var maximum: Int { 1024 }

  init(ledger: Ledger) throws(NodeFault) {
    for row in try Self.stored.read(ledger) {
      guard let json = try? JSON.parse(row.value), let size = json["size"]?.string.flatMap({ UInt64($0) }),
        let root = json["root"]?.string.flatMap(Digest.init(hex:)),
        let stateRoot = json["state_root"]?.string.flatMap(Digest.init(hex:))
      else { throw Self.stored.damaged(row.name) }
      rulings.append(Ruling(size: size, root: root, stateRoot: stateRoot))
    }
  }

  mutating func add(_ act: RecoveryAct, in batch: inout WriteBatch) {
    guard rulings.count < Self.maximum, !rulings.contains(where: { $0.size == act.size }) else { return }
    rulings.append(Ruling(size: act.size, root: act.root, stateRoot: act.stateRoot))
    let row = JSON.object([
      ("size", .string(String(act.size))), ("root", .string(act.root.hex)),
      ("state_root", .string(act.stateRoot.hex)),
    ])
    batch.put(.meta, Self.prefix + Array(act.actID.utf8), row.canonicalBytes())
  }

  /// Whether a note is one that operators have said not to stand.
  func refutes(_ checkpoint: CheckpointNote) -> Bool {
    rulings.contains { ruling in
      ruling.size == checkpoint.size
        && (ruling.root != checkpoint.root || ruling.stateRoot != checkpoint.stateRoot)
    }
  }
}

extension GovernanceNode {
  /// This party takes part in nothing from here on; both are kept.
  mutating func halt(_ conflict: Conflict, into effects: inout NodeEffects) {
    guard self.conflict == nil else { return }
    self.conflict = conflict
    var batch = WriteBatch()
    batch.put(.meta, Conflict.key, conflict.bytes)
    effects.writes.append((.conflict, batch))
    effects.notices.append(.halted(conflict))
    round = nil
    waitingCall = nil
  }

  /// What a party that has halted still does: it answers what is final here, and listens to operators.
  mutating func stepHalted(
    _ event: NodeEvent, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    let sent = effects.messages.count
    switch event {
    case .call(let call):
      if let method = Method(path: call.method), method.isServedHalted {
        onCall(call, using: &random, into: &effects)
      } else {
        refuse(
          call.key, .unavailable,
          "this party has halted (SEV-1: \(conflict?.reason ?? "")); ask another, or see claw recover",
          into: &effects)
      }
    case .written(let name): onWritten(name, using: &random, into: &effects)
    case .locked(let ticket): _ = signer.locked(ticket: ticket, bound: restrictions.taken)
    case .cancelled(let key): clients.remove(key)
    case .full(let key): hold(key, true)
    case .writable(let key): hold(key, false)
    case .tick: pursueStreams(into: &effects)
    case .peer, .restored, .restoredContent, .connected, .unreachable, .parting: break
    }
    // What was under way when it halted says nothing to anybody.
    if conflict != nil { effects.messages.removeLast(effects.messages.count - sent) }
  }

  /// Operators say what stands. It binds this party at once, and comes into the log after.
  mutating func onRecover(
    _ call: ClientCall, _ request: StatementRequest, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) throws {
    guard case .recovery(let record) = try Statements.body(.recovery, request.statement) else {
      throw RecordError.field("statement", expected: "a recovery")
    }
    if record.key != nil {
      try onContinuation(call, record, using: &random, into: &effects)
      return
    }
    let body = RecordBody.recovery(record)
    let act = record.act.content
    switch overlay.head.admits(body, attachment: Attachment(), at: now.wall) {
    case .refuse(let refusal): throw refusal
    case .known, .accept: break
    }
    if let objection = contradiction(of: act) {
      refuse(call.key, .failedPrecondition, objection, into: &effects)
      return
    }
    var batch = WriteBatch()
    rulings.add(act, in: &batch)
    if let conflict, conflict.size == act.size {
      self.conflict = nil
      batch.delete(.meta, Conflict.key)
      effects.notices.append(
        .warning("operators have said what stands at size \(act.size): this party goes on"))
    }
    effects.writes.append((.conflict, batch))
    submit(
      Submission(body: body, attachment: Attachment(), purpose: .act(call.key)), into: &effects)
  }

  /// Why this party cannot go on with what operators say to stand; nil where it can.
  private func contradiction(of act: RecoveryAct) -> String? {
    guard act.size <= overlay.size, let root = raft.log.rootHash(ofSize: act.size) else {
      return "size \(act.size) is not reached here; this party's log has \(overlay.size) leaves"
    }
    // Of a size long past the state is not at hand; its note is, where it was kept.
    let state =
      overlay.state(at: act.size)?.stateRoot
      ?? finality.recent.last { $0.checkpoint.size == act.size }?.checkpoint.stateRoot
    guard root == act.root, state ?? act.stateRoot == act.stateRoot else {
      return
        "this party holds the other history of size \(act.size), of root \(root.hex): it must be replaced by a "
        + "new party (claw members replace)"
    }
    return nil
  }

  /// A recovery has become final: it binds whoever was not handed it, too.
  mutating func bindRulings(in range: Range<UInt64>, in batch: inout WriteBatch) {
    for index in range {
      guard let leaf = raft.log.leaf(at: LeafIndex(index)), RecordType(endOf: leaf) == .recovery,
        case .recovery(let record)? = raft.log.record(at: LeafIndex(index))?.body, record.key == nil,
        overlay.final.hasRecovery(record.act.content.actID, at: LeafIndex(index))
      else { continue }
      rulings.add(record.act.content, in: &batch)
    }
  }
}

extension Method {
  /// What is read, and what releases.
  var isServedHalted: Bool {
    switch self {
    case .checkpoint, .entry, .inclusionProof, .consistencyProof, .trace, .export, .status, .recover: true
    case .listActions, .submit, .get, .watch, .withdraw, .listPending, .castBallot, .artifactPut,
      .artifactGet, .artifactStat, .artifactList, .enrol, .policy, .version, .kill, .quarantine, .revoke,
      .lift, .erase, .members, .transfer, .keys, .enlist, .jobs, .report, .veto:
      false
    }
  }
}
