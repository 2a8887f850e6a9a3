import ClawLedger
import ClawShield
import Crypto
import FROST
import Merkle
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// A cluster of one party, whose every write is durable at once: for what a party says to a checkpoint.
final class Rig {
  var node: GovernanceNode<Ed25519SHA512>
  private let disk = SimulatedDisk()
  var random: SeededRandom
  private var time: UInt64 = 0
  let operatorKey: SigningKey
  let secondOperatorKey: SigningKey
  /// What the node has said to callers, and to its operator.
  var answers: [Answer] = []
  var notices: [Notice] = []
  /// Whether signing locks are not durable until they are released.
  var holdsLocks = false
  private(set) var heldLocks: [UInt64] = []
  let party: Foundation<Ed25519SHA512>.PartyMaterial
  private let localPolicy: LocalPolicy?
  /// An agent, and two approvers who answer for nobody.
  let agentKey: SigningKey
  let firstApproverKey: SigningKey
  let secondApproverKey: SigningKey

  init(
    nodes: Int = 1, threshold: Int = 1, lock: SigningLock = .none, ticks: Int = 60,
    localPolicy: LocalPolicy? = nil
  ) throws {
    self.localPolicy = localPolicy
    random = SeededRandom(seed: 1)
    operatorKey = SigningKey.generate(using: &random)
    secondOperatorKey = SigningKey.generate(using: &random)
    agentKey = SigningKey.generate(using: &random)
    firstApproverKey = SigningKey.generate(using: &random)
    secondApproverKey = SigningKey.generate(using: &random)
    let cast = try Cast(using: &random)
    let person = Enrolment(
      principal: .operator("pat"), key: operatorKey.publicKey, owner: "pat", expiresAt: .distantFuture)
    let other = Enrolment(
      principal: .operator("sam"), key: secondOperatorKey.publicKey, owner: "sam", expiresAt: .distantFuture)
    let foundation = try Foundation<Ed25519SHA512>.generate(
      nodes: nodes, threshold: threshold,
      enrolments: cast.enrolments + [person, other]
        + Rig.company(agent: agentKey.publicKey, firstApproverKey.publicKey, secondApproverKey.publicKey),
      using: &random)
    disk.sync(try foundation.genesis.batch())
    party = foundation.parties[0]
    node = try Rig.start(party, disk, lock, localPolicy, at: 0, using: &random)
    for _ in 0..<ticks { step(.tick) }
  }

  private static func start(
    _ party: Foundation<Ed25519SHA512>.PartyMaterial, _ disk: SimulatedDisk, _ lock: SigningLock,
    _ localPolicy: LocalPolicy?, at time: UInt64, using random: inout SeededRandom
  ) throws -> GovernanceNode<Ed25519SHA512> {
    var seed = party.keySeed
    var storage = [UInt8](repeating: 7, count: 32)
    guard let key = SigningKey(seed: &seed), let storageKey = SymmetricKey(consuming: &storage) else {
      throw SimulationError.setup("keys")
    }
    return try GovernanceNode(
      identity: NodeIdentity(id: party.id, partyKey: key, storageKey: storageKey),
      memory: NodeMemory(lock: lock, boot: 1), recovered: try Ledger.open(disk, keys: .unsealed),
      foundingShare: PartyShare(KeyPackage(serialized: party.share)), localPolicy: localPolicy,
      settings: try Settings(),
      at: Rig.moment(time), using: &random)
  }

  /// Puts something on the disk behind the node's back, as damage does.
  func spoil(_ column: Column, _ key: [UInt8], _ value: [UInt8]) {
    var batch = WriteBatch()
    batch.put(column, key, value)
    disk.sync(batch)
  }

  /// What the disk has.
  func stored(_ column: Column, _ key: [UInt8]) throws -> [UInt8]? { try disk.get(column, key) }

