import Canonical
import Crypto
import FROST
import GovernanceNode
import Raft
import Records
import Wire

/// A cluster's beginning: its parties' keys and shares, and the genesis, made by the ceremony that the
/// programs run, over a network that loses nothing.
struct Foundation<Suite: CipherSuite>: ~Copyable {
  final class PartyMaterial {
    let id: NodeID
    let keySeed: [UInt8]
    let share: SecretMemory

    init(id: NodeID, keySeed: [UInt8], share: consuming SecretMemory) {
      self.id = id
      self.keySeed = keySeed
      self.share = share
    }
  }

  /// One party's ceremony under way; a box, since ceremonies are not copied.
  private final class Chair {
    let id: NodeID
    var ceremony: KeyCeremony<Suite>
    var genesis: GenesisShown?

    init(_ id: NodeID, _ ceremony: consuming KeyCeremony<Suite>) {
      self.id = id
      self.ceremony = ceremony
    }
  }

  let genesis: GenesisShown
  let parties: [PartyMaterial]
  let publicKeys: PublicKeyPackage<Suite>

  static func generate(
    nodes: Int, threshold: Int, enrolments: [Enrolment], semantics: Int = Semantics.newest,
    has parts: SimulatedPolicy.Parts = SimulatedPolicy.Parts(), using random: inout SeededRandom
  ) throws -> Foundation {
    var seeds: [[UInt8]] = []
    var seats: [CeremonyConfiguration.Seat] = []
    for id in 1...nodes {
      let seed = random.bytes(32)
      var consumed = seed
      guard let key = SigningKey(seed: &consumed) else { throw SimulationError.setup("a party's key") }
      seeds.append(seed)
      seats.append(CeremonyConfiguration.Seat(id: id, name: "node\(id)", key: key.publicKey))
    }
    let configuration = CeremonyConfiguration(
      clusterName: "simulated", seats: seats, threshold: threshold,
      bundle: try SimulatedPolicy.bundle(1, semantics: semantics, parts),
      enrolments: enrolments, createdAt: Timestamp(nanoseconds: simulatedEpoch) ?? .epoch,
      semantics: semantics)
    var chairs: [Chair] = []
    for (position, seat) in seats.enumerated() {
      var seed = seeds[position]
      guard let id = NodeID(rawValue: UInt64(seat.id)), let key = SigningKey(seed: &seed) else {
        throw SimulationError.setup("a party's key")
      }
      chairs.append(
        Chair(
          id,
          try KeyCeremony(id: id, configuration: configuration, partyKey: key, using: &random)))
    }
    try hold(chairs)
    guard let genesis = chairs[0].genesis else { throw SimulationError.setup("no genesis") }
    var parties: [PartyMaterial] = []
    for (position, chair) in chairs.enumerated() {
      guard chair.genesis?.leaf == genesis.leaf else { throw SimulationError.setup("two geneses") }
      let package = try chair.ceremony.keyPackage()
      parties.append(
        PartyMaterial(id: chair.id, keySeed: seeds[position], share: package.serialized()))
    }
    return Foundation(
      genesis: genesis, parties: parties, publicKeys: try chairs[0].ceremony.publicKeys())
  }

  private static func hold(_ chairs: [Chair]) throws {
    var mail: [(from: NodeID, to: NodeID, message: PeerMessage)] = []
    func collect(_ chair: Chair, _ effects: CeremonyEffects) throws {
      if let reason = effects.fatal { throw SimulationError.setup(reason) }
      mail += effects.messages.map { (chair.id, $0.to, $0.message) }
      if let genesis = effects.genesis { chair.genesis = genesis }
      if effects.sealKey {
        var sealed = CeremonyEffects()
        chair.ceremony.keySealed(into: &sealed)
        try collect(chair, sealed)
      }
    }
    for round in 0..<16 where chairs.contains(where: { $0.genesis == nil }) {
      for chair in chairs {
        var effects = CeremonyEffects()
        chair.ceremony.tick(at: Instant(nanoseconds: UInt64(round) * 1_000_000_000), into: &effects)
        try collect(chair, effects)
      }
      while !mail.isEmpty {
        let letters = mail
        mail.removeAll()
        for letter in letters {
          guard let chair = chairs.first(where: { $0.id == letter.to }) else { continue }
          var effects = CeremonyEffects()
          chair.ceremony.receive(letter.message, from: letter.from, into: &effects)
          try collect(chair, effects)
        }
      }
    }
  }
}

/// The bundle that simulated clusters run under.
enum SimulatedPolicy {
  /// The most of any action below.
  static let maximumRetries = 1
  /// What it has in some runs alone: in others it would only be longer.
  struct Parts: Hashable, Sendable {
    /// Actions that reach out, and one that two executors run.
    var reaches = false
    /// What is to be covered in results.
    var reveals = false
    /// Files are kept for a day.
    var retains = false
  }

  /// The bundle of a number, with a policy in Rego where a ledger of these semantics may have one.
  static func bundle(
    _ number: UInt64, semantics: Int, _ parts: Parts
  ) throws(RecordError) -> PolicyBundle {
    let entries = (actions + (parts.reaches ? SimulatedReach.actions : [])).map(\.text).joined(
      separator: ",\n")
    let registry =
      "{\"bundle_version\":\"\(number)\",\"constitution_version\":\"1.0.0\",\n \(parts.reveals ? SimulatedRevelation.rule : "")\(parts.retains ? retention : "")\"actions\":[\n\(entries)],\n\(rest)"
    var files = [(path: PolicyBundle.registryPath, text: registry)]
    if semantics >= Semantics.rego { files.append((path: "policy.rego", text: rules)) }
    return try PolicyBundle(files: files)
  }

  private static let retention = #""retention":[{"days":1}],"#

  /// Approves what the registry has; the registry's own rules ask people.
  private static let rules = """
    package openexec

    default decision := {"type": "deny", "reason": "not in the registry"}

    decision := {"type": "approve", "rules": fired} if input.action == input.definition.name

    fired contains {"rule": "impact", "message": input.risk.impact_level} if input.risk.impact_rank >= 2

    fired contains {"rule": "inputs", "message": sprintf("%d", [count(input.inputs)])} if input.inputs != []
    """

  private static let actions = [
    SimulatedAction(name: "echo", description: "Gives its text back"),
    SimulatedAction(
      name: "digest", description: "Reads a file of the workspace",
      more: [#""inputs":{"minimum_count":1,"maximum_count":2,"maximum_bytes":262144},"#]),
    SimulatedAction(
      name: "deploy", description: "Changes production", scopes: ["production"], impact: "high",
      estimate: "1",
      most: "2", retries: 0, perMinute: 600),
    SimulatedAction(
      name: "remember", description: "Writes the workspace's memory", scopes: ["memory.write"],
      impact: "moderate", most: "0.02", retries: 0, perMinute: 600),
    SimulatedAction(
      name: "spend", description: "Costs money", estimate: "300", most: "300", retries: 0, perMinute: 600),
  ]

  private static let rest = """
     "approvals":[{"name":"high-impact","actions":[],"impact_at_least":"high",
       "demands":[{"role":"approver","count":2}],"decision":"require_multi_sig","deadline_seconds":60}],
     "breakers":{"request_usd":"300","tenant_usd_per_day":"1000","proposals_per_minute":100000,
       "repeats_per_minute":100000,"maximum_depth":4}}
    """
}
