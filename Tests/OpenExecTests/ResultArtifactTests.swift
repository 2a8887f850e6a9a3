import Canonical
import Crypto
import Records
import Testing

@testable import OpenExec

/// What an action wrote beyond the threshold is a file of its own, put before the receipt that names it.
struct ResultArtifactTests {
  let world: World

  init() throws { world = try World() }

  /// A run over one labelled input that wrote this much.
  private func finished(_ count: Int, refusals: Int = 1) throws -> Shell {
    var settings = ExecutorSettings()
    settings.believedRefusals = refusals
    var shell = try Shell(world, settings: settings)
    try shell.renew()
    shell.step(.jobOffered(world.job(reading: [SHA256.hash("one")])))
    let fetch = try #require(shell.fetches.last)
    shell.step(.inputAnswered(fetch, world.file("one", labels: ["untrusted"]), node: "node-1"))
    shell.flush()
    let order = try #require(shell.starts.last)
    let output = String(repeating: "x", count: count)
    shell.step(.sandboxFinished(order.id, shell.success(order, output: output)))
    shell.flush()
    return shell
  }

  @Test("what is signed for a result is dated by the cluster's clock, whatever the host's says")
  func clusterTime() throws {
    var shell = try Shell(world)
    shell.step(.tick)
    #expect(shell.instance.clusterTime(at: shell.now) == nil)
    try shell.renew()
    let first = try #require(shell.instance.clusterTime(at: shell.now))
    #expect(first == World.start.advanced(by: .seconds(1)))
    // It goes on while the lease does not.
    shell.pass(300)
    #expect(shell.instance.clusterTime(at: shell.now) == first.advanced(by: .seconds(300)))
    try shell.crash()
    #expect(shell.instance.clusterTime(at: shell.now) == nil)
  }

  @Test("up to the threshold it is in the result; beyond, in an artifact with the labels of all inputs")
  func threshold() throws {
    let short = try #require(try finished(ResultArtifact.threshold).reports.last)
    #expect(short.artifact == nil && short.receipt.resultArtifact == nil)
    let long = try #require(try finished(ResultArtifact.threshold + 1).reports.last)
    let artifact = try #require(long.artifact)
    #expect(long.receipt.resultArtifact == artifact.digest && artifact.content.count == 32_769)
    #expect(long.receipt.status == .succeeded && !long.receipt.truncated)
    let result = try #require(long.attachment["result"]?.value)
    #expect(result["output_artifact"]?["digest"]?.string == artifact.digest.hex)
    let note = artifact.note(by: world.executor, validUntil: World.start)
    #expect(note.labels == ["acme", "executor/e1", "tenant/acme/agent/bot", "untrusted"])
    #expect(note.workspaceID == "w" && note.decision == long.receipt.decision)
    #expect(ArtifactNote.isName(note.name) && note.mediaType == "text/plain")
  }

  @Test("a crash loses no result: the same artifact and receipt are reported again")
  func crash() throws {
    var shell = try finished(100_000)
    let before = try #require(shell.reports.last)
    shell.reports = []
    try shell.crash()
    #expect(shell.reports.last == before && before.artifact?.content.count == 100_000)
  }

  @Test("what governance never takes is given up, and the receipt says that the output was not kept")
  func refused() throws {
    var shell = try finished(100_000)
    // Not for good: only after a while.
    shell.step(.resultRefused(token: "t1", node: "n1", "its share is used up", isFinal: false))
    shell.flush()
    #expect(shell.reports.last?.artifact != nil)
    shell.step(.resultRefused(token: "t1", node: "n1", "its share is used up", isFinal: true))
    shell.flush()
    let last = try #require(shell.reports.last)
    #expect(last.artifact == nil && last.receipt.resultArtifact == nil && last.receipt.truncated)
    #expect(last.receipt.status == .succeeded && last.receipt.inputs == [SHA256.hash("one")])
    let result = try #require(last.attachment["result"])
    #expect(result.hash == last.receipt.resultHash)
    #expect(result.value["explanation"]?.string?.contains("its share is used up") == true)
  }

  @Test("a lying node alone loses no result: as many must refuse as it takes to sign")
  func lyingNode() throws {
    var shell = try finished(100_000, refusals: 3)
    let whole = try #require(shell.reports.last)
    func refuse(_ node: String, isFinal: Bool) {
      shell.step(.resultRefused(token: "t1", node: node, "no", isFinal: isFinal))
      shell.flush()
    }
    for _ in 0..<10 { refuse("liar", isFinal: true) }
    refuse("full", isFinal: false)
    refuse("other", isFinal: true)
    #expect(shell.reports.last == whole, "one of the three may be lying, and one may take it later")
    shell.pass(10)
    refuse("full", isFinal: true)
    #expect(shell.reports.last?.artifact == nil && shell.reports.last?.receipt.truncated == true)
  }

  @Test("longer than an artifact may be is a failure that says so")
  func tooLong() throws {
    let draft = try #require(try finished(ResultArtifact.maximumBytes + 1).reports.last)
    #expect(draft.receipt.errorCode == "RESULT_TOO_LARGE" && draft.artifact == nil)
  }

  @Test("each try of a receipt goes to another node, whatever number of nodes there is")
  func everyNode() throws {
    for count in 1...7 {
      var shell = try finished(100_000, refusals: 3)
      shell.sent = []
      for _ in 0..<count { shell.pass(5) }
      #expect(Set(shell.sent.map { $0.node(of: count) }) == Set(0..<count))
    }
  }
}
