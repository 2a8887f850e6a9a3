import EventLoop
import GovernanceNode
import Glibc
import Network
import Records

/// Looks at the node's host for those who look after it: how long the certificate holds that it uses, and its disk.
struct HostLook {
  /// How often.
  static let pause = Duration.seconds(60)

  private let folder: String
  private var forecast = DiskForecast()

  /// `folder`: where the node's data lie.
  init(folder: String) { self.folder = folder }

  /// What there is to say now; what cannot be read is left out. Of the certificate it is what the node uses, as `own`
  /// is, and not what lies in its file: that may be one that was not taken up.
  mutating func report(at wall: Timestamp, own: OwnCertificate) -> HostReport {
    var report = HostReport()
    if let leaf = own.chain.first {
      report.certificateBegins = Self.time(leaf.validFrom)
      report.certificateEnds = Self.time(leaf.validUntil)
    }
    var room = statvfs()
    if statvfs(folder, &room) == 0 {
      let free = UInt64(room.f_bavail) * UInt64(room.f_frsize)
      report.diskFree = free
      report.diskFull = forecast.take(DiskForecast.Sample(at: wall, free: free))
    }
    return report
  }

  /// Seconds since 1970 as a time; nil where none can hold them.
  private static func time(_ seconds: Int64) -> Timestamp? {
    let (nanoseconds, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    return overflow ? nil : Timestamp(nanoseconds: nanoseconds)
  }
}
