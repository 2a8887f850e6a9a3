import Canonical
import Crypto
import Records
import Testing

@testable import ClawShield

/// A bundle is its author's: without a signature by a person who is enrolled it does not come into force.
struct BundleAuthorTests {
  private func signed(_ bundle: PolicyBundle, by principal: Principal, key: String? = nil) throws
    -> PolicyBundle
  {
    try bundle.authored(by: principal, with: Governed.key(key ?? principal.path))
  }

  private func refusal(_ bundle: PolicyBundle) throws -> Refusal.Code? {
    let world = try Governed()
    return try world.refusal(world.policy(bundle, id: "p", author: nil))
  }

  @Test("an operator's or an approver's bundle comes into force, by either of their keys")
  func control() throws {
    let bundle = try Registry(version: "2").bundle
    for (principal, key) in [
      (Principal.operator("pat"), "operator/pat"), (.approver("ann"), "approver/ann"),
      (.approver("ann"), "ann's second"),
    ] {
      let authored = try signed(bundle, by: principal, key: key)
      #expect(authored.isAuthentic && authored.hash != bundle.hash && authored.contentsHash == bundle.hash)
      var world = try Governed()
      let (body, attachment) = world.policy(authored, id: "p", author: nil)
      #expect(try world.append(body, attachment) == .effective)
      #expect(world.state.bundleHash == authored.hash)
    }
  }

  @Test("one that nobody signed, whose signature was stripped, or that was changed since is refused")
  func unsigned() throws {
    let bundle = try Registry(version: "2").bundle
    #expect(try refusal(bundle) == .permissionDenied)
    let authored = try signed(bundle, by: .operator("pat"))
    let changed = try PolicyBundle(files: authored.files + [("README.md", "more")])
    #expect(!changed.isAuthentic)
    #expect(try refusal(changed) == .permissionDenied)
    let stripped = try PolicyBundle(files: authored.files.filter { $0.path != BundleAuthor.path })
    #expect(stripped.hash != authored.hash)
    #expect(try refusal(stripped) == .permissionDenied)
  }

  @Test("a key that is not enrolled for the author, an agent and an executor sign no bundle")
  func strangers() throws {
    let bundle = try Registry(version: "2").bundle
    #expect(try refusal(signed(bundle, by: .operator("pat"), key: "operator/quin")) == .permissionDenied)
    #expect(try refusal(signed(bundle, by: .operator("nobody"))) == .permissionDenied)
    #expect(try refusal(signed(bundle, by: Governed.agent)) == .permissionDenied)
    #expect(try refusal(signed(bundle, by: Governed.executor)) == .permissionDenied)
  }

  @Test("a file that is no signature block is no bundle, and older semantics take none that is signed")
  func form() throws {
    #expect(throws: RecordError.self) { try Registry(files: [(BundleAuthor.path, "{}")]).bundle }
    let world = try Governed(semantics: Semantics.people - 1)
    let authored = try signed(Registry(version: "2").bundle, by: .operator("pat"))
    #expect(try world.refusal(world.policy(authored, id: "p", author: nil)) == .failedPrecondition)
    #expect(try world.refusal(world.policy(Registry(version: "2").bundle, id: "p", author: nil)) == nil)
  }

  @Test("the first bundle, for which all parties have signed, comes back without an author")
  func genesis() throws {
    let first = try Registry().bundle
    var world = try Governed()
    try world.activate(Registry(version: "2"))
    let (body, attachment) = world.policy(first, id: "back", author: nil)
    #expect(try world.append(body, attachment) == .effective)
    #expect(world.state.bundleHash == first.hash)
    #expect(try world.restored().stateRoot == world.state.stateRoot)
  }

  @Test("an OpenSSH key signs as well, in its own namespace alone")
  func ssh() throws {
    // What ssh-keygen signs is rebuilt from the bytes; see SSHBallotTests for the real program.
    let bundle = try Registry(version: "2").bundle
    let bytes = BundleAuthor.signedBytes(contents: bundle.contentsHash)
    let key = Governed.key("operator/pat")
    for (namespace, isRight) in [(BundleAuthor.sshNamespace, true), ("openexec-ballot", false)] {
      let length = { (bytes: [UInt8]) in [0, 0, 0, UInt8(bytes.count)] + bytes }
      let tbs =
        Array("SSHSIG".utf8) + length(Array(namespace.utf8)) + length([]) + length(Array("sha512".utf8))
        + length(SHA512.hash(bytes))
      let line = StatementSignature(
        by: .operator("pat"), key: key.publicKey, signature: key.sign(tbs), algorithm: .sshSHA512)
      #expect(try bundle.authored(line).isAuthentic == isRight)
    }
  }
}

