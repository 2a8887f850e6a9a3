import Canonical
import Crypto
import Foundation
import Network
import Records
import Testing
import Wire

/// An action that two executors must agree on, through a whole cluster: in machines whose instructions are counted, and with
/// an executor that says another thing (Decision 022).
@Suite(.serialized, .enabled(if: Machines.obstacle == nil, "\(Machines.obstacle ?? "")"))
struct VerificationClusterTests {
  private static let agent = "agents/agent-1"
  private static let action = "agree"

  /// The default policy with one more action, which takes two executors.
  private static func policy(at folder: String) throws {
    try FileManager.default.copyItem(
      at: Programs.repository.appendingPathComponent("Deploy/policy"), to: URL(fileURLWithPath: folder))
    let path = "\(folder)/registry.json"
    guard case .object(var registry) = try JSON.parse(String(contentsOfFile: path, encoding: .utf8)),
      var actions = registry["actions"]?.array,
      case .object(var action)? = actions.first(where: { $0["name"]?.string == "add" })
    else { throw CocoaError(.fileReadCorruptFile) }
    action["name"] = .string(Self.action)
    action["verification"] = 2
    // An emulated machine that counts is slow, and there are two, one after the other.
    action["limits"] = [
      "wall_seconds": 120, "memory_mib": 64, "processes": 8, "output_bytes": 4096, "disk_mib": 16,
    ]
    action["token_seconds"] = 900
    actions.append(.object(action))
    registry["actions"] = .array(actions)
    try JSON.object(registry).canonical.write(toFile: path, atomically: true, encoding: .utf8)
  }

  private static func offers(_ number: Int, in cluster: LoopbackCluster) throws {
    try cluster.waitUntil("executor \(number) offers a class", seconds: 180) {
      cluster.log("executor-\(number)").contains("\"active\":[\"microvm-tcg\"]")
    }
  }

