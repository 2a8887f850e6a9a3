import Canonical
import Crypto
import Records

/// What executors have signed of their hosts (HF-9), as nodes show it, held against the keys by which they are enrolled.
/// A node can keep an executor's words back, and show older ones; it can neither make them up nor pass old ones off as new.
public struct DeclarationCheck: Sendable {
  /// How an executor is enrolled, where as many nodes as sign say the same of it.
  public struct Enrolled: Hashable, Sendable {
    public let key: PublicKey
    public let incarnation: Int

    /// An enrolment, as far as declarations have to do with it.
    public init(key: PublicKey, incarnation: Int) {
      self.key = key
      self.incarnation = incarnation
    }
  }

  /// How old the newest may be, and how far ahead of this host's clock: one is made with each lease that is asked for,
  /// every few seconds.
  public static let tolerance = Interval.seconds(60)

  private let cluster: Digest
  private let enrolled: [String: Enrolled]
  private let now: Timestamp

  /// `enrolled` by the executors' paths; whoever is not in it is known to too few nodes.
  public init(cluster: Digest, enrolled: [String: Enrolled], now: Timestamp) {
    self.cluster = cluster
    self.enrolled = enrolled
    self.now = now
  }

  /// The executors that nodes name, ascending.
  public static func executors(_ nodes: [NodeStatus]) -> [String] {
    let named = nodes.flatMap { node in
      (node.status?["readiness"]?.array ?? []).compactMap { entry in
        entry["executor"]?.string.flatMap(Principal.init(path:))?.path
      }
    }
    return Set(named).sorted()
  }

  /// What is off with an executor; nothing where its newest words are its own, of now, and say that nothing is.
  func reasons(_ executor: String, _ nodes: [NodeStatus]) -> [String] {
    guard let enrolled = enrolled[executor] else {
      return ["\(executor): too few nodes say the same of how it is enrolled"]
    }
    var reasons: [String] = []
    var newest: HostDeclaration?
    for node in nodes {
      let entries = node.status?["readiness"]?.array ?? []
      for entry in entries where entry["executor"]?.string == executor {
        guard let shown = entry["declaration"] else { continue }
        guard let declaration = read(shown, of: executor, by: enrolled) else {
          reasons.append("\(executor): what \(node.name) shows as its declaration is not signed by its key")
          continue
        }
        if newest.map({ declaration.isNewer(than: $0) }) ?? true { newest = declaration }
      }
    }
    guard let newest else { return reasons + ["\(executor): no node shows what it declares of its host"] }
    return reasons + age(newest, executor) + content(newest, executor)
  }

  private func read(_ shown: JSON, of executor: String, by enrolled: Enrolled) -> HostDeclaration? {
    guard let signed = try? PartySigned<HostDeclaration>(parsing: shown.canonicalBytes()),
      signed.content.executor.path == executor, signed.content.incarnation == enrolled.incarnation,
      signed.isSigned(by: enrolled.key, cluster: cluster)
    else { return nil }
    return signed.content
  }

  private func age(_ declaration: HostDeclaration, _ executor: String) -> [String] {
    guard let time = declaration.declaredAt else {
      return ["\(executor): its declaration does not say when it was made, as programs before this one's did"]
    }
    if time.advanced(by: Self.tolerance) < now {
      return ["\(executor): the newest declaration that a node shows is of \(time.text)"]
    }
    if now.advanced(by: Self.tolerance) < time {
      return ["\(executor): its declaration is of \(time.text), which is ahead of this host's clock"]
    }
    return []
  }

  private func content(_ declaration: HostDeclaration, _ executor: String) -> [String] {
    guard !declaration.isCompliant || !declaration.shortcomings.isEmpty else { return [] }
    guard !declaration.shortcomings.isEmpty else { return ["\(executor) declares itself NON-COMPLIANT"] }
    guard DeclaredReadiness(compliant: false, shortcomings: declaration.shortcomings) != nil else {
      return ["\(executor): what it declares is no text for people"]
    }
    return declaration.shortcomings.map { "\(executor): \($0)" }
  }
}
