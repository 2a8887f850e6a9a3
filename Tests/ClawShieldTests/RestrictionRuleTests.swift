import Crypto
import Records
import Testing

@testable import ClawShield

/// Which restrictions bind, by the state alone (Decision 030), and who may refuse whose certificates (Decision 028).
/// States of one: binding, settled by the log, void. Events: the leaf that holds it, a lift, its signer's removal, another
/// of its id. Failure cases: a statement that is late, signed by too few, about nobody, or beyond the room that there is.
struct RestrictionRuleTests {
  private static let both = ["pat", "quin"]

  private func refusal(of principal: Principal, by people: [String], _ world: Governed) throws
    -> Refusal.Code?
  {
    let seconds = Governed.start.nanoseconds / 1_000_000_000 - 5
    let target = try CertificateTests.target(seconds, of: principal)
    return try world.refusal(world.incident(.revoke, target, id: "c", by: people))
  }

  private func proven(_ submission: (RecordBody, Attachment), _ world: Governed) throws -> ProvenRestriction {
    guard case .incident(let signed) = submission.0 else { throw TestFailure("an incident") }
    return try #require(ProvenRestriction(signed, cluster: world.cluster))
  }

  // MARK: People

  @Test("a node's certificates, and another operator's, are refused by two distinct people alone")
  func twoPeople() throws {
    let world = try Governed()
    for principal in [Principal.node("p1"), .operator("quin")] {
      for people in [["pat"], ["pat", "pat-again"]] {
        #expect(
          try refusal(of: principal, by: people, world) == .permissionDenied, "\(principal) by \(people)")
      }
      #expect(try refusal(of: principal, by: Self.both, world) == nil)
    }
  }

  @Test(
    "for one's own certificates one person suffices, under any of their names, and for those of all others")
  func onePerson() throws {
    let world = try Governed()
    for principal in [
      Principal.operator("pat"), .operator("pat-again"), Governed.agent, Governed.executor, .approver("ann"),
    ] {
      #expect(try refusal(of: principal, by: ["pat"], world) == nil, "\(principal)")
    }
    // A kill stops as much, and two undo it: it takes one as before.
    #expect(world.admits(world.incident(.kill, .all, id: "k")) == .accept)
  }

  // MARK: Names

  @Test("a target is known that names who is or was enrolled, a member, or whose tenant has anybody")
  func known() throws {
    let world = try Governed()
    let known: [IncidentTarget] = [
      .all, .tenant("acme"), .principal(Governed.agent), .principal(Governed.executor),
      .principal(.node("p1")),
      .principal(.operator("pat")),
    ]
    for target in known { #expect(world.state.knows(target), "\(target.text)") }
    let unknown: [IncidentTarget] = [
      .tenant("nobody"), .tenant("acm"), .tenant("acme2"), .principal(.agent(tenant: "acme", name: "nobody")),
      .principal(.node("p9")), .principal(.operator("pat2")), .token("t"),
    ]
    for target in unknown { #expect(!world.state.knows(target), "\(target.text)") }
  }

  @Test("names of nobody are no target; who was is one for as long as the state remembers it")
  func names() throws {
    var world = try Governed()
    for principal in [
      Principal.node("p9"), .agent(tenant: "acme", name: "nobody"), .executor("x9"), .approver("nobody"),
      .auditor("nobody"), .operator("nobody"),
    ] {
      #expect(try refusal(of: principal, by: Self.both, world) == .notFound, "\(principal)")
    }
    #expect(try world.revoke(Governed.executor) == .effective)
    #expect(try world.revoke(Governed.agent) == .effective)
    #expect(try refusal(of: Governed.executor, by: ["pat"], world) == nil, "its incarnations are remembered")
    #expect(
      try refusal(of: Governed.agent, by: ["pat"], world) == .notFound, "who is forgotten is served nothing")
    let short = Governed.enrolment(Governed.agent, expiresAt: world.now.advanced(by: .seconds(60)))
    #expect(try world.enrol(short) == .effective)
    try world.pass(seconds: 120)
    #expect(
      try refusal(of: Governed.agent, by: ["pat"], world) == nil, "whose time has ended is not forgotten")
  }

  // MARK: Time

  @Test(
    "what a party has taken in time the log takes however late, since semantics 4; of clients it takes what is valid"
  )
  func late() throws {
    for semantics in [Semantics.lateRestrictions - 1, Semantics.lateRestrictions] {
      var world = try Governed(semantics: semantics)
      let kills = world.incident(.kill, .tenant("acme"), id: "k")
      let restriction = try proven(kills, world)
      #expect(world.state.refusal(toBringing: restriction, at: world.now) == nil)
      try world.pass(seconds: 3600)
      #expect(world.state.refusal(toBringing: restriction, at: world.now)?.code == .permissionDenied)
      #expect(world.state.standing(of: restriction) == .binding)
      let isLate = semantics >= Semantics.lateRestrictions
      #expect(try world.append(kills.0, kills.1) == .effective || !isLate)
      #expect(world.state.isRestricted(by: "k") == isLate)
      #expect(world.state.standing(of: restriction) == (isLate ? .settled : .binding))
    }
  }

  @Test("a day ahead is the most that a client's statement may be valid; a party's binds all the same")
  func farValidity() throws {
    let world = try Governed()
    let reason = Attachment.Item(salt: [UInt8](repeating: 4, count: 16), value: "x")
    let act = IncidentAct(
      incidentID: "k", kind: .kill, target: .all, severity: 1, reasonHash: reason.hash, signedAt: world.now,
      validUntil: world.now.advanced(by: .seconds(86_401)))
    let restriction = try proven((.incident(world.cosigned(act, by: ["pat"])), Attachment()), world)
    #expect(world.state.refusal(toBringing: restriction, at: world.now)?.code == .invalidArgument)
    #expect(world.state.standing(of: restriction) == .binding)
  }

  @Test(
    "that its signer's time ends takes nothing back; that two people remove the signer does, and so does another key"
  )
  func signers() throws {
    let world = try Governed()
    let restriction = try proven(world.incident(.kill, .all, id: "k"), world)
    var ended = world
    let soon = world.now.advanced(by: .seconds(60))
    #expect(
      try ended.enrol(Governed.enrolment(.operator("new"), owner: "new", expiresAt: soon)) == .effective)
    let own = try proven(ended.incident(.kill, .all, id: "n", by: ["new"]), ended)
    try ended.pass(seconds: 60)
    #expect(ended.state.standing(of: own) == .binding)
    #expect(ended.state.refusal(toBringing: own, at: ended.now)?.code == .permissionDenied)
    let after = try proven(ended.incident(.kill, .all, id: "o", by: ["new"]), ended)
    #expect(isVoid(ended.state.standing(of: after)), "signed after its signer's time")
    var removed = world
    #expect(try removed.enrol(Governed.enrolment(.operator("new"), owner: "new")) == .effective)
    #expect(try removed.revoke(.operator("pat")) == .effective)
    #expect(isVoid(removed.state.standing(of: restriction)))
    var rotated = world
    let other = Governed.enrolment(.operator("pat"), owner: "pat", keyName: "another")
    #expect(try rotated.enrol(other) == .effective)
    #expect(isVoid(rotated.state.standing(of: restriction)))
  }

  @Test(
    "who has been enrolled no more for a day of log time restricts nothing, whatever time they say they signed at"
  )
  func dayAfter() throws {
    let world = try Governed()
    var ended = world
    let end = world.now.advanced(by: .seconds(60))
    #expect(try ended.enrol(Governed.enrolment(.operator("new"), owner: "new", expiresAt: end)) == .effective)
    let own = try proven(ended.incident(.kill, .all, id: "n", by: ["new"]), ended)
    let others = try proven(ended.incident(.kill, .all, id: "p"), ended)
    // An enrolment that ends at a time has ended then: at a day exactly it has been over for a day.
    for (nanoseconds, isBinding) in [(-1, true), (0, false), (1, false)] as [(Int64, Bool)] {
      var later = ended
      later.now = end.advanced(by: Interval(nanoseconds: 86_400_000_000_000 + nanoseconds))
      try later.append(.tick)
      #expect(later.state.logTime == later.now)
      #expect(isVoid(later.state.standing(of: own)) == !isBinding, "a day and \(nanoseconds) ns")
      #expect(later.state.standing(of: others) == .binding, "whose signer is enrolled still")
    }
  }

  private func isVoid(_ standing: RestrictionStanding) -> Bool {
    if case .void = standing { true } else { false }
  }

  // MARK: Ids and room

  @Test("the log settles an id: by the restriction, by another of its name, by a lift that came before it")
  func settled() throws {
    let world = try Governed()
    let kill = world.incident(.kill, .all, id: "k")
    let restriction = try proven(kill, world)
    #expect(world.state.standing(of: restriction) == .binding)
    var taken = world
    #expect(try taken.append(kill.0, kill.1) == .effective)
    #expect(taken.state.standing(of: restriction) == .settled)
    #expect(taken.state.displacement(of: restriction) == nil)
    var other = world
    try other.use(.quarantine, .tenant("acme"), id: "k")
    #expect(other.state.standing(of: restriction) == .settled)
    #expect(other.state.displacement(of: restriction)?.code == .alreadyExists)
    var lifted = world
    try lifted.use(.lift, id: "l", lifts: ["k"])
    #expect(lifted.state.standing(of: restriction) == .settled)
    #expect(lifted.state.displacement(of: restriction)?.code == .failedPrecondition)
    // For ever: it is asked long after the statement is valid no more.
    try lifted.pass(seconds: 400 * 86_400)
    #expect(lifted.state.standing(of: restriction) == .settled)
    #expect(try lifted.append(kill.0, kill.1) != .effective)
  }

  @Test(
    "what parties were bound by while there was room the log takes beyond it, and beyond twice as much nothing binds"
  )
  func room() throws {
    var world = try Governed()
    let restriction = try proven(world.incident(.quarantine, .tenant("acme"), id: "q"), world)
    world.state.capacity.incidents = 1
    try world.use(.quarantine, .principal(Governed.agent), id: "a")
    #expect(world.state.refusal(toBringing: restriction, at: world.now)?.code == .resourceExhausted)
    #expect(world.state.standing(of: restriction) == .binding)
    try world.use(.quarantine, .principal(Governed.otherAgent), id: "b")
    #expect(isVoid(world.state.standing(of: restriction)))
    let all = try proven(world.incident(.kill, .all, id: "k"), world)
    #expect(world.state.standing(of: all) == .binding, "a halt of everything has room always")
    #expect(world.state.refusal(toBringing: all, at: world.now) == nil)
  }

  @Test("a refusal of certificates that another goes beyond is void")
  func outdone() throws {
    var world = try Governed()
    let seconds = Governed.start.nanoseconds / 1_000_000_000
    let less = world.incident(.revoke, try CertificateTests.target(seconds - 9), id: "less", by: Self.both)
    let restriction = try proven(less, world)
    #expect(world.state.standing(of: restriction) == .binding)
    try world.use(.revoke, try CertificateTests.target(seconds - 2), id: "more")
    #expect(isVoid(world.state.standing(of: restriction)))
  }
}
