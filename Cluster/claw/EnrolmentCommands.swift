import Canonical
import Crypto
import Host
import Network
import Records

/// Who may act: enrolled and revoked by at least two operators.
enum EnrolmentCommands {
  /// What is said of someone who is to be enrolled, whichever command says it.
  static let standing = [
    CommandOption("--role", "ROLE", "a role it holds; default the kind, for people", isRepeated: true),
    CommandOption("--tenant", "ID", "the tenant it belongs to; agents must have one"),
    CommandOption("--scope", "SCOPE", "a scope that an agent may ask for", isRepeated: true),
    CommandOption("--expires", "WHEN", "a number of days, or a time (RFC 3339, UTC); default 365"),
    CommandOption("--isolation", "CLASS", "executors: what it offers", isRepeated: true),
  ]

  static let all: [Command] = [
    Command(
      "enrol", "enrol an agent, approver, operator, executor or auditor", operands: ["KIND", "NAME"],
      options: [
        CommandOption(
          "--key", "FILE", "its public signing key, 64 hexadecimal characters or an OpenSSH .pub file"),
        CommandOption(
          "--request", "FILE", "its certificate request (PEM); the key, where --key is not given"),
        CommandOption("--second-key", "FILE", "the same person's second key, for require_mfa"),
        CommandOption("--owner", "ID", "the person who answers for it; distinct people, distinct owners"),
        CommandOption("--incarnation", "N", "executors: one more after a lost nonce registry; default 1"),
        CommandOption(
          "--authority", "DIR", "with --request: folder with ca.crt and ca.key that certifies it"),
        CommandOption("--certificate", "FILE", "with --authority: where the certificate goes"),
      ] + standing + Acts.options + Command.session,
      details: """
        KIND is agent, approver, operator, executor or auditor. The enrolment replaces an earlier one of
        the same name. It takes two distinct operators: --sign-with DIR, or --draft FILE and claw cosign.
        """, run: enrol),
    Command(
      "revoke", "end an enrolment; at least two operators", operands: ["KIND", "NAME"],
      options: [CommandOption("--tenant", "ID", "an agent's tenant")] + Acts.options + Command.session,
      run: revoke),
  ]

  /// Who a kind and a name are.
  static func principal(kind: String, name: String, tenant: String?) throws -> Principal {
    let path =
      kind == "agent"
      ? "tenant/\(try required(tenant, "--tenant"))/agent/\(name)" : "\(kind)/\(name)"
    guard ["agent", "approver", "operator", "executor", "auditor"].contains(kind),
      let principal = Principal(path: path)
    else {
      throw UsageError(
        "expected agent, approver, operator, executor or auditor, and a name; found \(kind) \(name)")
    }
    return principal
  }

  private static func required(_ value: String?, _ name: String) throws -> String {
    guard let value else { throw UsageError("expected \(name)") }
    return value
  }

  /// A public key in a file: 64 hexadecimal characters, or a line of an OpenSSH public key file.
  static func publicKey(_ path: String) throws -> PublicKey {
    var text = try Files.readText(path, limit: 4096)
    if text.hasSuffix("\n") { text.removeLast() }
    if let key = PublicKey(hex: text) { return key }
    do {
      return try PublicKey(openSSH: text)
    } catch {
      let found = text.hasPrefix("ssh-") || text.hasPrefix("ecdsa-") ? ": \(error.words)" : ""
      throw Failure(
        .other,
        "\(path): expected an Ed25519 public key, 64 hexadecimal characters or ssh-ed25519 and base64\(found)"
      )
    }
  }

