import Canonical
import Crypto

/// Where the image of a built-in machine came from (`provenance_json`, INV-023): written by what built it, and held against
/// image, kernel and guest each time an executor starts.
public struct MachineProvenance: Equatable, Sendable {
  static let type = "openexec/v1/machine-provenance"
  /// Longest document, in bytes.
  public static let maximumBytes = 64 << 10

  /// `sha256:<hex>` each.
  public let image: String
  public let kernel: String
  public let guest: String
  /// For people: the source and its revision, and what built it.
  public let source: String
  public let builtWith: String
  /// SHA-256 of the document's canonical form: what receipts name.
  public let hash: Digest

  /// Reads a document, in any spelling of its JSON; fields beyond those above are its builder's, and part of the hash.
  public init(parsing bytes: [UInt8]) throws(ImageError) {
    guard bytes.count <= MachineProvenance.maximumBytes else {
      throw .limit("bytes in a provenance", MachineProvenance.maximumBytes)
    }
    let json = try ImageLayout.parse(bytes, "the provenance of a machine's image")
    guard json["type"]?.string == MachineProvenance.type, let image = json["image"]?.string,
      let kernel = json["kernel"]?.string, let guest = json["guest"]?.string,
      let source = json["source"]?.string, let builtWith = json["built_with"]?.string
    else {
      throw .provenance(
        "expected image, kernel, guest, source and built_with of type \(MachineProvenance.type)")
    }
    (self.image, self.kernel, self.guest) = (image, kernel, guest)
    (self.source, self.builtWith) = (source, builtWith)
    hash = json.contentHash
  }

  /// Holds it against what is installed.
  public func check(image: String, kernel: String, guest: String) throws(ImageError) {
    for (name, said, found) in [
      ("image", self.image, image), ("kernel", self.kernel, kernel), ("guest", self.guest, guest),
    ] where said != found {
      throw .provenance("\(name): expected \(said), found \(found)")
    }
  }
}
