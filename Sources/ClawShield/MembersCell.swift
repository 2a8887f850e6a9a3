import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// How far a change of members has come.
public enum ChangeStage: String, Sendable, CaseIterable {
  /// The new parties receive the log without a vote. Next: `joint`, once they keep up.
  case learning
  /// Decisions take both majorities, the new parties make their key. Next: `keyed`, or `returning`.
  case joint
  /// The key record is in the log. Next: the change is over, once the record is final.
  case keyed
  /// Two operators took the change back. Next: it is over, for the old parties.
  case returning
}

/// A change of members on its way.
public struct MembersChange: Equatable, Sendable, JSONWritable {
  /// The leaf of the act.
  public var act: LeafIndex
  public var actID: String
  /// The parties that are to be; ascending.
  public var parties: [PartySeat]
  public var threshold: Int
  public var rotate: Bool
  public var stage: ChangeStage
  /// The leaf that began the stage.
  public var since: LeafIndex

  init(_ act: MembersAct, at index: LeafIndex, parties: [PartySeat]) {
    self.act = index
    actID = act.actID
    self.parties = parties
    threshold = act.threshold
    rotate = act.rotate
    stage = .learning
    since = index
  }

  init(from fields: inout Fields) throws(RecordError) {
    act = try fields.leafIndex("act")
    actID = try fields.identifier("act_id")
    parties = try fields.objects("parties", limit: MembersAct.maximumParties) {
      (inner) throws(RecordError) in try PartySeat(from: &inner)
    }
    threshold = try fields.integer("threshold", in: 1...MembersAct.maximumParties)
    rotate = try fields.bool("rotate")
    stage = try fields.choice("stage")
    since = try fields.leafIndex("since")
  }

  public var members: [(String, JSON)] {
    [
      ("act", .index(act)), ("act_id", .string(actID)), ("parties", .array(parties.map(\.json))),
      ("threshold", .integer(threshold)), ("rotate", .bool(rotate)), ("stage", .string(stage.rawValue)),
      ("since", .index(since)),
    ]
  }
}

/// An id and a name that no party may ever have again.
struct RetiredParty: Equatable, Sendable, JSONWritable {
  var id: Int
  var name: String

  init(id: Int, name: String) {
    self.id = id
    self.name = name
  }

  init(from fields: inout Fields) throws(RecordError) {
    id = try fields.integer("id", in: 1...65_535)
    name = try fields.identifier("name")
  }

  var members: [(String, JSON)] { [("id", .integer(id)), ("name", .string(name))] }
}

/// Who the parties are, which key they share, who takes part in consensus, and the change that is on its way.
/// Until the first change it follows from the genesis, and has no cell.
public struct MembersCell: Equatable, Sendable, JSONWritable {
  /// Who signs after this state's size; ascending by id.
  public var parties: [Party]
  public var threshold: Int
  /// The key of each, oldest first, and the smallest size it signs.
  public var epochs: [KeyChain.Epoch]
  /// The parties' addresses and authorities, as far as records have named them; ascending.
  public var seats: [PartySeat]
  /// What Raft has in force at this state's size.
  public var configuration: MemberList
  /// The leaf that holds it; 0 for the genesis.
  public var configuredAt: LeafIndex
  public var change: MembersChange?
  /// The leaf of the newest act; nil before the first.
  public var lastAct: LeafIndex?
  var retired: [RetiredParty]

  /// Most keys that a cluster has had; beyond it members do not change any more.
  static let maximumEpochs = 256
  static let maximumRetired = 1024

  init(_ genesis: GenesisCell) {
    parties = genesis.parties
    threshold = genesis.threshold
    epochs = [KeyChain.Epoch(key: genesis.groupKey, firstSize: 0)]
    seats = genesis.parties.map { PartySeat(id: $0.id, name: $0.name, key: $0.key) }
    configuration = MemberList(voters: genesis.parties.map(\.id))
    configuredAt = LeafIndex(0)
    retired = []
  }

