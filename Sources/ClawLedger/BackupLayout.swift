import Crypto

/// A backup as a folder: the ledger as an export that anybody can verify, and beside it the contents of artifacts.
/// None of it is secret key material; all of it is as confidential as what agents and executors said.
///
/// ```
/// backup.json                      what it is of, and what could not be had
/// ledger.export                    ``ExportFormat``
/// artifacts/<tenant>/<digest>      a content, as its owner put it
/// ```
public enum BackupLayout {
  public static let summary = "backup.json"
  public static let ledger = "ledger.export"
  public static let artifacts = "artifacts"
  /// Longest ledger that is read back, in bytes.
  public static let maximumLedgerBytes = 1 << 32
  /// Longest content, in bytes.
  public static let maximumContentBytes = 4 << 20

  /// Why a ledger of `size` records may not take the place of one of `earlier`, nil where that is none; a node that
  /// lags, or hides what is newest, takes nothing away.
  public static func objection(replacing earlier: UInt64?, by size: UInt64) -> String? {
    guard let earlier, size < earlier else { return nil }
    return "has \(earlier) records, and is not replaced by \(size)"
  }

  /// Where a content stands below the folder. A tenant's id has no slash, and is neither `.` nor `..`.
  public static func content(_ tenant: String, _ digest: Digest) -> String {
    "\(artifacts)/\(tenant)/\(digest.hex)"
  }
}
