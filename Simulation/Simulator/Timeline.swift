import FROST
import GovernanceNode
import Raft
import Records
import Wire

/// What people are shown of a run: transitions of nodes, messages, faults and executions, in their order. Kept only
/// where somebody looks; bounded, the oldest messages go first.
public final class Timeline {
  /// What happened at a node, or to the world.
  public enum Event: Sendable {
    /// A node's state changed; nil for one that is down.
    case state(node: UInt64, role: String?, term: UInt64, log: UInt64, committed: UInt64, final: UInt64)
    case fault(String)
    case faultEnded(String)
    case notice(node: UInt64, String)
    case execution(executor: String, String)
    case healed
  }

  public private(set) var events: [(at: UInt64, event: Event)] = []
  /// Messages between nodes: kinds, and whether they arrived. `to` is when it arrived.
  public private(set) var messages:
    [(from: UInt64, to: UInt64, sent: UInt64, arrived: UInt64?, kind: String)] =
      []
  private var last: [(role: String?, term: UInt64, log: UInt64, committed: UInt64, final: UInt64)] = []
  private let mostMessages: Int
  /// How much of the time all hosts slept: nothing happened, and nothing is shown.
  private var slept: UInt64 = 0
  /// Told of every event as it happens.
  private let onEvent: ((UInt64, Event) -> Void)?

  /// An empty timeline, which keeps so many messages at most.
  public init(mostMessages: Int = 0, onEvent: ((UInt64, Event) -> Void)? = nil) {
    self.mostMessages = mostMessages
    self.onEvent = onEvent
  }

  private func add(_ event: Event, at time: UInt64) {
    events.append((time - slept, event))
    onEvent?(time - slept, event)
  }

  func slept(_ length: UInt64) { slept += length }

  func looked<Suite: CipherSuite>(at host: NodeHost<Suite>, _ time: UInt64) {
    let number = Int(host.id.rawValue)
    while last.count < number { last.append((nil, 0, 0, 0, 0)) }
    let view = host.view
    let now = (
      role: view.map { "\($0.role)" }, term: view?.term.rawValue ?? 0, log: view?.logSize ?? 0,
      committed: view?.commitSize ?? 0, final: view?.finalSize ?? 0
    )
    let before = last[number - 1]
    guard before != now else { return }
    last[number - 1] = now
    // A log that merely grows is no transition.
    guard before.role != now.role || before.term != now.term || before.final != now.final else { return }
    add(
      .state(
        node: host.id.rawValue, role: now.role, term: now.term, log: now.log, committed: now.committed,
        final: now.final), at: time)
  }

  func began(_ act: Act, at time: UInt64) { add(.fault(act.text), at: time) }
  func ended(_ act: Act, at time: UInt64) { add(.faultEnded(act.text), at: time) }
  func healed(at time: UInt64) { add(.healed, at: time) }

  func noted(_ notice: Notice, by id: NodeID, at time: UInt64) {
    switch notice {
    case .evidence(let what): add(.notice(node: id.rawValue, "evidence: " + what), at: time)
    case .warning(let what): add(.notice(node: id.rawValue, what), at: time)
    case .members(let what): add(.notice(node: id.rawValue, "members: " + what), at: time)
    case .halted(let conflict): add(.notice(node: id.rawValue, "SEV-1: " + conflict.reason), at: time)
    case .role, .final, .decided: break
    }
  }

  func execution(_ executor: Principal, _ what: String, at time: UInt64) {
    add(.execution(executor: executor.path, what), at: time)
  }

  func sent(_ message: PeerMessage, from: NodeID, to: NodeID, at time: UInt64, arriving: UInt64?) {
    keep(message, from: from, to: to, sent: time, arrived: arriving)
  }

  func lost(_ message: PeerMessage, from: NodeID, to: NodeID, at time: UInt64) {
    keep(message, from: from, to: to, sent: time, arrived: nil)
  }

  private func keep(
    _ message: PeerMessage, from: NodeID, to: NodeID, sent: UInt64, arrived: UInt64?
  ) {
    guard mostMessages > 0 else { return }
    // Some at once: what is at the front of an array goes by moving all others.
    if messages.count == mostMessages { messages.removeFirst(mostMessages / 10 + 1) }
    messages.append((from.rawValue, to.rawValue, sent - slept, arrived.map { $0 - slept }, message.kindName))
  }
}

extension PeerMessage {
  /// What kind of message it is, in a word.
  var kindName: String {
    if let call = appendCall { return call.entries.isEmpty ? "heartbeat" : "append \(call.entries.count)" }
    if let answer = appendAnswer { return answer.outcome == 1 ? "matched \(answer.index)" : "answer" }
    if let call = voteCall { return call.preVote ? "pre-vote?" : "vote?" }
    if let answer = voteAnswer { return answer.granted ? "vote" : "no vote" }
    if durable != nil { return "durable" }
    if nonces != nil { return "nonces" }
    if signCall != nil { return "sign?" }
    if let answer = signAnswer { return answer.share.isEmpty ? "declined" : "share" }
    if note != nil { return "note" }
    if noteWanted != nil { return "note?" }
    if forwardCall != nil || witnessCall != nil { return "forward" }
    if forwardAnswer != nil { return "forwarded" }
    if restriction != nil || restrictionBound != nil { return "restriction" }
    if challenge != nil { return "challenge" }
    if snapshotPiece != nil || snapshotTaken != nil { return "snapshot" }
    return "message"
  }
}