  init(from fields: inout Fields) throws(RecordError) {
    parties = try fields.objects("parties", limit: 64) { (inner) throws(RecordError) in
      try Party(from: &inner)
    }
    threshold = try fields.integer("threshold", in: 1...64)
    epochs = try fields.objects("epochs", limit: Self.maximumEpochs) { (inner) throws(RecordError) in
      KeyChain.Epoch(
        key: try inner.publicKey("group_key"), firstSize: try inner.leafIndex("first_size").value)
    }
    seats = try fields.objects("seats", limit: 64) { (inner) throws(RecordError) in
      try PartySeat(from: &inner)
    }
    configuration = try fields.nested("configuration") { (inner) throws(RecordError) in
      try MemberList(from: &inner)
    }
    configuredAt = try fields.leafIndex("configured_at")
    change = try fields.optionalNested("change") { (inner) throws(RecordError) in
      try MembersChange(from: &inner)
    }
    lastAct = try fields.optionalLeaf("last_act")
    retired = try fields.objects("retired", limit: Self.maximumRetired) { (inner) throws(RecordError) in
      try RetiredParty(from: &inner)
    }
    guard !epochs.isEmpty else { throw .field("epochs", expected: "at least one key") }
  }

  public var members: [(String, JSON)] {
    present([
      ("parties", .array(parties.map(\.json))), ("threshold", .integer(threshold)),
      (
        "epochs",
        .array(
          epochs.map {
            .object([
              ("group_key", .string($0.key.hex)), ("first_size", .index(LeafIndex($0.firstSize))),
            ])
          })
      ), ("seats", .array(seats.map(\.json))), ("configuration", configuration.json),
      ("configured_at", .index(configuredAt)), ("change", change?.json),
      ("last_act", lastAct.map(JSON.index)),
      ("retired", .array(retired.map(\.json))),
    ])
  }

  // MARK: What follows

  /// The key that the parties share.
  public var groupKey: PublicKey { epochs[epochs.count - 1].key }
  /// The smallest size that it signs: the one before is the last that its predecessor signs.
  public var keyedFrom: UInt64 { epochs[epochs.count - 1].firstSize }
  /// How many parties may lie without a fork: 2t − n − 1.
  public var faultsTolerated: Int { 2 * threshold - parties.count - 1 }

  /// The key that signs notes of `size`.
  public func key(signing size: UInt64) -> PublicKey {
    (epochs.last { $0.firstSize <= size } ?? epochs[0]).key
  }

  /// Everyone who is a party, or is to be one: where their nodes are and whom they are pinned to; ascending.
  public var known: [PartySeat] {
    let coming = change?.parties.filter { seat in !seats.contains { $0.id == seat.id } } ?? []
    return (seats + coming).sorted { $0.id < $1.id }
  }

  /// The configuration that an act with these parties begins with.
  func learning(_ target: [PartySeat]) -> MemberList {
    MemberList(voters: configuration.voters, learners: target.map(\.id))
  }

  /// The configuration that the change goes on with, where its stage has a next one.
  public var next: (step: DerivedMembers.Step, configuration: MemberList)? {
    guard let change else { return nil }
    let target = MemberList(voters: change.parties.map(\.id))
    switch change.stage {
    case .learning:
      let isSame = target.voters == configuration.voters
      return (.joint, isSame ? target : MemberList(voters: target.voters, outgoing: configuration.voters))
    case .joint: return nil
    case .keyed: return (.left, target)
    case .returning:
      let old = configuration.outgoing.isEmpty ? configuration.voters : configuration.outgoing
      return (.left, MemberList(voters: old))
    }
  }

  /// How the key of the change comes about: anew when anybody leaves or the operators want it so.
  public var origin: KeyOrigin? {
    guard let change else { return nil }
    #if SIMULATION
    if Mutant.oldShareAccepted.isActive, !change.rotate { return .reshare }
    #endif
    let stays = parties.allSatisfy { party in change.parties.contains { $0.id == party.id } }
    return stays && !change.rotate ? .reshare : .generation
  }
}
