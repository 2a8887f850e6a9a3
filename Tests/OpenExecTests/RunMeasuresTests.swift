import Records
import Testing

@testable import OpenExec

/// What several tries of a run come to in one receipt.
struct RunMeasuresTests {
  private func measures(connections: Int, redactions: Int = 0) -> RunMeasures {
    var out = RunMeasures()
    let at = Interval.seconds(1)
    out.egress = EgressReport(
      records: (0..<connections).map {
        EgressRecord(destination: "host\($0).example:443", method: "CONNECT", openedAt: at, closedAt: at)
      })
    out.output.redactions = redactions
    return out
  }

  @Test("connections of all tries are listed as far as a receipt holds them, and counted beyond")
  func connections() {
    var last = measures(connections: 200)
    last.join(earlier: measures(connections: 200))
    #expect(last.egress?.records.count == EgressReport.maximumRecords)
    #expect(last.egress?.unrecorded == 400 - EgressReport.maximumRecords)
    last.join(earlier: measures(connections: 7))
    #expect(last.egress?.records.count == EgressReport.maximumRecords)
    #expect(last.egress?.unrecorded == 407 - EgressReport.maximumRecords)
    #expect(last.egress?.records.first?.destination == "host0.example:443")
  }

  @Test("a secret in the output of an earlier try is a risk, though the last one was clean")
  func earlierSecret() {
    var last = measures(connections: 0)
    #expect(!last.isExfiltrationRisk)
    last.join(earlier: measures(connections: 0, redactions: 1))
    #expect(last.isExfiltrationRisk)
  }
}
