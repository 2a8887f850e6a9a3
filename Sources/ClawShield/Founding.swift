import Canonical
import Crypto
import Merkle
import Records

// What is refused before anybody makes a key for it: by the very rules by which nodes would refuse it afterwards, when the
// parties have signed it and can only begin again.

extension PolicyBundle {
  /// Refuses a bundle that no node would take: a policy, a schema or a pattern that does not compile, a raw shell, a rule
  /// for an action that is not there, a dry run that is none, or more files than travel in one attachment.
  ///
  /// Whether it may come into force, and under which semantics, is a ledger's to say.
  public func requireEnforceable() throws(ShieldError) {
    _ = try CompiledBundle(self, evaluator: BundlePolicy())
    let salt = [UInt8](repeating: 0, count: 32)
    try Self.requireRoom(for: Attachment("bundle", Attachment.Item(salt: salt, value: json)))
  }

  fileprivate static func requireRoom(for attachment: Attachment) throws(ShieldError) {
    let count = attachment.bytes.count
    guard count <= Attachment.maximumBytes else {
      throw .bundle("expected at most \(Attachment.maximumBytes) bytes as an attachment, found \(count)")
    }
  }
}

extension ShieldState {
  /// Refuses what no ledger can begin with: a genesis that is no record of at most 65,535 bytes, a bundle that cannot be
  /// enforced or needs newer semantics, an enrolment that is none.
  ///
  /// - Parameter genesis: as it will be. What the parties' key adds may be any of its length; nobody has signed it.
  public static func requireBeginning(_ genesis: Genesis, with bundle: PolicyBundle) throws(ShieldError) {
    let bytes = Record(at: genesis.createdAt, body: .genesis(genesis)).bytes
    do {
      _ = try Record(parsing: bytes)
    } catch {
      throw .record(error)
    }
    let signature = JSON.string(Base64.encode([UInt8](repeating: 0xFF, count: 64)))
    var attachment = Attachment(
      "bundle", Attachment.Item(salt: [UInt8](repeating: 0, count: 32), value: bundle.json))
    attachment["signatures"] = Attachment.Item(
      salt: Attachment.noSalt,
      value: .array(
        genesis.parties.map { .object([("party", .integer($0.id)), ("signature", signature)]) }))
    try PolicyBundle.requireRoom(for: attachment)
    _ = try begun(
      genesis, cluster: TreeHash.leaf(bytes), bundle: bundle, at: genesis.createdAt, BundlePolicy())
  }
}
