import Canonical
import Crypto
import Records

/// How an executor stands at one moment: what its health port tells, and whether it takes jobs (RT-15).
public struct ExecutorHealth: Equatable, Sendable {
  /// Under which lease it acts.
  public enum Mode: String, Sendable {
    case running
    /// The lease forbids everything.
    case halted
    /// No lease is live: nothing runs.
    case unleased
    /// The cluster's id and keys are not known yet.
    case unpinned
  }

  /// What forbids it, by the incidents that do.
  public struct Restrictions: Equatable, Sendable {
    /// Entries of the live lease's list.
    public var count = 0
    /// Those of them that stop this executor, whosever job it is.
    public var here: [String] = []
  }

  public var executor: Principal
  public var incarnation: Int
  public var mode = Mode.unpinned
  public var restrictions = Restrictions()
  /// Against what everything is verified here: the cluster's id and the newest group key; nil before they are known.
  public var cluster: Digest?
  public var publicKeyID: String?
  /// Of the newest lease that was accepted.
  public var leaseSize: UInt64?
  /// Until the live lease ends; zero where none is.
  public var leaseLeft = Interval.seconds(0)
  /// Of the bundle whose registry is the allow-list; nil where none is here.
  public var policyBundleHash: Digest?
  public var actions = 0
  public var activeClasses: [IsolationClass] = []
  public var jobs: (queued: Int, active: Int, unproven: Int) = (0, 0, 0)
  /// A receipt has waited too long for its proof.
  public var owesReceipt = false
  public var isShuttingDown = false

  /// What is told who wants something verified before the cluster's keys are known.
  public static let noKey = ProbeRefusal(403, "no key: the cluster's id and key are not known here yet")

  /// Before anything is known of a cluster.
  public init(executor: Principal, incarnation: Int) {
    self.executor = executor
    self.incarnation = incarnation
  }

  public static func == (left: Self, right: Self) -> Bool { left.json == right.json }

  /// What there is to say of the allow-list; nil where it is in force.
  public var allowListWarning: String? {
    if policyBundleHash == nil { return "no bundle is here: nothing is allowed" }
    return actions == 0 ? "the bundle registers no action: nothing is allowed" : nil
  }

  /// Why it takes no job now; empty where it does.
  public var obstacles: [String] {
    var found: [String] = []
    switch mode {
    case .running: break
    case .halted: found.append("halted")
    case .unleased: found.append("no lease is live")
    case .unpinned: found.append("the cluster's id and key are not known here yet")
    }
    if !restrictions.here.isEmpty {
      found.append("restricted by \(restrictions.here.joined(separator: ", "))")
    }
    if activeClasses.isEmpty { found.append("no isolation class is active") }
    if let allowListWarning, mode != .unpinned { found.append(allowListWarning) }
    if owesReceipt { found.append("a receipt is not proven yet") }
    if isShuttingDown { found.append("it is going down") }
    return found
  }

  var json: JSON {
    var members: [(String, JSON)] = [
      ("executor_id", .string(executor.path)), ("executor_incarnation", .integer(incarnation)),
      ("mode", .string(mode.rawValue)),
      (
        "restrictions",
        ["count": .integer(restrictions.count), "here": .array(restrictions.here.map { .string($0) })]
      ),
      ("isolation_classes", .array(activeClasses.map { .string($0.rawValue) })),
      (
        "jobs",
        [
          "queued": .integer(jobs.queued), "active": .integer(jobs.active),
          "unproven": .integer(jobs.unproven),
        ]
      ),
      ("obstacles", .array(obstacles.map { .string($0) })),
    ]
    var verification: [(String, JSON)] = [("lease_left_ms", .integer(Int(leaseLeft.nanoseconds / 1_000_000)))]
    if let cluster { verification.append(("cluster", .string(cluster.hex))) }
    if let publicKeyID { verification.append(("public_key_id", .string(publicKeyID))) }
    if let leaseSize { verification.append(("lease_size", .string("\(leaseSize)"))) }
    members.append(("verification", .object(verification)))
    var allowList: [(String, JSON)] = [("actions", .integer(actions))]
    if let policyBundleHash { allowList.append(("policy_bundle_hash", .string(policyBundleHash.hex))) }
    if let allowListWarning { allowList.append(("warning", .string(allowListWarning))) }
    members.append(("allow_list", .object(allowList)))
    return .object(members)
  }
}

extension Receipt {
  /// What is told of one that holds: names and hashes, no content.
  public var verifiedJSON: JSON {
    [
      "verified": true, "receipt_id": .string(receiptID), "token_id": .string(tokenID),
      "decision_id": .string(decisionID), "executor_id": .string(executorID.path),
      "status": .string(status.rawValue),
      "result_hash": .string(resultHash.hex),
    ]
  }
}

extension ExecutorInstance {
  /// How it stands.
  public func health(at now: Uptime) -> ExecutorHealth {
    var health = ExecutorHealth(executor: identity.executor, incarnation: identity.incarnation)
    health.cluster = identity.keys.cluster
    health.publicKeyID = identity.keys.keys.last.map(\.key.hex)
    health.leaseSize = leases.highest?.size
    health.mode = .unleased
    if let lease = leases.live(at: now) {
      health.mode = lease.line.mode == .running && !lease.restrictions.isHalted ? .running : .halted
      health.leaseLeft = lease.end.since(now)
      health.restrictions.count = lease.restrictions.entries.count
      health.restrictions.here = lease.restrictions.entries.filter {
        $0.target == .all || $0.target == .principal(identity.executor)
      }.map(\.incidentID)
    }
    health.policyBundleHash = registry?.hash
    health.actions = registry?.bundle.actions.count ?? 0
    health.activeClasses = activeClasses
    health.jobs = counts
    health.owesReceipt = owesReceipt(at: now)
    health.isShuttingDown = isShuttingDown
    return health
  }

  /// Holds a proof against the keys that this executor knows, offline: the receipt in it, or why it is none. Whether its
  /// executor had signed it the nodes saw when they took it, which the parties' signature stands for.
  public func verifiedReceipt(_ text: String) throws(ProbeRefusal) -> Receipt {
    do {
      let proof = try LedgerProof(parsing: text)
      guard let known = identity.keys.signer(of: proof.note) else {
        throw ProbeRefusal(403, "the note is signed by no group key that is known here")
      }
      let (record, checkpoint) = try proof.verify(cluster: identity.keys.cluster, groupKey: known.key)
      guard known.signs(size: checkpoint.size) else {
        throw ProbeRefusal(403, "the key that signed the note was not in force at its size")
      }
      guard case .receipt(let signed) = record.body else {
        throw ProbeRefusal(403, "leaf \(proof.index.value) is no receipt")
      }
      return signed.content
    } catch let refusal as ProbeRefusal {
      throw refusal
    } catch let error as LedgerProofError {
      throw ProbeRefusal(403, error.description)
    } catch {
      throw ProbeRefusal(403, "no proof")
    }
  }
}
