import Records
import Testing

@testable import OpenExec

/// An executor that was away until nobody took its receipts any more takes new jobs all the same
/// (Docs/Decisions/029-late-receipts.md).
struct LateReceiptTests {
  let world: World

  init() throws { world = try World() }

  private func pending(refusals: Int) throws -> Shell {
    var settings = ExecutorSettings()
    settings.believedRefusals = refusals
    var shell = try Shell(world, settings: settings)
    try shell.renew()
    shell.step(.jobOffered(world.job(world.plan())))
    shell.flush()
    let order = try #require(shell.starts.last)
    shell.step(.sandboxFinished(order.id, shell.success(order)))
    shell.flush()
    #expect(shell.instance.state(of: "t1") == .pending)
    return shell
  }

  @Test("a receipt is let go of once as many nodes take it no more as it takes to sign")
  func refused() throws {
    var shell = try pending(refusals: 3)
    for _ in 0..<10 { shell.step(.receiptRefused(token: "t1", node: "liar")) }
    shell.step(.receiptRefused(token: "t1", node: "other"))
    #expect(shell.instance.state(of: "t1") == .pending, "one of the two may be lying")
    shell.step(.receiptRefused(token: "t2", node: "third"))
    #expect(shell.instance.state(of: "t1") == .pending, "of another token")
    shell.step(.receiptRefused(token: "t1", node: "third"))
    shell.flush()
    #expect(shell.instance.counts == (0, 0, 0))
    #expect(shell.instance.nonces.isUsed("nonce-t1"), "its nonce stays used")
    try shell.crash()
    #expect(shell.instance.counts == (0, 0, 0), "and it does not come back")
  }

  @Test("what is still being run is not let go of, whoever says so")
  func running() throws {
    var shell = try Shell(world)
    try shell.renew()
    shell.step(.jobOffered(world.job(world.plan())))
    shell.flush()
    let order = try #require(shell.starts.last)
    shell.step(.receiptRefused(token: "t1", node: "n1"))
    #expect(shell.instance.state(of: "t1") == .starting)
    shell.step(.sandboxFinished(order.id, shell.success(order)))
    shell.flush()
    #expect(shell.instance.state(of: "t1") == .pending)
  }
}
