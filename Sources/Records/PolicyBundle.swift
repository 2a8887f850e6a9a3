import Canonical
import Crypto

/// One entry of the static registry: all that may run (INV-005, RT-13).
public struct ActionDefinition: Equatable, Sendable, JSONWritable {
  public var name: String
  public var version: String
  /// For people.
  public var description: String
  /// JSON Schema of the parameters.
  public var parametersSchema: JSON
  /// `sha256:<hex>` of the image that runs.
  public var imageDigest: String
  /// Argument vector; parameters arrive as JSON on standard input, those of an action that takes inputs as
  /// `{"inputs": […], "parameters": …}`.
  public var arguments: [String]
  /// The scopes it needs.
  public var scopes: [String]
  /// What it puts at stake, at least.
  public var risk: RiskContext
  /// Reserved when approved; `risk.estimatedCost` is this or lower.
  public var maximumCost: MicroUSD
  public var maximumRetries: Int
  public var rateLimitPerMinute: Int
  public var limits: ActionLimits
  /// The artifacts that it reads; nil where it reads none.
  public var inputs: InputLimits?
  /// The least isolation that will do.
  public var isolationClass: IsolationClass
  /// Destinations it may reach (`EgressDestination`); empty for none.
  public var egress: [String]
  /// How much of them; without these an executor refuses an action that names destinations.
  public var egressLimits: EgressLimits?
  /// Names of the secrets that it gets, each with `secret:NAME` among its scopes; ascending.
  public var secrets: [String]
  /// The access tokens that it gets, each with `oauth:NAME` among its scopes.
  public var oauth: [OAuthGrant]
  /// What it may spend on language models; needed where a destination is one.
  public var modelLimits: ModelLimits?
  /// How long its token lives, in seconds; at most 900.
  public var tokenSeconds: Int
  /// The action that is its dry run: with the same parameters and inputs it says what would change. People
  /// decide on what it said (INV-018); nil where it has none.
  public var preview: String?
  /// Whether what it does cannot be undone: people are told so, and a policy sees it.
  public var isIrreversible = false
  /// Members of its result that may differ from what the dry run said; any other difference is an incident.
  public var mayDiffer: [String] = []
  /// What it does that people must agree to.
  public var classes: [ActionClass] = []
  /// The tenants whose agents may ask for it; empty for all.
  public var tenants: [String] = []
  /// What a run costs by what it uses; nil where each try settles at the estimate.
  public var prices: RunPrices?
  /// How many distinct executors run it, one after the other: it has succeeded where all of them have, with one result.
  public var verification = 1

  /// Most executors that run one action.
  public static let maximumVerification = 5

