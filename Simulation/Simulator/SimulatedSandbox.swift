import Canonical
import Crypto
import OpenExec
import Records

/// Where a simulated executor's runs take virtual time: they boot, run, end in one way or another, and
/// outlive a kill by a little.
struct SimulatedSandbox {
  /// One run, as long as its machine exists.
  struct Run {
    let order: RunOrder
    let life: UInt64
    /// Why its executor has to flag it, if its end is heard of.
    var risk: String?
    var isKilled = false
  }

  /// What a run will do if nobody stops it; times in nanoseconds from now.
  struct Plan {
    let boot: UInt64
    let end: UInt64
    let outcome: RunOutcome
    /// What happened within it, where its action reaches out.
    var trace: RunTrace?
  }

  private(set) var runs: [Run] = []
  /// In force.
  private(set) var faults: [SandboxFault] = []
  private let canaries: CanaryBook
  private let seed: UInt64
  private let log: DeterminismLog?
  /// What actions have left lying about, by machine. A machine serves one run.
  private var residues: [(machine: UInt64, texts: [String])] = []
  private var nextMachine: UInt64 = 1 << 32
  /// Which machine an order gets, as the program decides it.
  private var pool = WarmPool(limit: SimulatedSandbox.warmMachines)
  private static let warmMachines = 2
  private let vault: SimulatedVault
  private var server: SimulatedAuthorizationServer

  init(canaries: CanaryBook, seed: UInt64, log: DeterminismLog?) {
    self.canaries = canaries
    self.seed = seed
    self.log = log
    vault = SimulatedVault(seed: seed)
    server = SimulatedAuthorizationServer(seed: seed)
  }

  mutating func begin(_ fault: SandboxFault) { faults.append(fault) }

  mutating func end(_ fault: SandboxFault) {
    if let position = faults.firstIndex(of: fault) { faults.remove(at: position) }
  }

  mutating func heal() { faults = [] }

  /// Begins a run and says what it will do.
  mutating func start(_ order: RunOrder, life: UInt64) -> Plan {
    runs.append(Run(order: order, life: life))
    var name: UInt64 = UInt64(order.id.attempt)
    for byte in order.id.token.utf8 { name = (name ^ UInt64(byte)) &* 0x100_0000_01B3 }
    var random = SeededRandom(seed: seed, for: .sandbox, named: name, log: log)
    let boot = 20_000_000 + random.below(300_000_000)
    let limit = UInt64(order.limits.wallSeconds) * 1_000_000_000
    var ending = RunEnding.completed(exitStatus: 0)
    var duration = 5_000_000 + random.below(1_500_000_000)
    if random.chance(30_000) { duration = random.below(limit) }
    var isProven = true
    switch faults.last {
    case nil, .leaky, .reveals, .escapes, .exfiltrates, .discloses, .echoes, .swapped, .widens:
      if random.chance(30_000) { ending = .signalled(number: 9) }
    case .fails: ending = .completed(exitStatus: 1)
    case .breaks: ending = .sandboxFailed("the machine ended")
    case .unproven: isProven = false
    case .endless:
      ending = .wallClock
      duration = limit
    }
    var evidence: GuestEvidence?
    if isProven {
      let bytes = GuestEvidence.statement(challenge: order.challenge, kernel: "6.0", bootID: "boot")
      evidence = GuestEvidence(
        kernel: "6.0", challenge: Hex.encode(order.challenge), answer: SHA256.hash(bytes).hex,
        bootID: "boot")
    }
    var outcome = RunOutcome(ending: ending, guest: evidence)
    outcome.measures.provenance = SimulatedReach.provenance(of: order.imageDigest)
    guard order.reaches else {
      outcome.output = output(of: order, using: &random)
      outcome.cost = MicroUSD(micros: Int64(random.below(12_000))) ?? .zero
      return Plan(boot: boot, end: boot + duration, outcome: outcome)
    }
    do throws(SimulatedMachine.Refusal) {
      let trace = try reach(order, &outcome, using: &random)
      runs[runs.count - 1].risk = trace.risk
      return Plan(boot: boot, end: boot + duration, outcome: outcome, trace: trace)
    } catch {
      // Nothing was booted, and so nothing will speak.
      let refused = RunOutcome(ending: .sandboxFailed(error.why))
      return Plan(boot: boot + 1, end: boot, outcome: refused, trace: error.trace)
    }
  }

