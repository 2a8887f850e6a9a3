import Canonical
import Crypto
import OpenExec
import Records

/// What happened within one run and around it, as nobody but the simulation can see: what oracles hold against what was
/// approved.
struct RunTrace: Sendable {
  /// Of what was booted; nil where nothing was.
  var image: String?
  /// What left for the network.
  var sent: [(host: String, port: Int, address: String, count: Int)] = []
  /// What it held of an authorization server's.
  var tokens: [SimulatedAuthorizationServer.Token] = []
  /// The tenant whose secrets it held; nil where it held none.
  var secretsOf: String?
  /// Why its executor has to flag it; nil where it does not.
  var risk: String?
  /// What its image or its servers tried, as faults are counted.
  var tries: [String] = []

  /// Every fault of these.
  static let faultNames = [
    "image echoes secrets", "image keeps something", "image sends elsewhere", "image swapped",
    "image writes a credential", "server gives a wider token", "name leads elsewhere",
  ]

  mutating func tried(_ what: String, isRisky: Bool = true) {
    tries.append(what)
    if isRisky { risk = what }
  }
}

/// The inside of one machine with what its run is given, for an action that reaches out. The machine, the network, the
/// resolver and the authorization server are simulated; whatever decides is `OpenExec`.
struct SimulatedMachine {
  private let order: RunOrder
  private let faults: [SandboxFault]
  private(set) var trace = RunTrace()
  private var secrets: [RunSecret] = []
  private var meter: EgressMeter
  private var output: OutputFilter
  private var errorOutput: OutputFilter

  /// What an executor without a vault or with another image than was approved does not start, and why.
  struct Refusal: Error {
    let why: String
    let trace: RunTrace
  }

  /// Checks the image and gathers what the run is given, as `MicroVMHost` does.
  init(
    _ order: RunOrder, faults: [SandboxFault], vault: SimulatedVault,
    server: inout SimulatedAuthorizationServer, using random: inout SeededRandom
  ) throws(Refusal) {
    self.order = order
    self.faults = faults
    var trace = RunTrace()
    var secrets: [RunSecret] = []
    let image =
      faults.contains(.swapped) ? Array("another image under that name".utf8) : SimulatedReach.image
    if faults.contains(.swapped) { trace.tried("image swapped", isRisky: false) }
    do {
      try PinnedImage.check(image, against: order.imageDigest)
    } catch {
      throw Refusal(why: "the image is \(error.found)", trace: trace)
    }
    trace.image = "sha256:" + SHA256.hash(image).hex
    for name in order.secrets {
      guard let value = vault.secret(name, of: order.tenantID) else {
        throw Refusal(why: "there is no secret \(name) of \(order.tenantID)", trace: trace)
      }
      secrets.append(RunSecret(name: name, value: value))
    }
    for grant in order.oauth {
      do throws(OAuthError) {
        let account = try OAuthAccount(vault.secret(grant.name, of: order.tenantID) ?? [])
        let isHostile = faults.contains(.widens)
        let reply = server.answer(account.exchange(for: grant), isHostile: isHostile, using: &random)
        if reply.token?.isWider == true { trace.tried("server gives a wider token", isRisky: false) }
        let tokens = try OAuthTokens(reply.bytes, for: grant)
        secrets.append(RunSecret(name: grant.name, value: Array(tokens.accessToken.utf8)))
        if let token = reply.token { trace.tokens.append(token) }
      } catch {
        throw Refusal(why: "oauth \(grant.name): \(error)", trace: trace)
      }
    }
    if !secrets.isEmpty { trace.secretsOf = order.tenantID }
    self.trace = trace
    self.secrets = secrets
    meter = EgressMeter(
      order.egress
        ?? EgressGrant(
          destinations: [],
          limits: EgressLimits(sentBytes: 1, receivedBytes: 1, connections: 1, connectionsPerMinute: 1)),
      controlPlane: [])
    output = OutputFilter(secrets, limit: order.limits.outputBytes)
    errorOutput = OutputFilter(secrets, limit: min(order.limits.outputBytes, 16 << 10))
  }

  // MARK: The action

  /// Runs the action: what it does with what it was given, and what it found in its machine. Returns what it leaves there.
  mutating func run(
    copies: [JSON], found: [String], using random: inout SeededRandom
  ) -> [String] {
    send(to: SimulatedReach.host, SimulatedReach.port, body: Int(random.below(512)), using: &random)
    if faults.contains(.exfiltrates) { exfiltrate(using: &random) }
    var lines = copies
    if faults.contains(.echoes) { lines += echoed(using: &random) }
    if faults.contains(.discloses) || (faults.contains(.exfiltrates) && random.chance(400_000)) {
      trace.tried("image writes a credential")
      lines.append(.string("AKIA" + String(SHA256.hash("\(random.next())").hex.uppercased().prefix(16))))
    }
    var left: [String] = []
    if faults.contains(.escapes) {
      trace.tried("image keeps something", isRisky: false)
      left = secrets.map { String(decoding: $0.value, as: UTF8.self) }
      lines += found.map(JSON.string)
    }
    let whole = JSON.object([("copies", .array(lines)), ("text", "done")]).canonicalBytes()
    write(whole, to: \.output, using: &random)
    if faults.contains(.echoes), let secret = secrets.first {
      write(secret.value, to: \.errorOutput, using: &random)
    }
    output.finish()
    errorOutput.finish()
    return left
  }

