import Canonical
import Foundation
import Network
import Records
import Testing
import Wire

/// Nobody's long proposals keep people from seeing, and deciding, what waits for them.
@Suite(.serialized, .cluster { try LoopbackCluster(nodes: 3, threshold: 2, executors: 1, port: 24_100) })
struct AnswerLimitTests {
  let cluster: LoopbackCluster
  let proposals: Proposals
  let client: BlockingClient
  let approver: Caller

  init() throws {
    cluster = try LiveCluster.current
    let agent = try Caller(founded: "agents/agent-1", of: cluster)
    client = try agent.connect(to: cluster.clients(1))
    proposals = try Proposals(agent, client)
    approver = try Caller(founded: "approvers/approver-1", of: cluster)
  }

  /// A proposal of about a mebibyte, which two people must approve; all of one trace.
  private func propose(_ id: String) throws -> Wire.Outcome {
    let text = String(repeating: "word ", count: 50_000)
    let files = (1...4).map { JSON.object([("path", .string("\($0).txt")), ("content", .string(text))]) }
    let request = try proposals.request("report", .object([("files", .array(files))]), id: id) {
      $0.traceID = "flood"
    }
    return try client.call("Governance/Submit", request, of: Wire.Outcome.self)
  }

  @Test("five proposals of a mebibyte are listed, one shown in full, approved and rejected; a trace is read")
  func flood() throws {
    let leaves = try (1...5).map { number in
      let outcome = try propose("flood-\(number)")
      #expect(outcome.status == "pending")
      return outcome.proposal
    }
    let listed = try approver.connect(to: cluster.clients(1)).call(
      "Approval/ListPending", ListPendingRequest(), of: ListPendingResponse.self)
    #expect(listed.items.map(\.proposal) == leaves && !listed.more)
    #expect(listed.items.allSatisfy { $0.attachment.isEmpty && $0.attachmentLeftOut > 900_000 })

    let text = try cluster.claw(["pending"], as: "approvers/approver-1")
    #expect(text.code == 0 && text.output.utf8.count < 10_000, "\(text.output.prefix(300))")
    for leaf in leaves { #expect(text.output.contains("claw pending --leaf \(leaf)")) }
    let shown = try cluster.claw(["pending", "--leaf", "\(leaves[4])"], as: "approvers/approver-1")
    #expect(shown.code == 0 && shown.output.utf8.count > 900_000)
    let other = try cluster.claw(["pending", "--leaf", "1"], as: "approvers/approver-1")
    #expect(other.code == 5, "\(other.output)")

    let approved = try cluster.claw(["approve", "\(leaves[0])"], as: "approvers/approver-1")
    #expect(approved.code == 4, "\(approved.output)")
    let rejected = try cluster.claw(["reject", "\(leaves[1])"], as: "approvers/approver-2")
    #expect(rejected.code == 0, "\(rejected.output)")
    let trace = try cluster.claw(["ledger", "trace", "flood"], as: "auditors/auditor-1")
    for leaf in leaves { #expect(trace.output.contains("\(leaf)  "), "\(trace.output.prefix(300))") }
  }

  @Test("many proposals come in pages: none is left out, none comes twice")
  func pages() throws {
    // Each below what is left out of a list, together more than a page; with those above, no more than the
    // thirty a minute that policy allows.
    let text = String(repeating: "w", count: 15_000)
    var leaves: [UInt64] = []
    for number in 0..<24 {
      let request = try proposals.request(
        "report", ["files": [["path": "a.txt", "content": .string(text)]]], id: "page-\(number)")
      leaves.append(try client.call("Governance/Submit", request, of: Wire.Outcome.self).proposal)
    }
    let reader = try approver.connect(to: cluster.clients(1))
    var request = ListPendingRequest()
    var seen: [UInt64] = []
    var pages = 0
    while true {
      let page = try reader.call("Approval/ListPending", request, of: ListPendingResponse.self)
      #expect(page.encode().count < 3 << 17)
      seen += page.items.map(\.proposal)
      pages += 1
      guard page.more, pages < 50 else { break }
      request.after = try #require(page.items.last).proposal
    }
    #expect(pages > 1)
    #expect(seen.filter(leaves.contains) == leaves)
    #expect(Set(seen).count == seen.count)
  }
}
