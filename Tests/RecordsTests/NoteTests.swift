import Canonical
import Crypto
import Merkle
import Records
import Testing

struct NoteTests {
  /// RFC 8032 §7.1, test 1: a key that everyone has.
  private static func groupKey() -> SigningKey {
    var seed = Hex.decode("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60") ?? []
    guard let key = SigningKey(seed: &seed) else { preconditionFailure("32 bytes are a seed") }
    return key
  }

  private static func digest(_ byte: UInt8) -> Digest {
    Digest([UInt8](repeating: byte, count: 32)) ?? SHA256.hash("")
  }

  private static func note(consent: ConsentLine? = nil, lease: LeaseLine? = nil) -> CheckpointNote {
    CheckpointNote(
      cluster: digest(0x11), size: 42, root: digest(0x22), stateRoot: digest(0x33),
      time: Timestamp(text: "2026-03-01T12:00:00.5Z") ?? .epoch, consent: consent, lease: lease)
  }

  private static let lease = LeaseLine(
    policyBundleHash: digest(0x44), mode: .running, seconds: 10, challengeRoot: digest(0x55),
    restrictionsHash: digest(0x66))

  private static let head = """
    openexec/1111111111111111111111111111111111111111111111111111111111111111
    42
    IiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiIiI=
    state MzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM=
    time 2026-03-01T12:00:00.500000000Z

    """
  private static let consentLine = "consent 7-41 except 9,12\n"
  private static let leaseText = """
    lease 4444444444444444444444444444444444444444444444444444444444444444 running 10 5555555555555555555555555555555555555555555555555555555555555555 6666666666666666666666666666666666666666666666666666666666666666

    """

  private static let consent = ConsentLine(
    first: LeafIndex(7), last: LeafIndex(41), exceptions: [LeafIndex(9), LeafIndex(12)])

  @Test("vectors: a note's text, byte for byte")
  func texts() throws {
    let cases: [(CheckpointNote, String)] = [
      (Self.note(), Self.head), (Self.note(consent: Self.consent), Self.head + Self.consentLine),
      (Self.note(lease: Self.lease), Self.head + Self.leaseText),
      (
        Self.note(consent: Self.consent, lease: Self.lease),
        Self.head + Self.consentLine + Self.leaseText
      ),
    ]
    for (note, text) in cases {
      #expect(note.text == text)
      #expect(try CheckpointNote(parsing: text) == note)
    }
  }

