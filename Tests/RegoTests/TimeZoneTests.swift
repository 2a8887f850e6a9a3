import Testing

@testable import Rego

/// Times in zones, from the table that the evaluator carries: no machine's own table has a say.
struct TimeZoneTests {
  private func evaluate(_ term: String) throws -> String? {
    let policy = try Policy([try Module.parse("package a\np := \(term)", file: "a")])
    let meter = Meter(steps: 10_000, bytes: 1 << 20, now: 1_600_000_000_000_000_000)
    return try Evaluation(policy, input: nil, meter: meter, isStrict: true).value(of: ["a", "p"])?.jsonText
  }

  @Test(
    "a clock shows what clocks there show, on both sides of a change",
    arguments: [
      (1_616_893_199, "Europe/Berlin", "[1,59,59]"), (1_616_893_200, "Europe/Berlin", "[3,0,0]"),
      (1_635_641_999, "Europe/Berlin", "[2,59,59]"), (1_635_642_000, "Europe/Berlin", "[2,0,0]"),
      (1_615_705_199, "America/New_York", "[1,59,59]"), (1_615_705_200, "America/New_York", "[3,0,0]"),
      (1_600_000_000, "Asia/Kolkata", "[17,56,40]"), (1_600_000_000, "Asia/Kathmandu", "[18,11,40]"),
      (1_600_000_000, "Australia/Lord_Howe", "[22,56,40]"), (1_600_000_000, "UTC", "[12,26,40]"),
      (1_600_000_000, "", "[12,26,40]"),
      (1, "Europe/London", "[1,0,1]"), (-2_000_000_000, "Europe/Paris", "[20,36,1]"),
      (4_102_444_800, "Europe/Berlin", "[1,0,0]"),
      (4_118_065_200, "America/New_York", "[15,0,0]"),
    ])
  func clock(seconds: Int, zone: String, clock: String) throws {
    #expect(try evaluate("time.clock([\(seconds)000000000, \"\(zone)\"])") == clock, "\(zone) at \(seconds)")
  }

  @Test("a zone that nobody has is an error, the machine's own zone too")
  func unknown() {
    for zone in ["Mars/Olympus", "../etc/passwd", "Local"] {
      #expect(throws: EvaluationError.self, "\(zone)") { try evaluate("time.clock([0, \"\(zone)\"])") }
    }
  }

  @Test("the time is the one that the evaluation was given, as often as it is asked")
  func now() throws {
    #expect(try evaluate("[time.now_ns(), time.now_ns()]") == "[1600000000000000000,1600000000000000000]")
  }
}
