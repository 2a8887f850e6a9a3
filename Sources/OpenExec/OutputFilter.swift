/// What leaves the executor of one stream of an action's output: without the run's secrets, looked through, and cut
/// to its limit, in this order, so that no piece of a secret is kept at a cut.
public struct OutputFilter: Sendable {
  private var redactor: Redactor
  private var scan = ContentScan()
  private var collector: OutputCollector
  /// What the action wrote, in bytes.
  public private(set) var writtenBytes = 0

  /// A filter of nothing yet, which keeps at most `limit` bytes.
  public init(_ secrets: [RunSecret], limit: Int) {
    redactor = Redactor(secrets)
    collector = OutputCollector(limit: limit)
  }

  /// The next bytes that the action has written.
  public mutating func append(_ bytes: [UInt8]) {
    writtenBytes += bytes.count
    keep(redactor.pass(bytes))
  }

  /// The end of the stream. Nothing may follow.
  public mutating func finish() {
    keep(redactor.finish())
    scan.finish()
  }

  private mutating func keep(_ bytes: [UInt8]) {
    scan.pass(bytes)
    collector.append(bytes)
  }

  /// What is kept.
  public var bytes: [UInt8] { collector.bytes }
  /// Whether a middle was cut out.
  public var isCut: Bool { collector.isCut }
  public var findings: ContentFindings { scan.findings }

  /// What is said of it in the receipt.
  public var measure: StreamMeasure {
    StreamMeasure(writtenBytes: writtenBytes, isCut: isCut, redactions: redactor.count)
  }
}
