import Canonical
import Crypto
import Records
import Testing

@testable import OpenExec

/// What a receipt says of its run, and what a token must grant before it runs.
@Suite("Evidence")
struct EvidenceTests {
  let world: World
  let needed = ["compute", "egress:api.example.org:443", "oauth:calendar", "secret:token"]

  init() throws { world = try World() }

  /// The job of the action that reaches out, run up to its order.
  func running(granted: [String]? = nil) throws -> (Shell, RunOrder?) {
    var shell = try Shell(world)
    try shell.renew()
    var plan = world.plan("t1")
    plan.action = "reach"
    plan.grant.approvalScope = "reach"
    plan.grant.allowedScopes = granted ?? needed
    plan.grant.constraints.maximumRetries = 1
    shell.step(.jobOffered(world.job(plan)))
    shell.flush()
    return (shell, shell.starts.last)
  }

  @Test("a run is ordered with what its action names, and not before its token grants each of it")
  func granted() throws {
    let (_, ordered) = try running()
    let order = try #require(ordered)
    #expect(order.egress?.destinations.map(\.text) == ["https://api.example.org:443"])
    #expect(order.egress?.limits.connections == 4 && order.secrets == ["token"] && order.tenantID == "acme")
    #expect(order.oauth.map(\.name) == ["calendar"])
    for missing in needed {
      let (shell, none) = try running(granted: needed.filter { $0 != missing })
      #expect(none == nil)
      #expect(shell.reports.last?.receipt.errorCode == "SCOPE_MISSING", "\(missing)")
    }
  }

  @Test("a second try has what the first has left of the grant")
  func secondTry() throws {
    var (shell, ordered) = try running()
    let order = try #require(ordered)
    #expect(order.egress?.used == EgressUse())
    var outcome = RunOutcome(ending: .sandboxFailed("no"))
    outcome.measures.egress = EgressReport()
    outcome.measures.egress?.used.sentBytes = 600
    shell.step(.sandboxFinished(order.id, outcome))
    let second = try #require(shell.starts.last)
    #expect(second.id.attempt == 2 && second.egress?.used.sentBytes == 600)
    #expect(second.egress?.limits == order.egress?.limits)
  }

  /// What a machine measured.
  func measures(_ verdict: String = "OK", address: String = "93.184.216.34") throws -> RunMeasures {
    var measures = RunMeasures()
    measures.usage = RunUsage(processorNanoseconds: 5, memoryPeakBytes: 6, wallNanoseconds: 7)
    measures.machine = MachineEvidence(
      kernelDigest: "sha256:aa", initramfsDigest: "sha256:bb",
      runtimeDigest: "sha256:" + String(repeating: "cc", count: 32), probe: "a machine was booted")
    measures.provenance = SHA256.hash("where it came from")
    measures.output = StreamMeasure(writtenBytes: 100, isCut: true, redactions: 0)
    var record = EgressRecord(
      destination: "api.example.org:443", method: "CONNECT", openedAt: .seconds(1), closedAt: .seconds(2))
    record.address = NetworkAddress(text: address)
    record.wasConnected = verdict == "OK"
    (record.sentBytes, record.receivedBytes, record.verdict) = (10, 20, verdict)
    measures.egress = EgressReport(records: [record])
    return measures
  }

  func draft(_ change: (inout RunOutcome) throws -> Void = { _ in }) throws -> ReceiptDraft {
    var (shell, ordered) = try running()
    let order = try #require(ordered)
    shell.step(.sandboxStarted(order.id))
    var outcome = shell.success(order)
    outcome.measures = try measures()
    try change(&outcome)
    shell.step(.sandboxFinished(order.id, outcome))
    shell.flush()
    return try #require(shell.reports.last)
  }

