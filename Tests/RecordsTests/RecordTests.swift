import Canonical
import Crypto
import Records
import Testing

/// Where a member stands in a value: names and positions from its root.
private enum Step: Hashable {
  case name(String)
  case position(Int)
}

extension JSON {
  /// The paths of all members of all objects in it.
  fileprivate var memberPaths: [[Step]] {
    switch self {
    case .object(let object):
      object.members.flatMap { member in
        [[Step.name(member.name)]] + member.value.memberPaths.map { [.name(member.name)] + $0 }
      }
    case .array(let elements):
      elements.enumerated().flatMap { position, element in
        element.memberPaths.map { [.position(position)] + $0 }
      }
    case .null, .bool, .number, .string: []
    }
  }

  /// The value with `change` made at `path`.
  fileprivate func changing(_ path: ArraySlice<Step>, _ change: (JSON?) -> JSON?) -> JSON? {
    guard let step = path.first else { return change(self) }
    switch (self, step) {
    case (.object(var object), .name(let name)):
      object[name] =
        path.count == 1
        ? change(object[name]) : object[name]?.changing(path.dropFirst(), change)
      return .object(object)
    case (.array(var elements), .position(let position)):
      if let element = elements[position].changing(path.dropFirst(), change) { elements[position] = element }
      return .array(elements)
    default: return self
    }
  }
}

struct RecordTests {
  @Test("every kind of record reads back from its bytes", arguments: Samples.records)
  func roundTrip(_ record: Record) throws {
    let bytes = record.bytes
    let parsed = try Record(parsing: bytes)
    #expect(parsed == record)
    #expect(parsed.bytes == bytes)
    #expect(record.json["type"]?.string == record.body.type.rawValue)
  }

  @Test("the samples are of every type that is written today")
  func complete() {
    let types = Set(Samples.bodies.map(\.type))
    #expect(types == Set(RecordType.allCases))
  }

  @Test("the end of a record's bytes is its type", arguments: Samples.records)
  func ending(_ record: Record) {
    #expect(RecordType(endOf: record.bytes) == record.body.type)
  }

  @Test(
    "what does not end as a record has no type",
    arguments: [
      "", "}", "\"}", "{}", #"{"type":"nonsense"}"#, #"{"type":"tick""#, #"{"type":1}"#, #""type":"tick"]"#,
      #"{"kind":"tick"}"#, #"{"workspace_id":"w"}"#, #"{"type":"decision","tenant_id":"w"}"#,
      #"{"type":"decision","workspace_id":"w","workspace_id":"w"}"#,
    ])
  func noEnding(_ text: String) { #expect(RecordType(endOf: Array(text.utf8)) == nil) }

  @Test("a record without one of its fields is refused, whichever it is", arguments: Samples.records)
  func missing(_ record: Record) {
    for path in record.json.memberPaths {
      guard case .name(let name)? = path.last else { continue }
      if ["second_key", "preview_hash", "deadline", "guest", "takes_back"].contains(name) { continue }
      if name == "decision", record.body.type == .artifact { continue }
      if ["inputs", "result_artifact", "provenance"].contains(name), record.body.type == .receipt {
        continue
      }
      if name == "isolation_class", path.contains(.name("content")) { continue }
      guard let without = record.json.changing(path[...], { _ in nil }) else { continue }
      #expect(throws: RecordError.self, "\(path)") { try Record(parsing: without.canonicalBytes()) }
    }
  }

  @Test("a field of another kind is refused, whichever it is", arguments: Samples.records)
  func wrongKind(_ record: Record) {
    for path in record.json.memberPaths {
      for wrong: JSON in [.null, ["x": []], [[["x"]]], .number(-7.5), "\u{7}"] {
        guard let changed = record.json.changing(path[...], { _ in wrong }) else { continue }
        // Free text is text.
        if case .name(let name)? = path.last, wrong.string != nil, Self.freeText.contains(name) { continue }
        #expect(throws: RecordError.self, "\(path) \(wrong)") {
          try Record(parsing: changed.canonicalBytes())
        }
      }
    }
  }