  /// The process ends, and starts again from its disk.
  func restart() throws {
    let lock = disk.lock.flatMap { SigningLock(parsing: $0) } ?? .none
    node = try Rig.start(party, disk, lock, localPolicy, at: time, using: &random)
  }

  /// A note of any content under the group key: what parties sign who lie together.
  func signed(_ note: CheckpointNote) throws -> SignedNote {
    guard let share = node.signer.share else { throw SimulationError.setup("a share") }
    var pool = NoncePool<Ed25519SHA512>(party: node.signer.party, boot: 99)
    let commitments = pool.publish(1, for: share.key, using: &random)
    let package = try SigningPackage(commitments: commitments, message: Array(note.text.utf8))
    guard case .share(let part) = try pool.sign(share.key.prepare(package), with: share.key) else {
      throw SimulationError.setup("a share")
    }
    let keys = node.epoch.publicKeys
    let signature = try keys.aggregate([part], in: try keys.prepare(package))
    return SignedNote(
      text: note.text, name: CheckpointNote.origin(cluster: node.cluster), keyID: node.epoch.keyID,
      signature: signature.encoding)
  }

  static func moment(_ time: UInt64) -> Moment {
    Moment(
      monotonic: Instant(nanoseconds: time),
      wall: Timestamp(nanoseconds: simulatedEpoch + Int64(time)) ?? .epoch)
  }

  func step(_ event: NodeEvent) {
    time += 50_000_000
    var events = [event]
    while !events.isEmpty {
      var effects = NodeEffects()
      node.step(events.removeFirst(), at: Rig.moment(time), using: &random, into: &effects)
      answers += effects.answers
      notices += effects.notices
      for write in effects.writes {
        disk.sync(write.batch)
        events.append(.written(write.name))
      }
      for lock in effects.locks {
        disk.sync(lock: lock.bytes)
        if holdsLocks { heldLocks.append(lock.ticket) } else { events.append(.locked(ticket: lock.ticket)) }
      }
    }
  }

  /// The locks that were held are durable, and so is each from here on.
  func releaseLocks() {
    holdsLocks = false
    passHeldLocks()
  }

  /// The locks that were held until now are durable.
  func passHeldLocks() {
    let tickets = heldLocks
    heldLocks = []
    for ticket in tickets { step(.locked(ticket: ticket)) }
  }

  /// Whatever else a test makes the node do, carried out like the effects of a step.
  func perform(
    _ body: (
      inout GovernanceNode<Ed25519SHA512>, inout SeededRandom, inout NodeEffects
    ) throws -> Void
  ) rethrows {
    var effects = NodeEffects()
    try body(&node, &random, &effects)
    node.takeUp(using: &random, into: &effects)
    answers += effects.answers
    notices += effects.notices
    for write in effects.writes {
      disk.sync(write.batch)
      step(.written(write.name))
    }
    for lock in effects.locks {
      disk.sync(lock: lock.bytes)
      if holdsLocks { heldLocks.append(lock.ticket) } else { step(.locked(ticket: lock.ticket)) }
    }
    step(.tick)
  }

  /// A checkpoint that this party has every reason to sign.
  func note() throws -> CheckpointNote {
    let size = node.raft.durableIndex.rawValue
    let state = try #require(node.overlay.state(at: size))
    return CheckpointNote(
      cluster: node.cluster, size: size, root: try #require(node.raft.log.rootHash(ofSize: size)),
      stateRoot: state.stateRoot, time: Rig.moment(time).wall)
  }

  func judge(_ note: CheckpointNote, restrictions: [UInt8] = []) -> Verdict {
    node.judge(
      SignCall(
        term: node.raft.currentTerm.rawValue, round: 1, session: 0, text: Array(note.text.utf8),
        restrictions: restrictions))
  }
}

private func isRefusal(_ verdict: Verdict) -> Bool {
  if case .refuse = verdict { true } else { false }
}

