import Canonical
import Crypto
import Merkle
import OpenExec
import Records
import Wire

/// What an executor was told of leases, judged apart from `OpenExec`: the oracle for "nothing starts or goes
/// on running past a lapsed lease, nor after a restriction that the newest lease names".
///
/// A lease counts where the group key signed it, it commits to a challenge that this life of the process
/// sent, and it was newer than every one before it and not over when it came. It ends so many seconds
/// after its challenge was sent.
struct LeaseShadow {
  struct Held {
    let mark: LeaseMark
    /// When its challenge was sent, the time of the first note that answered that, and when it ends.
    let sent: Uptime
    let answered: Timestamp
    let end: Uptime
    let isHalted: Bool
    let restrictions: RestrictionList
    let bundle: Digest
    /// Place of its challenge in the order of sending.
    let challenge: Int
  }

  private var sent: [(challenge: Challenge, at: Uptime)] = []
  private(set) var newest: Held?
  /// The newest mark that any life of this executor's incarnation took.
  private(set) var highest: LeaseMark?

  /// The process starts anew: what it had sent means nothing any more.
  mutating func restart(isNewIncarnation: Bool) {
    sent = []
    newest = nil
    if isNewIncarnation { highest = nil }
  }

  mutating func sent(_ challenge: Challenge, at now: Uptime) { sent.append((challenge, now)) }

  /// A lease is shown to the executor, which has been told of the first `links` keys after the genesis's so far: what another
  /// signs it cannot take. A key that was only shared anew is the one that it knows.
  mutating func shown(_ lease: LeaseResponse, at now: Uptime, keys: KeyChain, links: Int) {
    let path = lease.challengePath.compactMap { Digest($0) }
    guard let note = try? SignedNote(parsing: Array(lease.note.utf8)),
      let checkpoint = try? keys.verified(note),
      let signer = keys.epochs.last(where: { $0.firstSize <= checkpoint.size })?.key,
      keys.epochs.prefix(links + 1).contains(where: { $0.key == signer }),
      let line = checkpoint.lease, path.count == lease.challengePath.count,
      let list = try? RestrictionList(parsing: lease.restrictions), list.hash == line.restrictionsHash
    else { return }
    let answered = sent.lastIndex { sent in
      let root = try? Proof.root(
        leaf: sent.challenge.leaf, index: lease.challengeIndex, size: lease.challengeCount, path: path)
      return root == line.challengeRoot
    }
    let mark = LeaseMark(size: checkpoint.size, time: checkpoint.time)
    // Of the challenges that are open it keeps the newest few, and none from before the one answered last.
    guard let answered, answered >= newest?.challenge ?? 0,
      answered == newest?.challenge || answered + LeaseKeeper.maximumChallenges >= sent.count,
      highest.map({ mark > $0 }) ?? true
    else { return }
    let end = sent[answered].at.advanced(by: .seconds(Int64(line.seconds)))
    guard now < end else { return }
    highest = mark
    newest = Held(
      mark: mark, sent: sent[answered].at,
      answered: newest.flatMap { $0.challenge == answered ? $0.answered : nil } ?? checkpoint.time, end: end,
      isHalted: line.mode == .halted || list.isHalted, restrictions: list,
      bundle: line.policyBundleHash,
      challenge: answered)
  }

  /// The time of day as the newest lease gives it: that of the first note that answered its challenge, as of when that was
  /// sent, which was before. So it is ahead by as long as the answer took, and never behind.
  func time(at now: Uptime) -> Timestamp? {
    newest.map { max($0.mark.time, $0.answered.advanced(by: now.since($0.sent))) }
  }

  /// Why nothing of this token may run now; nil where it may.
  func objection(to token: String, _ decision: Decision, on executor: Principal, at now: Uptime) -> String? {
    guard let newest else { return "no lease" }
    guard now < newest.end else { return "a lapsed lease" }
    if newest.isHalted { return "a halted lease" }
    let entry = newest.restrictions.forbids(
      tokenID: token, tenant: decision.tenantID, agent: decision.requestedBy, executor: executor)
    return entry.map { "restriction \($0.incidentID)" }
  }
}