  package init(from fields: inout Fields) throws(RecordError) {
    name = try fields.identifier("name")
    version = try fields.identifier("version")
    description = try fields.text("description", limit: 1024)
    parametersSchema = try fields.required("parameters_schema")
    imageDigest = try fields.value("image", "sha256:<64 hexadecimal characters>") { json in
      json.string.flatMap { text in
        text.hasPrefix("sha256:") && Digest(hex: String(text.dropFirst(7))) != nil ? text : nil
      }
    }
    arguments = try fields.list("arguments", limit: 64, of: "texts of at most 1024 bytes") { json in
      json.string.flatMap { $0.utf8.count <= 1024 && !$0.utf8.contains(0) ? $0 : nil }
    }
    scopes = try fields.identifiers("scopes")
    risk = try fields.nested("risk") { (inner) throws(RecordError) in try RiskContext(from: &inner) }
    maximumCost = try fields.money("maximum_cost_usd")
    maximumRetries = try fields.integer("max_retries", in: 0...16)
    rateLimitPerMinute = try fields.integer("rate_limit_per_min", in: 1...1_000_000)
    limits = try fields.nested("limits") { (inner) throws(RecordError) in try ActionLimits(from: &inner) }
    inputs = try fields.optionalNested("inputs") { (inner) throws(RecordError) in
      try InputLimits(from: &inner)
    }
    isolationClass = try fields.choice("isolation_class")
    egress = try fields.list("egress", limit: 64, of: "destinations") { json in
      json.string.flatMap { $0.utf8.count <= 256 ? $0 : nil }
    }
    egressLimits = try fields.optionalNested("egress_limits") { (inner) throws(RecordError) in
      try EgressLimits(from: &inner)
    }
    secrets = try fields.optionalSecrets()
    oauth = try fields.optionalGrants()
    modelLimits = try fields.optionalNested("model_limits") { (inner) throws(RecordError) in
      try ModelLimits(from: &inner)
    }
    tokenSeconds = try fields.integer("token_seconds", in: 1...900)
    preview = try fields.optionalValue("preview", "an action's name") { json in
      json.string.flatMap { Identifier.isValid($0) ? $0 : nil }
    }
    isIrreversible =
      try fields.optionalValue("irreversible", "true") { $0.bool == true ? true : nil } ?? false
    mayDiffer =
      try fields.optionalValue("may_differ", "names of members of the result, at most 64 bytes each") {
        json in
        json.array.flatMap { values in
          let names = values.compactMap(\.string)
          return (1...64).contains(values.count) && names.count == values.count
            && names.allSatisfy({ (1...64).contains($0.utf8.count) }) ? names : nil
        }
      } ?? []
    classes = try fields.optionalClasses()
    tenants = try fields.optionalTenants()
    prices = try fields.optionalNested("prices") { (inner) throws(RecordError) in
      try RunPrices(from: &inner)
    }
    verification =
      try fields.optionalValue("verification", "2 to \(Self.maximumVerification) executors") { json in
        json.integer.flatMap { (2...Self.maximumVerification).contains($0) ? $0 : nil }
      } ?? 1
    guard mayDiffer.isEmpty || preview != nil else {
      throw .field(fields.name("may_differ"), expected: "nothing, where there is no preview")
    }
    guard !arguments.isEmpty else {
      throw .field(fields.name("arguments"), expected: "a program and its arguments")
    }
    try checkReach(fields)
    // What differs from run to run would be taken for a lie; and a machine whose randomness can be told keeps no secret.
    guard verification == 1 || (egress.isEmpty && secretNames.isEmpty && inputs == nil) else {
      throw .field(
        fields.name("verification"), expected: "nothing, where the action reaches, reads or knows anything"
      )
    }
    let room = limits.diskMiB << 19
    if let inputs, inputs.maximumBytes > room {
      throw .field(fields.name("inputs.maximum_bytes"), expected: "at most half of disk_mib, \(room)")
    }
  }

  public var members: [(String, JSON)] {
    present([
      ("name", .string(name)), ("version", .string(version)), ("description", .string(description)),
      ("parameters_schema", parametersSchema), ("image", .string(imageDigest)),
      ("arguments", .texts(arguments)), ("scopes", .texts(scopes)), ("risk", risk.json),
      ("maximum_cost_usd", .money(maximumCost)), ("max_retries", .integer(maximumRetries)),
      ("rate_limit_per_min", .integer(rateLimitPerMinute)), ("limits", limits.json),
      ("inputs", inputs?.json), ("isolation_class", .string(isolationClass.rawValue)),
      ("egress", .texts(egress)), ("egress_limits", egressLimits?.json),
      ("secrets", secrets.isEmpty ? nil : .texts(secrets)),
      ("oauth", oauth.isEmpty ? nil : .array(oauth.map(\.json))), ("model_limits", modelLimits?.json),
      ("token_seconds", .integer(tokenSeconds)),
      ("preview", preview.map(JSON.string)), ("may_differ", mayDiffer.isEmpty ? nil : .texts(mayDiffer)),
      ("irreversible", isIrreversible ? true : nil),
      ("classes", classes.isEmpty ? nil : .texts(classes.map(\.rawValue))),
      ("tenants", tenants.isEmpty ? nil : .texts(tenants)),
      ("prices", prices?.json), ("verification", verification == 1 ? nil : .integer(verification)),
    ])
  }

  /// What an approval sets aside: the most of each executor's run.
  public var reservedCost: MicroUSD { (1..<verification).reduce(maximumCost) { sum, _ in sum + maximumCost } }
}

/// The breakers' limits (INV-021); all counted from the log.
public struct BreakerLimits: Hashable, Sendable, JSONWritable {
  public var requestCost: MicroUSD
  public var tenantCostPerDay: MicroUSD
  /// Proposals of one agent in any sixty seconds.
  public var proposalsPerMinute: Int
  /// Proposals of one agent for one action with the same parameters in any sixty seconds.
  public var repeatsPerMinute: Int
  public var maximumDepth: Int
  /// How often within an hour an agent may ask again for an action with the same parameters that has failed,
  /// was aborted, or ended nobody knows how; nil for no limit but the others.
  public var retriesPerHour: Int?

