import Canonical
import ClawLedger
import ClawShield
import Crypto
import FROST
import Merkle
import Raft
import Records
import Wire

/// What the parties agree on, out of band, before their key exists: the same at every party, which they
/// make sure of by comparing its fingerprint.
public struct CeremonyConfiguration: Equatable, Sendable {
  /// One party's place.
  public struct Seat: Hashable, Sendable {
    public let id: Int
    public let name: String
    public let key: PublicKey

    /// A seat.
    public init(id: Int, name: String, key: PublicKey) {
      self.id = id
      self.name = name
      self.key = key
    }
  }

  public let clusterName: String
  /// Ascending by id.
  public let seats: [Seat]
  public let threshold: Int
  public let bundle: PolicyBundle
  /// Ascending by principal.
  public let enrolments: [Enrolment]
  public let createdAt: Timestamp
  /// The semantics that the ledger begins with.
  public let semantics: Int

  /// A configuration.
  public init(
    clusterName: String, seats: [Seat], threshold: Int, bundle: PolicyBundle, enrolments: [Enrolment],
    createdAt: Timestamp, semantics: Int = Semantics.newest
  ) {
    self.clusterName = clusterName
    self.seats = seats.sorted { $0.id < $1.id }
    self.threshold = threshold
    self.bundle = bundle
    self.enrolments = enrolments.sorted { $0.principal < $1.principal }
    self.createdAt = createdAt
    self.semantics = semantics
  }

  /// What operators compare before they go on.
  public var fingerprint: Digest {
    JSON.object([
      ("cluster_name", .string(clusterName)),
      (
        "seats",
        .array(
          seats.map {
            .object([
              ("id", .integer($0.id)), ("key", .string($0.key.hex)), ("name", .string($0.name)),
            ])
          })
      ), ("threshold", .integer(threshold)), ("bundle", bundle.json),
      ("enrolments", .array(enrolments.map(\.json))), ("created_at", .string(createdAt.text)),
      ("semantics", .integer(semantics)),
    ]).contentHash
  }
}

/// What a ceremony wants done.
public struct CeremonyEffects: Sendable {
  public var messages: [(to: NodeID, message: PeerMessage)] = []
  /// This party's share of the key is there: seal it, sync it, then say `keySealed`. No signature over
  /// the genesis leaves before.
  public var sealKey = false
  /// The genesis is complete: store it and start the node.
  public var genesis: GenesisShown?
  public var notices: [Notice] = []
  /// The ceremony cannot go on.
  public var fatal: String?

  /// Nothing to do.
  public init() {}
}

/// Key generation without a dealer, before there is a log: every party ends with its share of one key
/// and with the same genesis leaf, signed by all, or with the name of who is to blame.
///
/// Everything is sent again until it is answered for, so that messages may be lost; a party that has
/// finished serves laggards with the genesis.
public struct KeyCeremony<Suite: CipherSuite>: ~Copyable {
  private let id: NodeID
  private let configuration: CeremonyConfiguration
  private let fingerprint: [UInt8]
  private let partyKey: SigningKey
  private var generation: KeyGeneration<Suite>
  /// Parties that sent another configuration.
  private var disagreeing: [NodeID] = []
  private var isSealing = false
  private var isSealed = false
  private var leaf: [UInt8] = []
  private var leafHash: Digest?
  private var signatures: [(party: Int, signature: Signature)] = []
  /// Signatures that came before this party knew the leaf.
  private var early: [(party: Int, hash: [UInt8], signature: Signature)] = []
  private var complete: GenesisShown?
  private var lastSent: Instant?

  /// How often everything is sent again.
  static var interval: Nanoseconds { .milliseconds(300) }

  /// Begins this party's part.
  public init(
    id: NodeID, configuration: CeremonyConfiguration, partyKey: consuming SigningKey,
    using random: inout some RandomNumberGenerator
  ) throws(FROSTError) {
    let parties = configuration.seats.compactMap { PartyIdentifier(UInt16(truncatingIfNeeded: $0.id)) }
    guard let own = PartyIdentifier(UInt16(truncatingIfNeeded: id.rawValue)) else { throw .ownMessage }
    let fingerprint = configuration.fingerprint.bytes
    let generation = try KeyGeneration<Suite>(
      identifier: own, parties: parties, threshold: configuration.threshold, context: fingerprint,
      using: &random)
    self.fingerprint = fingerprint
    self.generation = generation
    self.id = id
    self.configuration = configuration
    self.partyKey = partyKey
  }

