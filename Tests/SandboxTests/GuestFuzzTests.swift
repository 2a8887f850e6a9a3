import Foundation
import Testing

@testable import Sandbox

/// Garbage on a machine's channel, without a machine. `Tests/soak-guest` speaks a million frames and more.
@Suite("Hostile guest")
struct GuestFuzzTests {
  @Test(
    "frames of a hostile guest end its machine at the worst: nothing traps, nothing is believed, nothing piles up"
  )
  func frames() {
    let frames = ProcessInfo.processInfo.environment["OPENEXEC_GUEST_FRAMES"].flatMap { Int($0) } ?? 20_000
    let seed = ProcessInfo.processInfo.environment["OPENEXEC_GUEST_SEED"].flatMap { UInt64($0) } ?? 1
    var fuzz = GuestFuzz(seed: seed)
    fuzz.speak(frames: frames)
    let counts = fuzz.counts
    #expect(counts.faults == [])
    // It got everywhere.
    let share = counts.conversations / 4
    #expect(counts.frames >= frames && counts.started > share && counts.finished > 0, "\(counts)")
    #expect(counts.violations.count > 5, "\(counts.violations)")
    #expect(counts.streamEvents > frames / 8 && counts.requests > frames / 100, "\(counts)")
    print("seed \(seed): \(counts.frames) frames, \(counts.bytes) bytes, \(counts.conversations) machines")
    print("\(counts.started) proven, \(counts.finished) finished, \(counts.streamEvents) events of streams")
    print("\(counts.requests) requests, \(counts.refusedRequests) of them refused")
    for (kind, count) in counts.violations.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) {
      print("  \(count) \(kind)")
    }
  }

  @Test("the same seed speaks the same frames")
  func deterministic() {
    let counts = [7, 7, 8].map { seed in
      var fuzz = GuestFuzz(seed: UInt64(seed))
      fuzz.speak(frames: 2_000)
      return fuzz.counts
    }
    #expect(counts[0] == counts[1] && counts[1] != counts[2])
  }
}