  /// The records of the ledger as it is exported, with its proofs verified.
  private static func records(of cluster: LoopbackCluster) throws -> [Record] {
    let file = "\(cluster.folder)/ledger-\(UUID().uuidString.prefix(8)).txt"
    let exported = try cluster.claw(["ledger", "export", file], as: "auditors/auditor-1")
    try #require(exported.code == 0, "\(exported.output)")
    #expect(try cluster.claw(["ledger", "verify", file]).code == 0)
    let python = try Programs.run("/usr/bin/python3", ["Docs/Protocol/verify.py", file])
    #expect(python.code == 0, "\(python.output)")
    return try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").compactMap { line in
      let parts = line.split(separator: " ")
      guard parts.count >= 3, parts[0] == "leaf", let bytes = Base64.decode(String(parts[2])) else {
        return nil
      }
      return try Record(parsing: bytes)
    }
  }

  private static func receipts(_ request: String, in records: [Record]) -> [Receipt] {
    records.compactMap { record in
      guard case .receipt(let signed) = record.body, signed.content.requestID == request else { return nil }
      return signed.content
    }
  }

  private static func differences(in records: [Record]) -> [DerivedIncident] {
    records.compactMap { record in
      guard case .derivedIncident(let incident) = record.body, incident.kind == .verificationDiffers else {
        return nil
      }
      return incident
    }
  }

  @Test(
    "two executors run one approval each and agree; where one lies, the request fails and an incident says so"
  )
  func agreement() throws {
    let policy = FileManager.default.temporaryDirectory.path + "/agree-\(UUID().uuidString.prefix(8))"
    defer { try? FileManager.default.removeItem(atPath: policy) }
    try Self.policy(at: policy)
    let cluster = try LoopbackCluster(
      nodes: 3, threshold: 2, executors: 2, port: 29_400, images: Machines.images,
      founding: ["--policy", policy])
    try cluster.startExecutor(1)
    try Self.offers(1, in: cluster)
    try lie(in: cluster)
    try cluster.startExecutor(2)
    try Self.offers(2, in: cluster)
    try agree(in: cluster)
  }

  private func propose(_ request: String, in cluster: LoopbackCluster, options: [String] = []) throws
    -> Outcome
  {
    try cluster.claw(
      [
        "propose", Self.action, "--params", #"{"a":40,"b":2}"#, "--request-id", request, "--json",
      ] + options, as: Self.agent)
  }

  /// Executor 2 is the test itself, with its certificate and its key.
  private func lie(in cluster: LoopbackCluster) throws {
    let liar = try LyingExecutor(of: cluster)
    var tries = 0
    var request: String?
    // With fewer than two that can run it nothing is approved, and a machine that counts may not be up in time on a loaded
    // host: then it is asked for again.
    try cluster.waitUntil("the two have succeeded, and the request is over", seconds: 500) {
      try liar.enlist()
      guard let asked = request else {
        tries += 1
        let answer = try JSON.parse(propose("lie-\(tries)", in: cluster).output)["status"]?.string
        if answer == "approved" { request = "lie-\(tries)" }
        return false
      }
      try liar.answer()
      let shown = try cluster.claw(["get", asked, "--json"], as: Self.agent)
      let status = try JSON.parse(shown.output)["status"]?.string
      guard ["failed", "completed", "aborted", "unknown"].contains(status) else { return false }
      let receipts = Self.receipts(asked, in: try Self.records(of: cluster))
      if receipts.count == 2, receipts.allSatisfy({ $0.status == .succeeded }) { return true }
      request = nil
      return false
    }
    let asked = try #require(request)
    #expect(liar.answered > 0)
    let shown = try cluster.claw(["get", asked, "--json"], as: Self.agent)
    #expect(try JSON.parse(shown.output)["status"]?.string == "failed", "\(shown.output)")
    // The incident is written down after what it is about.
    var records: [Record] = []
    try cluster.waitUntil("the incident is final", seconds: 60) {
      records = try Self.records(of: cluster)
      return !Self.differences(in: records).isEmpty
    }
    let receipts = Self.receipts(asked, in: records)
    #expect(receipts.map(\.status) == [.succeeded, .succeeded])
    #expect(Set(receipts.map(\.executorID.path)) == ["executor/executor-1", "executor/executor-2"])
    let incidents = Self.differences(in: records)
    #expect(incidents.count == 1)
    let message = try #require(incidents.first?.message)
    #expect(message.contains("agree") && message.contains("differ: output"), "\(message)")
  }

  private func agree(in cluster: LoopbackCluster) throws {
    var receipts: [Receipt] = []
    var records: [Record] = []
    var tries = 0
    try cluster.waitUntil("two machines have been up in time", seconds: 500) {
      tries += 1
      let request = "agreed-\(tries)"
      let outcome = try propose(request, in: cluster, options: ["--wait", "--timeout", "400"])
      records = try Self.records(of: cluster)
      receipts = Self.receipts(request, in: records)
      if receipts.contains(where: { $0.errorCode == "SANDBOX_FAILED" }) { return false }
      let told = cluster.log("executor-1").suffix(1_000) + cluster.log("executor-2").suffix(1_000)
      #expect(outcome.code == 0 && outcome.output.contains("42"), "\(outcome.output) \(told)")
      return true
    }
    #expect(receipts.map(\.status) == [.succeeded, .succeeded])
    #expect(Set(receipts.map(\.executorID.path)) == ["executor/executor-1", "executor/executor-2"])
    // Each had a token and a machine of its own, of the same image, and what came out is the same to the byte.
    #expect(
      Set(receipts.map(\.tokenID)).count == 2 && Set(receipts.compactMap(\.guest?.challenge)).count == 2)
    #expect(Set(receipts.map(\.imageDigest)).count == 1 && Set(receipts.compactMap(\.provenance)).count == 1)
    #expect(Set(receipts.compactMap(\.evidence?.output.digest)).count == 1)
    #expect(receipts.allSatisfy { $0.isolationClass == .microvmTCG && $0.guest?.kernel.isEmpty == false })
    #expect(Self.differences(in: records).count == 1)
  }
}

