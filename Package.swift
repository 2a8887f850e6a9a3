// swift-tools-version: 6.2

import PackageDescription

// The module table of Docs/Architecture.md, floor by floor. A module imports only what stands here;
// Tests/ArchitectureTests reads this file and every `import` line and fails on any other arrow.

/// The three C libraries and the kernel: floor 0.
let system: [Target] = [
  .systemLibrary(
    name: "CSodium", path: "Sources/CSodium", pkgConfig: "libsodium",
    providers: [.apt(["libsodium-dev"])]),
  .systemLibrary(
    name: "CRocksDB", path: "Sources/CRocksDB", pkgConfig: "rocksdb",
    providers: [.apt(["librocksdb-dev"])]),
  .systemLibrary(
    name: "COpenSSL", path: "Sources/COpenSSL", pkgConfig: "libssl libcrypto",
    providers: [.apt(["libssl-dev"])]),
  .target(name: "CSystem", path: "Sources/CSystem"),
]

func module(_ name: String, _ imports: [String]) -> Target {
  .target(name: name, dependencies: imports.map { .byName(name: $0) }, path: "Sources/\(name)")
}

func program(_ name: String, at path: String, _ imports: [String]) -> Target {
  .executableTarget(name: name, dependencies: imports.map { .byName(name: $0) }, path: path)
}

func tests(_ name: String, _ imports: [String]) -> Target {
  .testTarget(name: name, dependencies: imports.map { .byName(name: $0) }, path: "Tests/\(name)")
}

/// What the simulator puts into real lines to show that it finds it: empty but in the build for mutants.
let mutants: Target = .target(name: "Mutants", dependencies: [], path: "Sources/Mutants")

let modules: [Target] = [
  // Floor 1
  module("Crypto", ["CSodium", "COpenSSL"]),
  module("Raft", []),
  module("Wire", []),
  // Floor 2
  module("Canonical", ["Crypto"]),
  module("FROST", ["Crypto"]),
  module("Merkle", ["Crypto"]),
  module("EventLoop", ["CSystem"]),
  // Floor 3
  module("Schema", ["Canonical"]),
  module("Rego", ["Canonical", "Crypto"]),
  module("Archive", ["Crypto"]),
  module("Records", ["Canonical", "Merkle", "Crypto"]),
  module("Network", ["Wire", "EventLoop", "COpenSSL", "CSystem"]),
  module("Host", ["Canonical", "Crypto"]),
  // Floor 4
  module("Images", ["Archive", "Canonical", "Crypto", "CSystem"]),
  module("ClawLedger", ["Records", "Raft", "Merkle", "Canonical", "Crypto"]),
  module("ClawShield", ["Records", "Schema", "Rego", "Canonical", "Merkle", "Crypto"]),
  module("OpenExec", ["Records", "Schema", "Canonical", "Merkle", "Crypto"]),
  // Floor 5
  module(
    "GovernanceNode",
    [
      "Raft", "ClawLedger", "ClawShield", "FROST", "Records", "Schema", "Wire", "Canonical",
      "Merkle", "Crypto",
    ]),
  module("RocksStore", ["ClawLedger", "CRocksDB", "Raft"]),
  module(
    "Sandbox",
    ["OpenExec", "Images", "Wire", "EventLoop", "Records", "CSystem", "Crypto", "Canonical"]),
]

let programs: [Target] = [
  // Floor 6
  program(
    "clawshield", at: "Cluster/clawshield",
    [
      "GovernanceNode", "RocksStore", "Host", "Network", "EventLoop", "Wire", "Records", "ClawLedger",
      "ClawShield", "FROST", "Raft", "Merkle", "Canonical", "Crypto", "CSystem",
    ]),
  program(
    "openexec", at: "Cluster/openexec",
    [
      "OpenExec", "Sandbox", "Images", "Host", "Network", "EventLoop", "Wire", "Records", "Merkle",
      "Canonical", "Crypto", "CSystem",
    ]),
  program(
    "claw", at: "Cluster/claw",
    [
      "Host", "Network", "EventLoop", "Wire", "Records", "ClawLedger", "ClawShield", "GovernanceNode",
      "Schema", "Rego", "Archive", "Images",
      "FROST", "Merkle", "Canonical", "Crypto", "CSystem",
    ]),
  program("openexec-guest", at: "Cluster/openexec-guest", ["Wire", "Crypto", "CSystem"]),
  program("openexec-actions", at: "Cluster/openexec-actions", ["Canonical", "Crypto"]),
  .target(
    name: "Simulator",
    dependencies: [
      "GovernanceNode", "OpenExec", "ClawShield", "ClawLedger", "Raft", "FROST", "Records",
      "Wire", "Merkle", "Canonical", "Crypto",
    ], path: "Simulation/Simulator"),
  program("clawsim", at: "Simulation/clawsim", ["Simulator"]),
]

