import ClawShield
import Crypto
import Records

extension CeremonyConfiguration {
  /// Refuses, before anybody makes a key for it, what the nodes would refuse when all have signed the genesis: then
  /// nothing would be left to the parties but to begin again.
  public func requireBeginning() throws(ShieldError) {
    // In the place of what the key adds: as long as that.
    let later = SHA256.hash("")
    guard let groupKey = seats.first?.key else { throw .genesis("at least one party") }
    let genesis = Genesis(
      clusterName: clusterName,
      parties: seats.map { Party(id: $0.id, name: $0.name, key: $0.key, verifyingShare: later.hex) },
      threshold: threshold, transcriptHash: later, groupKey: groupKey,
      constitutionVersion: bundle.constitutionVersion, policyBundleHash: bundle.hash, bundleHash: later,
      enrolments: enrolments, createdAt: createdAt, semantics: semantics)
    try ShieldState.requireBeginning(genesis, with: bundle)
  }
}
