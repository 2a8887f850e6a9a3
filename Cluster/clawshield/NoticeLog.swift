import Canonical
import EventLoop
import GovernanceNode
import Host

/// What a node's log says of what the node noticed. A party that lies can have it notice something with every
/// message: the same line comes once in a while, and says how often it was left out.
final class NoticeLog {
  private unowned let station: Station
  private var filter = RepeatFilter(interval: .seconds(10), capacity: 64)

  init(station: Station) { self.station = station }

  func write(_ notice: Notice) {
    switch notice {
    case .evidence(let what): write(notice.line, key: "evidence \(what)")
    case .warning(let what): write(notice.line, key: "warning \(what)")
    case .role, .final, .halted, .members, .decided: station.log.write(notice.line, at: station.wall.text)
    }
  }

  /// A peer said what is no message.
  func unreadable(from peer: String) {
    write(LogLine(.warning, "peer_message_unreadable", [("peer", .string(peer))]), key: "unreadable \(peer)")
  }

  /// A message to a peer was not sent since no frame holds it.
  func tooLarge(_ kind: String, to peer: String, bytes: Int) {
    write(
      LogLine(
        .error, "peer_message_too_large",
        [("peer", .string(peer)), ("kind", .string(kind)), ("bytes", .integer(bytes))]),
      key: "too large \(kind) \(peer)")
  }

  private func write(_ line: LogLine, key: String) {
    let now = Duration.nanoseconds(Int64(clamping: station.loop.now.nanoseconds))
    guard let leftOut = filter.admit(key, at: now) else { return }
    var line = line
    if leftOut > 0 { line.fields["repeated"] = .integer(leftOut) }
    station.log.write(line, at: station.wall.text)
  }
}