let testing: [Target] = [
  .target(name: "Conformance", path: "Tests/Conformance"),
  .target(name: "OwnThread", path: "Tests/OwnThread"),
  .target(name: "WasmBytes", path: "Tests/WasmBytes"),
  tests("ArchitectureTests", []),
  tests("CryptoTests", ["Crypto"]),
  tests("RaftTests", ["Raft"]),
  tests("WireTests", ["Wire"]),
  tests("CanonicalTests", ["Canonical", "Crypto", "Conformance"]),
  tests("FROSTTests", ["FROST", "Crypto"]),
  tests("MerkleTests", ["Merkle", "Crypto", "Conformance"]),
  tests("EventLoopTests", ["EventLoop", "CSystem"]),
  tests("ArchiveTests", ["Archive"]),
  tests("ImagesTests", ["Images", "Archive", "Canonical", "Crypto", "WasmBytes"]),
  tests("SchemaTests", ["Schema", "Canonical"]),
  tests("RegoTests", ["Rego", "Canonical", "Conformance"]),
  program("Benchmarks", at: "Tests/Benchmarks", ["Rego"]),
  tests("RecordsTests", ["Records", "Canonical", "Merkle", "Crypto"]),
  tests("HostTests", ["Host", "Canonical", "Crypto"]),
  tests("NetworkTests", ["Network", "Wire", "EventLoop", "CSystem"]),
  tests("ClawLedgerTests", ["ClawLedger", "Records", "Raft", "Merkle", "Canonical", "Crypto"]),
  tests(
    "ClawShieldTests",
    ["ClawShield", "Records", "Schema", "Rego", "Canonical", "Merkle", "Crypto"]),
  tests("OpenExecTests", ["OpenExec", "Records", "Schema", "Canonical", "Merkle", "Crypto"]),
  tests("RocksStoreTests", ["RocksStore", "ClawLedger", "Raft"]),
  tests(
    "SandboxTests",
    [
      "Sandbox", "OpenExec", "Images", "Wire", "EventLoop", "Records", "CSystem", "Crypto", "Canonical",
      "OwnThread", "WasmBytes",
    ]),
  tests(
    "GovernanceNodeTests",
    [
      "GovernanceNode", "Simulator", "Raft", "ClawLedger", "ClawShield", "FROST", "Records",
      "Wire", "Merkle", "Canonical", "Crypto",
    ]),
  tests("SimulatorTests", ["Simulator", "clawsim", "FROST", "Raft", "Conformance"]),
  tests(
    "ClusterTests",
    [
      "Network", "EventLoop", "Wire", "Records", "Merkle", "Canonical", "Crypto", "CSystem", "OwnThread",
      "WasmBytes",
    ]),
]

let package = Package(
  name: "openexec",
  products: [
    .executable(name: "clawshield", targets: ["clawshield"]),
    .executable(name: "openexec", targets: ["openexec"]),
    .executable(name: "claw", targets: ["claw"]),
    .executable(name: "openexec-guest", targets: ["openexec-guest"]),
    .executable(name: "openexec-actions", targets: ["openexec-actions"]),
    .executable(name: "clawsim", targets: ["clawsim"]),
  ],
  traits: [
    .trait(
      name: "Simulation",
      description: "Mutants and the tiny group, for the simulator; for no program that serves anyone.")
  ],
  targets: system + [mutants] + modules + programs + testing,
  swiftLanguageModes: [.v6])

// The node is generic over its group, its store and its randomness, which other modules name: a release specialises
// it across modules.
for target in package.targets where target.type != .system && target.name != "CSystem" {
  target.swiftSettings = [
    .treatAllWarnings(as: .error),
    .unsafeFlags(["-cross-module-optimization"], .when(configuration: .release)),
    // One thread runs a whole simulated cluster, which counts its references without atomic instructions. Whether a value
    // is changed in two places at once the builds look at that test.
    .unsafeFlags(
      ["-Xfrontend", "-assume-single-threaded", "-enforce-exclusivity=unchecked"],
      .when(configuration: .release, traits: ["Simulation"])),
  ]
}

// A third of a simulated run is Swift's runtime, which calls itself less far away where it is part of the program.
for target in programs where target.name == "clawsim" {
  target.linkerSettings = [
    .unsafeFlags(["-static-stdlib"], .when(configuration: .release, traits: ["Simulation"]))
  ]
}

// What every test runs a thousand times over is compiled for speed in the builds that test too, with every check that a debug
// build has: a cluster of such nodes costs half.
let busy: Set = ["Crypto", "Canonical", "Merkle", "Wire", "FROST"]
for target in modules where busy.contains(target.name) {
  target.swiftSettings?.append(
    .unsafeFlags(["-O", "-assert-config", "Debug"], .when(configuration: .debug)))
}

// The trait alone brings mutants and the tiny group in: without it nothing depends on them, and their lines are not
// compiled.
for target in [mutants] + modules + programs where target.type != .test {
  target.swiftSettings = (target.swiftSettings ?? []) + [.define("SIMULATION", .when(traits: ["Simulation"]))]
  if target.name != "Mutants" {
    target.dependencies.append(.byName(name: "Mutants", condition: .when(traits: ["Simulation"])))
  }
}

// Swift's floating-point rounding calls libm, which nothing else here would link.
for target in modules where target.name == "Canonical" {
  target.linkerSettings = [.linkedLibrary("m")]
}
