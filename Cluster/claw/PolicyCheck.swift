import Canonical
import ClawShield
import Host
import Records
import Rego

/// What there is to say about a bundle's files.
struct PolicyCheck {
  private(set) var faults: [String] = []
  private(set) var warnings: [String] = []
  private var modules: [Module] = []
  private var policy: Policy?
  private var hash: String?
  private var author: String?
  private var constitution: Constitution?
  private var invariants: [String] = []

  init(_ files: [(path: String, text: String)]) {
    for file in files where file.path.hasSuffix(".rego") {
      do throws(RegoSyntaxError) {
        modules.append(try Module.parse(file.text, file: file.path))
      } catch {
        faults.append(error.description)
      }
    }
    guard faults.isEmpty else { return }
    do throws(RegoSyntaxError) {
      policy = try Policy(modules)
      warnings = modules.flatMap(\.warnings).map(\.description)
    } catch {
      faults.append(error.description)
    }
    let own = files.filter { !$0.path.hasSuffix("_test.rego") }
    guard faults.isEmpty, own.contains(where: { $0.path == PolicyBundle.registryPath }) else {
      guard faults.isEmpty else { return }
      missRegistry(own.map(\.path))
      guard faults.isEmpty else { return }
      do throws(ShieldError) {
        _ = try RegoBundle(own)
      } catch {
        faults.append("\(error)")
      }
      return
    }
    do {
      let bundle = try PolicyBundle(files: own)
      try bundle.requireEnforceable()
      hash = bundle.hash.hex
      constitution = bundle.constitution
      invariants = bundle.invariants
      author = bundle.authorWords
      if bundle.author != nil, !bundle.isAuthentic {
        faults.append("\(BundleAuthor.path): \(bundle.authorWords)")
      }
    } catch {
      faults.append("\(error)")
    }
  }

  /// Says that there is no registry, and where one is that should stand at the top.
  private mutating func missRegistry(_ paths: [String]) {
    let below = paths.filter { $0.hasSuffix("/\(PolicyBundle.registryPath)") }
    guard let first = below.first else {
      warnings.append("there is no \(PolicyBundle.registryPath): this is no bundle yet")
      return
    }
    faults.append(
      "expected \(PolicyBundle.registryPath) at the top, found \(first): a bundle is what is in that folder, without the "
        + "folder (tar -C)")
  }

  /// The invariants of which the policy asks for nothing that could demand more.
  private var left: [FloorInvariant] {
    guard let policy else { return FloorInvariant.all }
    guard let members = policy.inputMembers else { return FloorInvariant.all.filter(\.members.isEmpty) }
    return FloorInvariant.all.filter { invariant in !invariant.members.contains(where: members.contains) }
  }

  func report(_ folder: String) -> Report {
    var lines = faults + warnings.map { "warning: \($0)" }
    if faults.isEmpty {
      lines.append(
        "\(folder): \(modules.count) module\(modules.count == 1 ? "" : "s"), no fault, "
          + "\(warnings.count) warning\(warnings.count == 1 ? "" : "s")")
      if let hash { lines.append("bundle hash \(hash)") }
      if let author { lines.append(author) }
      if let constitution {
        lines.append("issued under constitution \(constitution.words)")
        if !invariants.isEmpty { lines.append("rests on \(invariants.joined(separator: ", "))") }
      }
      if !left.isEmpty { lines.append("left to the floor, or to the registry:") }
      lines += left.map { "  \($0.id)  \($0.floor)" }
    } else {
      lines.append("\(folder): \(faults.count) fault\(faults.count == 1 ? "" : "s")")
    }
    return Report(
      lines.joined(separator: "\n"),
      [
        ("faults", .array(faults.map(JSON.string))), ("warnings", .array(warnings.map(JSON.string))),
        ("left_to_the_floor", .array(faults.isEmpty ? left.map { .string($0.id) } : [])),
        ("constitution_version", constitution.map { .string($0.version) } ?? .null),
        ("deprecated", .array((constitution?.deprecated ?? []).map(JSON.string))),
        ("invariants", .array(invariants.map(JSON.string))),
        ("policy_bundle_hash", hash.map(JSON.string) ?? .null), ("author", author.map(JSON.string) ?? .null),
      ])
  }
}