  package init(from fields: inout Fields) throws(RecordError) {
    requestCost = try fields.money("request_usd")
    tenantCostPerDay = try fields.money("tenant_usd_per_day")
    proposalsPerMinute = try fields.integer("proposals_per_minute", in: 1...10_000_000)
    repeatsPerMinute = try fields.integer("repeats_per_minute", in: 1...10_000_000)
    maximumDepth = try fields.integer("maximum_depth", in: 0...64)
    retriesPerHour = try fields.optionalValue("retries_per_hour", "0 to 256") { json in
      json.integer.flatMap { (0...256).contains($0) ? $0 : nil }
    }
  }

  public var members: [(String, JSON)] {
    present([
      ("request_usd", .money(requestCost)), ("tenant_usd_per_day", .money(tenantCostPerDay)),
      ("proposals_per_minute", .integer(proposalsPerMinute)),
      ("repeats_per_minute", .integer(repeatsPerMinute)), ("maximum_depth", .integer(maximumDepth)),
      ("retries_per_hour", retriesPerHour.map(JSON.integer)),
    ])
  }
}

/// A policy bundle (POL-5): the registry, when people are asked, the breakers, and the policy in Rego.
///
/// A bundle is a set of files; its hash is SHA-256 over the canonical JSON of
/// `{evaluator_version, constitution_version, files: {path: sha256}}` (ruling 2), each file hashed by
/// its bytes. The declarative part is the file `registry.json`; files of Rego lie beside it as in OPA's bundles.
public struct PolicyBundle: Equatable, Sendable {
  /// What evaluates a bundle without Rego; part of its hash.
  public static let declarativeVersion = "openexec-declarative-1"
  /// What evaluates a bundle with Rego, the release of its time zones in it: whatever could make two programs decide
  /// differently. Part of the bundle's hash.
  public static let regoVersion = "openexec-rego-1+tzdata-2025b"
  /// The file that holds the declarative part.
  public static let registryPath = "registry.json"

  /// Files by path, ascending; contents as text.
  public let files: [(path: String, text: String)]
  public let bundleVersion: String
  public let constitutionVersion: String
  /// What it is issued under; its version is `constitutionVersion`.
  public let constitution: Constitution
  /// The invariants that it rests on, as it says; ascending.
  public let invariants: [String]
  /// Ascending by name.
  public let actions: [ActionDefinition]
  public let approvals: [ApprovalRule]
  public let breakers: BreakerLimits
  /// What is covered in results.
  public let redactions: [RedactionRule]
  /// How long files are kept; the first that names a tenant counts for it.
  public let retention: [RetentionRule]
  /// What one evaluation of its policy may use.
  public let budget: EvaluationBudget
  /// What evaluates it.
  public let evaluatorVersion: String
  /// By ruling 2.
  public let hash: Digest
  /// The same without its author's file: what its author signs.
  public let contentsHash: Digest
  /// Who says to have written it; nil where nobody does. Whether it is so, see ``isAuthentic``.
  public let author: StatementSignature?

  /// Whether it has a policy in Rego.
  public var hasRego: Bool { evaluatorVersion == PolicyBundle.regoVersion }

  /// Reads a bundle from its files; refuses a bundle without a registry (POL-4).
  public init(files unordered: [(path: String, text: String)]) throws(RecordError) {
    let files = unordered.sorted { $0.path.utf8.lexicographicallyPrecedes($1.path.utf8) }
    guard let registry = files.first(where: { $0.path == PolicyBundle.registryPath }) else {
      throw .field("bundle", expected: "a file \(PolicyBundle.registryPath)")
    }
    let value: JSON
    do {
      value = try JSON.parse(registry.text)
    } catch {
      throw .json(error)
    }
    var fields = try Fields(value, at: PolicyBundle.registryPath)
    bundleVersion = try fields.identifier("bundle_version")
    constitutionVersion = try fields.identifier("constitution_version")
    constitution = try Constitution(
      files.first { $0.path == Constitution.path }?.text, version: constitutionVersion)
    invariants = try Self.cited(&fields, under: constitution)
    actions = try fields.objects("actions", limit: 1024) { (inner) throws(RecordError) in
      try ActionDefinition(from: &inner)
    }.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    approvals = try fields.objects("approvals", limit: 256) { (inner) throws(RecordError) in
      try ApprovalRule(from: &inner)
    }
    breakers = try fields.nested("breakers") { (inner) throws(RecordError) in
      try BreakerLimits(from: &inner)
    }
    budget =
      try fields.optionalNested("evaluation") { (inner) throws(RecordError) in
        try EvaluationBudget(from: &inner)
      } ?? .standard
    redactions =
      try fields.optionalObjects("redaction", limit: 32) { (inner) throws(RecordError) in
        try RedactionRule(from: &inner)
      } ?? []
    retention =
      try fields.optionalObjects("retention", limit: 64) { (inner) throws(RecordError) in
        try RetentionRule(from: &inner)
      } ?? []
    try fields.finish()
    for (left, right) in zip(actions, actions.dropFirst()) where left.name == right.name {
      throw .field(fields.name("actions"), expected: "no action twice; found \(left.name) twice")
    }
    self.files = files
    evaluatorVersion =
      files.contains { $0.path.hasSuffix(".rego") }
      ? PolicyBundle.regoVersion : PolicyBundle.declarativeVersion
    let author = files.first { $0.path == BundleAuthor.path }
    self.author = try author.map { (file) throws(RecordError) in try BundleAuthor.read(file.text) }
    hash = Self.hash(files, evaluatorVersion, constitutionVersion)
    contentsHash =
      author == nil
      ? hash : Self.hash(files.filter { $0.path != BundleAuthor.path }, evaluatorVersion, constitutionVersion)
  }