  private static let freeText: Set<String> = [
    "message", "reason", "rationale", "rule", "action_version", "error_code", "image_digest", "approval_note",
    "kernel", "challenge", "answer", "boot_id", "verifying_share", "media_type", "tenant_id",
  ]

  @Test("a field that has no meaning is refused, wherever it stands", arguments: Samples.records)
  func unknownFields(_ record: Record) {
    var objects: [[Step]] = [[]]
    for path in record.json.memberPaths {
      for length in 1...path.count where !objects.contains(Array(path.prefix(length))) {
        objects.append(Array(path.prefix(length)))
      }
    }
    for path in objects {
      let changed = record.json.changing(path[...]) { value in
        guard case .object(var object)? = value else { return value }
        object["zz_more"] = 1
        return .object(object)
      }
      guard let changed, changed != record.json else { continue }
      #expect(throws: RecordError.self, "\(path)") { try Record(parsing: changed.canonicalBytes()) }
    }
  }

  @Test("only the one canonical text of a record is read")
  func canonicalOnly() throws {
    let bytes = try #require(Samples.records.first { $0.body.type == .proposal }).bytes
    let text = String(decoding: bytes, as: UTF8.self)
    #expect(throws: RecordError.notCanonical) { try Record(parsing: bytes + [0x0A]) }
    #expect(throws: RecordError.notCanonical) { try Record(parsing: [0x20] + bytes) }
    let spelled = text.replacing(#""action":"echo""#, with: #""action":"\u0065cho""#)
    #expect(throws: RecordError.notCanonical) { try Record(parsing: Array(spelled.utf8)) }
    #expect(throws: RecordError.notCanonical) {
      try Record(parsing: Array(#"{"type":"tick","at":"2026-03-01T12:00:00.000000000Z"}"#.utf8))
    }
    #expect(throws: RecordError.self) {
      try Record(parsing: Array(#"{"at":"2026-03-01T12:00:00.000000000Z","at":"x","type":"tick"}"#.utf8))
    }
    #expect(
      try Record(parsing: Array(#"{"at":"2026-03-01T12:00:00.000000000Z","type":"tick"}"#.utf8)).body == .tick
    )
  }

  @Test("a second spelling of a time or a number is refused")
  func oneSpelling() {
    for text in [
      #"{"at":"2026-03-01T12:00:00Z","type":"tick"}"#,
      #"{"at":"2026-03-01T12:00:00.000000000Z","leader":1,"term":"+5","type":"term"}"#,
      #"{"at":"2026-03-01T12:00:00.000000000Z","leader":1,"term":"05","type":"term"}"#,
    ] {
      #expect(throws: RecordError.self, "\(text)") { try Record(parsing: Array(text.utf8)) }
    }
  }

  @Test("what is too long, of an unknown type, or no object is refused by name")
  func shape() {
    #expect(throws: RecordError.tooLong(limit: 65_535)) {
      try Record(parsing: [UInt8](repeating: 0x20, count: 65_536))
    }
    let at = #""at":"2026-03-01T12:00:00.000000000Z""#
    #expect(throws: RecordError.unknownType("recover")) {
      try Record(parsing: Array("{\(at),\"type\":\"recover\"}".utf8))
    }
    #expect(throws: RecordError.unknownType("other")) {
      try Record(parsing: Array("{\(at),\"type\":\"other\"}".utf8))
    }
    #expect(throws: RecordError.field("record", expected: "an object, found an array")) {
      try Record(parsing: Array("[]".utf8))
    }
  }

