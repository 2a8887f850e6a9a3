import Canonical
import Crypto
import Host
import Records

/// How a ballot is signed: by the identity's own keys, by `ssh-keygen` here, or by `ssh-keygen` elsewhere, from a file.
enum BallotSigning {
  static let namespace = Ballot.sshNamespace ?? ""

  static let options = [
    CommandOption(
      "--ssh-key", "FILE", "sign with this OpenSSH Ed25519 key instead of the identity's: ssh-keygen does it"),
    CommandOption(
      "--second-ssh-key", "FILE", "sign with this OpenSSH key as well, where it is one's second"),
    CommandOption(
      "--to-sign", "FILE", "write what is to be signed, for ssh-keygen on another host and claw cast here"),
  ]

  /// Signs here, as the options say.
  static func sign(_ content: Ballot, _ identity: ClientIdentity, _ key: ClusterKey, _ parsed: ParsedCommand)
    throws
    -> Signed<Ballot>
  {
    var lines: [StatementSignature] = []
    if let file = parsed.value("--ssh-key") {
      lines.append(try ssh(content, key, with: file))
    } else if content.vote == .confirm {
      lines += try identity.secondSignature(content, cluster: key.cluster)
    } else {
      lines += try identity.sign(content, cluster: key.cluster, withSecondKey: true).signatures
    }
    if let file = parsed.value("--second-ssh-key") { lines.append(try ssh(content, key, with: file)) }
    return Signed(content: content, signatures: lines)
  }

  private static func ssh(_ content: Ballot, _ key: ClusterKey, with file: String) throws
    -> StatementSignature
  {
    let bytes = Statement.bytes(.ballot, cluster: key.cluster, content: content.json)
    let armored = try SSHKeygen.sign(bytes, key: file, namespace: namespace)
    return try line(armored, content, key, from: "ssh-keygen")
  }

  /// A signature block of what `ssh-keygen` made, checked before it is handed in.
  static func line(_ armored: String, _ content: Ballot, _ key: ClusterKey, from source: String) throws
    -> StatementSignature
  {
    let bytes = Statement.bytes(.ballot, cluster: key.cluster, content: content.json)
    do {
      let signature = try SSHSignature(armored: armored)
      try signature.verify(bytes, namespace: namespace, key: signature.publicKey)
      if let line = StatementSignature(by: content.voter, signature, namespace: namespace) { return line }
      throw Failure(.other, "\(source): expected nothing in the signature's reserved field")
    } catch let error as SSHSignatureError {
      throw Failure(.other, "\(source): \(error.words)")
    }
  }

  // MARK: Elsewhere

  /// Writes the exact bytes to be signed, and beside them what belongs to them.
  static func write(
    _ content: Ballot, _ attachment: Attachment, _ key: ClusterKey, to path: String, _ call: Invocation
  ) throws -> ExitCode {
    let bytes = Statement.bytes(.ballot, cluster: key.cluster, content: content.json)
    let draft = JSON.object([
      ("cluster", .string(key.cluster.hex)), ("content", content.json),
      ("attachment", .string(Base64.encode(attachment.bytes))),
    ])
    try Files.write(String(decoding: bytes, as: UTF8.self), to: path)
    try Files.write(draft.indented, to: path + ".ballot")
    call.say(
      Report(
        """
        \(path): not submitted. Sign it where the key is, and hand it in here:
          ssh-keygen -Y sign -n \(namespace) -f KEY \(path)
          claw cast \(path)
        """,
        [
          ("to_sign", .string(path)), ("namespace", .string(namespace)),
          ("voter", .string(content.voter.path)),
          ("submitted", false),
        ]))
    return .ok
  }

  /// Reads what `write` wrote; the bytes must be the ballot's.
  static func read(_ path: String, _ key: ClusterKey) throws -> (Ballot, Attachment) {
    var file = try ConfigurationSection(file: path + ".ballot")
    let cluster = try file.text("cluster")
    guard cluster == key.cluster.hex else {
      throw Failure(.other, "\(path) is for cluster \(cluster); this identity's is \(key.cluster.hex)")
    }
    let value = try file.value("content", "a ballot") { $0 }
    let attached = try file.value("attachment", "base64") { $0.string.flatMap(Base64.decode) }
    try file.finish()
    var fields = try Fields(value, at: "content")
    let content = try Ballot(from: &fields)
    try fields.finish()
    let bytes = Statement.bytes(.ballot, cluster: key.cluster, content: content.json)
    guard try Files.read(path, limit: 1 << 16) == bytes else {
      throw Failure(.other, "\(path) is not the statement of \(path).ballot any more")
    }
    return (content, try Attachment(parsing: attached))
  }
}

extension SSHSignatureError {
  /// What was expected, for people.
  var words: String {
    switch self {
    case .tooLong(let count):
      "expected at most \(SSHSignature.maximumLength) bytes, found \(count)"
    case .notAnSSHSignature: "expected what ssh-keygen -Y sign writes"
    case .unsupportedVersion(let version): "expected version 1 of the format, found \(version)"
    case .unsupportedKeyType(let type): "expected an ssh-ed25519 key, found \(type)"
    case .unsupportedHash(let hash): "expected the hash sha512 or sha256, found \(hash)"
    case .emptyNamespace: "expected a namespace"
    case .malformed: "the signature or key is damaged"
    case .wrongNamespace(let expected, let found):
      "expected a signature of namespace \(expected) (ssh-keygen -Y sign -n \(expected)), found \(found)"
    case .wrongKey: "it is by another key"
    case .invalid: "the signature is over something else than this ballot"
    }
  }
}
