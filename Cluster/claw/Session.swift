import Canonical
import Crypto
import EventLoop
import Host
import Network
import Records
import Wire

/// Speaks to a cluster as one identity: nodes are tried in order until one answers.
final class Session {
  let identity: ClientIdentity
  /// Since when nodes' certificates are taken.
  private var refused: RefusedCertificates
  private let timeout: Duration
  /// A node is asked nothing before it has caught up with all that was committed when it was connected to.
  private let isFresh: Bool
  /// Streams end by themselves: people may take days.
  private let streamTimeout: Duration?
  private var nodes: [NodeAddress]
  private var client: BlockingClient?
  /// The node that answered last.
  private(set) var answering = ""
  private var pinned: ClusterKey?
  private var hasFollowed = false

  /// How long a node has to take a connection before the next is tried.
  private static let connectTimeout = Duration.seconds(3)

  /// `only`: no other node can do what is asked for.
  init(_ parsed: ParsedCommand, only: String? = nil, identity other: ClientIdentity? = nil) throws {
    identity = try other ?? ClientIdentity(parsed)
    refused = try RefusedCertificates(folder: identity.folder)
    isFresh = parsed.has("--fresh")
    timeout = .seconds(try parsed.integer("--timeout", in: 1...86_400, default: 60))
    streamTimeout = parsed.has("--timeout") ? timeout : nil
    nodes = identity.nodes
    pinned = try ClusterKey(folder: identity.folder)
    if let only {
      nodes.removeAll { $0.name != only }
      guard !nodes.isEmpty else {
        let known = identity.nodes.map(\.name).joined(separator: ", ")
        throw UsageError("there is no \(only); the identity knows \(known)")
      }
    }
    if let name = parsed.value("--node") {
      guard let position = nodes.firstIndex(where: { $0.name == name }) else {
        let known = nodes.map(\.name).joined(separator: ", ")
        throw UsageError("--node: there is no \(name); the identity knows \(known)")
      }
      nodes.insert(nodes.remove(at: position), at: 0)
    }
  }

  // MARK: Calls

  /// Calls a method of the first node that answers. A node without a leader or without room is passed
  /// over: what is signed names itself, so asking again elsewhere does nothing twice.
  func call<Answer: WireMessage>(
    _ method: String, _ request: some WireMessage, of _: Answer.Type = Answer.self
  ) throws -> Answer {
    let payload = try attempt { (client) throws(CallStatus) in
      try client.call("/openexec.v1.\(method)", request.encode(), timeout: timeout)
    }
    return try Answer(decoding: payload)
  }

  /// Calls a method of this node and no other; what keeps it from answering is `unreachable`.
  func ask<Answer: WireMessage>(
    _ node: NodeAddress, _ method: String, _ request: some WireMessage, of _: Answer.Type = Answer.self
  ) throws -> Answer {
    do throws(CallStatus) {
      let payload = try connection(to: node).call(
        "/openexec.v1.\(method)", request.encode(), timeout: .seconds(5))
      do {
        return try Answer(decoding: payload)
      } catch {
        throw CallStatus(.unavailable, "an answer that is none: \(error)")
      }
    } catch {
      drop()
      throw Failure(error, node: node.name)
    }
  }

  /// Calls a method with a stream of answers; `onItem` answers false to end it.
  func stream<Item: WireMessage>(
    _ method: String, _ request: some WireMessage, of _: Item.Type, onItem: (Item) throws -> Bool
  ) throws {
    var failure: (any Error)?
    var hasBegun = false
    try attempt { (client) throws(CallStatus) in
      do throws(CallStatus) {
        try client.stream("/openexec.v1.\(method)", request.encode(), timeout: streamTimeout) { payload in
          hasBegun = true
          do {
            return try onItem(try Item(decoding: payload))
          } catch {
            failure = error
            return false
          }
        }
      } catch {
        // What was handed over cannot be taken back: another node would begin anew.
        guard !hasBegun || error.code != .unavailable else {
          throw CallStatus(.aborted, "the stream broke off: \(error.message)")
        }
        throw error
      }
    }
    if let failure { throw failure }
  }

  private func attempt<T>(_ body: (BlockingClient) throws(CallStatus) -> T) throws -> T {
    var reasons: [String] = []
    for node in nodes {
      do throws(CallStatus) {
        let client = try connection(to: node)
        return try body(client)
      } catch {
        drop()
        guard error.code == .unavailable || error.code == .resourceExhausted else {
          throw Failure(error, node: node.name)
        }
        reasons.append("\(node.name): \(error.message)")
      }
    }
    throw Failure(.unreachable, "no node answered: \(reasons.joined(separator: "; "))")
  }

