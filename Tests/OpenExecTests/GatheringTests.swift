import Canonical
import Crypto
import Records
import Testing

@testable import OpenExec

/// Inputs come before the burn: what cannot be had burns no token, and what a node says is held against the
/// digest that was approved and the ledger.
struct GatheringTests {
  let world: World
  let one = SHA256.hash("one")
  let two = SHA256.hash("two")

  init() throws { world = try World() }

  private func shell() throws -> Shell {
    var shell = try Shell(world)
    try shell.renew()
    return shell
  }

  private func answer(_ shell: inout Shell, _ answer: InputAnswer) throws {
    let fetch = try #require(shell.fetches.last)
    shell.fetches.removeLast()
    shell.step(.inputAnswered(fetch, answer, node: "node-1"))
  }

  private func isBurned(_ shell: Shell, _ token: String = "t1") -> Bool {
    shell.journal[TokenRecord.key(token)] != nil
      || shell.unwritten.contains { $0.key == TokenRecord.key(token) }
  }

  @Test("one input after the other is fetched, then the nonce is burned, then it runs with them")
  func whole() throws {
    var shell = try shell()
    shell.step(.jobOffered(world.job(reading: [one, two])))
    #expect(shell.instance.state(of: "t1") == .gathering && !isBurned(shell))
    let first = try #require(shell.fetches.first)
    #expect(first.digest == one && first.attempt == 0 && first.tenantID == "acme" && shell.fetches.count == 1)
    #expect(first.decision == LeafIndex(8))
    try answer(&shell, world.file("one", labels: ["untrusted"]))
    #expect(shell.fetches.map(\.digest) == [two] && !isBurned(shell))
    try answer(&shell, world.file("two"))
    #expect(shell.instance.state(of: "t1") == .burning && shell.starts.isEmpty)
    shell.flush()
    let order = try #require(shell.starts.first)
    #expect(order.inputs.map(\.content) == [Array("one".utf8), Array("two".utf8)])
    let document = try JSON.parse(order.parameters)
    #expect(document.canonicalBytes() == order.parameters)
    #expect(document["parameters"] == ["a": 1, "b": 2])
    let told = try #require(document["inputs"]?.array)
    #expect(told.map { $0["name"]?.string } == ["files/one", "files/two"])
    #expect(told[0]["path"]?.string == "/inputs/1-\(one.hex)")
    #expect(told[0]["labels"] == ["acme", "tenant/acme/agent/bot", "untrusted"])
    shell.step(.sandboxFinished(order.id, shell.success(order)))
    shell.flush()
    #expect(shell.reports.last?.receipt.inputs == [one, two])
    #expect(shell.reports.last?.receipt.status == .succeeded)
  }

  @Test("a node that has it not is not the end; another is asked, and no node twice in a row")
  func others() throws {
    var shell = try shell()
    shell.step(.jobOffered(world.job(reading: [one])))
    for attempt in 0..<3 {
      #expect(shell.fetches.last?.attempt == attempt)
      try answer(&shell, .missed("this node does not hold the content"))
      #expect(shell.fetches.isEmpty)
      shell.pass(0.25)
    }
    try answer(&shell, world.file("one"))
    shell.flush()
    #expect(shell.starts.count == 1)
  }

  @Test("what a lying node sends is a miss: another content, another record, a stranger's signature")
  func lies() throws {
    let lies: [InputAnswer] = [
      world.file("two"), .content(Array("one".utf8), proof: "nothing"), world.file("one", tenant: "rival"),
      world.file("one", workspace: "side"), world.file("one", byStranger: true),
      world.file("one") { $0.digest = SHA256.hash("two") }, world.file("one") { $0.size = 4 },
    ]
    var shell = try shell()
    shell.step(.jobOffered(world.job(reading: [one])))
    for (position, lie) in lies.enumerated() {
      try answer(&shell, lie)
      // The log names who it was.
      let missed = shell.notices.compactMap { notice -> String? in
        if case .inputMissed(_, let node, _) = notice { node } else { nil }
      }
      #expect(missed == [String](repeating: "node-1", count: position + 1))
      #expect(shell.instance.state(of: "t1") == .gathering && !isBurned(shell))
      shell.pass(0.25)
    }
    try answer(&shell, world.file("one"))
    shell.flush()
    #expect(shell.starts.count == 1)
  }

