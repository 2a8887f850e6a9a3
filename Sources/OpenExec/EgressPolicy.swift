import Canonical
import Crypto
import Records

#if SIMULATION
import Mutants
#endif

/// What one run may reach, and how much of it.
public struct EgressGrant: Equatable, Sendable {
  public let destinations: [EgressDestination]
  public let limits: EgressLimits
  /// Where a destination is a language model.
  public let model: ModelLimits?
  /// What earlier tries of the same token have used of it: its limits are the token's, not each try's.
  public let used: EgressUse

  /// A grant.
  public init(
    destinations: [EgressDestination], limits: EgressLimits, model: ModelLimits? = nil,
    used: EgressUse = EgressUse()
  ) {
    self.destinations = destinations
    self.limits = limits
    self.model = model
    self.used = used
  }

  /// The same grant for the next try; `report` is of all tries before it.
  func continued(after report: EgressReport?) -> EgressGrant {
    EgressGrant(
      destinations: destinations, limits: limits, model: model, used: report?.used ?? used)
  }
}

/// What is counted against a grant's limits.
public struct EgressUse: Equatable, Sendable {
  public var connections = 0
  public var sentBytes = 0
  public var receivedBytes = 0
  public var tokens = 0

  /// Nothing used.
  public init() {}
}

/// Why a connection is refused, or was cut.
public enum EgressRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  case request(ProxyRequestError)
  /// Not one of the grant's.
  case destination(host: String, port: Int)
  /// The destination, but not in this way.
  case method(String, EgressDestination)
  /// No address came for the name, and why.
  case unresolved(String)
  /// One of its addresses is none of the Internet's.
  case address(NetworkAddress, purpose: String)
  /// The grant's connections are used up.
  case connections(limit: Int)
  case rate(perMinute: Int)
  case sentBytes(limit: Int)
  case receivedBytes(limit: Int)
  case unreachable(String)
  /// The first bytes in a tunnel are no TLS for the granted name.
  case notTLS(String)
  /// A call of a model that does not say how long its answer may be, or is no call.
  case modelCall(String)
  case tokens(limit: Int)
  /// A secret of the run, or the shape of one, in what a model would read.
  case secretInPrompt

  /// Of the answer to the action.
  public var status: Int {
    switch self {
    case .request(let error): error.status
    case .destination, .address, .notTLS, .secretInPrompt: 403
    case .modelCall: 422
    case .method: 405
    case .unresolved, .unreachable: 502
    case .connections, .rate, .tokens: 429
    case .sentBytes, .receivedBytes: 413
    }
  }

  /// A short name for the record of the connection.
  public var code: String {
    switch self {
    case .request(.host): "ADDRESS_OR_LOCAL_NAME"
    case .request: "MALFORMED_REQUEST"
    case .destination: "NOT_GRANTED"
    case .method: "METHOD_NOT_GRANTED"
    case .unresolved: "UNRESOLVED"
    case .address: "ADDRESS_REFUSED"
    case .connections: "CONNECTIONS_USED_UP"
    case .rate: "RATE_LIMITED"
    case .sentBytes: "SENT_BYTES_USED_UP"
    case .receivedBytes: "RECEIVED_BYTES_USED_UP"
    case .unreachable: "UNREACHABLE"
    case .notTLS: "NOT_TLS"
    case .modelCall: "MODEL_CALL_REFUSED"
    case .tokens: "TOKENS_USED_UP"
    case .secretInPrompt: "SECRET_IN_PROMPT"
    }
  }

  /// Codes of what no well-behaved action tries.
  static let suspiciousCodes = [
    "ADDRESS_OR_LOCAL_NAME", "MALFORMED_REQUEST", "NOT_GRANTED", "METHOD_NOT_GRANTED", "ADDRESS_REFUSED",
    "SENT_BYTES_USED_UP", "NOT_TLS", "SECRET_IN_PROMPT",
  ]

  public var description: String {
    switch self {
    case .request(let error): error.description
    case .destination(let host, let port): "\(host):\(port) is not granted to this run"
    case .method(let method, let destination): "\(method) is not granted for \(destination.text)"
    case .unresolved(let why): "the name has no address: \(why)"
    case .address(let address, let purpose): "\(address.text) is refused: \(purpose) (RT-5)"
    case .connections(let limit): "the run's \(limit) connections are used up"
    case .rate(let limit): "more than \(limit) connections in a minute"
    case .sentBytes(let limit): "the run's \(limit) bytes to send are used up"
    case .receivedBytes(let limit): "the run's \(limit) bytes to receive are used up"
    case .unreachable(let why): "the destination cannot be reached: \(why)"
    case .modelCall(let what): "the call of the model is refused: expected \(what) (RT-9)"
    case .tokens(let limit): "the call could take more than what is left of the run's \(limit) tokens"
    case .secretInPrompt: "what the model would read has a secret in it"
    case .notTLS(let why): "the tunnel's first bytes are no TLS for the granted name: \(why)"
    }
  }
}

