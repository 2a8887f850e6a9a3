import Canonical
import Crypto

/// One party as a change of members names it.
public struct PartySeat: Hashable, Sendable, JSONWritable {
  /// Longest certificate authority in bytes (PEM).
  public static let maximumAuthorityBytes = 4096

  /// Raft node id and FROST identifier: 1 to 65535, never used by another party.
  public var id: Int
  /// The node's name, never used by another party.
  public var name: String
  public var key: PublicKey
  /// Where the other nodes reach it, host:port. Empty where nothing changes: the peers of a party of the genesis
  /// were told by hand.
  public var address: String
  /// Its certificate authority, PEM, which its peers pin; empty as the address.
  public var authority: String

  /// A seat.
  public init(id: Int, name: String, key: PublicKey, address: String = "", authority: String = "") {
    self.id = id
    self.name = name
    self.key = key
    self.address = address
    self.authority = authority
  }

  package init(from fields: inout Fields) throws(RecordError) {
    id = try fields.integer("id", in: 1...65_535)
    name = try fields.identifier("name")
    key = try fields.publicKey("key")
    address = try fields.value("address", "host:port in at most 256 printable characters") { json in
      json.string.flatMap { Self.isPlain($0, limit: 256) ? $0 : nil }
    }
    authority = try fields.value("authority", "PEM of at most \(Self.maximumAuthorityBytes) bytes") { json in
      json.string.flatMap { text in
        let lines = text.split(separator: "\n").map(String.init)
        return text.utf8.count <= Self.maximumAuthorityBytes
          && lines.allSatisfy { Self.isPlain($0.replacing(" ", with: ""), limit: 256) } ? text : nil
      }
    }
    guard address.isEmpty == authority.isEmpty else {
      throw .field(fields.name("authority"), expected: "an address and an authority, or neither")
    }
  }

  private static func isPlain(_ text: String, limit: Int) -> Bool {
    text.utf8.count <= limit && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
  }

  public var members: [(String, JSON)] {
    [
      ("id", .integer(id)), ("name", .string(name)), ("key", .string(key.hex)),
      ("address", .string(address)), ("authority", .string(authority)),
    ]
  }
}

/// A signed change of who the parties are and how many of them sign; at least two distinct people with
/// distinct keys.
public struct MembersAct: StatementContent {
  public static let type = RecordType.members
  /// Most parties of a cluster: what fits into a record.
  public static let maximumParties = 16

  public var actID: String
  /// The parties that are to be, ascending by id.
  public var parties: [PartySeat]
  /// How many of them sign: a majority at least.
  public var threshold: Int
  /// 2t − n − 1, at least 0: operators sign what they will be able to withstand.
  public var faultsTolerated: Int
  /// Whether the key is generated anew though nobody leaves, as after a share may have been seen.
  public var rotate: Bool
  /// The act whose change this one takes back; it names the parties and the threshold of now, and no new key. Since
  /// semantics 6: before them whatever names the parties of now is read so.
  public var takesBack: String?
  public var validUntil: Timestamp

  /// A members act; `faultsTolerated` follows from the parties and the threshold.
  public init(
    actID: String, parties: [PartySeat], threshold: Int, rotate: Bool = false, takesBack: String? = nil,
    validUntil: Timestamp
  ) {
    self.actID = actID
    self.parties = parties.sorted { $0.id < $1.id }
    self.threshold = threshold
    faultsTolerated = max(0, 2 * threshold - parties.count - 1)
    self.rotate = rotate
    self.takesBack = takesBack
    self.validUntil = validUntil
  }

