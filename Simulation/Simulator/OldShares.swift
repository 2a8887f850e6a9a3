import Crypto
import FROST
import GovernanceNode
import Merkle
import Raft
import Records
import Wire

/// A share of the first key that somebody has kept, and a pair of nonces for one use.
private final class KeptShare<Suite: CipherSuite> {
  private let key: KeyPackage<Suite>
  private var nonces: SigningNonces<Suite>?
  let commitment: NonceCommitment<Suite>

  init(_ key: consuming KeyPackage<Suite>, boot: UInt64, using random: inout SeededRandom) {
    let nonces = SigningNonces(
      NonceID(party: key.identifier, boot: boot, counter: 1), for: key, using: &random)
    commitment = nonces.commitment
    self.nonces = consume nonces
    self.key = key
  }

  func sign(_ package: SigningPackage<Suite>) throws -> SignatureShare<Suite>? {
    guard let nonces = nonces.take() else { return nil }
    return try key.sign(try key.prepare(package), with: nonces)
  }
}

// Shares of a key that may be in force no more: those of parties that have left, whom nothing binds, and of liars that
// kept theirs. Together they may be as many as sign.
extension World {
  /// A lying party shows all others a note of the newest final size that has another root, signed with the first key.
  func showOldKeysNote(by party: UInt64) {
    guard let host = host(party), let note = try? oldKeysNote(shown: host) else { return }
    for peer in hosts where peer.id != host.id {
      send(.note(NoteShown(note: note.encoded)), from: host.id, to: peer.id)
    }
  }

  /// Nil where fewer shares were kept than sign.
  private func oldKeysNote(shown host: NodeHost<Suite>) throws -> SignedNote? {
    guard var text = host.node?.newestCheckpoint,
      let verifier = NoteVerifier(name: CheckpointNote.origin(cluster: cluster), key: genesis.groupKey)
    else { return nil }
    text.root = SHA256.hash(text.root.bytes)
    text.time = text.time.advanced(by: .milliseconds(1))
    text.consent = nil
    text.lease = nil
    var random = SeededRandom(seed: conditions.seed, for: .liar, named: host.id.rawValue << 16, log: log)
    let liars = liars.filter { $0.tells(.oldShares) }.map(\.id)
    var kept: [KeptShare<Suite>] = []
    for host in hosts where liars.contains(host.id) || !isParty(host) {
      guard kept.count < foundingKeys.threshold, let key = host.foundingPackage() else { continue }
      kept.append(KeptShare(key, boot: random.next(), using: &random))
    }
    guard kept.count == foundingKeys.threshold else { return nil }
    let package = try SigningPackage(
      commitments: kept.map(\.commitment), message: Array(text.text.utf8))
    let signature = try foundingKeys.aggregate(
      try kept.compactMap { try $0.sign(package) }, in: try foundingKeys.prepare(package))
    return SignedNote(
      text: text.text, name: verifier.name, keyID: verifier.keyID, signature: signature.encoding)
  }
}