struct CheckpointPartyTests {
  @Test("a party signs a checkpoint of its own durable log and state: the control of all that follows")
  func control() throws {
    let rig = try Rig()
    #expect(rig.node.view.finalSize >= 2)
    let note = try rig.note()
    #expect(rig.judge(note) == .sign(note))
  }

  @Test("another cluster, root or state is refused")
  func otherContent() throws {
    let rig = try Rig()
    var note = try rig.note()
    note.cluster = SHA256.hash("another")
    #expect(isRefusal(rig.judge(note)))
    note = try rig.note()
    note.root = SHA256.hash("another")
    #expect(isRefusal(rig.judge(note)))
    note = try rig.note()
    note.stateRoot = SHA256.hash("another")
    #expect(isRefusal(rig.judge(note)))
  }

  @Test("a text that is not the one text of a checkpoint is refused")
  func otherText() throws {
    let rig = try Rig()
    let text = try rig.note().text
    for changed in [text + "more\n", String(text.dropLast()), "", text.replacing("state", with: "stale")] {
      let verdict = rig.node.judge(SignCall(term: 1, round: 1, text: Array(changed.utf8)))
      #expect(isRefusal(verdict))
    }
  }

  @Test("a size below what was signed is refused, and what is beyond the durable log waits")
  func sizes() throws {
    let rig = try Rig()
    var note = try rig.note()
    note.size -= 1
    note.root = try #require(rig.node.raft.log.rootHash(ofSize: note.size))
    #expect(isRefusal(rig.judge(note)))
    note = try rig.note()
    note.size += 1
    #expect(rig.judge(note) == .wait)
  }

  @Test("a time more than five seconds off, before log time, or before what was signed is refused")
  func times() throws {
    let rig = try Rig()
    for shift in [6, -6] as [Int64] {
      var note = try rig.note()
      note.time = note.time.advanced(by: .seconds(shift))
      #expect(isRefusal(rig.judge(note)))
    }
    var note = try rig.note()
    note.time = rig.node.signer.lock.time.advanced(by: Interval(nanoseconds: -1))
    #expect(isRefusal(rig.judge(note)))
  }

  @Test("a lease for another bundle, of another length, or with restrictions that were not proven is refused")
  func leases() throws {
    let rig = try Rig()
    let empty = RestrictionList([])
    func lease(_ change: (inout LeaseLine) -> Void) throws -> CheckpointNote {
      var line = LeaseLine(
        policyBundleHash: rig.node.overlay.final.bundle.hash, mode: .running, seconds: 10,
        challengeRoot: SHA256.hash("c"), restrictionsHash: empty.hash)
      change(&line)
      var note = try rig.note()
      note.lease = line
      return note
    }
    let shown = empty.json.canonicalBytes()
    let good = try lease { _ in }
    #expect(rig.judge(good, restrictions: shown) == .sign(good))
    #expect(isRefusal(rig.judge(try lease { $0.policyBundleHash = SHA256.hash("p") }, restrictions: shown)))
    #expect(isRefusal(rig.judge(try lease { $0.seconds = 60 }, restrictions: shown)))
    #expect(isRefusal(rig.judge(try lease { $0.mode = .halted }, restrictions: shown)))
    #expect(isRefusal(rig.judge(good, restrictions: [])))
    let more = RestrictionList([RestrictionList.Entry(incidentID: "i", target: .tenant("acme"))])
    let unproven = try lease { $0.restrictionsHash = more.hash }
    #expect(isRefusal(rig.judge(unproven, restrictions: more.json.canonicalBytes())))
  }

  @Test("once another root was signed for a size, no second root ever is")
  func lock() throws {
    let rig = try Rig()
    let lock = rig.node.signer.lock
    #expect(lock.size > 0)
    let other = CheckpointNote(
      cluster: rig.node.cluster, size: lock.size, root: SHA256.hash("fork"), stateRoot: lock.stateRoot,
      time: lock.time)
    #expect(lock.objection(to: other) != nil)
    let same = CheckpointNote(
      cluster: rig.node.cluster, size: lock.size, root: lock.root, stateRoot: lock.stateRoot, time: lock.time)
    #expect(lock.objection(to: same) == nil)
  }