  public init(from fields: inout Fields) throws(RecordError) {
    actID = try fields.identifier("act_id")
    parties = try fields.objects("parties", limit: Self.maximumParties) { (inner) throws(RecordError) in
      try PartySeat(from: &inner)
    }
    threshold = try fields.integer("threshold", in: 1...Self.maximumParties)
    faultsTolerated = try fields.integer("faults_tolerated", in: 0...Self.maximumParties)
    rotate = try fields.bool("rotate")
    takesBack = try fields.optionalValue("takes_back", "the id of an act") { json in
      json.string.flatMap { Identifier.isValid($0) ? $0 : nil }
    }
    validUntil = try fields.time("valid_until")
    guard zip(parties, parties.dropFirst()).allSatisfy({ $0.id < $1.id }) else {
      throw .field(fields.name("parties"), expected: "parties ascending by id, none twice")
    }
    for names in [parties.map(\.name), parties.map(\.key.hex)] {
      let sorted = names.sorted()
      guard zip(sorted, sorted.dropFirst()).allSatisfy({ $0 != $1 }) else {
        throw .field(fields.name("parties"), expected: "distinct names and distinct keys")
      }
    }
    guard threshold > parties.count / 2, threshold <= parties.count else {
      throw .field(
        fields.name("threshold"), expected: "a majority of \(parties.count), at most all of them")
    }
    guard faultsTolerated == max(0, 2 * threshold - parties.count - 1) else {
      throw .field(
        fields.name("faults_tolerated"),
        expected: "2t − n − 1, which is \(max(0, 2 * threshold - parties.count - 1)) here")
    }
    guard takesBack == nil || !rotate else {
      throw .field(
        fields.name("rotate"), expected: "false beside takes_back: another key is an act of its own")
    }
  }

  public var members: [(String, JSON)] {
    present([
      ("act_id", .string(actID)), ("parties", .array(parties.map(\.json))),
      ("threshold", .integer(threshold)), ("faults_tolerated", .integer(faultsTolerated)),
      ("rotate", .bool(rotate)), ("takes_back", takesBack.map(JSON.string)),
      ("valid_until", .time(validUntil)),
    ])
  }
}

/// Who takes part in consensus from a record on: what Raft reads of it. Each list ascends.
public struct MemberList: Hashable, Sendable, JSONWritable {
  public let voters: [Int]
  /// The outgoing voters of a joint configuration; empty otherwise.
  public let outgoing: [Int]
  public let learners: [Int]

  /// Sorts what it is given and drops duplicates; whoever votes is no learner.
  public init(voters: [Int], outgoing: [Int] = [], learners: [Int] = []) {
    func set(_ ids: [Int]) -> [Int] {
      ids.sorted().reduce(into: []) { if $0.last != $1 { $0.append($1) } }
    }
    self.voters = set(voters)
    self.outgoing = set(outgoing)
    self.learners = set(learners).filter { !voters.contains($0) && !outgoing.contains($0) }
  }

  package init(from fields: inout Fields) throws(RecordError) {
    func ids(_ name: String, _ fields: inout Fields) throws(RecordError) -> [Int] {
      try fields.list(name, limit: 4 * MembersAct.maximumParties, of: "party ids") { json in
        json.integer.flatMap { (1...65_535).contains($0) ? $0 : nil }
      }
    }
    let voters = try ids("voters", &fields)
    let outgoing = try ids("outgoing", &fields)
    let learners = try ids("learners", &fields)
    self.init(voters: voters, outgoing: outgoing, learners: learners)
    guard self.voters == voters, self.outgoing == outgoing, self.learners == learners, !voters.isEmpty else {
      throw .field(fields.name("voters"), expected: "ascending ids, at least one voter, no voter a learner")
    }
  }

  public var members: [(String, JSON)] {
    func array(_ ids: [Int]) -> JSON { .array(ids.map(JSON.integer)) }
    return [("voters", array(voters)), ("outgoing", array(outgoing)), ("learners", array(learners))]
  }
}

/// A step of a change of members that follows from its act: written by the leader when the time has come.
public struct DerivedMembers: Hashable, Sendable, JSONWritable {
  public enum Step: String, Sendable, CaseIterable {
    /// Every decision takes both majorities from here on.
    case joint
    /// The change is over: the new voters alone, or, of one that was taken back, the old ones.
    case left
  }

  public var step: Step
  /// The leaf of the act.
  public var cause: LeafIndex
  public var configuration: MemberList

  /// A step.
  public init(step: Step, cause: LeafIndex, configuration: MemberList) {
    self.step = step
    self.cause = cause
    self.configuration = configuration
  }

  package init(from fields: inout Fields) throws(RecordError) {
    step = try fields.choice("derived")
    cause = try fields.leafIndex("cause")
    configuration = try fields.nested("configuration") { (inner) throws(RecordError) in
      try MemberList(from: &inner)
    }
  }

  public var members: [(String, JSON)] {
    [
      ("derived", .string(step.rawValue)), ("cause", .index(cause)), ("configuration", configuration.json),
    ]
  }
}
