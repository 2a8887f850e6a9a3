/// A node's clocks: how far the time of day is off, and how fast both run.
struct SimulatedClock {
  /// Nanoseconds that the time of day is off.
  var offset: Int64 = 0
  /// What took back how far a drift had led it while its host slept, as others told it the time when it woke.
  var correction: Int64 = 0
  /// How many millionths it runs fast. Set before the node starts: the monotonic clock never jumps.
  var drift: Int64 = 0

  /// The monotonic clock at a virtual time.
  func monotonic(_ time: UInt64) -> UInt64 { UInt64(Int64(time) + Int64(time) / 1_000_000 * drift) }

  /// The first virtual time at which the monotonic clock shows at least `monotonic`.
  func time(_ monotonic: UInt64) -> UInt64 {
    guard drift != 0, monotonic < UInt64(Int64.max) else { return monotonic }
    // Whole millions first, as above, so that no rounding differs between machines.
    let millions = monotonic / UInt64(1_000_000 + drift)
    return millions * 1_000_000 + monotonic % UInt64(1_000_000 + drift) + 1_000_000
  }

  /// The time of day, in nanoseconds since 1970.
  func wall(_ time: UInt64, epoch: Int64) -> Int64 { epoch + Int64(monotonic(time)) + offset + correction }
}
