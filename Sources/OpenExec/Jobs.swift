import Canonical
import Crypto
import Records

/// A job as it came from governance; nothing of it is checked yet.
public struct OfferedJob: Equatable, Sendable {
  /// The token: a tlog-proof of the decision. Empty where none came.
  public let token: String
  /// The proposal's leaf.
  public let proposal: [UInt8]
  /// The proposal's attachment, which holds the parameters.
  public let attachment: [UInt8]
  /// The lease that came with it, where one did: the approval is not run under an older one.
  public let lease: LeaseOffer?

  /// A job.
  public init(token: String, proposal: [UInt8], attachment: [UInt8], lease: LeaseOffer? = nil) {
    self.token = token
    self.proposal = proposal
    self.attachment = attachment
    self.lease = lease
  }
}

/// A token whose signature, place in the ledger and consent verified, and which names this executor in
/// this life of it.
public struct ProvenToken: Equatable, Sendable {
  public let proof: LedgerProof
  public let decision: Decision
  public let grant: ApprovalGrant
  public let checkpoint: CheckpointNote

  /// Names the token.
  public var id: String { grant.tokenID }
}

/// A job that passed every check of the gate at one moment.
public struct AdmittedJob: Equatable, Sendable {
  public let token: ProvenToken
  public let action: ActionDefinition
  /// Canonical JSON: the bytes that were hashed, that policy and approvers saw, and that the guest gets.
  public let parameters: [UInt8]
  /// The artifacts that it reads, in this order.
  public let wanted: [Digest]
  /// The class to run in: the strongest that is active.
  public let isolationClass: IsolationClass
  /// What was fetched of `wanted`: all of it, before the nonce is burned.
  var inputs: [RunInput] = []

  /// What it may reach; nil where it is nothing.
  var egress: EgressGrant? {
    guard let limits = action.egressLimits, let destinations = action.destinations, !destinations.isEmpty
    else {
      return nil
    }
    return EgressGrant(destinations: destinations, limits: limits, model: action.modelLimits)
  }

  /// What the action reads on its standard input: its parameters, or, where it takes inputs, those and where
  /// its inputs are; canonical JSON either way.
  var standardInput: [UInt8] {
    guard action.inputs != nil else { return parameters }
    let told = JSON.array(inputs.enumerated().map { $0.element.told(at: $0.offset) })
    return Array("{\"inputs\":".utf8) + told.canonicalBytes() + Array(",\"parameters\":".utf8) + parameters
      + Array("}".utf8)
  }
}
