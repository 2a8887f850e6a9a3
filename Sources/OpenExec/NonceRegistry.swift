import Records

#if SIMULATION
import Mutants
#endif

/// The nonces that were used (TOK-11, INV-017).
///
/// A nonce is entered when its burning is asked for, so that two offers of one token cannot both get as
/// far as that; the run waits until the entry is durable. An entry is let go a while after its token has
/// expired by the time of a lease that is kept durably: from then on the expiry alone refuses it, and
/// without a second receipt.
public struct NonceRegistry: Sendable {
  /// How long a nonce is held beyond its token's end. A token that ended longer ago is refused without a
  /// receipt: it may have had one.
  public static let retention = Interval.seconds(900)

  /// Most nonces that are held at once.
  public let capacity: Int
  private var tokens: [String: String] = [:]
  /// Ascending by end, then by token.
  private var ends: [(end: Timestamp, token: String, nonce: String)] = []

  /// An empty registry: for a new incarnation only.
  public init(capacity: Int = 65_536) { self.capacity = capacity }

  /// Nonces held.
  public var count: Int { ends.count }
  /// Whether no more can be entered.
  public var isFull: Bool { ends.count >= capacity }
  /// Whether the nonce was used.
  public func isUsed(_ nonce: String) -> Bool {
    #if SIMULATION
    if Mutant.nonceNotLookedUp.isActive { return false }
    #endif
    return tokens[nonce] != nil
  }
  /// The token that used it.
  public func token(of nonce: String) -> String? { tokens[nonce] }

  /// Enters a nonce; false where it was used, or where the registry is full.
  public mutating func burn(_ nonce: String, token: String, expiresAt: Timestamp) -> Bool {
    #if SIMULATION
    if Mutant.nonceNotLookedUp.isActive, tokens[nonce] != nil { return true }
    #endif
    guard tokens[nonce] == nil, !isFull else { return false }
    tokens[nonce] = token
    let position = ends.partitioningIndex { ($0.end, $0.token) >= (expiresAt, token) }
    ends.insert((expiresAt, token, nonce), at: position)
    return true
  }

  /// Lets go of tokens that ended longer than `retention` before `time`, which must be of a lease that is
  /// kept durably. Returns the tokens, in order of their ends.
  mutating func forget(at time: Timestamp, unless isHeld: (String) -> Bool) -> [String] {
    var forgotten: [String] = []
    var kept: [(end: Timestamp, token: String, nonce: String)] = []
    let ended = ends.prefix { $0.end.advanced(by: NonceRegistry.retention) < time }
    guard !ended.isEmpty else { return [] }
    for entry in ended {
      if isHeld(entry.token) {
        kept.append(entry)
      } else {
        tokens[entry.nonce] = nil
        forgotten.append(entry.token)
      }
    }
    ends.replaceSubrange(..<ended.endIndex, with: kept)
    return forgotten
  }
}

extension Array {
  /// The first position from which on `belongsAfter` holds; it must hold for a suffix.
  func partitioningIndex(_ belongsAfter: (Element) -> Bool) -> Int {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if belongsAfter(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
