import EventLoop
import GovernanceNode
import Glibc
import Host
import Network
import Records

/// Looks at the node's host for those who look after it: how long its certificate holds, and its disk.
struct HostLook {
  /// How often.
  static let pause = Duration.seconds(60)

  private let certificate: String
  private let folder: String
  private var forecast = DiskForecast()

  init(certificate: String, folder: String) {
    self.certificate = certificate
    self.folder = folder
  }

  /// What there is to say now; what cannot be read is left out.
  mutating func report(at wall: Timestamp) -> HostReport {
    var report = HostReport()
    if let pem = try? Files.read(certificate, limit: 1 << 20),
      let leaf = (try? Certificate.read(pem: pem))?.first
    {
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