/// One connection of a run, or one that was refused.
public struct EgressRecord: Equatable, Sendable {
  /// `host:port` as it was asked for; empty where no request could be read. Of a host that was not granted, the
  /// beginning of its name's digest: the name is the action's own text, in which it could write anything it knows.
  public var destination: String
  /// The method, `CONNECT` for a tunnel.
  public var method: String
  /// The one that it was connected to, or that forbade it.
  public var address: NetworkAddress?
  /// Whether its address was found good and connected to.
  public var wasConnected = false
  public var sentBytes = 0
  public var receivedBytes = 0
  /// Of a model: what the call was set aside, and then what the model said that it took.
  public var tokens = 0
  /// Since the run began.
  public var openedAt: Interval
  public var closedAt: Interval
  /// `OK`, or the code of what refused or cut it.
  public var verdict = "OK"
  /// Whether the executor has read what was sent; it cannot in a tunnel.
  public var isOpaque: Bool { method == "CONNECT" }

  var json: JSON {
    .object(
      [
        ("destination", .string(destination)), ("method", .string(method)),
        ("sent_bytes", .integer(sentBytes)), ("received_bytes", .integer(receivedBytes)),
        ("tokens", .integer(tokens)), ("opened_ms", .integer(Int(openedAt.nanoseconds / 1_000_000))),
        ("closed_ms", .integer(Int(closedAt.nanoseconds / 1_000_000))), ("verdict", .string(verdict)),
      ] + (address.map { [("address", .string($0.text))] } ?? []))
  }
}

/// Names one connection of a meter.
public struct EgressID: Hashable, Sendable {
  let position: Int
}

/// Judges and counts the connections of one run. A value without sockets: the proxy tells it what it was asked,
/// what a resolver said and how many bytes passed, and does what it says.
///
/// A redirect is another request, and judged as one. What a name resolves to is judged each time, all of it, and
/// the connection goes to an address that was judged: a name that turns to another address gains nothing.
public struct EgressMeter: Sendable {
  /// Most refusals that are remembered one by one; what is refused beyond is counted.
  public static let maximumRefusals = 64

  public let grant: EgressGrant
  private let controlPlane: [AddressBlock]
  public private(set) var records: [EgressRecord] = []
  /// Refusals beyond `maximumRefusals`.
  public private(set) var unrecorded = 0
  private var refusals = 0
  private var admitted: [Interval]
  /// Of all tries.
  public private(set) var sentBytes: Int
  public private(set) var receivedBytes: Int

  /// A meter of nothing yet but what `grant` says was used.
  public init(_ grant: EgressGrant, controlPlane: [AddressBlock]) {
    self.grant = grant
    self.controlPlane = controlPlane
    // When the earlier ones were is not known any more; so they count as made just now.
    admitted = Array(repeating: Interval(nanoseconds: 0), count: grant.used.connections)
    sentBytes = grant.used.sentBytes
    receivedBytes = grant.used.receivedBytes
  }

