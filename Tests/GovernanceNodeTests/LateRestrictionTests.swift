import ClawShield
import Crypto
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// Parties that are split over a restriction: two of five are bound by it, four sign (Decision 030). Without the two no lease
/// is signed that does not name it, and without the others none that does.
/// Events: the statement ends, its signer is removed, another goes further, before the others hear of it.
struct LateRestrictionTests {
  private static let second: UInt64 = 1_000_000_000

  /// Five parties with a leader, two followers of which are bound by what the others do not hear of.
  private struct Split {
    let world: World
    let leader: NodeHost
    /// The two that are bound, and the others.
    let bound: [NodeID]

    init() throws {
      world = try World(seed: 5, nodes: 5, threshold: 4, faults: .none)
      world.run(until: 2 * second)
      leader = try #require(world.hosts.first { $0.view?.role == .leader })
      let led = leader.id
      let bound = world.hosts.map(\.id).filter { $0 != led }.prefix(2)
      self.bound = Array(bound)
    }

    /// Nothing that teaches a restriction arrives: neither with a lease, nor by itself, nor on its way to the log.
    func keepApart() {
      world.isIgnored = { _, message in
        message.restriction != nil || message.signAnswer != nil || message.signCall != nil
          || message.forwardCall != nil || message.witnessCall != nil
      }
    }

    func bring(together seconds: UInt64) {
      world.isIgnored = nil
      world.reconnect()
      world.run(until: world.time + seconds * second)
    }

    func pass(_ seconds: UInt64) { world.run(until: world.time + seconds * second) }

    func show(_ shown: RestrictionShown, to parties: [NodeID]) {
      for party in parties { world.step(party, .peer(from: leader.id, .restriction(shown))) }
    }

    func act(_ kind: IncidentKind, _ target: IncidentTarget, id: String, valid seconds: Int64 = 2) -> (
      IncidentAct, Records.Attachment
    ) {
      let item = Records.Attachment.Item(salt: [UInt8](repeating: 1, count: 16), value: "a bad day")
      return (
        IncidentAct(
          incidentID: id, kind: kind, target: target, severity: 1, reasonHash: item.hash,
          signedAt: world.wall(), validUntil: world.wall().advanced(by: .seconds(seconds))),
        Records.Attachment("reason", item)
      )
    }

    /// What both operators have signed; the oracles know of it.
    func signed(_ kind: IncidentKind, _ target: IncidentTarget, id: String, valid seconds: Int64 = 2)
      -> RestrictionShown
    {
      let (act, attachment) = act(kind, target, id: id, valid: seconds)
      world.operators.signings.note(RestrictionList.Entry(incidentID: id, target: target))
      return RestrictionShown(
        statement: Statements.bytes(.incident(world.operators.signed(act))), attachment: attachment.bytes)
    }

    var sizes: [UInt64] { world.hosts.map { $0.view?.finalSize ?? 0 } }
    func restricts(_ id: String) -> [Bool] {
      world.hosts.map { $0.node?.overlay.final.isRestricted(by: id) ?? false }
    }
    func binds(_ id: String) -> [NodeID] {
      world.hosts.filter { $0.node?.restrictions.contains(id) == true }.map(\.id)
    }

    func expectFinality(since earlier: [UInt64]) {
      #expect(world.oracles.violation == nil, "\(world.oracles.violation ?? "")")
      #expect(zip(sizes, earlier).allSatisfy { $0 > $1 }, "\(earlier) to \(sizes)")
    }
  }

  @Test("a kill whose statement has ended before the others hear of it binds them too, and becomes final")
  func ended() throws {
    let split = try Split()
    split.keepApart()
    split.show(split.signed(.kill, .tenant("globex"), id: "late"), to: split.bound)
    split.pass(4)
    let sizes = split.sizes
    #expect(split.binds("late") == split.bound)
    split.bring(together: 5)
    split.expectFinality(since: sizes)
    #expect(split.restricts("late") == [Bool](repeating: true, count: 5))
  }

  @Test("two refusals of one principal's certificates that cross, both late: the one that goes further holds")
  func crossed() throws {
    let split = try Split()
    split.keepApart()
    let base = simulatedEpoch / 1_000_000_000
    func refusal(_ seconds: Int64, _ id: String) throws -> RestrictionShown {
      let before = try #require(Timestamp(nanoseconds: (base - seconds) * 1_000_000_000))
      return split.signed(.revoke, .certificates(of: .node("node5"), before: before), id: id)
    }
    split.show(try refusal(200, "less"), to: split.bound)
    let others = split.world.hosts.map(\.id).filter { !split.bound.contains($0) }
    split.show(try refusal(100, "more"), to: others)
    split.pass(4)
    let sizes = split.sizes
    split.bring(together: 5)
    split.expectFinality(since: sizes)
    let last = split.sizes
    split.pass(2)
    split.expectFinality(since: last)
    #expect(split.restricts("more") == [Bool](repeating: true, count: 5))
    #expect(split.binds("less") == [] && split.binds("more") == [])
  }

