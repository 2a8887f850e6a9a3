import Wire

/// Answers one call, exactly once, now or later, on the server's loop.
///
/// A unary method calls `respond` or `fail`. A stream calls `send` any number of times and then `finish`
/// or `fail`. A call that its caller has given up is still answered; the answer is then dropped.
/// One that nobody answers is answered `INTERNAL` when its responder goes.
public final class Responder {
  /// What became of something said.
  public enum Delivery: Equatable, Sendable {
    case queued
    /// Queued, and the connection is above its high-water mark: say no more until `onWritable`.
    case full
    /// Nobody waits for it any more.
    case dropped
    /// Said after the last word, or larger than a message carries: a bug, counted by the server. Too large
    /// an answer or item has ended the call with `RESOURCE_EXHAUSTED`.
    case misuse
  }

  let id: CallID
  private weak var connection: ServerConnection?
  private var isAnswered = false

  /// Called once when the caller cancels, its deadline passes or the connection ends, so that work for it
  /// can be given up.
  public var onAbandon: (() -> Void)?
  /// Called when the connection takes more, after `full`; not once the call is abandoned.
  public var onWritable: (() -> Void)?

  init(id: CallID, connection: ServerConnection) {
    self.id = id
    self.connection = connection
  }

  deinit {
    if !isAnswered { fail(CallStatus(.internal, "the method ended without an answer")) }
  }

  /// The only answer of a unary method.
  @discardableResult
  public func respond(_ payload: [UInt8]) -> Delivery { answer(.ok, payload) }

  /// One more item of a stream.
  @discardableResult
  public func send(_ payload: [UInt8]) -> Delivery {
    guard !isAnswered else {
      connection?.countMisuse()
      return .misuse
    }
    guard payload.count <= Frame.maximumPayloadCount else { return endTooLarge(payload.count) }
    return connection?.send(item: payload, for: id) ?? .dropped
  }

  /// The end of a stream.
  @discardableResult
  public func finish() -> Delivery { answer(.ok, []) }

  /// The end with another code than `OK`.
  @discardableResult
  public func fail(_ status: CallStatus) -> Delivery { answer(status, []) }

  private func answer(_ status: CallStatus, _ payload: [UInt8]) -> Delivery {
    guard !isAnswered else {
      connection?.countMisuse()
      return .misuse
    }
    guard payload.count <= Frame.maximumPayloadCount else { return endTooLarge(payload.count) }
    isAnswered = true
    onAbandon = nil
    onWritable = nil
    return connection?.respond(status, payload, to: id) ?? .dropped
  }

  /// Ends the call: whoever waits learns that what it asked for does not fit, instead of waiting for a part
  /// that never comes.
  private func endTooLarge(_ count: Int) -> Delivery {
    connection?.countMisuse()
    fail(
      CallStatus(
        .resourceExhausted,
        "the answer has \(count) bytes, and a message carries at most \(Frame.maximumPayloadCount)"))
    return .misuse
  }

  func abandon() {
    let notify = onAbandon
    // A stream's `onWritable` mostly holds its responder: without this the two would keep each other.
    let released = onWritable
    onAbandon = nil
    onWritable = nil
    notify?()
    withExtendedLifetime(released) {}
  }
}
