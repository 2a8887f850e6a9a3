import CSystem
import Canonical
import Crypto
import EventLoop
import Glibc
import OpenExec
import Records
import Wire

/// Runs each order in a fresh task of a containerd runtime-v2 shim and leaves nothing behind. No daemon is needed.
///
/// Confined to its loop. Takes root. One host has one folder; a second one for the same folder is refused.
public final class ShimHost: SandboxHost {
  public let settings: ShimSettings
  public let classes: [IsolationClass] = [.kata, .container]
  let loop: EventLoop
  let roots: RootStore
  private let events: EventSink
  private let lock: Int32
  private var tasks: [RunID: ShimTask] = [:]
  /// Runs whose root is still made or measured, each with what its end is told to.
  private var preparing: [RunID: (SandboxEvent) -> Void] = [:]
  /// Runs that are over, whose roots are measured once more.
  private var measuring = 0
  private let imageWork: WorkThread<RootStore.Root>
  /// Which run a task's id stands for.
  private var runs: [String: RunID] = [:]
  private let block: UserBlock
  /// Two for each task, which stand for root and nobody inside.
  private var users: UserPool
  /// Which of them a run has.
  private var pairs: [RunID: UInt32] = [:]
  /// Tasks of an earlier host of this folder that are still being cleaned up.
  private(set) var orphans = 0
  /// What a runtime is told; tests take walls away to see that they are missed.
  var specification: (ContainerSpec) -> JSON = { $0.json }
  /// The control group that holds those of all tasks of this host.
  let groupParent: String
  /// How it was found out that a class is active.
  var probes: [IsolationClass: String] = [:]
  /// Whether the preflight ran a WebAssembly module.
  var runsModules = false
  /// What could not be removed, the newest last.
  public private(set) var leftovers: [String] = []

  var bundles: String { "\(settings.folder)/bundles" }

  /// A host. Whatever an earlier one left in the folder is ended and removed, beginning now.
  public init(loop: EventLoop, settings: ShimSettings) throws(SandboxError) {
    self.loop = loop
    self.settings = settings
    try Folders.makeAll(settings.folder, mode: 0o711)
    chmod(settings.folder, 0o711)
    lock = try Folders.lock(settings.folder)
    do throws(SandboxError) {
      block = try UserBlock(from: settings.firstUser)
      imageWork = try WorkThread("images", on: loop)
    } catch {
      close(lock)
      throw error
    }
    users = UserPool(first: block.first / 2, count: UserBlock.count / 2)
    groupParent = "/openexec-" + SHA256.hash(settings.folder).hex.prefix(16)
    do {
      try ShimIdentifier.check(settings.namespace, "namespace")
      events = try EventSink(loop: loop, path: "\(settings.folder)/events.sock")
      try Folders.make("\(settings.folder)/bundles", mode: 0o711)
      chmod("\(settings.folder)/bundles", 0o711)
      roots = try RootStore(images: settings.images, folder: settings.roots, signers: settings.signers)
    } catch let error as ShimError {
      close(lock)
      throw .shim(error.description)
    } catch let error as SandboxError {
      close(lock)
      throw error
    } catch {
      close(lock)
      throw .shim("\(error)")
    }
    events.onOutOfMemory = { [unowned self] id in
      if let run = runs[id] { tasks[run]?.ranOutOfMemory() }
    }
    reapOrphans()
  }

  deinit { close(lock) }

  public var images: [HostImage] {
    roots.kinds.map { digest, kind in
      let able: [IsolationClass] =
        switch kind {
        case .container: classes
        case .wasm: runsModules ? [.container] : []
        }
      return HostImage(digest: digest, kind: kind.rawValue, classes: able)
    }
  }

  public var running: Int { tasks.count + preparing.count + measuring }

  // MARK: Runs

  public func start(_ order: RunOrder, _ tell: @escaping (SandboxEvent) -> Void) {
    let roots = roots
    do throws(SandboxError) {
      guard tasks[order.id] == nil, preparing[order.id] == nil else {
        throw .tooLarge("the run \(order.id.token) is under way")
      }
      try checkPlace()
      let isBlock = settings.runtime(of: order.isolationClass)?.root == .block
      preparing[order.id] = tell
      imageWork.run { () throws(SandboxError) in
        let root = try roots.root(order.imageDigest)
        if isBlock { _ = try roots.block(root) }
        return root
      } then: { [weak self] result in
        self?.prepared(order, result)
      }
    } catch {
      fail(order, error, tell)
    }
  }

  private func fail(_ order: RunOrder, _ error: SandboxError, _ tell: @escaping (SandboxEvent) -> Void) {
    let outcome = RunOutcome(ending: .sandboxFailed(error.description))
    loop.atEndOfTurn { tell(.finished(order.id, outcome)) }
  }

