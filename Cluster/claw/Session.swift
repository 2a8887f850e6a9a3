import Canonical
import EventLoop
import Host
import Network
import Records
import Wire

/// Speaks to a cluster as one identity: nodes are tried in order until one answers, or all are asked at once
/// (`EveryNode.swift`).
final class Session {
  private(set) var identity: ClientIdentity
  /// Since when nodes' certificates are taken.
  var refused: RefusedCertificates
  /// How long an answer may take.
  let timeout: Duration
  /// A node is asked nothing before it has caught up with all that was committed when it was connected to.
  private let isFresh: Bool
  /// Streams end by themselves: people may take days.
  private let streamTimeout: Duration?
  /// Whom calls go to, in this order: members, and whom the caller has chosen.
  private(set) var nodes: [NodeAddress]
  /// Whether the first of them is asked first because the caller said so.
  private let isFirstChosen: Bool
  /// The node that the caller has chosen, a member or not.
  private let chosen: String?
  private var client: BlockingClient?
  /// The node that answered last.
  private(set) var answering = ""
  /// The node whose answer ended the last call that failed.
  private var failing = ""
  var pinned: ClusterKey?
  /// Bundles of parties that are to come: the identity knows their nodes as soon as a proven key names them.
  var expected: [IdentityNodes.Bundle] = []
  /// How many nodes must say the same before one of them is honest: as many as sign with the newest key that is proven, and what
  /// the identity's file says until there is one after the genesis's.
  var threshold: Int { pinned?.chain.threshold ?? identity.threshold }
  /// Whether what the nodes show of keys and refusals has been taken.
  var hasFollowed = false

  /// How long a node has to take a connection before the next is tried.
  static let connectTimeout = Duration.seconds(3)

  /// `only`: no other node can do what is asked for.
  init(_ parsed: ParsedCommand, only: String? = nil, identity other: ClientIdentity? = nil) throws {
    identity = try other ?? ClientIdentity(parsed)
    refused = try RefusedCertificates(folder: identity.folder)
    isFresh = parsed.has("--fresh")
    timeout = .seconds(try parsed.integer("--timeout", in: 1...86_400, default: 60))
    streamTimeout = parsed.has("--timeout") ? timeout : nil
    nodes = identity.nodes
    pinned = try ClusterKey(folder: identity.folder)
    chosen = only ?? parsed.value("--node")
    isFirstChosen = chosen != nil
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
    try dropFormer()
  }

  // MARK: Members

  /// The nodes that are asked together and counted: those of the identity that take part in the newest key that is proven. Until
  /// there is one after the genesis's, all that it names.
  var members: [NodeAddress] { identity.nodes.filter { isMember($0.name) } }

  /// The members of the newest key that the identity does not know.
  var strangers: [String] {
    (pinned?.chain.parties ?? []).map(\.name).filter { name in !identity.nodes.contains { $0.name == name } }
  }

  /// Has the identity know the nodes of `expected` that are members and strangers to it; they are asked from here on. Where they
  /// cannot be written down that is said, and what the call is for goes on.
  func meetExpected() {
    let new = expected.filter { bundle in
      strangers.contains(bundle.invitation.name)
        && pinned?.chain.parties?.contains { $0.key == bundle.invitation.key } == true
    }
    guard !new.isEmpty else { return }
    let names = new.map(\.invitation.name)
    do {
      _ = try IdentityNodes.write(new, in: identity.folder)
      identity = try ClientIdentity(folder: identity.folder)
    } catch {
      Terminal.write(
        VisibleText.lines("claw: \(names.joined(separator: ", ")): not written down: \(error)") + "\n", to: 2)
      return
    }
    nodes += identity.nodes.filter { names.contains($0.name) }
    Terminal.write(
      VisibleText.lines("claw: \(identity.folder) knows \(names.joined(separator: ", ")) from now on") + "\n",
      to: 2)
  }

  /// Why one of them is not asked.
  var strangeness: String {
    "\(identity.folder) does not know where it is: claw identity nodes --invitation FILE adds it"
  }

  func isMember(_ name: String) -> Bool {
    pinned?.chain.parties?.contains { $0.name == name } ?? true
  }

