import Canonical
import Crypto
import Host
import Network
import Records

/// `claw init`: a whole cluster on one host, for trying out and for tests.
enum Founding {
  static let commands = [
    Command(
      "init", "found a cluster on this host, on loopback addresses",
      options: [
        CommandOption("--nodes", "N", "governance nodes, one a party; default 5"),
        CommandOption("--threshold", "T", "parties that must sign; default 4, or a safe majority of N"),
        CrashOnly.option,
        CommandOption("--executors", "N", "executors; default 2"),
        CommandOption("--dir", "DIR", "where; default .openexec"),
        CommandOption(
          "--base-port", "PORT",
          "clients at PORT+i, peers at PORT+100+i, executors' health at PORT+50+i; default 7100"),
        CommandOption("--policy", "DIR", "the policy bundle; default Deploy/policy"),
        PolicyFolder.imagesOption,
        CommandOption(
          "--isolation", "CLASS", "what executors offer; default both microVM classes", isRepeated: true),
        CommandOption("--tenant", "ID", "the agents' tenant; default acme"),
        CommandOption("--name", "NAME", "the cluster's name; default openexec"),
        CommandOption("--trust-domain", "NAME", "default openexec.local"),
        SemanticsOption.option,
      ],
      details: """
        Every party's keys and its certificate authority are made below DIR/nodes, and every person's
        below DIR/agents, approvers, operators, auditors and executors: all on one host, so that whoever
        owns the host owns all parties. For a cluster that nobody owns alone see claw party.
        Others come later by claw identity create, claw enrol with --authority DIR/clients, and claw
        identity connect with DIR/directory.json.
        """, run: run)
  ]

  /// The least t with f = 2t − n − 1 ≥ 1 that still lets one party be down, where there is one.
  static func safeThreshold(of nodes: Int) -> Int {
    nodes == 5 ? 4 : min(nodes, max(nodes / 2 + 1, (nodes + 3) / 2))
  }

  /// Fails where the threshold is none of so many parties, and where one lying party could fork the ledger and nobody has said
  /// that this is meant.
  static func requireSafety(_ threshold: Int, of nodes: Int, _ parsed: ParsedCommand) throws {
    guard threshold > nodes / 2, threshold <= nodes else {
      throw UsageError("--threshold: expected a majority of \(nodes), at most all; found \(threshold)")
    }
    guard CrashOnly.holds(threshold, of: nodes), !parsed.has(CrashOnly.option.name) else { return }
    throw UsageError(
      "--threshold: \(CrashOnly.warning(threshold, of: nodes)). Choose another, or say --crash-only")
  }

  /// What is to be founded.
  private struct Plan {
    let nodes: Int
    let threshold: Int
    let executors: Int
    let basePort: Int
    let tenant: String
    let name: String
    let domain: TrustDomain
    let bundle: PolicyBundle
    let images: String
    let isolation: [IsolationClass]
    let semantics: Int
    let createdAt = Environment.now
    /// Where an executor's health port is; nil beyond the ports between clients' and peers'.
    func health(of principal: Principal) -> String? {
      guard let number = principal.path.rest(after: "executor/executor-").flatMap({ Int($0) }), number < 50,
        nodes <= 50
      else { return nil }
      return "127.0.0.1:\(basePort + 50 + number)"
    }
    var expiresAt: Timestamp { createdAt.advanced(by: .seconds(365 * 86_400)) }

    init(_ parsed: ParsedCommand) throws {
      nodes = try parsed.integer("--nodes", in: 1...64, default: 5)
      threshold = try parsed.integer("--threshold", in: 1...64, default: Founding.safeThreshold(of: nodes))
      try Founding.requireSafety(threshold, of: nodes, parsed)
      executors = try parsed.integer("--executors", in: 0...64, default: 2)
      basePort = try parsed.integer("--base-port", in: 1...65_300, default: 7100)
      tenant = try Operand.identifier(parsed.value("--tenant") ?? "acme", "--tenant")
      name = try Operand.identifier(parsed.value("--name") ?? "openexec", "--name")
      guard let domain = TrustDomain(parsed.value("--trust-domain") ?? "openexec.local") else {
        throw UsageError("--trust-domain: expected lower-case letters, digits, dots, dashes, underscores")
      }
      self.domain = domain
      let folder = try parsed.value("--policy") ?? PolicyFolder.standard()
      bundle = try PolicyFolder.read(folder, images: parsed.value("--images"))
      images = parsed.value("--images").map(Self.absolute) ?? "../../images"
      isolation = try Self.classes(parsed)
      semantics = try SemanticsOption.read(parsed, for: bundle)
    }

