import Canonical
import Crypto
import Host
import Network
import Records

/// The ceremony of a cluster that nobody owns alone: each party's keys and authority are made on its own
/// host and stay there; only public bundles travel, and people compare one fingerprint.
enum PartyCommands {
  static let all: [Command] = [
    Command(
      "party create", "make this host's party: its keys and its certificate authority",
      options: [
        CommandOption("--dir", "DIR", "the party's folder"),
        CommandOption("--name", "NAME", "the party's name"),
        CommandOption("--id", "N", "its number among the parties, 1 to 65535"),
        CommandOption("--trust-domain", "NAME", "the same at all parties"),
        CommandOption("--peers", "ADDRESS", "where the other nodes reach this one, host:port"),
        CommandOption("--clients", "ADDRESS", "where clients reach it, host:port"),
        CommandOption("--listen-peers", "ADDRESS", "default as --peers, where that is a number"),
        CommandOption("--listen-clients", "ADDRESS", "default as --clients, where that is a number"),
      ], details: "Secrets are written with mode 0600 and never leave DIR.", run: create),
    Command(
      "party invite", "write this party's public bundle, to be carried to the others",
      options: [
        CommandOption("--dir", "DIR", "the party's folder"), CommandOption("--out", "FILE", "the bundle"),
      ], run: invite),
    Command(
      "party plan", "write what all parties share: name, threshold, policy, first enrolments",
      options: [
        CommandOption("--name", "NAME", "the cluster's name"),
        CommandOption("--threshold", "T", "parties that must sign"),
        CommandOption(
          "--parties", "N",
          "how many there will be, so that T is held against it here and not first where they join"),
        CrashOnly.option,
        CommandOption("--policy", "DIR", "the policy bundle; default Deploy/policy"),
        CommandOption("--images", "DIR", "built images with digests.json"),
        CommandOption("--enrolment", "FILE", "from claw identity create", isRepeated: true),
        SemanticsOption.option, CommandOption("--out", "FILE", "the plan"),
      ],
      details: """
        One party writes it; all others read it before they join. T is safe for at most 2T - 2 parties: among more, one that
        lies could fork the ledger. Such a plan is refused without --crash-only, here and where parties join.
        """, run: plan),
    Command(
      "party join", "take the others' bundles and the plan; write node.json and ceremony.json",
      options: [
        CommandOption("--dir", "DIR", "the party's folder"), CommandOption("--plan", "FILE", "the plan"),
        CommandOption("--cluster", "ID", "instead of --plan: a cluster that there is, by its id"),
        CommandOption("--invitation", "FILE", "another party's bundle", isRepeated: true),
        CommandOption(
          "--client-authority", "FILE",
          "one more authority whose clients the node admits, such as DIR/clients/ca.crt of claw init",
          isRepeated: true),
        CommandOption("--expect", "FINGERPRINT", "refuse where it comes out otherwise"),
      ],
      details: """
        Prints the fingerprint. Operators compare it with each other by a way that no one party controls,
        before they start their nodes: a node signs the genesis of exactly this ceremony. It covers the
        parties' keys, and each bundle is signed by its party's key, so it covers authorities as well.
        """, run: join),
    Command(
      "party certify", "issue a certificate for someone of this party",
      options: [
        CommandOption("--dir", "DIR", "the party's folder"),
        CommandOption("--principal", "PRINCIPAL", "for whom, such as operator/<o>"),
        CommandOption("--request", "FILE", "the certificate request (PEM)"),
        CommandOption("--days", "N", "how long it is valid; default 365"),
        CommandOption("--out", "FILE", "the certificate"), ClockCheck.option,
      ],
      details: """
        It is valid from this second on. A certificate only admits a connection; who may act is enrolled in the ledger. Nodes admit whom one of the
        client_authorities in their node.json has certified: all parties' in clusters of claw init and claw party join.
        """,
      run: certify),
  ]

