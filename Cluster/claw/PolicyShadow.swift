import Canonical
import Crypto
import Host
import Records
import Wire

/// A bundle beside the one in force: it is asked about everything, and nothing acts on what it says.
enum PolicyShadow {
  static let all: [Command] = [
    Command(
      "policy shadow", "have a bundle asked beside the one in force", operands: ["BUNDLE"],
      options: [
        PolicyFolder.imagesOption
      ] + Acts.options + Command.session,
      details: """
        At least two operators. From one leaf on every new proposal is decided by it too, and where it would have decided
        otherwise the ledger says so. It replaces the bundle that was asked before, if there is one.
        """, run: shadow),
    Command(
      "policy unshadow", "ask it no more; at least two operators", options: Acts.options + Command.session,
      run: unshadow),
    Command(
      "policy differences", "what the bundle beside the one in force would have decided otherwise",
      options: Command.session, run: differences),
  ]

  private static func shadow(_ call: Invocation) throws -> ExitCode {
    let bundle = try PolicyActivation.authored(call.parsed.operand(0) ?? "", call)
    let session = try Session(call.parsed)
    return try PolicyActivation.conclude(bundle, mode: .shadow, session, try session.cluster(), call)
  }

  private static func status(_ session: Session) throws -> JSON {
    let answer = try session.call("Admin/Status", StatusRequest(), of: StatusResponse.self)
    guard let shadow = try JSON.parse(answer.json)["shadow"], shadow.object != nil else {
      throw Failure(.notFound, "no bundle is asked beside the one in force")
    }
    return shadow
  }

  /// The bundle in shadow, as it is signed to be asked no more.
  private struct Shadow: Equatable {
    let hash: Digest
    let version: String
    let constitution: String

    init?(_ json: JSON?) {
      guard let hash = json?["policy_bundle_hash"]?.string.flatMap(Digest.init(hex:)),
        let version = json?["bundle_version"]?.string
      else { return nil }
      (self.hash, self.version) = (hash, version)
      constitution = json?["constitution_version"]?.string ?? ""
    }
  }

  private static func unshadow(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let key = try session.cluster()
    let agreed: Shadow? = try session.agreed(
      "Admin/Status", StatusRequest(), of: StatusResponse.self,
      on: "which bundle is asked beside the one in force"
    ) { .some(try Shadow(JSON.parse($0.json)["shadow"])) }
    guard let shadow = agreed else {
      throw Failure(.notFound, "no bundle is asked beside the one in force")
    }
    let (hash, version) = (shadow.hash, shadow.version)
    let act = PolicyAct(
      actID: "policy-\(Environment.freshID())", policyBundleHash: hash, bundleHash: hash,
      bundleVersion: version, constitutionVersion: shadow.constitution, killRunning: false, mode: .unshadow,
      validUntil: try Statements.validity(call.parsed))
    let draft = Acts.Draft(
      method: "Admin/Policy", body: .policy(try Acts.sign(act, session, key, call.parsed)))
    return try Acts.conclude(
      draft, session, key, call, what: "bundle \(version), \(hash.hex), is asked no more")
  }

  private static func differences(_ call: Invocation) throws -> ExitCode {
    let session = try Session(call.parsed)
    let shadow = try status(session)
    let rows = shadow["differences"]?.array ?? []
    let decided = shadow["decided"]?.integer ?? 0
    let differing = shadow["differing"]?.integer ?? 0
    var lines = [
      "bundle \(shadow["bundle_version"]?.string ?? "?"), \(shadow["policy_bundle_hash"]?.string ?? "?")",
      "asked since leaf \(shadow["since"]?.integer ?? 0): of \(decided) decisions \(differing) would be others",
    ]
    lines += rows.map { row in
      let leaf = row["leaf"]?.integer.map { "leaf \($0)" } ?? "not written yet"
      return "  proposal \(row["proposal"]?.integer ?? 0), \(leaf): \(row["message"]?.string ?? "")"
    }
    if rows.count < differing { lines.append("  \(differing - rows.count) more are counted, not listed") }
    call.say(Report(lines.joined(separator: "\n"), [("shadow", shadow)]))
    return .ok
  }
}
