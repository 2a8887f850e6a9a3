import Canonical
import ClawShield
import Crypto
import Records
import Testing

/// Who the parties are, as a function of the log (Docs/Decisions/009).
struct MembersTests {
  private static let far = "PEM"

  private static func seat(_ id: Int, _ name: String? = nil) -> PartySeat {
    let name = name ?? "p\(id)"
    guard id > 3 else { return PartySeat(id: id, name: name, key: Governed.key(name).publicKey) }
    return PartySeat(
      id: id, name: name, key: Governed.key(name).publicKey, address: "\(name):7201", authority: far)
  }

  private static func act(
    _ world: Governed, _ ids: [Int], threshold: Int, rotate: Bool = false, id: String = "m",
    takesBack: String? = nil, by operators: [String] = ["pat", "quin"], seats: [PartySeat]? = nil
  ) -> Signed<MembersAct> {
    world.cosigned(
      MembersAct(
        actID: id, parties: seats ?? ids.map { seat($0) }, threshold: threshold, rotate: rotate,
        takesBack: takesBack, validUntil: world.now.advanced(by: .seconds(600))), by: operators)
  }

  private static func body(_ world: Governed, _ act: Signed<MembersAct>) -> RecordBody {
    .members(act, world.state.configuration(for: act.content))
  }

  private static func key(
    _ world: Governed, _ name: String, signers: [String]? = nil, change: (inout KeyContent) -> Void = { _ in }
  ) throws -> RecordBody {
    let cell = world.state.membership
    let pending = try #require(cell.change)
    var content = KeyContent(
      cause: pending.act, origin: try #require(cell.origin), groupKey: Governed.key(name).publicKey,
      parties: pending.parties.map { Party(id: $0.id, name: $0.name, key: $0.key, verifyingShare: "aa") },
      threshold: pending.threshold, transcriptHash: SHA256.hash("t"))
    change(&content)
    let bytes = content.signedBytes(cluster: world.cluster)
    return .key(
      KeyRecord(
        content: content,
        approvals: zip(content.parties, signers ?? content.parties.map(\.name)).map { party, name in
          KeyApproval(party: party.id, signature: Governed.key(name).sign(bytes), shareProof: "01")
        }))
  }

  private static func step(_ world: Governed) throws -> RecordBody {
    let next = try #require(world.state.membership.next)
    let cause = try #require(world.state.membership.change?.act)
    return .derivedMembers(
      DerivedMembers(step: next.step, cause: cause, configuration: next.configuration))
  }

  private func refusal(_ world: Governed, _ act: Signed<MembersAct>) throws -> Refusal.Code? {
    try world.refusal((Self.body(world, act), Records.Attachment()))
  }

  @Test("a party is added: learner, joint, key, and the change is over; every cell restores")
  func add() throws {
    var world = try Governed()
    #expect(world.state.membership.configuration == MemberList(voters: [1, 2, 3]))
    #expect(world.state.cells["members"] == nil, "until the first change it follows from the genesis")
    #expect(try world.append(Self.body(world, Self.act(world, [1, 2, 3, 4], threshold: 3))) == .effective)
    let act = world.last
    #expect(world.state.membership.configuration == MemberList(voters: [1, 2, 3], learners: [4]))
    #expect(world.state.membership.origin == .reshare)
    #expect(world.state.parties.map(\.id) == [1, 2, 3], "who signs has not changed yet")
    #expect(try world.append(Self.step(world)) == .effective)
    #expect(world.state.membership.configuration == MemberList(voters: [1, 2, 3, 4], outgoing: [1, 2, 3]))
    #expect(try world.append(Self.key(world, "group")) == .effective)
    let keyed = world.last.value
    #expect(world.state.parties.map(\.id) == [1, 2, 3, 4] && world.state.threshold == 3)
    #expect(world.state.membership.keyedFrom == keyed + 2)
    #expect(try world.restored().stateRoot == world.state.stateRoot)
    #expect(try world.restored().membership == world.state.membership)
    #expect(try world.append(Self.step(world)) == .effective)
    #expect(world.state.membership.configuration == MemberList(voters: [1, 2, 3, 4]))
    #expect(world.state.membership.change == nil && world.state.membership.lastAct == act)
  }