  /// An action writes in pieces as it likes.
  private mutating func write(
    _ bytes: [UInt8], to stream: WritableKeyPath<Self, OutputFilter>, using random: inout SeededRandom
  ) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let piece = rest.prefix(1 + Int(random.below(64)))
      self[keyPath: stream].append(Array(piece))
      rest = rest.dropFirst(piece.count)
    }
  }

  /// Each of its secrets, in some form.
  private mutating func echoed(using random: inout SeededRandom) -> [JSON] {
    trace.tried("image echoes secrets")
    return secrets.map { secret in
      let form = Int(random.below(UInt64(SimulatedSecret.formCount)))
      return .string(String(decoding: SimulatedSecret.written(secret.value, form: form), as: UTF8.self))
    }
  }

  // MARK: The network

  /// Some of the ways out, each by itself.
  private mutating func exfiltrate(using random: inout SeededRandom) {
    let elsewhere: [(host: String, port: Int)] = [
      ("collect.example.net", 80), ("93.184.216.99", 80), ("169.254.169.254", 80),
      ("metadata.internal", 80), ("localhost", 8_080), (SimulatedReach.host, 8_080),
    ]
    for place in elsewhere where random.chance(300_000) {
      trace.tried("image sends elsewhere")
      send(to: place.host, place.port, body: 64, using: &random)
    }
    if random.chance(300_000) {
      trace.tried("image sends elsewhere")
      send(to: SimulatedReach.host, SimulatedReach.port, body: 2 * SimulatedReach.sentBytes, using: &random)
    }
    if random.chance(400_000) {
      trace.tried("name leads elsewhere")
      send(to: SimulatedReach.host, SimulatedReach.port, body: 64, isRebound: true, using: &random)
    }
  }

  /// One request of the action, as `ProxyConnection` judges it.
  private mutating func send(
    to host: String, _ port: Int, body: Int, isRebound: Bool = false, using random: inout SeededRandom
  ) {
    let head =
      "POST http://\(host):\(port)/ HTTP/1.1\r\nHost: \(host):\(port)\r\nContent-Length: \(body)\r\n\r\n"
    let now = Interval.seconds(1)
    let request: ProxyRequest
    do throws(ProxyRequestError) {
      request = try ProxyRequest(parsing: Array(head.utf8)[...])
    } catch {
      return meter.refuse(.request(error), nil, at: now)
    }
    guard let (id, _) = try? meter.admit(request, at: now) else { return }
    do throws(EgressRefusal) {
      let addresses = isRebound ? Self.rebound(using: &random) : Self.resolve(host)
      let address = try meter.choose(addresses, for: id)
      let count = min(body, meter.sendRoom)
      meter.sent(count, on: id)
      trace.sent.append((host, port, address.text, count))
      meter.close(id, count < body ? .sentBytes(limit: meter.grant.limits.sentBytes) : nil, at: now)
    } catch {
      meter.close(id, error, at: now)
    }
  }

  private static func resolve(_ host: String) -> [NetworkAddress] {
    let text = host == SimulatedReach.host ? SimulatedReach.address : "198.35.26.96"
    return NetworkAddress(text: text).map { [$0] } ?? []
  }

  /// What the granted name leads to once somebody plays with names.
  private static func rebound(using random: inout SeededRandom) -> [NetworkAddress] {
    let texts = ["169.254.169.254", "10.0.0.5", "127.0.0.1", "::ffff:10.0.0.5", "fd00::1"]
    let address = NetworkAddress(text: texts[Int(random.below(UInt64(texts.count)))])
    // One good address beside it makes it no better.
    let good = random.chance(500_000) ? resolve(SimulatedReach.host) : []
    return good + (address.map { [$0] } ?? [])
  }

  // MARK: What comes of it

  /// Adds what was written and measured.
  func conclude(_ outcome: inout RunOutcome) {
    outcome.output = output.bytes
    outcome.errorOutput = errorOutput.bytes
    outcome.truncated = output.isCut || errorOutput.isCut
    outcome.measures.output = output.measure
    outcome.measures.errorOutput = errorOutput.measure
    outcome.measures.egress = order.egress == nil ? nil : meter.report
    outcome.measures.findings.join(output.findings)
    outcome.measures.findings.join(errorOutput.findings)
  }
}
