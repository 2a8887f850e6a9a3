import Canonical
import Crypto
import EventLoop
import Host
import Images
import Network
import OpenExec
import Records
import Sandbox

/// What an executor is told by its file.
struct ExecutorConfiguration: Sendable {
  /// A governance node.
  struct Node: Sendable {
    let name: String
    let address: String
    let authority: String
    let pin: CertificateFingerprint
  }

  let executor: Principal
  let incarnation: Int
  /// Where the configuration's file is: not lost with the data folder.
  let home: String
  let domain: TrustDomain
  /// How many parties must say the same before the cluster's id and key are believed.
  let threshold: Int
  let isolationClasses: [IsolationClass]
  let certificate: String
  let certificateKey: String
  let signingKey: String
  let data: String
  let images: String
  /// Where machines are made; short, since sockets and control groups are named after it.
  var machines: String { data + "/machines" }
  let nodes: [Node]
  /// What runs the classes that are no built-in machines; nil for the standard ones.
  let containerRuntime: ShimSettings.Runtime?
  let kataRuntime: ShimSettings.Runtime?
  let wasmRuntime: ShimSettings.Runtime?
  /// Machines that stand ready, booted for whatever is asked for next; each takes its memory.
  let warmMachines: Int
  /// Where tasks of shims are made; every folder above it can be passed through by anyone.
  let tasks: String
  /// Nil where runs get no secrets but those of the service manager.
  let vault: VaultSettings?
  /// Whose statement about an image there must be, for it to run here.
  let imageSigners: DemandedSigners
  /// Networks that no run reaches, beside those that are not the Internet's and the nodes' own.
  let closedNetworks: [AddressBlock]
  /// Where the health port listens, on loopback; nil where there is none.
  let health: SocketAddress?

  init(file: String) throws {
    var file = try ConfigurationSection(file: file)
    let folder = file.folder
    let principal = try file.value("principal", "executor/<name>") { json in
      json.string.flatMap(Principal.init(path:)).flatMap { principal in
        if case .executor = principal { principal } else { nil }
      }
    }
    domain = try file.value("trust_domain", "a SPIFFE trust domain") { $0.string.flatMap(TrustDomain.init) }
    threshold = try file.integer("threshold", in: 1...64)
    let incarnation = try file.integer("incarnation", in: 1...1_000_000)
    isolationClasses = try file.value("isolation_classes", "a list of isolation classes") { json in
      json.array.map { $0.compactMap(\.string).compactMap(IsolationClass.init(rawValue:)) }
    }
    let tls = try file.section("tls") { (tls) throws(ConfigurationError) in
      (certificate: try tls.text("certificate"), key: try tls.text("key"))
    }
    certificate = Files.resolve(tls.certificate, in: folder)
    certificateKey = Files.resolve(tls.key, in: folder)
    signingKey = try file.path("signing_key")
    data = try file.path("data")
    images = try file.path("images")
    nodes = try file.sections("nodes") { (node) throws(ConfigurationError) in
      Node(
        name: try node.text("name"), address: try node.text("address"),
        authority: Files.resolve(try node.text("authority"), in: folder),
        pin: try node.value("pin", "a SHA-256 fingerprint in hexadecimal") { json in
          json.string.flatMap(CertificateFingerprint.init(hex:))
        })
    }
    var runtimes: [String: ShimSettings.Runtime] = [:]
    if file.optional("runtimes") != nil {
      runtimes = try file.section("runtimes", ExecutorConfiguration.runtimes)
    }
    containerRuntime = runtimes["container"]
    kataRuntime = runtimes["kata"]
    wasmRuntime = runtimes["wasm"]
    tasks = try file.value(
      "tasks", "an absolute path of at most 64 bytes",
      default: "/run/openexec/" + SHA256.hash(data).hex.prefix(12)
    ) { json in
      json.string.flatMap { $0.hasPrefix("/") && $0.utf8.count <= 64 ? $0 : nil }
    }
    guard nodes.count >= threshold else {
      throw file.unusable("nodes", "expected at least \(threshold), so that a threshold of them can agree")
    }
    warmMachines = try file.value("warm_machines", "a whole number from 0 to 16", default: 1) { json in
      json.integer.flatMap { (0...16).contains($0) ? $0 : nil }
    }
    vault = try ExecutorConfiguration.vault(&file)
    closedNetworks = try file.value(
      "closed_networks", "a list of networks such as \"203.0.113.0/24\"", default: []
    ) { json in
      guard let texts = json.array?.compactMap(\.string), texts.count == json.array?.count else { return nil }
      let blocks = texts.compactMap {
        AddressBlock(text: $0, purpose: "closed by this executor's configuration")
      }
      return blocks.count == texts.count ? blocks : nil
    }
    imageSigners = try ExecutorConfiguration.signers(&file)
    health = try file.value("health", "a loopback address such as \"127.0.0.1:7301\"", default: nil) { json in
      json.string.flatMap(SocketAddress.init).flatMap { $0.isLoopback ? .some($0) : nil }
    }
    try file.finish()
    executor = principal
    self.incarnation = incarnation
    home = file.folder
  }

