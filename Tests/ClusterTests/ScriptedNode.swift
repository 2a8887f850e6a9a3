import Canonical
import Crypto
import EventLoop
import Foundation
import Merkle
import Network
import Records
import Synchronization
import Testing
import Wire

/// A node that answers what the test says: honest, or lying in one place. The identity folders are those of
/// `claw init`, so that connections and certificates are the real ones.
final class ScriptedNode {
  /// What it says of a proposal.
  enum Answer: String, Sendable, CaseIterable {
    case completed, denied, pending, failed
    case refused, notFound
    /// Pending, and whoever watches is told twice that there is no such proposal, and then what was so before, as by nodes
    /// that are behind.
    case pendingBehind
    // Lies.
    case approvedWithoutToken, completedWithoutReceipt, anothersDecision, foreignKey, otherResult
  }

  let folder: String
  private let thread: LoopThread

  /// Serves one cluster of one node.
  init(_ answer: Answer) throws {
    folder = FileManager.default.temporaryDirectory.path + "/scripted-\(UUID().uuidString)"
    let founded = try Programs.run(
      "claw", ["init", "--nodes", "1", "--threshold", "1", "--executors", "1", "--dir", folder])
    try #require(founded.code == 0, "\(founded.output)")
    let box = Mutex<SocketAddress?>(nil)
    let ready = DispatchSemaphore(value: 0)
    let path = folder
    let shared = Shared(box)
    thread = try LoopThread(name: "scripted") { loop in
      defer { ready.signal() }
      let node = "\(path)/nodes/node-1"
      let domain = try #require(TrustDomain("openexec.local"))
      let tls = try TLSContext(
        chainFile: "\(node)/node.crt", keyFile: "\(node)/node.key",
        authorityFiles: ["\(path)/clients/ca.crt"], domain: domain, nodePins: [:])
      let server = try CallServer(loop: loop, tls: tls, address: .loopback())
      shared.value.withLock { $0 = server.address }
      try Script(answer).register(on: server)
    }
    ready.wait()
    guard let address = shared.value.withLock({ $0 }) else {
      try thread.join()
      throw NoAddress()
    }
    // The clients are told where it really listens.
    for kind in ["agents/agent-1", "agents/agent-2"] {
      let file = "\(folder)/\(kind)/client.json"
      let text = try String(contentsOfFile: file, encoding: .utf8)
      try text.replacingOccurrences(of: "127.0.0.1:7101", with: "\(address)")
        .write(toFile: file, atomically: true, encoding: .utf8)
    }
  }

  private struct NoAddress: Error {}
  private final class Shared: Sendable {
    let value: Mutex<SocketAddress?>
    init(_ value: consuming Mutex<SocketAddress?>) { self.value = value }
  }

  deinit {
    try? thread.stopAndJoin()
    try? FileManager.default.removeItem(atPath: folder)
  }

  var agent: String { "\(folder)/agents/agent-1" }
}

/// What the node answers, method by method.
private final class Script: @unchecked Sendable {
  // Confined to the node's loop.
  private let answer: ScriptedNode.Answer
  private var ledger: SampleLedger
  private var outcome = Wire.Outcome()
  private var server: CallServer?
  /// How many watches it still knows nothing of.
  private var unknowing: Int

  init(_ answer: ScriptedNode.Answer) throws {
    self.answer = answer
    unknowing = answer == .pendingBehind ? 2 : 0
    ledger = try SampleLedger(enrolments: SampleLedger.enrolments())
    try ledger.sign()
  }

