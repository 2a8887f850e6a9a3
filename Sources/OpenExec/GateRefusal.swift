import Crypto
import Records

/// Why a job may not run, or not yet. Each case names the requirement that it enforces.
public enum GateReason: Error, Equatable, Sendable {
  /// No token came with the job.
  case tokenMissing
  /// Not a proof from a ledger, or not one of a decision.
  case tokenMalformed(String)
  /// The note is signed by no key of this cluster, or by one that had ended.
  case unknownKey
  /// The signature, the place in the ledger or the consent does not verify.
  case tokenInvalid(LedgerProofError)
  /// The decision is no approval.
  case notApproved(DecisionType)
  /// The token names another executor.
  case wrongExecutor(Principal)
  /// The token names another life of this executor.
  case wrongIncarnation(expected: Int, found: Int)
  /// The nonce was used before.
  case nonceUsed
  /// The token outlives what the constitution allows, or begins after its end.
  case lifetime(seconds: Int64)
  /// Fewer distinct people attested than had to, or the agent itself did.
  case attestors(expected: Int, found: Int)
  /// The registry of used nonces is full.
  case registryFull
  /// No live lease: governance may be down (INV-003).
  case noLease
  /// The approval is newer than the lease, so revocations in between would go unseen.
  case newerThanLease(size: UInt64, lease: UInt64)
  /// The lease names a bundle that this executor does not hold yet.
  case bundleNotLoaded
  /// The lease says that nothing runs.
  case halted
  /// A restriction of the lease forbids it.
  case restricted(incident: String)
  /// The proposal is not the one that was decided.
  case proposalMismatch(String)
  /// Decision, proposal and agent name different tenants, or one that this executor does not serve.
  case tenantMismatch(expected: String, found: String)
  /// Decided under another bundle than the active one.
  case bundleMismatch
  /// Not in the registry.
  case actionUnknown(String)
  /// The registry has another version of the action.
  case actionVersion(expected: String, found: String)
  /// The parameters are not those that were approved.
  case parametersMismatch
  /// The parameters do not match the action's schema.
  case parametersInvalid(String)
  /// The approval is for another action.
  case scopeMismatch(expected: String, found: String)
  /// Scopes that the action needs are not granted.
  case scopeMissing([String])
  /// Past its end, by the lease's time and the time since.
  case expired(at: Timestamp, now: Timestamp)
  /// No sandbox of that class or a stronger one is active.
  case sandboxInactive(least: IsolationClass)
  /// This executor cannot enforce what the action needs.
  case unenforceable(String)
  /// The inputs are not what the action takes.
  case inputsMismatch(String)
  /// No node gave the content of an input in time; the last of them said why.
  case inputMissing(Digest, String)
  /// More runs of the action in a minute than the token allows.
  case rateLimited(perMinute: Int)

  /// Whether a later lease may let the job run; everything else is for good.
  public var isTransient: Bool {
    switch self {
    case .noLease, .newerThanLease, .bundleNotLoaded, .registryFull: true
    case .tokenMissing, .tokenMalformed, .unknownKey, .tokenInvalid, .notApproved, .wrongExecutor,
      .wrongIncarnation, .nonceUsed, .lifetime, .attestors, .halted, .restricted,
      .proposalMismatch, .tenantMismatch, .bundleMismatch, .actionUnknown, .actionVersion,
      .parametersMismatch, .parametersInvalid, .scopeMismatch, .scopeMissing, .expired,
      .sandboxInactive, .unenforceable, .inputsMismatch, .inputMissing, .rateLimited:
      false
    }
  }

  /// Whether what came beside the token is to blame, and not the token: another node may offer it well.
  var isOfTheOffer: Bool {
    if case .proposalMismatch = self { true } else { self == .parametersMismatch }
  }

  /// The requirement that is enforced, by its identifier in Docs/Conformance.md.
  public var requirement: String { names.requirement }

  /// What a receipt's `error_code` says.
  public var code: String { names.code }

