import Crypto
import Records

/// What is to be done with a file that holds a tenant's key.
public enum TenantKeyChange: Equatable, Sendable {
  /// Kept under this name, synced before anything that it seals is written.
  case keep(name: String, bytes: [UInt8])
  /// Overwritten, synced and removed.
  case destroy(name: String)
}

/// Why the keys of a node cannot be taken up.
public struct TenantKeyFault: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file's name, and what was expected of it.
  public let description: String
  init(_ name: String, _ expected: String) { description = "tenant key \(name): expected \(expected)" }
}

/// One key of one tenant on one node: it seals what comes at and after one leaf, until the tenant is erased again.
private final class TenantKey: Sendable {
  /// The erasure with which it began; 0 for a tenant's first.
  let since: UInt64
  private let sealing: SymmetricKey
  /// Where no nonce was drawn it derives from what is sealed, so that the log needs no chance, and the same never serves
  /// for two texts.
  private let naming: SymmetricKey

  init(since: UInt64, _ secret: borrowing SymmetricKey) {
    self.since = since
    sealing = secret.derived(for: Array("seal".utf8))
    naming = secret.derived(for: Array("nonce".utf8))
  }

  func nonce(_ plaintext: [UInt8], _ bound: [UInt8]) -> AEAD.Nonce {
    let digest = naming.authenticate(BigEndian.bytes(UInt64(bound.count)) + bound + plaintext)
    guard let nonce = AEAD.Nonce(digest.bytes.prefix(AEAD.nonceLength)) else {
      preconditionFailure("a digest is longer than a nonce")
    }
    return nonce
  }

  func seal(_ plaintext: [UInt8], _ bound: [UInt8], _ nonce: AEAD.Nonce) -> [UInt8] {
    nonce.bytes + AEAD.seal(plaintext, key: sealing, nonce: nonce, additionalData: bound)
  }

  func open(_ box: ArraySlice<UInt8>, _ bound: [UInt8]) -> [UInt8]? {
    guard let nonce = AEAD.Nonce(box.prefix(AEAD.nonceLength)) else { return nil }
    return AEAD.open(
      Array(box.dropFirst(AEAD.nonceLength)), key: sealing, nonce: nonce, additionalData: bound)
  }
}

/// The keys with which a node seals what tenants may have erased: attachments, and the contents of artifacts. Each node
/// has its own, at random; none is ever in the store, a backup or a message, so that an erasure destroys it by its one file.
///
/// A key is made when its tenant first needs one, and at each erasure: what comes after is not what is erased.
public struct TenantKeys: Sendable {
  /// What stands in the place of sealed bytes.
  public enum Opened: Equatable, Sendable {
    case content([UInt8])
    /// Its key is destroyed, or to be: nobody reads it any more.
    case erased
    /// Its key is missing, or the bytes are not what was sealed.
    case unreadable
  }

  /// By tenant, ascending by their beginning.
  private var keys: [String: [TenantKey]] = [:]
  /// By tenant, the leaf of the last erasure that is final: what stands before it is gone.
  public private(set) var erasures: [String: UInt64] = [:]
  private var changes: [TenantKeyChange] = []
  private var source: KeySource?

  /// None, and nothing is sealed: for ledgers in memory.
  public static let unsealed = TenantKeys()

  private init() {}

  /// The keys of a node, from its files. `wrapping` is the node's storage key, under which the files are sealed; `seed`
  /// are 32 bytes drawn for this life of the process, kept nowhere, from which new keys come.
  public init(
    stored files: [(name: String, bytes: [UInt8])], wrapping storageKey: borrowing SymmetricKey,
    seed: [UInt8]
  ) throws(TenantKeyFault) {
    let source = KeySource(wrapping: storageKey, seed: seed)
    self.source = source
    for (name, bytes) in files {
      guard let (tenant, since) = Self.parse(name) else {
        throw TenantKeyFault(name, "a name <tenant>.<leaf>")
      }
      guard let secret = source.open(bytes, name: name) else {
        throw TenantKeyFault(name, "a key that this node's storage key has sealed under this name")
      }
      insert(TenantKey(since: since, secret), of: tenant)
    }
  }

