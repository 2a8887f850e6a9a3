import ClawLedger
import Crypto
import Testing

/// A backup as a folder.
struct BackupLayoutTests {
  @Test(
    "a shorter ledger never takes a longer one's place; an equal or longer one does, and any where none can be read"
  )
  func replacing() {
    #expect(BackupLayout.objection(replacing: 40, by: 39)?.contains("40 records") == true)
    #expect(BackupLayout.objection(replacing: 40, by: 40) == nil)
    #expect(BackupLayout.objection(replacing: 40, by: 41) == nil)
    #expect(BackupLayout.objection(replacing: nil, by: 1) == nil)
  }
}
