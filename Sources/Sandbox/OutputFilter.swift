import OpenExec

/// What leaves the executor of one stream of an action's output: without the run's secrets, looked through, and cut
/// to its limit, in this order, so that no piece of a secret is kept at a cut.
struct OutputFilter {
  private var redactor: Redactor
  private var scan = ContentScan()
  private var collector: OutputCollector
  /// What the action wrote, in bytes.
  private(set) var writtenBytes = 0

  init(_ secrets: [RunSecret], limit: Int) {
    redactor = Redactor(secrets)
    collector = OutputCollector(limit: limit)
  }

  mutating func append(_ bytes: [UInt8]) {
    writtenBytes += bytes.count
    keep(redactor.pass(bytes))
  }

  /// The end of the stream. Nothing may follow.
  mutating func finish() {
    keep(redactor.finish())
    scan.finish()
  }

  private mutating func keep(_ bytes: [UInt8]) {
    scan.pass(bytes)
    collector.append(bytes)
  }

  var bytes: [UInt8] { collector.bytes }
  var isCut: Bool { collector.isCut }
  var findings: ContentFindings { scan.findings }

  /// What is said of it in the receipt.
  var measure: StreamMeasure {
    StreamMeasure(writtenBytes: writtenBytes, isCut: isCut, redactions: redactor.count)
  }
}
