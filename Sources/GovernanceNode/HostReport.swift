import Canonical
import Records

/// What a node's host says of itself, for people who look after it. It decides nothing.
public struct HostReport: Sendable, Equatable {
  /// Since when the certificate that the node uses is valid, and when it ends.
  public var certificateBegins: Timestamp?
  public var certificateEnds: Timestamp?
  /// Why the one in its file was not taken up; nil where it was.
  public var certificateRefused: String?
  /// Room on the disk of its data, in bytes.
  public var diskFree: UInt64?
  /// When that is used up, if it goes on as it has.
  public var diskFull: Timestamp?
  /// What it could not send.
  public var oversized = OversizedMessages()

  /// A report.
  public init(
    certificateBegins: Timestamp? = nil, certificateEnds: Timestamp? = nil, diskFree: UInt64? = nil,
    diskFull: Timestamp? = nil
  ) {
    self.certificateBegins = certificateBegins
    self.certificateEnds = certificateEnds
    self.diskFree = diskFree
    self.diskFull = diskFull
  }

  var json: JSON {
    .object(
      [
        ("certificate_begins", certificateBegins.map(JSON.time)),
        ("certificate_ends", certificateEnds.map(JSON.time)),
        ("certificate_refused", certificateRefused.map(JSON.string)),
        ("disk_free", diskFree.map { .string(String($0)) }), ("disk_full", diskFull.map(JSON.time)),
        ("oversized", oversized.rows.isEmpty ? nil : oversized.json),
      ].compactMap { name, value in value.map { (name, $0) } })
  }
}

/// Says when a disk is full, by what was used up since the oldest of the samples that it keeps.
public struct DiskForecast: Sendable {
  /// Room at a time.
  public struct Sample: Sendable, Equatable {
    public let at: Timestamp
    public let free: UInt64

    /// A sample.
    public init(at: Timestamp, free: UInt64) {
      self.at = at
      self.free = free
    }
  }

  /// Over how long use is measured at most, and at least before anything is said.
  public static let longest = Interval.seconds(86_400)
  public static let shortest = Interval.seconds(600)
  /// How far ahead it says anything, in times of what it has seen: a day's use speaks of thirty days, ten minutes' of
  /// five hours.
  public static let reach: UInt64 = 30
  /// Samples that are kept; one an interval.
  private static let capacity = 96
  private static let interval = Interval.seconds(900)

  private var samples: [Sample] = []

  /// No sample yet.
  public init() {}

  /// Takes a sample; when the room ends at the pace since the oldest one. Nil where too little time has passed, where
  /// nothing is used up, or where it takes longer than thirty times what has been seen.
  public mutating func take(_ sample: Sample) -> Timestamp? {
    if let last = samples.last, sample.at < last.at { samples = [] }
    samples.removeAll { sample.at.since($0.at) > Self.longest }
    if samples.last.map({ sample.at.since($0.at) >= Self.interval }) ?? true { samples.append(sample) }
    if samples.count > Self.capacity { samples.removeFirst() }
    guard let first = samples.first, sample.free < first.free else { return nil }
    let passed = sample.at.since(first.at)
    guard passed >= Self.shortest else { return nil }
    let used = first.free - sample.free
    let seconds = UInt64(passed.nanoseconds / 1_000_000_000)
    let product = sample.free.multipliedFullWidth(by: seconds)
    guard product.high < used else { return nil }
    let left = used.dividingFullWidth(product).quotient
    guard left <= seconds * Self.reach else { return nil }
    return sample.at.advanced(by: .seconds(Int64(left)))
  }
}