  private var peers: [NodeID] {
    configuration.seats.compactMap { NodeID(rawValue: UInt64($0.id)) }.filter { $0 != id }
  }

  /// Time passes: sends again what has not been answered for.
  public mutating func tick(at now: Instant, into effects: inout CeremonyEffects) {
    if let lastSent, lastSent + Self.interval > now { return }
    lastSent = now
    guard complete == nil else { return }
    for peer in peers { send(to: peer, into: &effects) }
    // A cluster of one hears from nobody and goes on by itself.
    advance(into: &effects)
  }

  private func send(to peer: NodeID, into effects: inout CeremonyEffects) {
    let package = KeyRoundOne(
      configuration: fingerprint, package: generation.package.encoding, isAnswer: complete != nil)
    effects.messages.append((peer, PeerMessage.keyRoundOne(package)))
    if generation.awaitingPackages.isEmpty, let transcript = try? generation.transcript(),
      let shares = try? generation.secretShares(),
      let share = shares.first(where: { UInt64($0.recipient.value) == peer.rawValue })
    {
      let message = KeyRoundTwo(share: share.encoding, transcript: transcript.bytes)
      effects.messages.append((peer, PeerMessage.keyRoundTwo(message)))
    }
    if isSealed, let hash = leafHash,
      let own = signatures.first(where: { UInt64($0.party) == id.rawValue })
    {
      let message = KeySignature(genesisHash: hash.bytes, signature: own.signature.bytes)
      effects.messages.append((peer, PeerMessage.keySignature(message)))
    }
  }

  /// A message from the party that the channel authenticates.
  public mutating func receive(
    _ message: PeerMessage, from sender: NodeID, into effects: inout CeremonyEffects
  ) {
    guard peers.contains(sender), let party = PartyIdentifier(UInt16(truncatingIfNeeded: sender.rawValue))
    else { return }
    if let complete {
      // A laggard: it has its own share already, or it will get one from what it was sent before.
      if let round = message.keyRoundOne, !round.isAnswer {
        effects.messages.append((sender, PeerMessage.genesis(complete)))
        send(to: sender, into: &effects)
      }
      return
    }
    do {
      if let round = message.keyRoundOne {
        guard round.configuration == fingerprint else {
          if !disagreeing.contains(sender) {
            disagreeing.append(sender)
            effects.notices.append(
              .warning("\(sender) was given another configuration; compare the fingerprints"))
          }
          return
        }
        try generation.receive(RoundOnePackage(encoding: round.package), from: party)
      } else if let round = message.keyRoundTwo {
        if generation.awaitingPackages.isEmpty, let own = try? generation.transcript(),
          own.bytes != round.transcript
        {
          effects.fatal =
            "\(sender) saw another transcript: somebody showed different commitments to different parties"
          return
        }
        try generation.receive(SecretShare(encoding: round.share), from: party)
      } else if let signature = message.keySignature {
        receive(signature, from: sender, into: &effects)
      } else if let genesis = message.genesis {
        receive(genesis, into: &effects)
      }
    } catch {
      effects.fatal = "key generation failed: \(error)"
      return
    }
    advance(into: &effects)
  }

  private mutating func advance(into effects: inout CeremonyEffects) {
    guard !isSealing, generation.awaitingPackages.isEmpty, generation.awaitingShares.isEmpty else { return }
    do {
      // Checks every share against its sender's commitment before anything is built on it.
      _ = try generation.finish()
      leaf = try genesisLeaf()
      leafHash = TreeHash.leaf(leaf)
    } catch {
      effects.fatal = "key generation failed: \(error)"
      return
    }
    isSealing = true
    effects.sealKey = true
  }

  /// This party's share, to be sealed.
  public func keyPackage() throws(FROSTError) -> KeyPackage<Suite> { try generation.finish() }

  /// What everyone knows of the key, once `sealKey` was asked for.
  public func publicKeys() throws(FROSTError) -> PublicKeyPackage<Suite> { try generation.publicKeys() }

