import CSystem
import EventLoop
import Glibc
import OpenExec
import Records
import Wire

/// Runs each order in a fresh machine and leaves nothing behind.
///
/// Confined to its loop. Takes root: namespaces, users and control groups are made here. One host has one
/// folder; a second one for the same folder is refused.
public final class MicroVMHost: SandboxHost {
  public let settings: MicroVMSettings
  public let images: ImageStore
  let loop: EventLoop
  private let lock: Int32
  private let resolver: Resolver
  /// How each class was found out, for receipts; empty before a preflight.
  var probes: [IsolationClass: String] = [:]
  private var machines: [RunID: MicroVM] = [:]
  private var pool: WarmPool
  /// Machines that stand ready or are being made, and those of them that are on their way out.
  private var standing: [WarmPool.MachineID: MicroVM] = [:]
  private var isStopping = false
  /// Runs that wait for their access tokens, each with what its end is told to.
  private var exchanging: [RunID: (turn: OAuthTurn, tell: (SandboxEvent) -> Void)] = [:]
  /// Of all runs whose tokens are not known to have ended.
  private var turns: [OAuthTurn] = []
  private var sequence: UInt32 = 0
  private lazy var timestampKilohertz = MicroVMHost.measureTimestampCounter()
  /// Tells this host's control groups from those of others.
  private let groupPrefix: String

  /// A host. Whatever an earlier one left in the folder is ended and removed first.
  public init(loop: EventLoop, settings: MicroVMSettings) throws(SandboxError) {
    self.loop = loop
    self.settings = settings
    pool = WarmPool(limit: settings.warmMachines)
    resolver = Resolver(loop: loop, settings: settings.egress)
    try Folders.makeAll(settings.folder, mode: 0o711)
    lock = try Folders.lock(settings.folder)
    groupPrefix = MicroVMHost.groupPrefix(settings.folder)
    do {
      ControlGroup.reap(prefix: groupPrefix)
      Folders.remove("\(settings.folder)/machines")
      try Folders.makeAll("\(settings.folder)/machines", mode: 0o711)
      images = try ImageStore(folder: settings.images, cache: "\(settings.folder)/images")
    } catch {
      close(lock)
      throw error
    }
  }

  deinit { close(lock) }

