import ClawShield
import Crypto
import Records
import Testing

/// Ballots by OpenSSH keys, as governance takes them.
struct SSHBallotTests {
  /// What an OpenSSH key signs (OpenSSH `PROTOCOL.sshsig`), spelled out here once more.
  private func signed(
    _ content: Ballot, _ world: Governed, key name: String, namespace: String = "openexec-ballot"
  )
    -> StatementSignature
  {
    let message = Statement.bytes(.ballot, cluster: world.cluster, content: content.json)
    var bytes = Array("SSHSIG".utf8)
    for field in [Array(namespace.utf8), [], Array("sha512".utf8), SHA512.hash(message)] {
      bytes += [0, 0, UInt8(field.count >> 8), UInt8(field.count & 255)] + field
    }
    let key = Governed.key(name)
    return StatementSignature(
      by: content.voter, key: key.publicKey, signature: key.sign(bytes), algorithm: .sshSHA512)
  }

  private func ballot(_ world: Governed, _ index: LeafIndex, namespace: String = "openexec-ballot") throws
    -> (RecordBody, Attachment)
  {
    let (body, attachment) = try world.ballot(.approver("ann"), on: index)
    guard case .ballot(let plain) = body else { throw TestFailure("a ballot") }
    let line = signed(plain.content, world, key: "approver/ann", namespace: namespace)
    return (.ballot(Signed(content: plain.content, signatures: [line])), attachment)
  }

  @Test("one counts as any other, in our namespace alone, since semantics 3")
  func counts() throws {
    var world = try Governed()
    let index = try world.propose(action: "publish")
    try world.settle()
    #expect(try world.refusal(ballot(world, index, namespace: "git")) == .permissionDenied)
    let (body, attachment) = try ballot(world, index)
    guard case .ballot(let good) = body else { throw TestFailure("a ballot") }
    let line = good.signatures[0]
    let relabelled = StatementSignature(by: line.by, key: line.key, signature: line.signature)
    #expect(
      try world.refusal((.ballot(Signed(content: good.content, signatures: [relabelled])), attachment))
        == .permissionDenied)
    #expect(try world.append(body, attachment) == .effective)
    #expect(try world.view(index).demands.map(\.approved) == [1])
    try world.vote("bob", on: index)
    try world.settle()
    #expect(try world.view(index).status == .approved)

    var old = try Governed(semantics: 2)
    let waiting = try old.propose(action: "publish")
    try old.settle()
    #expect(try old.refusal(ballot(old, waiting)) == .failedPrecondition)
  }
}