  @Test("none has it: refused with a receipt that says so, and nothing ran")
  func nobody() throws {
    var shell = try shell()
    shell.step(.jobOffered(world.job(reading: [one])))
    for round in 1...100 where shell.reports.isEmpty {
      if !shell.fetches.isEmpty { try answer(&shell, .missed("this node does not hold the content")) }
      shell.pass(0.25)
      if !shell.challenges.isEmpty {
        let time = World.start.advanced(by: .milliseconds(1_000 + 250 * Int64(round)))
        try shell.renew(World.LeasePlan(size: 100 + UInt64(round), time: time))
      }
      shell.flush()
    }
    let receipt = try #require(shell.reports.first?.receipt)
    #expect(receipt.status == .refused && receipt.errorCode == "INPUT_MISSING" && receipt.inputs.isEmpty)
    let explanation = shell.reports.first?.attachment["result"]?.value["explanation"]?.string ?? ""
    #expect(explanation.contains(one.hex) && explanation.contains("does not hold"), "\(explanation)")
    #expect(shell.starts.isEmpty && receipt.executedAt == receipt.finishedAt)
  }

  @Test("a crash while inputs are fetched burns nothing; offered again, it runs once")
  func crash() throws {
    var shell = try shell()
    let job = world.job(reading: [one])
    shell.step(.jobOffered(job))
    #expect(shell.fetches.count == 1)
    try shell.crash()
    #expect(shell.reports.isEmpty && shell.instance.state(of: "t1") == nil)
    let late = try #require(shell.fetches.first)
    shell.fetches = []
    shell.step(.inputAnswered(late, world.file("one"), node: "node-1"))
    shell.flush()
    #expect(shell.starts.isEmpty)
    try shell.renew(World.LeasePlan(size: 101, time: World.start.advanced(by: .seconds(2))))
    shell.step(.jobOffered(job))
    try answer(&shell, world.file("one"))
    shell.flush()
    #expect(shell.starts.count == 1)
  }

  @Test("a job that waits for its inputs lets another pass; a node that is silent is given up")
  func passing() throws {
    var shell = try shell()
    shell.step(.jobOffered(world.job(reading: [one])))
    shell.step(.jobOffered(world.job(world.plan("t2"))))
    shell.flush()
    #expect(shell.starts.map(\.id.token) == ["t2"])
    let order = try #require(shell.starts.first)
    shell.step(.sandboxFinished(order.id, shell.success(order)))
    shell.flush()
    shell.step(.receiptProven(world.proof(of: try #require(shell.reports.last))))
    #expect(shell.fetches.count == 1)
    for _ in 0..<28 { shell.pass(0.25) }
    #expect(shell.fetches.map(\.attempt) == [0, 1])
    // The first node's answer comes after all.
    shell.step(.inputAnswered(shell.fetches[0], world.file("one"), node: "node-1"))
    shell.flush()
    #expect(shell.starts.map(\.id.token) == ["t2", "t1"])
  }

  @Test("more bytes than the action takes are refused, whatever governance has let through")
  func tooLarge() throws {
    let large = String(repeating: "x", count: 101)
    var shell = try shell()
    shell.step(.jobOffered(world.job(reading: [SHA256.hash(large)])))
    try answer(&shell, world.file(large))
    shell.flush()
    #expect(shell.reports.first?.receipt.errorCode == "INPUTS_MISMATCH" && shell.starts.isEmpty)
  }

  @Test("a halt while inputs are fetched refuses the job")
  func halted() throws {
    var shell = try shell()
    shell.step(.jobOffered(world.job(reading: [one])))
    shell.pass(4)
    try shell.renew(
      World.LeasePlan(size: 101, time: World.start.advanced(by: .seconds(5)), mode: .halted))
    shell.flush()
    #expect(shell.reports.first?.receipt.errorCode == "HALTED" && shell.starts.isEmpty)
  }
}
