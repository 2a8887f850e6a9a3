import Foundation
import Testing

/// The house as Docs/Architecture.md draws it: which module stands on which floor, and what it may
/// import. The target graph and every `import` line are held against it.
private let house: [String: (floor: Int, mayImport: Set<String>)] = [
  "CSodium": (0, []), "CRocksDB": (0, []), "COpenSSL": (0, []), "CSystem": (0, []),
  "Mutants": (0, []),
  "Crypto": (1, ["CSodium", "COpenSSL"]), "Raft": (1, []), "Wire": (1, []),
  "Canonical": (2, ["Crypto"]), "FROST": (2, ["Crypto"]), "Merkle": (2, ["Crypto"]),
  "EventLoop": (2, ["CSystem"]),
  "Schema": (3, ["Canonical"]), "Rego": (3, ["Canonical", "Crypto"]), "Archive": (3, ["Crypto"]),
  "Records": (3, ["Canonical", "Merkle", "Crypto"]),
  "Network": (3, ["Wire", "EventLoop", "COpenSSL", "CSystem"]),
  "Host": (3, ["Canonical", "Crypto"]),
  "Images": (4, ["Archive", "Canonical", "Crypto", "CSystem"]),
  "ClawLedger": (4, ["Records", "Raft", "Merkle", "Canonical", "Crypto"]),
  "ClawShield": (4, ["Records", "Schema", "Rego", "Merkle", "Canonical", "Crypto"]),
  "OpenExec": (4, ["Records", "Schema", "Merkle", "Canonical", "Crypto"]),
  "GovernanceNode": (
    5,
    [
      "Raft", "ClawLedger", "ClawShield", "FROST", "Records", "Schema", "Rego", "Wire", "Canonical",
      "Merkle", "Crypto",
    ]
  ),
  "RocksStore": (5, ["ClawLedger", "Raft", "CRocksDB"]),
  "Sandbox": (
    5, ["OpenExec", "Records", "Images", "Wire", "EventLoop", "CSystem", "Crypto", "Canonical"]
  ),
]

/// What the top floor must not have, directly or through others.
private let forbidden: [String: Set<String>] = [
  "openexec": ["FROST", "GovernanceNode", "RocksStore"],
  "openexec-guest": ["FROST", "Network", "Records", "GovernanceNode"],
  "Simulator": ["Network", "RocksStore", "Sandbox"],
  "GovernanceNode": ["Network", "EventLoop", "RocksStore", "Sandbox"],
]

/// Modules of the toolchain that a floor may use besides.
private let toolchain: Set<String> = ["Swift", "Glibc", "Synchronization", "Testing", "Foundation"]

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .deletingLastPathComponent().deletingLastPathComponent()

private func text(_ path: String) throws -> String {
  try String(contentsOf: root.appendingPathComponent(path), encoding: .utf8)
}

/// The target graph that Package.swift declares: name to dependencies.
private func targets() throws -> [String: [String]] {
  let manifest = try text("Package.swift")
  var graph: [String: [String]] = ["CSodium": [], "CRocksDB": [], "COpenSSL": [], "CSystem": []]
  let pattern = /(?:module|program|tests|\.target)\(\s*(?:name: )?"([^"]+)"([^\[\]]*?)\[([^\]]*)\]/
  for match in manifest.matches(of: pattern) {
    graph[String(match.1)] = match.3.matches(of: /"([^"]+)"/).map { String($0.1) }
  }
  return graph
}

private func closure(of name: String, in graph: [String: [String]]) -> Set<String> {
  var seen: Set<String> = []
  var open = graph[name] ?? []
  while let next = open.popLast() {
    if seen.insert(next).inserted { open += graph[next] ?? [] }
  }
  return seen
}

private func sources(_ folder: String) -> [String] {
  let path = root.appendingPathComponent(folder).path
  let names = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
  return names.filter { $0.hasSuffix(".swift") }.sorted()
}