  private static func create(_ call: Invocation) throws -> ExitCode {
    let parsed = call.parsed
    let path = try parsed.required("--dir")
    guard !Files.exists("\(path)/\(PartyFolder.file)"), !Files.exists("\(path)/party.key") else {
      throw Failure(.other, "\(path) holds a party already; nothing is overwritten")
    }
    let name = try parsed.required("--name")
    guard PeerIdentity(path: "/node/\(name)") != nil else {
      throw UsageError("--name: expected letters, digits, dots, dashes and underscores, found \"\(name)\"")
    }
    guard let domain = TrustDomain(try parsed.required("--trust-domain")) else {
      throw UsageError("--trust-domain: expected lower-case letters, digits, dots, dashes, underscores")
    }
    guard let id = Int(try parsed.required("--id")), (1...65_535).contains(id) else {
      throw UsageError("--id: expected a number from 1 to 65535")
    }
    let peers = try parsed.required("--peers")
    let clients = try parsed.required("--clients")
    let folder = try PartyFolder.create(
      at: path, id: id, name: name, domain: domain, peersAddress: peers, clientsAddress: clients,
      listenPeers: try listen(parsed, "--listen-peers", peers),
      listenClients: try listen(parsed, "--listen-clients", clients))
    call.say(
      Report(
        """
        party \(id), \(name), in \(path)
        key       \(folder.invitation.key.hex)
        authority \(try folder.invitation.pin())
        next      claw party invite --dir \(path) --out \(name).invitation.json
        """,
        [
          ("dir", .string(path)), ("id", .integer(id)), ("name", .string(name)),
          ("key", .string(folder.invitation.key.hex)),
          ("authority", .string("\(try folder.invitation.pin())")),
        ]))
    return .ok
  }

  /// An address that can be bound: numbers only.
  private static func listen(_ parsed: ParsedCommand, _ name: String, _ address: String) throws -> String {
    let text = parsed.value(name) ?? address
    guard SocketAddress(text) != nil else {
      throw UsageError("\(name): expected a numeric address such as 0.0.0.0:7201, found \"\(text)\"")
    }
    return text
  }

  private static func invite(_ call: Invocation) throws -> ExitCode {
    let folder = try PartyFolder(path: try call.parsed.required("--dir"))
    let out = try call.parsed.required("--out")
    let key = try KeyFile.readSigningKey("\(folder.path)/party.key")
    try Files.write(folder.invitation.signed(with: key).indented, to: out)
    call.say(
      Report(
        "\(out): public; carry it to every other party",
        [("invitation", .string(out)), ("key", .string(folder.invitation.key.hex))]))
    return .ok
  }

  private static func plan(_ call: Invocation) throws -> ExitCode {
    let parsed = call.parsed
    let folder = try parsed.value("--policy") ?? PolicyFolder.standard()
    let bundle = try PolicyFolder.read(folder, images: parsed.value("--images"))
    let enrolments = try parsed.all("--enrolment").map { path in
      try Enrolment(try JSON.parse(try Files.read(path, limit: 1 << 20)))
    }.sorted { $0.principal < $1.principal }
    guard let threshold = Int(try parsed.required("--threshold")), (1...64).contains(threshold) else {
      throw UsageError("--threshold: expected a number from 1 to 64")
    }
    let isCrashOnly = parsed.has(CrashOnly.option.name)
    let parties = try parsed.integer("--parties", in: 1...64, default: threshold)
    try Founding.requireSafety(threshold, of: parties, parsed)
    var owners: [String] = []
    for enrolment in enrolments {
      if case .operator = enrolment.principal, !owners.contains(enrolment.owner) {
        owners.append(enrolment.owner)
      }
    }
    guard owners.count >= 2 else {
      throw Failure(
        .usage,
        "expected the enrolments of operators of at least two owners, found \(owners.count): "
          + "everything that widens power takes two people")
    }
    let out = try parsed.required("--out")
    let name = try Operand.identifier(try parsed.required("--name"), "--name")
    let semantics = try SemanticsOption.read(parsed, for: bundle)
    let createdAt = Environment.now
    // The parties come later; whatever else would be refused when they join is refused before it is carried to them.
    var random = SystemRandom()
    _ = try Ceremony(
      clusterName: name, threshold: threshold, createdAt: createdAt,
      seats: (1...threshold).map {
        Ceremony.Seat(id: $0, name: "party-\($0)", key: SigningKey.generate(using: &random).publicKey)
      }, bundle: bundle, enrolments: enrolments, semantics: semantics)
    var fields: [(String, JSON)] = [
      ("cluster_name", .string(name)), ("threshold", .integer(threshold)),
      ("created_at", .string(createdAt.text)), ("bundle", bundle.json),
      ("enrolments", .array(enrolments.map(\.json))), ("semantics", .integer(semantics)),
    ]
    // Absent where nobody said it, so that programs that know no such plan read the others.
    if isCrashOnly { fields.append((Self.crashOnlyKey, true)) }
    let value = JSON.object(fields)
    try Files.write(value.indented, to: out)
    let unnamed = PolicyFolder.unnamedImages(bundle)
    let warning = unnamed.isEmpty ? "" : "\nno image is named for \(unnamed.joined(separator: ", "))"
    let bound =
      isCrashOnly
      ? "crash-only: one lying party may fork the ledger"
      : "at most \(CrashOnly.mostParties(with: threshold)) may join"
    call.say(
      Report(
        "\(out): policy \(bundle.hash.hex), \(enrolments.count) enrolments; \(threshold) sign, \(bound); carry it to every "
          + "party\(warning)",
        [
          ("plan", .string(out)), ("policy_bundle_hash", .string(bundle.hash.hex)),
          ("enrolments", .integer(enrolments.count)), ("crash_only", .bool(isCrashOnly)),
        ]))
    return .ok
  }

