import ClawShield
import Crypto
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// What binds one party, and what its leases name of it.
struct BindingTests {
  private static let reason = Records.Attachment.Item(
    salt: [UInt8](repeating: 1, count: 16), value: "a bad day")

  private func signed(
    _ kind: IncidentKind, _ target: IncidentTarget, id: String, by people: [String], _ rig: Rig,
    valid seconds: Int64 = 600, lifts: [String] = []
  ) -> Signed<IncidentAct> {
    let act = IncidentAct(
      incidentID: id, kind: kind, target: target, severity: 1, reasonHash: Self.reason.hash,
      lifts: lifts, signedAt: rig.node.now.wall, validUntil: rig.node.now.wall.advanced(by: .seconds(seconds))
    )
    var out = Signed<IncidentAct>(content: act, signatures: [])
    for name in people {
      out =
        name == "pat"
        ? out.cosigned(cluster: rig.node.cluster, as: .operator(name), with: rig.operatorKey)
        : out.cosigned(cluster: rig.node.cluster, as: .operator(name), with: rig.secondOperatorKey)
    }
    return out
  }

  /// Whether a party's word of it binds this one.
  @discardableResult
  private func bind(_ signed: Signed<IncidentAct>, _ rig: Rig) -> Bool {
    var isBound = false
    rig.perform { node, _, effects in
      isBound = node.bind(
        statement: Statements.bytes(.incident(signed)),
        attachment: Records.Attachment("reason", Self.reason).bytes, into: &effects)
    }
    return isBound
  }

  /// Brings it into the log, as its party does.
  private func submit(_ signed: Signed<IncidentAct>, _ rig: Rig) {
    rig.perform { node, _, effects in
      node.submit(
        Submission(
          body: .incident(signed), attachment: Records.Attachment("reason", Self.reason), purpose: nil),
        into: &effects)
    }
  }

  private func certificates(of principal: Principal) throws -> IncidentTarget {
    .certificates(
      of: principal,
      before: try #require(Timestamp(nanoseconds: (simulatedEpoch / 1_000_000_000 - 100) * 1_000_000_000)))
  }

  private func listed(_ rig: Rig) -> [String] {
    rig.node.restrictions.list(with: rig.node.overlay.final).entries.map(\.incidentID)
  }

  @Test(
    "a party is bound by what the log would take, and by nothing else: a node's certificates by two people")
  func sameRule() throws {
    let rig = try Rig()
    let node = try certificates(of: .node("node1"))
    #expect(!bind(signed(.revoke, node, id: "one", by: ["pat"], rig), rig))
    #expect(!bind(signed(.revoke, try certificates(of: .operator("sam")), id: "sam", by: ["pat"], rig), rig))
    #expect(
      !bind(
        signed(.revoke, try certificates(of: .node("node9")), id: "nobody", by: ["pat", "sam"], rig), rig))
    #expect(rig.node.oldestCertificate(of: .node("node1")) == nil)
    #expect(bind(signed(.revoke, node, id: "two", by: ["pat", "sam"], rig), rig))
    #expect(bind(signed(.revoke, try certificates(of: .operator("pat")), id: "own", by: ["pat"], rig), rig))
    #expect(rig.node.oldestCertificate(of: .node("node1")) != nil)
    #expect(rig.node.oldestCertificate(of: .operator("pat")) != nil)
    #expect(listed(rig) == ["two"], "executors meet nodes alone")
  }

  @Test("what binds already is no news: a leader that is taught it again does not begin again for it")
  func noNews() throws {
    let rig = try Rig()
    let kill = signed(.kill, .tenant("acme"), id: "k", by: ["pat"], rig)
    #expect(bind(kill, rig))
    #expect(!bind(kill, rig))
  }

