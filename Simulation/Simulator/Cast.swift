import Crypto
import Records

/// Who acts in a simulated world: three agents of two tenants, four approvers, two operators, two executors.
///
/// Approvers 3 and 4 are second identities: of the owner of agent 1, and of the person who is approver 1.
struct Cast {
  private var seeds: [(principal: Principal, seed: [UInt8])] = []
  private(set) var enrolments: [Enrolment] = []

  /// An auditor, and approvers of one tenant alone, 5 of acme and 6 of globex, are there where they have something to do, and
  /// what agents may reach where one of them does.
  init(
    hasAuditor: Bool = false, hasTenants: Bool = false, reaches: Bool = false,
    using random: inout SeededRandom
  ) throws {
    func enrol(
      _ principal: Principal, owner: String, tenant: String = "", roles: [String] = [],
      scopes: [String] = [], incarnation: Int = 0, classes: [IsolationClass] = []
    ) throws {
      let seed = random.bytes(32)
      var consumed = seed
      guard let key = SigningKey(seed: &consumed) else { throw SimulationError.setup("a key") }
      seeds.append((principal, seed))
      enrolments.append(
        Enrolment(
          principal: principal, key: key.publicKey, roles: roles, tenantID: tenant, owner: owner,
          scopes: scopes, expiresAt: .distantFuture, incarnation: incarnation,
          isolationClasses: classes))
    }
    for number in 1...3 {
      let tenant = number == 3 ? "globex" : "acme"
      try enrol(
        .agent(tenant: tenant, name: "agent\(number)"), owner: "owner\(number)", tenant: tenant,
        scopes: ["text", "production", ArtifactNote.memoryScope] + (reaches ? SimulatedReach.scopes : []))
    }
    for (number, owner) in [(1, "person1"), (2, "person2"), (3, "owner1"), (4, "person1")] {
      try enrol(.approver("approver\(number)"), owner: owner, roles: ["approver"])
    }
    for number in 1...2 {
      try enrol(.operator("operator\(number)"), owner: "operator\(number)")
      try enrol(
        .executor("executor\(number)"), owner: "host\(number)", incarnation: 1, classes: [.microvmTCG])
    }
    if hasTenants {
      for (number, tenant) in [(5, "acme"), (6, "globex")] {
        try enrol(
          .approver("approver\(number)"), owner: "person\(number)", tenant: tenant, roles: ["approver"])
      }
    }
    if hasAuditor { try enrol(SimulatedAuditor.principal, owner: "auditor1", roles: ["auditor"]) }
  }

  /// What only one agent's parameters, file and results have.
  func canaries(seed: UInt64) -> CanaryBook {
    let agents = enrolments.map(\.principal).filter { if case .agent = $0 { true } else { false } }
    return CanaryBook(of: agents, seed: seed)
  }

  /// Everyone who talks to the cluster, beside it and behind it.
  struct Company {
    var clients: [any SimulatedClient] = []
    var operators: SimulatedOperators
    var executors: [ExecutorHost] = []
  }

  func company(
    of cluster: Digest, keys: KnownKeys, conditions: Conditions, log: DeterminismLog?
  ) throws -> Company {
    let seed = conditions.seed
    let book = canaries(seed: seed)
    var out: [any SimulatedClient] = []
    var approvers: [any SimulatedClient] = []
    var desk: [Credentials] = []
    var auditors: [any SimulatedClient] = []
    var executors: [ExecutorHost] = []
    for (principal, keySeed) in seeds {
      var keySeed = keySeed
      guard let key = SigningKey(seed: &keySeed) else { throw SimulationError.setup("a key") }
      let credentials = Credentials(
        principal: principal, key: key, cluster: cluster, keys: keys)
      switch principal {
      case .agent:
        out.append(
          SimulatedAgent(credentials, number: UInt64(out.count) + 1, canaries: book, seed: seed, log: log))
      case .approver:
        approvers.append(
          SimulatedApprover(credentials, number: UInt64(approvers.count) + 1, seed: seed, log: log))
      case .executor:
        guard let enrolment = enrolments.first(where: { $0.principal == principal }) else {
          throw SimulationError.setup("an executor")
        }
        let number = UInt64(executors.count) + 1
        executors.append(
          ExecutorHost(
            credentials, enrolment: enrolment, conditions: conditions,
            random: SeededRandom(seed: seed, for: .executor, named: number, log: log),
            sandbox: SimulatedSandbox(canaries: book, seed: seed, log: log),
            liar: LyingExecutor(number: number, seed: seed, log: log)))
      case .operator: desk.append(credentials)
      case .auditor:
        auditors.append(
          SimulatedAuditor(
            of: cluster, random: SeededRandom(seed: seed, for: .operators, named: 1, log: log)))
      case .node: break
      }
    }
    guard desk.count == 2 else { throw SimulationError.setup("two operators") }
    let operators = SimulatedOperators(
      desk[0], desk[1], random: SeededRandom(seed: seed, for: .operators, named: 0, log: log))
    return Company(
      clients: out + approvers + [operators] + auditors, operators: operators, executors: executors)
  }
}
