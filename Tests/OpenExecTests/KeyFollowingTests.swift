import Canonical
import Crypto
import Merkle
import Records
import Testing

@testable import OpenExec

/// An executor follows the cluster's keys by itself, offline: each is certified by the one before. The key that comes
/// second here is the one that the other tests call a stranger's.
@Suite("Executor keys")
struct KeyFollowingTests {
  let world: World
  init() throws { world = try World() }

  /// The record of the second key at leaf 10, under a note of `size` by the first key, or by the second itself. As many parties
  /// have it as sign with it.
  func link(size: Int = 11, bySecond: Bool = false, threshold: Int = 1) -> LedgerProof {
    let parties = (1...threshold).map {
      Party(id: $0, name: "p\($0)", key: world.executorKey.publicKey, verifyingShare: "aa")
    }
    let content = KeyContent(
      cause: LeafIndex(3), origin: .generation, groupKey: world.stranger.publicKey, parties: parties,
      threshold: threshold, transcriptHash: world.cluster)
    let signature = world.executorKey.sign(content.signedBytes(cluster: world.cluster))
    let approvals = parties.map { KeyApproval(party: $0.id, signature: signature, shareProof: "01") }
    let record = Record(
      at: World.start, body: .key(KeyRecord(content: content, approvals: approvals))
    ).bytes
    var leaves = (0..<size).map { TreeHash.leaf(Array("leaf \($0)".utf8)) }
    leaves[10] = TreeHash.leaf(record)
    let tree = world.tree(leaves)
    let checkpoint = CheckpointNote(
      cluster: world.cluster, size: UInt64(size), root: tree.root, stateRoot: tree.root, time: World.start)
    return LedgerProof(
      leaf: record, index: LeafIndex(10), path: tree.path(10),
      note: bySecond ? world.note(checkpoint, by: world.stranger) : world.note(checkpoint))
  }

  private func lease(_ shell: inout Shell, bySecond: Bool, size: UInt64 = 100) throws {
    var plan = World.LeasePlan()
    plan.byStranger = bySecond
    plan.size = size
    try shell.renew(plan)
  }

  private func offer(_ name: String, bySecond: Bool, size: Int = 60) -> ExecutorEvent {
    var plan = world.plan(name)
    plan.byStranger = bySecond
    plan.size = size
    return .jobOffered(world.job(plan))
  }

  @Test("a key that the one before certifies signs from there on, and that one no more; a restart knows it")
  func follows() throws {
    var shell = try Shell(world)
    shell.step(.tick)
    shell.step(offer("early", bySecond: true))
    #expect(shell.notices.contains(.offerRefused(.unknownKey)))
    try lease(&shell, bySecond: true)
    #expect(shell.notices.contains(.leaseRefused(.unknownKey)))
    #expect(shell.instance.leases.current == nil)

    shell.step(.keysOffered([link()]))
    #expect(shell.notices.contains(.keyTaken(firstSize: 12)))
    #expect(shell.instance.identity.keys.links == 1)
    shell.step(.keysOffered([link()]))
    #expect(shell.instance.identity.keys.links == 1, "again it says nothing new")
    shell.notices = []
    try lease(&shell, bySecond: false)
    #expect(shell.notices.contains(.leaseRefused(.unknownKey)), "what was replaced leases nothing any more")
    try lease(&shell, bySecond: true)
    #expect(shell.instance.leases.current != nil)
    shell.step(offer("old", bySecond: false))
    #expect(shell.notices.contains(.offerRefused(.unknownKey)))
    #expect(shell.starts.isEmpty)
    shell.step(offer("new", bySecond: true))
    shell.flush()
    #expect(shell.starts.map(\.id.token) == ["new"])

    try shell.crash()
    #expect(shell.instance.identity.keys.links == 1)
    #expect(
      shell.instance.identity.keys.keys.map(\.key) == [world.group.publicKey, world.stranger.publicKey])
    shell.flush()
    #expect(shell.reports.last?.receipt.status == .unknown, "the burned token is still proven")
  }

  @Test("the key is on disk before anything that rests on it starts")
  func order() throws {
    var shell = try Shell(world)
    shell.step(.tick)
    shell.step(.keysOffered([link()]))
    #expect(shell.unwritten.map(\.key) == ["key/00000000000000000010"])
    let challenge = try #require(shell.challenges.last)
    var plan = World.LeasePlan()
    plan.byStranger = true
    shell.step(.leaseOffered(world.lease(plan, answering: challenge)))
    shell.step(offer("new", bySecond: true))
    #expect(shell.starts.isEmpty)
    let keys = shell.unwritten.map(\.key)
    #expect(keys.first == "key/00000000000000000010" && keys.last == "token/new")
    // Dead before any of it was written: nothing is known of the key, and nothing ran.
    try shell.crash()
    #expect(shell.instance.identity.keys.links == 0 && shell.starts.isEmpty)
  }

  @Test(
    "a link by the new key itself, or under a note of another size, is refused; a damaged row is a damaged journal"
  )
  func refused() throws {
    var shell = try Shell(world)
    shell.step(.tick)
    for wrong in [link(bySecond: true), link(size: 13)] {
      shell.notices = []
      shell.step(.keysOffered([wrong]))
      #expect(shell.notices.contains { if case .keyRefused = $0 { true } else { false } })
      #expect(shell.instance.identity.keys.links == 0)
    }
    shell.step(.keysOffered([link()]))
    shell.flush()
    let row = try #require(shell.journal["key/00000000000000000010"])
    for position in stride(from: 0, to: row.count, by: 61) {
      var damaged = shell.journal
      damaged["key/00000000000000000010"]?[position] ^= 1
      #expect(throws: JournalError.self) {
        try RestoredJournal(damaged.map { ($0.key, $0.value) }, identity: world.identity)
      }
    }
  }

  @Test(
    "how many nodes are believed is what the newest link says, also after a restart, and before it the file")
  func threshold() throws {
    for isRestarted in [false, true] {
      var settings = ExecutorSettings()
      settings.believedRefusals = 1
      var shell = try Shell(world, settings: settings)
      #expect(shell.instance.identity.keys.threshold == nil)
      shell.step(.tick)
      shell.step(.keysOffered([link(threshold: 3)]))
      shell.flush()
      if isRestarted { try shell.crash() }
      #expect(shell.instance.identity.keys.threshold == 3)
      try lease(&shell, bySecond: true)
      shell.step(offer("new", bySecond: true))
      shell.flush()
      let order = try #require(shell.starts.last)
      shell.step(.sandboxFinished(order.id, shell.success(order)))
      shell.flush()
      for node in ["one", "two"] { shell.step(.receiptRefused(token: "new", node: node)) }
      #expect(shell.instance.state(of: "new") == .pending, "the file's one does not count any more")
      shell.step(.receiptRefused(token: "new", node: "three"))
      #expect(shell.instance.counts == (0, 0, 0))
    }
  }
}
