import Canonical
import Foundation
import Records
import Testing

private struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

struct TimestampTests {
  @Test(
    "times are RFC 3339 in UTC, at most nine decimals, of days that exist (ruling 11)",
    arguments: [
      ("1970-01-01T00:00:00Z", 0), ("1970-01-01T00:00:00.000000001Z", 1),
      ("1970-01-01T00:00:00.1Z", 100_000_000),
      ("2000-02-29T00:00:00Z", 951_782_400_000_000_000), ("2026-01-31T23:59:59Z", 1_769_903_999_000_000_000),
      ("2261-12-31T23:59:59.999999999Z", 9_214_646_399_999_999_999), ("1969-12-31T23:59:59Z", nil),
      ("2262-01-01T00:00:00Z", nil), ("1900-02-29T00:00:00Z", nil), ("2100-02-29T00:00:00Z", nil),
      ("2023-02-29T00:00:00Z", nil), ("2024-02-30T00:00:00Z", nil), ("2024-04-31T00:00:00Z", nil),
      ("2024-00-01T00:00:00Z", nil), ("2024-13-01T00:00:00Z", nil), ("2024-01-00T00:00:00Z", nil),
      ("2024-01-01T24:00:00Z", nil), ("2024-01-01T00:60:00Z", nil), ("2024-12-31T23:59:60Z", nil),
      ("2024-01-01T00:00:00", nil), ("2024-01-01T00:00:00z", nil), ("2024-01-01t00:00:00Z", nil),
      ("2024-01-01 00:00:00Z", nil), ("2024-01-01T00:00:00+00:00", nil), ("2024-01-01T00:00:00.Z", nil),
      ("2024-01-01T00:00:00.0000000000Z", nil), ("2024-01-01T00:00:00,5Z", nil), ("2024-1-1T00:00:00Z", nil),
      ("２024-01-01T00:00:00Z", nil), ("", nil), ("+024-01-01T00:00:00Z", nil), ("2024-01-01T00:00:0-Z", nil),
    ] as [(String, Int64?)])
  func parses(_ text: String, _ nanoseconds: Int64?) {
    #expect(Timestamp(text: text)?.nanoseconds == nanoseconds)
  }

  @Test("text and time are one another's, and the calendar is Foundation's")
  func calendar() throws {
    var random = SplitMix(state: 3)
    let formatter = ISO8601DateFormatter()
    for _ in 0..<5000 {
      let seconds = Int64.random(in: 0..<9_214_646_400, using: &random)
      let time = try #require(Timestamp(nanoseconds: seconds * 1_000_000_000))
      let theirs = formatter.string(from: Date(timeIntervalSince1970: TimeInterval(seconds)))
      #expect(time.text.prefix(19) + "Z" == theirs)
      #expect(Timestamp(text: theirs) == time)
      let precise = try #require(
        Timestamp(nanoseconds: seconds * 1_000_000_000 + Int64.random(in: 0..<1_000_000_000, using: &random)))
      #expect(Timestamp(text: precise.text) == precise)
      #expect(precise.day == seconds / 86_400)
    }
  }

  @Test("arithmetic stops at both ends of time")
  func saturates() {
    #expect(Timestamp.epoch.advanced(by: .seconds(-1)) == .epoch)
    #expect(Timestamp.distantFuture.advanced(by: .seconds(1)) == .distantFuture)
    #expect(Timestamp.epoch.advanced(by: Interval(nanoseconds: .max)) == .distantFuture)
    #expect(Timestamp.distantFuture.advanced(by: Interval(nanoseconds: .min)) == .epoch)
    #expect(Timestamp(nanoseconds: -1) == nil)
    #expect(Timestamp(text: Timestamp.distantFuture.text) == .distantFuture)
    #expect(Timestamp(nanoseconds: .max) == nil)
    #expect(Interval.seconds(2) > .milliseconds(1999))
  }
}