    private static func absolute(_ path: String) -> String {
      path.hasPrefix("/") ? path : Files.resolve(path, in: Environment.value("PWD") ?? ".")
    }

    static func classes(_ parsed: ParsedCommand) throws -> [IsolationClass] {
      let given = try parsed.all("--isolation").map { text in
        guard let value = IsolationClass(rawValue: text) else {
          let known = IsolationClass.allCases.map(\.rawValue).joined(separator: ", ")
          throw UsageError("--isolation: expected one of \(known), found \"\(text)\"")
        }
        return value
      }
      return given.isEmpty ? [.microvmTCG, .microvmKVM] : given.sorted()
    }
  }

  /// Someone who is to be enrolled, and where the folder goes.
  private struct Person {
    let folder: String
    let enrolment: (PublicKey) -> Enrolment
    let principal: Principal
  }

  private static func run(_ call: Invocation) throws -> ExitCode {
    let folder = call.parsed.value("--dir") ?? ".openexec"
    guard !Files.exists(folder) || Files.isEmptyFolder(folder) else {
      throw Failure(.other, "\(folder) is there already; nothing is overwritten. Remove it, or choose --dir")
    }
    let plan = try Plan(call.parsed)
    // Made whole beside its place, then moved there: what fails leaves nothing that looks like a cluster.
    let temporary = "\(folder).new-\(Environment.freshID().prefix(8))"
    if plan.nodes > 8 {
      call.remark(
        "making the keys of \(plan.nodes) parties in \(temporary), which becomes \(folder) at the end")
    }
    let ceremony: Ceremony
    do {
      ceremony = try found(plan, in: temporary)
      try Files.moveFolder(temporary, to: folder)
    } catch {
      try? Files.removeFolder(temporary)
      throw error
    }
    call.say(report(plan, ceremony, folder))
    return .ok
  }

  private static func found(_ plan: Plan, in root: String) throws -> Ceremony {
    var folders: [PartyFolder] = []
    for id in 1...plan.nodes {
      let clients = "127.0.0.1:\(plan.basePort + id)"
      let peers = "127.0.0.1:\(plan.basePort + 100 + id)"
      folders.append(
        try PartyFolder.create(
          at: "\(root)/nodes/node-\(id)", id: id, name: "node-\(id)", domain: plan.domain,
          peersAddress: peers, clientsAddress: clients, listenPeers: peers, listenClients: clients))
    }
    let directory = ClusterDirectory(
      domain: plan.domain, threshold: plan.threshold, parties: folders.map(\.invitation))
    let clients = try clientAuthority(plan, in: "\(root)/clients")
    let enrolments = try people(plan).map { person in
      try settle(person, in: root, plan, directory, clients)
    }
    let ceremony = try Ceremony(
      clusterName: plan.name, threshold: plan.threshold, createdAt: plan.createdAt,
      seats: folders.map {
        Ceremony.Seat(id: $0.invitation.id, name: $0.invitation.name, key: $0.invitation.key)
      }, bundle: plan.bundle, enrolments: enrolments,
      semantics: plan.semantics)
    try ceremony.write(to: "\(root)/ceremony.json")
    // With it whoever is enrolled later is connected, as at parties that join (claw identity connect).
    try IdentityCommands.writeDirectory(directory, to: "\(root)/directory.json")
    let pem = String(decoding: try clients.certificate.pem(), as: UTF8.self)
    // As at parties that join: whoever a party certifies is admitted by all, and what they may do is enrolled.
    let authorities =
      [(file: "clients.crt", pem: pem)]
      + folders.map { (file: "\($0.invitation.name).crt", pem: $0.invitation.authority) }
    for folder in folders {
      let others = folders.map(\.invitation).filter { $0.id != folder.invitation.id }
      try folder.writeNode(
        others: others, clientAuthorities: authorities, beginning: .ceremony("../../ceremony.json"))
    }
    return ceremony
  }

