import Canonical
import Crypto
import Network
import OpenExec
import Records
import Wire

// Jobs and leases in, challenges and receipts out: what nodes and this executor say to each other.
extension ExecutorStation {
  func offered(_ payload: [UInt8]) {
    guard let offer = try? JobOffer(decoding: payload) else { return }
    take(links: offer.links)
    guard !offer.token.isEmpty else { return }
    lookAtImages()
    step(.jobOffered(OfferedJob(offer)))
  }

  /// What there is may have changed since the last job: an image is added beside a running executor.
  private func lookAtImages() {
    guard let hosts else { return }
    let found = hosts.imageClasses
    if found != executor?.images { step(.imagesFound(found)) }
  }

  /// How many links of the chain of keys this executor has.
  var knownLinks: UInt32 { UInt32(executor?.identity.keys.links ?? 0) }

  /// The keys that came after the one that this executor pinned, each certified by the one before.
  private func take(links: [String]) {
    let parsed = links.prefix(1024).compactMap { try? LedgerProof(parsing: $0) }
    if !parsed.isEmpty { step(.keysOffered(parsed)) }
  }

  func enlist(_ challenge: Challenge) {
    guard let pin = cluster.pin else { return }
    let declaration = HostDeclaration(
      executor: challenge.executor, incarnation: challenge.incarnation, challenge: challenge.bytes,
      isolationClasses: executor?.activeClasses.map(\.rawValue) ?? [],
      isCompliant: readiness.declared.isCompliant,
      shortcomings: readiness.declared.shortcomings, declaredAt: judgedTime)
    let signature = PartySigned(declaration, cluster: pin.cluster, with: signingKey).signature
    let request = EnlistRequest(
      incarnation: UInt32(challenge.incarnation), challenge: challenge.bytes,
      isolationClasses: declaration.isolationClasses, knownLinks: knownLinks,
      compliant: declaration.isCompliant, shortcomings: declaration.shortcomings, signature: signature.bytes,
      declaredAt: declaration.declaredAt?.text ?? "")
    anyLink()?.call("Executor/Enlist", request.encode(), timeout: .seconds(8)) { [unowned self] result in
      switch result {
      case .success(let payload):
        guard let response = try? LeaseResponse(decoding: payload), let offer = LeaseOffer(response) else {
          return
        }
        take(links: response.links)
        step(.leaseOffered(offer))
      case .failure(let status) where status.code == .aborted: break  // a newer challenge is on its way
      case .failure(let status):
        note(.warning, "enlist_failed", [("status", .string("\(status)"))])
      }
    }
  }

  /// The node that takes the artifact gets the receipt as well: another may not have its record yet.
  func send(_ report: ReceiptReport) {
    let connected = links.filter(\.isConnected)
    guard let pin = cluster.pin, !connected.isEmpty else { return }
    let link = connected[report.node(of: connected.count)]
    let draft = report.draft
    if let artifact = draft.artifact {
      put(artifact, of: draft.receipt, cluster: pin.cluster, to: link) { [unowned self] in
        send(draft, pin, to: link)
      }
    } else {
      send(draft, pin, to: link)
    }
  }

  private func send(_ draft: ReceiptDraft, _ pin: ClusterPin, to link: NodeLink) {
    let signed = Signed.sign(
      draft.receipt, cluster: pin.cluster, as: configuration.executor, with: signingKey)
    let statement = JSON.object([
      ("content", signed.content.json), ("signatures", .array(signed.signatures.map(\.json))),
    ])
    let request = StatementRequest(
      statement: statement.canonicalBytes(), attachment: draft.attachment.bytes)
    link.call("Executor/Report", request.encode(), timeout: .seconds(10)) { [unowned self] result in
      switch result {
      case .success(let payload):
        guard let response = try? ReportResponse(decoding: payload),
          let proof = try? LedgerProof(parsing: response.proof)
        else { return }
        step(.receiptProven(proof))
      case .failure(let status):
        note(
          .warning, "report_failed",
          [("token_id", .string(draft.receipt.tokenID)), ("status", .string("\(status)"))])
        if [.notFound, .alreadyExists].contains(status.code) {
          step(.receiptRefused(token: draft.receipt.tokenID, node: link.name))
        }
      }
    }
  }
}
