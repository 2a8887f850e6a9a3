import Canonical
import Crypto

/// What its owner says of a file, and signs: so no node can put one in another's name. The leader appends it once
/// a majority of nodes holds the content. It stands in the ledger for good, its name too; the content does not.
public struct ArtifactNote: StatementContent {
  public static let type = RecordType.artifact

  /// SHA-256 of the plain bytes.
  public var digest: Digest
  public var tenantID: String
  /// The tenant's workspace that it belongs to; only proposals of the same one may name it.
  public var workspaceID: String
  /// What people call it, at most 255 bytes; a path below the workspace, or empty. No path of a file here.
  public var name: String
  /// Bytes of the content.
  public var size: Int
  public var mediaType: String
  /// Who put it.
  public var owner: Principal
  /// Where it comes from: its own tenant and owner, which are always there, `untrusted` for outside text, and
  /// those of its inputs. Ascending, without duplicates.
  public var labels: [String]
  /// The approval that it is a result of; an executor's has one, an agent's none.
  public var decision: LeafIndex?
  /// No effect at or after this.
  public var validUntil: Timestamp

  /// The folder of a workspace's memory: what agents read again later. Only approved actions write it (T1.2).
  public static let memoryFolder = "memory/"
  /// The scope without which no action writes it.
  public static let memoryScope = "memory.write"
  /// Whether it lies in its workspace's memory.
  public var isMemory: Bool { name.hasPrefix(Self.memoryFolder) }

  /// An artifact; its own labels are added.
  public init(
    digest: Digest, tenantID: String, workspaceID: String, name: String = "", size: Int, mediaType: String,
    owner: Principal, labels: [String], decision: LeafIndex? = nil, validUntil: Timestamp
  ) {
    self.digest = digest
    self.tenantID = tenantID
    self.workspaceID = workspaceID
    self.name = name
    self.size = size
    self.mediaType = mediaType
    self.owner = owner
    self.decision = decision
    var joined: [String] = []
    for label in (labels + [tenantID, owner.path]).sorted(by: { $0.utf8.lexicographicallyPrecedes($1.utf8) })
    where !(joined.last?.utf8.elementsEqual(label.utf8) ?? false) {
      joined.append(label)
    }
    self.labels = joined
    self.validUntil = validUntil
  }

  public init(from fields: inout Fields) throws(RecordError) {
    digest = try fields.digest("digest")
    tenantID = try fields.identifier("tenant_id")
    workspaceID = try fields.identifier("workspace_id")
    name = try fields.value("name", ArtifactNote.nameForm) { json in
      json.string.flatMap { ArtifactNote.isName($0) ? $0 : nil }
    }
    size = try fields.integer("size", in: 0...(1 << 40))
    mediaType = try fields.text("media_type", limit: 128)
    owner = try fields.principal("owner")
    labels = try fields.list("labels", limit: 256, of: "labels") { json in
      json.string.flatMap { $0.utf8.count <= 256 ? $0 : nil }
    }
    decision = try fields.optionalLeaf("decision")
    validUntil = try fields.time("valid_until")
    let own = ArtifactNote(
      digest: digest, tenantID: tenantID, workspaceID: workspaceID, size: size, mediaType: mediaType,
      owner: owner, labels: labels, validUntil: validUntil)
    guard own.labels.map({ Array($0.utf8) }) == labels.map({ Array($0.utf8) }) else {
      throw .field(
        fields.name("labels"), expected: "ascending labels, the tenant's and the owner's own among them")
    }
  }

  public var members: [(String, JSON)] {
    present([
      ("digest", .digest(digest)), ("tenant_id", .string(tenantID)), ("workspace_id", .string(workspaceID)),
      ("name", .string(name)), ("size", .integer(size)), ("media_type", .string(mediaType)),
      ("owner", .string(owner.path)), ("labels", .texts(labels)), ("decision", decision.map(JSON.index)),
      ("valid_until", .time(validUntil)),
    ])
  }

  /// What a name must be, in words.
  public static let nameForm =
    "a name of at most 255 bytes: parts between slashes, none empty, \".\" or \"..\", no control characters"

  /// Whether a text may be an artifact's name: empty, or parts between slashes.
  public static func isName(_ text: String) -> Bool {
    guard text.utf8.count <= 255 else { return false }
    guard !text.isEmpty else { return true }
    let isPlain = text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F..<0xA0).contains($0.value) }
    return isPlain
      && text.split(separator: "/", omittingEmptySubsequences: false)
        .allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
  }
}