  /// A name for the folder that fits into the name of a control group.
  private static func groupPrefix(_ folder: String) -> String {
    String(folder.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }) + "-"
  }

  public let classes: [IsolationClass] = [.microvmKVM, .microvmTCG]

  /// Machines that run, or are on their way out.
  public var running: Int {
    turns.removeAll { $0.revocations == 0 && !$0.isInUse }
    return machines.count + standing.count + exchanging.count + turns.count { $0.revocations > 0 }
  }

  // MARK: Runs

  /// Starts a run. `tell` is called on the loop, later, and for `finished` exactly once, whatever
  /// happens.
  public func start(_ order: RunOrder, _ tell: @escaping (SandboxEvent) -> Void) {
    do throws(SandboxError) {
      let count = machines.count + exchanging.count
      guard machines[order.id] == nil, exchanging[order.id] == nil, count < settings.maximumMachines else {
        throw .tooLarge("no place for another machine; \(count) run")
      }
      guard !order.oauth.isEmpty else { return try start(order, tokens: [], turn: nil, tell) }
      guard let source = settings.secrets else { throw .secret("this executor has no vault") }
      let turn = OAuthTurn(
        loop: loop, settings: settings.egress, resolver: resolver, source: source, tenant: order.tenantID,
        grants: order.oauth)
      exchanging[order.id] = (turn, tell)
      turns.append(turn)
      turn.exchange { [weak self] result in self?.exchanged(order, result) }
    } catch {
      fail(order, error, tell)
    }
  }

  private func fail(_ order: RunOrder, _ error: SandboxError, _ tell: @escaping (SandboxEvent) -> Void) {
    let outcome = RunOutcome(ending: .sandboxFailed(error.description))
    loop.atEndOfTurn { tell(.finished(order.id, outcome)) }
  }

  /// The access tokens are here, or are not to be had.
  private func exchanged(_ order: RunOrder, _ result: Result<[RunSecret], SandboxError>) {
    guard let (turn, tell) = exchanging.removeValue(forKey: order.id) else { return }
    do throws(SandboxError) {
      try start(order, tokens: try result.get(), turn: turn, tell)
    } catch {
      turn.giveUp()
      fail(order, error, tell)
    }
  }

  private func start(
    _ order: RunOrder, tokens: [RunSecret], turn: OAuthTurn?, _ tell: @escaping (SandboxEvent) -> Void
  ) throws(SandboxError) {
    machines[order.id] = try machine(for: order, tokens: tokens) { [weak self] progress in
      switch progress {
      case .greeted: break
      case .started: tell(.started(order.id))
      case .finished(let outcome):
        self?.machines[order.id] = nil
        // The run is over, and so is what it was given.
        turn?.giveUp()
        tell(.finished(order.id, outcome))
      }
    }
  }

  /// Ends a run; its `finished` follows.
  public func kill(_ run: RunID) {
    machines[run]?.kill()
    if let (turn, tell) = exchanging.removeValue(forKey: run) {
      turn.giveUp()
      loop.atEndOfTurn { tell(.finished(run, RunOutcome(ending: .killed))) }
    }
  }

  /// Ends every run; each `finished` follows.
  public func killAll() {
    isStopping = true
    for machine in machines.values { machine.kill() }
    for machine in standing.values { machine.kill() }
    for run in Array(exchanging.keys) { kill(run) }
  }

  /// The process of a run, for tests that end it from outside.
  func processID(of run: RunID) -> Int32? { machines[run]?.processID }

  private func machine(
    for order: RunOrder, tokens: [RunSecret], _ tell: @escaping (MicroVM.Progress) -> Void
  ) throws(SandboxError) -> MicroVM {
    _ = try Machine.Accelerator(for: order.isolationClass)
    var run = try GuestRun(order)
    for name in order.secrets { run.secrets.append(try secret(name, of: order.tenantID)) }
    run.secrets += tokens.map { GuestSecret(name: $0.name, value: $0.value) }
    let secretBytes = run.secrets.reduce(0) { $0 + $1.value.count }
    guard run.secrets.count <= GuestRun.maximumSecrets, secretBytes <= RunSecret.maximumBytes else {
      throw .secret("the run's secrets have more than \(RunSecret.maximumBytes) bytes")
    }
    run.hasProxy = order.egress != nil
    let memory = Machine.overheadMiB + order.limits.memoryMiB + order.limits.diskMiB
    guard memory <= settings.maximumMemoryMiB else {
      throw .tooLarge("needs \(memory) MiB; this host gives a machine \(settings.maximumMemoryMiB)")
    }
    let shape = WarmPool.Shape(
      isolationClass: order.isolationClass, memoryMiB: memory, image: order.imageDigest)
    let assignment = MicroVM.Assignment(
      run: run, inputs: order.inputs.map(\.content), outputLimit: order.limits.outputBytes,
      wallSeconds: Int64(order.limits.wallSeconds),
      egress: order.egress.map { ($0, settings.egress, resolver) })
    defer { refill() }
    if let ready = pool.take(shape, at: loop.now.nanoseconds),
      let machine = standing.removeValue(forKey: ready)
    {
      machine.serve(assignment, tell)
      return machine
    }
    return try begin(shape, assignment, bootSeconds: settings.bootSeconds, tell)
  }

  // MARK: Machines that stand ready

  /// Makes and ends what the pool says, after what is under way.
  private func refill() {
    loop.atEndOfTurn { [weak self] in
      guard let self, !isStopping else { return }
      for step in pool.steps(at: loop.now.nanoseconds) {
        switch step {
        case .end(let id): standing[id]?.kill()
        case .make(let id, let shape): prepare(id, shape)
        }
      }
    }
  }

  private func prepare(_ id: WarmPool.MachineID, _ shape: WarmPool.Shape) {
    do throws(SandboxError) {
      standing[id] = try begin(shape, nil, bootSeconds: settings.bootSeconds) { [weak self] progress in
        guard let self else { return }
        switch progress {
        case .greeted: pool.isUp(id)
        case .started: break
        case .finished:
          standing[id] = nil
          pool.failed(id)
        }
        refill()
      }
    } catch {
      pool.failed(id)
    }
  }

  /// Machines that are up and wait for a run, for tests.
  var ready: Int { pool.ready }

  private func secret(_ name: String, of tenant: String) throws(SandboxError) -> GuestSecret {
    guard let source = settings.secrets else { throw .secret("secret \(name): this executor has no vault") }
    return GuestSecret(name: name, value: try source.secret(name, of: tenant))
  }

  /// Makes and starts a machine; one without an assignment will stand ready.
  func begin(
    _ shape: WarmPool.Shape, _ assignment: MicroVM.Assignment?, bootSeconds: Int64,
    _ tell: @escaping (MicroVM.Progress) -> Void
  ) throws(SandboxError) -> MicroVM {
    let accelerator = try Machine.Accelerator(for: shape.isolationClass)
    let memoryMiB = shape.memoryMiB
    let kernel = try images.preparedKernel()
    let initramfs = try images.preparedInitramfs(action: shape.image)
    sequence &+= 1
    let name = "\(getpid())-\(sequence)"
    let user = settings.firstUser + sequence % settings.users
    let jail = try Jail(
      folder: "\(settings.folder)/machines/\(name)", program: settings.program,
      files: [(kernel, "kernel"), (initramfs, "initramfs")],
      devices: accelerator == .kvm ? ["/dev/kvm"] : [])
    let group = ControlGroup(
      groupPrefix + name,
      ControlGroup.Bounds(
        memoryBytes: (memoryMiB + Machine.hostOverheadMiB) << 20, processes: 32,
        processorPermille: 1_500))
    let machine = MicroVM(
      loop: loop,
      parts: MicroVM.Parts(
        name: name,
        machine: Machine(
          accelerator: accelerator, memoryMiB: memoryMiB, timestampKilohertz: timestampKilohertz),
        jail: jail, group: group, user: user,
        userGroup: accelerator == .kvm ? MicroVMHost.group(of: "/dev/kvm") ?? user : user,
        evidence: MachineEvidence(
          kernelDigest: images.kernel.digest, initramfsDigest: images.guest.digest,
          probe: probes[accelerator == .kvm ? .microvmKVM : .microvmTCG] ?? "not probed")),
      assignment: assignment, bootSeconds: bootSeconds, tell: tell)
    do {
      try machine.start(program: settings.program)
    } catch {
      group.kill()
      group.remove()
      jail.remove()
      throw error
    }
    return machine
  }

  private static func group(of path: String) -> UInt32? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_gid : nil
  }

  /// Ticks of the time-stamp counter in a hundredth of a second.
  private static func measureTimestampCounter() -> Int {
    let (firstTicks, firstTime) = (csystem_processor_ticks(), csystem_monotonic_ns())
    usleep(10_000)
    let (ticks, time) = (csystem_processor_ticks(), csystem_monotonic_ns())
    guard ticks > firstTicks, time > firstTime else { return 0 }
    return Int((ticks - firstTicks) * 1_000_000 / (time - firstTime))
  }
}