  @Test("a party that signed one root does not sign a longer log that does not extend it")
  func lockBindsTheFuture() throws {
    // It signed size 2 under a leader that lied; another leader then overwrote leaf 1. The note of size 2
    // may exist all the same, and a note of size 3 over another leaf 1 would be a fork.
    let signed = SigningLock(
      size: 2, root: SHA256.hash("what was signed"), stateRoot: SHA256.hash("its state"), time: .epoch)
    let rig = try Rig(lock: signed)
    #expect(rig.node.raft.log.size == 2 && rig.node.view.finalSize == 1)
    rig.perform { node, _, effects in _ = node.append(.tick, Attachment(), into: &effects) }
    for _ in 0..<10 { rig.step(.tick) }
    #expect(rig.node.raft.log.size == 3)
    #expect(isRefusal(rig.judge(try rig.note())))
    #expect(rig.node.view.finalSize == 1, "the fork is final")
  }

  @Test("one party that declines again and again ends no round and excepts nothing")
  func repeatedDecline() throws {
    let rig = try Rig(nodes: 4, threshold: 3, ticks: 0)
    let node = rig.node.raft.id
    #expect(node.rawValue == 1)
    let root = try #require(rig.node.raft.log.rootHash(ofSize: 1))
    let state = try #require(rig.node.overlay.state(at: 1))
    let note = CheckpointNote(
      cluster: rig.node.cluster, size: 1, root: root, stateRoot: state.stateRoot, time: Rig.moment(0).wall)
    rig.node.round = try CheckpointRound(
      number: 7, note: note, challenges: [], restrictions: RestrictionList([]),
      publicKeys: rig.node.epoch.publicKeys, preferred: [], at: Rig.moment(0).monotonic)
    let liar = try #require(NodeID(rawValue: 2))
    for _ in 0..<5 {
      var answer = SignAnswer(term: rig.node.raft.currentTerm.rawValue, round: 7, session: 0)
      answer.declined = "consent"
      answer.except = [0]
      rig.perform { $0.onSignAnswer(answer, from: liar, using: &$1, into: &$2) }
    }
    #expect(rig.node.round != nil, "one of four ended the round; three are enough to sign")
    #expect(rig.node.finality.declined(at: rig.node.now.monotonic).isEmpty)
  }

  @Test("an artifact whose record could not be read again is refused, and no node falls over it")
  func unreadableArtifact() throws {
    let rig = try Rig()
    let size = rig.node.raft.log.size
    func put(_ call: UInt64, _ request: ArtifactPutRequest) {
      let call = ClientCall(
        key: CallKey(connection: 1, call: call), caller: .agent(tenant: "acme", name: "agent1"),
        method: "/openexec.v1.Artifact/Put", payload: request.encode())
      rig.step(.call(call))
      for _ in 0..<3 { rig.step(.tick) }
    }
    let content = Array("one".utf8)
    let owner = Principal.agent(tenant: "acme", name: "agent1")
    func request(type: String, labels: [String]) -> ArtifactPutRequest {
      let note = ArtifactNote(
        digest: SHA256.hash(content), tenantID: "acme", workspaceID: "main", size: content.count,
        mediaType: type, owner: owner, labels: labels,
        validUntil: rig.node.now.wall.advanced(by: .seconds(60)))
      let signed = Signed.sign(note, cluster: rig.node.cluster, as: owner, with: rig.operatorKey)
      return ArtifactPutRequest(statement: Statements.bytes(.artifact(signed)), content: content)
    }
    put(1, request(type: "", labels: [String(repeating: "l", count: 257)]))
    put(2, request(type: "", labels: (0..<300).map { "l\($0)" }))
    put(3, request(type: String(repeating: "é", count: 128), labels: []))
    #expect(rig.node.raft.log.size == size)
  }