  /// In a plan that was written with `--crash-only`.
  private static let crashOnlyKey = "crash_only"

  /// What a plan comes to with these parties; refuses one that nobody meant to be crash-only.
  private static func ceremony(plan path: String, _ parties: [Invitation]) throws -> Ceremony {
    var file = try ConfigurationSection(file: path)
    let name = try file.text("cluster_name")
    let threshold = try file.integer("threshold", in: 1...64)
    let created = try file.value("created_at", "a time (RFC 3339, UTC)") { json in
      json.string.flatMap(Timestamp.init(text:))
    }
    let bundle = try PolicyBundle(try file.value("bundle", "the policy bundle's files") { $0 })
    let enrolments = try file.value("enrolments", "a list of enrolments", \.array).map { try Enrolment($0) }
    let semantics = try file.integer("semantics", in: 1...Semantics.newest)
    let isCrashOnly = try file.value(crashOnlyKey, "true or false", default: false, \.bool)
    try file.finish()
    guard isCrashOnly || !CrashOnly.holds(threshold, of: parties.count) else {
      throw Failure(
        .usage,
        "\(path): \(CrashOnly.warning(threshold, of: parties.count)), and the plan does not say that this is meant. Expected at most "
          + "\(CrashOnly.mostParties(with: threshold)) parties, or a plan of claw party plan --crash-only. Nothing is written"
      )
    }
    return try Ceremony(
      clusterName: try Operand.identifier(name, "cluster_name"), threshold: threshold, createdAt: created,
      seats: parties.map { Ceremony.Seat(id: $0.id, name: $0.name, key: $0.key) }, bundle: bundle,
      enrolments: enrolments, semantics: semantics)
  }

