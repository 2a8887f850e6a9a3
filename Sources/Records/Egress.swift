import Canonical
import Crypto

/// One place that an action may reach through its executor's proxy: `https://HOST:PORT` is a tunnel for TLS,
/// `http://HOST:PORT` plain requests that only read, `http+write://HOST:PORT` plain requests of any method,
/// `model://HOST:PORT` calls of a language model.
public struct EgressDestination: Hashable, Sendable {
  /// What may be asked of it.
  public enum Access: String, Sendable, CaseIterable {
    /// `CONNECT`: the bytes between are the action's and the destination's own.
    case tunnel = "https"
    /// GET and HEAD.
    case read = "http"
    /// Every method.
    case write = "http+write"
    /// POST to a language model: plain from the action, TLS from the executor, its tokens counted (RT-9).
    case model = "model"
  }

  public let access: Access
  /// Lower case; a name, never an address.
  public let host: String
  public let port: Int

  /// What `init?(text:)` takes, for errors.
  public static let expected =
    "https://HOST:PORT, http://HOST:PORT or http+write://HOST:PORT with a public name of at most 100 bytes"

  /// Reads the text of a registry; nil for any other form.
  public init?(text: String) {
    let parts = text.parts(separatedBy: UInt8(ascii: ":"))
    guard parts.count == 3, let access = Access(rawValue: parts[0]), parts[1].hasPrefix("//"),
      let port = HostName.port(parts[2])
    else { return nil }
    let host = String(parts[1].dropFirst(2))
    guard HostName.isPublic(host), host.utf8.count <= 100 else { return nil }
    self.access = access
    self.host = host
    self.port = port
  }

  /// As the registry writes it.
  public var text: String { "\(access.rawValue)://\(host):\(port)" }

  /// The scope that a token must grant for it.
  public var scope: String { "egress:\(host):\(port)" }
}

/// What a name of a host may be (RT-5).
public enum HostName {
  /// Names that mean this host or this site, whatever a resolver says of them.
  private static let local = [
    "localhost", "localdomain", "local", "internal", "home.arpa", "lan", "intranet",
  ]

  /// Whether it is a name of at least two labels in lower case (RFC 1123), of no site's own, and no address in
  /// any notation.
  public static func isPublic(_ name: String) -> Bool {
    let labels = name.parts(separatedBy: UInt8(ascii: "."))
    guard name.utf8.count <= 253, labels.count >= 2, labels.allSatisfy(isLabel) else { return false }
    // 127.1, 0x7f.0.0.1 and their like are numbers to some resolvers: a last label begins with a letter.
    guard let first = labels[labels.count - 1].utf8.first, (0x61...0x7A).contains(first) else { return false }
    return !local.contains { name == $0 || name.hasSuffix("." + $0) }
  }

  private static func isLabel(_ label: String) -> Bool {
    let bytes = Array(label.utf8)
    guard (1...63).contains(bytes.count), bytes[0] != 0x2D, bytes[bytes.count - 1] != 0x2D else {
      return false
    }
    return bytes.allSatisfy { (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D }
  }

  /// A port in its shortest decimal form; nil for any other text.
  public static func port(_ text: String) -> Int? {
    guard (1...5).contains(text.utf8.count), text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let port = Int(text), (1...65_535).contains(port), String(port) == text
    else { return nil }
    return port
  }
}

/// What a run may spend on calls of language models (RT-9).
public struct ModelLimits: Hashable, Sendable, JSONWritable {
  /// Those that models read and write, together.
  public var tokens: Int
  /// What a million of them cost.
  public var costPerMillion: MicroUSD

  /// Limits.
  public init(tokens: Int, costPerMillion: MicroUSD) {
    self.tokens = tokens
    self.costPerMillion = costPerMillion
  }

  package init(from fields: inout Fields) throws(RecordError) {
    tokens = try fields.integer("tokens", in: 1...100_000_000)
    costPerMillion = try fields.money("usd_per_million_tokens")
  }

  public var members: [(String, JSON)] {
    [("tokens", .integer(tokens)), ("usd_per_million_tokens", .money(costPerMillion))]
  }