struct ArchitectureTests {
  @Test("the top level holds exactly the rooms of the design")
  func topLevel() throws {
    let names = try FileManager.default.contentsOfDirectory(atPath: root.path)
      .filter { !$0.hasPrefix(".") && $0 != "Package.resolved" }.sorted()
    #expect(
      names == [
        "Cluster", "Deploy", "Docs", "Package.swift", "README.md", "Simulation", "Sources", "Tests",
      ])
  }

  @Test("no Swift package is a dependency")
  func noPackages() throws {
    #expect(!(try text("Package.swift")).contains(".package("))
  }

  @Test("every module of the graph is in the house, and every arrow points to where it may")
  func arrows() throws {
    let graph = try targets()
    for (name, room) in house {
      let dependencies = try #require(graph[name], "\(name) is not a target")
      for dependency in dependencies {
        #expect(room.mayImport.contains(dependency), "\(name) may not depend on \(dependency)")
        let below = try #require(house[dependency], "\(dependency) is not in the house")
        #expect(below.floor < room.floor, "\(name) points up, or sideways, to \(dependency)")
      }
    }
    let modules = try FileManager.default.contentsOfDirectory(
      atPath: root.appendingPathComponent("Sources").path)
    for module in modules { #expect(house[module] != nil, "\(module) is not in the house") }
  }

  @Test("every import line names a declared dependency")
  func imports() throws {
    let graph = try targets()
    var folders = graph.keys.filter { house[$0] != nil }.map { ($0, "Sources/\($0)") }
    let programs = try FileManager.default.contentsOfDirectory(
      atPath: root.appendingPathComponent("Cluster").path)
    folders += programs.map { ($0, "Cluster/\($0)") }
    folders += [("Simulator", "Simulation/Simulator"), ("clawsim", "Simulation/clawsim")]
    for (name, folder) in folders {
      let declared = Set(graph[name] ?? [])
      for file in sources(folder) {
        let lines = try text("\(folder)/\(file)").split(separator: "\n")
        for (position, line) in lines.enumerated() {
          if line == "import Mutants", position > 0, lines[position - 1] == "#if SIMULATION" { continue }
          guard let match = line.firstMatch(of: /^(?:@\w+ )?import (?:\w+ )?(\w+)/) else { continue }
          let module = String(match.1)
          #expect(
            declared.contains(module) || toolchain.contains(module),
            "\(folder)/\(file) imports \(module), which \(name) does not declare")
          if folder.hasPrefix("Sources/") {
            #expect(module != "Foundation", "\(folder)/\(file) imports Foundation")
          }
        }
      }
    }
  }

  @Test("what runs inside a machine depends on nothing but what is listed")
  func guests() throws {
    let graph = try targets()
    #expect(Set(graph["openexec-guest"] ?? []) == ["Wire", "Crypto", "CSystem"])
    #expect(Set(graph["openexec-actions"] ?? []) == ["Canonical", "Crypto"])
  }

  @Test("what must never meet does not, not even through others")
  func separation() throws {
    let graph = try targets()
    for (name, unwanted) in forbidden {
      let reached = closure(of: name, in: graph).intersection(unwanted)
      #expect(reached.isEmpty, "\(name) reaches \(reached.sorted())")
    }
  }

  @Test("pure modules have no I/O, clock or thread of their own")
  func purity() throws {
    for name in [
      "Raft", "FROST", "Wire", "Canonical", "Merkle", "Schema", "Records", "ClawLedger",
      "ClawShield", "OpenExec", "GovernanceNode",
    ] {
      for file in sources("Sources/\(name)") {
        let lines = try text("Sources/\(name)/\(file)").split(separator: "\n")
        #expect(
          !lines.contains { $0.hasPrefix("import Glibc") || $0.hasPrefix("import Synchronization") },
          "\(name)/\(file) reaches for the system")
        #expect(!lines.contains { $0.contains("SystemRandom()") }, "\(name)/\(file) draws randomness")
      }
    }
  }
}