  /// The share is sealed and synced: this party now signs the genesis.
  public mutating func keySealed(into effects: inout CeremonyEffects) {
    guard let leafHash, !isSealed else { return }
    isSealed = true
    let signature = partyKey.sign(GenesisSignature.bytes(leafHash: leafHash))
    signatures.append((Int(id.rawValue), signature))
    for peer in peers { send(to: peer, into: &effects) }
    for waiting in early where waiting.hash == leafHash.bytes {
      signatures.append((waiting.party, waiting.signature))
    }
    early.removeAll()
    finish(into: &effects)
  }

  private mutating func receive(
    _ message: KeySignature, from sender: NodeID, into effects: inout CeremonyEffects
  ) {
    guard let seat = configuration.seats.first(where: { UInt64($0.id) == sender.rawValue }),
      let hash = Digest(message.genesisHash), let signature = Signature(message.signature),
      seat.key.verifies(signature, over: GenesisSignature.bytes(leafHash: hash))
    else {
      effects.notices.append(.evidence("\(sender) sent a signature over the genesis that is not its own"))
      return
    }
    guard let leafHash, isSealed else {
      early.removeAll { $0.party == seat.id }
      early.append((seat.id, message.genesisHash, signature))
      return
    }
    guard hash == leafHash else {
      effects.fatal = "\(sender) signed another genesis: \(hash.hex) instead of \(leafHash.hex)"
      return
    }
    guard !signatures.contains(where: { $0.party == seat.id }) else { return }
    signatures.append((seat.id, signature))
    finish(into: &effects)
  }

  /// All have signed: the genesis is complete.
  private mutating func finish(into effects: inout CeremonyEffects) {
    guard complete == nil, signatures.count == configuration.seats.count else { return }
    var attachment = Attachment("bundle", Attachment.Item(salt: salt, value: configuration.bundle.json))
    attachment["signatures"] = Attachment.Item(
      salt: Attachment.noSalt,
      value: .array(
        signatures.sorted { $0.party < $1.party }.map {
          .object([("party", .integer($0.party)), ("signature", .string($0.signature.base64))])
        }))
    let shown = GenesisShown(leaf: leaf, attachment: attachment.bytes)
    complete = shown
    for peer in peers { effects.messages.append((peer, PeerMessage.genesis(shown))) }
    effects.genesis = shown
  }

  /// A complete genesis from a party that is ahead: taken where it is the one that this party derived,
  /// so that every signature in it is checked by the state that starts from it.
  private mutating func receive(_ genesis: GenesisShown, into effects: inout CeremonyEffects) {
    guard isSealed, genesis.leaf == leaf else { return }
    guard let entry = try? ParsedEntry(EntryPayload(record: genesis.leaf, attachment: genesis.attachment)),
      (try? ShieldState.initial(
        genesisLeaf: leaf, record: entry.record, attachment: entry.attachment)) != nil
    else {
      effects.notices.append(.evidence("a genesis was shown without every party's signature"))
      return
    }
    complete = genesis
    effects.genesis = genesis
  }

  /// Salts the bundle, which is no secret: derived, so that every party writes the same leaf.
  private var salt: [UInt8] { SHA256.hash("openexec/v1/genesis-salt\n" + configuration.clusterName).bytes }

  private func genesisLeaf() throws(FROSTError) -> [UInt8] {
    let keys = try generation.publicKeys()
    guard let groupKey = PublicKey(keys.groupKey.serialised) else { throw .identityElement }
    let parties = configuration.seats.map { seat in
      let identifier = PartyIdentifier(UInt16(truncatingIfNeeded: seat.id))
      let share = identifier.flatMap { keys.verifyingShare(of: $0) }
      return Party(
        id: seat.id, name: seat.name, key: seat.key,
        verifyingShare: Hex.encode(share?.serialised ?? []))
    }
    let genesis = Genesis(
      clusterName: configuration.clusterName, parties: parties, threshold: configuration.threshold,
      transcriptHash: try generation.transcript(), groupKey: groupKey,
      constitutionVersion: configuration.bundle.constitutionVersion,
      policyBundleHash: configuration.bundle.hash, bundleHash: configuration.bundle.json.saltedHash(salt),
      enrolments: configuration.enrolments, createdAt: configuration.createdAt,
      semantics: configuration.semantics)
    return Record(at: configuration.createdAt, body: .genesis(genesis)).bytes
  }
}

extension GenesisShown {
  /// The batch that begins a ledger with this genesis, at index 1 of term 0.
  public func batch() throws(EntryError) -> WriteBatch {
    try LedgerFoundation.batch(EntryPayload(record: leaf, attachment: attachment))
  }
}
