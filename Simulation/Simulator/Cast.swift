import Crypto
import Records

/// Who acts in a simulated world: two agents, two approvers, two operators, two executors.
struct Cast {
  private var seeds: [(principal: Principal, seed: [UInt8])] = []
  private(set) var enrolments: [Enrolment] = []

  init(using random: inout SeededRandom) throws {
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
    for number in 1...2 {
      try enrol(
        .agent(tenant: "acme", name: "agent\(number)"), owner: "owner\(number)", tenant: "acme",
        scopes: ["text", "production"])
      try enrol(.approver("approver\(number)"), owner: "person\(number)", roles: ["approver"])
      try enrol(.operator("operator\(number)"), owner: "operator\(number)")
      try enrol(
        .executor("executor\(number)"), owner: "host\(number)", incarnation: 1, classes: [.microvmTCG])
    }
  }

  /// Everyone who talks to the cluster, beside it and behind it.
  struct Company {
    var clients: [any SimulatedClient] = []
    var operators: SimulatedOperators
    var executors: [ExecutorHost] = []
  }

  func company(
    of cluster: Digest, keys: KnownKeys, faults: Faults, using random: inout SeededRandom
  ) throws -> Company {
    var out: [any SimulatedClient] = []
    var desk: [Credentials] = []
    var executors: [ExecutorHost] = []
    for (principal, seed) in seeds {
      var seed = seed
      guard let key = SigningKey(seed: &seed) else { throw SimulationError.setup("a key") }
      let credentials = Credentials(
        principal: principal, key: key, cluster: cluster, keys: keys)
      switch principal {
      case .agent: out.append(SimulatedAgent(credentials, random: random.split()))
      case .approver: out.append(SimulatedApprover(credentials, random: random.split()))
      case .executor:
        guard let enrolment = enrolments.first(where: { $0.principal == principal }) else {
          throw SimulationError.setup("an executor")
        }
        executors.append(
          ExecutorHost(credentials, enrolment: enrolment, faults: faults, random: random.split()))
      case .operator: desk.append(credentials)
      case .auditor, .node: break
      }
    }
    guard desk.count == 2 else { throw SimulationError.setup("two operators") }
    let targets: [IncidentTarget] =
      [.all, .tenant("acme")]
      + (executors.map(\.principal) + out.prefix(1).map(\.principal)).map { .principal($0) }
    let operators = SimulatedOperators(
      desk[0], desk[1], targets: targets, restrictEvery: faults.restrictEvery, random: random.split())
    return Company(clients: out + [operators], operators: operators, executors: executors)
  }
}

/// What a client needs to speak for itself and to check what it is told.
final class Credentials {
  let principal: Principal
  let key: SigningKey
  let cluster: Digest
  let keys: KnownKeys

  init(principal: Principal, key: consuming SigningKey, cluster: Digest, keys: KnownKeys) {
    self.principal = principal
    self.key = key
    self.cluster = cluster
    self.keys = keys
  }
}

/// Which key signs which size, as everybody outside the cluster knows it by now.
final class KnownKeys {
  var chain: KeyChain
  init(_ chain: KeyChain) { self.chain = chain }

  /// The key that the cluster began with.
  var genesisKey: PublicKey { chain.epochs[0].key }
}
