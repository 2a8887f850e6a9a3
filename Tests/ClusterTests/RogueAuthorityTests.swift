import Canonical
import Foundation
import Network
import Testing

/// Somebody with the address and the name of a party, and certificates that they issued themselves: before
/// the genesis, when the parties' keys are all that there is, and after it.
@Suite(.serialized, .enabled(if: Namespaces.obstacle == nil, "\(Namespaces.obstacle ?? "")"))
struct RogueAuthorityTests {
  private static let honest = PartyCeremony.names.filter { $0 != "gamma" }
  /// What the honest say to a certificate of an authority that nobody named to them.
  private static let unknownAuthority = "self-signed certificate in certificate chain"
  /// What they say to one that another party's authority issued.
  private static let pinMismatch = "the certificate of node gamma does not match its pin"

  @Test("who has a party's address and name but not its authority gets into no genesis and no cluster")
  func impersonation() throws {
    let ceremony = try PartyCeremony()
    try ceremony.joinAll(but: ["beta"])
    try ceremony.host("gamma").switchOff()
    let rogue = try ceremony.network.machine("mallory", number: 3)
    let forged = try forgeInvitation(ceremony, on: rogue)

    try comparingFingerprintsShowsIt(ceremony, forged, on: rogue)
    try oneCarelessPartyIsNotEnough(ceremony, forged, on: rogue)
    try noPlaceInTheGenesis(ceremony, on: rogue)
    rogue.switchOff()

    try ceremony.switchOn("gamma")
    try PartyCeremony.startNode(on: try ceremony.host("gamma"))
    try foundedByTheHonest(ceremony)

    try ceremony.host("gamma").switchOff()
    try noPlaceInTheCluster(ceremony)
    try anotherPartysAuthorityNamesNobody(ceremony)

    // The party itself is taken back in.
    try ceremony.switchOn("gamma")
    try startAndAwait("gamma", ceremony)
  }

  // MARK: Before the genesis

  /// The rogue makes what a party makes, under gamma's name, number and address.
  private func forgeInvitation(_ ceremony: PartyCeremony, on rogue: HostNetwork.Machine) throws -> String {
    let address = try ceremony.host("gamma").address
    #expect(rogue.address == address)
    let made = try PartyCeremony.createParty("gamma", id: 3, on: rogue)
    #expect(made["key"]?.string != ceremony.keys["gamma"])
    return try PartyCeremony.invite(on: rogue)
  }

  /// What beta was given in gamma's name came from the rogue.
  private func comparingFingerprintsShowsIt(
    _ ceremony: PartyCeremony, _ forged: String, on rogue: HostNetwork.Machine
  ) throws {
    let invitations = ceremony.invitations.merging(["gamma": forged]) { $1 }
    let beta = try ceremony.host("beta")
    let compared = try PartyCeremony.join(
      on: beta, plan: ceremony.plan, invitations: invitations, expecting: ceremony.fingerprint)
    #expect(compared.code == 1 && compared.output.contains("not given the same files"), "\(compared.output)")
    #expect(!FileManager.default.fileExists(atPath: beta.path("party/node.json")))
    // Nor is the rogue's authority under gamma's own key a bundle that anybody takes.
    let genuine = try JSON.parse(ceremony.invitations["gamma"] ?? "")
    var spliced = try #require(genuine.object)
    spliced["authority"] = try JSON.parse(forged)["authority"]
    let mixed = try PartyCeremony.join(
      on: beta, plan: ceremony.plan,
      invitations: ceremony.invitations.merging(["gamma": JSON.object(spliced).canonical]) { $1 })
    #expect(mixed.code == 1 && mixed.output.contains("not signed by the party's own key"), "\(mixed.output)")
  }

