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

  @Test("the first and the last moment that 64 bits of nanoseconds name are times like any other")
  func edges() throws {
    let (first, last) = (String(Int.min), String(Int.max))
    #expect(try evaluate("time.date(\(first))") == "[1677,9,21]")
    #expect(try evaluate("time.clock(\(first))") == "[0,12,43]")
    #expect(try evaluate("time.weekday(\(first))") == "\"Tuesday\"")
    #expect(try evaluate("time.format(\(first))") == "\"1677-09-21T00:12:43.145224192Z\"")
    #expect(try evaluate("time.add_date(\(first), 0, 0, 0)") == first)
    #expect(try evaluate("time.format(\(last))") == "\"2262-04-11T23:47:16.854775807Z\"")
    #expect(try evaluate("time.add_date(\(last), 0, 0, 0)") == last)
    #expect(try evaluate("time.diff(\(last), \(first))") == "[584,6,20,23,34,33]")
    for beyond in ["time.add_date(\(first), 0, 0, -1)", "time.add_date(\(last), 0, 0, 1)"] {
      #expect(throws: EvaluationError.self, "\(beyond)") { try evaluate(beyond) }
    }
  }
}
