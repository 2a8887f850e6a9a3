import Canonical
import Crypto

/// What its owner says of a file, and signs: so no node can put one in another's name. The leader appends it once
/// a majority of nodes holds the content.
public struct ArtifactNote: StatementContent {
  public static let type = RecordType.artifact

  /// SHA-256 of the plain bytes.
  public var digest: Digest
  public var tenantID: String
  public var size: Int
  public var mediaType: String
  /// Who put it.
  public var owner: Principal
  /// Where it comes from: its own tenant and owner, which are always there, `untrusted` for outside text, and
  /// those of its inputs. Ascending, without duplicates.
  public var labels: [String]
  /// No effect at or after this.
  public var validUntil: Timestamp

  /// An artifact; its own labels are added.
  public init(
    digest: Digest, tenantID: String, size: Int, mediaType: String, owner: Principal, labels: [String],
    validUntil: Timestamp
  ) {
    self.digest = digest
    self.tenantID = tenantID
    self.size = size
    self.mediaType = mediaType
    self.owner = owner
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
    size = try fields.integer("size", in: 0...(1 << 40))
    mediaType = try fields.text("media_type", limit: 128)
    owner = try fields.principal("owner")
    labels = try fields.list("labels", limit: 256, of: "labels") { json in
      json.string.flatMap { $0.utf8.count <= 256 ? $0 : nil }
    }
    validUntil = try fields.time("valid_until")
    let own = ArtifactNote(
      digest: digest, tenantID: tenantID, size: size, mediaType: mediaType, owner: owner, labels: labels,
      validUntil: validUntil)
    guard own.labels.map({ Array($0.utf8) }) == labels.map({ Array($0.utf8) }) else {
      throw .field(
        fields.name("labels"), expected: "ascending labels, the tenant's and the owner's own among them")
    }
  }

  public var members: [(String, JSON)] {
    [
      ("digest", .digest(digest)), ("tenant_id", .string(tenantID)), ("size", .integer(size)),
      ("media_type", .string(mediaType)), ("owner", .string(owner.path)), ("labels", .texts(labels)),
      ("valid_until", .time(validUntil)),
    ]
  }
}