  /// Beta's operator compares nothing and starts the node: beta speaks to the rogue, and nobody else does.
  private func oneCarelessPartyIsNotEnough(
    _ ceremony: PartyCeremony, _ forged: String, on rogue: HostNetwork.Machine
  ) throws {
    let invitations = ceremony.invitations.merging(["gamma": forged]) { $1 }
    for host in [try ceremony.host("beta"), rogue] {
      let joined = try PartyCeremony.answer(
        try PartyCeremony.join(on: host, plan: ceremony.plan, invitations: invitations))
      #expect(joined["fingerprint"]?.string != ceremony.fingerprint)
    }
    let beta = try ceremony.host("beta")
    let node = try PartyCeremony.startNode(on: beta)
    try PartyCeremony.startNode(on: rogue)
    for name in Self.honest where name != "beta" {
      try PartyCeremony.startNode(on: try ceremony.host(name))
    }
    try Patience.wait(for: "the attack is under way", seconds: 30) {
      LogLines(beta.log).has("peer_connected", ["peer": "gamma"])
    }
    for name in Self.honest where name != "beta" {
      try expectRefused(by: name, ceremony, Self.unknownAuthority)
      try Patience.wait(for: "\(name) says that beta has another configuration", seconds: 30) {
        LogLines(try ceremony.host(name).log).events("ceremony").contains {
          $0["what"]?.string?.contains("given another configuration; compare the fingerprints") == true
        }
      }
    }
    try expectNoGenesis(ceremony)

    // Beta's operator compares after all, and begins again with what gamma really sent.
    try beta.end(node)
    try FileManager.default.removeItem(atPath: beta.path("party/data"))
    let joined = try PartyCeremony.join(
      on: beta, plan: ceremony.plan, invitations: ceremony.invitations, expecting: ceremony.fingerprint)
    #expect(joined.code == 0, "\(joined.output)")
    try startAndAwait("beta", ceremony)
  }

  /// Four parties and the rogue, who has by now what all know: the ceremony's file and all addresses.
  private func noPlaceInTheGenesis(_ ceremony: PartyCeremony, on rogue: HostNetwork.Machine) throws {
    let mark = rogue.log.count
    try startArmed(ceremony, on: rogue)
    try expectRefused(by: "beta", ceremony, Self.unknownAuthority)
    // All four send it away, and it hears why.
    try Patience.wait(for: "the rogue is refused by all", seconds: 30) {
      let told = LogLines(String(rogue.log.dropFirst(mark))).events("peer_lost").filter {
        $0["reason"]?.string?.contains("unknown ca") == true
      }
      return Set(told.compactMap { $0["peer"]?.string }) == Set(Self.honest)
    }
    try expectNoGenesis(ceremony)
  }

  private func expectNoGenesis(_ ceremony: PartyCeremony) throws {
    for name in Self.honest {
      let log = LogLines(try ceremony.host(name).log)
      #expect(log.has("key_generation"))
      #expect(!log.has("genesis") && !log.has("fatal"), "\(name)")
    }
  }

  // MARK: After the genesis

  private func foundedByTheHonest(_ ceremony: PartyCeremony) throws {
    try ceremony.connectPeople()
    let alpha = try ceremony.host("alpha")
    try Patience.wait(for: "the cluster serves", seconds: 60) {
      try alpha.claw(["status"], as: "ada").code == 0
    }
    let epsilon = try ceremony.host("epsilon")
    try Patience.wait(for: "the first note", seconds: 30) {
      try epsilon.claw(["ledger", "checkpoint"], as: "eve").code == 0
    }
    let parties = try ceremony.genesis().genesis.parties
    #expect(parties.map(\.key.hex) == PartyCeremony.names.map { ceremony.keys[$0] })
  }

  /// Gamma's host is gone, and the rogue has its address: the cluster goes on as with a party that is down.
  private func noPlaceInTheCluster(_ ceremony: PartyCeremony) throws {
    let alpha = try ceremony.host("alpha")
    let before = try PartyCeremony.answer(try alpha.claw(["status", "--json"], as: "ada"))
    let marks = try logLengths(ceremony)
    let rogue = try ceremony.network.machine("mallory", number: 3)
    try startArmed(ceremony, on: rogue)
    for name in Self.honest { try expectRefused(by: name, ceremony, Self.unknownAuthority, after: marks) }
    try expectUnaffected(since: before, ceremony)
    rogue.switchOff()
  }