  private static func join(_ call: Invocation) throws -> ExitCode {
    let parsed = call.parsed
    let folder = try PartyFolder(path: try parsed.required("--dir"))
    guard !Files.exists("\(folder.path)/data") else {
      throw Failure(.other, "\(folder.path)/data is there: this party's node has run already")
    }
    let own = folder.invitation
    var others: [Invitation] = []
    for path in parsed.all("--invitation") {
      let invitation = try Invitation(file: path)
      // Its own bundle may lie among the others: every host can be given the same files.
      if invitation.key == own.key, invitation.id == own.id { continue }
      guard invitation.domain == own.domain else {
        throw Failure(.other, "\(path): trust domain \(invitation.domain), this party's is \(own.domain)")
      }
      others.append(invitation)
    }
    if let cluster = parsed.value("--cluster") { return try enter(cluster, folder, others, call) }
    let ceremony = try ceremony(plan: try parsed.required("--plan"), others + [own])
    let fingerprint = ceremony.fingerprint.hex
    if let expected = parsed.value("--expect"), expected != fingerprint {
      throw Failure(
        .other,
        "the fingerprint is \(fingerprint), not \(expected): the parties were not given the same files. "
          + "Nothing is written")
    }
    try ceremony.write(to: "\(folder.path)/ceremony.json")
    // Any party's authority may admit clients; what they may do is enrolled in the ledger.
    let authorities = try clientAuthorities(others + [own], parsed)
    try folder.writeNode(
      others: others, clientAuthorities: authorities, beginning: .ceremony("ceremony.json"))
    try IdentityCommands.writeDirectory(
      ClusterDirectory(domain: own.domain, threshold: ceremony.threshold, parties: others + [own]),
      to: "\(folder.path)/directory.json")
    call.say(
      Report(
        """
        \(ceremony.clusterName): \(ceremony.promise)
        policy      \(ceremony.bundle.hash.hex)
        fingerprint \(fingerprint)

        Compare the fingerprint with every other party's before you start the node:
        clawshield run --config \(folder.path)/node.json
        """,
        [
          ("fingerprint", .string(fingerprint)), ("parties", .integer(ceremony.seats.count)),
          ("threshold", .integer(ceremony.threshold)), ("crash_only", .bool(ceremony.faultsTolerated < 1)),
          ("policy_bundle_hash", .string(ceremony.bundle.hash.hex)),
        ]))
    return .ok
  }

  /// Whose clients a node admits: the parties' authorities, and those that the caller names.
  private static func clientAuthorities(_ parties: [Invitation], _ parsed: ParsedCommand) throws -> [(
    file: String, pem: String
  )] {
    var out = parties.map { (file: "\($0.name).crt", pem: $0.authority) }
    for (number, path) in parsed.all("--client-authority").enumerated() {
      let pem = try Files.readText(path, limit: 1 << 20)
      guard try Certificate.read(pem: Array(pem.utf8)).count == 1 else {
        throw Failure(.other, "\(path): expected one certificate")
      }
      out.append((file: "clients-\(number + 1).crt", pem: pem))
    }
    return out
  }

  /// A party of a cluster that there is: its node asks the others for the genesis, and learns the rest from them.
  private static func enter(
    _ cluster: String, _ folder: PartyFolder, _ others: [Invitation], _ call: Invocation
  ) throws -> ExitCode {
    guard let id = Digest(hex: cluster) else {
      throw UsageError("--cluster: expected a cluster's id, 64 hexadecimal characters, found \"\(cluster)\"")
    }
    guard !others.isEmpty else { throw UsageError("expected --invitation of the parties of now") }
    let authorities = try clientAuthorities(others + [folder.invitation], call.parsed)
    try folder.writeNode(others: others, clientAuthorities: authorities, beginning: .joins(id))
    call.say(
      Report(
        """
        \(folder.invitation.name) joins \(id.hex)
        The node takes part when two operators have added it: claw members add --invitation …
        Start it whenever you like: clawshield run --config \(folder.path)/node.json
        """, [("cluster", .string(id.hex)), ("party", .string(folder.invitation.name))]))
    return .ok
  }

  private static func certify(_ call: Invocation) throws -> ExitCode {
    let parsed = call.parsed
    let folder = try PartyFolder(path: try parsed.required("--dir"))
    let principal = try Operand.principal(try parsed.required("--principal"), "--principal")
    if case .node = principal { throw UsageError("--principal: a node's certificate comes with its party") }
    let request = try CertificateRequest.read(
      pem: try Files.read(try parsed.required("--request"), limit: 1 << 16))
    let days = try parsed.integer("--days", in: 1...3650, default: IssuedTime.days)
    let authority = try folder.authority()
    let options = try IssuedTime(by: authority.certificate).options(days: days)
    ClockCheck.warn(call)
    let certificate = try authority.issue(
      to: try IdentityFolder.peer(principal), request: request, options: options)
    let out = try parsed.required("--out")
    try Files.write(try certificate.pem(), to: out)
    if try !folder.isClientAuthority {
      call.remark(
        "\(folder.path)/node.json does not name this party's ca.crt among client_authorities: its node will refuse the "
          + "certificate, and so may others")
    }
    call.say(
      Report(
        "\(out): \(principal.path), \(days) days",
        [("certificate", .string(out)), ("principal", .string(principal.path))]))
    return .ok
  }
}
