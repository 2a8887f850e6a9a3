import Crypto
import Merkle
import Records

/// A ledger in one text file that a stranger can audit with nothing but JSON, SHA-256 and Ed25519.
///
/// ```
/// openexec-export-v1
/// cluster <64 hexadecimal characters>
/// size <leaves>
/// leaf <leaf hash, hexadecimal> <record, base64> <attachment, base64, or ->
/// …
/// note <signed note, base64>
/// …
/// ```
/// Leaves come first, ascending from 0; then the notes.
public enum ExportFormat {
  /// The first three lines.
  public static func header(cluster: Digest, size: UInt64) -> String {
    "openexec-export-v1\ncluster \(cluster.hex)\nsize \(size)\n"
  }

  /// One leaf.
  public static func leaf(_ record: [UInt8], attachment: [UInt8]) -> String {
    let attached = attachment.isEmpty ? "-" : Base64.encode(attachment)
    return "leaf \(TreeHash.leaf(record).hex) \(Base64.encode(record)) \(attached)\n"
  }

  /// One note.
  public static func note(_ note: SignedNote) -> String {
    "note \(Base64.encode(Array(note.encoded.utf8)))\n"
  }
}

/// What an export turned out to be wrong in, first of all.
public enum ExportFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// A line is not what should stand there.
  case line(Int, expected: String)
  /// The record of a leaf is not the one whose hash the tree holds.
  case leaf(UInt64, String)
  /// The tree of this size is not the one that the parties signed.
  case tree(size: UInt64)
  /// A note is not signed by the group key, or contradicts another.
  case note(line: Int, String)
  /// The last leaves are covered by no note.
  case unproven(first: UInt64)

  public var description: String {
    switch self {
    case .line(let number, let expected): "line \(number): expected \(expected)"
    case .leaf(let index, let what): "leaf \(index): \(what)"
    case .tree(let size): "the tree of \(size) leaves is not the one that the parties signed"
    case .note(let line, let what): "note on line \(line): \(what)"
    case .unproven(let first): "leaf \(first): covered by no note"
    }
  }
}

/// Verifies an export offline, from the cluster's id alone: the genesis is the leaf of that hash, every
/// party signed it, its group key, or the one that followed it by a certified `key` record for parties that two
/// operators named, or the one to which as many operators as the threshold names parties took the ledger by a `recovery`
/// record, signed every note, every note's root is the tree's, every attachment
/// is its leaf's, and every approval that ran was consented to. A receipt that is not its executor's, and an enrolment
/// that two operators did not sign, are void: they are listed, and nothing rests on them.
///
/// What it does not check: that the policy, evaluated again, gives the same decisions.
public struct ExportVerifier {
  private var lineNumber = 0
  private var leaves: [(hash: Digest, record: [UInt8], attachment: [UInt8])] = []
  private var notes: [SignedNote] = []

  /// A verifier.
  public init() {}

  /// Verifies the text of an export. `cluster` is the id that the verifier trusts; nil takes the
  /// export's own word for it.
  public mutating func verify(_ text: [UInt8], cluster trusted: Digest?) throws(ExportFault) -> VerifiedExport
  {
    let cluster = try read(text)
    if let trusted, trusted != cluster {
      throw .line(2, expected: "cluster \(trusted.hex), found \(cluster.hex)")
    }
    let genesis = try checkGenesis(cluster)
    let (keys, continuations) = try followKeys(from: genesis, cluster)
    let checkpoints = try checkNotes(keys)
    let (records, attachments) = try checkLeaves()
    try checkFounders(genesis, attachments, cluster)
    let acts = try checkActs(records, checkpoints, genesis, keys)
    let absent = VerifiedExport.absent(records, attachments, acts.erasures)
    return VerifiedExport(
      cluster: cluster, genesis: genesis, keys: keys, continuations: continuations, records: records,
      attachments: attachments,
      notes: checkpoints, signedNotes: notes, approvals: acts.approvals, receipts: acts.receipts,
      void: acts.void, erasures: acts.erasures, erased: absent.erased, leftOut: absent.leftOut)
  }