  /// Takes a request: the record that its connection is counted in, and the way in which it was granted.
  public mutating func admit(
    _ request: ProxyRequest, at now: Interval
  ) throws(EgressRefusal) -> (EgressID, EgressDestination) {
    do throws(EgressRefusal) {
      let destination = try destination(of: request)
      let limits = grant.limits
      guard admitted.count < limits.connections else { throw .connections(limit: limits.connections) }
      let minuteAgo = now.nanoseconds - 60_000_000_000
      let recent = admitted.count { $0.nanoseconds > minuteAgo }
      guard recent < limits.connectionsPerMinute else { throw .rate(perMinute: limits.connectionsPerMinute) }
      guard sentBytes < limits.sentBytes else { throw .sentBytes(limit: limits.sentBytes) }
      guard receivedBytes < limits.receivedBytes else { throw .receivedBytes(limit: limits.receivedBytes) }
      guard request.bodyLength <= limits.sentBytes - sentBytes else {
        throw .sentBytes(limit: limits.sentBytes)
      }
      admitted.append(now)
      records.append(record(request, at: now))
      return (EgressID(position: records.count - 1), destination)
    } catch {
      refuse(error, request, at: now)
      throw error
    }
  }

  private func destination(of request: ProxyRequest) throws(EgressRefusal) -> EgressDestination {
    #if SIMULATION
    if Mutant.destinationUnchecked.isActive, let any = grant.destinations.first { return any }
    #endif
    let same = grant.destinations.filter { $0.host == request.host && $0.port == request.port }
    guard let first = same.first else { throw .destination(host: request.host, port: request.port) }
    let granted = same.first { destination in
      switch destination.access {
      case .tunnel: request.isTunnel
      case .read: request.method == "GET" || request.method == "HEAD"
      case .write: !request.isTunnel
      case .model: request.method == "POST" && request.bodyLength > 0
      }
    }
    guard let granted else { throw .method(request.method, first) }
    guard granted.access != .read || request.bodyLength == 0 else { throw .method("a body", granted) }
    return granted
  }

  /// The address to connect to; throws where any of them is none of the Internet's: a name that has one public and one
  /// private address is up to something.
  public mutating func choose(
    _ addresses: [NetworkAddress], for id: EgressID
  ) throws(EgressRefusal) -> NetworkAddress {
    guard let first = addresses.first else { throw .unresolved("the resolver gave none") }
    for address in addresses {
      #if SIMULATION
      if Mutant.addressUnchecked.isActive { continue }
      #endif
      if let purpose = AddressClassifier.refusal(of: address, controlPlane: controlPlane) {
        records[id.position].address = address
        throw .address(address, purpose: purpose)
      }
    }
    // IPv4 first: few hosts that have both can use IPv6.
    let chosen = addresses.first(where: \.isIPv4) ?? first
    records[id.position].address = chosen
    records[id.position].wasConnected = true
    return chosen
  }

  /// Bytes that may still go from the action.
  public var sendRoom: Int { grant.limits.sentBytes - sentBytes }

  /// Counts bytes that went from the action, no more than `sendRoom`.
  public mutating func sent(_ count: Int, on id: EgressID) {
    precondition(count <= sendRoom, "no more is sent than the grant allows")
    sentBytes += count
    records[id.position].sentBytes += count
  }

  /// Counts bytes to the action; how many of them may pass.
  public mutating func receive(_ count: Int, on id: EgressID) -> Int {
    let passed = min(count, grant.limits.receivedBytes - receivedBytes)
    receivedBytes += passed
    records[id.position].receivedBytes += passed
    return passed
  }

  /// Tokens of this try's calls of models so far, those under way with what is set aside for them.
  public var tokens: Int { records.reduce(0) { $0 + $1.tokens } }

