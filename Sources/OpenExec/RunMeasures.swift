import Canonical
import Crypto
import Records

/// What a sandbox says of one stream of an action's output.
public struct StreamMeasure: Equatable, Sendable {
  /// What the action wrote, in bytes, whether kept or not.
  public var writtenBytes = 0
  public var isCut = false
  /// Secrets that were taken out.
  public var redactions = 0

  /// A measure.
  public init(writtenBytes: Int = 0, isCut: Bool = false, redactions: Int = 0) {
    self.writtenBytes = writtenBytes
    self.isCut = isCut
    self.redactions = redactions
  }

  func evidence(_ kept: [UInt8]) -> OutputEvidence {
    OutputEvidence(
      digest: SHA256.hash(kept), writtenBytes: max(writtenBytes, isCut || redactions > 0 ? 0 : kept.count),
      isCut: isCut, redactions: redactions)
  }
}

/// What a sandbox measured and saw of a run, beside its outcome.
public struct RunMeasures: Equatable, Sendable {
  public var usage: RunUsage?
  public var machine: MachineEvidence?
  /// Of the document that says where the image came from, held against the image when it was loaded; nil where it has none.
  public var provenance: Digest?
  /// Nil where the run could reach nothing.
  public var egress: EgressReport?
  public var output = StreamMeasure()
  public var errorOutput = StreamMeasure()
  /// Of the outputs, and of what went out in the clear.
  public var findings = ContentFindings()

  /// Nothing measured.
  public init() {}

  /// Adds what the tries before did: one receipt answers for all of them.
  mutating func join(earlier: RunMeasures) {
    findings.join(earlier.findings)
    if let before = earlier.egress {
      let all = before.records + (egress?.records ?? [])
      let kept = all.prefix(EgressReport.maximumRecords)
      egress = EgressReport(
        records: Array(kept),
        unrecorded: before.unrecorded + (egress?.unrecorded ?? 0) + all.count - kept.count,
        cost: egress?.cost ?? .zero, used: egress?.used ?? before.used)
    }
    // A secret that an earlier try has given away is no less out.
    if earlier.output.redactions + earlier.errorOutput.redactions > 0 { findings.hasCredential = true }
  }

  /// Whether something may have got out, or tried to (T3.1): the shape of a credential, a secret of the run, or a
  /// connection to where none was granted.
  var isExfiltrationRisk: Bool {
    findings.hasCredential || output.redactions + errorOutput.redactions > 0
      || egress?.records.contains { EgressRefusal.suspiciousCodes.contains($0.verdict) } == true
      || (egress?.unrecorded ?? 0) > 0
  }
}