  @Test("a snapshot's term and log time are not taken from whoever sends it")
  func snapshotOfALiar() throws {
    let source = try Rig()
    var pieces: [SnapshotPiece] = []
    let peer = try #require(NodeID(rawValue: 2))
    source.perform { node, _, effects in
      node.sendSnapshot(to: peer, into: &effects)
      pieces = effects.messages.compactMap(\.message.snapshotPiece)
      effects.messages.removeAll()
    }
    let term = source.node.raft.currentTerm
    let time = source.node.overlay.final.logTime
    #expect(!pieces.isEmpty)
    // Has heard of the term, and has nothing but the genesis.
    func install(_ change: (inout SnapshotPiece) -> Void) throws -> Rig {
      let target = try Rig(ticks: 0)
      try lead(target, peer, term)
      for var piece in pieces {
        change(&piece)
        target.perform { $0.onSnapshotPiece(piece, from: peer, using: &$1, into: &$2) }
      }
      return target
    }
    #expect(try install { _ in }.node.finality.size == source.node.finality.size, "the control")
    for target in [
      try install { $0.term = 1 << 60 }, try install { $0.logTime = "2260-01-01T00:00:00.000000000Z" },
    ] {
      #expect(target.node.raft.currentTerm <= term)
      #expect(target.node.raft.log.logTime <= time)
    }
  }

  @Test("a note is taken by the group's line in it, under its name, and shown on with that line alone")
  func spoiledLines() throws {
    let source = try Rig()
    let note = try #require(source.node.finality.note)
    let line = try #require(note.signatures.first)
    func taken(_ signatures: [(String, [UInt8], [UInt8])]) throws -> String? {
      let lines = signatures.map { name, keyID, signature in
        "\u{2014} \(name) \(Base64.encode(keyID + signature))\n"
      }
      let target = try Rig(ticks: 0)
      let shown = NoteShown(note: note.text + "\n" + lines.joined())
      target.perform { $0.onNoteShown(shown, using: &$1, into: &$2) }
      return target.node.finality.pending?.note
    }
    let good = (line.name, line.keyID, line.signature)
    #expect(try taken([good]) == note.encoded, "the control")
    #expect(try taken([("openexec/another", line.keyID, line.signature)]) == nil)
    // What a peer put beside it reaches nobody: an executor would refuse the whole note for it.
    let junk = [UInt8](repeating: 7, count: 64)
    #expect(try taken([good, (line.name, line.keyID, junk)]) == note.encoded)
    #expect(try taken([good, ("stranger", [1, 2, 3, 4], junk)]) == note.encoded)
  }

  @Test(
    "of what a party acknowledges in a term the largest true size counts, whatever came after it, or falsely")
  func acknowledgements() throws {
    let rig = try Rig()
    let ledger = rig.node.raft.log
    let term = rig.node.raft.currentTerm
    let size = ledger.size
    #expect(size >= 2)
    let root = try #require(ledger.rootHash(ofSize: size))
    let first = try #require(ledger.rootHash(ofSize: 1))
    let party = try #require(NodeID(rawValue: 2))
    func counted(_ said: [(term: Term, size: UInt64, root: Digest)]) -> UInt64 {
      var acks = DurableAcks(parties: [party])
      for ack in said { acks.record(party, term: ack.term, size: ack.size, root: ack.root, current: term) }
      return acks.acknowledgedSize(by: 1, of: [party], term: term, ledger: ledger)
    }
    let later = Term(rawValue: 1 << 40)
    #expect(counted([(term, size, root)]) == size)
    #expect(counted([(term, size, root), (term, 1, first)]) == size)
    #expect(counted([(later, 9, first), (term, size, root)]) == size)
    #expect(counted([(term, 900, first), (term, size, root)]) == size)
    #expect(counted([(term, size, first)]) == 0, "not with another root")
    #expect(counted([(later, size, root)]) == 0, "not in another term")
  }