  private mutating func insert(_ key: TenantKey, of tenant: String) {
    var own = keys[tenant] ?? []
    own.append(key)
    own.sort { $0.since < $1.since }
    keys[tenant] = own
  }

  static func name(_ tenant: String, _ since: UInt64) -> String { "\(tenant).\(since)" }

  private static func parse(_ name: String) -> (tenant: String, since: UInt64)? {
    guard let dot = name.lastIndex(of: "."), let since = UInt64(name[name.index(after: dot)...]) else {
      return nil
    }
    let tenant = String(name[..<dot])
    return Identifier.isValid(tenant) && Self.name(tenant, since) == name ? (tenant, since) : nil
  }

  /// What is to be done with files, in order; then forgotten here.
  public mutating func takeChanges() -> [TenantKeyChange] {
    guard !changes.isEmpty else { return [] }
    defer { changes = [] }
    return changes
  }

  // MARK: Sealing

  /// Whether what belongs to a tenant and stands at a leaf has been erased.
  public func isErased(_ tenant: String, at leaf: UInt64) -> Bool { leaf < erasures[tenant] ?? 0 }

  /// Since which erasure what is sealed now for a tenant has its key; 0 where there was none.
  public func generation(of tenant: String) -> UInt64 {
    max(keys[tenant]?.last?.since ?? 0, erasures[tenant] ?? 0)
  }

  /// Seals what a tenant may have erased, bound to `name`. What stands at a leaf is sealed with the key of that time;
  /// anything else, where `leaf` is nil, with the newest.
  ///
  /// Bytes: 1 ‖ generation (8) ‖ length of the tenant's name (1) ‖ the name ‖ nonce (24) ‖ box.
  public mutating func seal(
    _ plaintext: [UInt8], tenant: String, name: [UInt8], at leaf: UInt64?, nonce: AEAD.Nonce? = nil
  ) -> [UInt8] {
    guard source != nil else { return plaintext }
    let key = key(of: tenant, at: leaf ?? .max)
    let header = Self.header(Self.sealedMark, tenant, key.since)
    let bound = header + name
    return header + key.seal(plaintext, bound, nonce ?? key.nonce(plaintext, bound))
  }

  /// What stands in the place of something that was erased before it came here.
  ///
  /// Bytes: 2 ‖ generation (8) ‖ length of the tenant's name (1) ‖ the name.
  static func gone(_ tenant: String) -> [UInt8] { header(goneMark, tenant, 0) }

  private static let sealedMark: UInt8 = 1
  private static let goneMark: UInt8 = 2

  private static func header(_ mark: UInt8, _ tenant: String, _ since: UInt64) -> [UInt8] {
    let name = Array(tenant.utf8)
    precondition(name.count <= 255, "an identifier is at most 128 bytes")
    return [mark] + BigEndian.bytes(since) + [UInt8(name.count)] + name
  }

  /// Opens what ``seal(_:tenant:name:at:)`` made; what begins with neither mark was never sealed.
  public func open(_ bytes: [UInt8], name: [UInt8], at leaf: UInt64?) -> Opened {
    guard let mark = bytes.first, mark == Self.sealedMark || mark == Self.goneMark else {
      return .content(bytes)
    }
    guard let header = Header(bytes) else { return .unreadable }
    if isErased(header.tenant, at: leaf ?? header.since) { return .erased }
    guard mark == Self.sealedMark, let key = keys[header.tenant]?.first(where: { $0.since == header.since }),
      let content = key.open(bytes[header.count...], Array(bytes[..<header.count]) + name)
    else { return .unreadable }
    return .content(content)
  }

  private struct Header {
    let tenant: String
    let since: UInt64
    let count: Int

