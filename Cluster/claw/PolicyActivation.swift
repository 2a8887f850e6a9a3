import Canonical
import ClawLedger
import ClawShield
import Crypto
import Host
import Merkle
import Records

/// Another bundle, or an earlier one, comes into force: an act of at least two operators.
enum PolicyActivation {
  static let all: [Command] = [
    Command(
      "policy activate", "put a bundle in force", operands: ["BUNDLE"],
      options: [
        PolicyFolder.imagesOption,
        killRunning,
      ] + Acts.options + Command.session,
      details: """
        At least two operators, for a bundle that its author has signed (claw policy sign). It takes effect at one leaf on all nodes: tokens that are not used yet and
        open ballots are void from there on, and what is pending is decided again, without parameters.
        """, run: activate),
    Command(
      "policy amend", "put another constitution in force, with the bundle that is issued under it",
      operands: ["BUNDLE"],
      options: [
        PolicyFolder.imagesOption,
        killRunning,
      ] + Acts.options + Command.session,
      details: """
        As policy activate, for a bundle of another constitution_version (and constitution.json, where that deprecates
        invariants). Bundles of the constitution before come into force no more, but by another amendment back.
        """, run: amend),
    Command(
      "policy rollback", "put an earlier bundle of the ledger in force again",
      options: [
        CommandOption("--from", "EXPORT", "the ledger, as claw ledger export writes it"),
        CommandOption("--to", "HASH", "the bundle's hash; default the one before that in force"),
        killRunning,
      ] + Acts.options + Command.session,
      details: "As policy activate, with the files that the ledger has.", run: rollback),
  ]

  private static let killRunning = CommandOption(
    flag: "--kill-running", "end what runs under the bundle before; without it, that runs to its end")

  private static func activate(_ call: Invocation) throws -> ExitCode {
    let bundle = try authored(call.parsed.operand(0) ?? "", call)
    let session = try Session(call.parsed)
    return try conclude(bundle, session, try session.cluster(), call)
  }

  private static func amend(_ call: Invocation) throws -> ExitCode {
    let bundle = try authored(call.parsed.operand(0) ?? "", call)
    let session = try Session(call.parsed)
    return try conclude(bundle, mode: .amend, session, try session.cluster(), call)
  }

  /// A bundle that its author has signed. Older semantics take none that is, so that what is missing is the
  /// nodes' to refuse; what is wrong is refused here.
  static func authored(_ folder: String, _ call: Invocation) throws -> PolicyBundle {
    let bundle = try PolicyFolder.read(folder, images: call.parsed.value("--images"))
    guard bundle.author == nil || bundle.isAuthentic else {
      throw Failure(
        .other, "\(folder): \(bundle.authorWords): sign it again, with the same --images (claw policy sign)")
    }
    return bundle
  }

  private static func rollback(_ call: Invocation) throws -> ExitCode {
    let path = try call.parsed.required("--from")
    let session = try Session(call.parsed)
    let key = try session.cluster()
    let export = try LedgerCommands.verified(path, cluster: key.cluster)
    let bundles = try bundles(of: export, path)
    var wanted = bundles.dropLast().last { $0.hash != bundles.last?.hash }
    if let text = call.parsed.value("--to") {
      guard let hash = Digest(hex: text) else {
        throw UsageError("--to: expected 64 hexadecimal characters, found \"\(text)\"")
      }
      wanted = bundles.last { $0.hash == hash }
    }
    guard let wanted else {
      let known = bundles.map { "  \($0.hash.hex)  version \($0.bundleVersion)" }.joined(separator: "\n")
      let what =
        call.parsed.value("--to") == nil
        ? "it has no bundle before its last, which is the one in force unless the export is older: name one with --to"
        : "there is no such bundle"
      throw Failure(.notFound, "\(path): \(what); it has\n\(known)")
    }
    // To an earlier constitution leads an amendment (IR-7).
    let isAmendment = wanted.constitution != bundles.last?.constitution
    return try conclude(wanted, mode: isAmendment ? .amend : .activate, session, key, call)
  }

  /// The bundles that were put in force, in order: the history says which acts had an effect.
  private static func bundles(of export: VerifiedExport, _ path: String) throws -> [PolicyBundle] {
    guard let genesis = export.records.first, let attachment = export.attachments.first else {
      throw Failure(.failed, "\(path): expected a genesis")
    }
    var state: ShieldState
    do {
      state = try ShieldState.initial(genesisLeaf: genesis.bytes, record: genesis, attachment: attachment)
    } catch {
      throw Failure(.failed, "\(path): \(error)")
    }
    var bundles = [state.bundle]
    for (record, attachment) in zip(export.records, export.attachments).dropFirst() {
      let applied = state.apply(
        record, leafHash: TreeHash.leaf(record.bytes), attachment: attachment, at: LeafIndex(state.size))
      if case .policy = record.body, applied == .effective { bundles.append(state.bundle) }
    }
    return bundles
  }

  private static func words(_ mode: PolicyMode, _ bundle: PolicyBundle) -> String {
    switch mode {
    case .shadow: "in shadow: "
    case .amend: "constitution \(bundle.constitution.words), with "
    case .activate, .unshadow: ""
    }
  }

  static func conclude(
    _ bundle: PolicyBundle, mode: PolicyMode = .activate, _ session: Session, _ key: ClusterKey,
    _ call: Invocation
  ) throws -> ExitCode {
    let item = Statements.salted(bundle.json)
    let act = PolicyAct(
      actID: "policy-\(Environment.freshID())", policyBundleHash: bundle.hash, bundleHash: item.hash,
      bundleVersion: bundle.bundleVersion, constitutionVersion: bundle.constitutionVersion,
      killRunning: mode.isInForce && call.parsed.has("--kill-running"), mode: mode,
      validUntil: try Statements.validity(call.parsed))
    let draft = Acts.Draft(
      method: "Admin/Policy", body: .policy(try Acts.sign(act, session, key, call.parsed)),
      attachment: Attachment("bundle", item))
    return try Acts.conclude(
      draft, session, key, call,
      what: words(mode, bundle) + "bundle \(bundle.bundleVersion), \(bundle.hash.hex)")
  }
}