  @Test("a kill that a party shows binds however late; one that was lifted never does again")
  func late() throws {
    let rig = try Rig()
    #expect(bind(signed(.kill, .tenant("acme"), id: "k", by: ["pat"], rig, valid: -86_400), rig))
    #expect(listed(rig) == ["k"])
    for _ in 0..<60 { rig.step(.tick) }
    #expect(rig.node.overlay.final.isRestricted(by: "k"), "nobody's call brings it")
    let item = Self.reason
    let lift = IncidentAct(
      incidentID: "l", kind: .lift, target: .all, severity: 1, reasonHash: item.hash, lifts: ["k", "unseen"],
      signedAt: rig.node.now.wall, validUntil: rig.node.now.wall.advanced(by: .seconds(60)))
    let both = Signed.sign(lift, cluster: rig.node.cluster, as: .operator("pat"), with: rig.operatorKey)
      .cosigned(cluster: rig.node.cluster, as: .operator("sam"), with: rig.secondOperatorKey)
    rig.perform { node, _, effects in
      node.submit(
        Submission(body: .incident(both), attachment: Records.Attachment("reason", item), purpose: nil),
        into: &effects)
    }
    for _ in 0..<20 { rig.step(.tick) }
    for id in ["k", "unseen"] {
      #expect(!bind(signed(.kill, .tenant("acme"), id: id, by: ["pat"], rig), rig), "\(id)")
    }
    #expect(listed(rig) == [])
  }

  @Test(
    "it is said whom a restriction binds no more since its signer was removed, and to whoever waits for it")
  func removedSigner() throws {
    let rig = try Rig()
    let key = SigningKey.generate(using: &rig.random)
    func enrol(_ act: EnrolmentAct) {
      let both = Signed.sign(act, cluster: rig.node.cluster, as: .operator("pat"), with: rig.operatorKey)
        .cosigned(cluster: rig.node.cluster, as: .operator("sam"), with: rig.secondOperatorKey)
      rig.perform { node, _, effects in
        node.submit(
          Submission(body: .enrol(both), attachment: Records.Attachment(), purpose: nil), into: &effects)
      }
    }
    let until = rig.node.now.wall.advanced(by: .seconds(600))
    let third = Principal.operator("third")
    enrol(
      EnrolmentAct(
        actID: "in",
        enrol: Enrolment(principal: third, key: key.publicKey, owner: "third", expiresAt: .distantFuture),
        validUntil: until))
    for _ in 0..<10 { rig.step(.tick) }
    var act = signed(.kill, .tenant("acme"), id: "k", by: ["pat"], rig).content
    act.incidentID = "by-third"
    let kill = Signed.sign(act, cluster: rig.node.cluster, as: third, with: key)
    #expect(bind(kill, rig))
    #expect(listed(rig) == ["by-third"])
    let waiting = CallKey(connection: 5, call: 5)
    rig.node.restrictions.vigils.append(
      BoundRestrictions.Vigil(
        key: waiting, incidentID: "by-third", contentHash: kill.contentHash, target: .all, bound: [],
        since: nil))
    enrol(EnrolmentAct(actID: "out", revoke: third, validUntil: until))
    for _ in 0..<60 { rig.step(.tick) }
    #expect(listed(rig) == [] && !rig.node.restrictions.contains("by-third"))
    #expect(!rig.node.overlay.final.hasIncident("by-third"))
    let isSaid = rig.notices.contains { "\($0)".contains("by-third of tenant/acme binds nobody any more") }
    #expect(isSaid)
    let isAnswered = rig.answers.contains {
      if case .respond(waiting, let status, _) = $0 { status.code == .permissionDenied } else { false }
    }
    #expect(isAnswered)
  }

  @Test("a restart forgets none, and brings into the log what it lacks")
  func restarted() throws {
    let rig = try Rig()
    #expect(bind(signed(.kill, .tenant("acme"), id: "k", by: ["pat"], rig, valid: -60), rig))
    try rig.restart()
    #expect(listed(rig) == ["k"])
    for _ in 0..<60 { rig.step(.tick) }
    #expect(rig.node.overlay.final.isRestricted(by: "k"))
  }

