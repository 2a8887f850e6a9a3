import ClawLedger
import Crypto
import FROST
import Raft
import Records
import Wire

// A party whose share is lost gets it back from t others, who learn nothing of it (`FROST/Repair.swift`). Nobody need
// allow it: a party of the key in force is given its own share and nothing else, over a channel that is pinned to it.
// What a helper contributes follows from its storage key and the repair's id, so that it says the same again.

/// The party's side.
struct ShareRecovery<Suite: CipherSuite> {
  let nonce: Digest
  let firstSize: UInt64
  /// The operator who waits.
  let caller: CallKey
  let deadline: Instant
  var lastAsked: Instant?
  var willing: [NodeID] = []
  /// Ascending; empty until enough are willing.
  var helpers: [NodeID] = []
  var machine: ShareRepair<Suite>?
  var sums: [(helper: NodeID, sum: SecretShare<Suite>)] = []
  /// Set once the share is restored.
  var share: PartyShare<Suite>?
}

/// A helper's side of one repair.
struct ShareHelp<Suite: CipherSuite> {
  let id: Digest
  let lost: NodeID
  let helpers: [NodeID]
  var machine: ShareRepair<Suite>
  let contribution: RepairContribution<Suite>
  var summands: [(helper: NodeID, summand: SecretShare<Suite>)] = []
  var isDone = false
}

extension GovernanceNode {
  static var repairDeadline: Nanoseconds { .seconds(20) }
  /// How many repairs a helper remembers.
  static var maximumHelps: Int { 4 }

  /// A repair's id: every list of helpers is another one, so that no contribution serves for two.
  private func repairID(_ step: ShareRepairStep, of lost: NodeID) -> Digest {
    var hash = SHA256()
    hash.update("openexec/v1/share-repair\n\(cluster.hex)\n\(step.firstSize)\n\(lost.rawValue)\n")
    hash.update("\(step.helpers.map { "\($0)" }.joined(separator: ","))\n")
    hash.update(step.nonce)
    return hash.finalize()
  }

  // MARK: The party that lost its share

  /// `Admin/Keys` with `repair`: an operator of this party wants its share back.
  mutating func beginRecovery(
    _ call: ClientCall, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard epoch.parties.contains(raft.id) else {
      refuse(call.key, .failedPrecondition, "this node is no party of the key in force", into: &effects)
      return
    }
    guard signer.share == nil else {
      refuse(call.key, .failedPrecondition, "this party holds its share of the key", into: &effects)
      return
    }
    guard recovery == nil else {
      refuse(call.key, .alreadyExists, "a repair is under way; try again", into: &effects)
      return
    }
    recovery = ShareRecovery(
      nonce: SHA256.hash(random.bytes(32)), firstSize: epoch.firstSize, caller: call.key,
      deadline: now.monotonic + Self.repairDeadline)
    pursueRecovery(into: &effects)
  }

  mutating func pursueRecovery(into effects: inout NodeEffects) {
    guard var current = recovery else { return }
    guard now.monotonic < current.deadline, current.firstSize == epoch.firstSize else {
      recovery = nil
      refuse(
        current.caller, .deadlineExceeded,
        "expected \(epoch.threshold) other parties with their shares to help, \(current.willing.count) did",
        into: &effects)
      return
    }
    if let last = current.lastAsked, now.monotonic < last + Self.keyInterval { return }
    current.lastAsked = now.monotonic
    recovery = current
    let step = ShareRepairStep(
      nonce: current.nonce.bytes, firstSize: current.firstSize, helpers: current.helpers.map(\.rawValue))
    let asked = current.helpers.isEmpty ? epoch.parties.filter { $0 != raft.id } : current.helpers
    for helper in asked { effects.messages.append((helper, PeerMessage.repairStep(step))) }
  }

  /// What a helper says to the party that lost its share.
  private mutating func onHelp(
    _ step: ShareRepairStep, from helper: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    guard var current = recovery, step.nonce == current.nonce.bytes, current.share == nil,
      epoch.parties.contains(helper), let identifier = helper.party
    else { return }
    if step.helpers.isEmpty {
      guard current.helpers.isEmpty, !current.willing.contains(helper) else { return }
      current.willing.append(helper)
      if current.willing.count == epoch.threshold {
        current.helpers = current.willing.sorted()
        current.machine = try? ShareRepair(
          publicKeys: epoch.publicKeys, lost: signer.party, helpers: current.helpers.compactMap(\.party))
        current.lastAsked = nil
      }
      recovery = current
      pursueRecovery(into: &effects)
      return
    }
    guard step.helpers == current.helpers.map(\.rawValue), current.helpers.contains(helper) else { return }
    do {
      if !step.commitment.isEmpty {
        try current.machine?.receive(PolynomialCommitment(encoding: step.commitment), from: identifier)
      }
      if !step.sum.isEmpty, !current.sums.contains(where: { $0.helper == helper }) {
        current.sums.append((helper, try SecretShare(encoding: step.sum)))
      }
      recovery = current
      guard current.sums.count == current.helpers.count, let machine = current.machine,
        machine.awaitingCommitments.isEmpty
      else { return }
      let sums = current.sums.sorted { $0.helper < $1.helper }.map(\.sum)
      let share = PartyShare(try machine.restore(sums))
      recovery?.share = share
      let batch = vault.keep(
        share, as: current.nonce.hex, beside: nil, storageKey: identity.storageKey, using: &random)
      effects.writes.append((.share(session: current.nonce), batch))
    } catch {
      recovery = nil
      nameCulprits(of: error, in: "the share's repair", into: &effects)
      refuse(current.caller, .aborted, "the repair failed: \(error); try again", into: &effects)
    }
  }

