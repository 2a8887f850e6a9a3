import Canonical
import Host
import Records
import Wire

/// Holds this host's clock against the nodes' where a certificate is issued: one that begins in their future is refused by them
/// until then, and a renewal has by then put the old one out of use.
enum ClockCheck {
  static let option = CommandOption(
    "--as", "DIR", "an operator's or auditor's identity, to warn where this host's clock is not the nodes'")

  /// Further apart than any cluster's clocks may be: nodes stop following each other at two seconds.
  private static let tolerance = Interval.seconds(5)

  /// Warns, and no more: whoever renews may be cut off, and a clock may be right where others are not. Says nothing without an
  /// identity, or where no node answers.
  static func warn(_ call: Invocation) {
    guard let folder = call.parsed.value("--as") ?? Environment.value("CLAW_IDENTITY") else { return }
    do {
      let session = try Session(call.parsed, identity: try ClientIdentity(folder: folder))
      let offsets = try session.everyNode(
        "Admin/Status", StatusRequest(), of: StatusResponse.self, timeout: .seconds(3)
      ).compactMap { heard -> Interval? in
        guard let json = heard.message?.json, let text = try JSON.parse(json)["time"]?.string else {
          return nil
        }
        return Timestamp(text: text).map(heard.heardAt.since)
      }.sorted()
      guard let text = words(offsets) else { return }
      call.remark("claw: " + text)
    } catch {
      call.remark("claw: the nodes' clocks are not known: \(error)")
    }
  }

  /// The middle one of an odd number of nodes is an honest one's, or between two of theirs, where fewer than half lie.
  private static func words(_ offsets: [Interval]) -> String? {
    guard !offsets.isEmpty else { return nil }
    let middle = offsets[offsets.count / 2]
    guard abs(middle.nanoseconds) > tolerance.nanoseconds else { return nil }
    let seconds = abs(middle.nanoseconds) / 1_000_000_000
    return middle.nanoseconds > 0
      ? "this host's clock is \(seconds) s ahead of the nodes': they refuse what is issued now for as long"
      : "this host's clock is \(seconds) s behind the nodes': a revocation of just now may refuse what is issued now as well"
  }
}
