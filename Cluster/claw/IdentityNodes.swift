import Canonical
import Host
import Records

/// The nodes that an identity knows, changed as parties come, go and move.
enum IdentityNodes {
  static let command = Command(
    "identity nodes", "tell an identity of new nodes, of new addresses, and whom to forget",
    options: [
      CommandOption("--dir", "DIR", "the identity's folder"),
      CommandOption("--invitation", "FILE", "a party's public bundle", isRepeated: true),
      CommandOption("--without", "NAME", "a node to forget", isRepeated: true),
      CommandOption("--keys", "FILE", "cluster.json of an identity that has followed the keys further"),
    ],
    details: """
      Where the folder's cluster.json holds a key after the first, a bundle must be of one of the newest key's parties: the
      nodes that the identity knows are asked for newer keys, and where none of them is left, another identity's cluster.json
      has them. Each key is proven by the one before. Where the folder holds none, compare the keys that are shown with
      those of claw members list. Of an executor's folder nobody is asked; it takes its nodes up when it is started again.
      """, run: nodes)

  /// A party's public bundle, and the file that it was read from.
  typealias Bundle = (file: String, invitation: Invitation)

  static func bundles(_ parsed: ParsedCommand) throws -> [Bundle] {
    try parsed.all("--invitation").map { ($0, try Invitation(file: $0)) }
  }

  private static func nodes(_ call: Invocation) throws -> ExitCode {
    let folder = try call.parsed.required("--dir")
    let bundles = try bundles(call.parsed)
    let without = call.parsed.all("--without")
    guard !bundles.isEmpty || !without.isEmpty else {
      throw UsageError("expected --invitation or --without")
    }
    if let file = call.parsed.value("--keys") { try takeKeys(of: file, folder) }
    if try !areMembers(bundles, folder) { followKeys(call.parsed, folder) }
    let (path, rows) = try write(bundles, without: without, in: folder)
    let keys = bundles.map { "\n\($0.invitation.name) has the key \($0.invitation.key.hex)" }.joined()
    call.say(
      Report("\(path) names \(names(rows))\(keys)", [("nodes", .array(rows.compactMap { $0["name"] }))]))
    return .ok
  }

  private static func areMembers(_ bundles: [Bundle], _ folder: String) throws -> Bool {
    guard let parties = try ClusterKey(folder: folder)?.chain.parties else { return true }
    return bundles.allSatisfy { bundle in
      parties.contains { $0.name == bundle.invitation.name && $0.key == bundle.invitation.key }
    }
  }

  /// Asks the nodes that the identity knows for newer keys. Who of them answers nothing is no hindrance: what is missing then
  /// is said of the bundles.
  private static func followKeys(_ parsed: ParsedCommand, _ folder: String) {
    guard let identity = try? ClientIdentity(folder: folder),
      let session = try? Session(parsed, identity: identity)
    else { return }
    _ = try? session.cluster()
  }

  private static func takeKeys(of file: String, _ folder: String) throws {
    guard var own = try ClusterKey(folder: folder) else {
      throw Failure(.usage, "--keys: \(folder) has no \(ClusterKey.file) that newer keys could follow")
    }
    let other = try ClusterKey(file: file)
    guard other.cluster == own.cluster else {
      throw Failure(.other, "--keys: \(file) is of another cluster, \(other.cluster.hex)")
    }
    do {
      if try own.follow(other.links) { try own.write(folder: folder) }
    } catch let failure as Failure {
      throw Failure(.other, "--keys: \(file): \(failure)")
    }
  }

  /// Has an identity's folder name the nodes of these bundles, in the place of any of the same name, and none of `without`: all
  /// of it, or nothing. Returns the file that was written, and its nodes.
  static func write(
    _ bundles: [Bundle], without: [String] = [], in folder: String
  ) throws -> (path: String, rows: [JSON]) {
    let invitations = bundles.map(\.invitation)
    let files = [ClientIdentity.file, "executor.json"].map { "\(folder)/\($0)" }.filter(Files.exists)
    guard let path = files.first else {
      throw Failure(.usage, "\(folder) is no identity that is connected: see claw identity connect")
    }
    guard case .object(var object) = try JSON.parse(try Files.read(path, limit: 1 << 20)),
      let domain = object["trust_domain"]?.string, let rows = object["nodes"]?.array
    else { throw Failure(.other, "\(path): expected trust_domain and nodes") }
    try check(bundles, domain: domain, try ClusterKey(folder: folder))
    for name in without where !rows.contains(where: { $0["name"]?.string == name }) {
      throw UsageError("--without: there is no \(name); the identity knows \(names(rows))")
    }
    let replaced = invitations.map(\.name) + without
    let kept = rows.filter { row in !replaced.contains { $0 == row["name"]?.string } }
    let added = try invitations.sorted { $0.id < $1.id }.map {
      try ClusterDirectory.writeNode($0, in: folder)
    }
    guard !(kept + added).isEmpty else { throw UsageError("--without: an identity knows at least one node") }
    object["nodes"] = .array(kept + added)
    try Files.write(JSON.object(object).indented, to: path)
    return (path, kept + added)
  }

  private static func names(_ rows: [JSON]) -> String {
    rows.compactMap { $0["name"]?.string }.joined(separator: ", ")
  }

  /// Refuses bundles of another trust domain, of one name twice, and of parties that the newest key is not of: all of them
  /// together with the others that came along, since a folder that knows half of its nodes looks as if it knew all.
  private static func check(
    _ bundles: [Bundle], domain: String, _ key: ClusterKey?
  ) throws {
    for (position, bundle) in bundles.enumerated() {
      let name = bundle.invitation.name
      guard !bundles[..<position].contains(where: { $0.invitation.name == name }) else {
        throw UsageError("--invitation: \(name) twice")
      }
    }
    let objections = bundles.compactMap { file, invitation in
      objection(to: invitation, domain: domain, key).map { "\(file): \($0)" }
    }
    guard !objections.isEmpty else { return }
    let others = bundles.count - objections.count
    let rest = others == 0 ? "" : ", of the other \(others) neither"
    let newer =
      key?.chain.parties == nil ? "" : ". Where newer keys have come that it was not shown, --keys takes them"
    throw Failure(.other, objections.joined(separator: "\n") + "\nNo node is written\(rest)\(newer)")
  }

  private static func objection(
    to invitation: Invitation, domain: String, _ key: ClusterKey?
  ) -> String? {
    let name = invitation.name
    guard invitation.domain.name == domain else {
      return "\(name) is of trust domain \(invitation.domain.name); this identity is of \(domain)"
    }
    guard let parties = key?.chain.parties else { return nil }
    guard !parties.contains(where: { $0.name == name && $0.key == invitation.key }) else { return nil }
    let reason =
      parties.contains { $0.name == name }
      ? "is no party of the newest key: its \(name) has another key. It is of"
      : "is no party of the newest key, which is of"
    return
      "\(name) with the key \(invitation.key.hex) \(reason) \(parties.map(\.name).joined(separator: ", "))"
  }
}
