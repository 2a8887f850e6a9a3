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
  let store: ImageStore
  let loop: EventLoop
  private let lock: Int32
  private let resolver: Resolver
  /// How each class was found out, for receipts; empty before a preflight.
  var probes: [IsolationClass: String] = [:]
  private let closed: ClosedAddresses
  private let accounts = AccountTurns()
  private let block: UserBlock
  private var users: UserPool
  let imageWork: WorkThread<String?>
  private var machines: [RunID: MicroVM] = [:]
  /// Runs of modules that are over, whose images are looked at once more.
  private var checking = 0
  private var pool: WarmPool
  /// Machines that stand ready or are being made, and those of them that are on their way out.
  private var standing: [WarmPool.MachineID: MicroVM] = [:]
  private var isStopping = false
  /// Runs that wait for what has to be there before their machine: an image that is read, addresses to close, access
  /// tokens.
  private var waiting: [RunID: Waiting] = [:]
  /// Of all runs whose tokens are not known to have ended.
  private var turns: [OAuthTurn] = []
  private var sequence: UInt32 = 0
  private lazy var timestampKilohertz = Machine.measureTimestampCounter()
  /// Tells this host's control groups from those of others.
  let groupPrefix: String

  private struct Waiting {
    let order: RunOrder
    /// What its end is told to.
    let tell: (SandboxEvent) -> Void
    var settings: EgressSettings
    var turn: OAuthTurn?
  }

  /// A host. Whatever an earlier one left in the folder is ended and removed first.
  public init(loop: EventLoop, settings: MicroVMSettings) throws(SandboxError) {
    self.loop = loop
    self.settings = settings
    pool = WarmPool(limit: settings.warmMachines)
    block = try UserBlock(from: settings.firstUser)
    let half = UserBlock.count / 2
    users = UserPool(first: block.first, count: half)
    resolver = Resolver(
      loop: loop, settings: settings.egress, helpers: Helpers(first: block.first + half, count: half))
    closed = ClosedAddresses(loop: loop, settings: settings.egress, resolver: resolver)
    imageWork = try WorkThread("images", on: loop)
    try Folders.makeAll(settings.folder, mode: 0o711)
    lock = try Folders.lock(settings.folder)
    groupPrefix = ControlGroup.prefix(of: settings.folder)
    do {
      ControlGroup.reap(prefix: groupPrefix)
      Folders.remove("\(settings.folder)/machines")
      try Folders.makeAll("\(settings.folder)/machines", mode: 0o711)
      store = try ImageStore(
        folder: settings.images, cache: "\(settings.folder)/images", signers: settings.signers)
    } catch {
      close(lock)
      throw error
    }
  }

  deinit { close(lock) }

  public let classes: [IsolationClass] = [.microvmKVM, .microvmTCG]

  public var images: [HostImage] { store.hostImages }

  /// Machines that run, or are on their way out.
  public var running: Int {
    turns.removeAll { $0.revocations == 0 && !$0.isInUse }
    return machines.count + standing.count + waiting.count + checking + turns.count { $0.revocations > 0 }
  }

  // MARK: Runs

  /// Starts a run. `tell` is called on the loop, later, and for `finished` exactly once, whatever
  /// happens.
  public func start(_ order: RunOrder, _ tell: @escaping (SandboxEvent) -> Void) {
    let count = machines.count + waiting.count
    guard machines[order.id] == nil, waiting[order.id] == nil, count < settings.maximumMachines else {
      return fail(order, .tooLarge("no place for another machine; \(count) run"), tell)
    }
    waiting[order.id] = Waiting(order: order, tell: tell, settings: settings.egress)
    readImage(order)
  }

  private func fail(_ order: RunOrder, _ error: SandboxError, _ tell: @escaping (SandboxEvent) -> Void) {
    let outcome = RunOutcome(ending: .sandboxFailed(error.description))
    loop.atEndOfTurn { tell(.finished(order.id, outcome)) }
  }

  /// Ends one that waits; nothing of it runs.
  private func giveUp(_ run: RunID, _ error: SandboxError) {
    guard let given = waiting.removeValue(forKey: run) else { return }
    given.turn?.giveUp()
    fail(given.order, error, given.tell)
  }

  private func readImage(_ order: RunOrder) {
    let (images, digest) = (store, order.imageDigest)
    guard !images.isPrepared(action: digest) else { return closeAddresses(order) }
    imageWork.run { () throws(SandboxError) in
      try images.ready(action: digest)
      return nil
    } then: { [weak self] result in
      switch result {
      case .success: self?.closeAddresses(order)
      case .failure(let error): self?.giveUp(order.id, error)
      }
    }
  }

  private func closeAddresses(_ order: RunOrder) {
    guard waiting[order.id] != nil else { return }
    guard order.egress != nil else { return exchange(order) }
    closed.current { [weak self] result in
      switch result {
      case .success(let blocks):
        self?.waiting[order.id]?.settings.controlPlane = blocks
        self?.exchange(order)
      case .failure(let error): self?.giveUp(order.id, error)
      }
    }
  }

  private func exchange(_ order: RunOrder) {
    guard waiting[order.id] != nil else { return }
    guard !order.oauth.isEmpty else { return exchanged(order, .success([])) }
    guard let source = settings.secrets else {
      return giveUp(order.id, .secret("this executor has no vault"))
    }
    let turn = OAuthTurn(
      loop: loop, settings: settings.egress, resolver: resolver, source: source, accounts: accounts,
      tenant: order.tenantID, grants: order.oauth)
    waiting[order.id]?.turn = turn
    turns.append(turn)
    turn.exchange { [weak self] result in self?.exchanged(order, result) }
  }

  /// The access tokens are here, or are not to be had.
  private func exchanged(_ order: RunOrder, _ result: Result<[RunSecret], SandboxError>) {
    guard let given = waiting[order.id] else { return }
    do throws(SandboxError) {
      try start(given, tokens: try result.get())
      waiting[order.id] = nil
    } catch {
      giveUp(order.id, error)
    }
  }

  private func start(_ given: Waiting, tokens: [RunSecret]) throws(SandboxError) {
    let (run, tell, turn) = (given.order.id, given.tell, given.turn)
    machines[run] = try machine(for: given.order, tokens: tokens, egress: given.settings) {
      [weak self] progress in
      switch progress {
      case .greeted: break
      case .started: tell(.started(run))
      case .finished(let outcome):
        self?.machines[run] = nil
        // The run is over, and so is what it was given.
        turn?.giveUp()
        guard let self else { return tell(.finished(run, outcome)) }
        checked(given.order.imageDigest, outcome) { tell(.finished(run, $0)) }
      }
    }
  }

  /// What a run gave counts where its module is still what was approved; other images are in no reach of a run.
  private func checked(
    _ image: String, _ outcome: RunOutcome, _ done: @escaping (RunOutcome) -> Void
  ) {
    let images = store
    guard !images.isPrepared(action: image) else { return done(outcome) }
    checking += 1
    imageWork.run { () throws(SandboxError) in
      try images.check(image)
      return nil
    } then: { [weak self] result in
      self?.checking -= 1
      switch result {
      case .success: done(outcome)
      case .failure(let error):
        done(RunOutcome(ending: .sandboxFailed("after the run: \(error)"), guest: outcome.guest))
      }
    }
  }

  /// Ends a run; its `finished` follows.
  public func kill(_ run: RunID) {
    machines[run]?.kill()
    if let given = waiting.removeValue(forKey: run) {
      given.turn?.giveUp()
      loop.atEndOfTurn { given.tell(.finished(run, RunOutcome(ending: .killed))) }
    }
  }

  /// Ends every run; each `finished` follows.
  public func killAll() {
    isStopping = true
    for machine in machines.values { machine.kill() }
    for machine in standing.values { machine.kill() }
    for run in Array(waiting.keys) { kill(run) }
  }

  /// The process of a run, for tests that end it from outside.
  func processID(of run: RunID) -> Int32? { machines[run]?.processID }

  private func machine(
    for order: RunOrder, tokens: [RunSecret], egress: EgressSettings,
    _ tell: @escaping (MicroVM.Progress) -> Void
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
    guard !order.isReproducible || (run.inputs.isEmpty && run.secrets.isEmpty && !run.hasProxy) else {
      throw .tooLarge(
        "a machine whose time is counted takes its parameters alone: no files, secrets or proxy")
    }
    let initramfs = try store.preparedInitramfs(action: order.imageDigest)
    if initramfs.runtime != nil {
      run.arguments = try WasmRuntime.arguments(order.arguments, hasInputs: !run.inputs.isEmpty)
      run.memoryBytes += UInt64(WasmRuntime.ownBytes(archive: initramfs.runtimeSize))
    }
    let memory =
      Machine.overheadMiB(initramfs: initramfs.size) + order.limits.memoryMiB + order.limits.diskMiB
    guard memory <= settings.maximumMemoryMiB else {
      throw .tooLarge("needs \(memory) MiB; this host gives a machine \(settings.maximumMemoryMiB)")
    }
    let shape = WarmPool.Shape(
      isolationClass: order.isolationClass, memoryMiB: memory, image: order.imageDigest,
      isReproducible: order.isReproducible)
    var inputs = order.inputs.map(\.content)
    #if DEBUG
    if isLeaky { leak(&run, &inputs) }
    #endif
    let assignment = MicroVM.Assignment(
      run: run, inputs: inputs, outputLimit: order.limits.outputBytes,
      wallSeconds: Int64(order.limits.wallSeconds),
      egress: order.egress.map { ($0, egress, resolver) })
    defer { refill() }
    // One that stands ready was not made with this request.
    if !order.isReproducible, let ready = pool.take(shape, at: loop.now.nanoseconds),
      let machine = standing.removeValue(forKey: ready)
    {
      machine.serve(assignment, tell)
      return machine
    }
    // What counts every instruction takes a multiple of the time.
    let bootSeconds = settings.bootSeconds * (order.isReproducible ? 3 : 1)
    return try begin(shape, assignment, bootSeconds: bootSeconds, tell)
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
    let kernel = try store.preparedKernel()
    let initramfs = try store.preparedInitramfs(action: shape.image)
    guard let user = users.take() else { throw .tooLarge("no user is free for another machine") }
    do throws(SandboxError) {
      let request = shape.isReproducible ? assignment.map { GuestFrame(.run($0.run)).framed } : nil
      let parts = try parts(of: shape, kernel: kernel, initramfs: initramfs, request: request, user: user)
      let machine = MicroVM(
        loop: loop, parts: parts, assignment: assignment, bootSeconds: bootSeconds, tell: tell)
      do throws(SandboxError) {
        try machine.start(program: settings.program)
        return machine
      } catch {
        parts.group.kill()
        parts.group.remove()
        parts.jail.remove()
        throw error
      }
    } catch {
      users.giveBack(user)
      throw error
    }
  }

  private func parts(
    of shape: WarmPool.Shape, kernel: String, initramfs: ImageStore.Initramfs, request: [UInt8]?, user: UInt32
  ) throws(SandboxError) -> MicroVM.Parts {
    let accelerator = try Machine.Accelerator(for: shape.isolationClass)
    let isKVM = accelerator == .kvm
    sequence &+= 1
    let name = "\(getpid())-\(sequence)"
    let jail = try Jail(
      folder: "\(settings.folder)/machines/\(name)", program: settings.program,
      files: [(kernel, "kernel"), (request == nil ? initramfs.path : "", "initramfs")].filter {
        !$0.0.isEmpty
      },
      devices: isKVM ? ["/dev/kvm"] : [])
    if let request {
      try jail.place([try store.bytes(of: initramfs.path), RequestArchive.bytes(request)], "initramfs")
    }
    let group = ControlGroup(
      groupPrefix + name,
      ControlGroup.Bounds(
        memoryBytes: (shape.memoryMiB + Machine.hostOverheadMiB) << 20, processes: 32,
        processorPermille: 1_500))
    return MicroVM.Parts(
      name: name,
      machine: Machine(
        accelerator: accelerator, memoryMiB: shape.memoryMiB,
        time: shape.isReproducible ? .counted : .flowing,
        timestampKilohertz: timestampKilohertz, initramfsSize: initramfs.size),
      jail: jail, group: group, user: user,
      userGroup: isKVM ? MicroVMHost.group(of: "/dev/kvm") ?? user : user,
      evidence: MachineEvidence(
        kernelDigest: store.kernel.digest, initramfsDigest: store.guest.digest,
        runtimeDigest: initramfs.runtime?.digest,
        probe: probes[isKVM ? .microvmKVM : .microvmTCG] ?? "not probed"),
      provenance: shape.image.flatMap(store.provenance),
      release: { [weak self] in self?.users.giveBack(user) })
  }

  private static func group(of path: String) -> UInt32? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_gid : nil
  }

  #if DEBUG
  /// A build that is leaky on purpose, which the tests of contamination must catch: what one run was given to read,
  /// the next one finds too. No release has it.
  var isLeaky = false
  private var kept: [(input: GuestInput, content: [UInt8])] = []

  private func leak(_ run: inout GuestRun, _ inputs: inout [[UInt8]]) {
    let before = kept
    kept = zip(run.inputs, inputs).map { ($0, $1) }
    run.inputs += before.map(\.input)
    inputs += before.map(\.content)
  }
  #endif
}
