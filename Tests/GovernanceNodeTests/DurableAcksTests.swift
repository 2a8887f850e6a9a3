import ClawLedger
import Crypto
import Raft
import Testing

@testable import GovernanceNode

struct DurableAcksTests {
  @Test("what a party says falsely of later terms or longer logs does not hide what it says truly")
  func liesPass() throws {
    let ledger = try Ledger.open(MemoryStore(), keys: .unsealed).ledger
    let parties = try [UInt64(1), 2].map { try #require(NodeID(rawValue: $0)) }
    let root = try #require(ledger.rootHash(ofSize: 0))
    let stranger = SHA256.hash("no log has this root")
    var acks = DurableAcks(parties: parties)
    let current = Term(rawValue: 3)
    acks.record(parties[1], term: Term(rawValue: 1 << 40), size: 9, root: stranger, current: current)
    acks.record(parties[1], term: current, size: 9, root: stranger, current: current)
    acks.record(parties[1], term: current, size: 0, root: root, current: current)
    #expect(acks.own(parties[1])?.term == current)
    #expect(acks.own(parties[1])?.size == 0)
  }
}