  /// The share is back, and on disk.
  mutating func onRecovered(
    _ nonce: Digest, using random: inout some RandomNumberGenerator, into effects: inout NodeEffects
  ) {
    guard let current = recovery, current.nonce == nonce, let share = current.share,
      current.firstSize == epoch.firstSize
    else { return }
    recovery = nil
    signer.exchange(share, using: &random)
    effects.notices.append(.members("this party's share of the key is back"))
    answerKeys(current.caller, into: &effects)
  }

  func nameCulprits(of error: FROSTError, in what: String, into effects: inout NodeEffects) {
    guard case .culprits(let culprits) = error else { return }
    for culprit in culprits {
      effects.notices.append(.evidence("party \(culprit.party): \(culprit.misbehaviour) in \(what)"))
    }
  }

  // MARK: Helpers

  mutating func onRepairStep(
    _ step: ShareRepairStep, from sender: NodeID, using random: inout some RandomNumberGenerator,
    into effects: inout NodeEffects
  ) {
    if let current = recovery, step.nonce == current.nonce.bytes {
      onHelp(step, from: sender, using: &random, into: &effects)
      return
    }
    guard let share = signer.share, step.firstSize == epoch.firstSize, epoch.parties.contains(sender),
      epoch.parties.contains(raft.id), step.nonce.count == 32
    else { return }
    if step.summand.isEmpty {
      help(step, lost: sender, share, into: &effects)
    } else {
      onSummand(step, from: sender, into: &effects)
    }
  }

  /// The party that lost its share asks: is this one willing, and, once it has chosen, what does it contribute?
  private mutating func help(
    _ step: ShareRepairStep, lost: NodeID, _ share: PartyShare<Suite>, into effects: inout NodeEffects
  ) {
    guard !step.helpers.isEmpty else {
      effects.messages.append((lost, PeerMessage.repairStep(step)))
      return
    }
    let helpers = step.helpers.compactMap { NodeID(rawValue: $0) }
    guard helpers.contains(raft.id), helpers.allSatisfy(epoch.parties.contains), let identifier = lost.party
    else { return }
    let id = repairID(step, of: lost)
    if !helps.contains(where: { $0.id == id }) {
      let source = SessionRandom(storageKey: identity.storageKey, session: id)
      guard
        var machine = try? ShareRepair(
          publicKeys: epoch.publicKeys, lost: identifier, helpers: helpers.compactMap(\.party)),
        let contribution = try? contribution(of: share, to: machine, source),
        (try? machine.receive(contribution.commitment, from: signer.party)) != nil
      else { return }
      var help = ShareHelp(
        id: id, lost: lost, helpers: helpers, machine: machine, contribution: contribution)
      help.summands = contribution.summands.filter { $0.recipient == signer.party }.map { (raft.id, $0) }
      helps.append(help)
      if helps.count > Self.maximumHelps { helps.removeFirst() }
    }
    sayHelp(id, step, into: &effects)
  }

  private func contribution(
    of share: PartyShare<Suite>, to machine: ShareRepair<Suite>, _ source: SessionRandom
  ) throws(FROSTError) -> RepairContribution<Suite> {
    var source = source
    return try machine.contribution(of: share.key, using: &source)
  }

  /// Says what this helper has for the others; messages may be lost, so it is said again when the party asks again.
  private func sayHelp(_ id: Digest, _ step: ShareRepairStep, into effects: inout NodeEffects) {
    guard let help = helps.first(where: { $0.id == id }) else { return }
    var out = ShareRepairStep(nonce: step.nonce, firstSize: step.firstSize, helpers: step.helpers)
    out.commitment = help.contribution.commitment.encoding
    out.lost = help.lost.rawValue
    for (helper, summand) in zip(help.helpers, help.contribution.summands) where helper != raft.id {
      var mine = out
      mine.summand = summand.encoding
      effects.messages.append((helper, PeerMessage.repairStep(mine)))
    }
    if help.summands.count == help.helpers.count, help.machine.awaitingCommitments.isEmpty {
      let summands = help.summands.sorted { $0.helper < $1.helper }.map(\.summand)
      do {
        out.sum = try help.machine.combine(summands, by: signer.party).encoding
      } catch {
        nameCulprits(of: error, in: "the share's repair", into: &effects)
        return
      }
    }
    effects.messages.append((help.lost, PeerMessage.repairStep(out)))
  }

  /// Another helper's part for this one.
  private mutating func onSummand(
    _ step: ShareRepairStep, from helper: NodeID, into effects: inout NodeEffects
  ) {
    guard let lost = NodeID(rawValue: step.lost),
      let position = helps.firstIndex(where: { $0.id == repairID(step, of: lost) }),
      helps[position].helpers.contains(helper), let identifier = helper.party,
      !helps[position].summands.contains(where: { $0.helper == helper })
    else { return }
    do {
      try helps[position].machine.receive(
        PolynomialCommitment(encoding: step.commitment), from: identifier)
      helps[position].summands.append((helper, try SecretShare(encoding: step.summand)))
    } catch {
      nameCulprits(of: error, in: "the share's repair", into: &effects)
      return
    }
    if helps[position].summands.count == helps[position].helpers.count {
      sayHelp(helps[position].id, step, into: &effects)
    }
  }
}

extension NodeID {
  /// The node's party as FROST knows it.
  var party: PartyIdentifier? { PartyIdentifier(UInt16(truncatingIfNeeded: rawValue)) }
}
