import Canonical
import Crypto
import Host
import Records
import Wire

/// What a session believes of the cluster, and of whom it hears it: of as many nodes as sign, of which at least one is honest.
extension Session {
  /// The cluster's id and key: pinned, or believed because as many parties as sign say the same.
  ///
  /// - Parameters:
  ///   - isFollowed: with the keys that have come since and the certificates that are refused since, as the nodes show
  ///     them. Whoever needs the id alone does without, and asks nobody.
  ///   - fromAll: waits for every node: as many as signed with the key that is known may be former members and liars by now.
  func cluster(isFollowed: Bool = true, fromAll: Bool = false) throws -> ClusterKey {
    if let pinned {
      guard isFollowed, !hasFollowed else { return pinned }
      let answers = try checkpoints { [self] answers in fromAll ? nil : followed(answers) }
      return try follow(answers, from: pinned)
    }
    let answers = try checkpoints { [self] answers in agreed(answers) == nil ? nil : .zero }
    guard let key = agreed(answers) else { throw unknown(answers) }
    try key.write(folder: identity.folder)
    return try follow(answers, from: key)
  }

  /// Takes the keys that have come and the certificates that are refused since, before anything is asked.
  func keepUp() throws { _ = try cluster() }

  private typealias Heard = NodeAnswer<CheckpointResponse>

  private func checkpoints(_ patience: ([Heard]) -> Duration?) throws -> [Heard] {
    try everyNode(
      "Ledger/Checkpoint", CheckpointRequest(held: refused.held), timeout: .seconds(5), patience: patience)
  }

  /// How much longer the others are waited for. With the answers of as many as sign at hand one of them is honest, and the
  /// rest add nothing: only the one that is asked next is given a moment, so that its connection is there. Fewer than that are
  /// waited for by who has lost so many nodes that nothing becomes final.
  private func followed(_ answers: [Heard]) -> Duration? {
    let good = answers.filter { $0.message != nil }
    guard good.count >= threshold else { return good.isEmpty ? nil : .seconds(1) }
    // What is new and not shown by as many yet, the others are to say too.
    if let pinned {
      let said = good.compactMap { $0.message }.compactMap {
        try? refused.read($0.refusedCertificates, lifts: $0.lifts, pinned)
      }
      if refused.awaits(said, threshold: threshold) { return .seconds(1) }
    }
    return answers.contains { $0.node.name == nodes.first?.name } ? .zero : .milliseconds(250)
  }

  // MARK: Whose word

  private func agreed(_ answers: [Heard]) -> ClusterKey? {
    let said = answers.compactMap { $0.message.flatMap(ClusterKey.init) }
    return said.first { key in said.count { $0 == key } >= threshold }
  }

  private func unknown(_ answers: [Heard]) -> Failure {
    let heard = answers.map { answer in
      switch answer.result {
      case .success(let message):
        "\(answer.node.name): "
          + (ClusterKey(message).map { "says \($0.cluster.hex)" } ?? "an answer that is none")
      case .failure(let status): "\(answer.node.name): \(status.message)"
      }
    }
    return Failure(
      .unreachable,
      "the cluster's id is not known yet: it takes \(threshold) nodes that say the same. "
        + heard.joined(separator: "; ")
        + ". Where that many do not answer: \(ClusterKey.file) of any identity that has reached this cluster says it; "
        + "copied into \(identity.folder) it is believed")
  }

  /// Takes all keys that follow `key`, whoever shows them: each is proven, so that nobody need be believed, and who keeps one
  /// back is made up for by the others. Of refusals and lifts it takes what as many show as sign. Who shows what is not proven is
  /// named and asked last.
  private func follow(_ answers: [Heard], from key: ClusterKey) throws -> ClusterKey {
    hasFollowed = true
    var key = key
    let shown = answers.compactMap { answer in
      answer.message.flatMap { $0.cluster == key.cluster.hex ? (answer.node, $0) : nil }
    }
    var hasNewKey = false
    for (node, message) in shown {
      do {
        if try key.follow(message.links) { hasNewKey = true }
      } catch {
        distrust(node, "\(error)")
      }
    }
    let before = members
    pinned = key
    if hasNewKey { try key.write(folder: identity.folder) }
    meetExpected()
    if hasNewKey { sayWho(from: before) }
    try dropFormer()
    var said: [RefusedCertificates.Shown] = []
    for (node, message) in shown {
      do {
        said.append(try refused.read(message.refusedCertificates, lifts: message.lifts, key))
      } catch {
        distrust(node, "\(error)")
      }
    }
    let hasNewRefusal = refused.take(said, threshold: threshold)
    try refused.write()
    // The nodes that were just asked may themselves be ones whose certificates are refused.
    if hasNewRefusal { drop() }
    return key
  }
}

extension Session {
  /// Names, once, whom a new key leaves out, and whom it brings that the identity does not know.
  private func sayWho(from before: [NodeAddress]) {
    let known = members.map(\.name)
    let gone = before.map(\.name).filter { !known.contains($0) }
    if !gone.isEmpty {
      say("\(gone.joined(separator: ", ")): not asked any more, as no member of the newest key")
    }
    if !strangers.isEmpty {
      say(
        "\(strangers.joined(separator: ", ")): of the newest key's members, and not known to \(identity.folder); "
          + "claw identity nodes --invitation FILE adds them")
    }
  }

  private func say(_ line: String) { Terminal.write(VisibleText.lines("claw: \(line)") + "\n", to: 2) }
}

extension ClusterKey {
  /// What a node says of its cluster; nil where that is nothing.
  fileprivate init?(_ answer: CheckpointResponse) {
    guard let cluster = Digest(hex: answer.cluster), let key = PublicKey(hex: answer.groupKey) else {
      return nil
    }
    self.init(cluster: cluster, groupKey: key)
  }
}
