import Canonical
import Crypto
import OpenExec
import Records

#if SIMULATION
import Mutants
#endif

/// Where a simulated executor's runs take virtual time: they boot, run, end in one way or another, and
/// outlive a kill by a little.
struct SimulatedSandbox {
  /// One run, as long as its machine exists.
  struct Run {
    let order: RunOrder
    let life: UInt64
    var isKilled = false
  }

  /// What a run will do if nobody stops it; times in nanoseconds from now.
  struct Plan {
    let boot: UInt64
    let end: UInt64
    let outcome: RunOutcome
  }

  private(set) var runs: [Run] = []
  /// In force.
  private(set) var faults: [SandboxFault] = []
  private let canaries: CanaryBook
  private let seed: UInt64
  private let log: DeterminismLog?
  /// What actions have left lying about, by machine. A machine serves one run.
  private var residues: [(machine: UInt64, texts: [String])] = []
  private var nextMachine: UInt64 = 1

  init(canaries: CanaryBook, seed: UInt64, log: DeterminismLog?) {
    self.canaries = canaries
    self.seed = seed
    self.log = log
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
    case nil, .leaky:
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
    let outcome = RunOutcome(
      ending: ending, output: output(of: order, using: &random), guest: evidence,
      cost: MicroUSD(micros: Int64(random.below(12_000))) ?? .zero)
    return Plan(boot: boot, end: boot + duration, outcome: outcome)
  }

  /// What an action writes: what is its agent's result, and everything that it found in what it was given, copied as it
  /// was or encoded. A leaky one leaves all of that in its machine, and writes down what others have left there.
  private mutating func output(of order: RunOrder, using random: inout SeededRandom) -> [UInt8] {
    let given = [order.parameters] + order.inputs.map(\.content)
    let found = given.flatMap(canaries.found(in:))
    var texts = found.map(\.text)
    if let agent = found.first(where: { $0.place == .parameters })?.agent {
      texts.append(canaries.text(agent, .result))
    }
    let machine = takeMachine()
    if faults.contains(.leaky) {
      let position = residues.firstIndex { $0.machine == machine }
      let left = position.map { residues[$0].texts } ?? []
      if let position {
        residues[position].texts += texts
      } else {
        residues.append((machine, texts))
      }
      texts += left
    }
    let copies = texts.map { text in
      let bytes = Array(text.utf8)
      let form = Int(random.below(4))
      let copy = form == 3 ? Array(Base64.encode(bytes).utf8) : CanaryBook.encodings[form](bytes)
      return JSON.string(String(decoding: copy, as: UTF8.self))
    }
    var members: [(String, JSON)] = [("copies", .array(copies)), ("text", .string("done"))]
    // What is longer than a receipt can carry becomes a file, with the labels of all that went into it.
    if !order.inputs.isEmpty, random.chance(500_000) {
      members.append(("rest", .string(String(repeating: ".", count: 1 + ResultArtifact.threshold))))
    }
    return JSON.object(members).canonicalBytes()
  }

  private mutating func takeMachine() -> UInt64 {
    #if SIMULATION
    if Mutant.machineReused.isActive { return 0 }
    #endif
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
    runs = []
    return count
  }
}
