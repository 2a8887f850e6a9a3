import EventLoop
import Foundation
import Network
import Testing

/// A certificate and its key are put in place as one, and begin when they are issued (Decision 028). States of a pair: old, new,
/// and the new key with the old certificate, where a host stopped in between.
/// Failure cases: a link in place of either file, a name that cannot be written, a certificate of somebody else, another clock.
struct PairRenewalTests {
  private let folder: String

  init() throws {
    folder = FileManager.default.temporaryDirectory.path + "/pairs-\(UUID().uuidString.prefix(8))"
    let founded = try Programs.run(
      "claw", ["init", "--nodes", "1", "--threshold", "1", "--executors", "0", "--dir", folder])
    try #require(founded.code == 0, "\(founded.output)")
  }

  private func bytes(_ path: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: "\(folder)/\(path)")))
  }

  private func pair(_ certificate: String, _ key: String) throws -> OwnCertificate {
    try OwnCertificate(
      chainPEM: try bytes(certificate), keyPEM: try bytes(key), domain: LoopbackCluster.domain)
  }

  private func link(_ path: String) throws {
    let full = "\(folder)/\(path)"
    try FileManager.default.moveItem(atPath: full, toPath: full + ".elsewhere")
    try FileManager.default.createSymbolicLink(atPath: full, withDestinationPath: full + ".elsewhere")
  }

  private func unlink(_ path: String) throws {
    let full = "\(folder)/\(path)"
    try FileManager.default.removeItem(atPath: full)
    try FileManager.default.moveItem(atPath: full + ".elsewhere", toPath: full)
  }

  /// Each way to renew, and the files that it replaces.
  private var ways: [(arguments: [String], certificate: String, key: String)] {
    [
      (
        ["party", "renew", "--dir", "\(folder)/nodes/node-1"], "nodes/node-1/node.crt",
        "nodes/node-1/node.key"
      ),
      (
        [
          "identity", "renew", "--dir", "\(folder)/agents/agent-1", "--authority", "\(folder)/clients",
        ], "agents/agent-1/client.crt", "agents/agent-1/client.key"
      ),
    ]
  }

  @Test(
    "a link in place of either file is refused before anything is written, and so is a name that cannot be written"
  )
  func links() throws {
    for way in ways {
      for replaced in [way.certificate, way.key] {
        let before = (try bytes(way.certificate), try bytes(way.key))
        try link(replaced)
        let refused = try Programs.run("claw", way.arguments)
        #expect(refused.code == 1 && refused.output.contains("found a symbolic link"), "\(refused.output)")
        try unlink(replaced)
        #expect(try bytes(way.certificate) == before.0 && bytes(way.key) == before.1, "\(replaced)")
      }
      let before = (try bytes(way.certificate), try bytes(way.key))
      // The certificate comes second.
      let obstacle = "\(folder)/\(way.certificate).new"
      try FileManager.default.createDirectory(atPath: obstacle, withIntermediateDirectories: false)
      let refused = try Programs.run("claw", way.arguments)
      #expect(refused.code == 1, "\(refused.output)")
      #expect(try bytes(way.certificate) == before.0 && bytes(way.key) == before.1)
      #expect(!FileManager.default.fileExists(atPath: "\(folder)/\(way.key).new"), "no secret is left behind")
      try FileManager.default.removeItem(atPath: obstacle)
      #expect(try Programs.run("claw", way.arguments).code == 0)
      let after = try pair(way.certificate, way.key)
      #expect(after.chain[0].validFrom > (try Certificate.read(pem: before.0)[0].validFrom))
    }
  }

  @Test("a certificate for another key is refused where it would come into use, and the old pair stays")
  func others() throws {
    let agent = "\(folder)/agents/agent-1"
    let before = (try bytes("agents/agent-1/client.crt"), try bytes("agents/agent-1/client.key"))
    #expect(try Programs.run("claw", ["identity", "renew", "--dir", agent]).code == 0)
    for wrong in ["agents/agent-1/client.crt", "agents/agent-2/client.crt"] {
      let refused = try Programs.run(
        "claw", ["identity", "renew", "--dir", agent, "--certificate", "\(folder)/\(wrong)"])
      #expect(refused.code == 1, "\(refused.output)")
    }
    #expect(try bytes("agents/agent-1/client.crt") == before.0)
    #expect(try bytes("agents/agent-1/client.key") == before.1)
  }

  @Test("where a host stopped between the two names, the same command puts a pair in place")
  func repaired() throws {
    for way in ways {
      // The key is another's by now, the certificate the old one.
      let stray = try PrivateKey.generate().pem()
      try Data(stray).write(to: URL(fileURLWithPath: "\(folder)/\(way.key)"))
      #expect(throws: TLSError.self) { try pair(way.certificate, way.key) }
      #expect(try Programs.run("claw", way.arguments).code == 0)
      #expect(throws: Never.self) { try pair(way.certificate, way.key) }
    }
  }

  @Test(
    "what is issued begins in that second, whoever issues it; an authority that has not begun issues nothing")
  func begins() throws {
    func now() -> Int64 { WallInstant.now.nanoseconds / 1_000_000_000 }
    let before = now()
    #expect(try Programs.run("claw", ["identity", "renew", "--dir", "\(folder)/agents/agent-1"]).code == 0)
    let certified = try Programs.run(
      "claw",
      [
        "party", "certify", "--dir", "\(folder)/nodes/node-1", "--principal", "tenant/acme/agent/agent-1",
        "--request", "\(folder)/agents/agent-1/client.csr", "--out", "\(folder)/new.crt",
      ])
    #expect(certified.code == 0, "\(certified.output)")
    #expect(try Programs.run("claw", ways[0].arguments).code == 0)
    let after = now()
    for file in ["new.crt", "nodes/node-1/node.crt"] {
      let from = try Certificate.read(pem: try bytes(file))[0].validFrom
      #expect((before...after + 1).contains(from), "\(file): \(from), asked for at \(before)")
    }
    // One that begins tomorrow.
    let authority = try CertificateAuthority(
      certificatePEM: try bytes("nodes/node-1/ca.crt"), keyPEM: try bytes("nodes/node-1/ca.key"),
      domain: LoopbackCluster.domain)
    var options = CertificateAuthority.LeafOptions()
    options.validFrom = WallInstant(nanoseconds: (after + 86_400) * 1_000_000_000)
    let issued = try authority.issue(to: .node("node-1"), options: options)
    let pair = (try issued.certificate.pem(), try issued.key.pem())
    for (name, content) in [("node.crt", pair.0), ("node.key", pair.1)] {
      try Data(content).write(to: URL(fileURLWithPath: "\(folder)/nodes/node-1/\(name)"))
    }
    let early = try Programs.run("claw", ways[0].arguments)
    #expect(early.code == 1 && early.output.contains("expected a clock that is right"), "\(early.output)")
    #expect(try bytes("nodes/node-1/node.crt") == pair.0)
    // Nor does an authority issue before it has begun itself.
    for (name, content) in [("ca.crt", pair.0), ("ca.key", pair.1)] {
      try Data(content).write(to: URL(fileURLWithPath: "\(folder)/nodes/node-1/\(name)"))
    }
    let unborn = try Programs.run("claw", ways[0].arguments)
    #expect(
      unborn.code == 1 && unborn.output.contains("the authority's certificate is valid from"),
      "\(unborn.output)")
  }

  @Test(
    "an operator's identity warns where this host's clock is not the nodes', of whom one may lie; it keeps from nothing"
  )
  func clocks() throws {
    let parties = try ScriptedParties()
    func renew() throws -> Outcome {
      try Programs.run(
        "claw", ways[0].arguments + ["--as", "\(parties.folder)/operators/operator-1"])
    }
    let right = try renew()
    #expect(right.code == 0 && !right.output.contains("clock"), "\(right.output)")
    for seconds: Int64 in [-4000, 4000] {
      parties.play([1]) { $0.clock = .seconds(seconds) }
      let lie = try renew()
      #expect(lie.code == 0 && !lie.output.contains("clock"), "\(lie.output)")
    }
    parties.play { $0.clock = .seconds(-90) }
    let ahead = try renew()
    #expect(ahead.code == 0 && ahead.output.contains("s ahead of the nodes'"), "\(ahead.output)")
    parties.play { $0.clock = .seconds(90) }
    let behind = try renew()
    #expect(behind.code == 0 && behind.output.contains("s behind the nodes'"), "\(behind.output)")
    let agents = try Programs.run(
      "claw", ways[0].arguments + ["--as", "\(parties.folder)/nobody"])
    #expect(agents.code == 0 && agents.output.contains("the nodes' clocks are not known"), "\(agents.output)")
  }
}
