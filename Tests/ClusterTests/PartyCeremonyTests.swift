import Canonical
import Crypto
import Foundation
import Merkle
import Records
import Testing

/// A cluster that nobody owns alone, from its parties' keys to its first decisions: five hosts with
/// networks and files of their own.
@Suite(.serialized, .enabled(if: Namespaces.obstacle == nil, "\(Namespaces.obstacle ?? "")"))
struct PartyCeremonyTests {
  @Test("five hosts that share no folder found a cluster, and one group key of all five signs its ledger")
  func ceremony() throws {
    let ceremony = try PartyCeremony()
    try ceremony.joinAll()
    try expectNothingShared(ceremony)
    try ceremony.connectPeople()
    for name in PartyCeremony.names { try PartyCeremony.startNode(on: try ceremony.host(name)) }

    let alpha = try ceremony.host("alpha")
    try Patience.wait(for: "the cluster serves", seconds: 60) {
      try alpha.claw(["status"], as: "ada").code == 0
    }
    let status = try PartyCeremony.answer(try alpha.claw(["status", "--json"], as: "ada"))
    #expect(status["cluster_name"]?.string == "quorum")
    #expect(status["threshold"]?.canonical == "4" && status["parties"]?.canonical == "5")
    for name in PartyCeremony.names {
      let log = LogLines(try ceremony.host(name).log)
      #expect(log.has("key_generation", ["fingerprint": ceremony.fingerprint]), "\(name)")
    }

    // An agent at another party's host is answered by policy: nobody is there to run it, and it is said.
    let delta = try ceremony.host("delta")
    let proposed = try delta.claw(["propose", "echo", "--params", "{\"text\":\"x\"}"], as: "scout")
    #expect(proposed.code == 3 && proposed.output.contains("no eligible executor"), "\(proposed.output)")
    let unknown = try delta.claw(["propose", "shell", "--params", "{}"], as: "scout")
    #expect(unknown.code == 3 && unknown.output.contains("not in the registry"), "\(unknown.output)")
    try expectNote(ceremony)
  }

  /// Every host sees its own files and no others; every secret is on one host only.
  private func expectNothingShared(_ ceremony: PartyCeremony) throws {
    var secrets: [String: String] = [:]
    for name in PartyCeremony.names {
      for secret in ["party.key", "storage.key", "ca.key", "node.key"] {
        secrets["\(name)/\(secret)"] = try ceremony.host(name).text("party/\(secret)")
      }
    }
    #expect(Set(secrets.values).count == 20)
    for name in PartyCeremony.names {
      let host = try ceremony.host(name)
      let seen = try host.run("/usr/bin/find", [ceremony.network.root])
      #expect(seen.code == 0 && seen.output.contains("/here/party/party.key"), "\(seen.output)")
      #expect(!seen.output.contains("/hosts/"), "\(name) sees \(seen.output)")
      let files = FileManager.default.enumerator(atPath: host.folder)?.compactMap { $0 as? String } ?? []
      let texts = files.compactMap { try? host.text($0) }
      #expect(texts.count > 20)
      for (secret, value) in secrets where !secret.hasPrefix("\(name)/") {
        let key = value.trimmingCharacters(in: .whitespacesAndNewlines)
        #expect(!texts.contains { $0.contains(key) }, "\(secret) lies on \(name)'s host")
      }
    }
  }

  /// The newest note against the genesis alone: its leaf is the cluster's id, its key signed the note.
  private func expectNote(_ ceremony: PartyCeremony) throws {
    let epsilon = try ceremony.host("epsilon")
    var shown: JSON = .null
    try Patience.wait(for: "a note over the decisions", seconds: 30) {
      shown = try PartyCeremony.answer(try epsilon.claw(["ledger", "checkpoint", "--json"], as: "eve"))
      return (shown["size"]?.string).flatMap { Int($0) } ?? 0 >= 3
    }
    let (cluster, genesis) = try ceremony.genesis()
    #expect(genesis.parties.map(\.name) == PartyCeremony.names && genesis.threshold == 4)
    #expect(genesis.parties.map(\.key.hex) == PartyCeremony.names.map { ceremony.keys[$0] })
    #expect(shown["cluster"]?.string == cluster.hex)
    let note = try SignedNote(parsing: Array(try #require(shown["note"]?.string).utf8))
    let checkpoint = try CheckpointNote.verified(note, cluster: cluster, groupKey: genesis.groupKey)
    #expect(String(checkpoint.size) == shown["size"]?.string)
    // One party's key is not the group's.
    let party = try #require(genesis.parties.first?.key)
    #expect(throws: NoteError.self) {
      try CheckpointNote.verified(note, cluster: cluster, groupKey: party)
    }

    // The same by the verifier that shares no code with us, on the export that the auditor carries away.
    let exported = try epsilon.claw(["ledger", "export", epsilon.local("ledger.txt")], as: "eve")
    #expect(exported.code == 0, "\(exported.output)")
    let python = try Programs.run(
      "/usr/bin/python3",
      ["Docs/Protocol/verify.py", epsilon.path("ledger.txt"), "--cluster", cluster.hex])
    #expect(python.code == 0, "\(python.output)")
  }
}
