import ClawLedger
import Crypto
import GovernanceNode
import Host
import Merkle
import Records
import Wire

/// The shell of a party whose ledger comes back from a backup (`claw restore`), beside what it hears from others. It
/// goes on after a restart; when all is in, the backup's copy is removed.
final class RestoreDesk {
  private unowned let station: Station
  private let folder: String
  private let plan: RestorePlan
  private var contents: [(tenant: String, digest: Digest)]
  /// Contents that were taken in and are not on the disk yet.
  private var unwritten = 0
  /// The size at the last look, and since when it is the same.
  private var stalled: (size: UInt64, since: UInt64)

  static func folder(of data: String) -> String { data + "/restore" }

  /// How long nothing may be taken in.
  private static var patience: UInt64 { 60_000_000_000 }
  /// Contents that are taken in at a time.
  private static var contentsAtOnce: Int { 8 }

  /// Verifies the backup from the cluster's id alone, and begins.
  init(station: Station, cluster: Digest) throws {
    self.station = station
    folder = Self.folder(of: station.configuration.data)
    let file = folder + "/" + BackupLayout.ledger
    var verifier = ExportVerifier()
    do {
      plan = RestorePlan(
        try verifier.verify(try Files.read(file, limit: BackupLayout.maximumLedgerBytes), cluster: cluster))
    } catch let fault as ExportFault {
      throw FileError(path: file, reason: "\(fault)")
    }
    contents = plan.contents
    stalled = (0, station.loop.now.nanoseconds)
  }

  /// The genesis, for a store that has none.
  func begin() throws {
    let genesis = plan.genesis
    try station.store.write([
      try GenesisShown(leaf: genesis.record, attachment: genesis.attachment).batch()
    ])
  }

  func tick() {
    guard let size = station.finalSize else { return }
    do {
      if let run = plan.run(after: size), size < plan.size {
        guard try mayGoOn(size) else { return }
        station.restore(
          HistoryShown(first: run.first, payloads: run.payloads, note: run.note.encoded))
      } else if contents.isEmpty {
        try Files.removeFolder(folder)
        station.note(.info, "restored", [("size", .string(String(plan.size)))])
        station.restoreEnded()
        return
      } else {
        try takeContents()
      }
      _ = try station.loop.schedule(after: .milliseconds(2)) { [weak self] in self?.tick() }
    } catch {
      station.fail("restore: \(error)")
    }
  }

  /// Storage takes its time; a backup that is not taken in for long does not fit this node.
  private func mayGoOn(_ size: UInt64) throws -> Bool {
    let now = station.loop.now.nanoseconds
    if size != stalled.size || stalled.since == 0 { stalled = (size, now) }
    guard now - stalled.since < Self.patience else {
      station.fail("restore: nothing after leaf \(size) of \(folder) was taken in for a minute")
      return false
    }
    return true
  }

  /// So many contents have reached the disk.
  func written(_ count: Int) { unwritten = max(0, unwritten - count) }

  /// A few contents, where the disk keeps up.
  private func takeContents() throws {
    guard unwritten < Self.contentsAtOnce else { return }
    for content in contents.prefix(Self.contentsAtOnce) {
      let path = folder + "/" + BackupLayout.content(content.tenant, content.digest)
      // What the backup lacks the peers may have.
      guard Files.exists(path) else { continue }
      let bytes = try Files.read(path, limit: BackupLayout.maximumContentBytes)
      guard SHA256.hash(bytes) == content.digest else {
        station.note(
          .warning, "restore", [("file", .string(path)), ("reason", "not the content of its name")])
        continue
      }
      if station.restore(content: bytes, of: content.tenant) { unwritten += 1 }
    }
    contents.removeFirst(min(Self.contentsAtOnce, contents.count))
  }
}