  @Test(
    "manifest, limits, usage, machine, outputs, connections and labels; the list of connections goes beside it"
  )
  func whole() throws {
    let draft = try draft()
    let evidence = try #require(draft.receipt.evidence)
    let action = try #require(world.bundle.action("reach"))
    #expect(evidence.manifestDigest == action.manifestDigest && evidence.limits == action.limits)
    #expect(evidence.usage?.wallNanoseconds == 7 && evidence.machine?.kernelDigest == "sha256:aa")
    // The image that ran, and where that came from (INV-023).
    #expect(draft.receipt.imageDigest == action.imageDigest)
    #expect(draft.receipt.provenance == SHA256.hash("where it came from"))
    #expect(evidence.machine?.runtimeDigest?.hasPrefix("sha256:cc") == true)
    #expect(evidence.exitStatus == 0 && evidence.secrets == ["token", "calendar"])
    #expect(evidence.output.digest == SHA256.hash("{\"sum\":3}") && evidence.output.isCut)
    #expect(evidence.output.writtenBytes == 100 && evidence.labels == [world.agent.path])
    let egress = try #require(evidence.egress)
    #expect(
      egress.connections == 1 && egress.refused == 0 && egress.sentBytes == 10 && egress.opaqueBytes == 10)
    #expect(draft.attachment["egress"]?.hash == draft.receipt.egressHash)
    let first = draft.attachment["egress"]?.value.array?.first
    #expect(first?["address"]?.string == "93.184.216.34" && first?["verdict"]?.string == "OK")
    // It is read back as it was written, and its attachment belongs to it.
    let signed = Signed.sign(
      draft.receipt, cluster: world.cluster, as: world.executor, with: world.executorKey)
    let record = Record(at: World.start, body: .receipt(signed))
    let read = try Record(parsing: record.bytes)
    #expect(read == record)
    try draft.attachment.check(against: read.body)
    let result = try #require(draft.attachment["result"])
    #expect(throws: RecordError.self) { try Attachment("result", result).check(against: read.body) }
    #expect(!draft.receipt.exfiltrationRisk && !draft.receipt.piiDetected)
  }

  @Test(
    "the flags are what was seen: a credential, a secret taken out, a connection to where none was granted; people"
  )
  func flags() throws {
    let credential = try draft { $0.measures.findings.hasCredential = true }
    #expect(credential.receipt.exfiltrationRisk && !credential.receipt.piiDetected)
    let redacted = try draft { $0.measures.errorOutput.redactions = 1 }
    #expect(redacted.receipt.exfiltrationRisk && redacted.receipt.evidence?.errorOutput.redactions == 1)
    for verdict in ["NOT_GRANTED", "ADDRESS_REFUSED", "SENT_BYTES_USED_UP", "NOT_TLS", "SECRET_IN_PROMPT"] {
      let tried = try draft { $0.measures = try measures(verdict) }
      #expect(tried.receipt.exfiltrationRisk && tried.receipt.evidence?.egress?.refused == 1, "\(verdict)")
    }
    let unlucky = try draft { $0.measures = try measures("UNREACHABLE") }
    #expect(!unlucky.receipt.exfiltrationRisk)
    let personal = try draft { $0.measures.findings.hasPersonalData = true }
    #expect(personal.receipt.piiDetected && !personal.receipt.exfiltrationRisk)
  }

  @Test("one receipt answers for every try: what the first did is in it")
  func tries() throws {
    var (shell, ordered) = try running()
    let first = try #require(ordered)
    shell.step(.sandboxStarted(first.id))
    var failed = RunOutcome(ending: .completed(exitStatus: 3), guest: shell.success(first).guest)
    failed.measures = try measures("NOT_GRANTED")
    shell.step(.sandboxFinished(first.id, failed))
    shell.flush()
    let second = try #require(shell.starts.last)
    #expect(second.id.attempt == 2)
    shell.step(.sandboxStarted(second.id))
    var done = shell.success(second)
    done.measures = try measures()
    shell.step(.sandboxFinished(second.id, done))
    shell.flush()
    let receipt = try #require(shell.reports.last?.receipt)
    #expect(receipt.status == .succeeded && receipt.exfiltrationRisk)
    #expect(receipt.evidence?.egress?.connections == 1 && receipt.evidence?.egress?.refused == 1)
    #expect(shell.reports.last?.attachment["egress"]?.value.array?.count == 2)
  }

  @Test("what never ran has no evidence; a run that could reach nothing has no connections to tell of")
  func absent() throws {
    let (shell, _) = try running(granted: [])
    #expect(shell.reports.last?.receipt.evidence == nil && shell.reports.last?.receipt.egressHash == nil)
    let silent = try draft { $0.measures.egress = nil }
    #expect(silent.receipt.evidence?.egress == nil && silent.receipt.egressHash == nil)
    #expect(silent.attachment["egress"] == nil)
  }
}
