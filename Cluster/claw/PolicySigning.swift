import Canonical
import Crypto
import Host
import Records

/// `claw policy sign`: the author of a bundle puts their name under it, in its own folder.
enum PolicySigning {
  static let command = Command(
    "policy sign", "sign a bundle as its author: writes \(BundleAuthor.path) into its folder",
    operands: ["FOLDER"],
    options: [
      CommandOption("--as", "DIR", "identity folder of an operator or approver; default $CLAW_IDENTITY"),
      CommandOption("--images", "DIR", "built images with digests.json, as policy activate takes them"),
      CommandOption(
        "--ssh-key", "FILE",
        "sign with this OpenSSH Ed25519 key instead of the identity's: ssh-keygen does it"),
    ],
    details: """
      The signature covers every other file of the bundle, with the images' digests in it where --images fills them; what
      is changed afterwards is not the author's. A bundle comes into force only with the signature of a person who is
      enrolled; those who put it in force sign it besides. Another bundle needs another signature.
      """, run: run)

  private static func run(_ call: Invocation) throws -> ExitCode {
    let folder = call.parsed.operand(0) ?? ""
    guard Files.isFolder(folder) else {
      throw UsageError("FOLDER: expected a folder; an archive is made of it after it is signed")
    }
    let identity = try ClientIdentity(call.parsed)
    switch identity.principal {
    case .approver, .operator: break
    case .agent, .executor, .node, .auditor:
      throw Failure(.denied, "people write bundles; this identity is \(identity.principal.path)")
    }
    let bundle = try PolicyFolder.read(folder, images: call.parsed.value("--images"))
    let bytes = BundleAuthor.signedBytes(contents: bundle.contentsHash)
    let line: StatementSignature
    if let file = call.parsed.value("--ssh-key") {
      line = try ssh(bytes, identity.principal, key: file)
    } else {
      let key = try identity.signingKey()
      line = StatementSignature(by: identity.principal, key: key.publicKey, signature: key.sign(bytes))
    }
    let authored = try bundle.authored(line)
    guard authored.isAuthentic else { throw Failure(.other, "\(folder): the signature does not verify") }
    try Files.write(BundleAuthor.text(line), to: "\(folder)/\(BundleAuthor.path)")
    call.say(
      Report(
        "\(folder): signed by \(identity.principal.path)\nbundle hash \(authored.hash.hex)",
        [
          ("author", .string(identity.principal.path)), ("policy_bundle_hash", .string(authored.hash.hex)),
          ("contents_hash", .string(authored.contentsHash.hex)),
        ]))
    return .ok
  }

  private static func ssh(_ bytes: [UInt8], _ author: Principal, key file: String) throws
    -> StatementSignature
  {
    let namespace = BundleAuthor.sshNamespace
    do {
      let signature = try SSHSignature(
        armored: try SSHKeygen.sign(bytes, key: file, namespace: namespace))
      try signature.verify(bytes, namespace: namespace, key: signature.publicKey)
      if let line = StatementSignature(by: author, signature, namespace: namespace) { return line }
      throw Failure(.other, "ssh-keygen: expected nothing in the signature's reserved field")
    } catch let error as SSHSignatureError {
      throw Failure(.other, "ssh-keygen: \(error.words)")
    }
  }
}

extension PolicyBundle {
  /// Who wrote it, for people.
  var authorWords: String {
    guard let author else { return "nobody has signed it as its author: claw policy sign" }
    return isAuthentic
      ? "signed by \(author.by.path), key \(author.key.hex.prefix(16))…"
      : "the signature of \(author.by.path) is over other contents than these"
  }
}