  /// Takes a call of a model: sets aside what it can take at most, or says why it may not be made.
  public mutating func call(_ body: [UInt8], secrets: [RunSecret], on id: EgressID) throws(EgressRefusal) {
    guard let model = grant.model else { throw .modelCall("limits for models in the registry") }
    let need = try ModelCall.tokens(body, secrets: secrets)
    guard need <= model.tokens - grant.used.tokens - tokens else { throw .tokens(limit: model.tokens) }
    records[id.position].tokens = need
  }

  /// What the model says that the call took; more than was set aside is believed as well.
  public mutating func settle(tokens: Int, on id: EgressID) {
    records[id.position].tokens = min(tokens, 1 << 40)
  }

  /// The connection has ended; in what way, where something refused or cut it.
  public mutating func close(_ id: EgressID, _ refusal: EgressRefusal?, at now: Interval) {
    records[id.position].closedAt = now
    if let refusal { records[id.position].verdict = refusal.code }
  }

  /// Notes what got no connection, with as much as is known of it.
  public mutating func refuse(_ refusal: EgressRefusal, _ request: ProxyRequest?, at now: Interval) {
    guard refusals < Self.maximumRefusals else {
      unrecorded += 1
      return
    }
    refusals += 1
    var record =
      request.map { self.record($0, at: now) }
      ?? EgressRecord(
        destination: "", method: "", openedAt: now, closedAt: now)
    if case .destination(let host, let port) = refusal,
      !grant.destinations.contains(where: { $0.host == host })
    {
      record.destination = "sha256-\(SHA256.hash(host).hex.prefix(16)):\(port)"
    }
    record.verdict = refusal.code
    records.append(record)
  }

  private func record(_ request: ProxyRequest, at now: Interval) -> EgressRecord {
    EgressRecord(
      destination: "\(request.host):\(request.port)", method: request.method, openedAt: now, closedAt: now)
  }

  /// What of the grant is used, by this try and those before it.
  private var used: EgressUse {
    var used = EgressUse()
    used.connections = admitted.count
    used.sentBytes = sentBytes
    used.receivedBytes = receivedBytes
    used.tokens = grant.used.tokens + tokens
    return used
  }

  /// What the run did, for its receipt.
  public var report: EgressReport {
    EgressReport(
      records: records, unrecorded: unrecorded, cost: grant.model.map { $0.cost(of: tokens) } ?? .zero,
      used: used)
  }
}

/// The connections of a run.
public struct EgressReport: Equatable, Sendable {
  /// What one try can have at most, and all tries of a run together: the list has to fit beside the result.
  public static let maximumRecords = 320
  /// In the order in which they were asked for.
  public var records: [EgressRecord]
  /// Refusals that are counted only.
  public var unrecorded: Int
  /// Of the calls of models.
  public var cost: MicroUSD
  /// Of the grant, by all tries: what the next one has less.
  public var used: EgressUse

  /// A report.
  public init(
    records: [EgressRecord] = [], unrecorded: Int = 0, cost: MicroUSD = .zero, used: EgressUse = EgressUse()
  ) {
    self.records = records
    self.unrecorded = unrecorded
    self.cost = cost
    self.used = used
  }

  /// The list that a receipt's attachment holds, and whose salted hash stands in the receipt.
  var json: JSON { .array(records.map(\.json)) }

  var summary: EgressSummary {
    EgressSummary(
      connections: records.count(where: \.wasConnected),
      refused: records.count { $0.verdict != "OK" } + unrecorded,
      sentBytes: records.reduce(0) { $0 + $1.sentBytes },
      receivedBytes: records.reduce(0) { $0 + $1.receivedBytes },
      tokens: records.reduce(0) { $0 + $1.tokens },
      opaqueBytes: records.reduce(0) { $0 + ($1.isOpaque ? $1.sentBytes : 0) })
  }
}
