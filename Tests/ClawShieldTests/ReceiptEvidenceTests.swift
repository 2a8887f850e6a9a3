import Canonical
import Crypto
import Records
import Testing

@testable import ClawShield

/// A receipt's evidence is held against what was approved to run.
@Suite("Receipt evidence")
struct ReceiptEvidenceTests {
  @Test("what the registry contradicts is refused; what it says is taken")
  func contradictions() throws {
    var governed = try Governed()
    let approval = try governed.approved()
    func admits(_ change: (inout RunEvidence, inout Receipt) -> Void) throws -> Admittance {
      let submission = try governed.receipt(for: approval) { receipt in
        guard var evidence = receipt.evidence else { return }
        change(&evidence, &receipt)
        receipt.evidence = evidence
        receipt.egressHash = evidence.egress == nil ? nil : SHA256.hash("list")
      }
      return governed.admits(submission)
    }
    let cases: [(String, (inout RunEvidence, inout Receipt) -> Void)] = [
      ("manifest_digest", { evidence, _ in evidence.manifestDigest = SHA256.hash("other") }),
      ("limits", { evidence, _ in evidence.limits.wallSeconds += 1 }),
      ("secrets", { evidence, _ in evidence.secrets = ["token"] }),
      ("exit_status", { evidence, _ in evidence.exitStatus = 1 }),
      ("exit_status", { evidence, _ in evidence.exitStatus = nil }),
      ("labels", { evidence, _ in evidence.labels = ["tenant/globex/agent/other"] }),
      ("labels", { evidence, _ in evidence.labels = [] }),
      ("image_digest", { _, receipt in receipt.imageDigest = "sha256:00" }),
      (
        "egress",
        { evidence, _ in
          evidence.egress = EgressSummary(
            connections: 0, refused: 0, sentBytes: 0, receivedBytes: 0, tokens: 0, opaqueBytes: 0)
        }
      ),
    ]
    for (field, change) in cases {
      let found = try admits(change)
      guard case .refuse(let refusal) = found else {
        Issue.record("\(field): \(found)")
        continue
      }
      #expect(
        refusal.code == .invalidArgument && refusal.message.contains(field), "\(field): \(refusal.message)")
    }
    let honest = try admits { _, _ in }
    #expect(honest == .accept)
  }
}
