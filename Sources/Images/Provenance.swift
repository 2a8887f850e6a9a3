import Canonical
import Crypto

/// Where an image came from and what it was when it came (`provenance_json`, INV-023): written when it is added, and held
/// against the image each time it is loaded.
public struct Provenance: Equatable, Sendable {
  static let type = "openexec/v1/image-provenance"

  /// Who brought it, from where, and what an attestation says of it.
  public struct Origin: Equatable, Sendable {
    /// For people: a path, an address.
    public var source: String
    /// RFC 3339.
    public var addedAt: String
    public var addedBy: String
    /// An in-toto statement, or one in its signed envelope; one that is about something else is refused.
    public var statement: JSON?
    /// Whose signature the envelope must bear; nil where nobody's was asked for, and the statement is only what it says.
    public var signer: PublicKey?

    /// An origin.
    public init(
      source: String, addedAt: String, addedBy: String, statement: JSON? = nil, signer: PublicKey? = nil
    ) {
      self.signer = signer
      self.source = source
      self.addedAt = addedAt
      self.addedBy = addedBy
      self.statement = statement
    }
  }

  public let origin: Origin
  /// Of the manifest.
  public let image: String
  let configuration: String
  let layers: [(blob: String, diffID: String)]
  /// Of its files, unpacked; hexadecimal.
  public let tree: String

  init(_ manifest: ImageManifest, tree: Digest, origin: Origin) throws(ImageError) {
    try Provenance.check(origin, image: manifest.digest)
    self.origin = origin
    image = manifest.digest
    configuration = manifest.configuration.digest
    layers = manifest.layers.map { ($0.blob.digest, $0.diffID) }
    self.tree = tree.hex
  }

  /// Reads what was written.
  init(parsing bytes: [UInt8]) throws(ImageError) {
    let json = try ImageLayout.parse(bytes, "provenance.json")
    guard json["type"]?.string == Provenance.type, let image = json["image"]?.string,
      let configuration = json["config"]?.string, let tree = json["tree"]?.string, Digest(hex: tree) != nil,
      let source = json["source"]?.string, let addedAt = json["added_at"]?.string,
      let addedBy = json["added_by"]?.string, let list = json["layers"]?.array
    else { throw .provenance("expected a document of type \(Provenance.type)") }
    var signer: PublicKey?
    if let named = json["signer"] {
      signer = named.string.flatMap(PublicKey.init(hex:))
      guard signer != nil else { throw .provenance("signer: expected a public key in hexadecimal") }
    }
    origin = Origin(
      source: source, addedAt: addedAt, addedBy: addedBy, statement: json["statement"], signer: signer)
    (self.image, self.configuration, self.tree) = (image, configuration, tree)
    layers = list.map { ($0["digest"]?.string ?? "", $0["diff_id"]?.string ?? "") }
    try Provenance.check(origin, image: image)
  }

  /// Canonical JSON.
  public var bytes: [UInt8] {
    var members: [(String, JSON)] = [
      ("type", .string(Provenance.type)), ("image", .string(image)), ("config", .string(configuration)),
      (
        "layers",
        .array(layers.map { ["digest": .string($0.blob), "diff_id": .string($0.diffID)] })
      ), ("tree", .string(tree)), ("source", .string(origin.source)), ("added_at", .string(origin.addedAt)),
      ("added_by", .string(origin.addedBy)),
    ]
    if let statement = origin.statement { members.append(("statement", statement)) }
    if let signer = origin.signer { members.append(("signer", .string(signer.hex))) }
    return JSON.object(members).canonicalBytes()
  }

  public var hash: Digest { SHA256.hash(bytes) }

  public static func == (left: Self, right: Self) -> Bool { left.bytes == right.bytes }

  /// Holds it against an image and its unpacked files.
  func check(_ manifest: ImageManifest, tree: Digest) throws(ImageError) {
    let found = try Provenance(manifest, tree: tree, origin: origin)
    guard found == self else {
      throw .provenance(
        "the image is not what it was when it was added: expected \(hash.hex), found \(found.hash.hex)")
    }
  }

  /// A statement is about the image; in an envelope it is its signer's.
  private static func check(_ origin: Origin, image: String) throws(ImageError) {
    guard var statement = origin.statement else {
      guard origin.signer == nil else {
        throw .provenance("expected a statement signed by \(origin.signer?.hex ?? ""), found none")
      }
      return
    }
    if StatementEnvelope.isOne(statement) {
      let envelope = try StatementEnvelope(statement)
      if let signer = origin.signer, !envelope.isSigned(by: signer) {
        throw .provenance("the statement's envelope has no signature by \(signer.hex) that verifies")
      }
      statement = envelope.statement
    } else if let signer = origin.signer {
      throw .provenance("expected a statement signed by \(signer.hex), found one without an envelope")
    }
    try StatementEnvelope.checkSubject(statement, image)
  }
}
