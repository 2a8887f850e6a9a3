import Canonical
import EventLoop
import Host
import Network
import Records

/// Certificates that take the place of others, while the programs that use them run.
enum RenewalCommands {
  private static let days = CommandOption("--days", "N", "how long it is valid; default 365")

  static let all: [Command] = [
    Command(
      "party renew", "make this party's node another key and certificate",
      options: [CommandOption("--dir", "DIR", "the party's folder"), days, ClockCheck.option],
      details: "A node that runs takes them up within seconds, and cuts no call short.\n" + both + "\n"
        + afterwards,
      run: party),
    Command(
      "identity renew", "make someone another key for connections, and put its certificate in place",
      options: [
        CommandOption("--dir", "DIR", "the identity's folder"),
        CommandOption("--authority", "DIR", "folder with ca.crt and ca.key that certifies it at once"),
        CommandOption("--certificate", "FILE", "what claw party certify has made of the request"), days,
        ClockCheck.option,
      ],
      details: """
        With neither option it makes the key beside the one in use, and client.csr: public, for a party's claw party
        certify --request. With --certificate both come into use. An executor that runs takes them up within seconds.
        The key that statements are signed with stays: for another see claw rotate.
        """ + "\n" + both + "\n" + afterwards, run: identity),
    Command(
      "revoke-certificates", "refuse someone's earlier certificates everywhere", operands: ["PRINCIPAL"],
      options: [
        CommandOption(
          "--since", "FILE|TIME",
          "the certificate that took their place; or a time, before which none is taken")
      ] + IncidentCommands.restriction + Acts.signing + Command.session,
      details: """
        PRINCIPAL is node/<n>, executor/<e>, tenant/<t>/agent/<a>, approver/<a>, operator/<o> or auditor/<a>; a node that is
        or was a member, or somebody who is enrolled. Connections that were made with one of them end. Of a node's, and of
        another operator's, two operators sign (--sign-with, or --draft and claw cosign); of others' and of one's own one
        suffices. Two lift it.
        """ + "\n" + IncidentCommands.binding, run: revoke),
  ]

  private static let afterwards =
    "The old certificate is taken until it ends, or until claw revoke-certificates PRINCIPAL --since FILE."

  private static let both = """
    Key and certificate are written beside the old ones, held against each other, and then put in place, the key first. What
    fails before that leaves the old pair. A host that stops between the two leaves the new key with the old certificate: a
    program that runs goes on with its old pair, one that starts says that they do not fit, and the same command once more
    puts a pair in place. Links are refused: renew where they point.
    """

  private static func options(
    after pair: CertificatePair, by authority: CertificateAuthority, _ call: Invocation
  ) throws -> CertificateAuthority.LeafOptions {
    let days = try call.parsed.integer("--days", in: 1...3650, default: IssuedTime.days)
    let options = try IssuedTime(by: authority.certificate, after: pair).options(days: days)
    ClockCheck.warn(call)
    return options
  }

  private static func party(_ call: Invocation) throws -> ExitCode {
    let folder = try PartyFolder(path: try call.parsed.required("--dir"))
    let name = folder.invitation.name
    let pair = CertificatePair(certificate: "\(folder.path)/node.crt", key: "\(folder.path)/node.key")
    let authority = try folder.authority()
    try pair.issue(to: .node(name), by: authority, try options(after: pair, by: authority, call))
    say(.node(name), pair.certificate, call)
    return .ok
  }