  private static func clientAuthority(_ plan: Plan, in folder: String) throws -> CertificateAuthority {
    try Files.createFolder(folder, mode: 0o700)
    let authority = try CertificateAuthority.create(domain: plan.domain, name: "clients of \(plan.name)")
    try Files.write(try authority.keyPEM(), to: "\(folder)/ca.key", mode: 0o600)
    try Files.write(try authority.certificate.pem(), to: "\(folder)/ca.crt")
    return authority
  }

  private static func people(_ plan: Plan) -> [Person] {
    var people: [Person] = []
    func add(
      _ folder: String, _ principal: Principal, roles: [String] = [], tenant: String = "", owner: String,
      scopes: [String] = [], incarnation: Int = 0, isolation: [IsolationClass] = []
    ) {
      people.append(
        Person(
          folder: folder,
          enrolment: { key in
            Enrolment(
              principal: principal, key: key, roles: roles, tenantID: tenant, owner: owner, scopes: scopes,
              expiresAt: plan.expiresAt, incarnation: incarnation, isolationClasses: isolation)
          }, principal: principal))
    }
    let scopes = PolicyFolder.scopes(plan.bundle)
    for number in 1...2 {
      add(
        "agents/agent-\(number)", .agent(tenant: plan.tenant, name: "agent-\(number)"), tenant: plan.tenant,
        owner: "\(plan.tenant)-builders", scopes: scopes)
      add(
        "approvers/approver-\(number)", .approver("approver-\(number)"), roles: ["approver"],
        owner: "approver-\(number)")
      add(
        "operators/operator-\(number)", .operator("operator-\(number)"), roles: ["operator"],
        owner: "operator-\(number)")
    }
    // Who answers for the agents confirms their requests, and approves none of them.
    add(
      "owners/owner-1", .approver("owner-1"), roles: ["owner"], tenant: plan.tenant,
      owner: "\(plan.tenant)-builders")
    add("auditors/auditor-1", .auditor("auditor-1"), roles: ["auditor"], owner: "auditor-1")
    for number in 1...max(1, plan.executors) where plan.executors > 0 {
      add(
        "executors/executor-\(number)", .executor("executor-\(number)"), owner: "operations", incarnation: 1,
        isolation: plan.isolation)
    }
    return people
  }

  private static func settle(
    _ person: Person, in root: String, _ plan: Plan, _ directory: ClusterDirectory,
    _ authority: CertificateAuthority
  ) throws -> Enrolment {
    let folder = IdentityFolder(path: "\(root)/\(person.folder)", principal: person.principal)
    var enrolment = person.enrolment(try folder.createSigningKey())
    if case .approver = person.principal { enrolment.secondKey = try folder.createSecondKey() }
    try folder.certify(by: authority)
    if case .executor = person.principal {
      try folder.writeExecutor(
        directory, enrolment, images: plan.images, health: plan.health(of: person.principal))
    } else {
      try folder.writeClient(directory)
    }
    return enrolment
  }

  private static func report(_ plan: Plan, _ ceremony: Ceremony, _ folder: String) -> Report {
    var text = """
      founded \(plan.name) in \(folder)
      \(ceremony.promise)
      ceremony fingerprint \(ceremony.fingerprint.hex)

      start each node      clawshield run --config \(folder)/nodes/node-1/node.json
      start each executor  openexec run --config \(folder)/executors/executor-N/executor.json
      then                 claw status --as \(folder)/operators/operator-1
                           claw propose echo --params '{"text":"hello"}' --wait --as \(folder)/agents/agent-1

      """
    let unnamed = PolicyFolder.unnamedImages(plan.bundle)
    if !unnamed.isEmpty {
      text +=
        "no image is named for \(unnamed.joined(separator: ", ")): nothing of it will run until init is given --images\n"
    }
    return Report(
      text,
      [
        ("dir", .string(folder)), ("cluster_name", .string(plan.name)), ("parties", .integer(plan.nodes)),
        ("threshold", .integer(plan.threshold)),
        ("faults_tolerated", .integer(max(0, ceremony.faultsTolerated))),
        ("crash_only", .bool(ceremony.faultsTolerated < 1)),
        ("fingerprint", .string(ceremony.fingerprint.hex)),
        ("policy_bundle_hash", .string(plan.bundle.hash.hex)),
        ("actions_without_image", .array(unnamed.map(JSON.string))),
      ])
  }
}