  @Test("vectors: a signed note, byte for byte, under the key of RFC 8032 §7.1 test 1")
  func signed() throws {
    let key = Self.groupKey()
    let verifier = CheckpointNote.verifier(cluster: Self.digest(0x11), groupKey: key.publicKey)
    #expect(
      verifier.text
        == "openexec/1111111111111111111111111111111111111111111111111111111111111111+97a8716a"
        + "+AddamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea")
    // The signatures were made with OpenSSL.
    let vectors: [(CheckpointNote, String)] = [
      (
        Self.note(),
        "l6hxanF+JYsUFmfWwoBk+Dgy7m9bAnWD43Zh4LxIbp/G8fnao2IoxY4gQdhTGb0AcO/yUXo9AUKONeXCpMDNicHpjQE="
      ),
      (
        Self.note(consent: Self.consent, lease: Self.lease),
        "l6hxamGyU2dxW2aDzEEIe02pJXveqXXnn3xHlXqoHXqx+A83TBQlAZgjNtrPrcTfLZKK0/z+uFh+vpWABrmLmi+Dgw0="
      ),
    ]
    for (note, line) in vectors {
      let signed = SignedNote(
        text: note.text, verifier: verifier, signature: key.sign(Array(note.text.utf8)))
      #expect(
        signed.encoded
          == note.text + "\n\u{2014} openexec/\(String(repeating: "1", count: 64)) \(line)\n")
      let parsed = try SignedNote(parsing: Array(signed.encoded.utf8))
      #expect(
        try CheckpointNote.verified(parsed, cluster: Self.digest(0x11), groupKey: key.publicKey) == note)
    }
  }

  @Test("a note is its one text: any other spelling, order or line is refused")
  func refusals() {
    let head = Self.head
    let bad = [
      "", String(head.dropLast()), head + "\n", head + "more\n", " " + head,
      head.replacing("openexec/11", with: "openexec/AA"), head.replacing("\n42\n", with: "\n042\n"),
      head.replacing("\n42\n", with: "\n+42\n"), head.replacing("\n42\n", with: "\n9007199254740993\n"),
      head.replacing("state Mz", with: "root Mz"), head.replacing("IiI=", with: "IiJ="),
      head.replacing(".500000000Z", with: ".5Z"), head.replacing("time 2026", with: "time  2026"),
      head + "consent 7-42\n", head + "consent 8-7\n", head + "consent 7-41 except \n",
      head + "consent 7-41 except 12,9\n", head + "consent 7-41 except 9,9\n",
      head + "consent 7-41 except 6\n", head + "consent 07-41\n", head + "consent 7-41 without 9\n",
      head + Self.leaseText + Self.consentLine, head + Self.consentLine + Self.consentLine,
      head + Self.leaseText.replacing("running", with: "walking"),
      head + Self.leaseText.replacing(" 10 ", with: " 0 "),
      head + Self.leaseText.replacing(" 10 ", with: " 61 "),
      head + Self.leaseText.replacing(" 10 ", with: " 010 "),
      head + String(repeating: "x", count: 9000) + "\n",
    ]
    for text in bad {
      #expect(throws: NoteError.self, "\(text)") { try CheckpointNote(parsing: text) }
    }
    let many = (0...ConsentLine.maximumExceptions).map { String($0) }.joined(separator: ",")
    #expect(throws: NoteError.self) {
      try CheckpointNote(parsing: head.replacing("\n42\n", with: "\n99\n") + "consent 0-98 except \(many)\n")
    }
  }

  @Test("consent covers its range but for its exceptions")
  func covers() {
    let covered = (0..<50).filter { Self.consent.covers(LeafIndex($0)) }
    #expect(covered == (7...41).filter { $0 != 9 && $0 != 12 })
  }

  @Test("the consent line of a note is found in its bytes as the whole note has it, and nowhere else")
  func consentOfBytes() {
    func found(_ text: String) -> ConsentLine? { ConsentLine(ofNote: Array(text.utf8)) }
    for consent in [nil, Self.consent, ConsentLine(first: LeafIndex(3), last: LeafIndex(3))] {
      for lease in [nil, Self.lease] {
        #expect(found(Self.note(consent: consent, lease: lease).text + "\nsignature\n") == consent)
      }
    }
    #expect(found("") == nil && found(Self.head) == nil && found(Self.head + "consent 7-41") == nil)
    #expect(found(Self.head + "consent 9-8\n") == nil && found("consent 7-41\n") == nil)
  }

  @Test("a note of another cluster, or under another key, is not this cluster's")
  func foreign() throws {
    let key = Self.groupKey()
    let note = Self.note()
    let verifier = CheckpointNote.verifier(cluster: Self.digest(0x11), groupKey: key.publicKey)
    let signed = SignedNote(text: note.text, verifier: verifier, signature: key.sign(Array(note.text.utf8)))
    #expect(throws: NoteError.self) {
      try CheckpointNote.verified(signed, cluster: Self.digest(0x12), groupKey: key.publicKey)
    }
    #expect(throws: NoteError.self) {
      try CheckpointNote.verified(
        signed, cluster: Self.digest(0x11), groupKey: Samples.key("other").publicKey)
    }
    let other = CheckpointNote.verifier(cluster: Self.digest(0x12), groupKey: key.publicKey)
    let lent = SignedNote(text: note.text, verifier: other, signature: key.sign(Array(note.text.utf8)))
    #expect(throws: NoteError.self) {
      try CheckpointNote.verified(lent, cluster: Self.digest(0x12), groupKey: key.publicKey)
    }
  }
}

