import Canonical
import Crypto
import Records

/// A file that a run reads: its content is the approved one, and what is said of it stands in the ledger.
public struct RunInput: Equatable, Sendable {
  public let digest: Digest
  /// As its owner called it; may be empty. Never the name of a file in the guest.
  public let name: String
  public let mediaType: String
  /// Ascending.
  public let labels: [String]
  public let content: [UInt8]

  /// Where the guest keeps them.
  public static let folder = "/inputs"

  /// An input.
  public init(digest: Digest, name: String, mediaType: String, labels: [String], content: [UInt8]) {
    self.digest = digest
    self.name = name
    self.mediaType = mediaType
    self.labels = labels
    self.content = content
  }

  /// Its file's name in the guest, as the input at `position`, counted from 0.
  public func fileName(at position: Int) -> String { "\(position + 1)-\(digest.hex)" }

  /// What the action is told of it.
  func told(at position: Int) -> JSON {
    [
      "digest": .string(digest.hex), "labels": .array(labels.map(JSON.string)),
      "media_type": .string(mediaType), "name": .string(name),
      "path": .string("\(RunInput.folder)/\(fileName(at: position))"), "size": .integer(content.count),
    ]
  }
}

/// A content that is wanted of governance: of any node, each next try of another one.
public struct InputFetch: Hashable, Sendable {
  /// The token whose run needs it.
  public let token: String
  /// The approval's leaf, by which a node knows that this executor may have it.
  public let decision: LeafIndex
  public let tenantID: String
  public let digest: Digest
  /// Counted from 0.
  public let attempt: Int
}

/// What came of a fetch.
public enum InputAnswer: Equatable, Sendable {
  /// What a node sent; nothing of it is checked yet. The proof is of the artifact's leaf.
  case content([UInt8], proof: String)
  /// Why there is none, in words for people.
  case missed(String)
}

/// The inputs of one job on their way here, one after the other. Nothing of it is durable: what a crash
/// takes with it is fetched again, since the token is burned only when everything is here.
struct Gathering {
  let wanted: [Digest]
  /// The first of `wanted`, in their order.
  private(set) var held: [RunInput] = []
  /// When it is given up.
  let deadline: Uptime
  /// When the fetch under way is given up for another; nil where none is.
  private var awaitedUntil: Uptime?
  private var nextAt: Uptime
  private var attempt = 0
  private var lastMiss = "no node has answered"

  init(_ wanted: [Digest], at now: Uptime, patience: Interval) {
    self.wanted = wanted
    deadline = now.advanced(by: patience)
    nextAt = now
  }

  /// What is missing first.
  var next: Digest? { held.count < wanted.count ? wanted[held.count] : nil }
  /// Bytes that are here.
  var bytes: Int { held.reduce(0) { $0 + $1.content.count } }

  /// Why it failed, once time is up.
  func failure(at now: Uptime) -> GateReason? {
    guard let next, now >= deadline else { return nil }
    return .inputMissing(next, lastMiss)
  }

  /// The fetch that is due.
  mutating func due(_ token: ProvenToken, at now: Uptime, settings: ExecutorSettings) -> InputFetch? {
    guard let next, now >= nextAt else { return nil }
    if let awaitedUntil {
      guard now >= awaitedUntil else { return nil }
      lastMiss = "a node did not answer in time"
      attempt += 1
    }
    awaitedUntil = now.advanced(by: settings.inputTimeout)
    return InputFetch(
      token: token.id, decision: token.proof.index, tenantID: token.decision.tenantID, digest: next,
      attempt: attempt)
  }

  mutating func took(_ input: RunInput, at now: Uptime) {
    held.append(input)
    (awaitedUntil, nextAt, attempt) = (nil, now, 0)
  }

  mutating func missed(_ why: String, at now: Uptime, settings: ExecutorSettings) {
    lastMiss = why
    attempt += 1
    (awaitedUntil, nextAt) = (nil, now.advanced(by: settings.inputRetry))
  }
}

extension ExecutorInstance {
  /// Whether everything that the job at `position` of the queue reads is here; asks for what is not, one
  /// content of at most `maximumGathering` jobs at a time.
  mutating func hasInputs(
    _ position: Int, _ admitted: AdmittedJob, at now: Uptime, into effects: inout ExecutorEffects
  ) throws(GateReason) -> Bool {
    guard let limits = admitted.action.inputs, !admitted.wanted.isEmpty else { return true }
    if queue[position].gathering == nil {
      guard queue.count(where: { $0.gathering != nil }) < settings.maximumGathering else { return false }
      queue[position].gathering = Gathering(admitted.wanted, at: now, patience: settings.inputPatience)
    }
    guard var gathering = queue[position].gathering else { return false }
    guard gathering.bytes <= limits.maximumBytes else {
      throw .inputsMismatch("they have more than \(limits.maximumBytes) bytes")
    }
    if gathering.next == nil { return true }
    if let failure = gathering.failure(at: now) { throw failure }
    if let fetch = gathering.due(queue[position].token, at: now, settings: settings) {
      effects.fetches.append(fetch)
    }
    queue[position].gathering = gathering
    return false
  }

  /// A node's answer. What does not verify is a miss: another node may have the right one.
  mutating func answered(
    _ fetch: InputFetch, _ answer: InputAnswer, by node: String, at now: Uptime,
    into effects: inout ExecutorEffects
  ) {
    guard let position = queue.firstIndex(where: { $0.token.id == fetch.token }),
      var gathering = queue[position].gathering, gathering.next == fetch.digest
    else { return }
    switch verified(answer, fetch.digest, queue[position].token.decision) {
    case .success(let input): gathering.took(input, at: now)
    case .failure(let error):
      gathering.missed("\(node): \(error.why)", at: now, settings: settings)
      effects.notices.append(.inputMissed(fetch, node: node, error.why))
    }
    queue[position].gathering = gathering
  }

  private struct UnfitInput: Error { let why: String }

  /// The content is the one of the digest that was approved; its name, type and labels are those of a
  /// record in the ledger, of the decision's workspace or the one that it crosses to. So no single node can lie about either.
  private func verified(
    _ answer: InputAnswer, _ digest: Digest, _ decision: Decision
  ) -> Result<RunInput, UnfitInput> {
    func unfit(_ why: String) -> Result<RunInput, UnfitInput> { .failure(UnfitInput(why: why)) }
    let (content, text): ([UInt8], String)
    switch answer {
    case .missed(let why): return unfit(why)
    case .content(let bytes, let proof): (content, text) = (bytes, proof)
    }
    guard SHA256.hash(content) == digest else {
      return unfit("expected the content of the digest, came another of \(content.count) bytes")
    }
    do throws(LedgerProofError) {
      let proof = try LedgerProof(parsing: text)
      guard let known = identity.keys.signer(of: proof.note) else {
        return unfit("the proof of the artifact's record is signed by no key of the group")
      }
      let (record, checkpoint) = try proof.verify(cluster: identity.keys.cluster, groupKey: known.key)
      guard known.signs(size: checkpoint.size), case .artifact(let signed) = record.body,
        signed.content.digest == digest, signed.content.size == content.count,
        decision.mayRead(tenant: signed.content.tenantID, workspace: signed.content.workspaceID)
      else { return unfit("the proof is of another record than the artifact's") }
      return .success(
        RunInput(
          digest: digest, name: signed.content.name, mediaType: signed.content.mediaType,
          labels: signed.content.labels, content: content))
    } catch {
      return unfit(error.description)
    }
  }
}