  private var names: (requirement: String, code: String) {
    switch self {
    case .tokenMissing: ("HF-1", "TOKEN_MISSING")
    case .tokenMalformed: ("TOK-5", "TOKEN_MALFORMED")
    case .unknownKey: ("TOK-12", "UNKNOWN_KEY")
    case .tokenInvalid: ("HF-2", "TOKEN_INVALID")
    case .notApproved: ("HF-2", "NOT_APPROVED")
    case .wrongExecutor: ("TOK-2", "WRONG_EXECUTOR")
    case .wrongIncarnation: ("TOK-2", "WRONG_INCARNATION")
    case .nonceUsed: ("TOK-11", "NONCE_USED")
    case .lifetime: ("TOK-15", "TOKEN_LIFETIME")
    case .attestors: ("TOK-15", "ATTESTORS_MISSING")
    case .registryFull: ("TOK-11", "REGISTRY_FULL")
    case .noLease: ("INV-003", "NO_LEASE")
    case .newerThanLease: ("INV-003", "NEWER_THAN_LEASE")
    case .bundleNotLoaded: ("POL-4", "BUNDLE_NOT_LOADED")
    case .halted: ("IR-2", "HALTED")
    case .restricted: ("IR-4", "RESTRICTED")
    case .proposalMismatch: ("TOK-8", "PROPOSAL_MISMATCH")
    case .tenantMismatch: ("TOK-6", "TENANT_MISMATCH")
    case .bundleMismatch: ("TOK-9", "BUNDLE_MISMATCH")
    case .actionUnknown: ("TOK-7", "ACTION_UNKNOWN")
    case .actionVersion: ("TOK-7", "ACTION_VERSION")
    case .parametersMismatch: ("TOK-8", "PARAMETERS_MISMATCH")
    case .parametersInvalid: ("RT-7", "PARAMETERS_INVALID")
    case .scopeMismatch: ("TOK-13", "SCOPE_MISMATCH")
    case .scopeMissing: ("TOK-13", "SCOPE_MISSING")
    case .expired: ("TOK-10", "TOKEN_EXPIRED")
    case .sandboxInactive: ("HF-8", "SANDBOX_INACTIVE")
    case .unenforceable: ("HF-9", "UNENFORCEABLE")
    case .inputsMismatch: ("INV-008", "INPUTS_MISMATCH")
    case .inputMissing: ("RT-16", "INPUT_MISSING")
    case .rateLimited: ("API-6", "RATE_LIMITED")
    }
  }
}

extension GateReason: CustomStringConvertible {
  public var description: String {
    let text =
      switch self {
      case .tokenMissing: "expected an approval token, came none"
      case .tokenMalformed(let what): "expected an approval token: \(what)"
      case .unknownKey: "the token's note is signed by no group key that is in force for it"
      case .tokenInvalid(let error): "\(error)"
      case .notApproved(let type): "expected an approving decision, came \(type.rawValue)"
      case .wrongExecutor(let other): "the token is for \(other.path)"
      case .wrongIncarnation(let expected, let found):
        "expected incarnation \(expected), the token is for \(found)"
      case .nonceUsed: "the token's nonce was used before"
      case .lifetime(let seconds): "expected a token of at most 900 seconds, came one of \(seconds)"
      case .attestors(let expected, let found):
        "expected \(expected) distinct people other than the agent, found \(found)"
      case .registryFull: "the registry of used nonces is full; wait until older tokens have expired"
      case .noLease: "there is no live lease"
      case .newerThanLease(let size, let lease):
        "the approval is of size \(size), the lease of \(lease); the next lease decides"
      case .bundleNotLoaded: "the lease's policy bundle is not loaded yet"
      case .halted: "the lease says that nothing runs"
      case .restricted(let incident): "forbidden by incident \(incident)"
      case .proposalMismatch(let what): "the proposal is not the decided one: \(what)"
      case .tenantMismatch(let expected, let found): "expected tenant \(expected), found \(found)"
      case .bundleMismatch: "decided under another policy bundle than the active one"
      case .actionUnknown(let name): "action \(name) is not in the registry"
      case .actionVersion(let expected, let found):
        "expected version \(expected) of the action, approved is \(found)"
      case .parametersMismatch: "the parameters are not the approved ones"
      case .parametersInvalid(let what): "parameters: \(what)"
      case .scopeMismatch(let expected, let found):
        "expected an approval for \(expected), it is for \(found)"
      case .scopeMissing(let scopes): "not granted: \(scopes.joined(separator: ", "))"
      case .expired(let end, let now): "the token ended at \(end.text), it is \(now.text)"
      case .sandboxInactive(let least): "no sandbox of class \(least.rawValue) or stronger is active"
      case .unenforceable(let what): "this executor cannot enforce: \(what)"
      case .inputsMismatch(let what): "the inputs are not what the action takes: \(what)"
      case .inputMissing(let digest, let why):
        "no node gave input \(digest.hex) in time; the last answer: \(why)"
      case .rateLimited(let limit): "more than \(limit) runs of this action in a minute"
      }
    return "\(requirement): \(text)"
  }
}

/// A refusal by the token gate.
public struct GateRefusal: Error, Equatable, Sendable {
  public let reason: GateReason
  /// The token, where it proved to be one for this executor: then the refusal gets a receipt. What is
  /// not proven is answered to its sender and leaves no trace in the ledger.
  public let token: ProvenToken?

  /// A refusal.
  public init(_ reason: GateReason, token: ProvenToken? = nil) {
    self.reason = reason
    self.token = token
  }
}