  @Test("what belongs together is checked together")
  func invariants() throws {
    func refuses(_ change: (inout Decision) -> Void) {
      var decision = Samples.approval
      change(&decision)
      #expect(throws: RecordError.self) {
        try Record(parsing: Record(at: Samples.time, body: .decision(decision)).bytes)
      }
    }
    refuses { $0.grant = nil }
    refuses { $0.decisionType = .deny }
    // Where nothing ran there is nothing to say of where it came from.
    var receipt = Samples.receipt
    receipt.imageDigest = ""
    #expect(throws: RecordError.self) {
      let signed = Samples.signed(receipt, as: receipt.executorID)
      return try Record(parsing: Record(at: Samples.time, body: .receipt(signed)).bytes)
    }
    var genesis = Samples.genesis
    func refuses(_ change: (inout Genesis) -> Void) {
      var changed = genesis
      change(&changed)
      #expect(throws: RecordError.self) {
        try Record(parsing: Record(at: Samples.time, body: .genesis(changed)).bytes)
      }
    }
    refuses { $0.threshold = 1 }
    refuses { $0.threshold = 3 }
    refuses { $0.parties.reverse() }
    refuses { $0.parties[1].id = 1 }
    refuses { $0.enrolments.append($0.enrolments[0]) }
    genesis.threshold = 2
    #expect(genesis.faultsTolerated == 1 && !genesis.isCrashOnly)
    var enrolment = Samples.enrolment
    enrolment.incarnation = 0
    #expect(throws: RecordError.self) { try Enrolment(enrolment.json) }
    enrolment = Samples.enrolment
    enrolment.principal = Samples.agent
    #expect(throws: RecordError.self) { try Enrolment(enrolment.json) }
  }
}

struct StatementTests {
  @Test("what is signed is domain, cluster and canonical content, each on its line (ruling 7)")
  func bytes() {
    let bytes = Statement.bytes(.proposal, cluster: Samples.cluster, content: ["b": 1, "a": "x"])
    let expected = "openexec/v1/proposal\n\(Samples.cluster.hex)\n{\"a\":\"x\",\"b\":1}"
    #expect(String(decoding: bytes, as: UTF8.self) == expected)
  }

  @Test("a signature holds for its type, cluster, content and key alone")
  func separation() throws {
    let signed = Samples.signed(Samples.proposal, as: Samples.agent)
    #expect(signed.verifiedSignatures(cluster: Samples.cluster).count == 1)
    #expect(signed.verifiedSignatures(cluster: Samples.digest).isEmpty)
    var other = Samples.proposal
    other.requestID = "request-2"
    #expect(
      Signed(content: other, signatures: signed.signatures).verifiedSignatures(cluster: Samples.cluster)
        .isEmpty)
    let line = signed.signatures[0]
    for type in RecordType.allCases {
      let bytes = Statement.bytes(type, cluster: Samples.cluster, content: Samples.proposal.json)
      #expect(line.key.verifies(line.signature, over: bytes) == (type == .proposal))
    }
    let swapped = StatementSignature(
      by: line.by, key: Samples.key("other").publicKey, signature: line.signature)
    #expect(
      Signed(content: Samples.proposal, signatures: [swapped]).verifiedSignatures(cluster: Samples.cluster)
        .isEmpty)
  }

  @Test("a cosigner signs the same content; no key signs twice, and somebody signs")
  func cosigned() throws {
    let one = Samples.signed(Samples.policy, as: .operator("pat"))
    let two = one.cosigned(cluster: Samples.cluster, as: .operator("quin"), with: Samples.key("quin"))
    #expect(
      two.verifiedSignatures(cluster: Samples.cluster).map(\.by) == [.operator("pat"), .operator("quin")])
    #expect(two.contentHash == one.contentHash)
    let twice = one.cosigned(
      cluster: Samples.cluster, as: .operator("quin"), with: Samples.key("operator/pat"))
    for signed in [twice, Signed(content: Samples.policy, signatures: [])] {
      #expect(throws: RecordError.self) {
        try Record(parsing: Record(at: Samples.time, body: .policy(signed)).bytes)
      }
    }
  }

  @Test("names that derive differ by purpose, cluster, cause and subject")
  func derivedIDs() {
    let ids = [
      DerivedID.make("token", cluster: Samples.cluster, cause: LeafIndex(1), about: LeafIndex(2)),
      DerivedID.make("nonce", cluster: Samples.cluster, cause: LeafIndex(1), about: LeafIndex(2)),
      DerivedID.make("token", cluster: Samples.digest, cause: LeafIndex(1), about: LeafIndex(2)),
      DerivedID.make("token", cluster: Samples.cluster, cause: LeafIndex(2), about: LeafIndex(2)),
      DerivedID.make("token", cluster: Samples.cluster, cause: LeafIndex(1), about: LeafIndex(1)),
    ]
    #expect(Set(ids).count == ids.count && ids.allSatisfy { $0.count == 32 && Identifier.isValid($0) })
  }
}
