import ClawLedger
import ClawShield
import Crypto
import FROST
import Merkle
import Raft
import Records

/// The key in force and who shares it, as the final state says.
struct KeyEpoch<Suite: CipherSuite>: Sendable {
  let publicKeys: PublicKeyPackage<Suite>
  /// Ascending.
  let parties: [NodeID]
  let threshold: Int
  /// The smallest size that it signs.
  let firstSize: UInt64
  /// What its signature lines begin with.
  let keyID: [UInt8]

  /// Throws where a public share cannot be read, or the shares are not of the key.
  init(_ members: MembersCell, cluster: Digest) throws(FROSTError) {
    guard let groupKey = Suite.Element(encoding: members.groupKey.bytes) else {
      throw .malformed(expected: "a group key of \(Suite.name)")
    }
    var shares: [VerifyingShare<Suite>] = []
    for party in members.parties {
      guard let identifier = PartyIdentifier(UInt16(truncatingIfNeeded: party.id)),
        let element = Hex.decode(party.verifyingShare).flatMap({ Suite.Element(encoding: $0) })
      else { throw .malformed(expected: "a public share of party \(party.id)") }
      shares.append(VerifyingShare(party: identifier, element: element))
    }
    publicKeys = try PublicKeyPackage(
      groupKey: groupKey, threshold: members.threshold, verifyingShares: shares)
    parties = members.parties.compactMap { NodeID(rawValue: UInt64($0.id)) }
    threshold = members.threshold
    firstSize = members.keyedFrom
    keyID = Self.keyID(members.groupKey, cluster: cluster)
  }

  /// The beginning of a signature line by `key`.
  static func keyID(_ key: PublicKey, cluster: Digest) -> [UInt8] {
    var name = SHA256()
    name.update(CheckpointNote.origin(cluster: cluster))
    name.update([0x0A, 0x01])
    name.update(key.bytes)
    return Array(name.finalize().bytes.prefix(4))
  }

  /// The note with the line of `key` alone, where that verifies; nil otherwise.
  static func verified(_ note: SignedNote, under key: PublicKey, cluster: Digest) -> SignedNote? {
    let keyID = keyID(key, cluster: cluster)
    guard
      let line = note.signatures.first(where: {
        $0.keyID == keyID && $0.name == CheckpointNote.origin(cluster: cluster)
      }), let signature = SchnorrSignature<Suite>(encoding: line.signature),
      let element = Suite.Element(encoding: key.bytes),
      Suite.verifies(signature, over: Array(note.text.utf8), by: element)
    else { return nil }
    return SignedNote(text: note.text, name: line.name, keyID: line.keyID, signature: line.signature)
  }
}

extension ShieldState {
  /// What Raft has in force after this state, and the entry that holds it.
  var configurationPoint: ConfigurationPoint {
    ConfigurationPoint(
      index: LogIndex(rawValue: membership.configuredAt.value + 1),
      configuration: Configuration(membership.configuration))
  }
}
