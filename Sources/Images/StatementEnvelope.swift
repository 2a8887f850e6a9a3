import Canonical
import Crypto

/// An in-toto statement in its signed envelope (DSSE 1.0), as builders give their SLSA provenance. Of its signatures those by
/// Ed25519 can be verified here.
struct StatementEnvelope {
  /// What the payload of an in-toto statement is called.
  static let statementType = "application/vnd.in-toto+json"
  /// Most signatures that are looked at.
  static let mostSignatures = 16

  /// What it says.
  let statement: JSON
  private let payload: [UInt8]
  private let signatures: [Signature]

  /// Whether a document means to be one.
  static func isOne(_ json: JSON) -> Bool { json["payload"] != nil || json["payloadType"] != nil }

  init(_ json: JSON) throws(ImageError) {
    guard json["payloadType"]?.string == StatementEnvelope.statementType else {
      throw .provenance(
        "the statement's envelope: expected payloadType \(StatementEnvelope.statementType), found "
          + "\(json["payloadType"]?.string?.prefix(80) ?? "none")")
    }
    guard let payload = json["payload"]?.string.flatMap(Base64.decode) else {
      throw .provenance("the statement's envelope: expected a payload in base64")
    }
    guard let list = json["signatures"]?.array, list.count <= StatementEnvelope.mostSignatures else {
      throw .provenance(
        "the statement's envelope: expected at most \(StatementEnvelope.mostSignatures) signatures")
    }
    self.payload = payload
    statement = try ImageLayout.parse(payload, "the statement's payload")
    // Those of other algorithms have other lengths, and are nobody's here.
    signatures = list.compactMap { $0["sig"]?.string.flatMap(Signature.init(base64:)) }
  }

  /// What its signatures are over (DSSE 1.0, "PAE"): lengths first, so that no two envelopes have the same.
  static func signedBytes(_ payload: [UInt8]) -> [UInt8] {
    Array("DSSEv1 \(statementType.utf8.count) \(statementType) \(payload.count) ".utf8) + payload
  }

  /// Whether it is about this image.
  func checkSubject(_ image: String) throws(ImageError) {
    try StatementEnvelope.checkSubject(statement, image)
  }

  /// An in-toto statement names its subjects by their digests.
  static func checkSubject(_ statement: JSON, _ image: String) throws(ImageError) {
    let subjects = statement["subject"]?.array ?? []
    guard subjects.contains(where: { $0["digest"]?["sha256"]?.string == String(image.dropFirst(7)) }) else {
      throw .provenance("the statement has no subject with the digest \(image)")
    }
  }

  func isSigned(by key: PublicKey) -> Bool {
    let bytes = StatementEnvelope.signedBytes(payload)
    return signatures.contains { key.verifies($0, over: bytes) }
  }
}