  /// What the registry cites; refused where the constitution has deprecated it (POL-9).
  private static func cited(
    _ fields: inout Fields, under constitution: Constitution
  ) throws(RecordError) -> [String] {
    let cited =
      try fields.optionalValue("invariants", "an array of at most 256 invariants such as INV-012") { json in
        json.array.flatMap { all -> [String]? in
          let names = all.compactMap(\.string).filter(Identifier.isValid)
          return names.count == all.count && names.count <= Constitution.maximumInvariants ? names : nil
        }
      } ?? []
    if let name = cited.first(where: constitution.deprecated.contains) {
      throw .field(
        fields.name("invariants"),
        expected: "no invariant that constitution \(constitution.version) has deprecated, found \(name)")
    }
    return Constitution.ordered(cited)
  }

  private static func hash(
    _ files: [(path: String, text: String)], _ evaluator: String, _ constitution: String
  )
    -> Digest
  {
    JSON.object([
      ("evaluator_version", .string(evaluator)), ("constitution_version", .string(constitution)),
      ("files", .object(files.map { ($0.path, .string(SHA256.hash($0.text).hex)) })),
    ]).contentHash
  }

  /// Reads a bundle from the value that travels in an attachment: `{path: text, …}`.
  public init(_ value: JSON) throws(RecordError) {
    guard case .object(let object) = value else {
      throw .field("bundle", expected: "an object of files, found \(value.kind)")
    }
    var files: [(path: String, text: String)] = []
    for member in object.members {
      guard let text = member.value.string else {
        throw .field("bundle.\(member.name.prefix(128))", expected: "the file's text")
      }
      files.append((member.name, text))
    }
    try self.init(files: files)
  }

  /// The least semantics under which all of it means something.
  public var leastSemantics: Int {
    let isOfPeople =
      author != nil || !invariants.isEmpty || files.contains { $0.path == Constitution.path }
      || !redactions.isEmpty || !retention.isEmpty || breakers.retriesPerHour != nil
      || actions.contains {
        $0.preview != nil || $0.isIrreversible || !$0.classes.isEmpty || !$0.tenants.isEmpty
      }
      || approvals.contains { rule in
        !rule.classes.isEmpty || !rule.tenants.isEmpty || rule.rejections != 1 || rule.demands.isEmpty
          || rule.demands.contains { !$0.filters.isEmpty }
      }
    let reaches = actions.contains { $0.usesReach || $0.verification > 1 || $0.prices != nil }
    return max(
      isOfPeople ? Semantics.people : 1, hasRego ? Semantics.rego : 1, reaches ? Semantics.reach : 1)
  }

  /// The value that travels in an attachment.
  public var json: JSON { .object(files.map { ($0.path, .string($0.text)) }) }

  /// The action named `name`.
  public func action(_ name: String) -> ActionDefinition? {
    var low = 0
    var high = actions.count
    while low < high {
      let middle = (low + high) / 2
      if actions[middle].name == name { return actions[middle] }
      if actions[middle].name.utf8.lexicographicallyPrecedes(name.utf8) {
        low = middle + 1
      } else {
        high = middle
      }
    }
    return nil
  }

  public static func == (left: PolicyBundle, right: PolicyBundle) -> Bool { left.hash == right.hash }
}

extension ActionDefinition {
  /// Reads a definition from its canonical JSON, as `ListActions` gives it.
  public init(parsing bytes: [UInt8]) throws(RecordError) {
    let value: JSON
    do {
      value = try JSON.parse(bytes)
    } catch {
      throw .json(error)
    }
    var fields = try Fields(value, at: "action")
    try self.init(from: &fields)
    try fields.finish()
  }
}
