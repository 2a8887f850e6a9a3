import ClawLedger
import Crypto
import FROST
import Raft
import Records
import Testing
import Wire

@testable import GovernanceNode
@testable import Simulator

/// A cluster of one party, whose every write is durable at once: for what a party says to a checkpoint.
private final class Rig {
  var node: GovernanceNode<Ed25519SHA512, SimulatedDisk>
  private let disk = SimulatedDisk()
  private var random: SeededRandom
  private var time: UInt64 = 0

  init() throws {
    random = SeededRandom(seed: 1)
    let cast = try Cast(using: &random)
    let foundation = try Foundation.generate(
      nodes: 1, threshold: 1, enrolments: cast.enrolments, using: &random)
    disk.sync(try foundation.genesis.batch())
    let party = foundation.parties[0]
    var seed = party.keySeed
    var storage = [UInt8](repeating: 7, count: 32)
    guard let key = SigningKey(seed: &seed), let storageKey = SymmetricKey(consuming: &storage) else {
      throw SimulationError.setup("keys")
    }
    node = try GovernanceNode(
      identity: NodeIdentity(id: party.id, partyKey: key, storageKey: storageKey),
      memory: NodeMemory(lock: .none, boot: 1), recovered: try Ledger.open(disk),
      key: KeyPackage(serialized: party.share), publicKeys: foundation.publicKeys,
      settings: try Settings(), at: Rig.moment(0), using: &random)
    for _ in 0..<60 { step(.tick) }
  }

  static func moment(_ time: UInt64) -> Moment {
    Moment(
      monotonic: Instant(nanoseconds: time),
      wall: Timestamp(nanoseconds: World.epoch + Int64(time)) ?? .epoch)
  }

  func step(_ event: NodeEvent) {
    time += 50_000_000
    var events = [event]
    while !events.isEmpty {
      var effects = NodeEffects()
      node.step(events.removeFirst(), at: Rig.moment(time), using: &random, into: &effects)
      for write in effects.writes {
        disk.sync(write.batch)
        events.append(.written(write.name))
      }
      for lock in effects.locks {
        disk.sync(lock: lock.bytes)
        events.append(.locked(ticket: lock.ticket))
      }
    }
  }

  /// A checkpoint that this party has every reason to sign.
  func note() throws -> CheckpointNote {
    let size = node.raft.durableIndex.rawValue
    let state = try #require(node.overlay.state(at: size))
    return CheckpointNote(
      cluster: node.cluster, size: size, root: try #require(node.raft.log.rootHash(ofSize: size)),
      stateRoot: state.stateRoot, time: Rig.moment(time).wall)
  }

  func judge(_ note: CheckpointNote, restrictions: [UInt8] = []) -> Verdict {
    node.judge(
      SignCall(
        term: node.raft.currentTerm.rawValue, round: 1, session: 0, text: Array(note.text.utf8),
        restrictions: restrictions))
  }
}

private func isRefusal(_ verdict: Verdict) -> Bool {
  if case .refuse = verdict { true } else { false }
}

struct CheckpointPartyTests {
  @Test("a party signs a checkpoint of its own durable log and state: the control of all that follows")
  func control() throws {
    let rig = try Rig()
    #expect(rig.node.view.finalSize >= 2)
    let note = try rig.note()
    #expect(rig.judge(note) == .sign(note))
  }

  @Test("another cluster, root or state is refused")
  func otherContent() throws {
    let rig = try Rig()
    var note = try rig.note()
    note.cluster = SHA256.hash("another")
    #expect(isRefusal(rig.judge(note)))
    note = try rig.note()
    note.root = SHA256.hash("another")
    #expect(isRefusal(rig.judge(note)))
    note = try rig.note()
    note.stateRoot = SHA256.hash("another")
    #expect(isRefusal(rig.judge(note)))
  }

  @Test("a text that is not the one text of a checkpoint is refused")
  func otherText() throws {
    let rig = try Rig()
    let text = try rig.note().text
    for changed in [text + "more\n", String(text.dropLast()), "", text.replacing("state", with: "stale")] {
      let verdict = rig.node.judge(SignCall(term: 1, round: 1, text: Array(changed.utf8)))
      #expect(isRefusal(verdict))
    }
  }

  @Test("a size below what was signed is refused, and what is beyond the durable log waits")
  func sizes() throws {
    let rig = try Rig()
    var note = try rig.note()
    note.size -= 1
    note.root = try #require(rig.node.raft.log.rootHash(ofSize: note.size))
    #expect(isRefusal(rig.judge(note)))
    note = try rig.note()
    note.size += 1
    #expect(rig.judge(note) == .wait)
  }

  @Test("a time more than five seconds off, before log time, or before what was signed is refused")
  func times() throws {
    let rig = try Rig()
    for shift in [6, -6] as [Int64] {
      var note = try rig.note()
      note.time = note.time.advanced(by: .seconds(shift))
      #expect(isRefusal(rig.judge(note)))
    }
    var note = try rig.note()
    note.time = rig.node.signer.lock.time.advanced(by: Interval(nanoseconds: -1))
    #expect(isRefusal(rig.judge(note)))
  }

  @Test("a lease for another bundle, of another length, or with restrictions that were not proven is refused")
  func leases() throws {
    let rig = try Rig()
    let empty = RestrictionList([])
    func lease(_ change: (inout LeaseLine) -> Void) throws -> CheckpointNote {
      var line = LeaseLine(
        policyBundleHash: rig.node.overlay.final.bundle.hash, mode: .running, seconds: 10,
        challengeRoot: SHA256.hash("c"), restrictionsHash: empty.hash)
      change(&line)
      var note = try rig.note()
      note.lease = line
      return note
    }
    let shown = empty.json.canonicalBytes()
    let good = try lease { _ in }
    #expect(rig.judge(good, restrictions: shown) == .sign(good))
    #expect(isRefusal(rig.judge(try lease { $0.policyBundleHash = SHA256.hash("p") }, restrictions: shown)))
    #expect(isRefusal(rig.judge(try lease { $0.seconds = 60 }, restrictions: shown)))
    #expect(isRefusal(rig.judge(try lease { $0.mode = .halted }, restrictions: shown)))
    #expect(isRefusal(rig.judge(good, restrictions: [])))
    let more = RestrictionList([RestrictionList.Entry(incidentID: "i", target: .tenant("acme"))])
    let unproven = try lease { $0.restrictionsHash = more.hash }
    #expect(isRefusal(rig.judge(unproven, restrictions: more.json.canonicalBytes())))
  }

  @Test("once another root was signed for a size, no second root ever is")
  func lock() throws {
    let rig = try Rig()
    let lock = rig.node.signer.lock
    #expect(lock.size > 0)
    let other = CheckpointNote(
      cluster: rig.node.cluster, size: lock.size, root: SHA256.hash("fork"), stateRoot: lock.stateRoot,
      time: lock.time)
    #expect(lock.objection(to: other) != nil)
    let same = CheckpointNote(
      cluster: rig.node.cluster, size: lock.size, root: lock.root, stateRoot: lock.stateRoot, time: lock.time)
    #expect(lock.objection(to: same) == nil)
  }
}