  /// Delta's own authority is one that all nodes know. It names a node gamma for the rogue.
  private func anotherPartysAuthorityNamesNobody(_ ceremony: PartyCeremony) throws {
    let alpha = try ceremony.host("alpha")
    let delta = try ceremony.host("delta")
    let before = try PartyCeremony.answer(try alpha.claw(["status", "--json"], as: "ada"))
    let authority = try CertificateAuthority(
      certificatePEM: Array(try delta.text("party/ca.crt").utf8),
      keyPEM: Array(try delta.text("party/ca.key").utf8), domain: try #require(TrustDomain("quorum.example")))
    let issued = try authority.issue(to: .node("gamma"))
    let marks = try logLengths(ceremony)
    let rogue = try ceremony.network.machine("mallory", number: 3)
    try rogue.put(String(decoding: try issued.certificate.pem(), as: UTF8.self), "party/node.crt")
    try rogue.put(String(decoding: try issued.key.pem(), as: UTF8.self), "party/node.key")
    try startArmed(ceremony, on: rogue)
    for name in Self.honest { try expectRefused(by: name, ceremony, Self.pinMismatch, after: marks) }
    try expectUnaffected(since: before, ceremony)
    rogue.switchOff()
  }

  /// The rogue's node, with the ceremony's true file.
  private func startArmed(_ ceremony: PartyCeremony, on rogue: HostNetwork.Machine) throws {
    let data = rogue.path("party/data")
    for program in rogue.programs { try rogue.end(program) }
    if FileManager.default.fileExists(atPath: data) { try FileManager.default.removeItem(atPath: data) }
    try rogue.put(try ceremony.host("alpha").text("party/ceremony.json"), "party/ceremony.json")
    let peer = try ceremony.host("gamma").text("party/node.json")
    try rogue.put(peer, "party/node.json")
    for name in Self.honest {
      try rogue.put(try ceremony.host("gamma").text("party/peers/\(name).crt"), "party/peers/\(name).crt")
    }
    try PartyCeremony.startNode(on: rogue)
  }

  /// Both when it calls the rogue and when the rogue calls it.
  private func expectRefused(
    by name: String, _ ceremony: PartyCeremony, _ reason: String, after marks: [String: Int] = [:]
  ) throws {
    let host = try ceremony.host(name)
    let address = try ceremony.host("gamma").address
    func refused(_ direction: String) -> Bool {
      LogLines(String(host.log.dropFirst(marks[name] ?? 0))).events(
        "peer_refused", ["direction": direction, "level": "warning"]
      ).contains {
        $0["address"]?.string?.hasPrefix("\(address):") == true
          && $0["reason"]?.string?.contains(reason) == true
          && (direction == "in" || $0["peer"]?.string == "gamma")
      }
    }
    try Patience.wait(for: "\(name) refuses it: \(reason)", seconds: 30) { refused("in") && refused("out") }
  }

  /// The same cluster, at work, that forbids nothing and suspects nobody.
  private func expectUnaffected(since before: JSON, _ ceremony: PartyCeremony) throws {
    let delta = try ceremony.host("delta")
    let proposed = try delta.claw(["propose", "echo", "--params", "{\"text\":\"x\"}"], as: "scout")
    #expect(proposed.code == 3 && proposed.output.contains("no eligible executor"), "\(proposed.output)")
    let status = try PartyCeremony.answer(
      try ceremony.host("alpha").claw(["status", "--json"], as: "ada"))
    for field in ["cluster", "parties", "threshold", "policy_bundle_hash", "restrictions", "halted"] {
      #expect(status[field] != nil && status[field] == before[field], "\(field): \(status.canonical)")
    }
    let sizes = try [before, status].map { try #require(Int($0["final_size"]?.string ?? "")) }
    #expect(sizes[1] > sizes[0])
    for name in Self.honest {
      let log = LogLines(try ceremony.host(name).log)
      #expect(!log.has("evidence") && !log.has("fatal"), "\(name)")
    }
  }

  // MARK: Logs

  private func logLengths(_ ceremony: PartyCeremony) throws -> [String: Int] {
    try Dictionary(
      uniqueKeysWithValues: Self.honest.map { ($0, try ceremony.host($0).log.count) })
  }

  /// Starts a party's node and waits until all the others are connected to it.
  private func startAndAwait(_ name: String, _ ceremony: PartyCeremony) throws {
    let before = try connections(to: name, ceremony)
    try PartyCeremony.startNode(on: try ceremony.host(name))
    try Patience.wait(for: "all others speak to \(name)", seconds: 30) {
      try connections(to: name, ceremony).allSatisfy { $0.key == name || $0.value > before[$0.key] ?? 0 }
    }
  }

  /// How often each of the honest has said that it is connected to a peer.
  private func connections(to peer: String, _ ceremony: PartyCeremony) throws -> [String: Int] {
    try Dictionary(
      uniqueKeysWithValues: Self.honest.map {
        ($0, LogLines(try ceremony.host($0).log).events("peer_connected", ["peer": peer]).count)
      })
  }
}