  /// What the options say of someone who is to be enrolled.
  static func enrolment(_ principal: Principal, key: PublicKey, kind: String, _ parsed: ParsedCommand) throws
    -> Enrolment
  {
    var roles = parsed.all("--role")
    if roles.isEmpty, ["approver", "operator", "auditor"].contains(kind) { roles = [kind] }
    var isolation: [IsolationClass] = []
    for text in parsed.all("--isolation") {
      guard let value = IsolationClass(rawValue: text) else {
        let known = IsolationClass.allCases.map(\.rawValue).joined(separator: ", ")
        throw UsageError("--isolation: expected one of \(known), found \"\(text)\"")
      }
      isolation.append(value)
    }
    if kind == "executor", isolation.isEmpty { throw UsageError("expected --isolation for an executor") }
    return Enrolment(
      principal: principal, key: key,
      secondKey: try parsed.value("--second-key").map { try publicKey($0) },
      roles: try roles.map { try Operand.identifier($0, "--role") },
      tenantID: try parsed.value("--tenant").map { try Operand.identifier($0, "--tenant") } ?? "",
      owner: try Operand.identifier(try parsed.required("--owner"), "--owner"),
      scopes: try parsed.all("--scope").map { try Operand.identifier($0, "--scope") },
      expiresAt: try Operand.expiry(parsed.value("--expires") ?? "365", "--expires"),
      incarnation: kind == "executor"
        ? try parsed.integer("--incarnation", in: 1...1_000_000, default: 1) : 0,
      isolationClasses: isolation.sorted())
  }

  private static func enrol(_ call: Invocation) throws -> ExitCode {
    let parsed = call.parsed
    let kind = parsed.operand(0) ?? ""
    let principal = try principal(kind: kind, name: parsed.operand(1) ?? "", tenant: parsed.value("--tenant"))
    let request = try parsed.value("--request").map {
      try CertificateRequest.read(pem: try Files.read($0, limit: 1 << 16))
    }
    let key: PublicKey
    if let path = parsed.value("--key") {
      key = try publicKey(path)
    } else if let request {
      guard let found = request.ed25519Key.flatMap({ PublicKey($0) }) else {
        throw Failure(.other, "the certificate request's key is not an Ed25519 key; give --key as well")
      }
      key = found
      call.remark(
        "enrolled with the key of the certificate request, \(key.hex); who signs with another, such as claw identity "
          + "create's signing.pub, needs --key")
    } else {
      throw UsageError("expected --key or --request")
    }
    let enrolment = try enrolment(principal, key: key, kind: kind, parsed)
    let session = try Session(parsed)
    let cluster = try session.cluster()
    try certify(principal, request, parsed)
    let act = EnrolmentAct(
      actID: "enrol-\(Environment.freshID())", enrol: enrolment, validUntil: try Statements.validity(parsed))
    let draft = Acts.Draft(
      method: "Admin/Enrol", body: .enrol(try Acts.sign(act, session, cluster, parsed)))
    return try Acts.conclude(draft, session, cluster, call, what: "enrol \(principal.path)")
  }

  /// Issues the certificate that was asked for, where an authority is at hand.
  private static func certify(_ principal: Principal, _ request: CertificateRequest?, _ parsed: ParsedCommand)
    throws
  {
    guard let folder = parsed.value("--authority") else { return }
    guard let request else { throw UsageError("--authority certifies what --request asks for") }
    let session = try ClientIdentity(parsed)
    let authority = try CertificateAuthority(
      certificatePEM: try Files.read("\(folder)/ca.crt", limit: 1 << 20),
      keyPEM: try Files.readSecret("\(folder)/ca.key", limit: 1 << 20), domain: session.domain)
    let certificate = try authority.issue(to: try IdentityFolder.peer(principal), request: request)
    try Files.write(try certificate.pem(), to: try parsed.required("--certificate"))
  }

  private static func revoke(_ call: Invocation) throws -> ExitCode {
    let principal = try principal(
      kind: call.parsed.operand(0) ?? "", name: call.parsed.operand(1) ?? "",
      tenant: call.parsed.value("--tenant"))
    let session = try Session(call.parsed)
    let key = try session.cluster()
    let act = EnrolmentAct(
      actID: "revoke-\(Environment.freshID())", revoke: principal,
      validUntil: try Statements.validity(call.parsed))
    let draft = Acts.Draft(
      method: "Admin/Enrol", body: .enrol(try Acts.sign(act, session, key, call.parsed)))
    return try Acts.conclude(draft, session, key, call, what: "revoke \(principal.path)")
  }
}
