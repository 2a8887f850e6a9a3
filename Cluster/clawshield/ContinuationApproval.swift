import Canonical
import Crypto
import FROST
import Host
import Records

/// This party's word that it holds a share of the key under which a ledger is to go on, where too few shares of the one
/// before are left (Docs/Operations.md). The share was made in the ceremony of a cluster of the new parties.
enum ContinuationApproval {
  /// Checks the share against the key of the file `keyPath`, keeps it for the node, and returns the approval: a line of
  /// canonical JSON.
  static func make(configuration path: String, share sharePath: String, key keyPath: String) throws -> String
  {
    let configuration = try NodeConfiguration(file: path)
    var file = try ConfigurationSection(file: keyPath)
    let cluster = try file.value("cluster", "a cluster's id") { $0.string.flatMap(Digest.init(hex:)) }
    let value = try file.value("key", "a key's content") { $0 }
    try file.finish()
    let content: KeyContent
    do {
      content = try KeyContent(value)
    } catch {
      throw FileError(path: keyPath, reason: "\(error)")
    }
    let storageKey = try KeyFile.readSymmetricKey(configuration.storageKey)
    let share = try KeptFile(sharePath).share(storageKey, in: configuration.storageKey)
    let partyKey = try KeyFile.readSigningKey(configuration.partyKey)
    let id = Int(configuration.id.rawValue)
    guard let party = content.parties.first(where: { $0.id == id }), party.key == partyKey.publicKey else {
      throw FileError(
        path: keyPath, reason: "party \(id) with the key of \(configuration.partyKey) has no part in it")
    }
    guard let groupKey = share.groupKey.encoding, groupKey == content.groupKey.bytes,
      Int(share.identifier.value) == id, share.threshold == content.threshold,
      share.verifyingShare.encoding.map(Hex.encode) == party.verifyingShare
    else { throw FileError(path: sharePath, reason: "it is no share of the key of \(keyPath)") }
    var random = SystemRandom()
    let bytes = content.signedBytes(cluster: cluster)
    let approval = KeyApproval(
      party: id, signature: partyKey.sign(bytes),
      shareProof: Hex.encode(share.proveShare(for: bytes, using: &random).encoding))
    try Files.createFolder(configuration.data)
    try Files.write(try Files.read(sharePath), to: configuration.data + "/continuation.sealed", mode: 0o600)
    return approval.json.canonical
  }
}
