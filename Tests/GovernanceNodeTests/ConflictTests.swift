import Crypto
import Merkle
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// Two notes that conflict: the party halts, and as many operators as the threshold names parties release it.
struct ConflictTests {
  private let rig: Rig

  init() throws { rig = try Rig() }

  private func root(_ size: UInt64) throws -> Digest {
    guard let root = rig.node.raft.log.rootHash(ofSize: size) else { throw SimulationError.setup("a root") }
    return root
  }

  /// A note of the final size that contradicts the one that this party holds.
  private func contradiction(state: Bool = false) throws -> SignedNote {
    var note = try rig.note()
    note.size = rig.node.finality.size
    note.root = try root(note.size)
    note.stateRoot = rig.node.overlay.final.stateRoot
    if state { note.stateRoot = SHA256.hash("other") } else { note.root = SHA256.hash("other") }
    note.time = note.time.advanced(by: .seconds(1))
    return try rig.signed(note)
  }

  private func show(_ note: SignedNote) {
    rig.perform { node, random, effects in
      node.onNoteShown(NoteShown(note: note.encoded), using: &random, into: &effects)
    }
  }

  private func act(_ change: (inout RecoveryAct) -> Void = { _ in }) throws -> RecoveryAct {
    let size = rig.node.finality.size
    var act = RecoveryAct(
      actID: "recovery-1", size: size, root: try root(size),
      stateRoot: rig.node.overlay.final.stateRoot,
      validUntil: try rig.note().time.advanced(by: .seconds(3600)))
    change(&act)
    return act
  }

  /// Hands an act over; how the call ended, nil where it waits.
  private func hand(over act: RecoveryAct, people: Int = 2) -> StatusCode? {
    var signed = Signed.sign(act, cluster: rig.node.cluster, as: .operator("pat"), with: rig.operatorKey)
    if people > 1 {
      signed = signed.cosigned(
        cluster: rig.node.cluster, as: .operator("sam"), with: rig.secondOperatorKey)
    }
    let statement = Statements.bytes(.recovery(RecoveryRecord(act: signed)))
    rig.answers = []
    rig.step(
      .call(
        ClientCall(
          key: CallKey(connection: 1, call: 1), caller: .operator("pat"), method: Method.recover.path,
          payload: StatementRequest(statement: statement, attachment: Attachment().bytes).encode())))
    for _ in 0..<20 { rig.step(.tick) }
    for case .respond(_, let status, _) in rig.answers { return status.code }
    return nil
  }

  private func passTime() { for _ in 0..<40 { rig.step(.tick) } }

  @Test(
    "a party that sees two notes of one size halts, over restarts too, and signs nothing",
    arguments: [false, true])
  func halts(state: Bool) throws {
    let note = try contradiction(state: state)
    let final = rig.node.finality.note?.encoded
    show(note)
    let held = rig.node.conflict
    let conflict = try #require(held)
    #expect(conflict.first == final && conflict.second == note.encoded, "both are kept")
    #expect(rig.notices.contains { if case .halted = $0 { true } else { false } })
    let before = [rig.node.raft.log.size, rig.node.finality.size]
    let submitted = ClientCall(
      key: CallKey(connection: 1, call: 2), caller: .operator("pat"), method: Method.enrol.path, payload: [])
    rig.answers = []
    rig.step(.call(submitted))
    #expect(
      rig.answers.contains {
        if case .respond(_, let status, _) = $0 { status.code == .unavailable } else { false }
      })
    passTime()
    try rig.restart()
    passTime()
    #expect(rig.node.conflict == conflict)
    #expect([rig.node.raft.log.size, rig.node.finality.size] == before)
    // What is final is still told.
    rig.answers = []
    let asked = ClientCall(
      key: CallKey(connection: 1, call: 3), caller: .operator("pat"), method: Method.checkpoint.path,
      payload: CheckpointRequest().encode())
    rig.step(.call(asked))
    #expect(
      rig.answers.contains { if case .respond(_, let status, _) = $0 { status.code == .ok } else { false } })
  }

  @Test(
    "operators release it: binding when handed over, logged after, and the other note is void from then on")
  func released() throws {
    let note = try contradiction()
    show(note)
    #expect(rig.node.conflict != nil)
    let size = rig.node.finality.size
    #expect(hand(over: try act(), people: 1) == .permissionDenied)
    #expect(hand(over: try act { $0.root = SHA256.hash("other") }) == .failedPrecondition)
    #expect(hand(over: try act { $0.stateRoot = SHA256.hash("other") }) == .failedPrecondition)
    #expect(rig.node.conflict != nil)
    let code = hand(over: try act())
    #expect(code == .ok)
    #expect(rig.node.conflict == nil && rig.node.finality.size > size)
    let isLogged = (size..<rig.node.finality.size).contains { leaf in
      rig.node.overlay.final.hasRecovery("recovery-1", at: LeafIndex(leaf))
    }
    #expect(isLogged, "and it is in the ledger")
    for _ in 0..<2 {
      show(note)
      #expect(rig.node.conflict == nil, "it does not stand")
      try rig.restart()
      passTime()
    }
    #expect(rig.node.conflict == nil)
  }

  @Test("a recovery that others have brought into the log binds this party as well")
  func loggedBinds() throws {
    let stands = try act()
    let note = try contradiction()
    #expect(hand(over: stands) == .ok)
    show(note)
    #expect(rig.node.conflict == nil)
    // The control: without it, it halts.
    let other = try Rig()
    var forged = try other.note()
    forged.size = other.node.finality.size
    forged.root = SHA256.hash("other")
    forged.time = forged.time.advanced(by: .seconds(1))
    let signed = try other.signed(forged)
    other.perform { node, random, effects in
      node.onNoteShown(NoteShown(note: signed.encoded), using: &random, into: &effects)
    }
    #expect(other.node.conflict != nil)
  }
}
