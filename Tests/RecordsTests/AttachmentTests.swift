import Canonical
import Crypto
import Records
import Testing

struct AttachmentTests {
  private let item = Samples.item(["text": "hi"])

  private func body(_ hash: Digest) -> RecordBody {
    var proposal = Samples.proposal
    proposal.parametersHash = hash
    return .proposal(Samples.signed(proposal, as: Samples.agent))
  }

  @Test("an attachment holds exactly what its leaf names, with the hash that the leaf holds")
  func matches() throws {
    let attachment = Attachment("parameters", item)
    let parsed = try Attachment(parsing: attachment.bytes)
    #expect(parsed == attachment)
    try parsed.check(against: body(item.hash))
  }

  @Test("missing, extra, renamed, altered or resalted values are refused")
  func mismatches() throws {
    let body = body(item.hash)
    var extra = Attachment("parameters", item)
    extra["reason"] = item
    let others = [
      Attachment(), extra, Attachment("reason", item),
      Attachment("parameters", Attachment.Item(salt: item.salt, value: ["text": "ho"])),
      Attachment("parameters", Attachment.Item(salt: [UInt8](repeating: 8, count: 16), value: item.value)),
    ]
    for attachment in others {
      #expect(throws: RecordError.self) { try attachment.check(against: body) }
    }
    #expect(throws: RecordError.self) { try Attachment("parameters", item).check(against: .tick) }
    try Attachment().check(against: .tick)
  }

  @Test("the salt is part of what is hashed: nobody guesses a value from its leaf")
  func salted() {
    let other = Attachment.Item(salt: [UInt8](repeating: 8, count: 16), value: item.value)
    #expect(item.hash != other.hash && item.hash != item.value.contentHash)
    var hash = SHA256()
    hash.update(item.salt)
    hash.update(#"{"text":"hi"}"#)
    #expect(item.hash == hash.finalize())
  }

  @Test(
    "what is not the one text of an attachment is refused",
    arguments: [
      "{}", " ", "[]", #"{"a":{"salt":"00","value":1}}"#,
      #"{"a":{"salt":"\#(String(repeating: "0", count: 130))","value":1}}"#,
      #"{"a":{"salt":"\#(String(repeating: "A", count: 32))","value":1}}"#,
      #"{"a":{"salt":"\#(String(repeating: "0", count: 32))"}}"#,
      #"{"a":{"salt":"\#(String(repeating: "0", count: 32))","value":1,"more":2}}"#,
      #"{"a":{"value":1,"salt":"\#(String(repeating: "0", count: 32))"}}"#,
    ])
  func malformed(_ text: String) throws {
    if text == "{}" {
      // Nothing attached is no bytes; an empty object is no second spelling of that.
      #expect(try Attachment(parsing: []).items.isEmpty)
    }
    #expect(throws: RecordError.self) { try Attachment(parsing: Array(text.utf8)) }
  }

  @Test("too many values, or too many bytes, are refused before they are looked at")
  func limits() throws {
    var many = Attachment()
    for name in "abcdefghi" { many[String(name)] = item }
    #expect(throws: RecordError.self) { try Attachment(parsing: many.bytes) }
    many["i"] = nil
    #expect(try Attachment(parsing: many.bytes).items.count == 8)
    #expect(throws: RecordError.tooLong(limit: Attachment.maximumBytes)) {
      try Attachment(parsing: [UInt8](repeating: 0x20, count: Attachment.maximumBytes + 1))
    }
  }

  @Test("a genesis is signed by every party, in order, with its own key")
  func genesisSignatures() throws {
    let hash = SHA256.hash("leaf")
    #expect(
      String(decoding: GenesisSignature.bytes(leafHash: hash), as: UTF8.self)
        == "openexec/v1/genesis\n\(hash.hex)")
    func signature(_ name: String) -> Signature {
      Samples.key(name).sign(GenesisSignature.bytes(leafHash: hash))
    }
    let good = GenesisSignature.json([(2, signature("p2")), (1, signature("p1"))])
    try GenesisSignature.check(good, of: Samples.genesis, leafHash: hash)
    let bad = [
      GenesisSignature.json([(1, signature("p1"))]), GenesisSignature.json([]),
      GenesisSignature.json([(1, signature("p2")), (2, signature("p2"))]),
      GenesisSignature.json([(1, signature("p1")), (1, signature("p1")), (2, signature("p2"))]),
      GenesisSignature.json([(1, signature("p1")), (2, signature("p2")), (3, signature("p3"))]),
      .null, JSON.array((good.array ?? []).reversed()),
    ]
    for value in bad {
      #expect(throws: RecordError.self) {
        try GenesisSignature.check(value, of: Samples.genesis, leafHash: hash)
      }
    }
    #expect(throws: RecordError.self) {
      try GenesisSignature.check(good, of: Samples.genesis, leafHash: SHA256.hash("other"))
    }
  }
}
