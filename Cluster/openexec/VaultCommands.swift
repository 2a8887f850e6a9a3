import Crypto
import Glibc
import Host
import OpenExec
import Sandbox

/// `openexec vault`: puts secrets where runs get them from. Values come on standard input, never on a command line.
enum VaultCommands {
  static let usage = """
    usage: openexec vault init --config FILE                     makes the vault, and its key where none is
           openexec vault add --config FILE TENANT NAME [--replace]  the value on standard input; one newline at
                                                                 its end is not part of it
           openexec vault list --config FILE                     tenants and names
           openexec vault remove --config FILE TENANT NAME
    """

  static func run(_ arguments: [String]) {
    guard arguments.count >= 3, arguments[1] == "--config" else { Program.fail(usage, code: 2) }
    let rest = Array(arguments[3...])
    do {
      let configuration = try ExecutorConfiguration(file: arguments[2])
      guard let settings = configuration.vault else {
        Program.fail("\(arguments[2]): expected \"vault\": {\"folder\": …, \"key\": …}", code: 2)
      }
      switch (arguments[0], rest.count) {
      case ("init", 0): try create(settings)
      case ("list", 0): for entry in try settings.open().entries { print("\(entry.tenant) \(entry.name)") }
      case ("add", 2),
        ("add", 3) where rest.count == 2 || rest[2] == "--replace":
        try add(settings, Vault.Entry(tenant: rest[0], name: rest[1]), replacing: rest.count == 3)
      case ("remove", 2): try settings.open().remove(Vault.Entry(tenant: rest[0], name: rest[1]))
      default: Program.fail(usage, code: 2)
      }
    } catch {
      Program.fail("\(error)", code: 1)
    }
  }

  private static func create(_ settings: VaultSettings) throws {
    var random = SystemRandom()
    if !Files.exists(settings.key) { try KeyFile.createSymmetricKey(at: settings.key, using: &random) }
    _ = try Vault.create(settings.folder, key: try KeyFile.readSymmetricKey(settings.key), using: &random)
    print("\(settings.folder) is sealed with \(settings.key); without that key nothing in it can be read")
  }

  private static func add(_ settings: VaultSettings, _ entry: Vault.Entry, replacing: Bool) throws {
    var value: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4_096)
    while value.count <= RunSecret.maximumBytes + 1 {
      let count = read(0, &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      value += piece[..<count]
    }
    wipe(&piece)
    if value.last == 0x0A { value.removeLast() }
    var random = SystemRandom()
    try settings.open().add(entry, &value, replacing: replacing, using: &random)
  }
}

/// Where the vault is, and its key.
struct VaultSettings: Sendable {
  let folder: String
  /// A file of 64 hexadecimal characters; beside the vault it protects nothing, so it lies elsewhere: such as a
  /// credential of the service manager.
  let key: String

  func open() throws -> Vault { try Vault.open(folder, key: try KeyFile.readSymmetricKey(key)) }

  /// The vault, where there is one, and what the service manager handed over, where it did.
  static func source(_ settings: VaultSettings?) throws -> (any SecretSource)? {
    var sources: [any SecretSource] = []
    if let settings { sources.append(try settings.open()) }
    if let folder = getenv("CREDENTIALS_DIRECTORY") {
      sources.append(ServiceCredentials(folder: String(cString: folder)))
    }
    return sources.isEmpty ? nil : SecretSources(sources)
  }
}
