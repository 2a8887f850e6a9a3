import Crypto
import Glibc
import OpenExec
import Records

/// A folder of sealed secrets, each of one tenant: `<tenant>+<name>` holds the value, sealed under the vault's key and
/// bound to tenant and name, so that no file can be put in another's place. The key lies elsewhere.
///
/// Names and tenants are no secrets. Values are read from disk for each run and kept nowhere.
public final class Vault: SecretSource {
  /// Names a value.
  public struct Entry: Equatable, Sendable {
    public let tenant: String
    public let name: String

    /// An entry.
    public init(tenant: String, name: String) {
      self.tenant = tenant
      self.name = name
    }

    /// Of its file. A plus sign is in no tenant and no secret's name.
    var file: String { "\(tenant)+\(name)" }
    var purpose: [UInt8] { Array("vault\n\(tenant)\n\(name)".utf8) }

    init?(file: String) {
      let parts = file.parts(separatedBy: UInt8(ascii: "+"))
      guard parts.count == 2, Identifier.isValid(parts[0]), SecretName.isValid(parts[1]) else { return nil }
      self.init(tenant: parts[0], name: parts[1])
    }
  }

  private let folder: String
  private let key: SymmetricKey
  /// Shows whether a key is this vault's.
  private static let seal = "seal"
  private static let sealPurpose = Array("vault\nseal".utf8)
  /// Longest sealed file.
  private static let limit = RunSecret.maximumBytes + SealedSecret.overhead

  private init(folder: String, key: consuming SymmetricKey) {
    self.folder = folder
    self.key = key
  }

  // MARK: Beginning

  /// Makes an empty vault; refuses where anything is.
  public static func create(
    _ folder: String, key: consuming SymmetricKey, using random: inout some RandomNumberGenerator
  ) throws(SandboxError) -> Vault {
    guard Folders.names(folder).isEmpty else {
      throw .unfit(path: folder, "expected an empty folder for a vault")
    }
    try Folders.makeAll(folder, mode: 0o700)
    guard chmod(folder, 0o700) == 0 else { throw Folders.failure(folder, "chmod") }
    var token = random.bytes(32)
    let box = SealedSecret.seal(SecretMemory(consuming: &token), for: sealPurpose, key: key, using: &random)
    let vault = Vault(folder: folder, key: key)
    try vault.write(box, to: seal)
    return vault
  }

  /// Opens a vault with its key.
  public static func open(_ folder: String, key: consuming SymmetricKey) throws(SandboxError) -> Vault {
    var status = stat()
    guard lstat(folder, &status) == 0 else { throw Folders.failure(folder, "open") }
    guard status.st_mode & S_IFMT == S_IFDIR, status.st_mode & 0o077 == 0 else {
      throw .unfit(path: folder, "expected a folder that its owner alone may enter: chmod 700 \(folder)")
    }
    let box = try Folders.read("\(folder)/\(seal)", limit: limit)
    do {
      _ = try SealedSecret.open(box, for: sealPurpose, key: key)
    } catch {
      throw .secret("\(folder): \(error)")
    }
    return Vault(folder: folder, key: key)
  }

  // MARK: Entries

  /// What it holds, ascending.
  public var entries: [Entry] { Folders.names(folder).compactMap(Entry.init(file:)) }

  /// Puts a value in, and wipes the array that it came in; the old one of that name goes only where `replacing` says so.
  public func add(
    _ entry: Entry, _ value: inout [UInt8], replacing: Bool = false,
    using random: inout some RandomNumberGenerator
  ) throws(SandboxError) {
    guard Entry(file: entry.file) == entry else {
      throw .secret(
        "expected a tenant and a name of 1 to 64 of a-z 0-9 . _ -, found \(entry.tenant) \(entry.name)")
    }
    guard (RunSecret.minimumBytes...RunSecret.maximumBytes).contains(value.count) else {
      throw .secret(
        "expected a value of \(RunSecret.minimumBytes) to \(RunSecret.maximumBytes) bytes, found \(value.count); "
          + "shorter ones cannot be told from other text, and so not be kept out of outputs")
    }
    guard replacing || !Folders.exists("\(folder)/\(entry.file)") else {
      throw .secret("there is a secret \(entry.name) of \(entry.tenant) already; --replace takes its place")
    }
    let box = SealedSecret.seal(SecretMemory(consuming: &value), for: entry.purpose, key: key, using: &random)
    try write(box, to: entry.file)
  }