  /// Runs an action that reaches out, in its machine with what it is given.
  private mutating func reach(
    _ order: RunOrder, _ outcome: inout RunOutcome, using random: inout SeededRandom
  ) throws(SimulatedMachine.Refusal) -> RunTrace {
    var machine = try SimulatedMachine(order, faults: faults, vault: vault, server: &server, using: &random)
    let number = takeMachine(for: order)
    let texts = texts(of: order)
    let copies = texts.map { Self.copied($0, using: &random) }
    let left = machine.run(copies: copies, found: residue(of: number), using: &random)
    if faults.contains(.escapes) { leave(left + texts, in: number) }
    machine.conclude(&outcome)
    return machine.trace
  }

  /// What an action writes: what is its agent's result, and everything that it found in what it was given, copied as it
  /// was or encoded. A leaky one leaves all of that in its machine, and writes down what others have left there.
  private mutating func output(of order: RunOrder, using random: inout SeededRandom) -> [UInt8] {
    var texts = texts(of: order)
    let machine = takeMachine(for: order)
    if faults.contains(.leaky) {
      let left = residue(of: machine)
      leave(texts, in: machine)
      texts += left
    }
    // What others run as well comes out the same there.
    let copies = texts.map { order.isReproducible ? .string($0) : Self.copied($0, using: &random) }
    var members: [(String, JSON)] = [("copies", .array(copies)), ("text", .string("done"))]
    if faults.contains(.reveals) { members += SimulatedRevelation.members }
    // What is longer than a receipt can carry becomes a file, with the labels of all that went into it.
    if !order.inputs.isEmpty, random.chance(500_000) {
      let rest = [UInt8](repeating: UInt8(ascii: "."), count: 1 + ResultArtifact.threshold)
      members.append(("rest", .string(String(decoding: rest, as: UTF8.self))))
    }
    return JSON.object(members).canonicalBytes()
  }

  /// What is its agent's result, and everything that it finds in what it is given.
  private func texts(of order: RunOrder) -> [String] {
    let given = [order.parameters] + order.inputs.map(\.content)
    let found = given.flatMap(canaries.found(in:))
    var texts = found.map(\.text)
    if let agent = found.first(where: { $0.place == .parameters })?.agent {
      texts.append(canaries.text(agent, .result))
    }
    return texts
  }

  /// A text as it is, or encoded.
  private static func copied(_ text: String, using random: inout SeededRandom) -> JSON {
    let bytes = Array(text.utf8)
    let form = Int(random.below(4))
    let copy = form == 3 ? Array(Base64.encode(bytes).utf8) : CanaryBook.encodings[form](bytes)
    return JSON.string(String(decoding: copy, as: UTF8.self))
  }

  private func residue(of machine: UInt64) -> [String] {
    residues.first { $0.machine == machine }?.texts ?? []
  }

  private mutating func leave(_ texts: [String], in machine: UInt64) {
    if let position = residues.firstIndex(where: { $0.machine == machine }) {
      residues[position].texts += texts
    } else {
      residues.append((machine, texts))
    }
  }

  /// The machine of an order: one that stood ready, or one of its own.
  private mutating func takeMachine(for order: RunOrder) -> UInt64 {
    let shape = WarmPool.Shape(
      isolationClass: order.isolationClass, memoryMiB: order.limits.memoryMiB, image: order.imageDigest)
    let ready = pool.take(shape, at: 0)
    for _ in 0..<Self.warmMachines {
      for case .make(let machine, _) in pool.steps(at: 0) { pool.isUp(machine) }
    }
    if let ready { return ready.number }
    nextMachine += 1
    return nextMachine
  }

  func run(_ id: RunID, life: UInt64) -> Run? { runs.first { $0.order.id == id && $0.life == life } }

  /// Tells a run to end; false where there is none, or it was told before.
  mutating func kill(_ id: RunID, life: UInt64) -> Bool {
    guard let position = runs.firstIndex(where: { $0.order.id == id && $0.life == life }),
      !runs[position].isKilled
    else { return false }
    runs[position].isKilled = true
    return true
  }

  /// A machine is gone; false where it was gone before.
  mutating func end(_ id: RunID, life: UInt64) -> Bool {
    guard let position = runs.firstIndex(where: { $0.order.id == id && $0.life == life }) else {
      return false
    }
    runs.remove(at: position)
    return true
  }

  /// The process died, and its machines with it.
  mutating func killAll() -> Int {
    let count = runs.count
    residues = []
    pool = WarmPool(limit: Self.warmMachines)
    runs = []
    return count
  }
}