  @Test("a node says of itself that its certificate is refused, and of peers that none has shown a newer one")
  func refusedCertificates() throws {
    let rig = try Rig(nodes: 2, threshold: 2)
    for name in ["node1", "node2"] {
      #expect(
        bind(signed(.revoke, try certificates(of: .node(name)), id: name, by: ["pat", "sam"], rig), rig))
    }
    func replaced() -> [String: Bool] {
      Dictionary(uniqueKeysWithValues: rig.node.refusedCertificates.map { ($0.name, $0.isReplaced) })
    }
    #expect(replaced() == ["node1": true, "node2": false], "of its own it knows nothing yet")
    let known = rig.node.oldestCertificate(of: .node("node1"))
    let before = try #require(known)
    rig.node.host.certificateBegins = before.advanced(by: .seconds(-1))
    #expect(replaced() == ["node1": false], "then it is connected to nobody for that")
    rig.node.host.certificateBegins = before
    #expect(replaced()["node1"] == true)
    let peer = try #require(NodeID(rawValue: 2))
    rig.step(.connected(peer))
    #expect(replaced()["node2"] == true)
    rig.step(.unreachable(peer))
    #expect(replaced()["node2"] == false)
  }

  @Test("another restriction under an id that is taken is refused, and no party says that it is bound by it")
  func takenID() throws {
    let rig = try Rig(nodes: 2, threshold: 2)
    #expect(bind(signed(.quarantine, .tenant("globex"), id: "inc-42", by: ["pat"], rig), rig))
    let kill = signed(.kill, .all, id: "inc-42", by: ["pat"], rig)
    let item = Records.Attachment("reason", Self.reason).bytes
    let request = StatementRequest(statement: Statements.bytes(.incident(kill)), attachment: item)
    let peer = try #require(NodeID(rawValue: 2))
    func ask(_ number: UInt64) -> Bool {
      var isTaken = true
      let call = ClientCall(
        key: CallKey(connection: 5, call: number), caller: .operator("pat"), method: Method.kill.path,
        payload: request.encode())
      rig.perform { node, _, effects in
        isTaken = node.onRestrict(call, request, kill, into: &effects)
        effects.messages = []
        node.onRestrictionShown(
          RestrictionShown(statement: request.statement, attachment: item), from: peer, into: &effects)
        #expect(!effects.messages.contains { $0.1.restrictionBound != nil })
      }
      return isTaken
    }
    #expect(!ask(1), "while the other waits for the log")
    func refusals(_ number: UInt64) -> [CallStatus] {
      rig.answers.compactMap { answer in
        if case .respond(CallKey(connection: 5, call: number), let status, _) = answer { status } else { nil }
      }
    }
    #expect(refusals(1).map(\.code) == [.alreadyExists], "which is no want of room")
    #expect(refusals(1).first?.message.contains("the id inc-42 is in use by another statement") == true)
  }

  @Test(
    "nobody is told that a restriction binds while the log has its id for something else that is not final")
  func displaced() throws {
    let rig = try Rig()
    // It gives no share, so that what the log has does not become final.
    rig.node.restrictions = BoundRestrictions(unreadable: ["lost"])
    let kill = signed(.kill, .all, id: "k", by: ["pat"], rig)
    let other = signed(.quarantine, .tenant("acme"), id: "k", by: ["pat"], rig)
    func answers(_ number: UInt64) -> Int {
      rig.answers.count {
        if case .respond(CallKey(connection: 5, call: number), _, _) = $0 { true } else { false }
      }
    }
    func wait(_ number: UInt64) {
      rig.node.restrictions.vigils.append(
        BoundRestrictions.Vigil(
          key: CallKey(connection: 5, call: number), incidentID: "k", contentHash: kill.contentHash,
          target: .all,
          bound: [rig.node.raft.id], since: rig.node.now.monotonic))
      let begin = rig.node.now.monotonic
      while begin + .seconds(12) > rig.node.now.monotonic { rig.step(.tick) }
    }
    wait(1)
    #expect(answers(1) == 1, "the control")
    rig.perform { node, _, effects in
      _ = node.append(.incident(other), Records.Attachment("reason", Self.reason), into: &effects)
    }
    #expect(rig.node.overlay.head.isDisplaced("k", contentHash: kill.contentHash))
    wait(2)
    #expect(answers(2) == 0)
  }

  private func refusals(_ key: CallKey, _ rig: Rig) -> [StatusCode] {
    rig.answers.compactMap {
      if case .respond(key, let status, _) = $0, status.code != .ok { status.code } else { nil }
    }
  }

  @Test("who waits for what is lifted meanwhile is told so at once")
  func liftedMeanwhile() throws {
    let rig = try Rig()
    let kill = signed(.kill, .all, id: "k", by: ["pat"], rig)
    let lift = signed(.lift, .all, id: "l", by: ["pat", "sam"], rig, lifts: ["k"])
    let key = CallKey(connection: 5, call: 1)
    for statement in [kill, lift] {
      submit(statement, rig)
      if statement == kill {
        rig.node.restrictions.vigils.append(
          BoundRestrictions.Vigil(
            key: key, incidentID: "k", contentHash: kill.contentHash, target: .all, bound: [], since: nil))
      }
      for _ in 0..<20 { rig.step(.tick) }
      #expect(refusals(key, rig) == (statement == kill ? [] : [.failedPrecondition]))
    }
    #expect(rig.node.restrictions.vigils.isEmpty)
  }

  @Test("who brings what was lifted is told that it was lifted")
  func broughtAgain() throws {
    let rig = try Rig()
    let kill = signed(.kill, .all, id: "k", by: ["pat"], rig)
    let lift = signed(.lift, .all, id: "l", by: ["pat", "sam"], rig, lifts: ["k"])
    for statement in [kill, lift] {
      submit(statement, rig)
      for _ in 0..<20 { rig.step(.tick) }
    }
    #expect(rig.node.overlay.final.isLifted("k"))
    let restriction = try #require(ProvenRestriction(kill, cluster: rig.node.cluster))
    let refusal = rig.node.overlay.final.refusal(toBringing: restriction, at: rig.node.now.wall)
    #expect(
      refusal?.code == .failedPrecondition && refusal?.message.contains("a lifted id never binds") == true)
  }

  @Test(
    "what is final binds whoever has acknowledged it: who waits is answered after a lease's time, with the proof"
  )
  func finalMeanwhile() throws {
    let rig = try Rig()
    let kill = signed(.kill, .all, id: "k", by: ["pat"], rig)
    let other = signed(.quarantine, .tenant("acme"), id: "k", by: ["pat"], rig)
    submit(kill, rig)
    for _ in 0..<20 { rig.step(.tick) }
    #expect(rig.node.overlay.final.isRestricted(by: "k"))
    let keys = [CallKey(connection: 5, call: 1), CallKey(connection: 5, call: 2)]
    for (key, signed) in zip(keys, [kill, other]) {
      rig.node.restrictions.vigils.append(
        BoundRestrictions.Vigil(
          key: key, incidentID: "k", contentHash: signed.contentHash, target: .all, bound: [], since: nil))
    }
    let begin = rig.node.now.monotonic
    func answer() throws -> ActResponse? {
      for case .respond(keys[0], let status, let payload) in rig.answers {
        #expect(status.code == .ok)
        return try ActResponse(decoding: payload)
      }
      return nil
    }
    while try answer() == nil, begin + .seconds(20) > rig.node.now.monotonic { rig.step(.tick) }
    let response = try #require(try answer())
    #expect(rig.node.now.monotonic >= begin + .seconds(10), "leases from before it have ended")
    #expect(response.acknowledged == 1, "as many as sign")
    let proof = try LedgerProof(parsing: response.proof)
    let (record, _) = try proof.verify(
      cluster: rig.node.cluster, groupKey: rig.node.overlay.final.membership.groupKey)
    #expect(proof.index.value == response.index && response.index > 0)
    guard case .incident(let held) = record.body else { return #expect(Bool(false), "an incident") }
    #expect(held.contentHash == kill.contentHash)
    #expect(rig.node.restrictions.vigils.isEmpty)
    #expect(refusals(keys[1], rig) == [.alreadyExists], "another of its id never binds")
  }

  @Test("that another of its id is on disk makes a restriction no durable one")
  func durableOther() throws {
    let rig = try Rig()
    let kill = signed(.kill, .all, id: "k", by: ["pat"], rig)
    let other = signed(.quarantine, .tenant("acme"), id: "k", by: ["pat"], rig)
    #expect(bind(kill, rig))
    let restriction = try #require(rig.node.restrictions.held("k"))
    let request = StatementRequest(
      statement: Statements.bytes(.incident(other)),
      attachment: Records.Attachment("reason", Self.reason).bytes)
    var held = BoundRestrictions(unreadable: [])
    let state = rig.node.overlay.final
    #expect(held.bind(restriction, request, by: state, at: rig.node.now.monotonic) != nil)
    held.ask(restriction.act, by: rig.node.raft.id)
    #expect(held.durable("k", other.contentHash) == nil && !held.isDurable(restriction.act))
    #expect(held.durable("k", kill.contentHash) == [rig.node.raft.id] && held.isDurable(restriction.act))
  }

  @Test("acknowledgements of one restriction are not counted for another of its id")
  func acknowledgedOther() throws {
    let rig = try Rig()
    let kill = signed(.kill, .all, id: "k", by: ["pat"], rig)
    let other = signed(.quarantine, .tenant("globex"), id: "k", by: ["pat"], rig)
    rig.node.restrictions.vigils.append(
      BoundRestrictions.Vigil(
        key: CallKey(connection: 5, call: 1), incidentID: "k", contentHash: kill.contentHash, target: .all,
        bound: [], since: nil))
    func acknowledge(_ signed: Signed<IncidentAct>) {
      let hash = signed.contentHash
      let statement = Array("openexec/v1/bound\n\(rig.node.cluster.hex)\nk\n\(hash.hex)".utf8)
      rig.perform { node, _, effects in
        let signature = node.identity.partyKey.sign(statement)
        node.onRestrictionBound(
          RestrictionBound(incidentID: "k", signature: signature.bytes, contentHash: hash.bytes),
          from: node.raft.id, into: &effects)
      }
    }
    acknowledge(other)
    #expect(rig.node.restrictions.vigils.first?.bound == [])
    acknowledge(kill)
    #expect(rig.node.restrictions.vigils.first?.bound.count == 1)
  }

  @Test(
    "one message proves as much as it holds, the next goes on, and what is too large for any binds nobody")
  func proofs() throws {
    let rig = try Rig()
    func kill(_ id: String, reason bytes: Int) -> (signed: Signed<IncidentAct>, request: StatementRequest) {
      let item = Records.Attachment.Item(
        salt: [UInt8](repeating: 1, count: 16), value: .string(String(repeating: "x", count: bytes)))
      let act = IncidentAct(
        incidentID: id, kind: .kill, target: .tenant("acme"), severity: 1, reasonHash: item.hash,
        signedAt: rig.node.now.wall, validUntil: rig.node.now.wall.advanced(by: .seconds(600)))
      let signed = Signed.sign(act, cluster: rig.node.cluster, as: .operator("pat"), with: rig.operatorKey)
      return (
        signed,
        StatementRequest(
          statement: Statements.bytes(.incident(signed)), attachment: Records.Attachment("reason", item).bytes
        )
      )
    }
    let huge = kill("huge", reason: 1 << 20).request
    rig.perform { node, _, effects in
      #expect(!node.bind(statement: huge.statement, attachment: huge.attachment, into: &effects))
    }
    var restrictions = rig.node.restrictions
    for number in 0..<150 {
      let (signed, request) = kill("k\(number)", reason: 10_000)
      let restriction = try #require(ProvenRestriction(signed, cluster: rig.node.cluster))
      let write = restrictions.bind(
        restriction, request, by: rig.node.overlay.final, at: rig.node.now.monotonic)
      #expect(write != nil)
    }
    let first = restrictions.proofs()
    let second = restrictions.proofs()
    for proofs in [first, second] {
      #expect(proofs.reduce(0) { $0 + $1.statement.count + $1.attachment.count } <= 1 << 20)
    }
    let shown = Set((first + second).map(\.statement))
    #expect(first.count < 150 && shown.count == 150)
  }
}