  /// Takes a value out.
  public func remove(_ entry: Entry) throws(SandboxError) {
    guard entries.contains(entry) else {
      throw .secret("there is no secret \(entry.name) of \(entry.tenant)")
    }
    let path = "\(folder)/\(entry.file)"
    guard unlink(path) == 0 else { throw Folders.failure(path, "unlink") }
  }

  public func secret(_ name: String, of tenant: String) throws(SandboxError) -> [UInt8] {
    let entry = Entry(tenant: tenant, name: name)
    guard Entry(file: entry.file) == entry, Folders.exists("\(folder)/\(entry.file)") else {
      throw .secret("there is no secret \(name) of \(tenant) in this executor's vault")
    }
    let box = try Folders.read("\(folder)/\(entry.file)", limit: Vault.limit)
    do {
      return try SealedSecret.open(box, for: entry.purpose, key: key).withUnsafeBytes { Array($0) }
    } catch {
      throw .secret("secret \(name) of \(tenant): \(error)")
    }
  }

  public func replace(_ name: String, of tenant: String, _ value: [UInt8]) throws(SandboxError) {
    var value = value
    var random = SystemRandom()
    try add(Entry(tenant: tenant, name: name), &value, replacing: true, using: &random)
  }

  /// Replaces a file as a whole, synced before it takes the name.
  private func write(_ bytes: [UInt8], to name: String) throws(SandboxError) {
    // No secret's file: theirs have one plus sign.
    let new = "\(folder)/.\(name)+new"
    unlink(new)
    try Folders.create(new, [bytes], mode: 0o600)
    for path in [new, folder] {
      let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
      guard descriptor >= 0 else { throw Folders.failure(path, "open") }
      defer { close(descriptor) }
      guard fsync(descriptor) == 0 else { throw Folders.failure(path, "fsync") }
      if path == new, rename(new, "\(folder)/\(name)") != 0 { throw Folders.failure(name, "rename") }
    }
  }
}

/// What the service manager hands to this program: files named as in a vault, in a folder of its own (systemd's
/// LoadCredential= and LoadCredentialEncrypted=).
public struct ServiceCredentials: SecretSource {
  private let folder: String

  /// Those of a folder.
  public init(folder: String) { self.folder = folder }

  public func secret(_ name: String, of tenant: String) throws(SandboxError) -> [UInt8] {
    let entry = Vault.Entry(tenant: tenant, name: name)
    guard Vault.Entry(file: entry.file) == entry, Folders.exists("\(folder)/\(entry.file)") else {
      throw .secret("there is no credential \(entry.file)")
    }
    let value = try Folders.read("\(folder)/\(entry.file)", limit: RunSecret.maximumBytes)
    guard value.count >= RunSecret.minimumBytes else {
      throw .secret("credential \(entry.file): expected at least \(RunSecret.minimumBytes) bytes")
    }
    return value
  }
}

extension ServiceCredentials {
  public func replace(_ name: String, of tenant: String, _ value: [UInt8]) throws(SandboxError) {
    throw .secret(
      "\(name) of \(tenant) is the service manager's, which this program cannot change; put it into the vault"
    )
  }
}

/// Several sources; the first that has a secret gives it.
public struct SecretSources: SecretSource {
  private let sources: [any SecretSource]

  /// In their order.
  public init(_ sources: [any SecretSource]) { self.sources = sources }

  public func secret(_ name: String, of tenant: String) throws(SandboxError) -> [UInt8] {
    var reasons: [String] = []
    for source in sources {
      do throws(SandboxError) {
        return try source.secret(name, of: tenant)
      } catch {
        reasons.append(error.description)
      }
    }
    throw .secret(
      reasons.isEmpty ? "this executor has no source of secrets" : reasons.joined(separator: "; "))
  }

  /// In the source that has it.
  public func replace(_ name: String, of tenant: String, _ value: [UInt8]) throws(SandboxError) {
    for source in sources where (try? source.secret(name, of: tenant)) != nil {
      return try source.replace(name, of: tenant, value)
    }
    throw .secret("no source has \(name) of \(tenant)")
  }
}