  private func connection(to node: NodeAddress) throws(CallStatus) -> BlockingClient {
    if let client, answering == node.name { return client }
    let addresses = SocketAddress.resolve(node.address)
    guard !addresses.isEmpty else { throw CallStatus(.unavailable, "\(node.address) names no address") }
    let tls: TLSContext
    do {
      // Read for every connection: another certificate may have taken the place of the last one's.
      tls = try identity.tls()
    } catch {
      throw CallStatus(.failedPrecondition, "\(error)")
    }
    var last = CallStatus(.unavailable, "no connection")
    for address in addresses {
      do throws(CallStatus) {
        let refused = refused
        let client = try BlockingClient(
          tls: tls, address: address, expecting: .exactly(.node(node.name)), timeout: Self.connectTimeout,
          oldestCertificate: { refused.oldest(of: $0) })
        if isFresh {
          let request = CheckpointRequest(fresh: true).encode()
          _ = try client.call("/openexec.v1.Ledger/Checkpoint", request, timeout: .seconds(6))
        }
        self.client = client
        answering = node.name
        return client
      } catch {
        last = CallStatus(.unavailable, error.message)
      }
    }
    throw last
  }

  private func drop() {
    client = nil
    answering = ""
  }

  // MARK: The cluster

  /// The cluster's id and key: pinned, or believed because as many parties as sign say the same, of which
  /// at least one is honest.
  func cluster() throws -> ClusterKey {
    if let pinned { return try followed(pinned) }
    var said: [(key: ClusterKey, by: [String])] = []
    var reasons: [String] = []
    for node in nodes {
      do throws(CallStatus) {
        let client = try connection(to: node)
        let payload = try client.call(
          "/openexec.v1.Ledger/Checkpoint", CheckpointRequest().encode(), timeout: .seconds(5))
        guard let answer = try? CheckpointResponse(decoding: payload),
          let cluster = Digest(hex: answer.cluster), let key = PublicKey(hex: answer.groupKey)
        else { throw CallStatus(.dataLoss, "an answer that is none") }
        let found = ClusterKey(cluster: cluster, groupKey: key)
        if let position = said.firstIndex(where: { $0.key == found }) {
          said[position].by.append(node.name)
        } else {
          said.append((found, [node.name]))
        }
      } catch {
        reasons.append("\(node.name): \(error.message)")
      }
      drop()
      if let agreed = said.first(where: { $0.by.count >= identity.threshold }) {
        try agreed.key.write(folder: identity.folder)
        pinned = agreed.key
        return try followed(agreed.key)
      }
    }
    let heard = said.map { "\($0.by.joined(separator: ", ")) say \($0.key.cluster.hex)" }
    throw Failure(
      .unreachable,
      "the cluster's id is not known yet: it takes \(identity.threshold) nodes that say the same. "
        + (heard + reasons).joined(separator: "; "))
  }

  /// The key with those that have followed it since, as any node shows them; asked for once. A node that shows none
  /// keeps back what is newest, and no more.
  private func followed(_ key: ClusterKey) throws -> ClusterKey {
    guard !hasFollowed else { return key }
    hasFollowed = true
    guard let answer = try? call("Ledger/Checkpoint", CheckpointRequest(), of: CheckpointResponse.self),
      answer.cluster == key.cluster.hex
    else { return key }
    var key = key
    if try key.follow(answer.links) { try key.write(folder: identity.folder) }
    pinned = key
    // The node that was just asked may itself be one whose certificate is refused.
    if try refused.follow(answer.refusedCertificates, key) { drop() }
    return key
  }
}

extension Failure {
  /// What a node answered instead of OK.
  init(_ status: CallStatus, node: String) {
    let code: ExitCode =
      switch status.code {
      case .permissionDenied, .unauthenticated: .denied
      case .notFound: .notFound
      case .unavailable, .deadlineExceeded, .resourceExhausted: .unreachable
      case .aborted, .dataLoss: .failed
      case .ok, .cancelled, .unknown, .invalidArgument, .alreadyExists, .failedPrecondition, .outOfRange,
        .unimplemented, .internal:
        .other
      }
    self.init(code, "\(node) answered \(status)")
  }
}