  @Test(
    "two restrictions of one id of which each binds some: the log has one, and the other binds nobody any more"
  )
  func sameID() throws {
    let split = try Split()
    split.keepApart()
    split.show(split.signed(.kill, .tenant("globex"), id: "twice"), to: split.bound)
    let others = split.world.hosts.map(\.id).filter { !split.bound.contains($0) }
    split.show(split.signed(.quarantine, .tenant("initech"), id: "twice"), to: others)
    split.pass(4)
    let sizes = split.sizes
    split.bring(together: 6)
    split.expectFinality(since: sizes)
    #expect(split.binds("twice") == [])
  }

  @Test(
    "who signed is an operator no more when the others hear of it: by the log's word it binds nobody any more"
  )
  func removed() throws {
    let split = try Split()
    let world = split.world
    var random = SeededRandom(seed: 7)
    let key = SigningKey.generate(using: &random)
    let third = Principal.operator("third")
    func enrol(_ act: EnrolmentAct) {
      let body = RecordBody.enrol(world.operators.signed(act))
      let request = StatementRequest(
        statement: Statements.bytes(body), attachment: Records.Attachment().bytes)
      world.step(
        split.leader.id,
        .call(
          ClientCall(
            key: CallKey(connection: 99, call: random.next()), caller: world.operators.principal,
            method: Method.enrol.path, payload: request.encode())))
    }
    let until = world.wall().advanced(by: .seconds(600))
    enrol(
      EnrolmentAct(
        actID: "in",
        enrol: Enrolment(principal: third, key: key.publicKey, owner: "third", expiresAt: .distantFuture),
        validUntil: until))
    split.pass(2)
    #expect(world.hosts.allSatisfy { $0.node?.overlay.final.enrolment(of: third) != nil })
    let (act, attachment) = split.act(.kill, .tenant("globex"), id: "signed-by-third", valid: 600)
    let kill = Signed.sign(act, cluster: world.cluster, as: third, with: key)
    split.keepApart()
    split.show(
      RestrictionShown(statement: Statements.bytes(.incident(kill)), attachment: attachment.bytes),
      to: split.bound)
    world.operators.signings.dismissed.append(("signed-by-third", third))
    enrol(EnrolmentAct(actID: "out", revoke: third, validUntil: until))
    split.pass(2)
    #expect(split.binds("signed-by-third") == split.bound)
    let sizes = split.sizes
    split.bring(together: 5)
    split.expectFinality(since: sizes)
    #expect(world.hosts.allSatisfy { $0.node?.overlay.final.enrolment(of: third) == nil })
    #expect(split.restricts("signed-by-third") == [Bool](repeating: false, count: 5))
    #expect(split.binds("signed-by-third") == [])
  }

  // MARK: Into the log

  @Test("what binds parties comes into the log where nobody's call brings it any more, whoever leads")
  func brought() throws {
    let split = try Split()
    split.show(split.signed(.kill, .tenant("globex"), id: "orphan", valid: 1), to: split.bound)
    split.pass(5)
    #expect(split.restricts("orphan") == [Bool](repeating: true, count: 5))
  }

  @Test("a leader that takes it neither for itself nor from others is voted out for it")
  func censored() throws {
    let split = try Split()
    let led = split.leader.id
    split.world.isIgnored = { receiver, message in
      receiver == led
        && (message.restriction != nil || message.forwardCall != nil || message.signAnswer != nil)
    }
    let others = split.world.hosts.map(\.id).filter { $0 != led }
    split.show(split.signed(.kill, .tenant("globex"), id: "held-back", valid: 1), to: others)
    split.pass(9)
    #expect(split.leader.view?.role != .leader)
    split.pass(4)
    let restricts = split.restricts("held-back")
    #expect(restricts == [Bool](repeating: true, count: 5), "\(restricts)")
  }

  // MARK: Clients

  @Test("a client brings nothing that is valid no more: it binds nobody, and does not come into the log")
  func stale() throws {
    let split = try Split()
    let world = split.world
    let shown = split.signed(.kill, .tenant("globex"), id: "stale", valid: 1)
    split.pass(2)
    var codes: [StatusCode] = []
    world.overhears = { answer in
      if case .respond(let key, let status, _) = answer, key.connection == 99 { codes.append(status.code) }
    }
    let request = StatementRequest(statement: shown.statement, attachment: shown.attachment)
    world.step(
      split.leader.id,
      .call(
        ClientCall(
          key: CallKey(connection: 99, call: 1), caller: world.operators.principal, method: Method.kill.path,
          payload: request.encode())))
    split.pass(3)
    #expect(codes == [.permissionDenied])
    #expect(split.binds("stale") == [] && split.restricts("stale") == [Bool](repeating: false, count: 5))
  }
}