  /// Lets a node hear a leader.
  private func lead(_ rig: Rig, _ leader: NodeID, _ term: Term) throws {
    let empty = try #require(LogRoot(bytes: SHA256.hash("").bytes))
    let call = AppendRequest(
      term: term, previousIndex: .zero, previousTerm: .zero, previousRoot: empty, entries: [],
      leaderCommit: .zero, round: 1)
    rig.perform { $0.stepRaft(.receive(from: leader, .appendRequest(call)), using: &$1, into: &$2) }
    #expect(rig.node.raft.leader == leader)
  }

  @Test("a snapshot's pieces are taken from the leader alone, and no more bytes than a snapshot may have")
  func snapshotBounds() throws {
    let target = try Rig(ticks: 0)
    let leader = try #require(NodeID(rawValue: 2))
    let other = try #require(NodeID(rawValue: 3))
    func receive(_ number: UInt64, from sender: NodeID) {
      var piece = SnapshotPiece(names: ["a"], cells: [[1, 2, 3]])
      piece.piece = number
      target.perform { $0.onSnapshotPiece(piece, from: sender, using: &$1, into: &$2) }
    }
    receive(0, from: leader)
    #expect(target.node.snapshots.incoming == nil, "nobody leads yet")
    try lead(target, leader, Term(rawValue: 9))
    receive(0, from: leader)
    #expect(target.node.snapshots.incoming?.bytes == 4)
    // Another neither begins one of its own nor spoils the leader's.
    receive(0, from: other)
    receive(7, from: other)
    receive(1, from: leader)
    #expect(target.node.snapshots.incoming?.bytes == 8)
    target.perform { node, _, _ in node.snapshots.incoming?.bytes = SnapshotTransfers.maximumBytes - 4 }
    receive(2, from: leader)
    #expect(target.node.snapshots.incoming?.bytes == SnapshotTransfers.maximumBytes)
    receive(3, from: leader)
    #expect(target.node.snapshots.incoming == nil)
  }

  @Test("a submission that finds no room is told so, and every call is answered once")
  func forwards() throws {
    let rig = try Rig(ticks: 0)
    let act = IncidentAct(
      incidentID: "i", kind: .kill, target: .all, severity: 1, reasonHash: SHA256.hash("r"),
      signedAt: .epoch, validUntil: rig.node.now.wall.advanced(by: .seconds(60)))
    let signed = Signed.sign(act, cluster: rig.node.cluster, as: .operator("pat"), with: rig.operatorKey)
    rig.perform { node, _, effects in
      #expect(!node.raft.mayPropose)
      for call in 0...UInt64(ClientTable.maximumForwards) {
        let purpose = Purpose.act(CallKey(connection: 1, call: call))
        node.submit(
          Submission(body: .incident(signed), attachment: Records.Attachment(), purpose: purpose),
          into: &effects)
      }
      guard case .respond(let key, let status, _)? = effects.answers.last else {
        Issue.record("the last call is not answered")
        return
      }
      #expect(effects.answers.count == 1 && status.code == .resourceExhausted)
      #expect(key.call == UInt64(ClientTable.maximumForwards))
    }
  }

  @Test("who waits for an outcome is bounded, and the one too many is told so")
  func watchers() throws {
    let rig = try Rig()
    rig.perform { node, _, effects in
      for call in 0...UInt64(ClientTable.maximumWatchers) {
        let key = CallKey(connection: 1, call: call)
        node.watch(
          ClientTable.Watcher(key: key, proposal: LeafIndex(99), isStream: true, told: ""), into: &effects)
      }
      #expect(node.clients.watchers.count == ClientTable.maximumWatchers)
      guard case .respond(_, let status, _)? = effects.answers.last else {
        Issue.record("the last call is not answered")
        return
      }
      #expect(effects.answers.count == 1 && status.code == .resourceExhausted)
    }
  }

