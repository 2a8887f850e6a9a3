import Canonical
import Crypto
import Host
import Records
import Wire

/// The cluster's id and the key that signs its notes, as this executor believes them: learned once, from as
/// many parties as it takes to sign, each over a channel that is pinned to it; kept from then on.
struct ClusterPin: Equatable, Sendable {
  let cluster: Digest
  let groupKey: PublicKey

  /// What was learned before; nil at the first start.
  static func read(_ path: String) throws -> ClusterPin? {
    guard Files.exists(path) else { return nil }
    var file = try ConfigurationSection(file: path)
    let pin = ClusterPin(
      cluster: try file.value("cluster", "a cluster id") { $0.string.flatMap(Digest.init(hex:)) },
      groupKey: try file.value("group_key", "an Ed25519 key") { $0.string.flatMap(PublicKey.init(hex:)) })
    try file.finish()
    return pin
  }

  func write(_ path: String) throws {
    let value = JSON.object([("cluster", .string(cluster.hex)), ("group_key", .string(groupKey.hex))])
    try Files.write(value.canonical + "\n", to: path)
  }

  init(cluster: Digest, groupKey: PublicKey) {
    self.cluster = cluster
    self.groupKey = groupKey
  }

  /// What one node says.
  init?(_ payload: [UInt8]) {
    guard let response = try? CheckpointResponse(decoding: payload),
      let cluster = Digest(hex: response.cluster), let groupKey = PublicKey(hex: response.groupKey)
    else { return nil }
    self.init(cluster: cluster, groupKey: groupKey)
  }
}