  private func prepared(_ order: RunOrder, _ result: Result<RootStore.Root, SandboxError>) {
    // One that was killed meanwhile has been told so.
    guard let tell = preparing.removeValue(forKey: order.id) else { return }
    do throws(SandboxError) {
      let root = try result.get()
      let task = try task(for: order, root: root) { [unowned self] progress in
        switch progress {
        case .greeted: break
        case .started: tell(.started(order.id))
        case .finished(let outcome): ended(order.id, outcome, root) { tell(.finished(order.id, $0)) }
        }
      }
      task.start()
    } catch {
      fail(order, error, tell)
    }
  }

  public func kill(_ run: RunID) {
    tasks[run]?.kill()
    if let tell = preparing.removeValue(forKey: run) {
      loop.atEndOfTurn { tell(.finished(run, RunOutcome(ending: .killed))) }
    }
  }

  public func killAll() {
    for run in tasks.keys.sorted() + preparing.keys.sorted() { kill(run) }
  }

  /// The shim of a run, for tests that end it from outside.
  func shimProcess(of run: RunID) -> Int32? { tasks[run]?.shimProcess }

  private func task(
    for order: RunOrder, root: RootStore.Root, _ tell: @escaping (ShimTask.Progress) -> Void
  ) throws(SandboxError) -> ShimTask {
    // The gate asks for another class; whatever came here all the same would run without them.
    guard !order.reaches else {
      throw .secret("tasks of shims have neither proxy nor secrets; use a microvm class")
    }
    let run =
      root.kind == .wasm
      ? try module(order.arguments, order.parameters, inputs: order.inputs.count) : try GuestRun(order)
    return try makeTask(
      order.id, order.isolationClass, root: root, run: run, inputs: order.inputs.map(\.content),
      limits: order.limits, tell)
  }

  private func checkPlace() throws(SandboxError) {
    guard tasks.count + preparing.count < settings.maximumTasks else {
      throw .tooLarge("no place for another task; \(tasks.count + preparing.count) run")
    }
  }

  /// Makes a task; it is the caller's to start it.
  func makeTask(
    _ id: RunID, _ isolationClass: IsolationClass, root: RootStore.Root, run: GuestRun,
    inputs: [[UInt8]] = [], limits: ActionLimits, _ tell: @escaping (ShimTask.Progress) -> Void
  ) throws(SandboxError) -> ShimTask {
    try checkPlace()
    let runtime = root.kind == .wasm ? moduleRuntime : settings.runtime(of: isolationClass)
    guard let runtime, root.kind == .container || isolationClass == .container else {
      throw .shim("class \(isolationClass.rawValue) runs no image of kind \(root.kind.rawValue) in a shim")
    }
    let name = ShimHost.freshName()
    // Whole pages of each input, and what the folder itself takes.
    let inputBytes = inputs.reduce(0) { $0 + $1.count + 8_192 }
    let inputMiB = inputs.isEmpty ? 0 : (inputBytes + (1 << 20) - 1) >> 20
    guard inputMiB < limits.diskMiB || inputs.isEmpty else {
      throw .tooLarge("the inputs take all of the disk of \(limits.diskMiB) MiB")
    }
    guard let pair = users.take() else { throw .tooLarge("no users are free for another task") }
    let spec = ContainerSpec(
      isolationClass: isolationClass, limits: limits, inputMiB: inputMiB, users: (2 * pair, 2 * pair + 1),
      controlGroup: "\(groupParent)/\(name)", module: root.kind == .wasm ? run.arguments : nil)
    do throws(SandboxError) {
      let task = try makeTask(spec, name, runtime, root: root, run: run, inputs: inputs, limits: limits, tell)
      pairs[id] = pair
      tasks[id] = task
      runs[name] = id
      return task
    } catch {
      users.giveBack(pair)
      throw error
    }
  }

  private func makeTask(
    _ spec: ContainerSpec, _ name: String, _ runtime: ShimSettings.Runtime, root: RootStore.Root,
    run: GuestRun,
    inputs: [[UInt8]], limits: ActionLimits, _ tell: @escaping (ShimTask.Progress) -> Void
  ) throws(SandboxError) -> ShimTask {
    guard spec.memoryBytes >> 20 <= settings.maximumMemoryMiB else {
      throw .tooLarge(
        "needs \(spec.memoryBytes >> 20) MiB; this host gives a task \(settings.maximumMemoryMiB)")
    }
    let parts = try parts(name, runtime, spec, root)
    let isModule = root.kind == .wasm
    return ShimTask(
      loop: loop, parts: parts,
      speech: isModule
        ? TaskSpeech(module: run.parameters, outputLimit: limits.outputBytes)
        : TaskSpeech(run, inputs: inputs, outputLimit: limits.outputBytes),
      allowances: TaskProcedure.Allowances(
        bootSeconds: settings.bootSeconds, wallSeconds: Int64(limits.wallSeconds), hasGuest: !isModule),
      deadlines: settings.deadlines, tell: tell)
  }

