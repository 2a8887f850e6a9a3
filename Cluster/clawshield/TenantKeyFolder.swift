import ClawLedger
import Host

/// The files of this node's keys of tenants, each sealed under the storage key. They are kept beside the store and not in
/// it: what RocksDB deletes lives on in its log and its tables until they are merged, and a key must end when it is
/// destroyed.
struct TenantKeyFolder {
  let path: String

  /// Every key, by its file's name. What a crash left half written was never used, and goes.
  func read() throws -> [(name: String, bytes: [UInt8])] {
    if !Files.exists(path) { try Files.createFolder(path, mode: 0o700) }
    var keys: [(name: String, bytes: [UInt8])] = []
    for name in try Files.list(path) {
      guard !name.hasSuffix(".new") else {
        try Files.destroy("\(path)/\(name)")
        continue
      }
      keys.append((name, try Files.readSecret("\(path)/\(name)", limit: 4096)))
    }
    return keys
  }

  func carryOut(_ change: TenantKeyChange) throws {
    switch change {
    case .keep(let name, let bytes): try Files.write(bytes, to: "\(path)/\(name)", mode: 0o600)
    case .destroy(let name): try Files.destroy("\(path)/\(name)")
    }
  }
}