  private static func identity(_ call: Invocation) throws -> ExitCode {
    let parsed = call.parsed
    let path = try parsed.required("--dir")
    let (principal, domain) = try owner(of: path)
    let peer = try IdentityFolder.peer(principal)
    let pair = CertificatePair(certificate: "\(path)/client.crt", key: "\(path)/client.key")
    let next = "\(path)/client.key.next"
    if let folder = parsed.value("--authority") {
      guard parsed.value("--certificate") == nil else {
        throw UsageError("expected --authority or --certificate, not both")
      }
      let authority = try CertificateAuthority(
        certificatePEM: try Files.read("\(folder)/ca.crt", limit: 1 << 20),
        keyPEM: try Files.readSecret("\(folder)/ca.key", limit: 1 << 20), domain: domain)
      try pair.issue(to: peer, by: authority, try options(after: pair, by: authority, call))
      say(principal, pair.certificate, call)
      return .ok
    }
    guard let file = parsed.value("--certificate") else {
      let key = try PrivateKey.generate()
      try Files.write(try key.pem(), to: next, mode: 0o600)
      try Files.write(try CertificateRequest.create(for: key).pem(), to: "\(path)/client.csr")
      call.say(
        Report(
          """
          \(path)/client.csr: public; to a party's claw party certify --principal \(principal.path) --request FILE
          then: claw identity renew --dir \(path) --certificate FILE
          """,
          [("principal", .string(principal.path)), ("request", .string("\(path)/client.csr"))]))
      return .ok
    }
    guard Files.exists(next) else {
      throw Failure(
        .other, "\(next) is missing: first claw identity renew --dir \(path), which makes the request")
    }
    let chain = try Files.read(file, limit: 1 << 20)
    let secret = try Files.readSecret(next, limit: 1 << 20)
    try pair.replace(chain: chain, secret: secret, of: peer, in: domain, from: file)
    try Files.destroy(next)
    say(principal, pair.certificate, call)
    return .ok
  }

  /// Whose folder it is.
  private static func owner(of path: String) throws -> (Principal, TrustDomain) {
    let candidates = ["\(path)/\(ClientIdentity.file)", "\(path)/executor.json"]
    guard let file = candidates.first(where: Files.exists) else {
      throw Failure(.usage, "\(path) is no identity folder: expected client.json or executor.json in it")
    }
    let value = try JSON.parse(try Files.read(file, limit: 1 << 20))
    guard let principal = (value["principal"]?.string).flatMap(Principal.init(path:)),
      let domain = (value["trust_domain"]?.string).flatMap(TrustDomain.init)
    else { throw Failure(.other, "\(file): expected a principal and a trust_domain") }
    return (principal, domain)
  }

  private static func say(_ principal: Principal, _ certificate: String, _ call: Invocation) {
    // Of a node's certificates two people say that they are refused.
    let cosigner = if case .node = principal { " --sign-with DIR" } else { "" }
    call.say(
      Report(
        """
        \(certificate): another key and certificate for \(principal.path)
        when it is in use: claw revoke-certificates \(principal.path) --since \(certificate)\(cosigner)
        """,
        [("principal", .string(principal.path)), ("certificate", .string(certificate))]))
  }

  private static func revoke(_ call: Invocation) throws -> ExitCode {
    let text = call.parsed.operand(0) ?? ""
    guard let principal = Principal(path: text) else {
      throw UsageError(
        "PRINCIPAL: expected such as node/<n>, executor/<e> or tenant/<t>/agent/<a>, found \"\(text)\"")
    }
    let domain = try ClientIdentity(call.parsed).domain
    let before = try since(try call.parsed.required("--since"), of: principal, in: domain)
    return try IncidentCommands.restrict(.revoke, .certificates(of: principal, before: before), call)
  }

  /// A whole second: the beginning of a certificate, or a time.
  private static func since(_ text: String, of principal: Principal, in domain: TrustDomain) throws
    -> Timestamp
  {
    var seconds = Timestamp(text: text).map { $0.nanoseconds / 1_000_000_000 }
    if seconds == nil {
      let leaf: Certificate
      do {
        leaf = try Certificate.read(pem: try Files.read(text, limit: 1 << 20))[0]
      } catch {
        throw UsageError(
          "--since: expected a certificate's file or a time (RFC 3339, UTC), found \"\(text)\": \(error)")
      }
      let whose = try leaf.identity(in: domain)
      guard whose.path == "/\(principal.path)" else {
        throw Failure(.other, "\(text): expected a certificate of \(principal.path), found one of \(whose)")
      }
      seconds = leaf.validFrom
    }
    // What a `Timestamp` holds, in the year 2255.
    guard let seconds, (1...9_000_000_000).contains(seconds),
      let time = Timestamp(nanoseconds: seconds * 1_000_000_000)
    else {
      throw UsageError("--since: expected a certificate's file or a time (RFC 3339, UTC), found \"\(text)\"")
    }
    return time
  }
}