  /// Asks nodes no more that are members no more, as the newest key says; a caller may still choose one.
  func dropFormer() throws {
    nodes.removeAll { !isMember($0.name) && $0.name != chosen }
    if !isMember(answering), answering != chosen { drop() }
    guard !nodes.isEmpty, !members.isEmpty else {
      let parties = (pinned?.chain.parties ?? []).map(\.name).joined(separator: ", ")
      throw Failure(
        .unreachable,
        "\(identity.folder) knows no node of the cluster's members, which are \(parties): give it theirs with claw "
          + "identity nodes")
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
    _ node: NodeAddress, _ method: String, _ request: some WireMessage, of _: Answer.Type = Answer.self,
    timeout: Duration = .seconds(5)
  ) throws -> Answer {
    do throws(CallStatus) {
      let payload = try connection(to: node).call(
        "/openexec.v1.\(method)", request.encode(), timeout: timeout)
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

  /// When a stream that begins now is to be over; nil where `--timeout` was not given.
  var streamEnd: MonotonicInstant? { streamTimeout.map { .now + $0 } }

  /// Calls a method with a stream of answers; `onItem` answers false to end it. It is over at `end`, at whichever node it is by
  /// then, with `deadlineExceeded`.
  func stream<Item: WireMessage>(
    _ method: String, _ request: some WireMessage, of _: Item.Type, until end: MonotonicInstant?,
    onItem: (Item) throws -> Bool
  ) throws {
    var failure: (any Error)?
    var hasBegun = false
    if let end, end <= .now {
      throw Failure(
        .unreachable, "the time of --timeout is over",
        status: CallStatus(.deadlineExceeded, "the time of --timeout is over"))
    }
    try attempt { (client) throws(CallStatus) in
      do throws(CallStatus) {
        try client.stream("/openexec.v1.\(method)", request.encode(), timeout: end?.since(.now)) { payload in
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
          failing = node.name
          throw Failure(error, node: node.name)
        }
        reasons.append("\(node.name): \(error.message)")
      }
    }
    throw Failure(.unreachable, "no node answered: \(reasons.joined(separator: "; "))")
  }

  func connection(to node: NodeAddress) throws(CallStatus) -> BlockingClient {
    if let client, answering == node.name { return client }
    let addresses = SocketAddress.resolve(node.address)
    guard !addresses.isEmpty else { throw CallStatus(.unavailable, "\(node.address) names no address") }
    let tls = try tls()
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

  /// Read for every connection: another certificate may have taken the place of the last one's.
  func tls() throws(CallStatus) -> TLSContext {
    do {
      return try identity.tls()
    } catch {
      throw CallStatus(.failedPrecondition, "\(error)")
    }
  }

  /// Ends the connection: the next call makes another.
  func drop() {
    client = nil
    answering = ""
  }

  // MARK: Order

  /// Goes on with the connection of a round to the node that would be asked next. Who has not answered is asked after the others,
  /// unless the caller has chosen it. `asked` and `answered` are in the round's order.
  func takeOver(_ round: BlockingRound, _ asked: [NodeAddress], _ answered: [Bool]) {
    let names = zip(asked, answered).filter(\.1).map(\.0.name)
    if !isFirstChosen {
      nodes = nodes.filter { names.contains($0.name) } + nodes.filter { !names.contains($0.name) }
    }
    // A connection that is kept has not been asked how fresh the node's state is.
    guard client == nil, !isFresh, let first = nodes.first, names.contains(first.name),
      let index = asked.firstIndex(where: { $0.name == first.name })
    else { return }
    client = round.keep(index)
    if client != nil { answering = first.name }
  }

  /// Names a node that has shown what is not so, and asks it after all others from here on.
  func distrust(_ node: NodeAddress, _ reason: String) {
    Terminal.write(VisibleText.lines("claw: \(node.name) is not believed: \(reason)") + "\n", to: 2)
    if answering == node.name { drop() }
    askLast(node.name)
  }

  /// Asks the node whose answer ended the last call after all others from here on: another one may know more.
  func goOnElsewhere() { askLast(failing) }

  private func askLast(_ name: String) {
    guard let position = nodes.firstIndex(where: { $0.name == name }) else { return }
    nodes.append(nodes.remove(at: position))
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
    self.init(code, "\(node) answered \(status)", status: status)
  }
}