  private func parts(
    _ name: String, _ runtime: ShimSettings.Runtime, _ spec: ContainerSpec, _ root: RootStore.Root
  ) throws(SandboxError) -> ShimTask.Parts {
    let program: String
    do throws(ShimError) {
      try ShimIdentifier.check(name, "task")
      program = try RuntimeName(runtime.name).resolve()
    } catch {
      throw .shim(error.description)
    }
    var mount = RootMount()
    mount.options = ["ro", "nosuid", "nodev"]
    var device: Int32 = -1
    switch runtime.root {
    case .folder:
      (mount.type, mount.source) = ("bind", root.path)
      mount.options.insert("rbind", at: 0)
    case .block:
      let attached = try roots.block(root).attach()
      (mount.type, mount.source, device) = ("ext4", attached.path, attached.descriptor)
    }
    do throws(SandboxError) {
      let entry = root.kind == .wasm ? "none" : try ImageStore.entryDigest(in: settings.images)
      let bundle = try TaskBundle(folder: "\(bundles)/\(name)", spec: specification(spec), program: program)
      return ShimTask.Parts(
        call: call(name, program), bundle: bundle, root: mount, device: device,
        controlGroup: spec.controlGroup,
        state: state(name),
        options: RuntimeOptions.message(
          of: program, state: "\(settings.folder)/state", configuration: runtime.configuration),
        evidence: MachineEvidence(
          // The runtime's kernel, or the host's: not this program's to measure.
          kernelDigest: "not measured", initramfsDigest: entry,
          probe: root.kind == .wasm
            ? "the word of \(runtime.name), without a guest" : probes[spec.isolationClass] ?? "not probed"),
        provenance: root.provenance)
    } catch {
      if device >= 0 { _ = csystem_close(device) }
      throw error
    }
  }

  private func call(_ name: String, _ program: String) -> ShimCommand.Call {
    ShimCommand.Call(
      program: program, namespace: settings.namespace, id: name, bundle: "\(bundles)/\(name)",
      events: events.path)
  }

  private func state(_ name: String) -> String { "\(settings.folder)/state/\(settings.namespace)/\(name)" }

  /// Never used before on this host, and never again.
  private static func freshName() -> String {
    var bytes = [UInt8](repeating: 0, count: 8)
    let got = csystem_getrandom(&bytes, bytes.count)
    precondition(got == 0, "the kernel has random numbers")
    return "oe-" + Hex.encode(bytes)
  }

  /// Lets go of a task that has ended. A root that a run has changed is an image that is not what was approved: what the
  /// run gave does not count. `done` is called once, later.
  func ended(
    _ run: RunID, _ outcome: RunOutcome, _ root: RootStore.Root, _ done: @escaping (RunOutcome) -> Void
  ) {
    if let left = tasks[run]?.leftover { leftovers = (leftovers + [left]).suffix(64) }
    tasks[run] = nil
    if let pair = pairs.removeValue(forKey: run) { users.giveBack(pair) }
    for (name, id) in runs where id == run { runs[name] = nil }
    if tasks.isEmpty, orphans == 0 { _ = TaskGroup.remove(groupParent) }
    measuring += 1
    let roots = roots
    imageWork.run { () throws(SandboxError) in
      try roots.check(root)
      return root
    } then: { [weak self] result in
      self?.measuring -= 1
      switch result {
      case .success: done(outcome)
      case .failure(let error):
        done(RunOutcome(ending: .sandboxFailed("after the run: \(error)"), guest: outcome.guest))
      }
    }
  }

  /// Whatever of this host's tasks is on the machine: what a run leaves must not be here.
  var traces: [String] {
    var found = leftovers
    found += Folders.names(bundles).map { "bundle \($0)" }
    found += TaskCleanup.mounts(below: settings.folder).map { "mount \($0)" }
    found += TaskGroup.folders(groupParent).map { "control group \($0)" }
    found += Folders.names("\(settings.folder)/state/\(settings.namespace)").map { "state \($0)" }
    for name in Folders.names("/proc") where Int32(name) != nil {
      let line = Folders.readKernelFile("/proc/\(name)/cmdline") ?? ""
      if line.contains("\(settings.folder)/events.sock") || line.contains("\(bundles)/") {
        found.append("process \(name)")
      }
    }
    return found
  }

  // MARK: Orphans

  /// An earlier host's tasks outlived it: their shims are daemons.
  private func reapOrphans() {
    for name in Folders.names(bundles) {
      let folder = "\(bundles)/\(name)"
      guard Folders.isFolder(folder), (try? ShimIdentifier.check(name, "task")) != nil else { continue }
      let program = (try? Folders.read("\(folder)/\(TaskBundle.runtimeFile)", limit: 4_096))
        .map { String(decoding: $0, as: UTF8.self) }
      orphans += 1
      let task = TaskCleanup.Task(
        call: call(name, program ?? "/bin/false"), controlGroup: "\(groupParent)/\(name)", state: state(name))
      TaskCleanup.run(task, clean: false, on: loop) { [weak self] left in self?.reaped(left) }
    }
  }

  private func reaped(_ left: String?) {
    if let left { leftovers = (leftovers + [left]).suffix(64) }
    orphans -= 1
    if tasks.isEmpty, orphans == 0 { _ = TaskGroup.remove(groupParent) }
  }
}