/// An executor that runs nothing: it answers its job with a result of its own making. Everything that a receipt must have
/// to be taken is in it.
private final class LyingExecutor {
  private let caller: Caller
  private let client: BlockingClient
  private let cluster: Digest
  private var bundle: PolicyBundle?
  private(set) var answered = 0
  private var asked: UInt8 = 0

  init(of cluster: LoopbackCluster) throws {
    caller = try Caller(founded: "executors/executor-2", of: cluster)
    client = try caller.connect(to: cluster.clients(1))
    let checkpoint = try client.call("Ledger/Checkpoint", CheckpointRequest(), of: CheckpointResponse.self)
    self.cluster = try #require(Digest(hex: checkpoint.cluster))
  }

  /// Says that it is there, and learns the bundle from the lease.
  func enlist() throws {
    asked &+= 1
    let declaration = HostDeclaration(
      executor: caller.principal, incarnation: 1, challenge: [UInt8](repeating: asked, count: 16),
      isolationClasses: ["microvm-tcg"], isCompliant: false, shortcomings: [], declaredAt: nil)
    let signed = PartySigned(declaration, cluster: cluster, with: try caller.signingKey())
    let request = EnlistRequest(
      incarnation: 1, challenge: declaration.challenge, isolationClasses: declaration.isolationClasses,
      signature: signed.signature.bytes)
    do {
      let lease = try client.call("Executor/Enlist", request, of: LeaseResponse.self, within: .seconds(8))
      if bundle == nil, !lease.bundle.isEmpty { bundle = try PolicyBundle(try JSON.parse(lease.bundle)) }
    } catch let status as CallStatus {
      try #require([.unavailable, .aborted, .deadlineExceeded].contains(status.code), "\(status)")
    }
  }

  /// Listens for a moment, and answers what it is offered.
  func answer() throws {
    var offers: [JobOffer] = []
    do {
      try client.stream(
        "/openexec.v1.Executor/Jobs", JobsRequest(incarnation: 1).encode(), timeout: .seconds(2)
      ) { bytes in
        if let offer = try? JobOffer(decoding: bytes), !offer.token.isEmpty { offers.append(offer) }
        return offers.isEmpty
      }
    } catch {
      try #require(error.code == .deadlineExceeded || error.code == .unavailable, "\(error)")
    }
    for offer in offers { try forge(offer) }
  }

  private func forge(_ offer: JobOffer) throws {
    let proof = try LedgerProof(parsing: offer.token)
    guard case .decision(let decision) = try Record(parsing: proof.leaf).body, let grant = decision.grant,
      let action = bundle?.action(decision.action)
    else { return }
    let output: JSON = ["sum": 43]
    let result = SampleLedger.salted(["exit_status": 0, "output": output])
    let stream = OutputEvidence(
      digest: SHA256.hash(output.canonicalBytes()), writtenBytes: output.canonicalBytes().count, isCut: false,
      redactions: 0)
    let receipt = Receipt(
      receiptID: "forged-\(grant.tokenID.prefix(16))", decision: decision, decisionIndex: proof.index,
      grant: grant, executedAt: grant.issuedAt, finishedAt: grant.issuedAt, status: .succeeded, errorCode: "",
      resultHash: result.hash, truncated: false, isolationClass: .microvmTCG,
      guest: GuestEvidence(kernel: "6.1", challenge: "00", answer: "00", bootID: "none"),
      imageDigest: action.imageDigest, cost: .zero, exfiltrationRisk: false, piiDetected: false,
      loopGuardTriggered: false,
      evidence: RunEvidence(
        manifestDigest: action.manifestDigest, limits: action.limits, usage: nil, machine: nil, exitStatus: 0,
        output: stream, errorOutput: stream, egress: nil, secrets: [],
        labels: [decision.requestedBy.path]),
      approvalNote: proof.note.encoded)
    let request = try Statement.request(
      .receipt(try caller.sign(receipt, for: cluster)), Records.Attachment("result", result))
    _ = try client.call("Executor/Report", request, of: ReportResponse.self)
    answered += 1
  }
}