  /// Answers on `server`, and keeps it for as long as the loop lives.
  func register(on server: CallServer) {
    self.server = server
    server.handle("/openexec.v1.Ledger/Checkpoint") { [self] _, responder in
      responder.respond(
        CheckpointResponse(
          note: ledger.notes.last?.encoded ?? "", cluster: ledger.cluster.hex,
          groupKey: ledger.groupKey.hex, crashOnly: true
        ).encode())
    }
    server.handle("/openexec.v1.Governance/ListActions") { _, responder in
      let path = Programs.repository.appendingPathComponent("Deploy/policy/registry.json")
      let text = (try? String(contentsOf: path, encoding: .utf8)) ?? ""
      let actions = (try? JSON.parse(text))?["actions"]?.array ?? []
      responder.respond(ListActionsResponse(actions: actions.map { $0.canonicalBytes() }).encode())
    }
    server.handle("/openexec.v1.Governance/Submit") { [self] call, responder in
      do {
        responder.respond(try submit(try StatementRequest(decoding: call.payload)).encode())
      } catch let status as CallStatus {
        responder.fail(status)
      } catch {
        responder.fail(CallStatus(.internal, "\(error)"))
      }
    }
    server.handle("/openexec.v1.Governance/Get") { [self] _, responder in
      if answer == .notFound {
        responder.fail(CallStatus(.notFound, "no such proposal is final here"))
      } else {
        responder.respond(outcome.encode())
      }
    }
    server.handle("/openexec.v1.Governance/Watch") { [self] _, responder in
      guard unknowing == 0 else {
        unknowing -= 1
        responder.fail(CallStatus(.notFound, "no such proposal is final here"))
        return
      }
      if answer == .pendingBehind {
        var before = outcome
        (before.status, before.finalSize) = ("withdrawn", outcome.finalSize - 1)
        responder.send(before.encode())
      }
      responder.send(outcome.encode())
      responder.finish()
    }
  }

  /// Takes a statement up as a cluster would, in a ledger of its own.
  private func submit(_ request: StatementRequest) throws -> Wire.Outcome {
    if answer == .refused { throw CallStatus(.permissionDenied, "this identity is not enrolled") }
    guard case .object(var object) = try JSON.parse(request.statement) else {
      throw CallStatus(.invalidArgument)
    }
    object["type"] = "proposal"
    object["at"] = .string(SampleLedger.at.text)
    let record = try Record(.object(object))
    let attachment = try Records.Attachment(parsing: request.attachment)
    try attachment.check(against: record.body)
    guard case .proposal(let signed) = record.body,
      !signed.verifiedSignatures(cluster: ledger.cluster).isEmpty
    else { throw CallStatus(.unauthenticated, "the signature does not verify") }
    let index = ledger.append(record.body, attachment)
    outcome = Wire.Outcome(status: status, proposal: index.value, traceID: signed.content.traceID)
    outcome.finalSize = 9
    var content = signed.content
    if answer == .anothersDecision { content.requestID = "another" }
    try decide(content, at: index)
    return outcome
  }

  private var status: String {
    switch answer {
    case .completed, .completedWithoutReceipt, .anothersDecision, .foreignKey, .otherResult: "completed"
    case .approvedWithoutToken: "approved"
    case .denied: "denied"
    case .pending, .pendingBehind: "pending"
    case .failed: "failed"
    case .refused, .notFound: ""
    }
  }

  private func decide(_ content: Proposal, at index: LeafIndex) throws {
    let type: DecisionType =
      switch answer {
      case .denied, .approvedWithoutToken: .deny
      case .pending, .pendingBehind: .requireMultiSig
      case .completed, .failed, .refused, .notFound, .completedWithoutReceipt, .anothersDecision, .foreignKey,
        .otherResult:
        .approve
      }
    let (leaf, decision) = try ledger.decide(type, content, at: index)
    let note = try ledger.sign(consent: ConsentLine(first: leaf, last: leaf))
    outcome.decisionProof = try ledger.proof(of: leaf).encoded
    guard type == .approve, answer != .completedWithoutReceipt else { return }
    let receipt = try ledger.report(
      decision, at: leaf, note: note, status: answer == .failed ? .failed : .succeeded)
    try ledger.sign()
    outcome.receiptProof = try ledger.proof(of: receipt).encoded
    outcome.result = ledger.leaves[Int(receipt.value)].attachment
    if answer == .otherResult {
      outcome.result = Records.Attachment("result", SampleLedger.salted(["sum": 43])).bytes
    }
    if answer == .foreignKey {
      outcome.receiptProof = try foreignProof(outcome.receiptProof)
    }
  }

  /// A proof whose note is signed by somebody else's key.
  private func foreignProof(_ text: String) throws -> String {
    let proof = try LedgerProof(parsing: text)
    let key = try SampleLedger.key(77)
    let verifier = CheckpointNote.verifier(cluster: ledger.cluster, groupKey: ledger.groupKey)
    let note = SignedNote(
      text: proof.note.text, verifier: verifier, signature: key.sign(Array(proof.note.text.utf8)))
    return LedgerProof(leaf: proof.leaf, index: proof.index, path: proof.path, note: note).encoded
  }
}
