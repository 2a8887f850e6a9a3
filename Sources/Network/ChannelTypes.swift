import EventLoop
import Wire

/// What a channel may hold and how long it waits.
public struct ChannelLimits: Sendable {
  /// From the connection's first packet to a verified peer.
  public var handshake: Duration = .seconds(5)
  /// From a frame's first byte to its last.
  public var frame: Duration = .seconds(15)
  /// Without anything received. A ping goes out after half of it.
  public var idle: Duration = .seconds(60)
  /// With something to send and a peer that takes nothing.
  public var stall: Duration = .seconds(20)
  /// What the peer is given to read the last word, before the socket closes.
  public var linger: Duration = .seconds(1)
  /// Unsent bytes from which on `send` answers `.full`, and a server takes no new requests.
  public var highWater = 1 << 20
  /// Unsent bytes below which the channel is writable again.
  public var lowWater = 1 << 18
  /// Unsent bytes that end the channel: at least one largest frame above `highWater`.
  public var hardCap = 16 << 20

  public init() {}
}

/// Why a channel has ended.
public enum ChannelEnd: Error, Equatable, Sendable, CustomStringConvertible {
  /// This side closed it.
  case closed
  /// The peer closed it.
  case closedByPeer
  /// This side closed it and told the peer this.
  case refused(CallStatus)
  /// The peer's certificate names nobody here.
  case peerRefused(PeerRefusal)
  case tls(TLSError)
  case system(SystemError)
  case handshakeOverdue
  /// Given up before the peer was verified: newer connections needed the room.
  case crowdedOut
  /// A frame was begun and not finished in time.
  case frameOverdue
  case idle
  /// The peer took nothing for too long.
  case stalled
  /// The peer took so little that the queue reached its hard cap.
  case queueOverflow(limit: Int)
  /// The loop has no room for what the channel needs.
  case loop(EventLoopError)
  /// The server's name has no address now.
  case unknownName(String)

  public var description: String { status.message }

  /// Whether the peer's certificate was read and refused.
  public var isRefusal: Bool { if case .peerRefused = self { true } else { false } }

  /// What open calls are told.
  public var status: CallStatus {
    switch self {
    case .refused(let status): status
    case .peerRefused(let refusal): CallStatus(.unauthenticated, "\(refusal)")
    case .tls(let error): CallStatus(.unavailable, "\(error)")
    case .system(let error): CallStatus(.unavailable, "\(error)")
    case .closed: CallStatus(.cancelled, "the connection was closed on this side")
    case .closedByPeer: CallStatus(.unavailable, "the peer closed the connection")
    case .handshakeOverdue: CallStatus(.unavailable, "the peer did not complete the handshake in time")
    case .crowdedOut:
      CallStatus(.unavailable, "the connection was given up, before it showed a certificate, for newer ones")
    case .frameOverdue: CallStatus(.unavailable, "the peer did not complete a frame in time")
    case .idle: CallStatus(.unavailable, "the peer was silent for too long")
    case .stalled: CallStatus(.unavailable, "the peer did not read for too long")
    case .queueOverflow(let limit):
      CallStatus(.resourceExhausted, "more than \(limit) bytes wait for the peer to read them")
    case .loop(let error): CallStatus(.resourceExhausted, "\(error)")
    case .unknownName(let name):
      CallStatus(.unavailable, "\(name) names no address now; expected is host:port, of a host that has one")
    }
  }
}

/// What became of a frame that was given to a channel.
public enum SendOutcome: Equatable, Sendable {
  case queued
  /// Queued, and the queue is above its high-water mark: send no more until `channelWritable`.
  case full
  /// Not sent: the channel has ended, or its queue is over its cap.
  case dropped
  /// Not sent: no frame holds that much.
  case tooLarge
}

/// Who listens to a channel. Called on the loop; never from within `send`.
public protocol ChannelDelegate: AnyObject {
  /// The peer is verified. Comes before any frame.
  func channelOpened(_ channel: Channel, peer: PeerIdentity)
  func channel(_ channel: Channel, received frame: Frame)
  /// The peer broke the framing. The delegate answers with `finish` or `close`.
  func channel(_ channel: Channel, violated violation: PeerViolation)
  /// The queue has fallen below the low-water mark after it was full.
  func channelWritable(_ channel: Channel)
  /// The last call.
  func channelClosed(_ channel: Channel, _ end: ChannelEnd)
}
