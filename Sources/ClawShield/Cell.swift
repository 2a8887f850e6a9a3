import Canonical
import Crypto
import Merkle
import Records

#if SIMULATION
private struct CellQuestion: Hashable {
  let name: String
  let bytes: RememberedBytes
}

private let cells = Remembered<CellQuestion, Cell>(capacity: 4096)
#endif

/// One cell of the governance state. Its bytes are canonical JSON, and its name says its type, so that a
/// state can be read back from names and bytes alone. Indirect, so that the trie's leaves stay small and a copy counts one
/// reference.
public indirect enum Cell: MerkleValue, Equatable {
  /// `log`: how far the log has been applied.
  case log(LogCell)
  /// `genesis`: the first leaf without its enrolments, which have cells of their own.
  case genesis(GenesisCell)
  /// `members`: the parties, their key and the change that is on its way; absent until the first change.
  case members(MembersCell)
  /// `version`: the semantics in force; absent while those of the genesis are.
  case version(VersionCell)
  /// `bundle`: the active policy bundle.
  case bundle(BundleCell)
  /// `shadow`: the bundle that is asked beside it; absent where none is.
  case shadow(BundleCell)
  /// `shadowed`: what came of asking it.
  case shadowed(ShadowedCell)
  /// `enrolment/<principal>`.
  case enrolment(EnrolmentCell)
  /// `proposal/<leaf>`.
  case proposal(ProposalCell)
  /// `incident/<id>`: a restriction or that its id was lifted.
  case incident(IncidentCell)
  /// `act/<type>/<id>`: a governed act that cannot be replayed until it has expired.
  case act(ActCell)
  /// `spend/<tenant>`.
  case spend(SpendCell)
  /// `artifact/<tenant>/<digest>`.
  case artifact(ArtifactCell)
  /// `dropped/<tenant>/<workspace>/<digest>`: a file that was let go of.
  case dropped(DroppedCell)
  /// `erasure/<tenant>`: what it had before a leaf is erased.
  case erasure(ErasureCell)
  /// `voter/<owner>`: when a person voted last.
  case voter(VoterCell)
  /// `constitution/<version>`: one that was in force, and what it said.
  case constitution(ConstitutionCell)
  /// `former/<hash>`: a bundle that may come back, though it could not be proposed any more.
  case former(FormerBundleCell)
  /// `approvals/<n>`: which of the leaves 1024 n to 1024 n + 1023 parse as approving decisions.
  case approvals(ApprovalBits)

  /// Canonical JSON.
  public func merkleBytes() -> [UInt8] { json.canonicalBytes() }

  private var json: JSON {
    switch self {
    case .log(let cell): cell.json
    case .genesis(let cell): cell.json
    case .members(let cell): cell.json
    case .version(let cell): cell.json
    case .bundle(let cell): cell.json
    case .shadow(let cell): cell.json
    case .shadowed(let cell): cell.json
    case .enrolment(let cell): cell.json
    case .proposal(let cell): cell.json
    case .incident(let cell): cell.json
    case .act(let cell): cell.json
    case .spend(let cell): cell.json
    case .artifact(let cell): cell.json
    case .dropped(let cell): cell.json
    case .erasure(let cell): cell.json
    case .voter(let cell): cell.json
    case .constitution(let cell): cell.json
    case .former(let cell): cell.json
    case .approvals(let cell): cell.json
    }
  }

  /// Reads the cell called `name`; refuses anything but the one text of a cell of that name.
  init(name: String, bytes: [UInt8]) throws(ShieldError) {
    #if SIMULATION
    let question = CellQuestion(name: name, bytes: RememberedBytes(bytes))
    self = try cells(question) { () throws(ShieldError) in try Cell(reading: bytes, of: name) }
    #else
    try self.init(reading: bytes, of: name)
    #endif
  }

  private init(reading bytes: [UInt8], of name: String) throws(ShieldError) {
    do {
      self = try Cell.parse(name, bytes)
    } catch {
      throw .cell(name, expected: error.description)
    }
    guard merkleBytes() == bytes, self.name == name else {
      throw .cell(name, expected: "the one canonical text of a cell of this name")
    }
  }

  private static func parse(_ name: String, _ bytes: [UInt8]) throws(RecordError) -> Cell {
    let value: JSON
    do {
      value = try JSON.parse(bytes)
    } catch {
      throw .json(error)
    }
    var fields = try Fields(value)
    let cell: Cell
    switch name.prefix(while: { $0 != "/" }) {
    case "log": cell = .log(try LogCell(from: &fields))
    case "genesis": cell = .genesis(try GenesisCell(from: &fields))
    case "members": cell = .members(try MembersCell(from: &fields))
    case "version": cell = .version(try VersionCell(from: &fields))
    case "bundle": cell = .bundle(try BundleCell(from: &fields))
    case "shadow": cell = .shadow(try BundleCell(from: &fields))
    case "shadowed": cell = .shadowed(try ShadowedCell(from: &fields))
    case "enrolment": cell = .enrolment(try EnrolmentCell(from: &fields))
    case "proposal": cell = .proposal(try ProposalCell(from: &fields))
    case "incident": cell = .incident(try IncidentCell(from: &fields))
    case "act": cell = .act(try ActCell(from: &fields))
    case "spend": cell = .spend(try SpendCell(from: &fields))
    case "artifact": cell = .artifact(try ArtifactCell(from: &fields))
    case "dropped": cell = .dropped(try DroppedCell(from: &fields))
    case "erasure": cell = .erasure(try ErasureCell(from: &fields))
    case "voter": cell = .voter(try VoterCell(from: &fields))
    case "constitution": cell = .constitution(try ConstitutionCell(from: &fields))
    case "former": cell = .former(try FormerBundleCell(from: &fields))
    case "approvals": cell = .approvals(try ApprovalBits(from: &fields))
    default: throw .unknownField(String(name.prefix(64)))
    }
    try fields.finish()
    return cell
  }

  /// The name that the content calls for.
  var name: String {
    switch self {
    case .log: CellName.log
    case .genesis: CellName.genesis
    case .members: CellName.members
    case .version: CellName.version
    case .bundle: CellName.bundle
    case .shadow: CellName.shadow
    case .shadowed: CellName.shadowed
    case .enrolment(let cell): CellName.enrolment(cell.enrolment.principal)
    case .proposal(let cell): CellName.proposal(cell.index)
    case .incident(let cell): CellName.incident(cell.incidentID)
    case .act(let cell): CellName.act(cell.type, cell.actID)
    case .spend(let cell): CellName.spend(cell.tenantID)
    case .artifact(let cell): CellName.artifact(cell.tenantID, cell.workspaceID, cell.digest)
    case .dropped(let cell): cell.name
    case .erasure(let cell): CellName.erasure(cell.tenantID)
    case .voter(let cell): CellName.voter(cell.owner)
    case .constitution(let cell): CellName.constitution(cell.constitution.version)
    case .former(let cell): CellName.former(cell.bundleHash)
    case .approvals(let cell): CellName.approvals(cell.chunk)
    }
  }
}

