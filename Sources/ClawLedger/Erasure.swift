import Crypto
import Raft
import Records

// What tenants may have erased: the attachments of their proposals, of the ballots on those, and of their receipts. They
// are sealed with keys of this node's own (``TenantKeys``). Bundles, the founders' signatures and the reasons that
// operators give are the cluster's: they are nobody's to erase, and are stored as they are.

extension TenantKeys {
  /// Opens a stored attachment.
  func open(attachment stored: [UInt8], at index: LeafIndex) -> Opened {
    open(stored, name: Self.attachmentName(index.value), at: index.value)
  }

  static func attachmentName(_ leaf: UInt64) -> [UInt8] { Array("attachment/".utf8) + BigEndian.bytes(leaf) }
}

extension RecordBody {
  /// The tenant that this record has erased, of whose signatures it says nothing; nil for every other record.
  var erasedTenant: String? {
    guard case .incident(let act) = self, act.content.kind == .erase,
      case .tenant(let name) = act.content.target
    else { return nil }
    return name
  }
}

extension RecordBody {
  /// Whose the attachment of this record is, who may have it erased; nil where it is the cluster's. `owner` is whose the
  /// proposal of a ballot is.
  func erasableTenant(owner: (LeafIndex) -> String?) -> String? {
    switch self {
    case .proposal(let proposal):
      if case .agent(let tenant, _) = proposal.content.requestedBy { tenant } else { nil }
    case .receipt(let receipt): receipt.content.tenantID
    case .ballot(let ballot): owner(ballot.content.proposal)
    case .genesis, .term, .tick, .members, .derivedMembers, .key, .version, .policy, .enrol, .artifact,
      .withdrawal, .decision, .incident, .derivedIncident, .recovery:
      nil
    }
  }
}

extension Ledger {
  /// Whose an attachment is; nil where it is the cluster's. A ballot's is that of its proposal: as `owner` says, or the
  /// log.
  func tenant(of body: RecordBody, owner: (LeafIndex) -> String? = { _ in nil }) -> String? {
    body.erasableTenant { leaf in
      owner(leaf) ?? record(at: leaf)?.body.erasableTenant { _ in nil }
    }
  }

  /// Whether the attachment of a record that stands, or is to stand, at a leaf has been erased.
  func isErased(
    _ body: RecordBody, at index: LeafIndex, owner: (LeafIndex) -> String? = { _ in nil }
  ) -> Bool {
    guard !keys.erasures.isEmpty, let tenant = tenant(of: body, owner: owner) else { return false }
    return keys.isErased(tenant, at: index.value)
  }

  /// Whether a leaf's attachment was erased: nobody has it, and no peer can be sent its entry.
  public func isErased(_ index: LeafIndex) -> Bool {
    guard !keys.erasures.isEmpty, isHeld(index) else { return false }
    if let place = place(index.value + 1) { return tail[place].isErased }
    guard let bytes = try? store.get(.attachments, StoreKey.leaf(index.value)),
      let stored = try? StoredAttachment.parse(bytes, at: index)
    else { return false }
    return keys.open(attachment: stored, at: index) == .erased
  }

  public func isErased(at index: LogIndex) -> Bool {
    index.rawValue > 0 && isErased(LeafIndex(index.rawValue - 1))
  }

  /// Whether what was sealed in one generation of a tenant's keys is erased here.
  public func isErased(_ tenant: String, at generation: UInt64) -> Bool {
    keys.isErased(tenant, at: generation)
  }

  /// Whether everything that a tenant had before a leaf is erased here.
  public func isErased(_ tenant: String, through leaf: LeafIndex) -> Bool {
    keys.erasures[tenant] ?? 0 >= leaf.value
  }

  /// Whose the attachment of a leaf is, or was; nil where it is the cluster's.
  public func tenant(at index: LeafIndex) -> String? { record(at: index).flatMap { tenant(of: $0.body) } }

  /// Since which erasure a tenant's files are sealed with their key; 0 where it was never erased.
  public func generation(of tenant: String) -> UInt64 { keys.generation(of: tenant) }

  /// Puts a record's attachment, sealed for its tenant; of one that was erased, that it is gone.
  mutating func put(
    _ attachment: [UInt8], of body: RecordBody, at leaf: UInt64,
    owner: (LeafIndex) -> String? = { _ in nil }, in batch: inout WriteBatch
  ) {
    if let tenant = body.erasedTenant { keys.turn(tenant, at: leaf) }
    let key = StoreKey.leaf(leaf)
    guard let tenant = tenant(of: body, owner: owner) else {
      if !attachment.isEmpty { batch.put(.attachments, key, StoredAttachment.bytes(attachment)) }
      return
    }
    guard !keys.isErased(tenant, at: leaf) else {
      batch.put(.attachments, key, StoredAttachment.bytes(TenantKeys.gone(tenant)))
      return
    }
    let sealed = keys.seal(attachment, tenant: tenant, name: TenantKeys.attachmentName(leaf), at: leaf)
    batch.put(.attachments, key, StoredAttachment.bytes(sealed))
  }

  /// Erases what a tenant has before a leaf, once the erasure at that leaf is final and durable here: the keys go, and
  /// what is in memory. ``TenantKeys/takeChanges()`` has the files that are to be destroyed.
  /// `owner` is whose a proposal is that is not in the log.
  public mutating func erase(
    _ tenant: String, before leaf: UInt64, owner: (LeafIndex) -> String? = { _ in nil }
  ) {
    guard leaf > keys.erasures[tenant] ?? 0 else { return }
    keys.erase(tenant, before: leaf)
    for place in tail.indices where tailFirst + UInt64(place) <= leaf && !tail[place].isErased {
      let entry = tail[place]
      guard !entry.payload.attachment.isEmpty,
        self.tenant(of: entry.parsed.record.body, owner: owner) == tenant
      else { continue }
      let payload = EntryPayload(record: entry.payload.record, attachment: [])
      guard let parsed = try? ParsedEntry(payload, mayLack: { _ in true }) else { continue }
      tail[place] = TailEntry(
        term: entry.term, payload: payload, parsed: parsed, root: entry.root, isErased: true)
    }
  }

  /// What is to be done with the files of keys, before anything that was written since the last call.
  public mutating func takeKeyChanges() -> [TenantKeyChange] { keys.takeChanges() }

  /// Seals a file of a tenant with its newest key, bound to a name.
  public mutating func seal(_ content: [UInt8], tenant: String, name: [UInt8], nonce: AEAD.Nonce) -> [UInt8] {
    keys.seal(content, tenant: tenant, name: Self.fileName(name), at: nil, nonce: nonce)
  }

  /// Opens a file; nil where its tenant was erased since, or it is not what was sealed.
  public func open(_ sealed: [UInt8], name: [UInt8]) -> [UInt8]? {
    guard case .content(let content) = keys.open(sealed, name: Self.fileName(name), at: nil) else {
      return nil
    }
    return content
  }

  private static func fileName(_ name: [UInt8]) -> [UInt8] { Array("file/".utf8) + name }
}