    init?(_ bytes: [UInt8]) {
      guard bytes.count >= 10, bytes.count >= 10 + Int(bytes[9]) else { return nil }
      since = BigEndian.uint64(bytes[1..<9])
      count = 10 + Int(bytes[9])
      tenant = String(decoding: bytes[10..<count], as: UTF8.self)
    }
  }

  /// The key that seals what stands at a leaf; made where there is none.
  private mutating func key(of tenant: String, at leaf: UInt64) -> TenantKey {
    let least = erasures[tenant] ?? 0
    if let known = keys[tenant]?.last(where: { $0.since <= leaf && $0.since >= least }) { return known }
    return make(tenant, since: least)
  }

  @discardableResult
  private mutating func make(_ tenant: String, since: UInt64) -> TenantKey {
    let name = Self.name(tenant, since)
    guard let file = source?.next(name: name), let secret = source?.open(file, name: name) else {
      preconditionFailure("asked for only where there is a source, which opens what it has sealed")
    }
    let key = TenantKey(since: since, secret)
    insert(key, of: tenant)
    changes.append(.keep(name: name, bytes: file))
    return key
  }

  // MARK: Erasing

  /// An erasure stands in the log, final or not: what comes after it is sealed with another key. One that a later erasure
  /// has outdone, as who fetches leaves from before a state meets it, makes none.
  mutating func turn(_ tenant: String, at leaf: UInt64) {
    guard source != nil, leaf >= erasures[tenant] ?? 0,
      keys[tenant]?.contains(where: { $0.since == leaf }) != true
    else { return }
    make(tenant, since: leaf)
  }

  /// An erasure is final, and that is durable: every key from before it is destroyed.
  mutating func erase(_ tenant: String, before leaf: UInt64) {
    guard leaf > erasures[tenant] ?? 0 else { return }
    erasures[tenant] = leaf
    let own = keys[tenant] ?? []
    for key in own where key.since < leaf { changes.append(.destroy(name: Self.name(tenant, key.since))) }
    keys[tenant] = own.filter { $0.since >= leaf }
  }
}

/// Where new keys come from, and what seals them at rest.
private struct KeySource: Sendable {
  /// A reference: keys are not copied.
  private final class Wrapping: Sendable {
    let key: SymmetricKey
    init(_ storageKey: borrowing SymmetricKey) { key = storageKey.derived(for: Array("tenant-keys".utf8)) }
  }

  private let wrapping: Wrapping
  /// Moves on with each key, so that none can be made again from what is left of it.
  private var seed: [UInt8]

  init(wrapping storageKey: borrowing SymmetricKey, seed: [UInt8]) {
    wrapping = Wrapping(storageKey)
    self.seed = seed
  }

  private static func purpose(_ name: String) -> [UInt8] { Array("openexec/tenant-key/v1\n\(name)".utf8) }

  /// The file of a fresh key: nonce (24) ‖ box.
  mutating func next(name: String) -> [UInt8] {
    let purpose = Self.purpose(name)
    var plaintext = HMACSHA256.authenticate(Array("key\n".utf8) + purpose, key: seed).bytes
    let drawn = HMACSHA256.authenticate(Array("nonce\n".utf8) + purpose, key: seed)
    let following = HMACSHA256.authenticate(Array("seed\n".utf8), key: seed).bytes
    wipe(&seed)
    seed = following
    guard let nonce = AEAD.Nonce(drawn.bytes.prefix(AEAD.nonceLength)) else {
      preconditionFailure("a digest is longer than a nonce")
    }
    defer { wipe(&plaintext) }
    return nonce.bytes + AEAD.seal(plaintext, key: wrapping.key, nonce: nonce, additionalData: purpose)
  }

  func open(_ bytes: [UInt8], name: String) -> SymmetricKey? {
    guard let nonce = AEAD.Nonce(bytes.prefix(AEAD.nonceLength)),
      var plaintext = AEAD.open(
        Array(bytes.dropFirst(AEAD.nonceLength)), key: wrapping.key, nonce: nonce,
        additionalData: Self.purpose(name))
    else { return nil }
    return SymmetricKey(consuming: &plaintext)
  }
}