struct MoneyTests {
  @Test(
    "money is a decimal of dollars in its shortest form",
    arguments: [
      ("0", 0), ("1", 1_000_000), ("12.5", 12_500_000), ("0.000001", 1),
      ("999999999.999999", 999_999_999_999_999), ("00", nil), ("01", nil), ("1.0", nil), ("1.50", nil),
      ("1.", nil), (".5", nil), ("0.0000001", nil), ("1000000000", nil), ("-1", nil), ("+1", nil),
      ("1e3", nil), ("1,5", nil), ("", nil), (" 1", nil), ("٣", nil), ("1.2.3", nil),
    ] as [(String, Int64?)])
  func parses(_ text: String, _ micros: Int64?) {
    #expect(MicroUSD(text: text)?.micros == micros)
  }

  @Test("every amount that can be written reads back, and sums stay within bounds")
  func arithmetic() throws {
    var random = SplitMix(state: 4)
    for _ in 0..<2000 {
      let scale = Int64.random(in: 0...15, using: &random)
      let limit = (0..<scale).reduce(Int64(1)) { power, _ in power * 10 }
      let amount = try #require(MicroUSD(micros: Int64.random(in: 0...(limit - 1 + 1), using: &random)))
      if amount.micros < 1_000_000_000_000_000 { #expect(MicroUSD(text: amount.text) == amount) }
    }
    let one = try #require(MicroUSD(micros: 1))
    let most = try #require(MicroUSD(micros: .max))
    // The largest amount is one that can be read again: a receipt with another would be lost.
    #expect(most == MicroUSD.maximum && MicroUSD(text: most.text) == most)
    let model = ModelLimits(tokens: 1, costPerMillion: most)
    #expect(MicroUSD(text: model.cost(of: 1 << 40).text) == most)
    #expect(most + one == most && one - most == .zero && (one + one) - one == one)
    #expect(MicroUSD(micros: -1) == nil)
  }
}

struct PrincipalTests {
  @Test(
    "a principal is one of six paths of identifiers",
    arguments: [
      "node/n1", "executor/x-1", "tenant/acme/agent/w.1", "approver/ann", "operator/a@b", "auditor/a:b",
    ])
  func reads(_ path: String) {
    #expect(Principal(path: path)?.path == path)
  }

  @Test(
    "anything else is nobody",
    arguments: [
      "", "node", "node/", "/node/n1", "node/n1/", "tenant/acme", "tenant/acme/agent", "tenant//agent/w",
      "tenant/acme/operator/w", "admin/a", "node/a b", "node/..", "node/.", "node/é", "node/a/b",
      "node/\(String(repeating: "a", count: 129))",
    ])
  func refuses(_ path: String) {
    #expect(Principal(path: path) == nil)
  }

  @Test("targets are everything, a tenant, a token or a principal")
  func targets() {
    for text in ["all", "tenant/acme", "token/t1", "tenant/acme/agent/w", "executor/x"] {
      #expect(IncidentTarget(text: text)?.text == text)
    }
    for text in ["", "everything", "token/", "tenant/", "token/a b", "all/", "tenant/acme/agent"] {
      #expect(IncidentTarget(text: text) == nil)
    }
  }

  @Test("risk joins to the higher of both, and classes are ordered as the design says")
  func orders() {
    let low = RiskContext(estimatedCost: Samples.dollar, dataClassification: .public, impactLevel: .critical)
    let high = RiskContext(estimatedCost: .zero, dataClassification: .restricted, impactLevel: .low)
    let joined = RiskContext(
      estimatedCost: Samples.dollar, dataClassification: .restricted, impactLevel: .critical)
    #expect(low.joined(high) == joined && high.joined(low) == joined)
    #expect(IsolationClass.allCases.sorted() == [.container, .microvmTCG, .microvmKVM, .kata])
    #expect(DataClassification.allCases.sorted() == [.public, .internal, .pii, .restricted])
    #expect(ImpactLevel.allCases.sorted() == [.low, .moderate, .high, .critical])
  }

  @Test("a leaf that lies beyond every ledger can be said: somebody who lies may have named it")
  func farLeaves() throws {
    for index in [.max, 1 << 63, (1 << 53) + 1] as [UInt64] {
      let withdrawal = Withdrawal(
        proposal: LeafIndex(index), requestedBy: .agent(tenant: "acme", name: "a"), validUntil: .epoch)
      #expect(withdrawal.json["proposal"]?.integer == 1 << 53)
    }
  }
}
