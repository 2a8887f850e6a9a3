import Canonical
import Crypto
import Host
import Network
import Records

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
    guard nodes.count >= threshold else {
      throw file.unusable("nodes", "expected at least \(threshold), so that a threshold of them can agree")
    }
    try file.finish()
    executor = principal
    self.incarnation = incarnation
    home = file.folder
  }
}
