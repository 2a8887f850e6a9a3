import Canonical
import Crypto
import Network
import OpenExec
import Records
import Wire

// Inputs in, results out: contents between this executor and the nodes.
extension ExecutorStation {
  /// How long one node has for one content; the executor's own patience with it is a little longer.
  private static let patience = Duration.seconds(5)
  /// How long an artifact's statement is good for, in seconds.
  private static let validity: Int64 = 300

  /// Asks the node whose turn it is for an input: each try of one content another.
  func fetch(_ fetch: InputFetch) {
    let connected = links.filter(\.isConnected)
    guard !connected.isEmpty else {
      step(.inputAnswered(fetch, .missed("no node is connected"), node: "none"))
      return
    }
    let link = connected[fetch.attempt % connected.count]
    let request = ArtifactRequest(
      tenant: fetch.tenantID, digest: fetch.digest.hex, decision: fetch.decision.value)
    link.call("Artifact/Get", request.encode(), timeout: Self.patience) { [unowned self] result in
      let answer: InputAnswer
      switch result {
      case .success(let payload):
        if let got = try? ArtifactContent(decoding: payload) {
          answer = .content(got.content, proof: got.proof)
        } else {
          answer = .missed("expected an artifact, came what is none")
        }
      case .failure(let status): answer = .missed("\(status)")
      }
      step(.inputAnswered(fetch, answer, node: link.name))
    }
  }

  /// Brings a result into the workspace; `done` once governance has its record. The statement is signed
  /// anew for each try, so that it never comes too late.
  func put(
    _ artifact: ResultArtifact, of receipt: Receipt, cluster: Digest, to link: NodeLink,
    done: @escaping () -> Void
  ) {
    let content = artifact.note(
      by: configuration.executor, validUntil: judgedTime.advanced(by: .seconds(Self.validity)))
    let signed = Signed.sign(content, cluster: cluster, as: configuration.executor, with: signingKey)
    let statement = JSON.object([
      ("content", signed.content.json), ("signatures", .array(signed.signatures.map(\.json))),
    ])
    let request = ArtifactPutRequest(statement: statement.canonicalBytes(), content: artifact.content)
    link.call("Artifact/Put", request.encode(), timeout: .seconds(10)) { [unowned self] result in
      switch result {
      case .success: done()
      case .failure(let status):
        note(
          .warning, "result_not_put",
          [
            ("token_id", .string(receipt.tokenID)), ("node", .string(link.name)),
            ("status", .string("\(status)")),
          ])
        guard let isFinal = ResultRefusal.isFinal(status) else { return }
        step(
          .resultRefused(
            token: receipt.tokenID, node: link.name, status.message, isFinal: isFinal))
      }
    }
  }
}

/// What a node's refusal of a result means.
enum ResultRefusal {
  /// Whether another try is in vain; nil where nothing was refused, and it is simply tried again.
  static func isFinal(_ status: CallStatus) -> Bool? {
    switch status.code {
    case .permissionDenied, .invalidArgument, .failedPrecondition, .alreadyExists: true
    case .resourceExhausted: false
    default: nil
    }
  }
}