  @Test("whoever leaves takes the key along: another one signs above the size that ends in its record")
  func remove() throws {
    var world = try Governed()
    #expect(
      try world.append(Self.body(world, Self.act(world, [1, 2, 4], threshold: 2))) == .effective)
    #expect(world.state.membership.origin == .generation)
    #expect(try world.append(Self.step(world)) == .effective)
    var copy = world
    #expect(try copy.append(Self.key(copy, "group")) != .effective, "the same key would be the leaver's too")
    #expect(try world.append(Self.key(world, "second group")) == .effective)
    let size = world.state.size
    let cell = world.state.membership
    #expect(cell.key(signing: size) == Governed.key("group").publicKey)
    #expect(cell.key(signing: size + 1) == Governed.key("second group").publicKey)
    #expect(try world.append(Self.step(world)) == .effective)
    // Neither its id nor its name nor its key comes back.
    for seat in [
      PartySeat(id: 3, name: "p9", key: Governed.key("p9").publicKey, address: "a", authority: "b"),
      PartySeat(id: 9, name: "p3", key: Governed.key("p9").publicKey, address: "a", authority: "b"),
      PartySeat(id: 9, name: "p9", key: Governed.key("p1").publicKey, address: "a", authority: "b"),
    ] {
      let act = Self.act(world, [], threshold: 2, id: "again", seats: [Self.seat(2), Self.seat(4), seat])
      #expect(try refusal(world, act) == .alreadyExists, "\(seat.id) \(seat.name)")
    }
  }

  @Test(
    "certificates of a node that is to come, of a member and of one that has left can be refused; of no other name"
  )
  func certificates() throws {
    var world = try Governed()
    let before = try #require(
      Timestamp(nanoseconds: (Governed.start.nanoseconds / 1_000_000_000 - 5) * 1_000_000_000))
    func refusals(_ world: Governed) throws -> [Refusal.Code?] {
      try ["p1", "p3", "p4", "p5"].map { name in
        try world.refusal(
          world.incident(
            .revoke, .certificates(of: .node(name), before: before), id: "c", by: ["pat", "quin"]))
      }
    }
    #expect(try refusals(world) == [nil, nil, .notFound, .notFound])
    #expect(try world.append(Self.body(world, Self.act(world, [1, 2, 4], threshold: 2))) == .effective)
    #expect(try refusals(world) == [nil, nil, nil, .notFound], "a learner")
    #expect(try world.append(Self.step(world)) == .effective)
    #expect(try refusals(world) == [nil, nil, nil, .notFound])
    #expect(try world.append(Self.key(world, "second group")) == .effective)
    #expect(try refusals(world) == [nil, nil, nil, .notFound])
    #expect(try world.append(Self.step(world)) == .effective)
    #expect(world.state.membership.known.map(\.name) == ["p1", "p2", "p4"])
    #expect(try refusals(world) == [nil, nil, nil, .notFound], "who has just left")
  }

  @Test("two distinct people, also while everything is halted; nobody else, and no second change beside it")
  func people() throws {
    var world = try Governed()
    for operators in [["pat"], ["pat", "pat-again"]] {
      #expect(
        try refusal(world, Self.act(world, [1, 2, 3, 4], threshold: 3, by: operators)) == .permissionDenied)
    }
    try world.use(.kill, id: "k")
    let act = Self.act(world, [1, 2, 3, 4], threshold: 3)
    #expect(try world.append(Self.body(world, act)) == .effective)
    #expect(
      try refusal(world, Self.act(world, [1, 2, 3, 5], threshold: 3, id: "n")) == .failedPrecondition)
    if case .known(let leaf) = world.admits((Self.body(world, act), Records.Attachment())) {
      #expect(leaf == world.last)
    } else {
      Issue.record("the same act again is known")
    }
    #expect(
      try refusal(world, Self.act(world, [1, 2, 3, 5], threshold: 3, id: "m")) == .alreadyExists)
  }

  @Test("what changes nothing, changes somebody, or takes an enrolled key is refused")
  func refused() throws {
    let world = try Governed()
    #expect(try refusal(world, Self.act(world, [1, 2, 3], threshold: 2)) == .failedPrecondition)
    #expect(try refusal(world, Self.act(world, [1, 2, 3], threshold: 2, rotate: true)) == nil)
    #expect(try refusal(world, Self.act(world, [1, 2, 3], threshold: 3)) == nil)
    let renamed = [PartySeat(id: 1, name: "other", key: Governed.key("p1").publicKey), Self.seat(2)]
    #expect(try refusal(world, Self.act(world, [], threshold: 2, seats: renamed)) == .invalidArgument)
    let enrolled = PartySeat(
      id: 4, name: "p4", key: Governed.key("operator/pat").publicKey, address: "a", authority: "b")
    #expect(
      try refusal(world, Self.act(world, [], threshold: 2, seats: [Self.seat(1), Self.seat(2), enrolled]))
        == .alreadyExists)
    let nowhere = PartySeat(id: 4, name: "p4", key: Governed.key("p4").publicKey)
    #expect(
      try refusal(world, Self.act(world, [], threshold: 2, seats: [Self.seat(1), Self.seat(2), nowhere]))
        == .invalidArgument)
  }

  @Test("a majority signs, and operators sign what they will withstand")
  func faults() throws {
    let world = try Governed()
    let act = Self.act(world, [1, 2, 3, 4], threshold: 3)
    #expect(act.content.faultsTolerated == 1)
    let json = Record(at: world.now, body: Self.body(world, act)).json
    for (name, value) in [("faults_tolerated", 0), ("faults_tolerated", 2), ("threshold", 2)] {
      guard case .object(var record) = json, case .object(var content)? = record["content"] else { return }
      content[name] = .integer(value)
      record["content"] = .object(content)
      #expect(throws: RecordError.self) { try Record(parsing: JSON.object(record).canonicalBytes()) }
    }
    // What takes a change back wants no key.
    for rotate in [false, true] {
      let act = Self.act(world, [1, 2, 3], threshold: 2, rotate: rotate, takesBack: "other")
      let bytes = Record(at: world.now, body: Self.body(world, act)).bytes
      #expect(((try? Record(parsing: bytes)) == nil) == rotate)
    }
  }

  @Test("a configuration that the act does not call for, and a step out of turn, is evidence")
  func divergent() throws {
    var world = try Governed()
    let act = Self.act(world, [1, 2, 3, 4], threshold: 3)
    var copy = world
    for list in [MemberList(voters: [1, 2, 3, 4]), MemberList(voters: [1], learners: [4])] {
      guard case .divergent = try copy.append(.members(act, list)) else {
        Issue.record("\(list) was taken")
        return
      }
      #expect(copy.state.membership.change == nil)
      copy = world
    }
    #expect(try world.append(Self.body(world, act)) == .effective)
    // No key before the joint configuration, no end before the key, no other voters than the act's.
    copy = world
    guard case .divergent = try copy.append(Self.key(copy, "group")) else {
      Issue.record("a key before its time was taken")
      return
    }
    for (step, list) in [
      (DerivedMembers.Step.left, MemberList(voters: [1, 2, 3, 4])),
      (.joint, MemberList(voters: [4], outgoing: [1, 2, 3])),
      (.joint, MemberList(voters: [1, 2, 3, 4])),
    ] {
      copy = world
      let derived = DerivedMembers(step: step, cause: copy.last, configuration: list)
      guard case .divergent = try copy.append(.derivedMembers(derived)) else {
        Issue.record("\(list) was taken")
        return
      }
    }
  }

  @Test("a key counts for the parties and the threshold of the act, approved by each of them")
  func keys() throws {
    var world = try Governed()
    #expect(try world.append(Self.body(world, Self.act(world, [1, 2, 3, 4], threshold: 3))) == .effective)
    #expect(try world.append(Self.step(world)) == .effective)
    let wrong: [(String, [String]?, (inout KeyContent) -> Void)] = [
      ("another key", nil, { $0.groupKey = Governed.key("other").publicKey }),
      ("another threshold", nil, { $0.threshold = 4 }), ("another act", nil, { $0.cause = LeafIndex(0) }),
      ("made otherwise", nil, { $0.origin = .generation }),
      ("one party fewer", nil, { $0.parties.removeLast() }),
      ("a stranger's approval", ["p1", "p2", "p3", "mallory"], { _ in }),
      ("another's key", nil, { $0.parties[0].key = Governed.key("p9").publicKey }),
    ]
    for (what, signers, change) in wrong {
      var copy = world
      let applied = try copy.append(Self.key(copy, "group", signers: signers, change: change))
      guard case .divergent = applied else {
        Issue.record("\(what): \(applied)")
        continue
      }
      #expect(copy.state.parties.count == 3)
    }
    #expect(try world.append(Self.key(world, "group")) == .effective)
  }

  @Test(
    "two operators take a change back until it has its key; whoever was to come never comes again",
    arguments: [Semantics.namedReturns - 1, Semantics.newest])
  func takenBack(semantics: Int) throws {
    var world = try Governed(semantics: semantics)
    let add = Self.act(world, [1, 2, 3, 4], threshold: 3)
    let back = Self.act(
      world, [1, 2, 3], threshold: 2, id: "back", takesBack: semantics < Semantics.namedReturns ? nil : "m")
    #expect(try world.append(Self.body(world, add)) == .effective)
    var joint = world
    #expect(try world.append(Self.body(world, back)) == .effective)
    #expect(world.state.membership.change == nil)
    #expect(world.state.membership.configuration == MemberList(voters: [1, 2, 3]))
    #expect(
      try refusal(world, Self.act(world, [1, 2, 3, 4], threshold: 3, id: "again")) == .alreadyExists)

    #expect(try joint.append(Self.step(joint)) == .effective)
    var keyed = joint
    #expect(try joint.append(Self.body(joint, back)) == .effective)
    #expect(joint.state.membership.change?.stage == .returning)
    var late = joint
    guard case .divergent = try late.append(Self.key(late, "group")) else {
      Issue.record("a key was taken of a change that was taken back")
      return
    }
    #expect(try joint.append(Self.step(joint)) == .effective)
    #expect(joint.state.membership.configuration == MemberList(voters: [1, 2, 3]))
    #expect(joint.state.membership.change == nil && joint.state.parties.count == 3)

    #expect(try keyed.append(Self.key(keyed, "group")) == .effective)
    #expect(try refusal(keyed, back) == .failedPrecondition)
  }

  @Test("an act takes back the change that it names and no other; a rotation beside a change is refused")
  func namedReturns() throws {
    var world = try Governed()
    #expect(
      try refusal(world, Self.act(world, [1, 2, 3], threshold: 2, id: "early", takesBack: "m"))
        == .failedPrecondition)
    #expect(try world.append(Self.body(world, Self.act(world, [1, 2, 3, 4], threshold: 3))) == .effective)
    var joint = world
    #expect(try joint.append(Self.step(joint)) == .effective)
    for world in [world, joint] {
      func code(_ ids: [Int], threshold: Int = 2, rotate: Bool = false, takesBack: String? = nil) throws
        -> Refusal.Code?
      {
        try refusal(
          world, Self.act(world, ids, threshold: threshold, rotate: rotate, id: "n", takesBack: takesBack))
      }
      #expect(try code([1, 2, 3]) == .failedPrecondition, "it names the parties of now alone")
      #expect(try code([1, 2, 3], rotate: true) == .failedPrecondition, "another key")
      #expect(try code([1, 2, 3], takesBack: "l") == .failedPrecondition, "another act")
      #expect(try code([1, 2, 4], takesBack: "m") == .failedPrecondition, "other parties")
      #expect(try code([1, 2, 3], threshold: 3, takesBack: "m") == .failedPrecondition, "another threshold")
      #expect(try code([1, 2, 3], takesBack: "m") == nil)
    }
  }

  @Test("before semantics 6 acts name no change, and whatever names the parties of now takes it back")
  func unnamedReturns() throws {
    var world = try Governed(semantics: Semantics.namedReturns - 1)
    #expect(try world.append(Self.body(world, Self.act(world, [1, 2, 3, 4], threshold: 3))) == .effective)
    #expect(
      try refusal(world, Self.act(world, [1, 2, 3], threshold: 2, id: "n", takesBack: "m"))
        == .failedPrecondition)
    let rotation = Self.act(world, [1, 2, 3], threshold: 2, rotate: true, id: "n")
    #expect(try world.append(Self.body(world, rotation)) == .effective)
    #expect(world.state.membership.change == nil)
  }
}
