import Crypto
import Raft

/// Contents that are held in memory on their way to this node's disk.
///
/// What a peer pushes is taken before anything says that a disk keeps up with it: without a bound in bytes for
/// each source, one lying node fills the memory of all others. What a bound turns away is lost as any message
/// may be: its putter waits for other nodes, and the keeper fetches it later where it got its record.
struct ArtifactIntake: Sendable {
  private struct Incoming: Sendable {
    let tenant: String
    let digest: String
    /// Of the content; sealed it is a few more.
    let bytes: Int
    /// Who brought it first.
    let source: NodeID
    /// Who wants to hear that it is durable.
    var listeners: [NodeID]
  }

  /// What is to be done with a content.
  enum Verdict: Sendable {
    case write
    /// It is being written: nothing is to be done but to wait.
    case underWay
    /// There is no room for it now.
    case full
  }

  private var incoming: [Incoming] = []

  /// Bytes in memory that one source brought: a peer, or this node's own clients together.
  static var maximumBytesOfOne: Int { 24 << 20 }
  /// Contents in memory that one source brought: small ones cost too.
  static var maximumOfOne: Int { 256 }
  /// Bytes in memory of all sources.
  static var maximumBytes: Int { 96 << 20 }

  /// Bytes that are held.
  var bytes: Int { incoming.reduce(0) { $0 + $1.bytes } }

  /// Takes a content from `source`, which hears of it when it is durable where it `listens`.
  mutating func take(
    tenant: String, digest: String, bytes: Int, from source: NodeID, listens: Bool
  ) -> Verdict {
    if let position = incoming.firstIndex(where: { $0.tenant == tenant && $0.digest == digest }) {
      if listens, !incoming[position].listeners.contains(source) {
        incoming[position].listeners.append(source)
      }
      return .underWay
    }
    let own = incoming.filter { $0.source == source }
    guard own.count < Self.maximumOfOne,
      own.reduce(bytes, { $0 + $1.bytes }) <= Self.maximumBytesOfOne,
      self.bytes + bytes <= Self.maximumBytes
    else { return .full }
    incoming.append(
      Incoming(
        tenant: tenant, digest: digest, bytes: bytes, source: source, listeners: listens ? [source] : []))
    return .write
  }

  /// It is durable: who wants to hear of that.
  mutating func settle(tenant: String, digest: String) -> [NodeID] {
    guard let position = incoming.firstIndex(where: { $0.tenant == tenant && $0.digest == digest }) else {
      return []
    }
    return incoming.remove(at: position).listeners
  }

  func contains(tenant: String, digest: String) -> Bool {
    incoming.contains { $0.tenant == tenant && $0.digest == digest }
  }
}