  /// `{"container": {"runtime": NAME}, "kata": {"runtime": NAME, "config": FILE}, "wasm": {"runtime": NAME}}`, each part
  /// optional.
  private static func runtimes(
    _ section: inout ConfigurationSection
  ) throws(ConfigurationError) -> [String: ShimSettings.Runtime] {
    var found: [String: ShimSettings.Runtime] = [:]
    for name in ["container", "kata", "wasm"] {
      guard section.optional(name) != nil else { continue }
      found[name] = try section.section(name) { (runtime) throws(ConfigurationError) in
        ShimSettings.Runtime(
          try runtime.text("runtime"),
          configuration: try runtime.value("config", "a path", default: nil) { .some($0.string) },
          root: try runtime.value("root", "folder or block", default: .folder) { json in
            json.string.flatMap(ShimSettings.RootForm.init(rawValue:))
          })
      }
    }
    return found
  }

  /// `"image_signers"`: each a public key in hexadecimal, or a file with one, in hexadecimal or in OpenSSH's form.
  private static func signers(_ file: inout ConfigurationSection) throws(ConfigurationError)
    -> DemandedSigners
  {
    let folder = file.folder
    let texts: [String]? = try file.value("image_signers", DemandedSigners.expected, default: nil) { json in
      guard let list = json.array else { return nil }
      let texts = list.compactMap(\.string)
      return texts.count == list.count ? .some(texts) : nil
    }
    guard let texts else { return DemandedSigners() }
    do throws(SignerListFault) {
      return try DemandedSigners(named: texts) { name in
        try? Files.readText(Files.resolve(name, in: folder), limit: 4_096)
      }
    } catch {
      throw file.unusable("image_signers", error.description)
    }
  }

  /// The hosts of all classes. `folder` is where machines are made.
  func hosts(on loop: EventLoop, folder: String, tasks: String? = nil) throws -> SandboxHosts {
    var settings = ShimSettings(images: images, folder: tasks ?? self.tasks, roots: folder + "-roots")
    if let containerRuntime { settings.container = containerRuntime }
    if let kataRuntime { settings.kata = kataRuntime }
    settings.wasm = wasmRuntime
    settings.signers = imageSigners
    return SandboxHosts([
      try MicroVMHost(loop: loop, settings: try Reach.settings(self, folder: folder)),
      try ShimHost(loop: loop, settings: settings),
    ])
  }

  private static func vault(_ file: inout ConfigurationSection) throws(ConfigurationError) -> VaultSettings? {
    guard file.optional("vault") != nil else { return nil }
    let folder = file.folder
    return try file.section("vault") { (vault) throws(ConfigurationError) in
      VaultSettings(
        folder: Files.resolve(try vault.text("folder"), in: folder),
        key: Files.resolve(try vault.text("key"), in: folder))
    }
  }
}