  /// What so many tokens cost, rounded up; pinned to the largest amount.
  public func cost(of tokens: Int) -> MicroUSD {
    let (product, overflow) = Int64(tokens).multipliedReportingOverflow(by: costPerMillion.micros)
    let micros = overflow ? Int64.max : product / 1_000_000 + (product % 1_000_000 > 0 ? 1 : 0)
    return MicroUSD(micros: micros) ?? .zero
  }
}

/// How much of the network one run may use (INV-011).
public struct EgressLimits: Hashable, Sendable, JSONWritable {
  /// Bytes from the action, over all of its connections.
  public var sentBytes: Int
  /// Bytes to the action.
  public var receivedBytes: Int
  /// Connections of a run.
  public var connections: Int
  /// Connections in any sixty seconds.
  public var connectionsPerMinute: Int

  /// Limits.
  public init(sentBytes: Int, receivedBytes: Int, connections: Int, connectionsPerMinute: Int) {
    self.sentBytes = sentBytes
    self.receivedBytes = receivedBytes
    self.connections = connections
    self.connectionsPerMinute = connectionsPerMinute
  }

  package init(from fields: inout Fields) throws(RecordError) {
    sentBytes = try fields.integer("sent_bytes", in: 1...(1 << 30))
    receivedBytes = try fields.integer("received_bytes", in: 1...(1 << 30))
    connections = try fields.integer("connections", in: 1...256)
    connectionsPerMinute = try fields.integer("connections_per_min", in: 1...256)
  }

  public var members: [(String, JSON)] {
    [
      ("sent_bytes", .integer(sentBytes)), ("received_bytes", .integer(receivedBytes)),
      ("connections", .integer(connections)), ("connections_per_min", .integer(connectionsPerMinute)),
    ]
  }
}

extension ActionDefinition {
  /// Most secrets of one action.
  public static let maximumSecrets = 16

  /// The scope that a token must grant for a secret.
  public static func secretScope(_ name: String) -> String { "secret:\(name)" }

  /// What it may reach; nil where a destination has another form than `EgressDestination`'s, or nothing bounds it.
  public var destinations: [EgressDestination]? {
    if egress.isEmpty { return [] }
    guard egressLimits != nil else { return nil }
    let destinations = egress.compactMap(EgressDestination.init(text:))
    return destinations.count == egress.count ? destinations : nil
  }

  /// Whatever it reaches or knows stands among its scopes: a token grants scopes, and an agent's enrolment bounds them.
  func checkReach(_ fields: borrowing Fields) throws(RecordError) {
    for name in secrets where !scopes.contains(Self.secretScope(name)) {
      throw .field(fields.name("scopes"), expected: "\(Self.secretScope(name)), since it gets that secret")
    }
    for grant in oauth where !scopes.contains(grant.scope) {
      throw .field(
        fields.name("scopes"), expected: "\(grant.scope), since it gets that account's access token")
    }
    let names = secrets + oauth.map(\.name)
    guard Set(names).count == names.count, names.count <= Self.maximumSecrets else {
      throw .field(fields.name("oauth"), expected: "names that no other secret of the action has")
    }
    guard egressLimits != nil else { return }
    for (position, text) in egress.enumerated() {
      guard let destination = EgressDestination(text: text) else {
        throw .field(fields.name("egress[\(position)]"), expected: EgressDestination.expected)
      }
      guard scopes.contains(destination.scope) else {
        throw .field(fields.name("scopes"), expected: "\(destination.scope), since it may reach that")
      }
      guard destination.access != .model || modelLimits != nil else {
        throw .field(fields.name("model_limits"), expected: "limits, since it may call \(text)")
      }
    }
  }
}

extension Fields {
  /// Names of secrets: few, ascending, each once.
  mutating func optionalSecrets() throws(RecordError) -> [String] {
    let most = ActionDefinition.maximumSecrets
    return try optionalValue("secrets", "1 to \(most) names of a-z 0-9 . _ -, ascending") { json in
      guard let names = json.array?.compactMap(\.string), names.count == json.array?.count,
        (1...most).contains(names.count), names.allSatisfy(SecretName.isValid),
        zip(names, names.dropFirst()).allSatisfy({ $0.utf8.lexicographicallyPrecedes($1.utf8) })
      else { return nil }
      return names
    } ?? []
  }
}

/// What a secret may be called: a file's own name, everywhere.
public enum SecretName {
  /// 1 to 64 of a-z, 0-9, `.`, `_` and `-`, beginning with a letter or digit.
  public static func isValid(_ name: String) -> Bool {
    let isPlain = { (byte: UInt8) in (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte) }
    guard (1...64).contains(name.utf8.count), let first = name.utf8.first, isPlain(first) else {
      return false
    }
    return name.utf8.allSatisfy { isPlain($0) || $0 == 0x2D || $0 == 0x2E || $0 == 0x5F }
  }
}
