import Canonical
import Wire

/// Messages to peers that were not sent since no frame holds them, since the program started. There are to be none:
/// whoever builds a message keeps it below `PeerMessage.maximumCount`. One that there is would be lost as often as it
/// is sent, and what waits for it waits for ever; so it is counted and said.
public struct OversizedMessages: Equatable, Sendable {
  /// Of one kind to one peer.
  public struct Row: Equatable, Sendable {
    public let kind: String
    /// The peer's name.
    public let peer: String
    /// How many, and how many bytes the last of them had.
    public fileprivate(set) var count: Int
    public fileprivate(set) var bytes: Int
  }

  /// Most rows; what comes beyond is counted in the last one.
  static let capacity = 256

  /// In the order in which they came first.
  public private(set) var rows: [Row] = []

  /// None yet.
  public init() {}

  /// Counts one.
  public mutating func note(_ kind: String, to peer: String, bytes: Int) {
    let position =
      rows.firstIndex { $0.kind == kind && $0.peer == peer }
      ?? (rows.count < Self.capacity ? rows.count : rows.count - 1)
    if position == rows.count { rows.append(Row(kind: kind, peer: peer, count: 0, bytes: 0)) }
    rows[position].count += 1
    rows[position].bytes = bytes
  }

  var json: JSON {
    .array(
      rows.map { row in
        .object([
          ("kind", .string(row.kind)), ("peer", .string(row.peer)), ("count", .string(String(row.count))),
          ("bytes", .string(String(row.bytes))),
        ])
      })
  }
}
