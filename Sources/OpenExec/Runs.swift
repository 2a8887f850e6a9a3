import Canonical
import Crypto
import Records

/// Names one run of one token; a token has as many as it has tries.
public struct RunID: Hashable, Comparable, Sendable {
  public let token: String
  /// Counted from 1.
  public let attempt: Int

  /// A run.
  public init(token: String, attempt: Int) {
    self.token = token
    self.attempt = attempt
  }

  public static func < (left: RunID, right: RunID) -> Bool {
    (left.token, left.attempt) < (right.token, right.attempt)
  }
}

/// All that a sandbox is given for one run (INV-007).
public struct RunOrder: Equatable, Sendable {
  public let id: RunID
  public let isolationClass: IsolationClass
  /// `sha256:<hex>`.
  public let imageDigest: String
  public let arguments: [String]
  /// Canonical JSON for the action's standard input.
  public let parameters: [UInt8]
  /// The files that it may read, in the order in which it is told of them.
  public let inputs: [RunInput]
  public let limits: ActionLimits
  /// What it may reach; nil where it is nothing.
  public let egress: EgressGrant?
  /// Names of the secrets that it gets, of `tenantID`'s.
  public let secrets: [String]
  /// The access tokens that it gets, of accounts of `tenantID`'s.
  public let oauth: [OAuthGrant]
  public let tenantID: String
  /// Whether other executors run the same, so that nothing of it may depend on the host: its time, its randomness.
  public let isReproducible: Bool
  /// 32 fresh random bytes, for the guest's evidence.
  public let challenge: [UInt8]

  /// An order.
  public init(
    id: RunID, isolationClass: IsolationClass, imageDigest: String, arguments: [String],
    parameters: [UInt8], inputs: [RunInput] = [], limits: ActionLimits, egress: EgressGrant? = nil,
    secrets: [String] = [], oauth: [OAuthGrant] = [], tenantID: String = "",
    isReproducible: Bool = false, challenge: [UInt8]
  ) {
    self.id = id
    self.isolationClass = isolationClass
    self.imageDigest = imageDigest
    self.arguments = arguments
    self.parameters = parameters
    self.inputs = inputs
    self.limits = limits
    self.egress = egress
    self.secrets = secrets
    self.oauth = oauth
    self.tenantID = tenantID
    self.isReproducible = isReproducible
    self.challenge = challenge
  }

  /// Names what exactly is called: image and argument vector, and no parameter.
  public var commandHash: Digest {
    JSON.object([("arguments", .array(arguments.map(JSON.string))), ("image", .string(imageDigest))])
      .contentHash
  }

  /// Whether it needs a sandbox with a proxy or with secrets.
  public var reaches: Bool { egress != nil || !secrets.isEmpty || !oauth.isEmpty }
}

extension IsolationClass {
  /// Whether its sandboxes have the executor's proxy and secrets: the built-in machines do.
  var hasReach: Bool { self == .microvmKVM || self == .microvmTCG }
  /// Whether its machines can count instructions instead of time: emulated ones can.
  var isReproducible: Bool { self == .microvmTCG }
}

/// Why a sandbox is killed.
public enum KillReason: String, Sendable, CaseIterable {
  case leaseLapsed = "LEASE_LAPSED"
  case halted = "HALTED"
  case restricted = "RESTRICTED"
  case shutdown = "SHUTDOWN"
  /// The sandbox went on beyond its limit and the grace.
  case wallClock = "LOOP_GUARD"
}

/// How a run ended.
public enum RunEnding: Equatable, Sendable {
  /// The guest said so itself; nothing else counts as completion.
  case completed(exitStatus: Int)
  /// The shim said so, twice: a WebAssembly module in its task, class `container` alone, which has no guest that could.
  case toldByShim(exitStatus: Int)
  /// The guest said that a signal ended the action.
  case signalled(number: Int)
  /// The wall clock ran out.
  case wallClock
  /// It was killed as asked.
  case killed
  /// The kernel ended it, or what it had started, for want of memory.
  case outOfMemory
  /// The sandbox could not be started, or failed on its way; what for, in words for people.
  case sandboxFailed(String)
}

/// What came of a run.
public struct RunOutcome: Equatable, Sendable {
  public var ending: RunEnding
  /// Standard output: head and tail where it was cut.
  public var output: [UInt8]
  /// The end of standard error.
  public var errorOutput: [UInt8]
  /// Whether anything was cut at a limit.
  public var truncated: Bool
  /// What the guest proved of itself; nil where it never spoke.
  public var guest: GuestEvidence?
  /// What the run cost by the sandbox's metering.
  public var cost: MicroUSD
  public var measures: RunMeasures

  /// An outcome.
  public init(
    ending: RunEnding, output: [UInt8] = [], errorOutput: [UInt8] = [], truncated: Bool = false,
    guest: GuestEvidence? = nil, cost: MicroUSD = .zero, measures: RunMeasures = RunMeasures()
  ) {
    self.ending = ending
    self.output = output
    self.errorOutput = errorOutput
    self.truncated = truncated
    self.guest = guest
    self.cost = cost
    self.measures = measures
  }
}

extension GuestEvidence {
  /// What the guest hashes: a domain line, challenge, kernel version and boot id, each on its own line.
  public static func statement(challenge: [UInt8], kernel: String, bootID: String) -> [UInt8] {
    Array("openexec/v1/guest\n\(Hex.encode(challenge))\n\(kernel)\n\(bootID)".utf8)
  }

  /// Whether the answer is one that only code which saw `challenge` in that guest could give.
  public func answers(_ challenge: [UInt8]) -> Bool {
    let bytes = GuestEvidence.statement(challenge: challenge, kernel: kernel, bootID: bootID)
    return self.challenge == Hex.encode(challenge) && answer == SHA256.hash(bytes).hex
  }
}
