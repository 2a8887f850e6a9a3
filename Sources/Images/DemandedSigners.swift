import Canonical
import Crypto

/// Whose word an executor demands of where an image came from (INV-023): an image runs only where one of these keys has
/// signed a statement about it. None demands nothing.
public struct DemandedSigners: Equatable, Sendable {
  /// Most keys.
  public static let most = 16

  public let keys: [PublicKey]

  /// At most `most` keys.
  public init(_ keys: [PublicKey] = []) {
    precondition(keys.count <= DemandedSigners.most, "more keys than an executor may name")
    self.keys = keys
  }

  /// Holds what a library has of an image against them.
  public func check(_ provenance: Provenance) throws(ImageError) {
    try check(provenance.origin.statement, about: provenance.image)
  }

  /// Holds a statement against them: signed by one of the keys, in its envelope (DSSE 1.0), and about this image.
  public func check(_ statement: JSON?, about image: String) throws(ImageError) {
    guard !keys.isEmpty else { return }
    let demanded = keys.count == 1 ? keys[0].hex : "one of " + keys.map(\.hex).joined(separator: ", ")
    let expected = "this executor runs only images of which a statement is signed by \(demanded)"
    guard let statement else { throw .provenance("\(image): \(expected); there is none") }
    guard StatementEnvelope.isOne(statement) else {
      throw .provenance("\(image): \(expected); the one that is there has no envelope, and so no signature")
    }
    let envelope = try StatementEnvelope(statement)
    guard keys.contains(where: envelope.isSigned) else {
      throw .provenance("\(image): \(expected); the one that is there is signed by none of them")
    }
    try envelope.checkSubject(image)
  }
}
