import Canonical
import Crypto
import Merkle

/// What a record says; one case a type.
public enum RecordBody: Equatable, Sendable {
  case genesis(Genesis)
  /// The first record of a leader's term.
  case term(number: UInt64, leader: Int)
  /// Written by an idle cluster so that what is pending can expire.
  case tick
  /// A change of members, and who takes part from this record on: the leader writes that beside the act.
  case members(Signed<MembersAct>, MemberList)
  case derivedMembers(DerivedMembers)
  case key(KeyRecord)
  case version(Signed<VersionAct>)
  case policy(Signed<PolicyAct>)
  case enrol(Signed<EnrolmentAct>)
  case artifact(Signed<ArtifactNote>)
  case proposal(Signed<Proposal>)
  case ballot(Signed<Ballot>)
  case withdrawal(Signed<Withdrawal>)
  case decision(Decision)
  case receipt(Signed<Receipt>)
  case incident(Signed<IncidentAct>)
  case derivedIncident(DerivedIncident)
  indirect case recovery(RecoveryRecord)

  /// Who takes part in consensus from this record on; nil where it does not say.
  public var configuration: MemberList? {
    switch self {
    case .members(_, let configuration): configuration
    case .derivedMembers(let step): step.configuration
    case .recovery(let record):
      record.act.content.key.map { MemberList(voters: $0.parties.map(\.id)) }
    case .genesis, .term, .tick, .version, .key, .policy, .enrol, .artifact, .proposal, .ballot, .withdrawal,
      .decision,
      .receipt, .incident, .derivedIncident:
      nil
    }
  }

  /// The `type` field.
  public var type: RecordType {
    switch self {
    case .genesis: .genesis
    case .term: .term
    case .tick: .tick
    case .members, .derivedMembers: .members
    case .key: .key
    case .version: .version
    case .policy: .policy
    case .enrol: .enrol
    case .artifact: .artifact
    case .proposal: .proposal
    case .ballot: .ballot
    case .withdrawal: .withdrawal
    case .decision: .decision
    case .receipt: .receipt
    case .incident, .derivedIncident: .incident
    case .recovery: .recovery
    }
  }
}

#if SIMULATION
private let records = Remembered<RememberedBytes, Record>(capacity: 4096)
#endif

/// One leaf of the ledger: a canonical-JSON object of at most 65,535 bytes with `type`, `at` and the
/// fields of its type.
public struct Record: Equatable, Sendable {
  /// Longest record in bytes.
  public static let maximumBytes = 65_535

  /// Log time, stamped by the leader; never decreasing.
  public let at: Timestamp
  /// What it says.
  public let body: RecordBody

  /// A record.
  public init(at: Timestamp, body: RecordBody) {
    self.at = at
    self.body = body
  }

  /// The object.
  public var json: JSON {
    var members: [(String, JSON)]
    switch body {
    case .genesis(let genesis): members = genesis.members
    case .term(let number, let leader):
      members = [("leader", .integer(leader)), ("term", .string(String(number)))]
    case .tick: members = []
    case .members(let act, let configuration):
      members = act.members + [("configuration", configuration.json)]
    case .derivedMembers(let step): members = step.members
    case .key(let key): members = key.members
    case .version(let act): members = act.members
    case .policy(let act): members = act.members
    case .enrol(let act): members = act.members
    case .artifact(let note): members = note.members
    case .proposal(let proposal): members = proposal.members
    case .ballot(let ballot): members = ballot.members
    case .withdrawal(let withdrawal): members = withdrawal.members
    case .decision(let decision): members = decision.members
    case .receipt(let receipt): members = receipt.members
    case .incident(let act): members = act.members
    case .derivedIncident(let incident): members = incident.members
    case .recovery(let record): members = record.members
    }
    members.append(("type", .string(body.type.rawValue)))
    members.append(("at", .time(at)))
    return .object(members)
  }

  /// The leaf's bytes.
  public var bytes: [UInt8] { json.canonicalBytes() }

  /// Reads a leaf; refuses anything but the one canonical text of a known record.
  public init(parsing bytes: [UInt8]) throws(RecordError) {
    guard bytes.count <= Record.maximumBytes else { throw .tooLong(limit: Record.maximumBytes) }
    #if SIMULATION
    self = try records(RememberedBytes(bytes)) { () throws(RecordError) in try Record(reading: bytes) }
    #else
    try self.init(reading: bytes)
    #endif
  }

  private init(reading bytes: [UInt8]) throws(RecordError) {
    let value: JSON
    do {
      value = try JSON.parse(bytes)
    } catch {
      throw .json(error)
    }
    try self.init(value)
    // Not only canonical JSON, but the one text of this record: no second spelling of a time or a number.
    guard self.bytes == bytes else { throw .notCanonical }
  }

  /// Reads a record from its value.
  public init(_ value: JSON) throws(RecordError) {
    var fields = try Fields(value)
    let name = try fields.text("type", limit: 64)
    at = try fields.time("at")
    guard let type = RecordType(rawValue: name) else { throw .unknownType(name) }
    body = try Record.body(type, &fields, isDerived: value["derived"] != nil)
    try fields.finish()
  }

  private static func body(_ type: RecordType, _ fields: inout Fields, isDerived: Bool)
    throws(RecordError) -> RecordBody
  {
    switch type {
    case .genesis: .genesis(try Genesis(from: &fields))
    case .term:
      .term(
        number: try fields.value("term", "a term as a decimal string") { json in
          json.string.flatMap { text in UInt64(text).flatMap { String($0) == text ? $0 : nil } }
        }, leader: try fields.integer("leader", in: 1...65_535))
    case .tick: .tick
    case .members:
      if isDerived {
        .derivedMembers(try DerivedMembers(from: &fields))
      } else {
        .members(
          try Signed(from: &fields),
          try fields.nested("configuration") { (inner) throws(RecordError) in
            try MemberList(from: &inner)
          })
      }
    case .key: .key(try KeyRecord(from: &fields))
    case .version: .version(try Signed(from: &fields))
    case .policy: .policy(try Signed(from: &fields))
    case .enrol: .enrol(try Signed(from: &fields))
    case .artifact: .artifact(try Signed(from: &fields))
    case .proposal: .proposal(try Signed(from: &fields))
    case .ballot: .ballot(try Signed(from: &fields))
    case .withdrawal: .withdrawal(try Signed(from: &fields))
    case .decision: .decision(try Decision(from: &fields))
    case .receipt: .receipt(try Signed(from: &fields))
    case .incident:
      if isDerived {
        .derivedIncident(try DerivedIncident(from: &fields))
      } else {
        .incident(try Signed(from: &fields))
      }
    case .recovery: .recovery(try RecoveryRecord(from: &fields))
    }
  }
}