  private mutating func read(_ text: [UInt8]) throws(ExportFault) -> Digest {
    var lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)[...]
    func next(_ expected: String) throws(ExportFault) -> [Substring] {
      lineNumber += 1
      guard let line = lines.popFirst(), let string = String(validating: line, as: UTF8.self) else {
        throw .line(lineNumber, expected: expected)
      }
      return string.split(separator: " ", omittingEmptySubsequences: false)
    }
    guard try next("openexec-export-v1") == ["openexec-export-v1"] else {
      throw .line(1, expected: "openexec-export-v1")
    }
    let second = try next("cluster <id>")
    guard second.count == 2, second[0] == "cluster", let cluster = Digest(hex: String(second[1])) else {
      throw .line(2, expected: "cluster <64 hexadecimal characters>")
    }
    let third = try next("size <leaves>")
    guard third.count == 2, third[0] == "size", let size = UInt64(third[1]), size >= 1 else {
      throw .line(3, expected: "size <leaves>")
    }
    while UInt64(leaves.count) < size {
      let parts = try next("leaf <hash> <record> <attachment>")
      guard parts.count == 4, parts[0] == "leaf", let hash = Digest(hex: String(parts[1])),
        let record = Base64.decode(String(parts[2])),
        let attachment = parts[3] == "-" ? [] : Base64.decode(String(parts[3]))
      else { throw .line(lineNumber, expected: "leaf \(leaves.count): hash, record and attachment") }
      leaves.append((hash, record, attachment))
    }
    while lines.count > 1 {
      let parts = try next("note <base64>")
      guard parts.count == 2, parts[0] == "note", let bytes = Base64.decode(String(parts[1])),
        let note = try? SignedNote(parsing: bytes)
      else { throw .line(lineNumber, expected: "a signed note in base64") }
      notes.append(note)
    }
    guard lines.first?.isEmpty == true else { throw .line(lineNumber + 1, expected: "a newline at the end") }
    return cluster
  }

  private func checkGenesis(_ cluster: Digest) throws(ExportFault) -> Genesis {
    guard let first = leaves.first, TreeHash.leaf(first.record) == cluster else {
      throw .leaf(0, "the genesis is not the one whose hash is the cluster id")
    }
    guard let record = try? Record(parsing: first.record), case .genesis(let genesis) = record.body else {
      throw .leaf(0, "expected a genesis")
    }
    return genesis
  }

  /// Every party signed the genesis.
  private func checkFounders(_ genesis: Genesis, _ attachments: [Attachment], _ cluster: Digest)
    throws(ExportFault)
  {
    let lines = attachments.first?["signatures"]?.value.array ?? []
    let message = GenesisSignature.bytes(leafHash: cluster)
    for party in genesis.parties {
      let signature = lines.first { $0["party"]?.integer == party.id }?["signature"]?.string
        .flatMap(Signature.init(base64:))
      guard let signature, party.key.verifies(signature, over: message) else {
        throw .leaf(0, "not signed by party \(party.id), \(party.name)")
      }
    }
  }

  /// The chain of keys: a `key` record counts where the key before it signed the size that ends in it, and nothing
  /// above was signed but by the new one. Where none could sign any more, a `recovery` record counts by its operators.
  private func followKeys(
    from genesis: Genesis, _ cluster: Digest
  ) throws(ExportFault) -> (KeyChain, [(leaf: LeafIndex, operators: [String])]) {
    var epochs = [KeyChain.Epoch(key: genesis.groupKey, firstSize: 0)]
    var people = Roll(genesis)
    var threshold = genesis.threshold
    var continuations: [(leaf: LeafIndex, operators: [String])] = []
    for (index, leaf) in leaves.enumerated() {
      let type = RecordType(endOf: leaf.record)
      guard type == .key || type == .recovery || type == .enrol,
        let record = try? Record(parsing: leaf.record)
      else { continue }
      if case .enrol(let act) = record.body { people.take(act, at: record.at, cluster) }
      if case .recovery(let recovery) = record.body, let key = recovery.key {
        let operators = people.operators(of: recovery.act, at: record.at, cluster)
        guard operators.count == max(2, threshold), recovery.act.signatures.count == operators.count,
          recovery.act.content.isInForce(at: record.at), key.unsigned(cluster: cluster) == nil,
          isStanding(recovery.act.content, at: UInt64(index), epochs[epochs.count - 1].key, cluster)
        else { continue }
        epochs.append(KeyChain.Epoch(key: key.content.groupKey, firstSize: UInt64(index) + 1))
        continuations.append((LeafIndex(UInt64(index)), operators.sorted()))
        threshold = key.content.threshold
      }
      guard case .key(let key) = record.body else { continue }
      let size = UInt64(index) + 1
      let current = epochs[epochs.count - 1].key
      let isCertified = notes.contains { note in
        (try? CheckpointNote.verified(note, cluster: cluster, groupKey: current))?.size == size
      }
      guard isCertified else { continue }
      if let party = key.unsigned(cluster: cluster) {
        throw .leaf(UInt64(index), "a key that party \(party.id), \(party.name), did not approve")
      }
      epochs.append(KeyChain.Epoch(key: key.content.groupKey, firstSize: size + 1))
      threshold = key.content.threshold
    }
    guard let chain = KeyChain(cluster: cluster, verified: epochs) else {
      throw .leaf(0, "expected keys that follow each other")
    }
    return (chain, continuations)
  }

  /// Whether what operators say to stand is what the last note of the key before said, right before their record.
  private func isStanding(
    _ act: RecoveryAct, at index: UInt64, _ key: PublicKey, _ cluster: Digest
  ) -> Bool {
    guard act.size == index else { return false }
    return notes.contains { note in
      guard let checkpoint = try? CheckpointNote.verified(note, cluster: cluster, groupKey: key) else {
        return false
      }
      return checkpoint.size == index && checkpoint.root == act.root && checkpoint.stateRoot == act.stateRoot
    }
  }

  private mutating func checkNotes(_ keys: KeyChain) throws(ExportFault) -> [CheckpointNote] {
    var checkpoints: [CheckpointNote] = []
    for (position, note) in notes.enumerated() {
      let checkpoint: CheckpointNote
      do {
        checkpoint = try keys.verified(note)
      } catch {
        // What a spoiled note says of its size is no way to find it: three lines and the leaves come before.
        throw .note(line: 4 + leaves.count + position, error.description)
      }
      checkpoints.append(checkpoint)
    }
    checkpoints.sort { ($0.size, $0.time) < ($1.size, $1.time) }
    // The listed hashes must be the signed tree's; a record that does not have its listed hash is then
    // named by itself. Where they are not, the records' own hashes say which line was changed.
    for hashes in [leaves.map(\.hash), leaves.map { TreeHash.leaf($0.record) }] {
      guard let wrong = firstWrong(checkpoints, hashes) else {
        for (index, leaf) in leaves.enumerated() where TreeHash.leaf(leaf.record) != leaf.hash {
          throw .leaf(UInt64(index), "the record is not the one whose hash the signed tree holds")
        }
        guard let last = checkpoints.last else { throw .unproven(first: 0) }
        guard last.size >= UInt64(leaves.count) else { throw .unproven(first: last.size) }
        return checkpoints
      }
      if hashes == leaves.map({ TreeHash.leaf($0.record) }) { throw .tree(size: wrong) }
    }
    throw .tree(size: 0)
  }

  /// The first noted size whose root these leaf hashes do not give; nil where all agree.
  private func firstWrong(_ checkpoints: [CheckpointNote], _ hashes: [Digest]) -> UInt64? {
    var frontier = Frontier()
    var position = 0
    for checkpoint in checkpoints {
      guard checkpoint.size <= UInt64(hashes.count) else { return checkpoint.size }
      while frontier.size < checkpoint.size {
        frontier.append(hashes[position])
        position += 1
      }
      if frontier.root != checkpoint.root { return checkpoint.size }
    }
    return nil
  }

  private func checkLeaves() throws(ExportFault) -> ([Record], [Attachment]) {
    var records: [Record] = []
    var attachments: [Attachment] = []
    for (index, leaf) in leaves.enumerated() {
      do {
        let record = try Record(parsing: leaf.record)
        let attachment = try Attachment(parsing: leaf.attachment)
        // What was erased is gone, which is no fault; what is there must match.
        if !leaf.attachment.isEmpty { try attachment.check(against: record.body) }
        records.append(record)
        attachments.append(attachment)
      } catch {
        throw .leaf(UInt64(index), error.description)
      }
    }
    return (records, attachments)
  }

  private struct Acts {
    var approvals: [(leaf: LeafIndex, isConsented: Bool)] = []
    var receipts: [LeafIndex] = []
    var void: [(leaf: LeafIndex, reason: String)] = []
    var erasures: [(tenant: String, leaf: LeafIndex)] = []
  }

  private func checkActs(
    _ records: [Record], _ notes: [CheckpointNote], _ genesis: Genesis, _ chain: KeyChain
  ) throws(ExportFault) -> Acts {
    let cluster = chain.cluster
    var named: [(leaf: LeafIndex, act: MembersAct)] = []
    var people = Roll(genesis)
    var acts = Acts()
    for (position, record) in records.enumerated() {
      let index = LeafIndex(UInt64(position))
      switch record.body {
      case .enrol(let act):
        guard people.take(act, at: record.at, cluster) else {
          acts.void.append(
            (index, "an enrolment without the signatures of two operators, or not in its time"))
          continue
        }
      case .members(let act, _):
        guard people.operators(of: act, at: record.at, cluster).count >= 2 else {
          acts.void.append((index, "a change of members without the signatures of two operators"))
          continue
        }
        named.append((index, act.content))
      case .key(let key):
        guard chain.epochs.contains(where: { $0.firstSize == index.value + 2 }) else {
          acts.void.append((index, "a key that the one before it did not certify"))
          continue
        }
        guard let act = named.last(where: { $0.leaf == key.content.cause })?.act,
          act.parties.map(\.id) == key.content.parties.map(\.id),
          act.parties.map(\.key) == key.content.parties.map(\.key), act.threshold == key.content.threshold
        else { throw .leaf(index.value, "a key for parties that no two operators named") }
      case .recovery(let recovery) where recovery.key != nil:
        if !chain.epochs.contains(where: { $0.firstSize == index.value + 1 }) {
          acts.void.append((index, "a key without the signatures of enough operators, or not where they say"))
        }
      case .incident(let act):
        guard let tenant = record.body.erasedTenant else { continue }
        guard Statement.isInForce(until: act.content.validUntil, at: record.at),
          people.operators(of: act, at: record.at, cluster).count >= 2
        else {
          acts.void.append((index, "an erasure without the signatures of two operators, or not in its time"))
          continue
        }
        acts.erasures.append((tenant, index))
      case .decision(let decision) where decision.decisionType == .approve:
        acts.approvals.append((index, notes.contains { $0.consent?.covers(index) == true }))
      case .receipt(let receipt):
        if let reason = Self.void(receipt, at: index, records, people.people, cluster) {
          acts.void.append((index, reason))
        } else {
          try checkConsent(receipt.content, at: index, chain)
          acts.receipts.append(index)
        }
      default: break
      }
    }
    return acts
  }

  /// Why a receipt says nothing; nil where it is its executor's, on a decision that granted its token.
  private static func void(
    _ receipt: Signed<Receipt>, at index: LeafIndex, _ records: [Record], _ keys: [Enrolment],
    _ cluster: Digest
  ) -> String? {
    let content = receipt.content
    let isSigned = receipt.verifiedSignatures(cluster: cluster).contains { line in
      keys.contains { $0.principal == content.executorID && $0.key == line.key }
    }
    guard isSigned else { return "a receipt that is not signed by its executor" }
    guard content.decision.value < index.value,
      case .decision(let decision) = records[Int(content.decision.value)].body, let grant = decision.grant,
      grant.tokenID == content.tokenID, grant.executorID == content.executorID
    else { return "a receipt whose decision is not the one that granted its token" }
    return nil
  }

  /// A receipt carries the note that approved it; what ran was consented to.
  private func checkConsent(
    _ receipt: Receipt, at index: LeafIndex, _ keys: KeyChain
  ) throws(ExportFault) {
    guard receipt.status != .refused else { return }
    guard let note = try? SignedNote(parsing: Array(receipt.approvalNote.utf8)),
      let checkpoint = try? keys.verified(note),
      checkpoint.consent?.covers(receipt.decision) == true
    else { throw .leaf(index.value, "the receipt's note does not consent to its decision") }
  }
}
