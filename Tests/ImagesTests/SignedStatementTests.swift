import Canonical
import Crypto
import Foundation
import Testing

@testable import Images

/// Statements in signed envelopes (DSSE), as builders give their provenance.
struct SignedStatementTests {
  private func key(_ name: String) throws -> SigningKey {
    var seed = SHA256.hash(name).bytes
    guard let key = SigningKey(seed: &seed) else { throw ImageError.provenance("no key") }
    return key
  }

  private func envelope(
    about digest: String, by signer: String, type: String = "application/vnd.in-toto+json",
    bytes: (([UInt8]) -> [UInt8])? = nil
  ) throws -> JSON {
    let statement: JSON = [
      "_type": "https://in-toto.io/Statement/v1",
      "subject": [["digest": ["sha256": .string(String(digest.dropFirst(7)))]]],
      "predicateType": "https://slsa.dev/provenance/v1",
    ]
    let payload = statement.canonicalBytes()
    let signature = try key(signer).sign(bytes?(payload) ?? StatementEnvelope.signedBytes(payload))
    return [
      "payloadType": .string(type), "payload": .string(Base64.encode(payload)),
      "signatures": [["keyid": "", "sig": "AAAA"], ["keyid": "k", "sig": .string(signature.base64)]],
    ]
  }

  private let layers = [#"{"path": "hello", "text": "hi"}"#]

  /// Why an image with this statement is not taken; nil where it is.
  private func refusal(
    _ bench: Bench, _ statement: (String) throws -> JSON?, signer: String?
  ) throws -> String? {
    let (place, digest) = try bench.layout(layers)
    var origin = bench.origin
    origin.statement = try statement(digest)
    origin.signer = try signer.map { try key($0).publicKey }
    do {
      let entry = try bench.library.add(from: place, digest: digest, origin: origin)
      #expect(entry.provenance.origin == origin)
      FolderFiles.remove("\(bench.library.folder)/\(digest.dropFirst(7))")
      return nil
    } catch {
      return error.description
    }
  }

  @Test("what is signed is the protocol's own example: lengths, type and payload (DSSE 1.0)")
  func encoding() {
    let type = StatementEnvelope.statementType
    #expect(
      String(decoding: StatementEnvelope.signedBytes(Array("hello world".utf8)), as: UTF8.self)
        == "DSSEv1 \(type.utf8.count) \(type) 11 hello world")
  }

  @Test("where a signer is named, its signature must be there, over exactly this")
  func signers() throws {
    let bench = try Bench()
    #expect(try refusal(bench, { try envelope(about: $0, by: "builder") }, signer: "builder") == nil)
    #expect(try refusal(bench, { try envelope(about: $0, by: "builder") }, signer: nil) == nil)
    #expect(
      try refusal(bench, { try envelope(about: $0, by: "other") }, signer: "builder")?.contains("verifies")
        == true)
    // The payload alone, without the encoding around it.
    #expect(
      try refusal(bench, { try envelope(about: $0, by: "builder", bytes: { $0 }) }, signer: "builder")?
        .contains("verifies") == true)
    #expect(
      try refusal(bench, { try envelope(about: $0, by: "builder", type: "text/plain") }, signer: "builder")?
        .contains("payloadType") == true)
    #expect(try refusal(bench, { _ in nil }, signer: "builder")?.contains("found none") == true)
    let bare: (String) -> JSON = { ["subject": [["digest": ["sha256": .string(String($0.dropFirst(7)))]]]] }
    #expect(try refusal(bench, { bare($0) }, signer: "builder")?.contains("without an envelope") == true)
    #expect(try refusal(bench, { bare($0) }, signer: nil) == nil)
  }

  @Test("an envelope about another image is refused, whoever signed it")
  func subjects() throws {
    let bench = try Bench()
    let other = "sha256:" + String(repeating: "1", count: 64)
    for signer in [nil, "builder"] {
      let refused = try refusal(bench, { _ in try envelope(about: other, by: "builder") }, signer: signer)
      #expect(refused?.contains("no subject with the digest") == true)
    }
  }

  @Test("each time an image is loaded, its envelope has to bear its signer's signature still")
  func loaded() throws {
    let bench = try Bench()
    let (place, digest) = try bench.layout(layers)
    var origin = bench.origin
    origin.statement = try envelope(about: digest, by: "builder")
    origin.signer = try key("builder").publicKey
    let entry = try bench.library.add(from: place, digest: digest, origin: origin)
    let path = "\(bench.library.folder)/\(digest.dropFirst(7))/provenance.json"
    let text = String(decoding: entry.provenance.bytes, as: UTF8.self)
    #expect(text.contains(try key("builder").publicKey.hex))
    let other = text.replacingOccurrences(
      of: try key("builder").publicKey.hex, with: try key("other").publicKey.hex)
    try Data(other.utf8).write(to: URL(fileURLWithPath: path))
    #expect(throws: ImageError.self) { try bench.library.verify(digest) }
    try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    #expect(try bench.library.verify(digest) == entry)
  }
}
