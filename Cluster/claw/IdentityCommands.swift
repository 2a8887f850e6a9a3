import Canonical
import Crypto
import Host
import Network
import Records

/// Identities whose keys are made where they are used.
enum IdentityCommands {
  static let all: [Command] = [
    Command(
      "identity create", "make someone's keys; write the enrolment and the certificate request",
      operands: ["KIND", "NAME"],
      options: [
        CommandOption("--dir", "DIR", "the identity's folder"),
        CommandOption("--owner", "ID", "the person who answers for it"),
        CommandOption("--incarnation", "N", "executors: default 1"),
        CommandOption("--second-key", "FILE", "the same person's second public key, for require_mfa"),
        CommandOption(
          "--ssh-key", "FILE", "approvers: the OpenSSH public key that they vote with; no other key is made"),
      ] + EnrolmentCommands.standing,
      details: """
        KIND is agent, approver, operator, executor or auditor. enrolment.json and client.csr are public:
        the first goes into claw party plan (or its key into claw enrol), the second to a party's
        claw party certify.
        """, run: create),
    Command(
      "identity connect", "give an identity its certificate and the cluster's nodes",
      options: [
        CommandOption("--dir", "DIR", "the identity's folder"),
        CommandOption("--certificate", "FILE", "from claw party certify"),
        CommandOption("--directory", "FILE", "directory.json, which claw party join and claw init write"),
        CommandOption("--images", "DIR", "executors: where images lie; default images"),
      ], run: connect),
    IdentityNodes.command,
  ]

  private static func create(_ call: Invocation) throws -> ExitCode {
    let parsed = call.parsed
    let kind = parsed.operand(0) ?? ""
    let principal = try EnrolmentCommands.principal(
      kind: kind, name: parsed.operand(1) ?? "", tenant: parsed.value("--tenant"))
    _ = try IdentityFolder.peer(principal)
    let folder = IdentityFolder(path: try parsed.required("--dir"), principal: principal)
    guard !Files.exists("\(folder.path)/signing.key"), !Files.exists("\(folder.path)/enrolment.json") else {
      throw Failure(.other, "\(folder.path) holds an identity already; nothing is overwritten")
    }
    let ssh = try parsed.value("--ssh-key").map { try EnrolmentCommands.publicKey($0) }
    guard ssh == nil || kind == "approver" else {
      throw UsageError("--ssh-key: OpenSSH keys sign ballots alone, and so are for approvers")
    }
    // Read before any key is made, so that a wrong option leaves nothing behind.
    var probe = SystemRandom()
    _ = try EnrolmentCommands.enrolment(
      principal, key: SigningKey.generate(using: &probe).publicKey, kind: kind, parsed)
    let key = try ssh.map { try folder.keep($0) } ?? folder.createSigningKey()
    try folder.createRequest()
    let enrolment = try EnrolmentCommands.enrolment(principal, key: key, kind: kind, parsed)
    try Files.write(enrolment.json.indented, to: "\(folder.path)/enrolment.json")
    call.say(
      Report(
        "\(principal.path) in \(folder.path)\nkey \(key.hex)\npublic: enrolment.json, client.csr",
        [("principal", .string(principal.path)), ("key", .string(key.hex)), ("enrolment", enrolment.json)]))
    return .ok
  }

  private static func connect(_ call: Invocation) throws -> ExitCode {
    let path = try call.parsed.required("--dir")
    let enrolment = try Enrolment(try JSON.parse(try Files.read("\(path)/enrolment.json", limit: 1 << 20)))
    let directory = try readDirectory(try call.parsed.required("--directory"))
    let pem = try Files.read(try call.parsed.required("--certificate"), limit: 1 << 20)
    guard let certificate = try Certificate.read(pem: pem).first,
      try certificate.identity(in: directory.domain) == IdentityFolder.peer(enrolment.principal)
    else { throw Failure(.other, "the certificate is not for \(enrolment.principal.path)") }
    try Files.write(pem, to: "\(path)/client.crt")
    let folder = IdentityFolder(path: path, principal: enrolment.principal)
    if case .executor = enrolment.principal {
      try folder.writeExecutor(directory, enrolment, images: call.parsed.value("--images") ?? "images")
    } else {
      try folder.writeClient(directory)
    }
    call.say(
      Report(
        "\(enrolment.principal.path) knows \(directory.parties.map(\.name).joined(separator: ", "))",
        [
          ("principal", .string(enrolment.principal.path)),
          ("nodes", .array(directory.parties.map { .string($0.name) })),
        ]))
    return .ok
  }

  // MARK: The directory

  /// Writes what clients need to know of the nodes: public, the same for all.
  static func writeDirectory(_ directory: ClusterDirectory, to path: String) throws {
    let value = JSON.object([
      ("trust_domain", .string(directory.domain.name)), ("threshold", .integer(directory.threshold)),
      (
        "nodes",
        .array(
          directory.parties.map {
            .object([
              ("id", .integer($0.id)), ("name", .string($0.name)), ("key", .string($0.key.hex)),
              ("peers_address", .string($0.peersAddress)), ("clients_address", .string($0.clientsAddress)),
              ("authority", .string($0.authority)),
            ])
          })
      ),
    ])
    try Files.write(value.indented, to: path)
  }

  private static func readDirectory(_ path: String) throws -> ClusterDirectory {
    var file = try ConfigurationSection(file: path)
    let domain = try file.value("trust_domain", "a SPIFFE trust domain") {
      $0.string.flatMap(TrustDomain.init)
    }
    let threshold = try file.integer("threshold", in: 1...64)
    let parties = try file.sections("nodes") { (node) throws(ConfigurationError) in
      Invitation(
        id: try node.integer("id", in: 1...65_535), name: try node.partyName("name"), domain: domain,
        peersAddress: try node.text("peers_address"), clientsAddress: try node.text("clients_address"),
        authority: try node.text("authority"),
        key: try node.value("key", "an Ed25519 public key in hexadecimal") { json in
          json.string.flatMap(PublicKey.init(hex:))
        })
    }
    try file.finish()
    return ClusterDirectory(domain: domain, threshold: threshold, parties: parties)
  }
}