struct LedgerProofTests {
  /// A ledger of records and a proof of one leaf under a note that consents to `consent`.
  private func proof(of index: Int, consent: ConsentLine?) throws -> LedgerProof {
    let leaves = Samples.records.map(\.bytes)
    var frontier = Frontier()
    var nodes: [NodeAddress: Digest] = [:]
    for leaf in leaves { frontier.append(TreeHash.leaf(leaf)) { nodes[$0] = $1 } }
    let path = try #require(
      Proof.inclusion(index: UInt64(index), size: UInt64(leaves.count)) { nodes[$0] })
    let note = CheckpointNote(
      cluster: Samples.cluster, size: UInt64(leaves.count), root: frontier.root,
      stateRoot: Samples.digest, time: Samples.later, consent: consent)
    let key = Samples.key("group")
    let signed = SignedNote(
      text: note.text,
      verifier: CheckpointNote.verifier(cluster: Samples.cluster, groupKey: key.publicKey),
      signature: key.sign(Array(note.text.utf8)))
    return LedgerProof(leaf: leaves[index], index: LeafIndex(UInt64(index)), path: path, note: signed)
  }

  private var approval: Int {
    Samples.bodies.firstIndex { body in
      if case .decision(let decision) = body { decision.decisionType == .approve } else { false }
    } ?? 0
  }

  private let all = ConsentLine(first: LeafIndex(0), last: LeafIndex(UInt64(Samples.records.count - 1)))
  private let groupKey = Samples.key("group").publicKey

  @Test("a proof reads back from its text and verifies offline, for every leaf")
  func verifies() throws {
    for index in Samples.records.indices {
      let proof = try proof(of: index, consent: all)
      let parsed = try LedgerProof(parsing: proof.encoded)
      #expect(parsed == proof)
      let verified = try parsed.verify(cluster: Samples.cluster, groupKey: groupKey)
      #expect(verified.record == Samples.records[index])
    }
  }

  @Test("an approval needs the parties' consent, and an exception is none (TOK-12)")
  func consent() throws {
    let index = LeafIndex(UInt64(approval))
    let excepted = ConsentLine(first: all.first, last: all.last, exceptions: [index])
    for consent in [nil, excepted, ConsentLine(first: all.first, last: LeafIndex(index.value - 1))] {
      let proof = try proof(of: approval, consent: consent)
      #expect(throws: LedgerProofError.noConsent(index)) {
        try proof.verify(cluster: Samples.cluster, groupKey: groupKey)
      }
    }
    // Other leaves need none.
    _ = try proof(of: 2, consent: nil).verify(cluster: Samples.cluster, groupKey: groupKey)
  }

  @Test("a proof with any part tampered with does not verify")
  func tampered() throws {
    let good = try proof(of: approval, consent: all)
    func refuses(
      leaf: [UInt8]? = nil, index: LeafIndex? = nil, path: [Digest]? = nil, note: SignedNote? = nil,
      cluster: Digest = Samples.cluster, key: PublicKey? = nil
    ) {
      let bad = LedgerProof(
        leaf: leaf ?? good.leaf, index: index ?? good.index, path: path ?? good.path,
        note: note ?? good.note)
      #expect(throws: LedgerProofError.self) {
        try bad.verify(cluster: cluster, groupKey: key ?? groupKey)
      }
    }
    for position in [0, good.leaf.count / 2, good.leaf.count - 1] {
      var leaf = good.leaf
      leaf[position] ^= 1
      refuses(leaf: leaf)
    }
    refuses(leaf: good.leaf + [0x0A])
    refuses(index: LeafIndex(good.index.value + 1))
    refuses(index: LeafIndex(1 << 40))
    for position in good.path.indices {
      var path = good.path
      path[position] = Samples.digest
      refuses(path: path)
      path = good.path
      path.remove(at: position)
      refuses(path: path)
    }
    refuses(path: good.path + [Samples.digest])
    refuses(cluster: Samples.digest)
    refuses(key: Samples.key("other").publicKey)
    let wider = good.note.text.replacing("consent 0-", with: "consent 1-")
    let line = good.note.signatures[0]
    refuses(note: SignedNote(text: wider, name: line.name, keyID: line.keyID, signature: line.signature))
    for position in [0, 31, 32, 63] {
      var signature = line.signature
      signature[position] ^= 1
      refuses(
        note: SignedNote(text: good.note.text, name: line.name, keyID: line.keyID, signature: signature))
    }
  }

  @Test("what is not the text of a proof is refused")
  func malformed() throws {
    let text = try proof(of: 2, consent: nil).encoded
    let bad = [
      "", "c2sp.org/tlog-proof@v1\n", text.replacing("@v1", with: "@v2"),
      text.replacing("extra ", with: "more "), text.replacing("index 2", with: "index -2"),
      text.replacing("index 2", with: "index 2x"), text.replacing("\n\n", with: "\n"),
      String(text.dropLast(2)), String(repeating: "x", count: (256 << 10) + 1),
    ]
    for text in bad {
      #expect(throws: LedgerProofError.self) { try LedgerProof(parsing: text) }
    }
    let flood = text.replacing(
      "index 2\n",
      with: "index 2\n" + String(repeating: Base64.encode(Samples.digest.bytes) + "\n", count: 65))
    #expect(throws: LedgerProofError.self) { try LedgerProof(parsing: flood) }
  }
}