/// A bundle beside the one in force: what it would have decided is recorded, and nothing acts on it.
struct ShadowTests {
  private func shadowed(_ registry: Registry) throws -> Governed {
    var world = try Governed()
    let (body, attachment) = world.policy(try registry.bundle, id: "shadow", mode: .shadow)
    #expect(try world.append(body, attachment) == .effective)
    return world
  }

  @Test("differences are recorded, and the bundle in force decides as if there were no other")
  func records() throws {
    var world = try shadowed(.rego("decision := {\"type\": \"deny\", \"reason\": \"nothing\"}", version: "2"))
    var plain = try Governed()
    let index = try world.propose(requestID: "r")
    let same = try plain.propose(requestID: "r")
    try world.settle()
    let kept = try world.view(index)
    let alone = try plain.view(same)
    #expect(kept.status == .approved && kept.rules == alone.rules)
    let view = try #require(world.state.shadowView)
    #expect(view.decided == 1 && view.differing == 1 && view.differences.count == 1)
    #expect(view.differences[0].proposal == index && view.differences[0].record != nil)
    #expect(view.differences[0].message.contains("approve in force, deny under bundle 2"))
    #expect(world.state.inForce(limit: 10).entries.isEmpty)
    #expect(try world.restored().stateRoot == world.state.stateRoot)
    let restored = try world.restored()
    #expect(restored.shadowView?.differences.count == 1)
  }

  @Test("other demands are a difference, and the same decision is none")
  func demands() throws {
    var registry = Registry(version: "2")
    registry.publishFilters = []
    var world = try shadowed(registry)
    _ = try world.propose(action: "publish", parameters: [:])
    #expect(world.state.shadowView?.differing == 0)
    registry.publishRejections = 1
    var stricter = try shadowed(
      .rego(
        """
        decision := {"type": "require_multi_sig", "demands": [{"role": "security", "count": 1}]}
        """, version: "3"))
    _ = try stricter.propose(action: "publish", parameters: [:])
    try stricter.settle()
    #expect(stricter.state.shadowView?.differing == 1)
    #expect(stricter.state.shadowView?.differences.first?.message.contains("1 × security") == true)
  }

  @Test("so many differences are recorded, and those after them counted")
  func bounded() throws {
    var world = try shadowed(.rego("decision := {\"type\": \"deny\"}", version: "2"))
    for _ in 0..<(ShadowedCell.maximumRecorded + 3) {
      _ = try world.propose()
      try world.settle()
    }
    let view = try #require(world.state.shadowView)
    #expect(view.differing == ShadowedCell.maximumRecorded + 3)
    #expect(view.differences.count == ShadowedCell.maximumRecorded)
  }

  @Test("it ends by an act that names it, or by coming into force; an unsigned one does not begin")
  func ends() throws {
    var world = try shadowed(Registry(version: "2"))
    let bundle = world.authored(try Registry(version: "2").bundle)
    #expect(
      try world.refusal(world.policy(Registry(version: "3").bundle, id: "no", mode: .unshadow))
        == .failedPrecondition)
    #expect(
      try world.refusal(world.policy(Registry(version: "3").bundle, id: "no", mode: .shadow, author: nil))
        == .permissionDenied)
    var ended = world
    let (body, attachment) = ended.policy(bundle, id: "end", mode: .unshadow)
    #expect(try ended.append(body, attachment) == .effective)
    #expect(ended.state.shadowView == nil)
    #expect(try ended.restored().stateRoot == ended.state.stateRoot)
    let act = world.policy(bundle, id: "activate")
    #expect(try world.append(act.0, act.1) == .effective)
    #expect(world.state.shadowView == nil && world.state.bundleHash == bundle.hash)
  }

  @Test("one operator alone has no bundle asked, and older semantics know no shadow")
  func people() throws {
    let world = try Governed()
    let bundle = try Registry(version: "2").bundle
    #expect(try world.refusal(world.policy(bundle, id: "p", by: ["pat"], mode: .shadow)) == .permissionDenied)
    let old = try Governed(semantics: Semantics.people - 1)
    #expect(try old.refusal(old.policy(bundle, id: "p", mode: .shadow)) == .failedPrecondition)
  }
}
