import Canonical
import Crypto
import GovernanceNode
import Raft
import Records
import Wire

/// A call on its way to a node.
struct OutgoingCall {
  let node: UInt64
  let call: UInt64
  let method: Method
  let payload: [UInt8]
}

/// Someone who talks to the cluster; acts at its own pace.
protocol SimulatedClient: AnyObject {
  var principal: Principal { get }
  /// Nanoseconds between two acts.
  var pace: UInt64 { get }
  func act(at time: UInt64, wall: Timestamp, nodes: UInt64) -> [OutgoingCall]
  /// Whom the certificate of the call's connection names.
  func caller(of call: OutgoingCall) -> Principal
  func take(_ answer: Answer, at time: UInt64, from node: UInt64, isLiar: Bool, oracles: inout Oracles)
  /// The connection to this node broke.
  func lost(_ node: NodeID)
}

extension SimulatedClient {
  func caller(of call: OutgoingCall) -> Principal { principal }
  func lost(_ node: NodeID) {}
}

/// A signed statement as calls carry it.
func statement<Content: StatementContent>(_ signed: Signed<Content>, _ attachment: Attachment) -> [UInt8] {
  StatementRequest(statement: statementBytes(signed), attachment: attachment.bytes).encode()
}

/// A signed statement as it travels.
func statementBytes<Content: StatementContent>(_ signed: Signed<Content>) -> [UInt8] {
  JSON.object([
    ("content", signed.content.json), ("signatures", .array(signed.signatures.map(\.json))),
  ]).canonicalBytes()
}

/// What a client needs to speak for itself and to check what it is told.
final class Credentials {
  let principal: Principal
  let key: SigningKey
  let cluster: Digest
  let keys: KnownKeys

  init(principal: Principal, key: consuming SigningKey, cluster: Digest, keys: KnownKeys) {
    self.principal = principal
    self.key = key
    self.cluster = cluster
    self.keys = keys
  }
}

/// Which key signs which size, as everybody outside the cluster knows it by now.
final class KnownKeys {
  var chain: KeyChain
  init(_ chain: KeyChain) { self.chain = chain }

  /// The key that the cluster began with.
  var genesisKey: PublicKey { chain.epochs[0].key }
}

extension Answer {
  var key: CallKey {
    switch self {
    case .respond(let key, _, _), .item(let key, _): key
    }
  }
  /// Everything that its receiver can read.
  var content: [UInt8] {
    switch self {
    case .respond(_, let status, let payload): payload + Array(status.message.utf8)
    case .item(_, let payload): payload
    }
  }
  var connection: UInt64 { key.connection }
  var call: UInt64 { key.call }
}