/// The names of cells. Identifiers have no slash, so no two of them collide.
enum CellName {
  static let log = "log"
  static let genesis = "genesis"
  static let members = "members"
  static let version = "version"
  static let bundle = "bundle"
  static let shadow = "shadow"
  static let shadowed = "shadowed"
  static func enrolment(_ principal: Principal) -> String { "enrolment/\(principal.path)" }
  static func proposal(_ index: LeafIndex) -> String { "proposal/\(index.value)" }
  static func incident(_ id: String) -> String { "incident/\(id)" }
  static func act(_ type: RecordType, _ id: String) -> String { "act/\(type.rawValue)/\(id)" }
  static func spend(_ tenant: String) -> String { "spend/\(tenant)" }
  static func artifact(_ tenant: String, _ workspace: String, _ digest: Digest) -> String {
    "artifact/\(tenant)/\(workspace)/\(digest.hex)"
  }
  static func dropped(_ tenant: String, _ workspace: String, _ digest: Digest) -> String {
    "dropped/\(tenant)/\(workspace)/\(digest.hex)"
  }
  static func erasure(_ tenant: String) -> String { "erasure/\(tenant)" }
  static func voter(_ owner: String) -> String { "voter/\(owner)" }
  static func constitution(_ version: String) -> String { "constitution/\(version)" }
  static func former(_ bundle: Digest) -> String { "former/\(bundle.hex)" }
  static func approvals(_ chunk: UInt64) -> String { "approvals/\(chunk)" }
}
