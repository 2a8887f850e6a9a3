import ClawLedger
import Crypto
import Records
import Testing

@testable import GovernanceNode

/// What a party must not forget over a restart: a store that gives it back as something else starts no party.
struct StoredRowTests {
  @Test(
    "a veto, a ruling or a conflict that is not what was written starts no party, and it is said what to do",
    arguments: ["veto/00000000000000000003", "ruling/r", "conflict", "conflict2"])
  func damaged(_ key: String) throws {
    let rig = try Rig()
    try rig.restart()
    rig.spoil(.meta, Array(key.utf8), [0xFF])
    #expect {
      try rig.restart()
    } throws: { error in
      "\(error)".contains("a row of key \(Hex.encode(Array(key.utf8)))")
        && "\(error)".contains("must be replaced (claw members replace)")
    }
  }

  @Test("a conflict that is as it was written halts the party that starts: the control")
  func conflict() throws {
    let rig = try Rig()
    let conflict = Conflict(size: 3, reason: "two notes", first: "a", second: "b")
    rig.spoil(.meta, Conflict.key, conflict.bytes)
    try rig.restart()
    #expect(rig.node.conflict == conflict)
  }
}
