import Crypto
import GovernanceNode
import Records
import Testing

struct SigningLockTests {
  private let lock = SigningLock(
    size: 7, root: SHA256.hash("root"), stateRoot: SHA256.hash("state"),
    time: Timestamp(text: "2026-01-01T00:00:00Z") ?? .epoch)

  @Test("a lock comes back from its bytes, and from no others: no bit may differ")
  func roundTrip() {
    #expect(SigningLock(parsing: lock.bytes) == lock)
    for position in lock.bytes.indices {
      var bytes = lock.bytes
      bytes[position] ^= 1
      #expect(SigningLock(parsing: bytes) == nil)
    }
    #expect(SigningLock(parsing: Array(lock.bytes.dropLast())) == nil)
    #expect(SigningLock(parsing: [UInt8](repeating: 0, count: 104)) == nil)
  }
}