  /// A kill of everything, as an operator has signed it.
  private func kill(_ id: String, until: Timestamp, _ rig: Rig) -> RestrictionShown {
    let item = Records.Attachment.Item(salt: [UInt8](repeating: 1, count: 16), value: "a drill, long ago")
    let act = IncidentAct(
      incidentID: id, kind: .kill, target: .all, severity: 1, reasonHash: item.hash, signedAt: .epoch,
      validUntil: until)
    let signed = Signed.sign(act, cluster: rig.node.cluster, as: .operator("pat"), with: rig.operatorKey)
    return RestrictionShown(
      statement: Statements.bytes(.incident(signed)), attachment: Records.Attachment("reason", item).bytes)
  }

  @Test("a share that waits for its lock when a kill binds the party is not given")
  func heldShare() throws {
    let rig = try Rig()
    let leaf = try rig.propose("deploy")
    rig.holdsLocks = true
    try rig.approve(leaf)
    let found = rig.node.overlay.head.proposalView(at: leaf)?.approval
    let approval = try #require(found)
    // What is signed first may not reach to the approval: only the share that does is made to wait.
    for _ in 0..<60 where !rig.node.signer.holds(consentTo: approval) {
      rig.passHeldLocks()
      rig.step(.tick)
    }
    let isHeld = rig.node.signer.holds(consentTo: approval)
    try #require(isHeld)
    let message = kill("now", until: Rig.moment(600_000_000_000).wall, rig)
    rig.perform { node, _, effects in
      node.bind(statement: message.statement, attachment: message.attachment, into: &effects)
    }
    rig.releaseLocks()
    for _ in 0..<60 { rig.step(.tick) }
    let proof = rig.node.proof(of: approval, consenting: true)
    #expect(proof == nil, "who has acknowledged the kill has consented after it")
    let isGiven = rig.node.signer.hasGiven(consentTo: approval)
    #expect(!isGiven)
  }

  @Test(
    "a refusal of certificates that the log has outdone stands in no list: parties that lack it sign with those that do not"
  )
  func outdoneCertificates() throws {
    let rig = try Rig()
    let node = Principal.node("node1")
    let before = try #require(Timestamp(nanoseconds: (simulatedEpoch / 1_000_000_000 - 100) * 1_000_000_000))
    let item = Records.Attachment.Item(salt: [UInt8](repeating: 1, count: 16), value: "its key was seen")
    func revocation(_ id: String) -> Signed<IncidentAct> {
      let act = IncidentAct(
        incidentID: id, kind: .revoke, target: .certificates(of: node, before: before), severity: 2,
        reasonHash: item.hash, signedAt: .epoch, validUntil: Rig.moment(600_000_000_000).wall)
      return Signed.sign(act, cluster: rig.node.cluster, as: .operator("pat"), with: rig.operatorKey)
        .cosigned(cluster: rig.node.cluster, as: .operator("sam"), with: rig.secondOperatorKey)
    }
    let (one, other) = (revocation("one"), revocation("other"))
    func listed() -> [String] {
      rig.node.restrictions.list(with: rig.node.overlay.final).entries.map(
        \.incidentID)
    }
    // Both bind before either is in the log; the log takes one.
    for signed in [one, other] {
      rig.perform { node, _, effects in
        node.bind(
          statement: Statements.bytes(.incident(signed)),
          attachment: Records.Attachment("reason", item).bytes, into: &effects)
      }
    }
    #expect(listed() == ["one", "other"])
    rig.perform { node, _, effects in
      node.submit(
        Submission(
          body: .incident(one), attachment: Records.Attachment("reason", item), purpose: nil),
        into: &effects)
    }
    for _ in 0..<60 { rig.step(.tick) }
    #expect(rig.node.overlay.final.isRestricted(by: "one"))
    #expect(listed() == ["one"])
    #expect(!rig.node.restrictions.contains("other"), "and it is forgotten")
    #expect(rig.node.oldestCertificate(of: node) == before)
  }
}
